from odoo import fields, models
from odoo.tools import SQL


class DisciplineForecastReport(models.Model):
    """A month's first frozen forecast against what came of the deals in it: a row per deal."""

    _name = "discipline.forecast.report"
    _inherit = "discipline.grouped"
    _description = "Forecast against Fact"
    _auto = False
    _rec_name = "lead_id"
    _order = "month desc, expected_own desc, id"
    _depends = {
        "discipline.forecast.line": [
            "snapshot_id", "lead_ref", "lead_id", "manager_ref", "user_id", "team_id", "stage_id", "amount",
            "probability", "own_month", "date_deadline",
        ],
        "discipline.forecast.snapshot": ["day", "company_id", "first_of_month"],
        "discipline.stage.change": ["lead_ref", "status_from", "status_to", "date", "day", "amount", "voided_at"],
    }  # fmt: skip

    month = fields.Date(readonly=True)
    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True)
    manager_ref = fields.Integer("Manager No.", readonly=True, aggregator=False)
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True)
    stage_id = fields.Many2one("crm.stage", "Stage When Frozen", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    deals = fields.Integer(readonly=True)
    amount = fields.Monetary("Pipeline", readonly=True)
    expected_odoo = fields.Monetary(
        "Foretold by Probability",
        readonly=True,
        help="Sums of the deals that were to close in the month, each times Odoo's probability of that day.",
    )
    expected_own = fields.Monetary(
        "Foretold by History", readonly=True, help="Each sum times the chance to be won before the month ends."
    )
    won = fields.Monetary(
        "Won of These", readonly=True, help="What was won in the month of the deals that were open when it was frozen."
    )
    bias = fields.Monetary(
        readonly=True, help="Foretold by history less what came: above zero the forecast was too hopeful."
    )

    @property
    def _table_query(self):
        return SQL(
            """
            SELECT l.id, date_trunc('month', s.day)::date AS month, l.lead_id, l.user_id, l.manager_ref, l.team_id,
                   l.stage_id, s.company_id, 1 AS deals, l.amount,
                   CASE WHEN l.date_deadline < date_trunc('month', s.day) + interval '1 month'
                        THEN l.amount * l.probability / 100 END AS expected_odoo,
                   l.amount * l.own_month / 100 AS expected_own,
                   w.amount AS won, l.amount * l.own_month / 100 - COALESCE(w.amount, 0) AS bias
              FROM discipline_forecast_line l
              JOIN discipline_forecast_snapshot s ON s.id = l.snapshot_id AND s.first_of_month AND s.voided_at IS NULL
         LEFT JOIN LATERAL (
                 SELECT c.amount FROM discipline_stage_change c
                  WHERE c.lead_ref = l.lead_ref AND c.voided_at IS NULL AND c.status_to = 'won'
                    AND c.status_from IS DISTINCT FROM 'won'
                    AND c.day >= s.day AND c.day < date_trunc('month', s.day) + interval '1 month'
               ORDER BY c.date DESC, c.id DESC LIMIT 1
               ) w ON TRUE
            """
        )
