from odoo import models


class ResPartner(models.Model):
    _inherit = "res.partner"

    def write(self, vals):
        if not {"parent_id", "customer_group_id", "is_company"} & vals.keys():
            return super().write(vals)
        # what is planned with a person goes with him to his new company
        before = self.sudo()._discipline_customer()
        result = super().write(vals)
        customers = before | self.sudo()._discipline_customer()
        self.env["discipline.contact"].sudo()._refresh_next_contacts(customers.ids)
        return result
