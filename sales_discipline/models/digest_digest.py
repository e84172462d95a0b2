from odoo import fields, models
from odoo.exceptions import AccessError


class DigestDigest(models.Model):
    _inherit = "digest.digest"

    kpi_discipline_cards = fields.Boolean("Customer Cards Filled")
    kpi_discipline_cards_value = fields.Integer(compute="_compute_kpi_discipline_cards_value")

    def _compute_kpi_discipline_cards_value(self):
        if not self.env.user.has_group("sales_team.group_sale_salesman"):
            raise AccessError(self.env._("The digest leaves out the customer cards: you are not in sales."))
        self._calculate_company_based_kpi(
            "discipline.profile.completion",
            "kpi_discipline_cards_value",
            additional_domain=[("counted", "=", True), ("voided_at", "=", False)],
        )

    def _compute_kpis_actions(self, company, user):
        actions = super()._compute_kpis_actions(company, user)
        menu = self.env.ref("sales_discipline.menu_discipline_root").id
        actions["kpi_discipline_cards"] = f"sales_discipline.discipline_performance_action?menu_id={menu}"
        return actions
