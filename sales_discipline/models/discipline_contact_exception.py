from datetime import timedelta

from odoo import models


class DisciplineContact(models.Model):
    _inherit = "discipline.contact"

    def _after_log(self):
        result = super()._after_log()
        self.filtered(lambda row: row.outcome_id.asks_written)._ask_written()
        return result

    def _after_join(self):
        result = super()._after_join()
        self.filtered(lambda row: row.outcome_id.asks_written)._ask_written()
        return result

    def _ask_written(self):
        """Ask the supervisor for “written channels only”: the customer wants no calls.

        It lasts a year from today. Where such an exception is requested or in force already, nothing is asked.
        """
        Exceptions = self.env["discipline.exception"].sudo()
        known = Exceptions.search(
            [
                ("partner_id", "in", self.partner_id.ids),
                ("kind", "=", "written"),
                ("state", "in", ("requested", "approved")),
                ("ended_on", "=", False),
            ]
        )
        asked = set()
        for contact in self.sudo():
            customer = contact.partner_id
            company = customer.discipline_id.company_id
            today = self.env["discipline.calendar"]._today(company or self.env.company)
            open_ones = known.filtered(
                lambda row, customer=customer, today=today: (
                    row.partner_id == customer and (row.recurs or row.date_until >= today)
                )
            )
            if not customer or not company or customer.id in asked or open_ones:
                continue
            asked.add(customer.id)
            Exceptions.create(
                {
                    "partner_id": customer.id,
                    "kind": "written",
                    "date_from": today,
                    "date_until": today + timedelta(days=365),
                    "reason": self.env._("The customer asked not to be called."),
                    "requested_by_id": contact.user_id.id,
                    "company_id": company.id,
                }
            )
