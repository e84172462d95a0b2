from odoo import api, fields, models
from odoo.exceptions import UserError


class DisciplineTransferAsk(models.TransientModel):
    """Ask for a colleague's customer, or offer a colleague one of one's own."""

    _name = "discipline.transfer.ask"
    _description = "Ask for a Transfer"

    partner_id = fields.Many2one("res.partner", "Customer", required=True, readonly=True)
    holder_id = fields.Many2one("res.users", "Present Manager", compute="_compute_holder")
    is_mine = fields.Boolean(compute="_compute_holder")
    user_to_id = fields.Many2one("res.users", "Offered to", domain="[('share', '=', False), ('id', '!=', holder_id)]")
    reason = fields.Text(required=True)

    @api.depends("partner_id")
    @api.depends_context("uid")
    def _compute_holder(self):
        for wizard in self:
            wizard.holder_id = wizard.partner_id.sudo().discipline_id.user_id
            wizard.is_mine = wizard.holder_id == self.env.user

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        context = self.env.context
        if not values.get("partner_id") and context.get("active_id"):
            if context.get("active_model") == "discipline.customer":
                values["partner_id"] = self.env["discipline.customer"].browse(context["active_id"]).partner_id.id
            elif context.get("active_model") == "res.partner":
                values["partner_id"] = self.env["res.partner"].browse(context["active_id"])._discipline_customer().id
        return values

    def action_ask(self):
        """Send the request and open it."""
        self.ensure_one()
        if self.is_mine and not self.user_to_id:
            raise UserError(self.env._("Choose to whom you offer the customer."))
        receiver = self.user_to_id if self.is_mine else self.env.user
        request = self.env["discipline.transfer.request"]._request(self.partner_id, receiver, self.reason)
        return {
            "type": "ir.actions.act_window",
            "res_model": "discipline.transfer.request",
            "res_id": request.id,
            "views": [(False, "form")],
        }
