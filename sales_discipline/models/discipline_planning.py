"""The next contact: on which day it should be made."""

from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from ..engine.planning import next_contact_day, next_windows


class DisciplinePlanning(models.AbstractModel):
    _name = "discipline.planning"
    _description = "Plan of Contacts"

    @api.model
    def _suggest(self, customer, extra=1):
        """Return the day on which the next contact with a customer should be made.

        It is the least-loaded working day of the customer's next window on which the responsible manager is present
        and not fully planned.

        :param customer: res.partner, one customer
        :param int extra: contacts about to be logged now that will serve the goal
        :return: (date or None where the customer has no norm, contacts planned that day, capacity a day)
        """
        customer.ensure_one()
        row = customer.discipline_id
        user = row.user_id or self.env.user
        company = row.company_id or self.env.company
        goal = self._goal(row, company)
        capacity = user.sudo()._discipline_capacity(company)
        if not goal:
            return None, 0, capacity
        Calendar = self.env["discipline.calendar"]
        today = Calendar._today(company)
        first, last = Calendar._period_bounds(self._kind(row, company), today)
        after = Calendar._period_bounds(self._kind(row, company), last + timedelta(days=1))
        away = self._away(user, today, after[1])
        this, following = (
            [day for day in Calendar._working_days(company, *bounds) if day not in away]
            for bounds in ((first, last), after)
        )
        planned = self._planned(user, today)
        for days in next_windows(goal, min(row.attained + extra, goal), today, this, following):
            day = next_contact_day(days, planned, capacity)
            if day:
                return day, planned.get(day, 0), capacity
        return None, 0, capacity

    @api.model
    def _contact_type(self):
        """Return the activity type by which contacts are planned: that of the first channel that keeps the norm."""
        channels = self.env["discipline.channel"].search([("activity_type_ids", "!=", False)])
        types = channels.sorted(lambda channel: channel.counts == "never").activity_type_ids
        return types.filtered(lambda row: row.res_model in (False, "res.partner"))[:1]

    @api.model
    def _goal(self, row, company):
        """Return how many contacts a period the customer's norm asks for: his running goal, else his class's norm."""
        if row.goal:
            return row.goal
        norm = self._norm(row, company)
        return norm[6] if norm else 0

    @api.model
    def _kind(self, row, company):
        norm = self._norm(row, company)
        return norm[2] if norm else "month"

    @api.model
    def _norm(self, row, company):
        today = self.env["discipline.calendar"]._today(company)
        rows = self.env["discipline.norm"]._norm_rows(company, today, today)
        mine = [norm for norm in rows if norm[0] == row.abc_class_id.id and norm[3] <= today < norm[4]]
        team = row.user_id.sudo().sale_team_id.id
        return next((norm for norm in mine if norm[1] == team and team), None) or next(
            (norm for norm in mine if not norm[1]), None
        )

    @api.model
    def _away(self, user, date_from, date_to):
        """Return the days on which a manager is absent."""
        absences = (
            self.env["discipline.absence"]
            .sudo()
            .search(
                [
                    ("user_id", "=", user.id),
                    ("approved", "=", True),
                    ("date_from", "<=", date_to),
                    ("date_to", ">=", date_from),
                ]
            )
        )
        return {
            absence.date_from + timedelta(days=offset)
            for absence in absences
            for offset in range((absence.date_to - absence.date_from).days + 1)
        }

    @api.model
    def _planned(self, user, date_from):
        """Return {day: contacts planned} of a manager from ``date_from`` on."""
        self.env["mail.activity"].flush_model()
        return dict(
            self.env.execute_query(
                SQL(
                    """
                    SELECT a.date_deadline, count(*)
                      FROM mail_activity a
                      JOIN mail_activity_type t ON t.id = a.activity_type_id AND t.discipline_channel_id IS NOT NULL
                     WHERE a.user_id = %s AND a.active AND a.date_deadline >= %s
                  GROUP BY a.date_deadline
                    """,
                    user.id,
                    date_from,
                )
            )
        )
