"""The judge: the verdicts of a period, by sets.

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

from contextlib import contextmanager
from datetime import timedelta

from odoo import api, fields, models
from odoo.tools import SQL

from ..engine.windows import windows
from .sets import among

BATCH = 50_000
#: up to so many customers PostgreSQL may look each of them up
FEW = 200
#: up to so many customers only their own managers' absences and teams are read
SOME = 5_000


class DisciplineCompliance(models.Model):
    _inherit = "discipline.compliance"

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
        snapshot = self._rests_on(period, partner_ids)
        days = [fields.Date.to_date(day) for day in snapshot["days"]]
        self._flush_facts()
        for batch, done, total in self._batches(period, partner_ids, period.closing_at):
            self.env["discipline.contact"]._derive_counted(
                period.company_id, period.kind, period.date_start, period.date_end, batch, period
            )
            if days:
                self._judge(period, snapshot, days, batch)
                stale = self._mark_unreachable(period, batch)
                if stale:
                    self._judge(period, snapshot, days, stale)
            if progress:
                progress(done, total)
        self.invalidate_model()

    @api.model
    def _judge(self, period, snapshot, days, partner_ids):
        """Bring the verdicts on these customers in line, in one statement."""
        with self._by_sets(len(partner_ids)):
            self.env.cr.execute(self._verdict_sql(period, snapshot, days, partner_ids))

    @api.model
    def _rests_on(self, period, partner_ids):
        """Return what the verdicts on these customers rest on; see ``discipline.period._refresh_snapshot``."""
        if partner_ids is None or isinstance(partner_ids, range) or len(partner_ids) > SOME:
            return period._refresh_snapshot()
        return period._snapshot_for(partner_ids)

    @contextmanager
    def _by_sets(self, count):
        """Let PostgreSQL join sets by hashing or sorting while ``count`` customers are looked at.

        Of the rows of a named sub-query it guesses one, and would compare everybody with everybody.
        """
        if count <= FEW:
            yield
            return
        self.env.cr.execute("SET LOCAL enable_nestloop = off")
        yield
        self.env.cr.execute("SET LOCAL enable_nestloop TO DEFAULT")

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
                    "WITH %s SELECT c.partner_id FROM %s LEFT JOIN gov ON gov.customer_ref = c.partner_id "
                    "WHERE COALESCE(gov.kind, 'month') = %s ORDER BY c.partner_id",
                    self._governing_sql(period, partner_ids),
                    SQL("(SELECT partner_id FROM discipline_customer WHERE %s) c", among("partner_id", partner_ids))
                    if isinstance(partner_ids, range)
                    else SQL("unnest(%s::int[]) AS c(partner_id)", list(partner_ids)),
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
    def _batches(self, period, partner_ids=None, closing=False, after=0):
        """Yield (customers, done, total) so that memory and transactions stay small.

        Everybody's batches are ranges of ids. While a period is being closed, customers whose verdicts are final
        already are left out: an interrupted close goes on, and its batches are ids.

        :param after: the last customer who is done already
        :return: iterator of (ids or range of ids, customers done with this batch, customers in all)
        """
        if isinstance(partner_ids, range):
            yield partner_ids, len(partner_ids), len(partner_ids)
            return
        if partner_ids is not None:
            ids = list(partner_ids)
            for begin in range(0, len(ids), BATCH):
                yield ids[begin : begin + BATCH], min(begin + BATCH, len(ids)), len(ids)
            return
        final = SQL("SELECT FROM discipline_compliance v WHERE v.period_id = %s AND v.closed", period.id)
        begun = closing and self.env.execute_query(SQL("SELECT EXISTS (%s)", final))[0][0]
        rows = self.env.execute_query(
            SQL(
                """
                SELECT min(id), max(id), count(*), %(ids)s FROM (
                    SELECT id, (row_number() OVER (ORDER BY id) - 1) / %(size)s AS batch FROM (
                        SELECT a.customer_ref AS id FROM discipline_assignment a
                         WHERE a.company_id = %(company)s AND a.date_from <= %(end)s
                           AND (a.date_to IS NULL OR a.date_to > %(start)s) %(final)s
                         UNION
                        SELECT customer_ref FROM discipline_compliance
                         WHERE period_id = %(period)s AND closed IS NOT TRUE) concerned
                ) numbered GROUP BY batch ORDER BY batch
                """,
                ids=SQL("array_agg(id ORDER BY id)") if begun else SQL("NULL"),
                size=BATCH,
                company=period.company_id.id,
                start=period.date_start,
                end=period.date_end,
                period=period.id,
                final=SQL("AND NOT EXISTS (%s AND v.customer_ref = a.customer_ref)", final) if begun else SQL(),
            )
        )
        done, total = 0, sum(row[2] for row in rows)
        for first, last, count, ids in rows:
            done += count
            if last > after:
                yield (
                    [customer for customer in ids if customer > after]
                    if ids
                    else range(max(first, after + 1), last + 1),
                    done,
                    total,
                )

    @api.model
    def _plans(self, period, days, away, exceptions):
        """Return the goals of managers who hold a customer all the period, as rows (user id, n, goal, excused, dues).

        They depend on the manager's presence only; user id 0 stands for everybody who was never away. The rule is
        the engine's: a window is excused if he was there for less than half of its days, and due on its last day on
        which he is there.

        :param exceptions: see :meth:`_exceptions_in_force`
        """
        goals = {row[6] for row in self._governing_norms(period)} | {
            row[2] for row in exceptions if row[1] == "own_norm"
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
    def _governing_sql(self, period, partner_ids, snapshot=None, exceptions=None):
        """Return the part of the statement that says what governs each customer of a batch in the period.

        It defines ``span`` (who held him, in order), ``gov`` (class, team, norm and number of windows) and what they
        rest on; ``gov`` names the kind of period of his norm, which may be another one than this period's.
        """
        snapshot = snapshot or self._rests_on(period, partner_ids)
        exceptions = self._exceptions_in_force(period) if exceptions is None else exceptions
        norms = self._governing_norms(period)
        teams = [(int(user), team) for user, team in snapshot["teams"].items()]
        own_norms = [row for row in exceptions if row[1] == "own_norm"]
        return SQL(
            """
            team AS (SELECT * FROM unnest(%(team_users)s::int[], %(team_ids)s::int[]) AS t(user_id, team_id)),
            norm AS (SELECT * FROM unnest(%(n_class)s::int[], %(n_team)s::int[], %(n_kind)s::text[], %(n_from)s::date[],
                                          %(n_until)s::date[], %(n_id)s::int[], %(n_goal)s::int[])
                                AS t(abc_class_id, team_id, kind, since, until, id, goal)),
            own_norm AS (SELECT * FROM unnest(%(x_partner)s::int[], %(x_goal)s::int[], %(x_from)s::date[],
                                              %(x_until)s::date[]) WITH ORDINALITY
                                AS t(partner_id, goal, since, until, i)
                          WHERE %(among_own)s),
            span AS (
                SELECT a.customer_ref, a.manager_ref, GREATEST(a.date_from, %(start)s) AS f,
                       LEAST(a.date_to, %(after)s) AS t,
                       row_number() OVER (PARTITION BY a.customer_ref ORDER BY a.date_from, a.id) AS seq
                  FROM discipline_assignment a
                 WHERE %(among_assigned)s AND a.company_id = %(company)s AND a.date_from <= %(end)s
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
                  JOIN discipline_customer c ON c.partner_id = s.customer_ref AND %(among_based)s
             LEFT JOIN team t ON t.user_id = s.manager_ref
                 WHERE s.seq = 1
            ),
            agreed AS (
                SELECT DISTINCT ON (x.partner_id) x.partner_id, x.goal
                  FROM own_norm x JOIN first f ON f.customer_ref = x.partner_id AND f.f BETWEEN x.since AND x.until
              ORDER BY x.partner_id, x.i DESC
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
             LEFT JOIN agreed ex ON ex.partner_id = f.customer_ref
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
            x_partner=[row[0] for row in own_norms],
            x_goal=[row[2] for row in own_norms],
            x_from=[row[3] for row in own_norms],
            x_until=[row[4] for row in own_norms],
            among_own=among("partner_id", partner_ids),
            among_assigned=among("a.customer_ref", partner_ids),
            among_based=among("c.partner_id", partner_ids),
            company=period.company_id.id,
            start=period.date_start,
            end=period.date_end,
            after=period.date_end + timedelta(days=1),
            total=len(snapshot["days"]),
        )

    @api.model
    def _spared(self, period, exceptions):
        """Return when nothing is asked about a customer, as (customer, manager or 0 for all, first day, last day).

        :param exceptions: see :meth:`_exceptions_in_force`
        """
        rows = [(partner, 0, low, high) for partner, kind, _goal, low, high in exceptions if kind == "pause"]
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
        exceptions = self._exceptions_in_force(period)
        plans = self._plans(period, days, away, exceptions)
        gone = [(user, day) for user, gone_days in away.items() for day in sorted(gone_days)]
        spared = self._spared(period, exceptions)
        return SQL(
            """
            WITH day AS (SELECT d, i FROM unnest(%(days)s::date[]) WITH ORDINALITY AS t(d, i)),
            away AS (SELECT * FROM unnest(%(away_users)s::int[], %(away_days)s::date[]) AS t(user_id, d)),
            plan AS (SELECT user_id, n, goal, excused, string_to_array(dues, ',')::date[] AS dues
                       FROM unnest(%(p_user)s::int[], %(p_n)s::int[], %(p_goal)s::int[], %(p_excused)s::int[],
                                   %(p_dues)s::text[]) AS t(user_id, n, goal, excused, dues)),
            spared AS (SELECT * FROM unnest(%(s_customer)s::int[], %(s_user)s::int[], %(s_from)s::date[],
                                            %(s_until)s::date[]) AS t(customer_ref, manager_ref, since, until)
                        WHERE %(among_spared)s),
            odd AS (SELECT customer_ref, manager_ref FROM spared GROUP BY customer_ref, manager_ref),
            idle AS (SELECT DISTINCT x.customer_ref, x.manager_ref, d.d
                       FROM spared x JOIN day d ON d.d BETWEEN x.since AND x.until),
            %(governing)s,
            held AS (      -- days that somebody held for a part of the period, by window
                SELECT s.customer_ref, s.manager_ref, s.seq, g.n, (d.i * g.n + %(total)s - 1) / %(total)s AS k, d.d,
                       w.d IS NULL AND every.d IS NULL AND mine.d IS NULL AS present
                  FROM span s
                  JOIN gov g USING (customer_ref)
                  JOIN day d ON d.d >= s.f AND d.d < s.t
             LEFT JOIN away w ON w.user_id = s.manager_ref AND w.d = d.d
             LEFT JOIN idle every ON every.customer_ref = s.customer_ref AND every.manager_ref = 0 AND every.d = d.d
             LEFT JOIN idle mine ON mine.customer_ref = s.customer_ref AND mine.manager_ref = s.manager_ref
                                AND mine.d = d.d
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
                 WHERE c.day BETWEEN %(start)s AND %(end)s AND %(among_called)s
              GROUP BY s.customer_ref, s.seq
            ),
            part AS (
                SELECT s.customer_ref, s.manager_ref, s.seq, COALESCE(p.goal, sh.goal, 0)::int AS goal,
                       COALESCE(p.excused, sh.excused, 0)::int AS excused, COALESCE(p.dues, sh.dues) AS dues,
                       COALESCE(m.counted, 0)::int AS counted, COALESCE(m.rejected, 0)::int AS rejected,
                       COALESCE(m.attempts, 0)::int AS attempts
                  FROM span s
                  JOIN gov g ON g.customer_ref = s.customer_ref AND g.kind = %(kind)s
             LEFT JOIN plan p ON p.n = g.n AND p.user_id = CASE
                                 WHEN s.f > %(start)s OR s.t < %(after)s
                                      OR s.customer_ref IN (SELECT customer_ref FROM spared) THEN NULL
                                 WHEN s.manager_ref = ANY(%(absent)s) THEN s.manager_ref ELSE 0 END
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
                       -- later intervals have later windows: joined, their due days are in order
                       CASE WHEN count(*) = 1 THEN min(dues)
                            ELSE string_to_array(string_agg(array_to_string(dues, ','), ',' ORDER BY seq)
                                                 FILTER (WHERE cardinality(dues) > 0), ',')::date[] END AS dues
                  FROM attained
              GROUP BY customer_ref, manager_ref
                HAVING sum(goal) + sum(excused) + sum(counted) + sum(rejected) > 0
            ),
            verdict AS MATERIALIZED (
                SELECT h.*, g.partner_id, g.abc_class_id, g.norm_id, g.team_id, g.n AS asked,
                       CASE WHEN h.attained < h.goal THEN h.dues[h.attained + 1] END AS due_next,
                       CASE WHEN h.excused > 0 AND h.attained >= h.goal AND o.customer_ref IS NOT NULL
                            THEN 'unreachable'
                            WHEN h.goal = 0 THEN 'excused'
                            WHEN h.attained >= h.goal THEN 'met'
                            WHEN h.dues[h.attained + 1] < %(today)s THEN 'behind'
                            ELSE 'on_track' END AS state
                  FROM holder h
                  JOIN gov g USING (customer_ref)
             LEFT JOIN odd o ON o.customer_ref = h.customer_ref AND o.manager_ref = h.manager_ref
            ),
            gone AS (
                DELETE FROM discipline_compliance v
                 WHERE v.period_id = %(period)s AND v.closed IS NOT TRUE AND %(among_judged)s
                   AND NOT EXISTS (SELECT FROM verdict n WHERE n.customer_ref = v.customer_ref
                                                           AND n.manager_ref = v.manager_ref)
            )
            INSERT INTO discipline_compliance AS old
                   (partner_id, customer_ref, user_id, manager_ref, company_id, period_id, abc_class_id, norm_id,
                    team_id, asked, goal, attained, counted, rejected, attempts, excused, overload, due_next, state,
                    create_date, write_date)
            SELECT n.partner_id, n.customer_ref, u.id, n.manager_ref, %(company)s, %(period)s, n.abc_class_id,
                   n.norm_id, n.team_id, n.asked, n.goal, n.attained, n.counted, n.rejected, n.attempts, n.excused, 0,
                   n.due_next, n.state,
                   -- by no person: a reference to nobody need not be checked a million times
                   now() AT TIME ZONE 'UTC', now() AT TIME ZONE 'UTC'
              FROM verdict n
         LEFT JOIN res_users u ON u.id = n.manager_ref
         LEFT JOIN discipline_compliance had
                ON had.customer_ref = n.customer_ref AND had.manager_ref = n.manager_ref AND had.closed IS NOT TRUE
               AND had.period_id = %(period)s AND %(among_had)s
             WHERE had.id IS NULL     -- whoever has the same verdict is not even locked
                OR (had.partner_id, had.abc_class_id, had.norm_id, had.team_id, had.asked, had.goal, had.attained,
                    had.counted, had.rejected, had.attempts, had.excused, had.overload, had.due_next, had.state)
                   IS DISTINCT FROM
                   (n.partner_id, n.abc_class_id, n.norm_id, n.team_id, n.asked, n.goal, n.attained,
                    n.counted, n.rejected, n.attempts, n.excused, 0, n.due_next, n.state)
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
            governing=self._governing_sql(period, partner_ids, snapshot, exceptions),
            kind=period.kind,
            attempts=list(self.env["discipline.outcome"]._attempt_ids()),
            s_customer=[row[0] for row in spared],
            s_user=[row[1] for row in spared],
            s_from=[row[2] for row in spared],
            s_until=[row[3] for row in spared],
            days=days,
            total=len(days),
            among_spared=among("customer_ref", partner_ids),
            among_called=among("c.partner_id", partner_ids),
            among_judged=among("v.customer_ref", partner_ids),
            among_had=among("had.customer_ref", partner_ids),
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
