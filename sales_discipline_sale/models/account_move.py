from odoo import models


class AccountMove(models.Model):
    _inherit = "account.move"

    def write(self, vals):
        result = super().write(vals)
        if {"state", "partner_id", "commercial_partner_id", "invoice_date"} & vals.keys():
            invoices = self.filtered(lambda move: move.move_type in ("out_invoice", "out_refund"))
            self.env["discipline.revenue"].sudo()._sync_documents("move", invoices.ids)
        return result
