from odoo import fields, models


class DisciplineCompetitor(models.Model):
    """Who gets the deals that we lose."""

    _name = "discipline.competitor"
    _description = "Competitor"
    _order = "name, id"

    name = fields.Char(required=True)
    active = fields.Boolean(default=True)
    note = fields.Text("What We Know")

    _name_uniq = models.Constraint("UNIQUE(name)", "There is already a competitor with this name.")
