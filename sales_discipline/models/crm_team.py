from odoo import fields, models


class CrmTeam(models.Model):
    _inherit = "crm.team"

    discipline_date_start = fields.Date(
        "Judged From", help="Days before it are not held against this team's members. Empty: the company's date."
    )
