"""Whose base is how large: managers side by side, where their portfolios came from, and the base on a past day."""

from odoo import api, fields, models
from odoo.tools import SQL
from odoo.tools.misc import format_date

from ..engine.balance import imbalance
from ..models.discipline_assignment import ORIGINS
from ..models.sets import among

#: classes that have a column of their own, by their order
RANKS = 3


class DisciplinePortfolio(models.Model):
    """One row per manager and company, and one for the customers of nobody."""

    _name = "discipline.portfolio"
    _description = "Portfolio of a Manager"
    _auto = False
    _order = "is_orphans desc, customers desc, id"
    _rec_name = "user_id"

    user_id = fields.Many2one("res.users", "Manager", readonly=True)
    team_id = fields.Many2one(related="user_id.sale_team_id", string="Sales Team")
    company_id = fields.Many2one("res.company", readonly=True)
    is_orphans = fields.Boolean("Nobody's", readonly=True)
    customers = fields.Integer(readonly=True)
    class_first = fields.Integer("A", readonly=True, help="Customers of the first class.")
    class_second = fields.Integer("B", readonly=True, help="Customers of the second class.")
    class_third = fields.Integer("C", readonly=True, help="Customers of the third class.")
    class_other = fields.Integer("Others", readonly=True, help="Customers of further classes, or of none.")
    share = fields.Float("Share of the Base, %", digits=(5, 1), readonly=True)
    load = fields.Integer(readonly=True, help="Contacts a month that the norms of these customers ask for.")
    capacity = fields.Integer(readonly=True, help="Contacts that he can make on the working days of this month.")
    load_share = fields.Float("Load, %", digits=(5, 1), readonly=True, aggregator="avg", help="Load / capacity.")
    revenue_12m = fields.Monetary("Purchases, 12 Months", readonly=True)
    revenue_share = fields.Float("Share of Purchases, %", digits=(5, 1), readonly=True)
    currency_id = fields.Many2one(related="company_id.currency_id")

    _depends = {
        "discipline.customer": ["partner_id", "user_id", "company_id", "in_base", "abc_class_id", "revenue_12m"],
        "discipline.exception": ["partner_id", "state", "kind", "goal", "date_from", "date_until"],
        "discipline.abc.class": ["sequence"],
        "res.users": ["sale_team_id"],
    }

    @api.depends("user_id", "is_orphans")
    def _compute_display_name(self):
        for row in self:
            row.display_name = row.user_id.name or self.env._("Nobody")

    @property
    def _table_query(self):
        companies = self.env["res.company"].sudo().search([("discipline_active", "=", True)])
        # a row per manager and class is enough: customers of one class in one hand have the same load
        rows = SQL(" UNION ALL ").join(
            SQL(
                "SELECT company_id, user_id, abc_class_id, customers, revenue, load FROM (%s) l",
                self.env["discipline.redistribution"].sudo()._held_sql(company),
            )
            for company in companies
        )
        pool = self._pool(companies)
        ranks = self.env["discipline.abc.class"].sudo().search([], order="sequence, id", limit=RANKS).ids
        counts = SQL(", ").join(
            SQL("COALESCE(sum(customers) FILTER (WHERE abc_class_id = %s), 0)::int", rank)
            for rank in [*ranks, *[0] * (RANKS - len(ranks))]
        )
        return SQL(
            """
            WITH held AS (
                SELECT company_id, user_id, sum(customers)::int AS customers, ARRAY[%(counts)s] AS ranks,
                       sum(load * customers)::int AS load, COALESCE(sum(revenue), 0) AS revenue
                  FROM (%(rows)s) n GROUP BY company_id, user_id
            ),
            pool AS (
                SELECT * FROM unnest(%(companies)s::int[], %(users)s::int[], %(capacities)s::int[])
                       AS t(company_id, user_id, capacity)
            ),
            base AS (
                SELECT COALESCE(h.company_id, p.company_id) AS company_id, COALESCE(h.user_id, p.user_id) AS user_id,
                       COALESCE(h.customers, 0) AS customers, COALESCE(h.ranks, ARRAY[0, 0, 0]) AS ranks,
                       COALESCE(h.load, 0) AS load, COALESCE(h.revenue, 0) AS revenue,
                       COALESCE(p.capacity, 0) AS capacity
                  FROM held h FULL JOIN pool p ON p.company_id = h.company_id AND p.user_id = h.user_id
            )
            SELECT b.company_id * 1000000 + COALESCE(b.user_id, 0) AS id, b.user_id, b.company_id,
                   b.user_id IS NULL AS is_orphans, b.customers,
                   b.ranks[1] AS class_first, b.ranks[2] AS class_second, b.ranks[3] AS class_third,
                   b.customers - b.ranks[1] - b.ranks[2] - b.ranks[3] AS class_other,
                   100.0 * b.customers / NULLIF(sum(b.customers) OVER w, 0) AS share,
                   b.load, b.capacity, 100.0 * b.load / NULLIF(b.capacity, 0) AS load_share,
                   b.revenue AS revenue_12m, 100.0 * b.revenue / NULLIF(sum(b.revenue) OVER w, 0) AS revenue_share
              FROM base b WINDOW w AS (PARTITION BY b.company_id)
            """,
            rows=rows
            or SQL(
                "SELECT NULL::int AS company_id, NULL::int AS user_id, NULL::int AS abc_class_id, 0 AS customers, "
                "0 AS revenue, 0 AS load WHERE FALSE"
            ),
            counts=counts,
            companies=[row[0] for row in pool],
            users=[row[1] for row in pool],
            capacities=[row[2] for row in pool],
        )

    @api.model
    def _pool(self, companies):
        """Return [(company, user, contacts he can make this month)] of whoever may answer for customers."""
        Calendar = self.env["discipline.calendar"]
        Redistribution = self.env["discipline.redistribution"].sudo()
        rows = []
        for company in companies:
            days = len(Calendar._working_days(company, *Calendar._month_bounds(Calendar._today(company))))
            rows += [
                (company.id, user.id, user._discipline_capacity(company) * days)
                for user in Redistribution._receiver_pool(company)
                if user.active
            ]
        return rows

    @api.model
    @api.readonly
    def summary(self):
        """Return how evenly the base is divided: {managers, orphans, heads, load}; the last two as imbalances.

        :raise AccessError: for anyone but a supervisor
        """
        self.check_access("read")
        rows = self.search([("company_id", "in", self.env.companies.ids)])
        managers = rows.filtered(lambda row: not row.is_orphans)
        return {
            "managers": len(managers),
            "orphans": sum((rows - managers).mapped("customers")),
            "heads": imbalance(managers.mapped("customers"))._asdict(),
            "load": imbalance(managers.mapped("load"))._asdict(),
        }

    def action_capacity(self):
        """Open the dialog in which a supervisor sets what this manager can do."""
        self.ensure_one()
        return self.user_id._discipline_open_capacity()

    def action_customers(self):
        """Open the customers of this row."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_customer_action")
        return {
            **action,
            "name": self.display_name,
            "display_name": self.display_name,
            "domain": [
                ("in_base", "=", True),
                ("company_id", "=", self.company_id.id),
                ("user_id", "=", self.user_id.id or False),
            ],
            "context": {},
        }


class DisciplinePortfolioOrigin(models.Model):
    """Where each customer of today's portfolios came from, and what he bought before and since.

    All purchases of the whole base are too much to add up whenever somebody opens the report: its rows are kept. They
    are made anew at night (``discipline_purchases_on`` of the company), and at once for a customer who changes hands or
    whose purchases change.
    """

    _name = "discipline.portfolio.origin"
    _inherit = "discipline.grouped"
    _description = "Origin of a Portfolio"
    _log_access = False
    _order = "user_id, date_from desc, id"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, required=True, ondelete="cascade")
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="cascade")
    company_id = fields.Many2one("res.company", readonly=True, ondelete="cascade")
    abc_class_id = fields.Many2one(related="partner_id.discipline_abc_class_id", string="ABC Class")
    source = fields.Selection(
        [("acquired", "Acquired"), ("inherited", "Inherited"), ("received", "Received")],
        "Came From",
        readonly=True,
        help="Acquired: by the manager himself. Inherited: his at the installation, by a merge, or after a colleague "
        "left. Received: by list, redistribution, request or a supervisor's decision.",
    )
    origin = fields.Selection(ORIGINS, readonly=True)
    date_from = fields.Date("His Since", readonly=True)
    months = fields.Float("Months Held", digits=(8, 1), readonly=True, aggregator="avg")
    customers = fields.Integer(readonly=True)
    revenue_before = fields.Monetary("12 Months before, a Month", readonly=True)
    revenue_since = fields.Monetary(
        "Since Then", readonly=True, help="All purchases since he answers for the customer."
    )
    revenue_month = fields.Monetary("Since Then, a Month", readonly=True)
    growth = fields.Monetary("Growth, a Month", readonly=True, help="A month since then less a month before.")
    currency_id = fields.Many2one(related="company_id.currency_id")
    as_of = fields.Date(
        related="company_id.discipline_purchases_on",
        string="Figures as of",
        aggregator=None,
        help="Months are counted up to this day. Purchases and managers that changed since are in the figures.",
    )

    _partner_uniq = models.Constraint("UNIQUE(partner_id)", "A customer has one responsible manager.")
    _user_idx = models.Index("(user_id, date_from DESC, id)")

    #: what is kept of a customer besides himself
    _KEPT = (
        "user_id",
        "company_id",
        "source",
        "origin",
        "date_from",
        "months",
        "customers",
        "revenue_before",
        "revenue_since",
        "revenue_month",
        "growth",
    )

    @api.model
    def _refresh(self, company, partner_ids=None):
        """Make the rows of customers anew; those that agree are left alone.

        :param company: res.company whose customers they are
        :param partner_ids: ids of customers; None means all of the company, in chunks
        """
        for name in ("discipline.revenue", "discipline.assignment"):
            self.env[name].flush_model()
        self.env["discipline.customer"].flush_model(["partner_id", "company_id", "in_base"])
        columns = [SQL.identifier(name) for name in self._KEPT]
        for customers in self.env["discipline.buying"]._chunks(company, partner_ids):
            self.env.cr.execute(
                SQL(
                    """
                    WITH fresh AS MATERIALIZED (%(figures)s),
                    gone AS (
                        DELETE FROM discipline_portfolio_origin b
                         WHERE %(among)s AND b.company_id = %(company)s
                           AND NOT EXISTS (SELECT FROM fresh f WHERE f.partner_id = b.partner_id)
                    )
                    INSERT INTO discipline_portfolio_origin AS old (partner_id, %(columns)s)
                    SELECT f.partner_id, %(fresh)s
                      FROM fresh f LEFT JOIN discipline_portfolio_origin b ON b.partner_id = f.partner_id
                     WHERE b.id IS NULL OR (%(known)s) IS DISTINCT FROM (%(fresh)s)
                        ON CONFLICT (partner_id) DO UPDATE SET (%(columns)s) = ROW(%(excluded)s)
                    """,
                    figures=self._figures_sql(company, customers),
                    among=among("b.partner_id", customers),
                    company=company.id,
                    columns=SQL(", ").join(columns),
                    fresh=SQL(", ").join(SQL("f.%s", column) for column in columns),
                    known=SQL(", ").join(SQL("b.%s", column) for column in columns),
                    excluded=SQL(", ").join(SQL("excluded.%s", column) for column in columns),
                )
            )
        self.invalidate_model()

    @api.model
    def _figures_sql(self, company, customers):
        """Return the query of the rows of customers.

        :param customers: ids, or a range of them
        """
        return SQL(
            """
            WITH held AS (
                SELECT a.customer_ref, a.user_id, a.date_from, a.origin, a.company_id,
                       GREATEST(%(today)s::date - a.date_from, 30) / 30.4375 AS months
                  FROM discipline_assignment a
                  JOIN discipline_customer c ON c.partner_id = a.customer_ref AND c.in_base
                 WHERE %(among_held)s AND a.company_id = %(company)s AND a.date_to IS NULL AND a.user_id IS NOT NULL
            ),
            bought AS (
                SELECT h.customer_ref, sum(r.amount) FILTER (WHERE r.date < h.date_from) AS before,
                       sum(r.amount) FILTER (WHERE r.date >= h.date_from) AS since
                  FROM held h
                  JOIN discipline_revenue r ON r.customer_ref = h.customer_ref AND r.voided_at IS NULL
                   AND r.kind IN (%(kind)s, 'return') AND r.date <= %(today)s
                   AND r.date >= (h.date_from - interval '12 months')::date AND %(among_bought)s
              GROUP BY h.customer_ref
            )
            SELECT h.customer_ref AS partner_id, h.user_id, h.company_id, h.origin, h.date_from,
                   CASE WHEN h.origin = 'acquired' THEN 'acquired'
                        WHEN h.origin IN ('install', 'merge', 'departure') THEN 'inherited'
                        ELSE 'received' END AS source,
                   round(h.months, 1) AS months, 1 AS customers,
                   round(COALESCE(b.before, 0) / 12, 2) AS revenue_before,
                   COALESCE(b.since, 0) AS revenue_since,
                   round(COALESCE(b.since, 0) / h.months, 2) AS revenue_month,
                   round(COALESCE(b.since, 0) / h.months, 2) - round(COALESCE(b.before, 0) / 12, 2) AS growth
              FROM held h LEFT JOIN bought b ON b.customer_ref = h.customer_ref
            """,
            company=company.id,
            kind=company.sudo().discipline_revenue_kinds,
            today=self.env["discipline.calendar"]._today(company),
            among_held=among("a.customer_ref", customers),
            among_bought=among("r.customer_ref", customers),
        )


class DisciplineBaseDay(models.Model):
    """The customer base as it was on a past day: who answered for whom, in which class."""

    _name = "discipline.base.day"
    _inherit = "discipline.grouped"
    _description = "Customer Base on a Day"
    _auto = False
    _order = "user_id, partner_id, id"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True)
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", readonly=True)
    company_id = fields.Many2one("res.company", readonly=True)
    date_from = fields.Date("His Since", readonly=True)
    user_now_id = fields.Many2one("res.users", "Manager Now", readonly=True)
    is_moved = fields.Boolean("Changed Hands Since", readonly=True)
    customers = fields.Integer(readonly=True)

    _depends = {
        "discipline.assignment": ["customer_ref", "user_id", "date_from", "date_to", "company_id"],
        "discipline.customer": [
            "partner_id",
            "abc_class_id",
            "in_base",
            "base_from",
            "base_until",
            "user_id",
            "company_id",
        ],
        "discipline.abc.change": ["customer_ref", "class_from_id", "class_to_id", "date_effective", "voided_at"],
    }

    @property
    def _table_query(self):
        day = fields.Date.to_date(self.env.context.get("discipline_as_of")) or self.env["discipline.calendar"]._today()
        return SQL(
            """
            SELECT k.customer_ref AS id, p.id AS partner_id, a.user_id, a.date_from, 1 AS customers,
                   COALESCE(a.company_id, c.company_id) AS company_id, c.user_id AS user_now_id,
                   c.user_id IS DISTINCT FROM a.user_id AS is_moved,
                   CASE WHEN NOT EXISTS (SELECT FROM discipline_abc_change x WHERE x.customer_ref = k.customer_ref
                                            AND x.voided_at IS NULL)
                        THEN c.abc_class_id
                        ELSE COALESCE((SELECT x.class_to_id FROM discipline_abc_change x
                                        WHERE x.customer_ref = k.customer_ref AND x.voided_at IS NULL
                                          AND x.date_effective <= %(day)s
                                     ORDER BY x.date_effective DESC, x.id DESC LIMIT 1),
                                      (SELECT x.class_from_id FROM discipline_abc_change x
                                        WHERE x.customer_ref = k.customer_ref AND x.voided_at IS NULL
                                          AND x.date_effective > %(day)s
                                     ORDER BY x.date_effective, x.id LIMIT 1))
                         END AS abc_class_id
              FROM (SELECT partner_id AS customer_ref FROM discipline_customer
                     WHERE COALESCE(base_from, create_date::date) <= %(day)s
                       AND (in_base OR base_until > %(day)s)
                     UNION
                    SELECT customer_ref FROM discipline_assignment
                     WHERE date_from <= %(day)s) k
         LEFT JOIN discipline_customer c ON c.partner_id = k.customer_ref
         LEFT JOIN res_partner p ON p.id = k.customer_ref
         LEFT JOIN discipline_assignment a ON a.customer_ref = k.customer_ref AND a.date_from <= %(day)s
               AND (a.date_to IS NULL OR a.date_to > %(day)s)
             WHERE a.id IS NOT NULL OR c.in_base OR c.base_until > %(day)s
            """,
            day=day,
        )


class DisciplineBaseAsOf(models.TransientModel):
    """Which past day the base is asked for."""

    _name = "discipline.base.as.of"
    _description = "The Base as of a Day"

    day = fields.Date(
        required=True,
        default=lambda self: fields.Date.subtract(
            self.env["discipline.calendar"]._month_bounds(self.env["discipline.calendar"]._today())[0], days=1
        ),
    )

    def action_open(self):
        """Open the base as it was on that day."""
        self.ensure_one()
        day = min(self.day, self.env["discipline.calendar"]._today())
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_base_day_action")
        name = self.env._("The base as of %(day)s", day=format_date(self.env, day))
        return {
            **action,
            "name": name,
            "display_name": name,
            "context": {"discipline_as_of": fields.Date.to_string(day), "search_default_group_user": 1},
        }
