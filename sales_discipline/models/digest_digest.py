from odoo import fields, models
from odoo.exceptions import AccessError

#: managers whose pace a digest names
MANAGERS = 20


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

    def _compute_kpis(self, company, user):
        """Add the pace in words below the filled cards: one's own, and of each manager that one decides for."""
        kpis = super()._compute_kpis(company, user)
        for kpi in kpis:
            if kpi["kpi_name"] == "kpi_discipline_cards":
                kpi["discipline_paces"] = self._discipline_paces(company, user)
        return kpis

    def _discipline_paces(self, company, user):
        """Return sentences such as "Anna: 100 customers, done in 20 working days, on December 18."

        The reader comes first, then the managers who have the most left.
        """
        Day = self.env["discipline.profile.day"].with_context(lang=user.lang).sudo()
        today = self.env["discipline.calendar"]._today(company)
        left = Day._left(company)
        managers = self.env["res.users"].browse([uid for uid, count in left.items() if count])
        managers = managers.filtered(lambda one: one == user or user._discipline_decides_for(one))
        managers = managers.sorted(lambda one: (one != user, -left[one.id], one.name))[:MANAGERS]
        paces = Day._paces(company, {one: left[one.id] for one in managers}, today)
        return [
            Day.env._("%(manager)s: %(pace)s", manager=one.name, pace=Day._pace_sentence(paces[one.id]))
            for one in managers
        ]
