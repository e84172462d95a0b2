from odoo import fields, models


class DisciplineProfileUnavailable(models.TransientModel):
    """Close a field of a card that was asked for in vain."""

    _name = "discipline.profile.unavailable"
    _description = "Asked, Not Available"

    partner_id = fields.Many2one("res.partner", "Customer", required=True, readonly=True, ondelete="cascade")
    rule_id = fields.Many2one("discipline.profile.rule", "Field", required=True, readonly=True, ondelete="cascade")
    months = fields.Integer(related="rule_id.closed_months", string="Months")
    reason = fields.Char(required=True, help="Whom you asked and what they said; your supervisor reads it.")

    def action_close(self):
        """Close the field for the rule's months."""
        self.ensure_one()
        self.env["discipline.profile.note"]._note(self.partner_id, self.rule_id, "unavailable", self.reason)
        return {"type": "ir.actions.act_window_close"}
