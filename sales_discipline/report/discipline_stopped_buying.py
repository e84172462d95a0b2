"""Customers who stopped buying, or buy much less: whom to call before somebody else does."""

from odoo import fields, models
from odoo.tools import SQL


class DisciplineStoppedBuying(models.Model):
    """One row per customer of the base who is silent for longer than usual, or buys much less than usual.

    The rule is ``engine.buying.stopped``; purchases of the last 24 months say what is usual. Sums and intervals are
    those of ``discipline.buying``; who is silent, and for how long, follows the day.
    """

    _name = "discipline.stopped.buying"
    _inherit = "discipline.grouped"
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

    as_of = fields.Date(
        "Sums as of",
        readonly=True,
        aggregator=None,
        help="The three months and the year end on this day. Purchases that came in since are in the sums.",
    )

    _depends = {
        "discipline.buying": [
            "partner_id",
            "last_purchase",
            "usual_interval",
            "silent_from",
            "is_down",
            "recent",
            "quarter",
            "lost",
        ],
        "discipline.customer": [
            "partner_id",
            "user_id",
            "abc_class_id",
            "company_id",
            "in_base",
            "last_contact_date",
        ],
        "res.company": ["discipline_purchases_on"],
    }

    @property
    def _table_query(self):
        companies = self.env["res.company"].sudo().search([("discipline_active", "=", True)])
        today = SQL("CASE c.company_id")
        for company in companies:
            today = SQL("%s WHEN %s THEN %s::date", today, company.id, self.env["discipline.calendar"]._today(company))
        today = SQL("%s END", today) if companies else SQL("NULL::date")
        return SQL(
            """
            SELECT b.partner_id AS id, b.partner_id, c.user_id, c.abc_class_id, c.company_id,
                   CASE WHEN b.silent_from <= %(today)s THEN 'silent' ELSE 'down' END AS sign,
                   b.last_purchase, %(today)s - b.last_purchase AS days_since, b.usual_interval, b.recent, b.quarter,
                   b.lost, c.last_contact_date, co.discipline_purchases_on AS as_of
              FROM discipline_buying b
              JOIN discipline_customer c ON c.partner_id = b.partner_id AND c.company_id = ANY(%(companies)s)
              JOIN res_company co ON co.id = c.company_id
             WHERE c.in_base AND (b.is_down OR b.silent_from <= %(today)s)
            """,
            companies=companies.ids,
            today=today,
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
