"""Verdicts: was the norm of contacts kept, by whom, and on what that rests.

One set-based statement judges any number of customers; ``engine/verdicts.py`` says the same for one customer, and
tests hold the two against each other. SQL, in short:

    span     the assignment intervals, cut to the period, in order
    gov      class, team and norm on the first judged day govern the whole period
    whole    who held the customer all the period: his goal comes from a small table per manager (``plan``)
    held...  whoever held it for a part: each window belongs to its majority holder, or is excused
    carried  contacts beyond an interval's goal go to the next holder: S = cumsum(counted - goal),
             carry = S - min(0, min S so far)

Whoever is paused by an exception or confirmed as unreachable goes the longer way, window by window, even if one
manager held him throughout: days on which nothing is asked count like days of absence.
"""

from collections import Counter
from datetime import timedelta

from odoo import api, fields, models
from odoo.exceptions import AccessError, UserError
from odoo.tools import SQL, format_date

from ..engine.windows import windows
from .discipline_customer import STATES

BATCH = 50_000


class DisciplineCompliance(models.Model):
    _name = "discipline.compliance"
    _description = "Verdict on the Norm of Contacts"
    _order = "period_id desc, state, id"
    _rec_name = "partner_id"

    partner_id = fields.Many2one("res.partner", "Customer", readonly=True, ondelete="set null", index="btree_not_null")
    customer_ref = fields.Integer("Customer No.", readonly=True, required=True)
    user_id = fields.Many2one("res.users", "Manager", readonly=True, ondelete="set null")
    manager_ref = fields.Integer("Manager No.", readonly=True, required=True)
    company_id = fields.Many2one("res.company", readonly=True, ondelete="set null")
    period_id = fields.Many2one("discipline.period", readonly=True, required=True, ondelete="cascade", index=True)
    period_start = fields.Date(related="period_id.date_start", string="Period From")
    abc_class_id = fields.Many2one("discipline.abc.class", "ABC Class", readonly=True, ondelete="set null")
    norm_id = fields.Many2one("discipline.norm", readonly=True, ondelete="set null", index="btree_not_null")
    team_id = fields.Many2one("crm.team", "Sales Team", readonly=True, ondelete="set null")
    goal = fields.Integer(readonly=True, help="Contacts that this manager owed the customer in the period.")
    attained = fields.Integer(
        readonly=True, help="Counted contacts that serve the goal, those carried over from the holder before included."
    )
    counted = fields.Integer(readonly=True, help="All counted contacts made while he held the customer.")
    rejected = fields.Integer(readonly=True, help="Contacts made while he held the customer that did not count.")
    excused = fields.Integer(
        readonly=True,
        help="Contacts not asked of him: for at least half the time he was absent, did not hold the customer, the "
        "customer was paused or could not be reached, or the norms were beyond what he can do.",
    )
    asked = fields.Integer(
        "Asked by the Norm", readonly=True, help="Contacts that the customer was owed in the period, by all holders."
    )
    attempts = fields.Integer(readonly=True, help="Contacts without an answer, made while he held the customer.")
    overload = fields.Integer(
        "Beyond Capacity",
        readonly=True,
        help="Contacts excused at closing because his customers' norms asked for more than his working days hold.",
    )
    unreachable_from = fields.Date(
        "No Answer Since",
        readonly=True,
        help="The first of so many days without an answer that the policy lets a supervisor excuse what follows.",
    )
    unreachable_decision = fields.Selection(
        [("confirmed", "Confirmed"), ("refused", "Refused")], "Unreachable?", readonly=True
    )
    unreachable_by_id = fields.Many2one("res.users", "Decided by", readonly=True, ondelete="set null")
    due_next = fields.Date("Next Due", readonly=True)
    state = fields.Selection([state for state in STATES if state[0] != "none"], readonly=True, required=True)
    closed = fields.Boolean(readonly=True, help="The verdict is final.")
    evidence = fields.Json(readonly=True)
    attainment = fields.Float(
        "Attainment, %", compute="_compute_attainment", help="Attained / goal; empty where nothing was due."
    )

    _open_uniq = models.UniqueIndex("(period_id, customer_ref, manager_ref) WHERE closed IS NOT TRUE")
    _final_uniq = models.UniqueIndex("(period_id, customer_ref, manager_ref) WHERE closed")
    _customer_idx = models.Index("(customer_ref, period_id)")
    _manager_idx = models.Index("(manager_ref, period_id)")
    _due_idx = models.Index("(due_next) WHERE closed IS NOT TRUE AND state = 'on_track'")
    _unreachable_idx = models.Index("(period_id) WHERE unreachable_from IS NOT NULL")

    explanation = fields.Text("In Words", compute="_compute_explanation")

    @api.depends("goal", "attained", "rejected", "excused", "state")
    @api.depends_context("lang")
    def _compute_explanation(self):
        reasons = self._rejected_reasons()
        for row in self:
            row.explanation = row._explain(reasons.get(row.id, {}))

    def _explain(self, reasons=None):
        """Return the verdict as a sentence in the reader's language, with the rules that rejected contacts.

        :param reasons: {rule: number of contacts it rejected}; read from the facts where it is not given
        """
        self.ensure_one()
        if reasons is None:
            reasons = self._rejected_reasons().get(self.id, {})
        parts = [
            self.env._(
                "%(attained)s of %(goal)s contacts in %(period)s",
                attained=self.attained,
                goal=self.goal,
                period=self.period_id.display_name,
            )
        ]
        if self.overload:
            parts.append(self.env._("%(count)s excused: beyond what he can do", count=self.overload))
        if self.state == "unreachable":
            parts.append(
                self.env._(
                    "no answer since %(day)s, a supervisor confirmed it", day=self._format_day(self.unreachable_from)
                )
            )
        elif self.excused > self.overload:
            parts.append(
                self.env._(
                    "%(count)s excused: away, not yet responsible, or a pause", count=self.excused - self.overload
                )
            )
        labels = dict(self.env["discipline.contact"]._fields["rejected_reason"]._description_selection(self.env))
        for reason, count in sorted(reasons.items()):
            parts.append(
                self.env._("%(count)s not counted: %(reason)s", count=count, reason=labels.get(reason, reason))
            )
        return "; ".join(parts) + "."

    def _format_day(self, day):
        return format_date(self.env, day) if day else ""

    def _rejected_reasons(self):
        """Return {verdict id: {rule: number}} of the contacts that did not count, made while its manager held it.

        A final verdict says what its evidence says, whatever became of the contacts since.
        """
        found = {}
        running = self.browse()
        for row in self:
            if not row.closed:
                running |= row
                continue
            spans = [
                (low, high) for user, low, high in (row.evidence or {}).get("intervals", []) if user == row.manager_ref
            ]
            for _id, day, counted, reason, _doer in (row.evidence or {}).get("contacts", []):
                if not counted and reason and any(low <= day and (not high or day < high) for low, high in spans):
                    found.setdefault(row.id, Counter())[reason] += 1
        if running:
            running.flush_recordset()
            self._flush_facts()
            for verdict, reason, count in self.env.execute_query(
                SQL(
                    """
                    SELECT v.id, c.rejected_reason, count(*)
                      FROM discipline_compliance v
                      JOIN discipline_period p ON p.id = v.period_id
                      JOIN discipline_contact c ON c.partner_id = v.customer_ref
                                               AND c.day BETWEEN p.date_start AND p.date_end
                     WHERE v.id = ANY(%s) AND c.counted IS NOT TRUE AND c.rejected_reason IS NOT NULL
                       AND EXISTS (SELECT FROM discipline_assignment a
                                    WHERE a.customer_ref = v.customer_ref AND a.manager_ref = v.manager_ref
                                      AND a.date_from <= c.day AND (a.date_to IS NULL OR a.date_to > c.day))
                  GROUP BY v.id, c.rejected_reason
                    """,
                    running.ids,
                )
            ):
                found.setdefault(verdict, Counter())[reason] = count
        return found

    @api.depends("goal", "attained")
    def _compute_attainment(self):
        for row in self:
            row.attainment = 100 * row.attained / row.goal if row.goal else 0

    # ------------------------------------------------------------------
    # Which customers, and when
    # ------------------------------------------------------------------

    @api.model
    def _evaluate_customers(self, partner_ids):
        """Judge these customers anew in all open periods of their companies, at once.

        Called after whatever may change a running verdict: a contact logged or voided, a new holder, a class. The
        number of statements does not depend on the number of customers.

        :param partner_ids: ids of customers (``res.partner``)
        """
        ids = sorted(set(partner_ids))
        if not ids:
            return
        self.env["discipline.customer"].flush_model()
        # the touched row serializes two people who log for one customer at the same moment: the later one is retried
        companies = self.env.execute_query(
            SQL(
                "UPDATE discipline_customer SET write_date = now() AT TIME ZONE 'UTC' "
                "WHERE partner_id = ANY(%s) RETURNING company_id",
                ids,
            )
        )
        for company in self.env["res.company"].sudo().browse(sorted({row[0] for row in companies if row[0]})):
            periods = self._open_periods(company)
            for period in periods:
                self._evaluate(period, ids)
            self._refresh_customers(company, ids)

    @api.model
    def _evaluate_managers(self, user_ids):
        """Judge anew the customers that these managers hold, or held in an open period."""
        rows = self.env.execute_query(
            SQL(
                """
                SELECT DISTINCT a.customer_ref FROM discipline_assignment a
                  JOIN discipline_period p ON p.company_id = a.company_id AND p.state = 'open'
                 WHERE a.manager_ref = ANY(%s) AND a.date_from <= p.date_end
                   AND (a.date_to IS NULL OR a.date_to > p.date_start)
                """,
                list(user_ids),
            )
        )
        self._evaluate_customers([row[0] for row in rows])

    @api.model
    def _evaluate_companies(self, companies):
        """Judge all customers of these companies anew in their open periods."""
        for company in companies.sudo():
            for period in self._open_periods(company):
                self._evaluate(period)
            self._refresh_customers(company)

    @api.model
    def _open_periods(self, company):
        """Return the company's periods whose verdicts still run; the current one is opened if need be."""
        if not company.discipline_active:
            return self.env["discipline.period"]
        today = self.env["discipline.calendar"]._today(company)
        Period = self.env["discipline.period"].sudo()
        periods = Period.search(
            [("company_id", "=", company.id), ("state", "=", "open"), ("closing_at", "=", False)], order="date_start"
        )
        return periods | Period._open_for(company, today)

    @api.model
    def _changed_since(self, company, period, moment):
        """Return the customers of whom something changed since ``moment``, or whose due day has passed.

        What repeats nightly looks only at these: a new or voided contact, another holder or class, a due day gone by.
        A changed absence or calendar is judged when it is entered.

        :param datetime moment: naive UTC; None means everyone
        """
        if moment is None:
            return None
        today = self.env["discipline.calendar"]._today(company)
        return [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT partner_id AS customer_ref FROM discipline_contact
                     WHERE write_date >= %(moment)s AND partner_id IS NOT NULL AND day BETWEEN %(start)s AND %(end)s
                     UNION SELECT customer_ref FROM discipline_assignment WHERE write_date >= %(moment)s
                     UNION SELECT customer_ref FROM discipline_abc_change WHERE write_date >= %(moment)s
                     UNION SELECT partner_id FROM discipline_exception WHERE write_date >= %(moment)s
                     UNION SELECT customer_ref FROM discipline_compliance
                            WHERE period_id = %(period)s AND closed IS NOT TRUE AND state = 'on_track'
                              AND due_next < %(today)s
                    """,
                    moment=moment,
                    start=period.date_start,
                    end=period.date_end,
                    period=period.id,
                    today=today,
                )
            )
        ]

    # ------------------------------------------------------------------
    # The verdicts of a period
    # ------------------------------------------------------------------

    @api.model
    def _evaluate(self, period, partner_ids=None, progress=None):
        """Judge customers in one period, by sets.

        Idempotent: a second run changes nothing, whatever the batches and their order.

        :param period: discipline.period (one record); a closed one is left alone
        :param partner_ids: customers to judge; None means everyone who was assigned in the period, in batches
        :param progress: callable(done, total) after each batch; it may commit
        """
        if period.state == "closed":
            return
        snapshot = period._refresh_snapshot()
        days = [fields.Date.to_date(day) for day in snapshot["days"]]
        self._flush_facts()
        for batch, done, total in self._batches(period, partner_ids, period.closing_at):
            self.env["discipline.contact"]._derive_counted(
                period.company_id, period.kind, period.date_start, period.date_end, batch
            )
            if days:
                self.env.cr.execute(self._verdict_sql(period, snapshot, days, batch))
                stale = self._mark_unreachable(period, batch)
                if stale:
                    self.env.cr.execute(self._verdict_sql(period, snapshot, days, stale))
            if progress:
                progress(done, total)
        self.invalidate_model()

    @api.model
    def _of_kind(self, period, partner_ids):
        """Return those of the customers whose contacts are counted in this kind of period.

        A contact counts once. Where norms a week and norms a month stand side by side, a customer with a weekly norm
        counts by weeks, everybody else by months.
        """
        rows = self._governing_norms(period)
        if len({row[2] for row in rows} | {period.kind}) < 2:
            return partner_ids
        return [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    "WITH %s SELECT id FROM unnest(%s::int[]) AS t(id) LEFT JOIN gov ON gov.customer_ref = t.id "
                    "WHERE COALESCE(gov.kind, 'month') = %s ORDER BY id",
                    self._governing_sql(period, partner_ids),
                    list(partner_ids),
                    period.kind,
                )
            )
        ]

    def _flush_facts(self):
        for name in (
            "discipline.contact",
            "discipline.assignment",
            "discipline.customer",
            "discipline.abc.change",
            "discipline.compliance",
            "discipline.period",
            "discipline.exception",
        ):
            self.env[name].flush_model()

    @api.model
    def _batches(self, period, partner_ids=None, closing=False):
        """Yield (customer ids, done, total) so that memory and transactions stay small.

        While a period is being closed, customers whose verdicts are final already are left out: an interrupted close
        goes on.
        """
        if partner_ids is not None:
            yield list(partner_ids), len(partner_ids), len(partner_ids)
            return
        final = SQL(
            "AND NOT EXISTS (SELECT FROM discipline_compliance v WHERE v.period_id = %s AND v.closed "
            "AND v.customer_ref = a.customer_ref)",
            period.id,
        )
        ids = [
            row[0]
            for row in self.env.execute_query(
                SQL(
                    """
                    SELECT DISTINCT a.customer_ref FROM discipline_assignment a
                     WHERE a.company_id = %(company)s AND a.date_from <= %(end)s
                       AND (a.date_to IS NULL OR a.date_to > %(start)s) %(final)s
                     UNION SELECT customer_ref FROM discipline_compliance
                            WHERE period_id = %(period)s AND closed IS NOT TRUE
                  ORDER BY 1
                    """,
                    company=period.company_id.id,
                    start=period.date_start,
                    end=period.date_end,
                    period=period.id,
                    final=final if closing else SQL(),
                )
            )
        ]
        for begin in range(0, len(ids), BATCH):
            yield ids[begin : begin + BATCH], min(begin + BATCH, len(ids)), len(ids)

    @api.model
    def _plans(self, period, days, away):
        """Return the goals of managers who hold a customer all the period, as rows (user id, n, goal, excused, dues).

        They depend on the manager's presence only; user id 0 stands for everybody who was never away. The rule is
        the engine's: a window is excused if he was there for less than half of its days, and due on its last day on
        which he is there.
        """
        goals = {row[6] for row in self._governing_norms(period)} | {
            row[2] for row in self._exceptions_in_force(period) if row[1] == "own_norm"
        }
        rows = []
        for n in sorted({min(goal, len(days)) for goal in goals}):
            cut = windows(n, days)
            for user, gone in [(0, frozenset()), *away.items()]:
                dues = []
                for window in cut:
                    present = [day for day in window.days if day not in gone]
                    if 2 * len(present) >= len(window.days):
                        dues.append(present[-1])
                rows.append((user, n, len(dues), n - len(dues), dues))
        return rows

    @api.model
    def _governing_norms(self, period):
        """Return the norms of both kinds that can govern a day of the period (see ``discipline.norm._norm_rows``)."""
        return self.env["discipline.norm"]._norm_rows(period.company_id, period.date_start, period.date_end)

    @api.model
    def _exceptions_in_force(self, period):
        """Return the own norms and pauses that touch the period, as (customer, kind, goal, first day, last day)."""
        return self.env["discipline.exception"]._in_force(
            period.company_id, period.date_start, period.date_end, ("own_norm", "pause"), period.closing_at
        )

    @api.model
    def _governing_sql(self, period, partner_ids):
        """Return the part of the statement that says what governs each customer of a batch in the period.

        It defines ``span`` (who held him, in order), ``gov`` (class, team, norm and number of windows) and what they
        rest on; ``gov`` names the kind of period of his norm, which may be another one than this period's.
        """
        snapshot = period._refresh_snapshot()
        norms = self._governing_norms(period)
        teams = [(int(user), team) for user, team in snapshot["teams"].items()]
        exceptions = [row for row in self._exceptions_in_force(period) if row[1] == "own_norm"]
        return SQL(
            """
            team AS (SELECT * FROM unnest(%(team_users)s::int[], %(team_ids)s::int[]) AS t(user_id, team_id)),
            norm AS (SELECT * FROM unnest(%(n_class)s::int[], %(n_team)s::int[], %(n_kind)s::text[], %(n_from)s::date[],
                                          %(n_until)s::date[], %(n_id)s::int[], %(n_goal)s::int[])
                                AS t(abc_class_id, team_id, kind, since, until, id, goal)),
            own_norm AS (SELECT * FROM unnest(%(x_partner)s::int[], %(x_goal)s::int[], %(x_from)s::date[],
                                              %(x_until)s::date[]) WITH ORDINALITY
                                AS t(partner_id, goal, since, until, i)),
            span AS (
                SELECT a.customer_ref, a.manager_ref, GREATEST(a.date_from, %(start)s) AS f,
                       LEAST(a.date_to, %(after)s) AS t,
                       row_number() OVER (PARTITION BY a.customer_ref ORDER BY a.date_from, a.id) AS seq
                  FROM discipline_assignment a
                 WHERE a.customer_ref = ANY(%(ids)s) AND a.company_id = %(company)s AND a.date_from <= %(end)s
                   AND (a.date_to IS NULL OR (a.date_to > %(start)s AND a.date_to > a.date_from))
            ),
            first AS (
                SELECT s.customer_ref, s.f, NULLIF(t.team_id, 0) AS team_id, c.partner_id,
                       CASE WHEN c.abc_since <= s.f THEN c.abc_class_id
                            ELSE COALESCE(
                                (SELECT x.class_to_id FROM discipline_abc_change x
                                  WHERE x.customer_ref = s.customer_ref AND x.date_effective <= s.f
                                    AND x.voided_at IS NULL
                               ORDER BY x.date_effective DESC, x.id DESC LIMIT 1),
                                (SELECT x.class_from_id FROM discipline_abc_change x
                                  WHERE x.customer_ref = s.customer_ref AND x.date_effective > s.f
                                    AND x.voided_at IS NULL
                               ORDER BY x.date_effective, x.id LIMIT 1)) END AS abc_class_id
                  FROM span s
                  JOIN discipline_customer c ON c.partner_id = s.customer_ref
             LEFT JOIN team t ON t.user_id = s.manager_ref
                 WHERE s.seq = 1
            ),
            gov AS (
                SELECT f.customer_ref, f.partner_id, f.abc_class_id, f.team_id, COALESCE(own.id, gen.id) AS norm_id,
                       COALESCE(own.kind, gen.kind, 'month') AS kind,
                       LEAST(COALESCE(ex.goal, own.goal, gen.goal), %(total)s) AS n
                  FROM first f
             LEFT JOIN norm own ON own.abc_class_id = f.abc_class_id AND own.team_id = f.team_id
                               AND f.f >= own.since AND f.f < own.until
             LEFT JOIN norm gen ON gen.abc_class_id = f.abc_class_id AND gen.team_id = 0
                               AND f.f >= gen.since AND f.f < gen.until
             LEFT JOIN LATERAL (SELECT x.goal FROM own_norm x
                                 WHERE x.partner_id = f.customer_ref AND f.f BETWEEN x.since AND x.until
                              ORDER BY x.i DESC LIMIT 1) ex ON TRUE
                 WHERE COALESCE(ex.goal, own.goal, gen.goal) IS NOT NULL
            )""",
            team_users=[user for user, _team in teams],
            team_ids=[team for _user, team in teams],
            n_class=[row[0] for row in norms],
            n_team=[row[1] for row in norms],
            n_kind=[row[2] for row in norms],
            n_from=[row[3] for row in norms],
            n_until=[row[4] for row in norms],
            n_id=[row[5] for row in norms],
            n_goal=[row[6] for row in norms],
            x_partner=[row[0] for row in exceptions],
            x_goal=[row[2] for row in exceptions],
            x_from=[row[3] for row in exceptions],
            x_until=[row[4] for row in exceptions],
            ids=list(partner_ids),
            company=period.company_id.id,
            start=period.date_start,
            end=period.date_end,
            after=period.date_end + timedelta(days=1),
            total=len(snapshot["days"]),
        )

    @api.model
    def _spared(self, period):
        """Return when nothing is asked about a customer, as (customer, manager or 0 for all, first day, last day)."""
        rows = [
            (partner, 0, low, high)
            for partner, kind, _goal, low, high in self._exceptions_in_force(period)
            if kind == "pause"
        ]
        rows += self.env.execute_query(
            SQL(
                "SELECT customer_ref, manager_ref, unreachable_from, %s::date FROM discipline_compliance "
                "WHERE period_id = %s AND unreachable_from IS NOT NULL AND unreachable_decision = 'confirmed'",
                period.date_end,
                period.id,
            )
        )
        return rows

    @api.model
    def _verdict_sql(self, period, snapshot, days, partner_ids):
        """Return the statement that brings the open verdicts of a batch in line with rules and facts."""
        away = {
            int(user): frozenset(fields.Date.to_date(day) for day in gone) for user, gone in snapshot["away"].items()
        }
        plans = self._plans(period, days, away)
        gone = [(user, day) for user, gone_days in away.items() for day in sorted(gone_days)]
        spared = self._spared(period)
        attempts = self.env["discipline.outcome"].sudo().with_context(active_test=False)
        return SQL(
            """
            WITH day AS (SELECT d, i FROM unnest(%(days)s::date[]) WITH ORDINALITY AS t(d, i)),
            away AS (SELECT * FROM unnest(%(away_users)s::int[], %(away_days)s::date[]) AS t(user_id, d)),
            plan AS (SELECT user_id, n, goal, excused, string_to_array(dues, ',')::date[] AS dues
                       FROM unnest(%(p_user)s::int[], %(p_n)s::int[], %(p_goal)s::int[], %(p_excused)s::int[],
                                   %(p_dues)s::text[]) AS t(user_id, n, goal, excused, dues)),
            spared AS (SELECT * FROM unnest(%(s_customer)s::int[], %(s_user)s::int[], %(s_from)s::date[],
                                            %(s_until)s::date[]) AS t(customer_ref, manager_ref, since, until)
                        WHERE customer_ref = ANY(%(ids)s)),
            %(governing)s,
            held AS (      -- days that somebody held for a part of the period, by window
                SELECT s.customer_ref, s.manager_ref, s.seq, g.n, (d.i * g.n + %(total)s - 1) / %(total)s AS k, d.d,
                       w.d IS NULL AND NOT EXISTS (
                           SELECT FROM spared x WHERE x.customer_ref = s.customer_ref
                                                  AND x.manager_ref IN (0, s.manager_ref)
                                                  AND d.d BETWEEN x.since AND x.until) AS present
                  FROM span s
                  JOIN gov g USING (customer_ref)
                  JOIN day d ON d.d >= s.f AND d.d < s.t
             LEFT JOIN away w ON w.user_id = s.manager_ref AND w.d = d.d
                 WHERE s.f > %(start)s OR s.t < %(after)s OR s.customer_ref IN (SELECT customer_ref FROM spared)
            ),
            owner AS (     -- the majority holder of each window; tie: the later one
                SELECT DISTINCT ON (customer_ref, k) customer_ref, k, manager_ref,
                       2 * count(*) FILTER (WHERE present) < k * %(total)s / n - (k - 1) * %(total)s / n AS excused,
                       max(d) FILTER (WHERE present) AS due
                  FROM held GROUP BY customer_ref, k, n, manager_ref
              ORDER BY customer_ref, k, count(*) DESC, max(d) DESC
            ),
            placed AS (    -- ... and the interval of his that the window falls into
                SELECT DISTINCT ON (o.customer_ref, o.k) o.*, h.seq
                  FROM owner o
                  JOIN held h ON h.customer_ref = o.customer_ref AND h.k = o.k AND h.manager_ref = o.manager_ref
              GROUP BY o.customer_ref, o.k, o.manager_ref, o.excused, o.due, h.seq
              ORDER BY o.customer_ref, o.k, count(*) DESC, h.seq DESC
            ),
            share AS (
                SELECT customer_ref, seq, count(*) FILTER (WHERE NOT excused) AS goal,
                       count(*) FILTER (WHERE excused) AS excused,
                       array_agg(due ORDER BY k) FILTER (WHERE NOT excused) AS dues
                  FROM placed GROUP BY customer_ref, seq
            ),
            made AS (
                SELECT s.customer_ref, s.seq, count(*) FILTER (WHERE c.counted) AS counted,
                       count(*) FILTER (WHERE c.counted IS NOT TRUE) AS rejected,
                       count(*) FILTER (WHERE c.outcome_id = ANY(%(attempts)s) AND c.voided_at IS NULL) AS attempts
                  FROM discipline_contact c
                  JOIN span s ON s.customer_ref = c.partner_id AND c.day >= s.f AND c.day < s.t
                 WHERE c.day BETWEEN %(start)s AND %(end)s AND c.partner_id = ANY(%(ids)s)
              GROUP BY s.customer_ref, s.seq
            ),
            part AS (
                SELECT s.customer_ref, s.manager_ref, s.seq, COALESCE(p.goal, sh.goal, 0)::int AS goal,
                       COALESCE(p.excused, sh.excused, 0)::int AS excused, COALESCE(p.dues, sh.dues) AS dues,
                       COALESCE(m.counted, 0)::int AS counted, COALESCE(m.rejected, 0)::int AS rejected,
                       COALESCE(m.attempts, 0)::int AS attempts
                  FROM span s
                  JOIN gov g ON g.customer_ref = s.customer_ref AND g.kind = %(kind)s
             LEFT JOIN plan p ON s.f = %(start)s AND s.t = %(after)s AND p.n = g.n
                             AND s.customer_ref NOT IN (SELECT customer_ref FROM spared)
                             AND p.user_id = CASE WHEN s.manager_ref = ANY(%(absent)s) THEN s.manager_ref ELSE 0 END
             LEFT JOIN share sh ON sh.customer_ref = s.customer_ref AND sh.seq = s.seq
             LEFT JOIN made m ON m.customer_ref = s.customer_ref AND m.seq = s.seq
            ),
            walked AS (
                SELECT *, sum(counted - goal) OVER chain AS s FROM part
                WINDOW chain AS (PARTITION BY customer_ref ORDER BY seq)
            ),
            carried AS (
                SELECT *, s - LEAST(0, min(s) OVER (PARTITION BY customer_ref ORDER BY seq)) AS carry FROM walked
            ),
            attained AS (
                SELECT *, counted - carry + COALESCE(lag(carry) OVER (PARTITION BY customer_ref ORDER BY seq), 0)
                          AS attained
                  FROM carried
            ),
            holder AS (
                SELECT customer_ref, manager_ref, sum(goal)::int AS goal, sum(excused)::int AS excused,
                       sum(counted)::int AS counted, sum(rejected)::int AS rejected, sum(attained)::int AS attained,
                       sum(attempts)::int AS attempts,
                       (SELECT array_agg(due ORDER BY due)
                          FROM attained x, unnest(x.dues) AS due
                         WHERE x.customer_ref = a.customer_ref AND x.manager_ref = a.manager_ref) AS dues
                  FROM attained a
              GROUP BY customer_ref, manager_ref
                HAVING sum(goal) + sum(excused) + sum(counted) + sum(rejected) > 0
            ),
            verdict AS MATERIALIZED (
                SELECT h.*, g.partner_id, g.abc_class_id, g.norm_id, g.team_id, g.n AS asked,
                       CASE WHEN h.attained < h.goal THEN h.dues[h.attained + 1] END AS due_next,
                       CASE WHEN h.excused > 0 AND h.attained >= h.goal
                                 AND EXISTS (SELECT FROM spared x WHERE x.customer_ref = h.customer_ref
                                                                    AND x.manager_ref = h.manager_ref)
                            THEN 'unreachable'
                            WHEN h.goal = 0 THEN 'excused'
                            WHEN h.attained >= h.goal THEN 'met'
                            WHEN h.dues[h.attained + 1] < %(today)s THEN 'behind'
                            ELSE 'on_track' END AS state
                  FROM holder h JOIN gov g USING (customer_ref)
            ),
            gone AS (
                DELETE FROM discipline_compliance v
                 WHERE v.period_id = %(period)s AND v.closed IS NOT TRUE AND v.customer_ref = ANY(%(ids)s)
                   AND NOT EXISTS (SELECT FROM verdict n WHERE n.customer_ref = v.customer_ref
                                                           AND n.manager_ref = v.manager_ref)
            )
            INSERT INTO discipline_compliance AS old
                   (partner_id, customer_ref, user_id, manager_ref, company_id, period_id, abc_class_id, norm_id,
                    team_id, asked, goal, attained, counted, rejected, attempts, excused, overload, due_next, state,
                    create_uid, create_date, write_uid, write_date)
            SELECT n.partner_id, n.customer_ref, u.id, n.manager_ref, %(company)s, %(period)s, n.abc_class_id,
                   n.norm_id, n.team_id, n.asked, n.goal, n.attained, n.counted, n.rejected, n.attempts, n.excused, 0,
                   n.due_next, n.state,
                   1, now() AT TIME ZONE 'UTC', 1, now() AT TIME ZONE 'UTC'
              FROM verdict n LEFT JOIN res_users u ON u.id = n.manager_ref
                ON CONFLICT (period_id, customer_ref, manager_ref) WHERE closed IS NOT TRUE
             DO UPDATE SET partner_id = excluded.partner_id, abc_class_id = excluded.abc_class_id,
                           norm_id = excluded.norm_id, team_id = excluded.team_id, asked = excluded.asked,
                           goal = excluded.goal, attained = excluded.attained, counted = excluded.counted,
                           rejected = excluded.rejected, attempts = excluded.attempts, excused = excluded.excused,
                           overload = excluded.overload, due_next = excluded.due_next, state = excluded.state,
                           write_date = excluded.write_date
                     WHERE (old.partner_id, old.abc_class_id, old.norm_id, old.team_id, old.asked, old.goal,
                            old.attained, old.counted, old.rejected, old.attempts, old.excused, old.overload,
                            old.due_next, old.state)
                           IS DISTINCT FROM
                           (excluded.partner_id, excluded.abc_class_id, excluded.norm_id, excluded.team_id,
                            excluded.asked, excluded.goal, excluded.attained, excluded.counted, excluded.rejected,
                            excluded.attempts, excluded.excused, excluded.overload, excluded.due_next, excluded.state)
            """,
            governing=self._governing_sql(period, partner_ids),
            kind=period.kind,
            attempts=attempts.search([("is_attempt", "=", True)]).ids,
            s_customer=[row[0] for row in spared],
            s_user=[row[1] for row in spared],
            s_from=[row[2] for row in spared],
            s_until=[row[3] for row in spared],
            days=days,
            total=len(days),
            ids=list(partner_ids),
            company=period.company_id.id,
            period=period.id,
            start=period.date_start,
            end=period.date_end,
            after=period.date_end + timedelta(days=1),
            today=self.env["discipline.calendar"]._today(period.company_id),
            away_users=[user for user, _day in gone],
            away_days=[day for _user, day in gone],
            absent=list(away),
            p_user=[row[0] for row in plans],
            p_n=[row[1] for row in plans],
            p_goal=[row[2] for row in plans],
            p_excused=[row[3] for row in plans],
            p_dues=[",".join(day.isoformat() for day in row[4]) for row in plans],
        )

    # ------------------------------------------------------------------
    # Customers who do not answer: excused only if a supervisor says so
    # ------------------------------------------------------------------

    @api.model
    def _mark_unreachable(self, period, partner_ids):
        """Note since when a customer does not answer his manager, where the policy's number of days is reached.

        Looked at are the attempts since the last contact that was answered; each day counts once.

        :return: customers who were confirmed as unreachable and whose mark changed: they are judged again
        """
        needed = period.policy_id.unreachable_attempts
        rows = self.env.execute_query(
            SQL(
                """
                WITH hopeful AS (
                    SELECT id, customer_ref, manager_ref, unreachable_from, unreachable_decision
                      FROM discipline_compliance
                     WHERE period_id = %(period)s AND closed IS NOT TRUE AND customer_ref = ANY(%(ids)s)
                       AND (attempts >= GREATEST(%(needed)s, 1) OR unreachable_from IS NOT NULL)
                ), contact AS (
                    SELECT h.id, c.day, o.is_attempt
                      FROM hopeful h
                      JOIN discipline_contact c ON c.partner_id = h.customer_ref
                                               AND c.day BETWEEN %(start)s AND %(end)s AND c.voided_at IS NULL
                                               AND c.rejected_reason IS DISTINCT FROM 'late'
                                               AND c.rejected_reason IS DISTINCT FROM 'closed'
                                               AND c.rejected_reason IS DISTINCT FROM 'stranger'
                      JOIN discipline_outcome o ON o.id = c.outcome_id
                     WHERE EXISTS (SELECT FROM discipline_assignment a
                                    WHERE a.customer_ref = h.customer_ref AND a.manager_ref = h.manager_ref
                                      AND a.date_from <= c.day AND (a.date_to IS NULL OR a.date_to > c.day))
                ), answered AS (
                    SELECT id, max(day) AS day FROM contact WHERE is_attempt IS NOT TRUE GROUP BY id
                ), silent AS (
                    SELECT c.id, min(c.day) AS day FROM contact c LEFT JOIN answered a ON a.id = c.id
                     WHERE c.is_attempt AND (a.day IS NULL OR c.day > a.day)
                  GROUP BY c.id HAVING count(DISTINCT c.day) >= %(needed)s AND %(needed)s > 0
                )
                UPDATE discipline_compliance v
                   SET unreachable_from = s.day, write_date = now() AT TIME ZONE 'UTC'
                  FROM hopeful h LEFT JOIN silent s ON s.id = h.id
                 WHERE v.id = h.id AND v.unreachable_from IS DISTINCT FROM s.day
             RETURNING v.customer_ref, v.unreachable_decision
                """,
                period=period.id,
                ids=list(partner_ids),
                needed=needed,
                start=period.date_start,
                end=period.date_end,
            )
        )
        return sorted({customer for customer, decision in rows if decision == "confirmed"})

    def _decide_unreachable(self, decision):
        """Say whether customers who do not answer are beyond reach: a supervisor's word, never the manager's own.

        :raise AccessError: for one's own customers, or those of somebody one does not decide for
        :raise UserError: where the period is closed, or the attempts are too few
        """
        for row in self:
            name = row.partner_id.display_name
            if row.manager_ref == self.env.uid or not self.env.user._discipline_decides_for(row.sudo().user_id):
                raise AccessError(
                    self.env._("Whether %(customer)s cannot be reached is a supervisor's decision.", customer=name)
                )
            if row.closed or row.period_id.closing_at:
                raise UserError(
                    self.env._(
                        "%(period)s is closed: the verdict on %(customer)s never changes.",
                        period=row.period_id.display_name,
                        customer=name,
                    )
                )
            if not row.unreachable_from:
                raise UserError(
                    self.env._(
                        "%(customer)s: the policy asks for attempts without an answer on %(count)s different days.",
                        customer=name,
                        count=row.sudo().period_id.policy_id.unreachable_attempts,
                    )
                )
        rows = self.sudo()
        rows.write({"unreachable_decision": decision, "unreachable_by_id": self.env.uid})
        rows._evaluate_customers(rows.mapped("customer_ref"))

    def action_confirm_unreachable(self):
        """Excuse what follows the first of the attempts in vain."""
        self._decide_unreachable("confirmed")

    def action_refuse_unreachable(self):
        """Hold the norm against the manager all the same."""
        self._decide_unreachable("refused")

    @api.model
    def _unreachable_twice(self, company):
        """Return the final verdicts of customers who could not be reached in their last two judged periods.

        Such a customer moves to another manager without blame, with the task to find another person to talk to.

        :return: the newer verdict of each; its manager still holds the customer
        """
        self.flush_model()
        self.env["discipline.customer"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT id FROM (
                    SELECT v.id, v.state, v.customer_ref, v.manager_ref,
                           row_number() OVER chain AS n, lead(v.state) OVER chain AS earlier
                      FROM discipline_compliance v
                      JOIN discipline_period p ON p.id = v.period_id
                      JOIN discipline_customer c ON c.partner_id = v.customer_ref AND c.user_id = v.manager_ref
                     WHERE v.company_id = %s AND v.closed AND c.in_base
                    WINDOW chain AS (PARTITION BY v.customer_ref, v.manager_ref ORDER BY p.date_start DESC)
                ) x WHERE n = 1 AND state = 'unreachable' AND earlier = 'unreachable' ORDER BY id
                """,
                company.id,
            )
        )
        return self.browse(row[0] for row in rows)

    # ------------------------------------------------------------------
    # Norms beyond what a manager can do
    # ------------------------------------------------------------------

    @api.model
    def _possible(self, period):
        """Return {user id: contacts he could make in the period}: capacity per day x the days he was there."""
        snapshot = period._refresh_snapshot()
        managers = [
            row[0]
            for row in self.env.execute_query(
                SQL("SELECT DISTINCT manager_ref FROM discipline_compliance WHERE period_id = %s", period.id)
            )
        ]
        users = self.env["res.users"].sudo().with_context(active_test=False).browse(managers).exists()
        days = len(snapshot["days"])
        return {
            user.id: user._discipline_capacity(period.company_id) * (days - len(snapshot["away"].get(str(user.id), ())))
            for user in users
        }

    @api.model
    def _relieve_overload(self, period):
        """Excuse what a manager missed beyond the possible, from the lowest class up (``engine.verdicts.reliefs``).

        Looked at are all his verdicts of the period as they were judged, final ones included, so that an interrupted
        close goes on to the same result. Ties are broken by a hash, never by an id's size.
        """
        possible = self._possible(period)
        self.env.cr.execute(
            SQL(
                """
                WITH able AS (SELECT * FROM unnest(%(users)s::int[], %(possible)s::int[]) AS t(manager_ref, possible)),
                sums AS (
                    SELECT v.manager_ref, LEAST(
                               sum(v.goal + v.overload) - min(a.possible), sum(v.goal + v.overload - v.attained)
                           ) AS relief
                      FROM discipline_compliance v JOIN able a USING (manager_ref)
                     WHERE v.period_id = %(period)s
                  GROUP BY v.manager_ref HAVING sum(v.goal + v.overload) > min(a.possible)
                ), ranked AS (
                    SELECT v.id, v.closed, s.relief, v.goal + v.overload - v.attained AS missing,
                           sum(v.goal + v.overload - v.attained) OVER (
                               PARTITION BY v.manager_ref
                               ORDER BY c.sequence DESC, c.id DESC,
                                        md5(concat_ws('|', v.period_id, v.customer_ref)), v.customer_ref
                               ROWS BETWEEN UNBOUNDED PRECEDING AND CURRENT ROW) AS upto
                      FROM discipline_compliance v
                      JOIN sums s USING (manager_ref)
                 LEFT JOIN discipline_abc_class c ON c.id = v.abc_class_id
                     WHERE v.period_id = %(period)s AND v.goal + v.overload > v.attained
                ), relief AS (
                    SELECT id, LEAST(missing, relief - (upto - missing))::int AS contacts FROM ranked
                     WHERE closed IS NOT TRUE AND relief > upto - missing
                )
                UPDATE discipline_compliance v
                   SET goal = v.goal + v.overload - r.contacts, excused = v.excused - v.overload + r.contacts,
                       overload = r.contacts,
                       state = CASE WHEN v.attained >= v.goal + v.overload - r.contacts THEN 'excused' ELSE v.state END,
                       write_date = now() AT TIME ZONE 'UTC'
                  FROM relief r
                 WHERE v.id = r.id AND v.overload IS DISTINCT FROM r.contacts
                """,
                users=list(possible),
                possible=list(possible.values()),
                period=period.id,
            )
        )
        self.invalidate_model()

    @api.model
    def _overloaded(self, company):
        """Return {user id: surplus in norm contacts} of managers who were overloaded in two closed periods in a row.

        Their surplus is offered to free managers, without blame: the smaller of both periods' reliefs.
        """
        self.flush_model()
        self.env["discipline.period"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT manager_ref, min(relief)::int FROM (
                    SELECT v.manager_ref, sum(v.overload) AS relief,
                           row_number() OVER (PARTITION BY v.manager_ref ORDER BY p.date_start DESC) AS n
                      FROM discipline_compliance v JOIN discipline_period p ON p.id = v.period_id
                     WHERE v.company_id = %s AND v.closed AND p.state = 'closed'
                  GROUP BY v.manager_ref, p.id, p.date_start
                ) x WHERE n <= 2 GROUP BY manager_ref HAVING count(*) = 2 AND min(relief) > 0 ORDER BY manager_ref
                """,
                company.id,
            )
        )
        return dict(rows)

    # ------------------------------------------------------------------
    # Closing: what the verdict rests on stays with it
    # ------------------------------------------------------------------

    @api.model
    def _freeze(self, period, progress=None):
        """Make the verdicts of a period final, batch by batch, with their evidence.

        The evidence names the norm and the policy, the intervals of assignment, every contact with the reason why it
        did not count, pauses and days without an answer; working days and absences stay with the period.
        ``engine.verdicts.recompute`` makes the verdict from it.

        :param progress: callable(done, total) after each batch; it may commit
        """
        self._flush_facts()
        pauses = [row for row in self._exceptions_in_force(period) if row[1] == "pause"]
        for batch, done, total in self._batches(period, closing=True):
            self.env.cr.execute(self._freeze_sql(period, pauses, batch))
            if progress:
                progress(done, total)
        self.invalidate_model()

    @api.model
    def _freeze_sql(self, period, pauses, partner_ids):
        """Return the statement that makes the verdicts of a batch final."""
        return SQL(
            """
            WITH pause AS (SELECT * FROM unnest(%(x_partner)s::int[], %(x_from)s::date[], %(x_until)s::date[])
                                      AS t(partner_id, since, until))
            UPDATE discipline_compliance v
               SET closed = TRUE, due_next = NULL,
                   state = CASE WHEN v.state IN ('behind', 'on_track') THEN 'missed' ELSE v.state END,
                   write_date = now() AT TIME ZONE 'UTC',
                   evidence = jsonb_build_object(
                       'norm', v.norm_id, 'class', v.abc_class_id, 'team', v.team_id, 'policy', %(policy)s,
                       'n', v.asked, 'manager', v.manager_ref, 'overload', v.overload,
                       'paused', (SELECT COALESCE(jsonb_agg(jsonb_build_array(x.since, x.until) ORDER BY x.since), '[]')
                                    FROM pause x WHERE x.partner_id = v.customer_ref),
                       'unreachable', (
                           SELECT COALESCE(jsonb_agg(jsonb_build_array(o.manager_ref, o.unreachable_from)
                                                     ORDER BY o.manager_ref), '[]')
                             FROM discipline_compliance o
                            WHERE o.period_id = v.period_id AND o.customer_ref = v.customer_ref
                              AND o.unreachable_from IS NOT NULL AND o.unreachable_decision = 'confirmed'),
                       'intervals', (
                           SELECT COALESCE(jsonb_agg(jsonb_build_array(
                                      a.manager_ref, GREATEST(a.date_from, %(start)s), LEAST(a.date_to, %(after)s))
                                      ORDER BY a.date_from, a.id), '[]')
                             FROM discipline_assignment a
                            WHERE a.customer_ref = v.customer_ref AND a.company_id = v.company_id
                              AND a.date_from <= %(end)s
                              AND (a.date_to IS NULL OR (a.date_to > %(start)s AND a.date_to > a.date_from))),
                       'contacts', (
                           SELECT COALESCE(jsonb_agg(jsonb_build_array(
                                      c.id, c.day, c.counted IS TRUE, c.rejected_reason, c.doer_ref)
                                      ORDER BY c.day, c.date, c.id), '[]')
                             FROM discipline_contact c
                            WHERE c.partner_id = v.customer_ref AND c.day BETWEEN %(start)s AND %(end)s))
             WHERE v.period_id = %(period)s AND v.closed IS NOT TRUE AND v.customer_ref = ANY(%(ids)s)
            """,
            policy=period.policy_id.id,
            start=period.date_start,
            end=period.date_end,
            after=period.date_end + timedelta(days=1),
            period=period.id,
            ids=list(partner_ids),
            x_partner=[row[0] for row in pauses],
            x_from=[row[3] for row in pauses],
            x_until=[row[4] for row in pauses],
        )

    # ------------------------------------------------------------------
    # Where each customer stands today
    # ------------------------------------------------------------------

    @api.model
    def _refresh_customers(self, company, partner_ids=None):
        """Bring the customers' rows in line with the running verdicts of their present managers.

        A row is written only where it differs, so that a passing day rewrites nothing.
        """
        today = self.env["discipline.calendar"]._today(company)
        self.flush_model()
        self.env["discipline.customer"].flush_model()
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_customer c
                   SET goal = n.goal, attained = n.attained, due_next = n.due_next, state = n.state
                  FROM (
                      SELECT c.id, COALESCE(v.goal, 0) AS goal, COALESCE(v.attained, 0) AS attained, v.due_next,
                             COALESCE(v.state, 'none') AS state
                        FROM discipline_customer c
                   LEFT JOIN (discipline_compliance v JOIN discipline_period p
                                ON p.id = v.period_id AND %(today)s BETWEEN p.date_start AND p.date_end)
                          ON v.customer_ref = c.partner_id AND v.manager_ref = c.user_id AND c.in_base
                         AND v.closed IS NOT TRUE
                       WHERE c.company_id = %(company)s %(limit)s
                  ) n
                 WHERE n.id = c.id
                   AND (c.goal, c.attained, c.due_next, c.state) IS DISTINCT FROM
                       (n.goal, n.attained, n.due_next, n.state)
                """,
                today=today,
                company=company.id,
                limit=SQL() if partner_ids is None else SQL("AND c.partner_id = ANY(%s)", list(partner_ids)),
            )
        )
        self.env["discipline.customer"].invalidate_model(["goal", "attained", "due_next", "state"])
        self.env["res.partner"].invalidate_model(self.env["res.partner"]._discipline_related_fields())

    def action_open_partner(self):
        """Open the customer's card."""
        return {
            "type": "ir.actions.act_window",
            "res_model": "res.partner",
            "res_id": self.partner_id.id,
            "view_mode": "form",
        }

    def action_open_contacts(self):
        """Open the contacts of the verdict's customer in its period."""
        self.ensure_one()
        action = self.env["ir.actions.act_window"]._for_xml_id("sales_discipline.discipline_contact_action")
        action["domain"] = [
            ("customer_ref", "=", self.customer_ref),
            ("day", ">=", self.period_id.date_start),
            ("day", "<=", self.period_id.date_end),
        ]
        action["context"] = {}
        return action
