from odoo import api, models


class SaleOrder(models.Model):
    _inherit = "sale.order"

    def _discipline_fields(self):
        """Return the fields whose change may change the order's purchase."""
        return {"state", "partner_id", "date_order", "company_id", "currency_id", "order_line"}

    @api.model_create_multi
    def create(self, vals_list):
        orders = super().create(vals_list)
        confirmed = orders.filtered(lambda order: order.state == "sale")
        self.env["discipline.revenue"].sudo()._sync_documents("order", confirmed.ids)
        return orders

    def write(self, vals):
        result = super().write(vals)
        if self._discipline_fields() & vals.keys():
            self._discipline_sync()
        return result

    def _discipline_sync(self):
        """Bring the purchases of these orders up to date; drafts that never were confirmed cost nothing."""
        looked_at = self.filtered(lambda order: order.state in ("sale", "cancel", "draft"))
        self.env["discipline.revenue"].sudo()._sync_documents("order", looked_at.ids)


class SaleOrderLine(models.Model):
    _inherit = "sale.order.line"

    @api.model_create_multi
    def create(self, vals_list):
        lines = super().create(vals_list)
        lines._discipline_confirmed()._discipline_sync()
        return lines

    def write(self, vals):
        result = super().write(vals)
        if {"price_unit", "product_uom_qty", "discount", "tax_ids", "product_id"} & vals.keys():
            self._discipline_confirmed()._discipline_sync()
        return result

    def unlink(self):
        orders = self._discipline_confirmed()
        result = super().unlink()
        orders._discipline_sync()
        return result

    def _discipline_confirmed(self):
        return self.order_id.filtered(lambda order: order.state == "sale")
