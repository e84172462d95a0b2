from odoo import api, fields, models
from odoo.exceptions import UserError
from odoo.fields import Command


class DisciplineRevenueVoid(models.TransientModel):
    """Why purchases are taken out of account; they stay visible."""

    _name = "discipline.revenue.void"
    _description = "Void Purchases"

    revenue_ids = fields.Many2many("discipline.revenue", string="Purchases", required=True)
    reason = fields.Char(required=True, help="It stays in the ledger.")

    @api.model
    def default_get(self, fields):
        values = super().default_get(fields)
        if self.env.context.get("active_model") == "discipline.revenue":
            values["revenue_ids"] = [Command.set(self.env.context.get("active_ids") or [])]
        return values

    def action_void(self):
        """Void the purchases with who, when and why.

        :raise AccessError: for anyone but a Sales administrator
        :raise UserError: for a purchase that follows a document of this program, naming it
        """
        self.ensure_one()
        Revenue = self.env["discipline.revenue"]
        Revenue._check_administrator()
        for row in self.revenue_ids:
            source = row._document_record()
            if source:
                raise UserError(
                    self.env._(
                        "%(purchase)s follows “%(document)s”: cancel or correct that, and the purchase with it.",
                        purchase=row.document or row.source_ref,
                        document=source.display_name,
                    )
                )
        voided = self.revenue_ids._void(self.reason)
        Revenue._purchases_changed(voided.sudo().mapped("customer_ref"))
        return {"type": "ir.actions.act_window_close"}


class DisciplineRevenue(models.Model):
    _inherit = "discipline.revenue"

    def _document_record(self):
        """Return the record of this program that the purchase follows; empty where it came from elsewhere (a hook)."""
        self.ensure_one()
        return self.lead_id
