from odoo import fields, models


class CrmTeam(models.Model):
    _inherit = "crm.team"

    discipline_date_start = fields.Date(
        "Judged From", help="Days before it are not held against this team's members. Empty: the company's date."
    )

    def unlink(self):
        """The database empties the team of its opportunities: they keep a row of it."""
        leads = self.env["crm.lead"].sudo().with_context(active_test=False).search([("team_id", "in", self.ids)])
        with leads._discipline_watch():
            result = super().unlink()
            leads.invalidate_recordset(["team_id"])
        return result
