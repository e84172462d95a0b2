"""My Day: deals that stay too long in their stage, and sales that start from a contact."""

from datetime import timedelta

from odoo import api, models
from odoo.fields import Command
from odoo.tools import SQL, format_amount
from odoo.tools.misc import format_date

#: overdue deals shown at once; the rest stands behind the number
SHOWN = 10
#: days for which a contact is what a new sale started from
RECENT = 7


class DisciplineMyDay(models.AbstractModel):
    _inherit = "discipline.my.day"

    @api.model
    @api.readonly
    def get_day(self):
        """Add ``deals``: {``rows``: those longest overdue in their stage, ``total``: how many there are}."""
        return {**super().get_day(), "deals": self._overdue_deals()}

    def _overdue_deals(self):
        """Return the reader's deals that have stayed longer in their stage than it allows."""
        ids = self.env["crm.lead"]._discipline_overdue(SQL("l.user_id = %s", self.env.uid))
        deals = self.env["crm.lead"].search([("id", "in", ids)]).ids if ids else []
        shown = self.env["crm.lead"].browse([lead_id for lead_id in ids if lead_id in set(deals)][:SHOWN])
        return {
            "total": len(deals),
            "rows": [
                {
                    "id": deal.id,
                    "name": deal.name,
                    "customer": deal.partner_id.display_name or "",
                    "stage": deal.stage_id.name,
                    "due": format_date(self.env, deal.discipline_stage_due),
                    "amount": format_amount(self.env, deal.expected_revenue, deal.company_currency)
                    if deal.expected_revenue
                    else "",
                }
                for deal in shown
            ],
        }

    @api.model
    def action_sale(self, partner_id):
        """Return the action that starts a sale from the reader's last contact with a customer.

        Open deals of the customer are offered first. Where there was no contact these days, the dialog to log one is
        opened: a sale starts from a contact.

        :param int partner_id: id of the customer
        """
        customer = self.env["res.partner"].browse(partner_id)._discipline_customer()
        contact = self.env["discipline.contact"].search(
            [
                ("partner_id", "=", customer.id),
                ("user_id", "=", self.env.uid),
                ("voided_at", "=", False),
                ("outcome_id.is_attempt", "=", False),
                ("outcome_id.is_refusal", "=", False),
                ("day", ">", self.env["discipline.calendar"]._today() - timedelta(days=RECENT)),
            ],
            order="date desc, id desc",
            limit=1,
        )
        if contact:
            return contact.action_start_sale()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_contact_log_action")
        action["context"] = {
            "default_partner_ids": [Command.set(customer.ids)],
            "discipline_selling": True,
        }
        return action
