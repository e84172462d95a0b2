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
    _inherit = "discipline.grouped"
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
    expected = fields.Monetary("Expected to Be Bought", readonly=True)
    bought = fields.Monetary(
        "Bought This Month", readonly=True, help="In the running month until last night, beyond won opportunities."
    )

    @property
    def _table_query(self):
        shares, months = self._shares_and_months()
        return SQL(
            """
            SELECT k.id::bigint * 8 + m.number AS id, m.first AS month, k.partner_id, k.user_id, k.team_id,
                   k.abc_class_id, k.company_id, k.last_date, k.usual_interval,
                   k.last_date + k.usual_interval::int AS due_date, k.mean, GREATEST(d.due, 0) AS due,
                   100 * k.share AS share, GREATEST(d.due * k.mean * k.share, 0) AS expected,
                   CASE WHEN m.number = 0 AND k.month = m.first THEN k.bought ELSE 0 END AS bought
              FROM (
                    SELECT r.id, r.partner_id, r.company_id, r.last_date, r.usual_interval, r.mean, r.month, r.bought,
                           c.user_id, c.abc_class_id, u.sale_team_id AS team_id,
                           s.shares[1 + width_bucket((s.today - r.last_date) / r.usual_interval, %(late)s::float8[])]
                               AS share
                      FROM discipline_repeat r
                      JOIN discipline_customer c ON c.partner_id = r.partner_id
                 LEFT JOIN res_users u ON u.id = c.user_id
                      JOIN (%(shares)s) AS s(company_id, today, shares) ON s.company_id = r.company_id
                    -- customers first, months then: each is looked up once
                    OFFSET 0
                   ) k
              JOIN unnest(%(of)s::int[], %(numbers)s::int[], %(firsts)s::date[], %(begins)s::date[], %(ends)s::date[])
                   AS m(company_id, number, first, begin, after) ON m.company_id = k.company_id
        CROSS JOIN LATERAL (
                    SELECT ((m.after - k.last_date) - GREATEST(m.begin - k.last_date, k.usual_interval / 2))
                           / k.usual_interval AS due
                   ) d
             WHERE m.after - k.last_date > k.usual_interval / 2
                OR (m.number = 0 AND k.month = m.first AND k.bought > 0)
            """,
            shares=SQL(" UNION ALL ").join(
                [SQL("SELECT %s::int, %s::date, %s::float8[]", *row) for row in shares]
                or [SQL("SELECT NULL::int, NULL::date, NULL::float8[]")]
            ),
            late=list(LATE),
            of=[row[0] for row in months],
            numbers=[row[1] for row in months],
            firsts=[row[2] for row in months],
            begins=[row[3] for row in months],
            ends=[row[4] for row in months],
        )

    @api.model
    def _shares_and_months(self):
        """Return rows of (company, today, shares that come by class of silence), and of (company, number of a month
        ahead, its first day, the day from which it is to come, the day after it)."""
        Month = self.env["discipline.repeat.month"].sudo()
        shares, months = [], []
        for company in self.env["res.company"].sudo().search([("discipline_revenue_kinds", "!=", "deal")]):
            today = self.env["discipline.calendar"]._today(company)
            running = date_utils.start_of(today, "month")
            shares.append((company.id, today, list(Month._shares(company, running))))
            for number in range(AHEAD):
                first = date_utils.add(running, months=number)
                months.append((company.id, number, first, max(today, first), date_utils.add(first, months=1)))
        return shares, months

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
