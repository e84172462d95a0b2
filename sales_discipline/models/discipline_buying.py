"""How each customer buys: what the report on those who stopped buying reads, and nothing else.

Two years of purchases are too much to add up whenever somebody opens a report. They are added up at night for the whole
base, and at once for whoever bought, returned or lost a purchase meanwhile. What depends on the passing day only
(whether a customer is silent, and for how long) is not kept: the report says it live.
"""

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.buying import DOWN, SILENCE
from .sets import among

#: customers that are added up at once
CHUNK = 50_000
#: months of purchases that say what is usual
MONTHS = 24


class DisciplineBuying(models.Model):
    """One row per customer with purchases in the last 24 months, as of his company's ``discipline_purchases_on``."""

    _name = "discipline.buying"
    _description = "How a Customer Buys"
    _log_access = False

    partner_id = fields.Many2one("res.partner", "Customer", required=True, readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", required=True, readonly=True, ondelete="cascade")
    last_purchase = fields.Date(readonly=True)
    usual_interval = fields.Float(digits=(8, 1), readonly=True, help="Days between purchases, the median.")
    silent_from = fields.Date(readonly=True, help="The first day on which the silence is longer than usual.")
    is_down = fields.Boolean("Buys Less", readonly=True)
    recent = fields.Monetary("Last 3 Months", readonly=True)
    quarter = fields.Monetary("Usual Quarter", readonly=True)
    lost = fields.Monetary("Lost Sum", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")

    _partner_uniq = models.Constraint("UNIQUE(partner_id)", "A customer has one row of figures.")
    _lost_idx = models.Index("(lost DESC, partner_id)")

    @api.model
    def _refresh(self, company, partner_ids=None):
        """Add up the purchases of customers anew; rows that agree are left alone.

        :param company: res.company whose customers they are
        :param partner_ids: ids of customers; None means all of the company, in chunks, and notes the day on it
        """
        self.env["discipline.revenue"].flush_model()
        self.env["discipline.customer"].flush_model(["partner_id", "company_id"])
        self.flush_model()
        today = self.env["discipline.calendar"]._today(company)
        for customers in self._chunks(company, partner_ids):
            self.env.cr.execute(self._refresh_sql(company, today, customers))
        self.invalidate_model()
        if partner_ids is None:
            company.sudo().discipline_purchases_on = today

    @api.model
    def _refresh_new(self):
        """Add up the purchases of companies for which that was never done: after an update of the addon."""
        for company in self.env["res.company"].sudo().search([("discipline_purchases_on", "=", False)]):
            self.env["discipline.revenue"].sudo()._refresh_reports(company)

    @api.model
    def _chunks(self, company, partner_ids=None):
        """Return ids of customers, about ``CHUNK`` at once; all of a company's are ranges of ids.

        :param partner_ids: ids of customers; None means all of the company
        """
        if partner_ids is not None:
            ids = list(partner_ids)
            return [ids[begin : begin + CHUNK] for begin in range(0, len(ids), CHUNK)]
        return [
            range(first, last + 1)
            for first, last in self.env.execute_query(
                SQL(
                    """
                    SELECT min(id), max(id) FROM (
                        SELECT partner_id AS id, (row_number() OVER (ORDER BY partner_id) - 1) / %s AS chunk
                          FROM discipline_customer WHERE company_id = %s) n GROUP BY chunk ORDER BY chunk
                    """,
                    CHUNK,
                    company.id,
                )
            )
        ]

    @api.model
    def _refresh_sql(self, company, today, customers):
        columns = [SQL.identifier(name) for name in self._kept()]
        return SQL(
            """
            WITH fresh AS MATERIALIZED (%(figures)s),
            gone AS (
                DELETE FROM discipline_buying b
                 WHERE %(among)s AND b.company_id = %(company)s
                   AND NOT EXISTS (SELECT FROM fresh f WHERE f.partner_id = b.partner_id)
            )
            INSERT INTO discipline_buying AS old (partner_id, %(columns)s)
            SELECT f.partner_id, %(fresh)s
              FROM fresh f LEFT JOIN discipline_buying b ON b.partner_id = f.partner_id
             WHERE b.id IS NULL OR (%(known)s) IS DISTINCT FROM (%(fresh)s)
                ON CONFLICT (partner_id) DO UPDATE SET (%(columns)s) = ROW(%(excluded)s)
            """,
            figures=self._figures_sql(company, today, customers),
            among=among("b.partner_id", customers),
            company=company.id,
            columns=SQL(", ").join(columns),
            fresh=SQL(", ").join(SQL("f.%s", column) for column in columns),
            known=SQL(", ").join(SQL("b.%s", column) for column in columns),
            excluded=SQL(", ").join(SQL("excluded.%s", column) for column in columns),
        )

    @api.model
    def _kept(self):
        """Return the columns that a recomputation yields, besides ``partner_id``."""
        return ["company_id", "last_purchase", "usual_interval", "silent_from", "is_down", "recent", "quarter", "lost"]

    @api.model
    def _figures_sql(self, company, today, customers):
        """Return the query of the figures: the rule of ``engine.buying.stopped`` for many customers.

        :param today: the company's day; purchases of the 24 months before it say what is usual
        :param customers: ids, or a range of them
        """
        return SQL(
            """
            WITH bought AS (
                SELECT c.partner_id, r.date, sum(r.amount) AS amount, bool_or(r.kind != 'return') AS bought
                  FROM discipline_revenue r
                  JOIN discipline_customer c ON c.partner_id = r.customer_ref
                 WHERE c.company_id = %(company)s AND %(among_customers)s AND %(among_purchases)s
                   AND r.voided_at IS NULL AND r.kind IN (%(kind)s, 'return')
                   AND r.date <= %(today)s AND r.date > %(since)s
              GROUP BY c.partner_id, r.date
            ),
            gap AS (
                SELECT partner_id, date - lag(date) OVER (PARTITION BY partner_id ORDER BY date) AS days
                  FROM bought WHERE bought
            ),
            usual AS (
                SELECT partner_id, percentile_cont(0.5) WITHIN GROUP (ORDER BY days) AS days
                  FROM gap WHERE days IS NOT NULL GROUP BY partner_id HAVING count(*) >= 2
            ),
            total AS (
                SELECT partner_id, max(date) FILTER (WHERE bought) AS last,
                       COALESCE(sum(amount) FILTER (WHERE date > %(recent)s), 0) AS recent,
                       COALESCE(sum(amount) FILTER (WHERE date <= %(recent)s AND date > %(year)s), 0) / 3 AS quarter
                  FROM bought GROUP BY partner_id
            )
            SELECT t.partner_id, %(company)s::int AS company_id, t.last AS last_purchase,
                   round(u.days::numeric, 1) AS usual_interval,
                   CASE WHEN u.days > 0 THEN t.last + floor(%(silence)s::numeric * u.days::numeric)::int + 1 END
                       AS silent_from,
                   t.quarter > 0 AND t.recent < %(down)s::numeric * t.quarter AS is_down, t.recent,
                   round(t.quarter, 2) AS quarter, GREATEST(round(t.quarter, 2) - t.recent, 0) AS lost
              FROM total t LEFT JOIN usual u ON u.partner_id = t.partner_id
            """,
            company=company.id,
            kind=company.sudo().discipline_revenue_kinds,
            among_customers=among("c.partner_id", customers),
            among_purchases=among("r.customer_ref", customers),
            today=today,
            since=fields.Date.subtract(today, months=MONTHS),
            recent=fields.Date.subtract(today, months=3),
            year=fields.Date.subtract(today, months=12),
            silence=str(SILENCE),
            down=str(DOWN),
        )
