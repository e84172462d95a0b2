"""Whom a redistribution moves, and who may receive: every cause comes through ``_propose``."""

from collections import defaultdict
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine import allocation, policy
from .discipline_redistribution import OPEN_STATES
from .res_users import SUPERVISOR

#: causes in which the receivers with the fewest customers come first, and no switch or attainment is asked for
FEWEST_FIRST = ("orphan", "unfilled", "departure")
#: beyond so many pairs of a kind of customers and a receiver, kinds are told apart by less
PAIRS = 1_000_000


class DisciplineRedistribution(models.Model):
    _inherit = "discipline.redistribution"

    # ------------------------------------------------------------------
    # The nightly causes
    # ------------------------------------------------------------------

    @api.model
    def _nightly(self, company):
        """Propose for closed periods and orphans; carry out what the policy lets go by itself."""
        Period = self.env["discipline.period"]
        for kind in Period._kinds(company):
            period = Period.search(
                [("company_id", "=", company.id), ("state", "=", "closed"), ("kind", "=", kind)],
                order="date_start desc",
                limit=1,
            )
            if period and not self.search_count([("period_id", "=", period.id), ("cause", "=", "missed")], limit=1):
                self._propose_missed(period)
        self._propose_orphans(company)
        self._carry_out_automatic(company)

    @api.model
    def _propose_missed(self, period):
        """Propose other managers for the customers whose norm the policy calls missed in ``period``.

        A draft that a dry run left behind gives way: its customers are judged anew.

        :return: the batch, empty where nobody is to be withdrawn
        """
        company = period.company_id
        stale = self.search([("company_id", "=", company.id), ("cause", "=", "missed"), ("state", "=", "draft")])
        stale._cancel()
        chosen, bases = self._withdrawn(period)
        return self._propose(
            company,
            "missed",
            chosen.partner_id,
            period=period,
            verdicts={verdict.customer_ref: verdict for verdict in chosen},
            bases=bases,
        )

    @api.model
    def _propose_orphans(self, company):
        """Propose managers for customers without one; a single open batch at a time.

        Whom a supervisor left without a manager is left alone for the policy's cooldown. Where nobody can receive,
        there is no batch.
        """
        if self.search_count(
            [("company_id", "=", company.id), ("cause", "=", "orphan"), ("state", "in", OPEN_STATES)], limit=1
        ):
            return self.browse()
        today = self.env["discipline.calendar"]._today(company)
        rules = self.env["discipline.policy"]._policy_on(company, today)
        Line = self.env["discipline.redistribution.line"]
        kept = Line.search(
            [
                ("redistribution_id.cause", "=", "orphan"),
                ("company_id", "=", company.id),
                ("state", "=", "waived"),
                ("write_date", ">=", fields.Datetime.now() - timedelta(days=rules.cooldown_days)),
            ]
        )
        orphans = self.env["discipline.customer"].search(
            [
                ("company_id", "=", company.id),
                ("in_base", "=", True),
                ("user_id", "=", False),
                ("partner_id", "not in", kept.partner_id.ids),
            ]
        )
        return self._propose(company, "orphan", orphans.partner_id, only_if_placed=True)

    @api.model
    def _carry_out_automatic(self, company):
        """Approve and apply what the policy lets go by itself once the appeals' time is over."""
        if company.discipline_dry_mode:
            return
        today = self.env["discipline.calendar"]._today(company)
        batches = self.search(
            [
                ("company_id", "=", company.id),
                ("state", "=", "proposed"),
                ("cause", "in", ("missed", "orphan")),
                ("policy_id.approval", "=", "automatic"),
            ]
        )
        for batch in batches.filtered(lambda row: not row.appeal_until or row.appeal_until < today):
            lines = batch.line_ids.filtered(lambda line: line.state == "proposed" and not line.is_waiting)
            lines -= lines._skip_changed()
            if lines:
                lines.write({"state": "approved"})
                batch._apply(lines)

    # ------------------------------------------------------------------
    # Missed norms: who is withdrawn from whom
    # ------------------------------------------------------------------

    @api.model
    def _withdrawn(self, period):
        """Return the verdicts of ``period`` that withdraw their customers, after protection, cooldown and cap.

        :return: (discipline.compliance, {customer id: ids of the verdicts that decide, the newest first})
        """
        company, rules = period.company_id, period.policy_id
        today = self.env["discipline.calendar"]._today(company)
        Compliance = self.env["discipline.compliance"]
        missed = Compliance.search([("period_id", "=", period.id), ("closed", "=", True), ("goal", ">", 0)])
        missed = missed.filtered(lambda row: row.partner_id and policy.is_missed(self._judged(row), rules.missed_share))
        missed = missed.filtered(lambda row: row.state != "unreachable")
        holders = {
            customer.partner_id.id: customer.user_id
            for customer in self.env["discipline.customer"].search(
                [("partner_id", "in", missed.partner_id.ids), ("in_base", "=", True)]
            )
        }
        spared = self._spared(company, rules, today, missed.partner_id.ids)
        missed = missed.filtered(
            lambda row: (
                holders.get(row.partner_id.id)
                and holders[row.partner_id.id].id == row.manager_ref
                and row.partner_id.id not in spared
                and not policy.is_newcomer(row.user_id.discipline_newcomer_since or None, today, rules.newcomer_months)
            )
        )
        history = self._history(missed, period)
        rule_of = {abc_class: policy.Rule(*rules._rule_for(abc_class)) for abc_class in missed.abc_class_id}
        per_manager, bases = defaultdict(list), {}
        for verdict in missed:
            rule = rule_of.get(verdict.abc_class_id) or policy.Rule(*rules._rule_for(verdict.abc_class_id))
            deciding = policy.deciding(history[verdict.customer_ref, verdict.manager_ref], rule)
            if deciding and deciding[0].ref == verdict.id:
                per_manager[verdict.manager_ref].append(verdict)
                bases[verdict.customer_ref] = [row.ref for row in deciding]
        lost = self._lost_this_month(company, today) if rules.cap_per_manager else {}
        chosen = []
        for manager, rows in per_manager.items():
            cap = rules.cap_per_manager and rules.cap_per_manager - lost.get(manager, 0)
            if rules.cap_per_manager and cap <= 0:
                continue
            keep = set(
                policy.capped(
                    [(row.customer_ref, row.attained / row.goal) for row in rows], cap, str(period.date_start)
                )
            )
            chosen += [row.id for row in rows if row.customer_ref in keep]
        return Compliance.browse(sorted(chosen)), bases

    @api.model
    def _judged(self, verdict):
        return policy.Judged(verdict.period_id.date_start, verdict.goal, verdict.attained, verdict.id)

    @api.model
    def _history(self, missed, period):
        """Return {(customer, manager): verdicts of the present manager up to ``period``}.

        A verdict against which an appeal was granted is no longer held against anyone.
        """
        granted = (
            self.env["discipline.appeal"]
            .search([("state", "=", "granted"), ("line_id.customer_ref", "in", missed.mapped("customer_ref"))])
            .line_id.verdict_id
        )
        history = defaultdict(list)
        rows = self.env["discipline.compliance"].search(
            [
                ("closed", "=", True),
                ("state", "!=", "unreachable"),
                ("customer_ref", "in", missed.mapped("customer_ref")),
                ("period_id.kind", "=", period.kind),
                ("period_id.date_start", "<=", period.date_start),
                ("id", "not in", granted.ids),
            ]
        )
        for row in rows:
            history[row.customer_ref, row.manager_ref].append(self._judged(row))
        return history

    @api.model
    def _spared(self, company, rules, today, partner_ids):
        """Return which of these customers nothing may be withdrawn of: {customer id: why} (a hook).

        Why is a key of the lines' ``skip_reason``: ``protected`` (an exception), ``deal`` (an open deal in a late
        stage), ``cooldown`` (moved lately).
        """
        spared = {}
        since = today - timedelta(days=rules.cooldown_days)
        moved = self.env["discipline.redistribution.line"].search(
            [("partner_id", "in", partner_ids), ("state", "=", "applied"), ("applied_on", ">", since)]
        )
        spared.update(dict.fromkeys(moved.partner_id.ids, "cooldown"))
        requested = self.env["discipline.assignment"].search(
            [("customer_ref", "in", partner_ids), ("origin", "=", "request"), ("date_from", ">", since)]
        )
        spared.update(dict.fromkeys(requested.mapped("customer_ref"), "cooldown"))
        if rules.late_stage_probability:
            leads = self.env["crm.lead"].search(
                [
                    ("partner_id.commercial_partner_id", "in", partner_ids),
                    ("type", "=", "opportunity"),
                    ("won_status", "=", "pending"),
                    ("probability", ">=", rules.late_stage_probability),
                ]
            )
            spared.update(dict.fromkeys(leads.partner_id.commercial_partner_id.ids, "deal"))
        wanted = set(partner_ids)
        kept = self.env["discipline.exception"]._in_force(company, today, today, ("keep",))
        spared.update({row[0]: "protected" for row in kept if row[0] in wanted})
        return spared

    @api.model
    def _lost_this_month(self, company, today):
        """Return {user id: how many customers were withdrawn from him this month}."""
        groups = self.env["discipline.redistribution.line"]._read_group(
            [
                ("company_id", "=", company.id),
                ("redistribution_id.cause", "=", "missed"),
                *self._this_month_domain(today),
            ],
            ["user_from_id"],
            ["__count"],
        )
        return {user.id: count for user, count in groups}

    @api.model
    def _this_month_domain(self, today):
        """Return the domain of lines that are open, or were applied in the month of ``today``."""
        first = today.replace(day=1)
        return [
            "|",
            ("state", "in", ("proposed", "approved")),
            "&",
            ("state", "=", "applied"),
            ("applied_on", ">=", first),
        ]

    # ------------------------------------------------------------------
    # The one way in
    # ------------------------------------------------------------------

    @api.model
    def _propose(
        self,
        company,
        cause,
        customers,
        *,
        reason=None,
        period=None,
        verdicts=None,
        bases=None,
        receiver=None,
        only_if_placed=False,
    ):
        """Propose receivers for customers: the one way in, for every cause.

        Customers in an open redistribution are left alone. In dry mode the batch stays a draft and nobody is told.

        :param company: res.company whose policy governs
        :param str cause: key of CAUSES
        :param customers: res.partner, customers of the base
        :param str reason: why, in a person's words; it stands in each line's sentence
        :param period: discipline.period on which a missed norm rests
        :param dict verdicts: {customer id: discipline.compliance} that withdraw them
        :param dict bases: {customer id: ids of all the verdicts that decide}
        :param receiver: res.users, chosen by a supervisor for all of them; by default the allocation chooses
        :param bool only_if_placed: make no batch where nobody could receive any of them
        :return: the batch, empty where there is nothing to propose
        """
        self = self.sudo()
        today = self.env["discipline.calendar"]._today(company)
        rules = (period and period.policy_id) or self.env["discipline.policy"]._policy_on(company, today)
        facts = self._customer_facts(company, customers.ids)
        if not facts:
            return self.browse()
        seed = f"{company.id}|{cause}|{period.kind if period else ''}|{period.date_start if period else today}"
        spared = self._spared(company, rules, today, list(facts)) if cause not in ("missed", "orphan") else {}
        figures = self._manager_figures(company, today, period)
        placements = self._placements(company, cause, rules, facts, spared, figures, seed, receiver)
        if only_if_placed and not any(placement.receiver for placement in placements):
            return self.browse()
        batch = self.create(
            {
                "company_id": company.id,
                "cause": cause,
                "state": "draft",
                "period_id": period.id if period else False,
                "policy_id": rules.id,
                "reason": reason,
                "seed": seed,
            }
        )
        batch._insert_lines(facts, placements, figures, verdicts or {}, bases or {})
        batch._insert_managers(figures)
        if not company.discipline_dry_mode:
            batch._propose_now()
        return batch

    @api.model
    def _placements(self, company, cause, rules, facts, spared, figures, seed, receiver):
        """Return an ``allocation.Placement`` for every customer of ``facts``."""
        by_count = cause in FEWEST_FIRST
        skipped = [allocation.Placement(pid, None, why) for pid, why in sorted(spared.items())]
        moving = {pid: row for pid, row in facts.items() if pid not in spared}
        if receiver:
            row = figures.get(receiver.id) or self._no_figures()
            return skipped + [
                allocation.Placement(pid, receiver.id, None, row["capacity"] - row["load"])
                if fact["user"] != receiver.id
                else allocation.Placement(pid, None, "same")
                for pid, fact in sorted(moving.items())
            ]
        barred = self._barred(rules, list(moving))
        seats = [
            allocation.Receiver(
                user,
                row["capacity"],
                row["load"],
                max(0, rules.intake_cap - row["received"]) if rules.intake_cap else None,
                row["customers"],
            )
            for user, row in figures.items()
            if self._may_receive(cause, rules, row)
        ]
        kinds = self._kinds_of(moving, len(seats))
        profiles = self._receiver_profiles(company, figures)
        return skipped + allocation.allocate(
            [
                allocation.Customer(pid, fact["load"], fact["user"], kinds[pid], barred.get(pid, frozenset()))
                for pid, fact in moving.items()
            ],
            seats,
            seed,
            by_count=by_count,
            nearness=lambda kind, user: allocation.nearness(kind, profiles[user]),
        )

    @api.model
    def _may_receive(self, cause, rules, row):
        """Tell whether the manager with these figures may receive for this cause (a hook)."""
        if not row["active"] or row["absent"]:
            return False
        if cause != "missed":
            return True
        return row["takes_more"] and row["attainment"] is not None and row["attainment"] >= rules.receiver_attainment

    @api.model
    def _barred(self, rules, partner_ids):
        """Return {customer id: users that lost him within the cooldown}: he does not return to them."""
        today = self.env["discipline.calendar"]._today(rules.company_id)
        lines = self.env["discipline.redistribution.line"].search(
            [
                ("partner_id", "in", partner_ids),
                ("state", "=", "applied"),
                ("redistribution_id.cause", "=", "missed"),
                ("applied_on", ">", today - timedelta(days=rules.cooldown_days)),
            ]
        )
        barred = defaultdict(set)
        for line in lines:
            barred[line.partner_id.id].add(line.from_ref)
        return {pid: frozenset(users) for pid, users in barred.items()}

    # ------------------------------------------------------------------
    # Figures of customers and managers, by sets
    # ------------------------------------------------------------------

    @api.model
    def _load_sql(self, company):
        """Return SQL of rows (partner_id, user_id, load): contacts a month that each customer's norm asks for.

        A weekly norm is asked for in every week of the month. An approved own norm wins, a pause asks for nothing.
        """
        Calendar = self.env["discipline.calendar"]
        today = Calendar._today(company)
        days = len(Calendar._working_days(company, *Calendar._month_bounds(today)))
        rows = [
            (abc_class, team, goal if kind == "month" else -(-goal * days // 5))
            for abc_class, team, kind, first, until, _norm, goal in self.env["discipline.norm"]._norm_rows(
                company, today, today
            )
            if first <= today < until
        ]
        return SQL(
            """
            SELECT c.partner_id, c.user_id, c.company_id, c.abc_class_id,
                   COALESCE(
                       (SELECT CASE WHEN x.kind = 'pause' THEN 0 ELSE x.goal END FROM discipline_exception x
                         WHERE x.partner_id = c.partner_id AND x.state = 'approved' AND x.kind IN ('pause', 'own_norm')
                           AND %(today)s BETWEEN x.date_from AND x.date_until ORDER BY x.kind DESC, x.id DESC LIMIT 1),
                       own.goal, gen.goal, 0) AS load
              FROM discipline_customer c
         LEFT JOIN res_users u ON u.id = c.user_id
         LEFT JOIN unnest(%(classes)s::int[], %(teams)s::int[], %(goals)s::int[]) AS own(abc_class_id, team_id, goal)
                ON own.abc_class_id = c.abc_class_id AND own.team_id = u.sale_team_id
         LEFT JOIN unnest(%(classes)s::int[], %(teams)s::int[], %(goals)s::int[]) AS gen(abc_class_id, team_id, goal)
                ON gen.abc_class_id = c.abc_class_id AND gen.team_id = 0
             WHERE c.in_base
            """,
            today=today,
            classes=[row[0] for row in rows],
            teams=[row[1] for row in rows],
            goals=[row[2] for row in rows],
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
                  JOIN res_partner p ON p.id = f.partner_id
             LEFT JOIN res_users u ON u.id = f.user_id
                 WHERE f.company_id = %(company)s AND f.partner_id = ANY(%(ids)s)
                   AND NOT EXISTS (SELECT FROM discipline_redistribution_line l
                                    WHERE l.customer_ref = f.partner_id AND l.state IN ('proposed', 'approved'))
                """,
                load=self._load_sql(company),
                company=company.id,
                ids=list(partner_ids),
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
                ids=list(partner_ids),
            )
        )
        return {row[0]: tuple(row[1]) for row in rows}

    @api.model
    def _receiver_profiles(self, company, figures):
        """Return {user id: ``allocation.Profile``}: where and in what industries his customers are, and his team."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT c.user_id, array_agg(DISTINCT p.country_id), array_agg(DISTINCT p.state_id),
                       array_agg(DISTINCT p.industry_id)
                  FROM discipline_customer c JOIN res_partner p ON p.id = c.partner_id
                 WHERE c.in_base AND c.user_id = ANY(%s) GROUP BY c.user_id
                """,
                list(figures),
            )
        )
        portfolios = {row[0]: [frozenset(values) - {None} for values in row[1:]] for row in rows}
        none = [frozenset()] * 3
        return {
            user.id: allocation.Profile(
                user.id, user.sale_team_id.id, *portfolios.get(user.id, none), languages=frozenset({user.lang})
            )
            for user in self.env["res.users"].with_context(active_test=False).browse(figures)
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

    # ------------------------------------------------------------------
    # Writing it down
    # ------------------------------------------------------------------

    def _insert_lines(self, facts, placements, figures, verdicts, bases):
        """Insert the batch's lines in one statement: a batch may have a hundred thousand of them."""
        self.ensure_one()
        rows = []
        for placement in placements:
            fact = facts[placement.customer]
            receiver = figures.get(placement.receiver) or self._no_figures()
            verdict = verdicts.get(placement.customer)
            rows.append(
                (
                    placement.customer,
                    fact["user"],
                    placement.receiver,
                    fact["abc_class"],
                    fact["load"],
                    placement.room,
                    receiver["attainment"],
                    receiver["customers"],
                    verdict.id if verdict else None,
                    ",".join(map(str, bases.get(placement.customer, ()))) or None,
                    "proposed" if placement.receiver else "skipped",
                    placement.reason,
                )
            )
        columns = [list(column) for column in zip(*rows, strict=True)]
        self.flush_recordset()
        self.env.cr.execute(
            SQL(
                """
                INSERT INTO discipline_redistribution_line
                       (redistribution_id, company_id, partner_id, customer_ref, user_from_id, from_ref, user_to_id,
                        abc_class_id, load, room, attainment, customers, verdict_id, basis, state, skip_reason,
                        create_uid, create_date, write_uid, write_date)
                SELECT %(batch)s, %(company)s, n.partner_id, n.partner_id, n.user_from_id, n.user_from_id,
                       n.user_to_id, n.abc_class_id, n.load, n.room, n.attainment, n.customers, n.verdict_id, n.basis,
                       n.state, n.skip_reason,
                       %(uid)s, now() AT TIME ZONE 'UTC', %(uid)s, now() AT TIME ZONE 'UTC'
                  FROM unnest(%(c0)s::int[], %(c1)s::int[], %(c2)s::int[], %(c3)s::int[], %(c4)s::int[], %(c5)s::int[],
                              %(c6)s::int[], %(c7)s::int[], %(c8)s::int[], %(c9)s::varchar[], %(c10)s::varchar[],
                              %(c11)s::varchar[])
                       AS n(partner_id, user_from_id, user_to_id, abc_class_id, load, room, attainment, customers,
                            verdict_id, basis, state, skip_reason)
                """,
                batch=self.id,
                company=self.company_id.id,
                uid=self.env.uid,
                **{f"c{index}": column for index, column in enumerate(columns)},
            )
        )
        self.env["discipline.redistribution.line"].invalidate_model()
        self.invalidate_recordset(["line_ids"])

    def _insert_managers(self, figures):
        """Remember the figures of every manager whom the batch concerns, or who could have received."""
        self.ensure_one()
        concerned = set((self.line_ids.user_from_id | self.line_ids.user_to_id).ids)
        self.env["discipline.redistribution.manager"].create(
            [
                {
                    "redistribution_id": self.id,
                    "user_id": user,
                    "attainment": figures[user]["attainment"] or 0,
                    "capacity": figures[user]["capacity"],
                    "load_before": figures[user]["load"],
                    "customers_before": figures[user]["customers"],
                }
                for user in sorted(figures)
                if user in concerned
            ]
        )
