from odoo import fields, models


class DisciplineRedistributionSwap(models.TransientModel):
    """The overloaded manager names another customer that leaves him instead."""

    _name = "discipline.redistribution.swap"
    _description = "Another Customer Instead"

    line_id = fields.Many2one("discipline.redistribution.line", "Proposed", required=True, readonly=True)
    customer_id = fields.Many2one(
        "discipline.customer",
        "Instead",
        required=True,
        domain="[('user_id', '=', uid), ('in_base', '=', True)]",
    )

    def action_swap(self):
        """Let the chosen customer go instead."""
        self.ensure_one()
        self.line_id._swap(self.customer_id)
        return {"type": "ir.actions.act_window_close"}
