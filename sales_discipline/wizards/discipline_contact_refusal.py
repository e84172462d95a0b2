from odoo import fields, models
from odoo.exceptions import UserError


class DisciplineContactLog(models.TransientModel):
    _inherit = "discipline.contact.log"

    is_refusal = fields.Boolean(related="outcome_id.is_refusal")
    lost_reason_id = fields.Many2one("crm.lost.reason", "Reason for Refusal")
    note_required = fields.Boolean(related="lost_reason_id.discipline_note_required")
    competitor_asked = fields.Boolean(related="lost_reason_id.discipline_competitor_asked")
    competitor_id = fields.Many2one("discipline.competitor")

    def action_log(self):
        """Log the contact; a refusal tells its reason, whichever way the dialog is filled in.

        :raise UserError: naming what is missing
        """
        if not self.is_refusal or self.lead_id:
            return super().action_log()
        if not self.lost_reason_id:
            raise UserError(self.env._("Choose the reason for the refusal."))
        if self.note_required and not (self.note or "").strip():
            raise UserError(
                self.env._(
                    "The reason “%(reason)s” demands a note: say in a few words what happened.",
                    reason=self.lost_reason_id.display_name,
                )
            )
        details = {
            "reason_id": self.lost_reason_id.id,
            "competitor_id": self.competitor_id.id,
            "note": self.note,
            "try_again_on": self.next_date,
        }
        return super(DisciplineContactLog, self.with_context(discipline_refusal=details)).action_log()

    def _why_none(self):
        return super()._why_none() or (self.is_refusal and self.lost_reason_id.display_name) or ""

    def action_log_and_sell(self):
        """Log the contact and start a sale from it."""
        return self.with_context(discipline_start_sale=True).action_log()

    def _tell(self, contacts):
        if self.env.context.get("discipline_start_sale") and len(contacts) == 1:
            return contacts.with_user(self.env.user).with_context(discipline_start_sale=False).action_start_sale()
        return super()._tell(contacts)
