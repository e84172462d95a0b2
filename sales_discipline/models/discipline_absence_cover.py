"""What a manager who is away had planned: it moves to days on which he is back, or his substitute makes it."""

from odoo import api, models
from odoo.tools import SQL
from odoo.tools.misc import format_date


class DisciplineAbsence(models.Model):
    """An approved absence clears the manager's calendar.

    What the program planned is planned anew: after the absence where the customer's window allows it, with the
    substitute where the window lies inside. What the manager chose by hand keeps its day and is offered to the
    substitute. When the absence ends or is withdrawn, whatever the substitute did not come to is the manager's again.
    """

    _inherit = "discipline.absence"

    @api.model_create_multi
    def create(self, vals_list):
        absences = super().create(vals_list)
        absences.filtered("approved")._clear_calendar()
        return absences

    def write(self, vals):
        touched = {"user_id", "date_from", "date_to", "substitute_id", "approved"} & vals.keys()
        if touched:
            self._give_back()
        result = super().write(vals)
        if touched:
            self.filtered("approved")._clear_calendar()
        return result

    def unlink(self):
        self._give_back()
        return super().unlink()

    def _clear_calendar(self):
        """Plan anew what falls into these absences, and offer the rest to the substitutes."""
        Planning = self.env["discipline.planning"].sudo()
        for absence in self.sudo():
            today = self.env["discipline.calendar"]._today(absence.company_id)
            if absence.date_to < today:
                continue
            taken = absence._offer_by_hand(today)
            customers = absence._free_planned(today)
            if customers:
                Planning._plan_customers(customers, earliest=today, wanted=customers)
                for company in absence._companies_of(list(customers)):
                    Planning._create_activities(company, list(customers))
                taken += self.env["mail.activity"].sudo().search_count(
                    [("discipline_absence_id", "=", absence.id), ("discipline_planned", "=", True)]
                )  # fmt: skip
            if taken:
                absence._tell_substitute(taken)

    def _offer_by_hand(self, today):
        """Give what the manager chose by hand for these days to his substitute, with its day.

        :return: how many contacts
        """
        if not self.substitute_id.active:
            return 0
        domain = [
            ("user_id", "=", self.user_id.id),
            ("activity_type_id.discipline_channel_id", "!=", False),
            ("res_model", "in", ("res.partner", "crm.lead")),
            ("calendar_event_id", "=", False),
            ("discipline_planned", "=", False),
            ("date_deadline", "<=", self.date_to),
        ]
        if self.date_from > today:
            domain.append(("date_deadline", ">=", self.date_from))
        activities = self.env["mail.activity"].sudo().search(domain)
        activities.with_context(mail_activity_quick_update=True, discipline_planning=True).write(
            {"user_id": self.substitute_id.id, "discipline_absence_id": self.id}
        )
        return len(activities)

    def _free_planned(self, today):
        """Take back what the program planned for these days.

        :return: {customer id: day on which he was to be contacted} of those who now have none
        """
        self.env["discipline.customer"].flush_model()
        begin = max(self.date_from, today)
        activities = (
            self.env["mail.activity"]
            .sudo()
            .search(
                [
                    ("user_id", "=", self.user_id.id),
                    ("discipline_planned", "=", True),
                    ("res_model", "=", "res.partner"),
                    ("date_deadline", "<=", self.date_to),
                    # the first day of an absence takes what is overdue along
                    *([("date_deadline", ">=", begin)] if self.date_from > today else []),
                ]
            )
        )
        customers = {row.res_id: max(row.date_deadline, begin) for row in activities}
        activities.with_context(discipline_planning=True).unlink()
        customers.update(
            self.env.execute_query(
                SQL(
                    """
                    WITH taken AS (SELECT id, partner_id, next_contact_date FROM discipline_customer
                                    WHERE user_id = %s AND next_planned AND next_contact_date BETWEEN %s AND %s)
                    UPDATE discipline_customer c SET next_contact_date = NULL, next_planned = FALSE
                      FROM taken t WHERE t.id = c.id RETURNING t.partner_id, t.next_contact_date
                    """,
                    self.user_id.id,
                    begin,
                    self.date_to,
                )
            )
        )
        self.env["discipline.customer"].invalidate_model(["next_contact_date", "next_planned"])
        return customers

    @api.model
    def _companies_of(self, customers):
        groups = self.env["discipline.customer"].sudo()._read_group(
            [("partner_id", "in", customers), ("company_id", "!=", False)], ["company_id"]
        )  # fmt: skip
        return [company for (company,) in groups]

    def _give_back(self):
        """Give what the substitutes have not done back to the managers who are away."""
        activities = self.env["mail.activity"].sudo().search([("discipline_absence_id", "in", self.ids)])
        for absence, rows in activities.grouped("discipline_absence_id").items():
            rows.with_context(mail_activity_quick_update=True, discipline_planning=True).write(
                {"user_id": absence.sudo().user_id.id, "discipline_absence_id": False}
            )

    @api.model
    def _give_back_after(self, company):
        """Give back what is left of absences that are over."""
        today = self.env["discipline.calendar"]._today(company)
        activities = (
            self.env["mail.activity"]
            .sudo()
            .search(
                [("discipline_absence_id.date_to", "<", today), ("discipline_absence_id.company_id", "=", company.id)]
            )
        )
        activities.discipline_absence_id._give_back()

    def _tell_substitute(self, count):
        """Tell the substitute, in his language, how many contacts wait for him."""
        person = self.substitute_id
        env = self.with_context(lang=person.lang or self.env.lang).env
        self.env["mail.thread"].sudo().message_notify(
            partner_ids=person.partner_id.ids,
            subject=env._("You stand in for %(who)s", who=self.user_id.name),
            body=env._(
                "From %(first)s to %(last)s you stand in for %(who)s. Contacts in My Day that are due meanwhile: "
                "%(count)s. What you do not come to is his again afterwards.",
                first=format_date(env, self.date_from),
                last=format_date(env, self.date_to),
                who=self.user_id.name,
                count=count,
            ),
        )
