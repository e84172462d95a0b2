"""The dialog of a refusal: reason, competitor, note, and when to try again."""

from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.tools import html2plaintext
from odoo.tools.mail import is_html_empty

from ..models.crm_lost_reason import CATEGORIES


class CrmLeadLost(models.TransientModel):
    _inherit = "crm.lead.lost"

    discipline_category = fields.Selection(CATEGORIES, "Category", help="Narrows the list of reasons.")
    discipline_note_required = fields.Boolean(related="lost_reason_id.discipline_note_required")
    discipline_competitor_asked = fields.Boolean(related="lost_reason_id.discipline_competitor_asked")
    discipline_competitor_id = fields.Many2one("discipline.competitor", "Competitor")
    discipline_try_again_on = fields.Date("Try Again on", help="A contact with the customer is planned for this day.")

    discipline_deals = fields.Char("Deal", compute="_compute_discipline_deals")

    @api.depends("lead_ids")
    @api.depends_context("lang")
    def _compute_discipline_deals(self):
        for dialog in self:
            dialog.discipline_deals = dialog.lead_ids._discipline_names()

    @api.onchange("discipline_category")
    def _onchange_discipline_category(self):
        if self.discipline_category and self.lost_reason_id.discipline_category != self.discipline_category:
            self.lost_reason_id = False

    def _discipline_note(self):
        """Return the closing note as plain text; empty where nothing was written."""
        return "" if is_html_empty(self.lost_feedback) else html2plaintext(self.lost_feedback).strip()

    def _discipline_check(self):
        """Refuse a dialog that says too little, also where it comes by RPC.

        :raise UserError: naming what is missing
        """
        if not self.lost_reason_id:
            if self.env["crm.lead"]._discipline_is_person():
                raise UserError(self.env._("Choose the reason for the refusal."))
            return
        if self.lost_reason_id.discipline_note_required and not self._discipline_note():
            raise UserError(
                self.env._(
                    "The reason “%(reason)s” demands a note: say in a few words what happened.",
                    reason=self.lost_reason_id.display_name,
                )
            )
        today = self.env["discipline.calendar"]._today()
        if self.discipline_try_again_on and self.discipline_try_again_on <= today:
            raise UserError(self.env._("The day to try again lies in the future."))

    def action_lost_reason_apply(self):
        """Lose the deals; what the dialog asked goes into the ledger of refusals."""
        self.ensure_one()
        self._discipline_check()
        details = {
            "note": self._discipline_note() or None,
            "competitor_ref": self.discipline_competitor_id.id or None,
            "try_again_on": self.discipline_try_again_on or None,
        }
        with self.lead_ids._discipline_watch() as watch:
            watch.details.update(dict.fromkeys(self.lead_ids.ids, details))
            result = super().action_lost_reason_apply()
        if self.discipline_try_again_on:
            self.lead_ids._discipline_plan_retry(self.discipline_try_again_on)
        if self.env.context.get("discipline_open_deal") and len(self.lead_ids) == 1:
            # whoever came by the link in an e-mail has no screen behind the dialog
            return self.lead_ids.redirect_lead_opportunity_view()
        return result
