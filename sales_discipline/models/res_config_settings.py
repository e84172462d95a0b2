from odoo import fields, models


class ResConfigSettings(models.TransientModel):
    _inherit = "res.config.settings"

    discipline_active = fields.Boolean(related="company_id.discipline_active", readonly=False)
    discipline_base_domain = fields.Char(related="company_id.discipline_base_domain", readonly=False)
    discipline_revenue_kinds = fields.Selection(related="company_id.discipline_revenue_kinds", readonly=False)
    discipline_abc_months = fields.Integer(related="company_id.discipline_abc_months", readonly=False)
    discipline_abc_margin = fields.Float(related="company_id.discipline_abc_margin", readonly=False)
    discipline_abc_grace_months = fields.Integer(related="company_id.discipline_abc_grace_months", readonly=False)
    discipline_xyz_x = fields.Float(related="company_id.discipline_xyz_x", readonly=False)
    discipline_small_number = fields.Integer(related="company_id.discipline_small_number", readonly=False)
    discipline_xyz_y = fields.Float(related="company_id.discipline_xyz_y", readonly=False)
    discipline_abc_approval = fields.Boolean(related="company_id.discipline_abc_approval", readonly=False)
    discipline_date_start = fields.Date(related="company_id.discipline_date_start", readonly=False)
    discipline_dry_mode = fields.Boolean(related="company_id.discipline_dry_mode", readonly=False)
    discipline_capacity_per_day = fields.Integer(related="company_id.discipline_capacity_per_day", readonly=False)
    discipline_policy_id = fields.Many2one(
        "discipline.policy", "Policy in Force", compute="_compute_discipline_policy_id"
    )
    discipline_policy_options = fields.Html(related="discipline_policy_id.in_options")
    discipline_policy_words = fields.Html(related="discipline_policy_id.in_words")

    def _compute_discipline_policy_id(self):
        for settings in self:
            company = settings.company_id
            settings.discipline_policy_id = self.env["discipline.policy"]._policy_on(
                company, self.env["discipline.calendar"]._today(company)
            )

    def action_discipline_policy(self):
        """Open the version of the policy that is in force."""
        return self.discipline_policy_id.action_open()

    def action_discipline_next_policy(self):
        """Open the next version of the policy, with the rules that are in force, to be changed."""
        return self.discipline_policy_id.action_next_version()
