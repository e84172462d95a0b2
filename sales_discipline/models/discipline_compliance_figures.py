"""Figures of many verdicts: attainment, reach, coverage and frequency of any group, as ``engine.verdicts`` says."""

from odoo import api, fields, models
from odoo.tools import SQL


class DisciplineCompliance(models.Model):
    _inherit = "discipline.compliance"

    attainment = fields.Float(
        "Attainment, %",
        compute="_compute_figures",
        aggregator="avg",
        help="Attained contacts / goal. Nothing beyond a customer's goal counts, so that many contacts with one "
        "customer hide no other; empty where nothing was due.",
    )
    reach = fields.Float(
        "Reach, %",
        compute="_compute_figures",
        aggregator="avg",
        help="Customers with at least one counted contact / customers.",
    )
    coverage = fields.Float(
        "Coverage, %",
        compute="_compute_figures",
        aggregator="avg",
        help="Customers whose goal is met / customers with a goal; empty where nothing was due.",
    )
    frequency = fields.Float(
        compute="_compute_figures",
        aggregator="avg",
        digits=(12, 2),
        help="Counted contacts / customers with at least one counted contact.",
    )

    @api.depends("goal", "attained", "counted")
    def _compute_figures(self):
        for row in self:
            row.attainment = 100 * row.attained / row.goal if row.goal else 0
            row.reach = 100 if row.counted else 0
            row.coverage = 100 if row.goal and row.attained >= row.goal else 0
            row.frequency = row.counted

    def _read_group_select(self, aggregate_spec, query):
        """A group's figure is computed over all its verdicts: the mean of percents would be another number."""
        formulas = {
            "attainment:avg": "100.0 * SUM(%(attained)s) / NULLIF(SUM(%(goal)s), 0)",
            "reach:avg": "100.0 * COUNT(*) FILTER (WHERE %(counted)s > 0) / NULLIF(COUNT(*), 0)",
            "coverage:avg": "100.0 * COUNT(*) FILTER (WHERE %(goal)s > 0 AND %(attained)s >= %(goal)s) "
            "/ NULLIF(COUNT(*) FILTER (WHERE %(goal)s > 0), 0)",
            "frequency:avg": "SUM(%(counted)s) * 1.0 / NULLIF(COUNT(*) FILTER (WHERE %(counted)s > 0), 0)",
        }
        if aggregate_spec not in formulas:
            return super()._read_group_select(aggregate_spec, query)
        names = ("attained", "goal", "counted")
        return SQL(formulas[aggregate_spec], **{name: self._field_to_sql(self._table, name, query) for name in names})
