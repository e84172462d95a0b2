"""Handover outcome: what customers did before and after they changed hands, beside customers who did not."""

from odoo import api, fields, models
from odoo.tools import SQL

#: days before and after the move that are compared, as far as they have passed
DAYS = 90
#: so many customers who stayed are compared with a redistribution's customers of the same class
PEERS = 500
#: of a class with more customers not everybody is looked at: numbers are drawn by a hash until there are enough
DRAWN = 20_000


class DisciplineHandoverOutcome(models.Model):
    """A row per moved customer; and per redistribution and class one row of customers who stayed, chosen by a hash."""

    _name = "discipline.handover.outcome"
    _inherit = "discipline.grouped"
    _description = "Handover Outcome"
    _auto = False
    _order = "applied_on desc, id desc"
    _rec_name = "redistribution_id"

    side = fields.Selection([("moved", "Changed Hands"), ("stayed", "Stayed")], "Customers Who", readonly=True)
    redistribution_id = fields.Many2one("discipline.redistribution", readonly=True)
    cause = fields.Selection(related="redistribution_id.cause")
    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, help="Empty for those who stayed.")
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", readonly=True)
    user_from_id = fields.Many2one("res.users", "Losing Manager", readonly=True)
    user_to_id = fields.Many2one("res.users", "Receiver", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")
    applied_on = fields.Date("Moved on", readonly=True)
    days = fields.Integer(
        "Days Compared",
        readonly=True,
        aggregator="avg",
        help="As many before the move as have passed since, at most 90.",
    )
    customers = fields.Integer(readonly=True, help="At most 500 of those who stayed are looked at.")
    contacts_before = fields.Integer(readonly=True, help="Counted contacts in the days before the move.")
    contacts_after = fields.Integer(readonly=True, help="Counted contacts from the day of the move on.")
    won_before = fields.Integer("Deals Won before", readonly=True)
    won_after = fields.Integer("Deals Won after", readonly=True)
    purchases_before = fields.Monetary(readonly=True, help="Purchases less returns, in the days before the move.")
    purchases_after = fields.Monetary(readonly=True, help="Purchases less returns, from the day of the move on.")
    contacts_before_each = fields.Float(
        "Contacts before, per Customer", compute="_compute_each", aggregator="avg", help="Contacts before / customers."
    )
    contacts_after_each = fields.Float(
        "Contacts after, per Customer", compute="_compute_each", aggregator="avg", help="Contacts after / customers."
    )
    purchases_before_each = fields.Float(
        "Purchases before, per Customer",
        compute="_compute_each",
        aggregator="avg",
        help="Purchases before / customers.",
    )
    purchases_after_each = fields.Float(
        "Purchases after, per Customer", compute="_compute_each", aggregator="avg", help="Purchases after / customers."
    )

    _depends = {
        "discipline.redistribution.line": ["state", "applied_on", "partner_id", "abc_class_id", "user_to_id"],
        "discipline.redistribution": ["company_id"],
        "discipline.contact": ["partner_id", "day", "counted"],
        "discipline.revenue": ["customer_ref", "date", "kind", "amount", "voided_at"],
        "discipline.customer": ["abc_class_id", "company_id", "in_base"],
        "res.company": ["discipline_revenue_kinds"],
        "crm.lead": ["partner_id", "won_status", "date_closed"],
    }

    #: the figures that are shown per customer: {field: the sum that is divided}
    _EACH = {
        "contacts_before_each": "contacts_before",
        "contacts_after_each": "contacts_after",
        "purchases_before_each": "purchases_before",
        "purchases_after_each": "purchases_after",
    }

    @api.depends("customers", "contacts_before", "contacts_after", "purchases_before", "purchases_after")
    def _compute_each(self):
        for row in self:
            for name, total in self._EACH.items():
                row[name] = row[total] / row.customers if row.customers else 0

    def _read_group_select(self, aggregate_spec, query):
        """A figure per customer of a group is the group's sum / its customers, not the mean of its rows' means."""
        name, _sep, function = aggregate_spec.partition(":")
        if name in self._EACH and function == "avg":
            return SQL(
                "COALESCE(SUM(%s)::float / NULLIF(SUM(%s), 0), 0)",
                self._field_to_sql(self._table, self._EACH[name], query),
                self._field_to_sql(self._table, "customers", query),
            )
        return super()._read_group_select(aggregate_spec, query)

    @property
    def _table_query(self):
        return SQL(
            """
            WITH move AS (
                SELECT l.id, l.redistribution_id, l.partner_id, l.customer_ref, l.abc_class_id, l.user_from_id,
                       l.user_to_id, b.company_id, l.applied_on,
                       LEAST(%(days)s, GREATEST(%(today)s - l.applied_on, 0)) AS days
                  FROM discipline_redistribution_line l
                  JOIN discipline_redistribution b ON b.id = l.redistribution_id
                 WHERE l.state = 'applied' AND l.applied_on IS NOT NULL
            ), moment AS (
                SELECT min(id) AS id, redistribution_id, abc_class_id, company_id, applied_on, min(days) AS days
                  FROM move GROUP BY redistribution_id, abc_class_id, company_id, applied_on
            ), class AS MATERIALIZED (
                SELECT company_id, abc_class_id, count(*) AS size, min(partner_id) AS first, max(partner_id) AS last
                  FROM discipline_customer WHERE in_base GROUP BY company_id, abc_class_id
            ), subject AS (
                SELECT 'moved' AS side, m.id, m.redistribution_id, m.partner_id, m.customer_ref, m.abc_class_id,
                       m.user_from_id, m.user_to_id, m.company_id, m.applied_on, m.days
                  FROM move m
                 UNION ALL
                SELECT 'stayed', -m.id, m.redistribution_id, NULL, peer.partner_id, m.abc_class_id, NULL, NULL,
                       m.company_id, m.applied_on, m.days
                  FROM moment m
                  JOIN class k ON k.company_id = m.company_id AND k.abc_class_id IS NOT DISTINCT FROM m.abc_class_id
            CROSS JOIN LATERAL (
                       SELECT c.partner_id FROM (
                           SELECT c.partner_id FROM discipline_customer c
                            WHERE k.size <= %(drawn)s AND c.company_id = m.company_id AND c.in_base
                              AND (c.abc_class_id = m.abc_class_id
                                   OR (m.abc_class_id IS NULL AND c.abc_class_id IS NULL))
                            UNION
                           SELECT c.partner_id
                             FROM generate_series(1, CASE WHEN k.size > %(drawn)s
                                                          THEN 3 * %(peers)s * (k.last - k.first + 1)::bigint / k.size
                                                          ELSE 0 END) n
                             JOIN discipline_customer c
                               ON c.partner_id = k.first + (hashtextextended(m.redistribution_id || '|' || n, 0)
                                                            & 9223372036854775807) %% (k.last - k.first + 1)
                            WHERE c.company_id = m.company_id AND c.in_base
                              AND c.abc_class_id IS NOT DISTINCT FROM m.abc_class_id) c
                        WHERE NOT EXISTS (SELECT FROM discipline_redistribution_line x
                                           WHERE x.customer_ref = c.partner_id AND x.state = 'applied'
                                             AND x.applied_on BETWEEN m.applied_on - m.days AND m.applied_on + m.days)
                     ORDER BY md5(concat_ws('|', m.redistribution_id, c.partner_id)) LIMIT %(peers)s) peer
            ), figure AS (
                SELECT s.*, k.before AS contacts_before, k.after AS contacts_after, d.before AS won_before,
                       d.after AS won_after, r.before AS purchases_before, r.after AS purchases_after
                  FROM subject s
                  JOIN res_company co ON co.id = s.company_id
            CROSS JOIN LATERAL (
                       SELECT count(*) FILTER (WHERE x.day < s.applied_on) AS before,
                              count(*) FILTER (WHERE x.day >= s.applied_on) AS after
                         FROM discipline_contact x
                        WHERE x.partner_id = s.customer_ref AND x.counted
                          AND x.day >= s.applied_on - s.days AND x.day < s.applied_on + s.days) k
            CROSS JOIN LATERAL (
                       SELECT count(*) FILTER (WHERE x.date_closed < s.applied_on) AS before,
                              count(*) FILTER (WHERE x.date_closed >= s.applied_on) AS after
                         FROM crm_lead x
                        WHERE x.partner_id = s.customer_ref AND x.won_status = 'won'
                          AND x.date_closed >= s.applied_on - s.days AND x.date_closed < s.applied_on + s.days) d
            CROSS JOIN LATERAL (
                       SELECT COALESCE(sum(x.amount) FILTER (WHERE x.date < s.applied_on), 0) AS before,
                              COALESCE(sum(x.amount) FILTER (WHERE x.date >= s.applied_on), 0) AS after
                         FROM discipline_revenue x
                        WHERE x.customer_ref = s.customer_ref AND x.voided_at IS NULL
                          AND x.kind IN (co.discipline_revenue_kinds, 'return')
                          AND x.date >= s.applied_on - s.days AND x.date < s.applied_on + s.days) r
            )
            SELECT id, side, redistribution_id, partner_id, abc_class_id, user_from_id, user_to_id, company_id,
                   applied_on, days, count(*)::int AS customers, sum(contacts_before)::int AS contacts_before,
                   sum(contacts_after)::int AS contacts_after, sum(won_before)::int AS won_before,
                   sum(won_after)::int AS won_after, sum(purchases_before) AS purchases_before,
                   sum(purchases_after) AS purchases_after
              FROM figure
          GROUP BY id, side, redistribution_id, partner_id, abc_class_id, user_from_id, user_to_id, company_id,
                   applied_on, days
            """,
            days=DAYS,
            peers=PEERS,
            drawn=DRAWN,
            today=fields.Date.context_today(self),
        )

    def action_open_redistribution(self):
        """Open the redistribution of this row."""
        self.ensure_one()
        return self.redistribution_id.get_formview_action()
