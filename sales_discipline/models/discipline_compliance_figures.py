"""Figures of many verdicts: attainment, reach, coverage and frequency of any group, as ``engine.verdicts`` says."""

from odoo import api, fields, models
from odoo.tools import SQL


class Figure(fields.Float):
    """A figure that may be undefined: nothing divided by nothing is empty (False), which is not the same as 0."""

    def convert_to_cache(self, value, record, validate=True):
        return None if value is None or value is False else super().convert_to_cache(value, record, validate)

    def convert_to_record(self, value, record):
        return False if value is None else value

    def convert_to_export(self, value, record):
        return "" if value is None or value is False else value


class DisciplineCompliance(models.Model):
    _inherit = "discipline.compliance"

    attainment = Figure(
        "Attainment, %",
        compute="_compute_figures",
        aggregator="avg",
        help="Attained contacts / goal. Nothing beyond a customer's goal counts, so that many contacts with one "
        "customer hide no other; empty where nothing was due.",
    )
    reach = Figure(
        "Reach, %",
        compute="_compute_figures",
        aggregator="avg",
        help="Customers with at least one counted contact / customers.",
    )
    coverage = Figure(
        "Coverage, %",
        compute="_compute_figures",
        aggregator="avg",
        help="Customers whose goal is met / customers with a goal; empty where nothing was due.",
    )
    frequency = Figure(
        compute="_compute_figures",
        aggregator="avg",
        digits=(12, 2),
        help="Counted contacts / customers with at least one counted contact; empty where there is none.",
    )

    @api.depends("goal", "attained", "counted")
    def _compute_figures(self):
        for row in self:
            row.attainment = 100 * row.attained / row.goal if row.goal else False
            row.reach = 100 if row.counted else 0
            row.coverage = (100 if row.attained >= row.goal else 0) if row.goal else False
            row.frequency = row.counted or False

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
