"""What a redistribution looks at: what customers ask for, and what managers can take, read by sets."""

from odoo import api, models
from odoo.tools import SQL

from ..engine import allocation, policy
from .res_users import SUPERVISOR
from .sets import array

#: beyond so many pairs of a kind of customers and a receiver, kinds are told apart by less
PAIRS = 1_000_000


class DisciplineRedistribution(models.Model):
    _inherit = "discipline.redistribution"

    # ------------------------------------------------------------------
    # Figures of customers and managers, by sets
    # ------------------------------------------------------------------

    @api.model
    def _load_sql(self, company, source=None):
        """Return SQL of rows (partner_id, user_id, load): contacts a month that each customer's norm asks for.

        A weekly norm is asked for in every week of the month. An approved own norm wins, a pause asks for nothing;
        seasonal ones do so in their season only.

        :param source: SQL of the rows that are looked at instead of every customer, see :meth:`_held_sql`
        """
        Calendar = self.env["discipline.calendar"]
        today = Calendar._today(company)
        days = len(Calendar._working_days(company, *Calendar._month_bounds(today)))
        # an own norm is so many contacts in whatever period the customer's class is judged by
        rows = [
            (abc_class, team, goal if kind == "month" else -(-goal * days // 5), kind == "week")
            for abc_class, team, kind, first, until, _norm, goal in self.env["discipline.norm"]._norm_rows(
                company, today, today
            )
            if first <= today < until
        ]
        agreed = self._agreed_norms(today)
        return SQL(
            """
            SELECT c.partner_id, c.user_id, c.company_id, c.abc_class_id,
                   COALESCE(CASE WHEN COALESCE(own.weekly, gen.weekly) THEN ceil(x.goal * %(days)s / 5.0)
                                 ELSE x.goal END, own.goal, gen.goal, 0)::int AS load %(more)s
              FROM %(source)s c
         LEFT JOIN res_users u ON u.id = c.user_id
         LEFT JOIN unnest(%(classes)s::int[], %(teams)s::int[], %(goals)s::int[], %(weekly)s::bool[])
                   AS own(abc_class_id, team_id, goal, weekly)
                ON own.abc_class_id = c.abc_class_id AND own.team_id = u.sale_team_id
         LEFT JOIN unnest(%(classes)s::int[], %(teams)s::int[], %(goals)s::int[], %(weekly)s::bool[])
                   AS gen(abc_class_id, team_id, goal, weekly)
                ON gen.abc_class_id = c.abc_class_id AND gen.team_id = 0
         LEFT JOIN unnest(%(x_partner)s::int[], %(x_goal)s::int[]) AS x(partner_id, goal) ON x.partner_id = c.partner_id
             WHERE %(which)s
            """,
            more=SQL(", c.customers, c.revenue") if source else SQL(),
            source=SQL("(%s)", source) if source else SQL("discipline_customer"),
            which=SQL("TRUE") if source else SQL("c.in_base"),
            days=days,
            classes=[row[0] for row in rows],
            teams=[row[1] for row in rows],
            goals=[row[2] for row in rows],
            weekly=[row[3] for row in rows],
            x_partner=list(agreed),
            x_goal=list(agreed.values()),
        )

    @api.model
    def _held_sql(self, company):
        """Return SQL of a company's customers by manager and class, with (company_id, user_id, abc_class_id, load).

        Customers with the same load are one row: ``customers`` says how many, ``revenue`` what they bought in twelve
        months, and ``load`` what the norm asks of each.
        """
        agreed = list(self._agreed_norms(self.env["discipline.calendar"]._today(company)))
        return self._load_sql(
            company,
            SQL(
                """
                SELECT NULL::int AS partner_id, company_id, user_id, abc_class_id, count(*) AS customers,
                       sum(revenue_12m) AS revenue
                  FROM discipline_customer
                 WHERE in_base AND company_id = %(company)s %(others)s
              GROUP BY company_id, user_id, abc_class_id
                 UNION ALL
                SELECT partner_id, company_id, user_id, abc_class_id, 1, revenue_12m
                  FROM discipline_customer
                 WHERE in_base AND company_id = %(company)s AND partner_id = ANY(%(agreed)s)
                """,
                company=company.id,
                agreed=agreed,
                others=SQL("AND partner_id != ALL(%s)", agreed) if agreed else SQL(),
            ),
        )

    @api.model
    def _agreed_norms(self, today):
        """Return {customer id: contacts a period} of what is agreed for single customers today; a pause asks for 0.

        A manager may hold customers of several companies, and all of them are his load.
        """
        agreed = {}
        for company in self.env["res.company"]._discipline_on():
            rows = self.env["discipline.exception"]._in_force(company, today, today, ("own_norm", "pause"))
            for partner, kind, goal, _first, _last in sorted(rows, key=lambda row: row[1] == "pause"):
                agreed[partner] = 0 if kind == "pause" else goal
        return agreed

    @api.model
    def _surplus_sql(self, company, user_ids, seed):
        """Return SQL of rows (user id, customer id, load) of these managers' customers that ask for something.

        The lowest class comes first; within a class the order is a hash's, so that nobody is favoured by his id.
        """
        return SQL(
            """
            SELECT f.user_id, f.partner_id, f.load FROM (%(load)s) f
         LEFT JOIN discipline_abc_class k ON k.id = f.abc_class_id
             WHERE f.user_id = ANY(%(users)s) AND f.company_id = %(company)s AND f.load > 0
          ORDER BY f.user_id, k.sequence DESC, k.id DESC, md5(concat_ws('|', %(seed)s, f.partner_id)), f.partner_id
            """,
            load=self._load_sql(company),
            users=user_ids,
            company=company.id,
            seed=seed,
        )

    def _flush_figures(self):
        for name, names in (
            ("discipline.customer", None),
            ("discipline.exception", None),
            ("discipline.redistribution.line", None),
            ("discipline.compliance", None),
            ("res.users", ["sale_team_id", "active"]),
            ("res.partner", ["country_id", "state_id", "industry_id", "lang", "company_id"]),
        ):
            self.env[name].flush_model(names)

    @api.model
    def _customer_facts(self, company, partner_ids):
        """Return {customer id: dict(user, load, abc_class, country, state, industry, lang, team)} of the free ones.

        Customers that are in an open redistribution, or no longer in the base, are left out.
        """
        self._flush_figures()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT f.partner_id, f.user_id, f.load, f.abc_class_id, p.country_id, p.state_id, p.industry_id,
                       p.lang, u.sale_team_id
                  FROM (%(load)s) f
                       -- said of both: otherwise all partners would be read for a tenth of them
                  JOIN res_partner p ON p.id = f.partner_id AND p.id = ANY(%(ids)s)
             LEFT JOIN res_users u ON u.id = f.user_id
                 WHERE f.company_id = %(company)s AND f.partner_id = ANY(%(ids)s)
                   AND NOT EXISTS (SELECT FROM discipline_redistribution_line l
                                    WHERE l.customer_ref = f.partner_id AND l.state IN ('proposed', 'approved'))
                """,
                load=self._load_sql(company),
                company=company.id,
                ids=array(partner_ids, "int"),
            )
        )
        names = ("user", "load", "abc_class", "country", "state", "industry", "lang", "team")
        return {row[0]: dict(zip(names, row[1:], strict=True)) for row in rows}

    @api.model
    def _kinds_of(self, facts, receivers):
        """Return {customer id: what nearness looks at}; with very many kinds they are told apart by less.

        A kind is a tuple of (team, country, state, language, industry, managers who know the customer).
        """
        history = self._shared_history(list(facts)) if len(facts) <= 5000 else {}
        for depth in range(4):
            kinds = {
                pid: (
                    fact["team"],
                    fact["country"],
                    fact["state"] if depth < 3 else None,
                    fact["lang"],
                    fact["industry"] if depth < 2 else None,
                    history.get(pid, ()) if depth < 1 else (),
                )
                for pid, fact in facts.items()
            }
            if len(set(kinds.values())) * receivers <= PAIRS:
                break
        return kinds

    @api.model
    def _shared_history(self, partner_ids):
        """Return {customer id: sorted ids of the users who were responsible for him or talked to him}."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT customer_ref, array_agg(DISTINCT user_ref ORDER BY user_ref) FROM (
                    SELECT customer_ref, manager_ref AS user_ref FROM discipline_assignment
                     WHERE customer_ref = ANY(%(ids)s)
                     UNION SELECT partner_id, doer_ref FROM discipline_contact
                            WHERE partner_id = ANY(%(ids)s) AND voided_at IS NULL
                ) known GROUP BY customer_ref
                """,
                ids=array(partner_ids, "int"),
            )
        )
        return {row[0]: tuple(row[1]) for row in rows}

    @api.model
    def _receiver_profiles(self, user_ids):
        """Return {user id: ``allocation.Profile``}: where and in what industries his customers are, and his team."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT user_id, array_agg(DISTINCT country_id), array_agg(DISTINCT state_id),
                       array_agg(DISTINCT industry_id)
                  FROM (SELECT DISTINCT c.user_id, p.country_id, p.state_id, p.industry_id
                          FROM discipline_customer c JOIN res_partner p ON p.id = c.partner_id
                         WHERE c.in_base AND c.user_id = ANY(%s)) held
              GROUP BY user_id
                """,
                list(user_ids),
            )
        )
        portfolios = {row[0]: [frozenset(values) - {None} for values in row[1:]] for row in rows}
        none = [frozenset()] * 3
        return {
            user.id: allocation.Profile(
                user.id, user.sale_team_id.id, *portfolios.get(user.id, none), languages=frozenset({user.lang})
            )
            for user in self.env["res.users"].with_context(active_test=False).browse(user_ids)
        }

    @api.model
    def _receiver_pool(self, company):
        """Return the users who may answer for customers of ``company`` (a hook).

        They are the members of teams, and whoever holds customers today. A supervisor without customers leads.
        """
        leading = self.env.ref(SUPERVISOR).all_user_ids
        members = self.env["crm.team.member"].search([]).user_id - leading
        holders = self.env["discipline.customer"]._read_group([("user_id", "!=", False)], ["user_id"])
        users = members | self.env["res.users"].union(*(user for (user,) in holders))
        return users.filtered(lambda user: not user.share and company in user.company_ids)

    @api.model
    def _no_figures(self):
        return {
            "active": True,
            "absent": False,
            "takes_more": False,
            "capacity": 0,
            "load": 0,
            "customers": 0,
            "attainment": None,
            "received": 0,
        }

    @api.model
    def _manager_figures(self, company, today, period=None):
        """Return {user id: dict} of what decides who may receive, in a constant number of statements.

        ``capacity`` and ``load`` in norm contacts a month (open proposals that come to him are in his load),
        ``customers``, ``attainment`` (percent of the last closed period, None where nothing was due), ``received``
        this month, ``absent``, ``active``, ``takes_more``.
        """
        Calendar = self.env["discipline.calendar"]
        Line = self.env["discipline.redistribution.line"]
        self._flush_figures()
        days = len(Calendar._working_days(company, *Calendar._month_bounds(today)))
        held = {
            row[0]: row[1:]
            for row in self.env.execute_query(
                SQL(
                    "SELECT user_id, sum(load)::int, count(*) FROM (%s) f WHERE user_id IS NOT NULL GROUP BY user_id",
                    self._load_sql(company),
                )
            )
        }
        coming = {
            user.id: (load, count)
            for user, load, count in Line._read_group(
                [("state", "in", ("proposed", "approved"))], ["user_to_id"], ["load:sum", "__count"]
            )
        }
        received = {
            user.id: count
            for user, count in Line._read_group(
                [("company_id", "=", company.id), *self._this_month_domain(today)], ["user_to_id"], ["__count"]
            )
        }
        absent = set(
            self.env["discipline.absence"]
            .search([("approved", "=", True), ("date_from", "<=", today), ("date_to", ">=", today)])
            .user_id.ids
        )
        attainments = self._attainments(company, period)
        rules = self.env["discipline.policy"]._policy_on(company, today)
        figures = {}
        for user in self._receiver_pool(company):
            load, customers = held.get(user.id, (0, 0))
            more, count = coming.get(user.id, (0, 0))
            share = policy.newcomer_share(user.discipline_newcomer_since or None, today, rules.newcomer_months)
            figures[user.id] = {
                **self._no_figures(),
                "active": user.active,
                "absent": user.id in absent,
                "takes_more": user.discipline_takes_more,
                "capacity": user._discipline_capacity(company) * days * share // 100,
                "load": load + more,
                "customers": customers + count,
                "attainment": attainments.get(user.id),
                "received": received.get(user.id, 0),
            }
        return figures

    @api.model
    def _attainments(self, company, period=None):
        """Return {user id: percent of the norms met} of a closed period, by default the last closed month."""
        Period = self.env["discipline.period"]
        period = period or Period.search(
            [("company_id", "=", company.id), ("state", "=", "closed")], order="date_end desc, kind", limit=1
        )
        groups = self.env["discipline.compliance"]._read_group(
            [("period_id", "=", period.id), ("closed", "=", True), ("goal", ">", 0)],
            ["user_id"],
            ["goal:sum", "attained:sum"],
        )
        # rounded down: whoever is shown with 90 % has at least 90 %
        return {user.id: 100 * attained // goal for user, goal, attained in groups}
