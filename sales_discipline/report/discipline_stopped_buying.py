"""Customers who stopped buying, or buy much less: whom to call before somebody else does."""

from odoo import fields, models
from odoo.tools import SQL

from ..engine.buying import DOWN, SILENCE


class DisciplineStoppedBuying(models.Model):
    """One row per customer of the base who is silent for longer than usual, or buys much less than usual.

    The rule is ``engine.buying.stopped``; purchases of the last 24 months say what is usual.
    """

    _name = "discipline.stopped.buying"
    _description = "Stopped Buying"
    _auto = False
    _order = "lost desc, id"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    user_id = fields.Many2one("res.users", "Responsible Manager", readonly=True)
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    sign = fields.Selection(
        [("silent", "Silent"), ("down", "Buys Less")],
        readonly=True,
        help="Silent: no purchase for 1.5 times the usual interval. Buys less: the last three months are 30 % or more "
        "below a usual quarter.",
    )
    last_purchase = fields.Date(readonly=True)
    days_since = fields.Integer(readonly=True, aggregator=None)
    usual_interval = fields.Float(
        "Usual Interval, Days",
        digits=(8, 1),
        readonly=True,
        aggregator=None,
        help="The median number of days between purchases.",
    )
    recent = fields.Monetary("Last 3 Months", readonly=True)
    quarter = fields.Monetary("Usual Quarter", readonly=True, help="A third of the nine months before the last three.")
    lost = fields.Monetary(
        "Lost Sum", readonly=True, help="By how much the last three months are below a usual quarter."
    )
    last_contact_date = fields.Date("Last Contact", readonly=True)

    _depends = {
        "discipline.revenue": ["customer_ref", "date", "amount", "kind", "voided_at", "company_id"],
        "discipline.customer": [
            "partner_id",
            "user_id",
            "abc_class_id",
            "company_id",
            "in_base",
            "last_contact_date",
        ],
    }

    @property
    def _table_query(self):
        companies = self.env["res.company"].sudo().search([("discipline_active", "=", True)])
        return SQL(
            """
            WITH setting AS (
                SELECT company_id, kind, today, (today - interval '3 months')::date AS recent,
                       (today - interval '12 months')::date AS year
                  FROM unnest(%(companies)s::int[], %(kinds)s::varchar[], %(days)s::date[])
                       AS t(company_id, kind, today)
            ),
            bought AS (
                SELECT c.id, r.date, s.today, s.recent, s.year, sum(r.amount) AS amount,
                       bool_or(r.kind != 'return') AS bought
                  FROM discipline_revenue r
                  JOIN discipline_customer c ON c.partner_id = r.customer_ref AND c.in_base
                  JOIN setting s ON s.company_id = c.company_id
                 WHERE r.voided_at IS NULL AND r.kind IN (s.kind, 'return')
                   AND r.date <= s.today AND r.date > (s.today - interval '24 months')::date
              GROUP BY c.id, r.date, s.today, s.recent, s.year
            ),
            gap AS (
                SELECT id, date - lag(date) OVER (PARTITION BY id ORDER BY date) AS days FROM bought WHERE bought
            ),
            usual AS (
                SELECT id, percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS days
                  FROM gap WHERE days IS NOT NULL GROUP BY id HAVING count(*) >= 2
            ),
            total AS (
                SELECT id, max(date) FILTER (WHERE bought) AS last, max(today) AS today,
                       COALESCE(sum(amount) FILTER (WHERE date > recent), 0) AS recent,
                       COALESCE(sum(amount) FILTER (WHERE date <= recent AND date > year), 0) / 3 AS quarter
                  FROM bought GROUP BY id
            ),
            judged AS (
                SELECT t.*, u.days AS usual,
                       CASE WHEN u.days > 0 AND t.today - t.last > %(silence)s::numeric * u.days::numeric THEN 'silent'
                            WHEN t.quarter > 0 AND t.recent < %(down)s::numeric * t.quarter THEN 'down' END AS sign
                  FROM total t LEFT JOIN usual u ON u.id = t.id
            )
            SELECT c.id, c.partner_id, c.user_id, c.abc_class_id, c.company_id, j.sign, j.last AS last_purchase,
                   j.today - j.last AS days_since, j.usual AS usual_interval, j.recent, round(j.quarter, 2) AS quarter,
                   GREATEST(round(j.quarter, 2) - j.recent, 0) AS lost, c.last_contact_date
              FROM judged j JOIN discipline_customer c ON c.id = j.id
             WHERE j.sign IS NOT NULL
            """,
            companies=companies.ids,
            kinds=companies.mapped("discipline_revenue_kinds"),
            days=[self.env["discipline.calendar"]._today(company) for company in companies],
            silence=str(SILENCE),
            down=str(DOWN),
        )

    def action_open_partner(self):
        """Open the customer's card."""
        self.ensure_one()
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "view_mode": "form",
        }
