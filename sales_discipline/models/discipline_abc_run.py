from odoo import api, fields, models


class DisciplineAbcRun(models.Model):
    _name = "discipline.abc.run"
    _description = "ABC Analysis"
    _order = "id desc"

    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade", index=True)

    @api.model
    def _nightly(self, company):
        return
