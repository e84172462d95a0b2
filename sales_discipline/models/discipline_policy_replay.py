"""Replay: whom a policy would have moved in past periods, and how many of them bought anyway. It writes nothing."""

from collections import defaultdict
from dataclasses import dataclass
from datetime import date
from itertools import groupby
from operator import itemgetter

from dateutil.relativedelta import relativedelta
from odoo import api, models
from odoo.tools import SQL

from ..engine import policy as engine

#: rows that are read at a time
SOME = 10_000


@dataclass(frozen=True, slots=True)
class Moved:
    """A customer whom the policy would have moved after a period."""

    customer: int
    manager: int
    period: int
    verdict: int
    missed: int
    after: date


class DisciplinePolicy(models.Model):
    _inherit = "discipline.policy"

    def _replay(self, periods):
        """Return whom this policy would have moved after each of these closed periods, as a list of ``Moved``.

        :param periods: closed periods of one company and one kind
        """
        taken, moved = defaultdict(int), []
        for period in periods.sorted("date_start"):
            gone = SQL("SELECT unnest(%s::int[])", [row.customer for row in moved])
            moved += list(self._replay_period(period, gone, taken))
        return moved

    def _replay_period(self, period, gone, taken, managers=None):
        """Yield whom this policy would have moved after one closed period, as ``Moved``, manager after manager.

        Read are the final verdicts as they were judged; the policy says only which of them withdraw. Looked at are the
        verdicts of whoever held the customer when the period was over, appeals that were granted, newcomers,
        exceptions in force on the day after, and the cap per manager and month. Each customer moves once: who would
        have had him afterwards, and what that manager would have done, nobody knows. Deals in a late stage are not
        looked at.

        :param SQL gone: query of the customers who moved after an earlier period
        :param defaultdict taken: {(manager, year, month): customers taken from him}; what is yielded is added
        :param managers: the numbers of the first and the last manager who are looked at; by default all of them are
        """
        self.ensure_one()
        day = period.date_end + relativedelta(days=1)
        rows = self.env["discipline.exception"].sudo()._in_force(period.company_id, day, day, ("keep",))
        spared = {row[0] for row in rows}
        most, start = self.cap_per_manager, str(period.date_start)
        for manager, rows in groupby(self._replay_rows(period, gone, managers), key=itemgetter(0)):
            own = {customer: found for _manager, customer, *found in rows if customer not in spared}
            month = (manager, day.year, day.month)
            cap = most and most - taken[month]
            if most and cap <= 0:
                continue
            chosen = engine.capped([(customer, found[2]) for customer, found in own.items()], cap, start)
            taken[month] += len(chosen)
            for customer in chosen:
                yield Moved(customer, manager, period.id, *own[customer][:2], day)

    def _replay_rows(self, period, gone, managers):
        """Yield the rows of ``_replay_sql`` some at a time: there may be a million of them.

        The server keeps them, so others may be read and written in between.
        """
        # all of them are read: a plan that has the first ones soon would take longer
        self.env.cr.execute("SET LOCAL cursor_tuple_fraction TO 1")
        query = self._replay_sql(period, gone, managers)
        self.env.cr.execute(SQL("DECLARE discipline_replay NO SCROLL CURSOR FOR %s", query))
        while rows := self.env.execute_query(SQL("FETCH %s FROM discipline_replay", SOME)):
            yield from rows
        self.env.cr.execute("CLOSE discipline_replay")

    def _replay_sql(self, period, gone, managers):
        """Return SQL of rows (manager, customer, verdict, missed periods, attained share) that may withdraw.

        The set-based twin of ``engine.policy.deciding``: of the last so many judged periods of one manager and
        customer at least so many are missed, the newest among them.
        """
        for name in ("discipline.compliance", "discipline.period", "discipline.appeal", "discipline.assignment"):
            self.env[name].flush_model()
        self.env["res.users"].flush_model(["discipline_newcomer_since"])
        return SQL(
            """
            WITH rule AS (SELECT * FROM unnest(%(classes)s::int[], %(needed)s::int[], %(of)s::int[])
                                     AS t(abc_class_id, needed, of)),
            judged AS (
                SELECT v.id, v.period_id, v.customer_ref, v.manager_ref, p.date_start, p.date_end, v.attained, v.goal,
                       COALESCE(r.needed, %(any_needed)s) AS needed, COALESCE(r.of, %(any_of)s) AS of,
                       %(missed)s::int AS missed
                  FROM discipline_compliance v
                  JOIN discipline_period p ON p.id = v.period_id
             LEFT JOIN res_users u ON u.id = v.manager_ref
             LEFT JOIN rule r ON r.abc_class_id = v.abc_class_id
                 WHERE v.company_id = %(company)s AND p.kind = %(kind)s AND p.date_start <= %(last)s AND %(held)s
                   AND %(among)s
                   AND v.customer_ref IN (SELECT customer_ref FROM discipline_compliance v
                                           WHERE v.period_id = %(period)s AND %(missed)s AND %(among)s)
            ), counted AS (
                SELECT *, sum(missed) OVER chain AS upto FROM judged
                WINDOW chain AS (PARTITION BY customer_ref, manager_ref ORDER BY date_start)
            ), looked AS (
                SELECT *, upto - COALESCE(lag(upto, of) OVER chain, 0) AS found FROM counted
                WINDOW chain AS (PARTITION BY customer_ref, manager_ref ORDER BY date_start)
            ), found AS (
                SELECT l.manager_ref, l.customer_ref, l.id, l.found::int AS missed,
                       l.attained::float / l.goal AS share, FALSE AS gone
                  FROM looked l
                  JOIN discipline_assignment a ON a.customer_ref = l.customer_ref AND a.manager_ref = l.manager_ref
                                              AND a.date_from <= l.date_end + 1
                                              AND (a.date_to IS NULL OR a.date_to > l.date_end + 1)
                 WHERE l.missed = 1 AND l.found >= l.needed AND l.period_id = %(period)s
             UNION ALL
                -- looked at together: whatever PostgreSQL expects of lines that were just written, one sort is enough
                SELECT NULL, g.customer, NULL, NULL, NULL, TRUE FROM (%(gone)s) AS g(customer)
            )
            SELECT manager_ref, customer_ref, id, missed, share
              FROM (SELECT *, bool_or(gone) OVER (PARTITION BY customer_ref) AS moved FROM found) f
             WHERE NOT moved
          ORDER BY manager_ref, id
            """,
            classes=self.line_ids.abc_class_id.ids,
            needed=[self._rule_for(row)[0] for row in self.line_ids.abc_class_id],
            of=[self._rule_for(row)[1] for row in self.line_ids.abc_class_id],
            any_needed=self.missed_needed,
            any_of=self.missed_of,
            missed=self._missed_sql(),
            held=self._held_against_sql(),
            company=self.company_id.id,
            kind=period.kind,
            last=period.date_start,
            period=period.id,
            among=SQL("v.manager_ref BETWEEN %s AND %s", *managers) if managers else SQL("TRUE"),
            gone=gone,
        )

    def _missed_sql(self):
        """Return SQL that tells whether verdict ``v`` is missed: the twin of ``engine.policy.is_missed``."""
        return SQL("(v.attained < v.goal AND 100 * v.attained <= %s * v.goal)", self.missed_share)

    def _held_against_sql(self):
        """Return SQL that tells whether verdict ``v`` of period ``p`` and user ``u`` may be held against its manager.

        Excused and unreachable ones are not, nor those against which an appeal was granted. What was missed in a period
        that was over before its manager's adaptation never is, also not later.
        """
        return SQL(
            """
            (v.closed AND v.goal > 0 AND v.state != 'unreachable'
             AND (u.discipline_newcomer_since IS NULL
                  OR p.date_end + 1 >= u.discipline_newcomer_since + 30 * %s)
             AND NOT EXISTS (SELECT FROM discipline_appeal x JOIN discipline_redistribution_line y ON y.id = x.line_id
                              WHERE y.verdict_ref = v.id AND x.state = 'granted'))
            """,
            self.newcomer_months,
        )

    @api.model
    def _bought_after(self, company, moved, months):
        """Return {customer id: sum} of what moved customers bought in so many months after the day of their move.

        :param moved: list of ``Moved``
        """
        Revenue = self.env["discipline.revenue"].sudo()
        Revenue.flush_model()
        days = defaultdict(list)
        for row in moved:
            days[row.after].append(row.customer)
        bought = {}
        for day, customers in days.items():
            query = Revenue._sums_sql(company, day, day + relativedelta(months=months), partner_ids=customers)
            bought.update(self.env.execute_query(query))
        return bought
