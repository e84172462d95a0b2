"""Customers without contacts: in n days, in a calendar month; none at all, or none that counted."""

from dateutil.relativedelta import relativedelta
from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Domain
from odoo.tools import SQL


class DisciplineCustomer(models.Model):
    _inherit = "discipline.customer"

    days_silent = fields.Integer(
        "Days without a Contact",
        compute="_compute_days_silent",
        aggregator=None,
        help="Since the last contact or attempt; empty where there never was one.",
    )
    none_in = fields.Char(
        "No Contact at All in",
        store=False,
        compute="_compute_nothing",
        search="_search_none_in",
        help="A calendar month, as 2025-03; 0 is the running month, -1 the one before.",
    )
    none_counted_in = fields.Char(
        "Contacts, but None That Counted in",
        store=False,
        compute="_compute_nothing",
        search="_search_none_counted_in",
        help="A calendar month, as 2025-03; 0 is the running month, -1 the one before.",
    )

    @api.depends("last_touch_date")
    def _compute_days_silent(self):
        Calendar = self.env["discipline.calendar"]
        for company, rows in self.grouped("company_id").items():
            today = Calendar._today(company or None)
            for row in rows:
                row.days_silent = (today - row.last_touch_date).days if row.last_touch_date else False

    def _compute_nothing(self):
        self.none_in = self.none_counted_in = False

    def _search_none_in(self, operator, value):
        """Find customers with whom nothing is in the log in a month, attempts included."""
        return self._search_months(operator, value, self._none_sql)

    def _search_none_counted_in(self, operator, value):
        """Find customers with contacts in a month of which none counted."""
        return self._search_months(operator, value, self._none_counted_sql)

    @api.model
    def _search_months(self, operator, value, condition):
        if operator in ("ilike", "=ilike"):
            operator, value = "in", [value]
        if operator != "in":
            return NotImplemented
        self.env["discipline.contact"].flush_model()
        return Domain.OR(
            Domain("id", "in", SQL("(SELECT c.id FROM discipline_customer c WHERE %s)", condition(*self._month(month))))
            for month in value
        )

    @api.model
    def _none_sql(self, first, last):
        # the last day of a contact answers for almost everybody
        return SQL(
            "(c.last_touch_date IS NULL OR c.last_touch_date < %(first)s "
            "OR (c.last_touch_date > %(last)s AND NOT %(any)s))",
            first=first,
            last=last,
            any=self._any_sql(first, last),
        )

    @api.model
    def _none_counted_sql(self, first, last):
        return SQL(
            "(c.last_touch_date >= %(first)s AND %(any)s AND NOT %(counted)s)",
            first=first,
            any=self._any_sql(first, last),
            counted=self._any_sql(first, last, SQL("AND k.counted")),
        )

    @api.model
    def _any_sql(self, first, last, more=SQL()):  # noqa: B008
        return SQL(
            "EXISTS (SELECT FROM discipline_contact k WHERE k.partner_id = c.partner_id AND k.day BETWEEN %s AND %s "
            "AND k.voided_at IS NULL %s)",
            first,
            last,
            more,
        )

    @api.model
    def _month(self, told):
        """Return the first and last day of a month told as 2025-03, or as months from the running one (0, -1)."""
        today = self.env["discipline.calendar"]._today()
        text = str(told).strip()
        try:
            if text.lstrip("-").isdigit() and len(text) < 4:
                day = today + relativedelta(months=int(text), day=1)
            else:
                day = fields.Date.to_date(f"{text}-01")
        except ValueError:
            raise UserError(
                self.env._("“%(month)s” is no month: write it as 2025-03, or as -1 for the last one.", month=told)
            ) from None
        return self.env["discipline.calendar"]._month_bounds(day)
