from odoo import models


class CrmStage(models.Model):
    _inherit = "crm.stage"

    def write(self, vals):
        """A stage that becomes won, or is won no more, wins or reopens the opportunities in it."""
        if "is_won" not in vals:
            return super().write(vals)
        leads = self.env["crm.lead"].sudo().with_context(active_test=False).search([("stage_id", "in", self.ids)])
        with leads._discipline_watch():
            return super().write(vals)
