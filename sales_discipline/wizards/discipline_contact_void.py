from odoo import fields, models


class DisciplineContactVoid(models.TransientModel):
    """The dialog that voids contacts: the reason stays in the ledger."""

    _name = "discipline.contact.void"
    _description = "Void a Contact"

    contact_ids = fields.Many2many("discipline.contact", required=True, readonly=True)
    reason = fields.Char(required=True)

    def action_void(self):
        """Void the contacts; the verdicts of open periods follow at once."""
        self.contact_ids._void(self.reason)
        return {"type": "ir.actions.act_window_close"}
