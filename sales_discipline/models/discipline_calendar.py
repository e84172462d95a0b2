"""Days as people live them: working days, local days, today in the company's own time zone."""

from datetime import date, datetime, time, timedelta

import pytz
from odoo import api, fields, models
from odoo.tools import ormcache
from odoo.tools.misc import format_date


class DisciplineCalendar(models.AbstractModel):
    """Dates for the whole addon, so that no rule computes a day in its own way."""

    _name = "discipline.calendar"
    _description = "Working days"

    @api.model
    def _timezone(self, company):
        """Return the company calendar's time zone (pytz); UTC where none is set."""
        calendar = company.sudo().resource_calendar_id
        return pytz.timezone(calendar.tz or company.sudo().partner_id.tz or "UTC")

    @api.model
    def _today(self, company=None):
        """Return the company's own date at this moment.

        The scheduled actions' user has no time zone, so a day is never taken from the user who happens to run.
        """
        company = company or self.env.company
        now = pytz.utc.localize(fields.Datetime.now())
        return now.astimezone(self._timezone(company)).date()

    @api.model
    def _local_day(self, moment, user=None, company=None):
        """Return the local date of a UTC ``moment``: in the doer's time zone, else in the company calendar's.

        :param datetime moment: naive UTC
        :param user: res.users, whoever did it
        :param company: res.company
        """
        name = user.sudo().tz if user else False
        zone = pytz.timezone(name) if name in pytz.all_timezones_set else self._timezone(company or self.env.company)
        return pytz.utc.localize(moment).astimezone(zone).date()

    @api.model
    def _today_of(self, user, company=None):
        """Return the date at this moment where ``user`` lives: the day that a contact of his would have.

        :param user: res.users
        :param company: res.company, whose calendar tells where the user has no time zone
        """
        return self._local_day(fields.Datetime.now(), user, company)

    @api.model
    def _heading(self, day):
        """Return the weekday and the date as a heading: not every language capitalizes weekdays."""
        text = format_date(self.env, day, date_format="EEEE, d MMMM")
        return text[:1].upper() + text[1:]

    @api.model
    def _day_begins(self, day, company=None):
        """Return the moment (naive UTC) at which a day of the company begins; on days of DST the one that exists."""
        zone = self._timezone(company or self.env.company)
        local = zone.normalize(zone.localize(datetime.combine(day, time.min)))
        return local.astimezone(pytz.utc).replace(tzinfo=None)

    @api.model
    def _working_days(self, company, date_from, date_to):
        """Return the company's working days from ``date_from`` to ``date_to`` (both inclusive), as a tuple of dates.

        They are the days on which the company calendar has working time left after public holidays. A flexible
        calendar has no days of its own: Monday to Friday less the holidays that cover them.
        """
        return self._working_days_of(company.sudo().resource_calendar_id.id, company.id, date_from, date_to)

    @ormcache("calendar_id", "company_id", "date_from", "date_to")
    def _working_days_of(self, calendar_id, company_id, date_from, date_to):
        calendar = self.env["resource.calendar"].sudo().browse(calendar_id).with_company(company_id)
        weekdays = tuple(
            date_from + timedelta(days=offset)
            for offset in range((date_to - date_from).days + 1)
            if (date_from + timedelta(days=offset)).weekday() < 5
        )
        if not calendar:
            return weekdays
        zone = pytz.timezone(calendar.tz or "UTC")
        begin = zone.localize(datetime.combine(date_from, time.min))
        end = zone.localize(datetime.combine(date_to, time.max))
        domain = [("resource_id", "=", False), ("company_id", "in", [company_id, False])]
        if not calendar.flexible_hours:
            intervals = calendar._work_intervals_batch(begin, end, domain=domain, tz=zone)[False]
            return tuple(sorted({start.astimezone(zone).date() for start, _stop, _meta in intervals}))
        leaves = [
            (start.astimezone(zone), stop.astimezone(zone))
            for start, stop, _meta in calendar._leave_intervals_batch(begin, end, domain=domain, tz=zone)[False]
        ]
        return tuple(day for day in weekdays if not self._covered(day, zone, leaves))

    @api.model
    def _covered(self, day, zone, leaves):
        """Tell whether the noon of ``day`` lies in one of ``leaves``: half a holiday leaves a day working."""
        noon = zone.localize(datetime.combine(day, time(12)))
        return any(start <= noon < stop for start, stop in leaves)

    @api.model
    def _add_working_days(self, company, day, count):
        """Return the ``count``-th working day after ``day``; ``day`` itself where count is 0.

        :raise ValueError: if there is no such day within two years (a calendar without working days)
        """
        if count <= 0:
            return day
        span = max(14, count * 3)
        while span <= 800:
            days = self._working_days(company, day + timedelta(days=1), day + timedelta(days=span))
            if len(days) >= count:
                return days[count - 1]
            span *= 2
        raise ValueError(f"no {count} working days after {day}")

    @api.model
    def _frame(self, company, date_from, date_to):
        """Return a row per calendar day: (day, is_working, working days up to and with it, working days before it).

        Both counts start at ``date_from``; SQL joins these rows to measure distances in working days.
        """
        working = set(self._working_days(company, date_from, date_to))
        rows, count = [], 0
        for offset in range((date_to - date_from).days + 1):
            day = date_from + timedelta(days=offset)
            before, count = count, count + (day in working)
            rows.append((day, day in working, count, before))
        return rows

    @api.model
    def _month_bounds(self, day):
        """Return the first and the last day of the month of ``day``."""
        first = day.replace(day=1)
        following = (first + timedelta(days=32)).replace(day=1)
        return first, following - timedelta(days=1)

    @api.model
    def _period_bounds(self, kind, day):
        """Return the first and last day of the period of ``kind`` (``month``, or ``week`` from Monday) with ``day``."""
        if kind == "week":
            first = day - timedelta(days=day.weekday())
            return first, first + timedelta(days=6)
        return self._month_bounds(day)

    @api.model
    def _months_back(self, day, months):
        """Return the first day of the month ``months`` before the month of ``day``."""
        index = day.year * 12 + day.month - 1 - months
        return date(index // 12, index % 12 + 1, 1)


class ResourceCalendar(models.Model):
    _inherit = "resource.calendar"

    def write(self, vals):
        result = super().write(vals)
        self.env.registry.clear_cache()
        return result


class ResourceCalendarAttendance(models.Model):
    _name = "resource.calendar.attendance"
    _inherit = ["resource.calendar.attendance", "discipline.cached"]


class ResourceCalendarLeaves(models.Model):
    _inherit = "resource.calendar.leaves"

    def _discipline_clear(self, vals_list=()):
        """Forget cached working days, but only where a public holiday changes: personal leaves are not in them."""
        if any(not leave.resource_id for leave in self) or any(not vals.get("resource_id") for vals in vals_list):
            self.env.registry.clear_cache()

    @api.model_create_multi
    def create(self, vals_list):
        records = super().create(vals_list)
        records._discipline_clear(vals_list)
        return records

    def write(self, vals):
        result = super().write(vals)
        self._discipline_clear()
        return result

    def unlink(self):
        self._discipline_clear()
        return super().unlink()
