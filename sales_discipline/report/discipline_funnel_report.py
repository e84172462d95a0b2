from odoo import fields, models
from odoo.tools import SQL

OUTCOMES = [("open", "Still open"), ("won", "Won"), ("lost", "Lost"), ("removed", "Removed")]


class DisciplineFunnelReport(models.Model):
    """The funnel for pivot and graph: a row per deal and stage that it reached."""

    _name = "discipline.funnel.report"
    _inherit = "discipline.grouped"
    _description = "Funnel Analysis"
    _auto = False
    _rec_name = "lead_id"
    _order = "entered desc, lead_ref desc, stage_sequence"
    _depends = {
        "discipline.stage.change": ["lead_ref"],
        "discipline.deal": [
            "lead_ref", "lead_id", "entered_day", "outcome", "manager_ref", "team_ref", "company_id", "customer_id",
            "amount", "source_id", "lost_reason_id",
        ],
        "discipline.refusal": ["lead_ref", "reason_ref", "date", "voided_at"],
        "crm.lead": ["source_id", "lost_reason_id", "company_id"],
        "crm.stage": ["sequence", "is_won", "name"],
        "discipline.customer": ["abc_class_id"],
    }  # fmt: skip

    lead_id = fields.Many2one("crm.lead", "Opportunity", readonly=True)
    lead_ref = fields.Integer("Opportunity No.", readonly=True, aggregator=False)
    stage_id = fields.Many2one("crm.stage", readonly=True)
    stage_sequence = fields.Integer("Order of the Stage", readonly=True, aggregator=False)
    entered = fields.Date(readonly=True)
    outcome = fields.Selection(OUTCOMES, readonly=True)
    furthest = fields.Boolean("Furthest Stage", readonly=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True)
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    source_id = fields.Many2one("utm.source", readonly=True)
    abc_class_id = fields.Many2one("discipline.abc.class", "Class", readonly=True)
    lost_reason_id = fields.Many2one("crm.lost.reason", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    reached = fields.Integer(readonly=True, help="Deals that ever reached the stage; a skipped stage counts as passed.")
    passed = fields.Integer("Went on", readonly=True, help="Deals that got beyond the stage, or were won.")
    conversion = fields.Float(
        "Went on, %", readonly=True, aggregator="avg", help="Share of the deals reached that went on."
    )
    lost = fields.Integer("Lost Here", readonly=True)
    open = fields.Integer("Still Open Here", readonly=True)
    removed = fields.Integer("Removed Here", readonly=True)
    amount = fields.Monetary("Sum", readonly=True, currency_field="currency_id")

    @property
    def _table_query(self):
        """Return the rows of all deals; who sees which is the matter of the record rules."""
        Funnel = self.env["discipline.funnel"]
        stages = Funnel._stages({})
        return SQL(
            """
            WITH %(deals)s
            SELECT d.lead_ref * 1000::bigint + s.rank AS id, d.lead_id, d.lead_ref, s.ref AS stage_id,
                   s.rank AS stage_sequence, d.entered_day AS entered, d.outcome, s.rank = d.furthest AS furthest,
                   u.id AS user_id, t.id AS team_id, d.customer_id AS partner_id, d.source_id, d.abc_class_id,
                   CASE WHEN d.outcome = 'lost' AND s.rank = d.furthest THEN d.lost_reason_id END AS lost_reason_id,
                   d.company_id, d.amount, 1 AS reached, x.passed::int AS passed, 100.0 * x.passed::int AS conversion,
                   (NOT x.passed AND d.outcome = 'lost')::int AS lost,
                   (NOT x.passed AND d.outcome = 'open')::int AS open,
                   (NOT x.passed AND d.outcome = 'removed')::int AS removed
              FROM deal d
              JOIN stage s ON s.rank <= d.furthest
        CROSS JOIN LATERAL (SELECT s.rank < d.furthest OR d.outcome = 'won' AS passed) x
         LEFT JOIN res_users u ON u.id = d.manager_ref
         LEFT JOIN crm_team t ON t.id = d.team_ref
            """,
            deals=Funnel._sql_deals({}, stages, where=SQL("TRUE"), amount=SQL("d.amount")),
        )
