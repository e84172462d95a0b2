"""Verdicts: was the norm of contacts kept, by whom, and on what that rests.

One set-based statement judges any number of customers; ``engine/verdicts.py`` says the same for one customer, and
tests hold the two against each other. SQL, in short:

    span     the assignment intervals, cut to the period, in order
    gov      class, team and norm on the first judged day govern the whole period
    whole    who held the customer all the period: his goal comes from a small table per manager (``plan``)
    held...  whoever held it for a part: each window belongs to its majority holder, or is excused
    carried  contacts beyond an interval's goal go to the next holder: S = cumsum(counted - goal),
             carry = S - min(0, min S so far)
"""

from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

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
    excused = fields.Integer(readonly=True, help="Contacts not asked of him: he was there for less than half the time.")
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

    explanation = fields.Text("In Words", compute="_compute_explanation")

    @api.depends("goal", "attained", "rejected", "excused", "state")
    @api.depends_context("lang")
    def _compute_explanation(self):
        for row in self:
            row.explanation = row._explain()

    def _explain(self):
        """Return the verdict as a sentence in the reader's language, with the rules that rejected contacts."""
        self.ensure_one()
        parts = [
            self.env._(
                "%(attained)s of %(goal)s contacts in %(period)s",
                attained=self.attained,
                goal=self.goal,
                period=self.period_id.display_name,
            )
        ]
        if self.excused:
            parts.append(self.env._("%(count)s excused: away, or not yet responsible", count=self.excused))
        for reason, count in self._rejected_reasons():
            parts.append(self.env._("%(count)s not counted: %(reason)s", count=count, reason=reason))
        return "; ".join(parts) + "."

    def _rejected_reasons(self):
        """Return [(label of the rule, number)] of the customer's contacts in the period that did not count."""
        groups = (
            self.env["discipline.contact"]
            .sudo()
            ._read_group(
                [
                    ("partner_id", "=", self.customer_ref),
                    ("day", ">=", self.period_id.date_start),
                    ("day", "<=", self.period_id.date_end),
                    ("counted", "=", False),
                ],
                ["rejected_reason"],
                ["__count"],
            )
        )
        labels = dict(self.env["discipline.contact"]._fields["rejected_reason"]._description_selection(self.env))
        return [(labels.get(reason, reason), count) for reason, count in groups if reason]

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
    def _evaluate(self, period, partner_ids=None, progress=None, freeze=False):
        """Judge customers in one period, by sets.

        Idempotent: a second run changes nothing, whatever the batches and their order.

        :param period: discipline.period (one record); a closed one is left alone
        :param partner_ids: customers to judge; None means everyone who was assigned in the period, in batches
        :param progress: callable(done, total) after each batch; it may commit
        :param bool freeze: write the evidence and make the verdicts final
        """
        if period.state == "closed":
            return
        snapshot = period._refresh_snapshot()
        days = [fields.Date.to_date(day) for day in snapshot["days"]]
        self._flush_facts()
        for batch, done, total in self._batches(period, partner_ids, freeze):
            self.env["discipline.contact"]._derive_counted(
                period.company_id, period.kind, period.date_start, period.date_end, batch
            )
            if days:
                self.env.cr.execute(self._verdict_sql(period, snapshot, days, batch))
            if freeze:
                self._freeze(period, snapshot, batch)
            if progress:
                progress(done, total)
        self.invalidate_model()

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
    def _batches(self, period, partner_ids, freeze):
        """Yield (customer ids, done, total) so that memory and transactions stay small.

        When freezing, customers whose verdicts are final already are left out: an interrupted close goes on.
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
                    final=final if freeze else SQL(),
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
        goals = {row[6] for row in self.env["discipline.norm"]._norm_rows(period.company_id, days[0], period.date_end)}
        goals |= self._exception_goals(period)
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
    def _exception_goals(self, period):
        """Return the goals of customers with an own norm in the period."""
        rows = self.env["discipline.exception"]._read_group(
            [("kind", "=", "own_norm"), ("state", "=", "approved"), ("company_id", "=", period.company_id.id)], ["goal"]
        )
        return {goal for (goal,) in rows}

    @api.model
    def _verdict_sql(self, period, snapshot, days, partner_ids):
        """Return the statement that brings the open verdicts of a batch in line with rules and facts."""
        away = {
            int(user): frozenset(fields.Date.to_date(day) for day in gone) for user, gone in snapshot["away"].items()
        }
        plans = self._plans(period, days, away)
        norms = [
            row
            for row in self.env["discipline.norm"]._norm_rows(period.company_id, period.date_start, period.date_end)
            if row[2] == period.kind
        ]
        gone = [(user, day) for user, gone_days in away.items() for day in sorted(gone_days)]
        teams = [(int(user), team) for user, team in snapshot["teams"].items()]
        return SQL(
            """
            WITH day AS (SELECT d, i FROM unnest(%(days)s::date[]) WITH ORDINALITY AS t(d, i)),
            team AS (SELECT * FROM unnest(%(team_users)s::int[], %(team_ids)s::int[]) AS t(user_id, team_id)),
            away AS (SELECT * FROM unnest(%(away_users)s::int[], %(away_days)s::date[]) AS t(user_id, d)),
            norm AS (SELECT * FROM unnest(%(n_class)s::int[], %(n_team)s::int[], %(n_from)s::date[],
                                          %(n_until)s::date[], %(n_id)s::int[], %(n_goal)s::int[])
                                AS t(abc_class_id, team_id, since, until, id, goal)),
            plan AS (SELECT user_id, n, goal, excused, string_to_array(dues, ',')::date[] AS dues
                       FROM unnest(%(p_user)s::int[], %(p_n)s::int[], %(p_goal)s::int[], %(p_excused)s::int[],
                                   %(p_dues)s::text[]) AS t(user_id, n, goal, excused, dues)),
            exception AS (
                SELECT DISTINCT ON (partner_id, kind) partner_id, kind, goal FROM discipline_exception
                 WHERE state = 'approved' AND kind IN ('own_norm', 'pause') AND partner_id = ANY(%(ids)s)
                   AND date_from <= %(start)s AND date_until >= %(start)s
              ORDER BY partner_id, kind, id DESC
            ),
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
                            ELSE (SELECT x.class_to_id FROM discipline_abc_change x
                                   WHERE x.customer_ref = s.customer_ref AND x.date_effective <= s.f
                                     AND x.voided_at IS NULL
                                ORDER BY x.date_effective DESC, x.id DESC LIMIT 1) END AS abc_class_id
                  FROM span s
                  JOIN discipline_customer c ON c.partner_id = s.customer_ref
             LEFT JOIN team t ON t.user_id = s.manager_ref
                 WHERE s.seq = 1
            ),
            gov AS (
                SELECT f.customer_ref, f.partner_id, f.abc_class_id, f.team_id, COALESCE(own.id, gen.id) AS norm_id,
                       LEAST(COALESCE(ex.goal, own.goal, gen.goal), %(total)s) AS n
                  FROM first f
             LEFT JOIN norm own ON own.abc_class_id = f.abc_class_id AND own.team_id = f.team_id
                               AND f.f >= own.since AND f.f < own.until
             LEFT JOIN norm gen ON gen.abc_class_id = f.abc_class_id AND gen.team_id = 0
                               AND f.f >= gen.since AND f.f < gen.until
             LEFT JOIN exception ex ON ex.partner_id = f.customer_ref AND ex.kind = 'own_norm'
                 WHERE COALESCE(own.id, gen.id) IS NOT NULL
                   AND NOT EXISTS (SELECT FROM exception pause
                                    WHERE pause.partner_id = f.customer_ref AND pause.kind = 'pause')
            ),
            held AS (      -- days that somebody held for a part of the period, by window
                SELECT s.customer_ref, s.manager_ref, s.seq, (d.i * g.n + %(total)s - 1) / %(total)s AS k, d.d,
                       w.d IS NULL AS present
                  FROM span s
                  JOIN gov g USING (customer_ref)
                  JOIN day d ON d.d >= s.f AND d.d < s.t
             LEFT JOIN away w ON w.user_id = s.manager_ref AND w.d = d.d
                 WHERE s.f > %(start)s OR s.t < %(after)s
            ),
            owner AS (     -- the majority holder of each window; tie: the later one
                SELECT DISTINCT ON (customer_ref, k) customer_ref, k, manager_ref,
                       2 * count(*) FILTER (WHERE present) < (
                           SELECT count(*) FROM day d, gov g
                            WHERE g.customer_ref = held.customer_ref
                              AND (d.i * g.n + %(total)s - 1) / %(total)s = held.k) AS excused,
                       max(d) FILTER (WHERE present) AS due
                  FROM held GROUP BY customer_ref, k, manager_ref
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
                       count(*) FILTER (WHERE c.counted IS NOT TRUE) AS rejected
                  FROM discipline_contact c
                  JOIN span s ON s.customer_ref = c.partner_id AND c.day >= s.f AND c.day < s.t
                 WHERE c.day BETWEEN %(start)s AND %(end)s AND c.partner_id = ANY(%(ids)s)
              GROUP BY s.customer_ref, s.seq
            ),
            part AS (
                SELECT s.customer_ref, s.manager_ref, s.seq, COALESCE(p.goal, sh.goal, 0)::int AS goal,
                       COALESCE(p.excused, sh.excused, 0)::int AS excused, COALESCE(p.dues, sh.dues) AS dues,
                       COALESCE(m.counted, 0)::int AS counted, COALESCE(m.rejected, 0)::int AS rejected
                  FROM span s
                  JOIN gov g USING (customer_ref)
             LEFT JOIN plan p ON s.f = %(start)s AND s.t = %(after)s AND p.n = g.n
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
                       (SELECT array_agg(due ORDER BY due)
                          FROM attained x, unnest(x.dues) AS due
                         WHERE x.customer_ref = a.customer_ref AND x.manager_ref = a.manager_ref) AS dues
                  FROM attained a
              GROUP BY customer_ref, manager_ref
                HAVING sum(goal) + sum(excused) + sum(counted) + sum(rejected) > 0
            ),
            verdict AS MATERIALIZED (
                SELECT h.*, g.partner_id, g.abc_class_id, g.norm_id, g.team_id,
                       CASE WHEN h.attained < h.goal THEN h.dues[h.attained + 1] END AS due_next,
                       CASE WHEN h.goal = 0 THEN 'excused'
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
                    team_id, goal, attained, counted, rejected, excused, due_next, state,
                    create_uid, create_date, write_uid, write_date)
            SELECT n.partner_id, n.customer_ref, u.id, n.manager_ref, %(company)s, %(period)s, n.abc_class_id,
                   n.norm_id, n.team_id, n.goal, n.attained, n.counted, n.rejected, n.excused, n.due_next, n.state,
                   1, now() AT TIME ZONE 'UTC', 1, now() AT TIME ZONE 'UTC'
              FROM verdict n LEFT JOIN res_users u ON u.id = n.manager_ref
                ON CONFLICT (period_id, customer_ref, manager_ref) WHERE closed IS NOT TRUE
             DO UPDATE SET partner_id = excluded.partner_id, abc_class_id = excluded.abc_class_id,
                           norm_id = excluded.norm_id, team_id = excluded.team_id, goal = excluded.goal,
                           attained = excluded.attained, counted = excluded.counted, rejected = excluded.rejected,
                           excused = excluded.excused, due_next = excluded.due_next, state = excluded.state,
                           write_date = excluded.write_date
                     WHERE (old.partner_id, old.abc_class_id, old.norm_id, old.team_id, old.goal, old.attained,
                            old.counted, old.rejected, old.excused, old.due_next, old.state)
                           IS DISTINCT FROM
                           (excluded.partner_id, excluded.abc_class_id, excluded.norm_id, excluded.team_id,
                            excluded.goal, excluded.attained, excluded.counted, excluded.rejected, excluded.excused,
                            excluded.due_next, excluded.state)
            """,
            days=days,
            total=len(days),
            ids=list(partner_ids),
            company=period.company_id.id,
            period=period.id,
            start=period.date_start,
            end=period.date_end,
            after=period.date_end + timedelta(days=1),
            today=self.env["discipline.calendar"]._today(period.company_id),
            team_users=[user for user, _team in teams],
            team_ids=[team for _user, team in teams],
            away_users=[user for user, _day in gone],
            away_days=[day for _user, day in gone],
            absent=list(away),
            n_class=[row[0] for row in norms],
            n_team=[row[1] for row in norms],
            n_from=[row[3] for row in norms],
            n_until=[row[4] for row in norms],
            n_id=[row[5] for row in norms],
            n_goal=[row[6] for row in norms],
            p_user=[row[0] for row in plans],
            p_n=[row[1] for row in plans],
            p_goal=[row[2] for row in plans],
            p_excused=[row[3] for row in plans],
            p_dues=[",".join(day.isoformat() for day in row[4]) for row in plans],
        )

    # ------------------------------------------------------------------
    # Closing: what the verdict rests on stays with it
    # ------------------------------------------------------------------

    @api.model
    def _freeze(self, period, snapshot, partner_ids):
        """Make the verdicts of a batch final, with their evidence.

        The evidence names the norm and the policy, the intervals of assignment and every contact with the reason why
        it did not count; working days and absences stay with the period. ``engine.verdicts`` recomputes the verdict
        from it.
        """
        self.env.cr.execute(
            SQL(
                """
                UPDATE discipline_compliance v
                   SET closed = TRUE, due_next = NULL,
                       state = CASE WHEN v.state IN ('behind', 'on_track') THEN 'missed' ELSE v.state END,
                       write_date = now() AT TIME ZONE 'UTC',
                       evidence = jsonb_build_object(
                           'norm', v.norm_id, 'class', v.abc_class_id, 'team', v.team_id, 'policy', %(policy)s,
                           'n', (SELECT LEAST(COALESCE(
                                     (SELECT x.goal FROM discipline_exception x
                                       WHERE x.partner_id = v.customer_ref AND x.state = 'approved'
                                         AND x.kind = 'own_norm' AND x.date_from <= %(start)s
                                         AND x.date_until >= %(start)s ORDER BY x.id DESC LIMIT 1), n.goal),
                                     %(total)s) FROM discipline_norm n WHERE n.id = v.norm_id),
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
                total=len(snapshot["days"]),
                period=period.id,
                ids=list(partner_ids),
            )
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
