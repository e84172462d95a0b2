from odoo import api, fields, models


class DisciplineRedistributionReceiver(models.TransientModel):
    """Another receiver for lines of a redistribution, with what speaks against him."""

    _name = "discipline.redistribution.receiver"
    _description = "Choose the Receiver"

    line_ids = fields.Many2many(
        "discipline.redistribution.line",
        "discipline_redistribution_receiver_rel",
        "wizard_id",
        "line_id",
        "Customers",
        required=True,
        readonly=True,
    )
    user_to_id = fields.Many2one("res.users", "New Manager", domain="[('share', '=', False)]")
    warning = fields.Text(compute="_compute_warning")

    @api.depends("user_to_id", "line_ids")
    def _compute_warning(self):
        for wizard in self:
            lines = wizard.line_ids._origin
            user = wizard.user_to_id._origin or wizard.user_to_id
            wizard.warning = "\n".join(lines._receiver_warnings(user)) if lines and user else ""

    def action_choose(self):
        """Let the chosen manager receive the lines' customers."""
        self.ensure_one()
        self.line_ids._set_receiver(self.user_to_id)
        return {"type": "ir.actions.act_window_close"}
