from odoo import api, fields, models
from odoo.tools import SQL, date_utils

from ..engine.repeat import LATE

#: months ahead, the running one included
AHEAD = 6


class DisciplineRepeatReport(models.Model):
    """What customers are expected to buy again without a deal: a row for each of them and month.

    The rule is ``engine.repeat``: from half a usual interval after the last purchase on, one purchase of the usual sum
    for each interval, times the share of such purchases that came in the months before.
    """

    _name = "discipline.repeat.report"
    _description = "Repeat Purchases Expected"
    _auto = False
    _order = "month, expected desc, id"
    _rec_name = "partner_id"
    _depends = {
        "discipline.repeat": [
            "partner_id", "company_id", "last_date", "usual_interval", "mean", "month", "bought",
        ],
        "discipline.repeat.month": ["month", "company_id", "kind", "lateness", "due", "bought"],
        "discipline.customer": ["partner_id", "user_id", "abc_class_id"],
        "res.users": ["sale_team_id"],
    }  # fmt: skip

    month = fields.Date(readonly=True)
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    user_id = fields.Many2one("res.users", "Responsible Manager", readonly=True)
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True)
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    last_date = fields.Date("Last Purchase", readonly=True)
    usual_interval = fields.Float(
        "Usual Interval, Days",
        digits=(8, 1),
        readonly=True,
        aggregator=None,
        help="The mean number of days between the purchases of the year up to the last one.",
    )
    due_date = fields.Date("Due", readonly=True, help="A usual interval after the last purchase.")
    mean = fields.Monetary("Usual Sum", readonly=True, aggregator=None)
    due = fields.Float(
        "Purchases Due", digits=(8, 1), readonly=True, help="How many purchases fall into the month by the interval."
    )
    share = fields.Float(
        "Of These Come, %",
        digits=(8, 0),
        readonly=True,
        aggregator=None,
        help="Of customers who were silent as long, in their own intervals, the part of the purchases due that came in "
        "the months before.",
    )
    expected = fields.Monetary(readonly=True)
    bought = fields.Monetary(
        "Bought This Month", readonly=True, help="In the running month until last night, beyond won opportunities."
    )

    @property
    def _table_query(self):
        companies = self.env["res.company"].sudo().search([("discipline_revenue_kinds", "!=", "deal")])
        Month = self.env["discipline.repeat.month"].sudo()
        rows = []
        for company in companies:
            today = self.env["discipline.calendar"]._today(company)
            for place, share in enumerate(Month._shares(company, date_utils.start_of(today, "month"))):
                rows.append((company.id, today, place, share))
        columns = [list(column) for column in zip(*rows, strict=True)] or [[], [], [], []]
        return SQL(
            """
            WITH share AS (
                SELECT * FROM unnest(%(companies)s::int[], %(days)s::date[], %(places)s::int[], %(shares)s::float8[])
                    AS s(company_id, today, place, share)
            ), setting AS (
                SELECT DISTINCT company_id, today, date_trunc('month', today)::date AS running FROM share
            ), ahead AS (
                SELECT t.*, g.number, (t.running + g.number * interval '1 month')::date AS first,
                       GREATEST(t.today, (t.running + g.number * interval '1 month')::date) AS begin,
                       (t.running + (g.number + 1) * interval '1 month')::date AS after
                  FROM setting t CROSS JOIN generate_series(0, %(ahead)s - 1) AS g(number)
            ), habit AS (
                SELECT r.*, s.share
                  FROM discipline_repeat r
                  JOIN setting t ON t.company_id = r.company_id
             LEFT JOIN share s ON s.company_id = r.company_id
                              AND s.place = width_bucket((t.today - r.last_date) / r.usual_interval, %(late)s::float8[])
            ), known AS (
                SELECT h.*, m.number, m.first, m.running,
                       GREATEST(0, (m.after - h.last_date) - GREATEST(m.begin - h.last_date, h.usual_interval / 2))
                           / h.usual_interval AS due
                  FROM habit h JOIN ahead m ON m.company_id = h.company_id
            )
            SELECT k.id::bigint * 8 + k.number AS id, k.first AS month, k.partner_id, c.user_id,
                   u.sale_team_id AS team_id, c.abc_class_id, k.company_id, k.last_date, k.usual_interval,
                   k.last_date + k.usual_interval::int AS due_date, k.mean, COALESCE(k.due, 0) AS due,
                   100 * k.share AS share, COALESCE(k.due * k.mean * k.share, 0) AS expected,
                   CASE WHEN k.number = 0 AND k.month = k.running THEN k.bought ELSE 0 END AS bought
              FROM known k
              JOIN discipline_customer c ON c.partner_id = k.partner_id
         LEFT JOIN res_users u ON u.id = c.user_id
             WHERE k.due > 0 OR (k.number = 0 AND k.month = k.running AND k.bought > 0)
            """,
            companies=columns[0],
            days=columns[1],
            places=columns[2],
            shares=columns[3],
            ahead=AHEAD,
            late=list(LATE),
        )

    @api.readonly
    def action_open_partner(self):
        """Open the customer's card."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "view_mode": "form",
        }
