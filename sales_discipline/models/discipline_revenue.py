from odoo import api, fields, models

KINDS = [
    ("deal", "Won opportunity"),
    ("order", "Order"),
    ("invoice", "Invoice"),
    ("return", "Return"),
    ("shipment", "Shipment"),
    ("payment", "Payment"),
]


class DisciplineRevenue(models.Model):
    """What customers bought."""

    _name = "discipline.revenue"
    _inherit = "discipline.ledger"
    _description = "Purchase of a Customer"
    _order = "date desc, id desc"
    _rec_name = "document"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True)
    date = fields.Date(readonly=True, required=True)
    amount = fields.Monetary(readonly=True, required=True, currency_field="currency_id")
    currency_id = fields.Many2one(related="company_id.currency_id")
    kind = fields.Selection(KINDS, readonly=True, required=True)
    source_ref = fields.Char("Source No.", readonly=True, required=True)
    document = fields.Char(readonly=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null", index=True)

    @api.model
    def _reconcile(self, company):
        return
