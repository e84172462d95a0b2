"""Reading the funnel's figures: deals by the ways that they took, and the median times in stages."""

from datetime import timedelta

from odoo import api, models
from odoo.tools import SQL

from ..engine import statistics
from ..engine.funnel import route
from .discipline_deal import WON
from .discipline_funnel import AGES

#: so many of many deals are asked first between which times a median lies
SAMPLE = 20_000
#: deals whose times are read in whatever way PostgreSQL chooses
FEW = 1_000


class DisciplineFunnel(models.AbstractModel):
    _inherit = "discipline.funnel"

    @api.model
    def _fetch(self, filters, stages):
        """Return the counted cells of a cohort: deals by furthest stage and end, reasons, ages, and times.

        Deals of one way are counted together; where each way led is a matter of the stages' order, and is found here.
        """
        self._flush()
        where = self._sql_deal_where(filters)
        rows, past = [], []
        if filters.get("as_of"):
            # most deals have not changed since, and are read as fast as those of today
            rows, past = self._fetch_summed_up(filters, where)
            where = SQL("%s AND d.changed_day <= %s", where, filters["as_of"])
        rows = rows + self._fetch_ways(filters, where)
        routes = {row[0]: route(row[0], stages.ids, WON) for row in rows}
        stays = self._fetch_medians(where, routes, sum(row[3] for row in rows), self._stays_of(past, routes))
        cells, reasons, ages = {}, {}, {}
        for way, outcome, reason, deals, amount, days, young, young_amounts in rows:
            furthest = routes[way].furthest
            figures = (deals, amount, days)
            self._add(cells, {"furthest": furthest, "outcome": outcome}, figures)
            if outcome == "lost":
                self._add(reasons, {"furthest": furthest, "reason": reason}, figures)
            if outcome == "open":
                for age, (count, total) in enumerate(zip(young, young_amounts, strict=True)):
                    if count:
                        self._add(ages, {"furthest": furthest, "age": age}, (count, total, 0.0))
        return list(cells.values()), list(reasons.values()), list(ages.values()), stays

    @api.model
    def _add(self, cells, key, figures):
        """Add ``figures`` (deals, sum, days) to the cell of a key."""
        cell = cells.setdefault(tuple(key.values()), {**key, "deals": 0, "amount": 0.0, "days": 0.0})
        for name, figure in zip(("deals", "amount", "days"), figures, strict=True):
            cell[name] += figure

    @api.model
    def _sql_ways(self, base, where, amount, now, reason=None):
        """Return the query of deals counted by their way, end and reason of refusal.

        Its rows: (way, outcome, reason, deals, sum, days to the end, open deals by age, their sums).

        :param SQL base: what deals ``d`` are read from
        :param SQL where: the condition on them
        :param SQL amount: the sum of one
        :param datetime now: the moment up to which ages are counted
        :param SQL reason: the reason instead of the deal's own column
        """
        born = [now - timedelta(days=age) for age in AGES]
        since = [SQL("d.entered > %s", moment) for moment in born] + [SQL("TRUE")]
        until = [SQL("TRUE")] + [SQL("d.entered <= %s", moment) for moment in born]
        spans = [SQL("FILTER (WHERE %s AND %s)", *span) for span in zip(since, until, strict=True)]
        return SQL(
            """
            SELECT d.path, d.outcome, CASE WHEN d.outcome = 'lost' THEN %(reason)s END AS reason, count(*) AS deals,
                   sum(%(amount)s)::float8 AS amount, COALESCE(sum(d.closed_after)::float8 / 86400, 0) AS days,
                   ARRAY[%(young)s] AS young, ARRAY[%(young_amounts)s]::float8[] AS young_amounts
              FROM %(base)s d
             WHERE %(where)s
          GROUP BY 1, 2, 3
            """,
            reason=reason or SQL("d.lost_reason_id"),
            amount=amount,
            young=SQL(", ").join(SQL("count(*) %s", span) for span in spans),
            young_amounts=SQL(", ").join(SQL("sum(%s) %s", amount, span) for span in spans),
            base=base,
            where=where,
        )

    @api.model
    def _fetch_ways(self, filters, where):
        """Return the rows of :meth:`_sql_ways` of deals as their rows are now."""
        base, amount, now = SQL("discipline_deal"), self._sql_amount(), self._now(filters)
        # the deals of one manager are few: to read them once more takes longer than to look reasons up
        of_one = bool(filters.get("user_id"))
        rows = self.env.execute_query(self._sql_ways(base, where, amount, now, self._sql_reason() if of_one else None))
        if not of_one and any(outcome == "lost" and not reason for _way, outcome, reason, *_figures in rows):
            # where every reason is looked up in the ledger of refusals, PostgreSQL expects a group for each deal, and
            # counts them with one processor
            rows = [row for row in rows if row[1] != "lost" or row[2]]
            where = SQL("%s AND d.outcome = 'lost' AND d.lost_reason_id IS NULL", where)
            rows += self.env.execute_query(self._sql_ways(base, where, amount, now, self._sql_reason()))
        return [(tuple(way), *figures) for way, *figures in rows]

    @api.model
    def _fetch_summed_up(self, filters, where):
        """Return the deals that changed since the day asked for, as they were at its end.

        To sum them up takes longest: one statement tells all of them.

        :return: (rows of :meth:`_sql_ways`, list of (way, its deals' seconds, their seconds to the end or None))
        """
        [(rows, times)] = self.env.execute_query(
            SQL(
                """
                WITH summed_up AS MATERIALIZED (%(summed_up)s)
                SELECT (SELECT json_agg(json_build_array(w.path, w.outcome, w.reason, w.deals, w.amount, w.days,
                                                         w.young, w.young_amounts)) FROM (%(ways)s) w),
                       (SELECT json_agg(x.times) FROM (
                            SELECT json_build_array(d.path, json_agg(d.seconds), json_agg(d.closed_after)) AS times
                              FROM summed_up d WHERE %(where)s GROUP BY d.path) x)
                """,
                summed_up=self._sql_summed_up(filters["as_of"]),
                ways=self._sql_ways(
                    SQL("summed_up"), where, self._sql_amount(), self._now(filters), self._sql_reason()
                ),
                where=where,
            )
        )
        return tuple([(tuple(way), *rest) for way, *rest in found or []] for found in (rows, times))

    @api.model
    def _stays_of(self, deals, routes):
        """Return {rank: the seconds in the stage} of deals that were read: what ``stay`` of :meth:`_sql_stays` is.

        :param list deals: (way, its deals' seconds, their seconds to the end or None)
        :param dict routes: {way: engine.funnel.Route}
        """
        stays = {}
        for way, moments, ends in deals:
            for rank, begin, end in routes[way].stays:
                stays.setdefault(rank, []).extend(
                    (closed if end is None else seconds[end]) - (0 if begin is None else seconds[begin])
                    for seconds, closed in zip(moments, ends, strict=True)
                    if end is not None or closed is not None
                )
        return stays

    @api.model
    def _execute_hashed(self, query):
        """Return the rows of a query that joins very many deals with their few ways.

        PostgreSQL knows nothing of how different the given ways are, and would sort all deals by theirs to join them.
        """
        self.env.cr.execute(SQL("SET LOCAL enable_mergejoin TO off"))
        rows = self.env.execute_query(query)
        self.env.cr.execute(SQL("SET LOCAL enable_mergejoin TO DEFAULT"))
        return rows

    @api.model
    def _sql_stays(self, where, routes, bounds=None, without=()):
        """Return the common table ``stay``: the seconds between coming to a stage and getting beyond it, or to the end.

        A row is of a deal ``lead_ref`` that really stood in the stage, and has left it.

        :param SQL where: the condition on deals
        :param dict routes: {way: engine.funnel.Route}
        :param dict bounds: {rank: (low, high)}, given along in the columns of these names
        :param set without: ranks that are left out
        :return: SQL, or None where no deal stood in a stage
        """
        rows = [(way, *stay) for way, found in routes.items() for stay in found.stays if stay[0] not in without]
        if not rows:
            return None
        low, high = zip(*((bounds or {}).get(row[1], (None, None)) for row in rows), strict=True)
        return SQL(
            """
            way AS (
                -- places of an array begin with 1; the deal's entry is the place 0
                SELECT w.path::int[], w.rank, w.begin, w.end, w.low, w.high
                  FROM unnest(%(ways)s::text[], %(ranks)s::int[], %(begins)s::int[], %(ends)s::int[], %(low)s::int[],
                              %(high)s::int[]) AS w(path, rank, begin, "end", low, high)
            ), stay AS NOT MATERIALIZED (
                SELECT d.lead_ref, w.rank, w.low, w.high,
                       CASE WHEN w.end IS NULL THEN d.closed_after ELSE d.seconds[w.end] END
                       - CASE WHEN w.begin = 0 THEN 0 ELSE d.seconds[w.begin] END AS seconds
                  FROM discipline_deal d
                  JOIN way w ON w.path = d.path
                 WHERE (w.end IS NOT NULL OR d.closed_after IS NOT NULL) AND %(where)s
            )
            """,
            ways=[f"{{{','.join(map(str, row[0]))}}}" for row in rows],
            ranks=[row[1] for row in rows],
            begins=[0 if row[2] is None else row[2] + 1 for row in rows],
            ends=[None if row[3] is None else row[3] + 1 for row in rows],
            low=list(low),
            high=list(high),
            where=where,
        )

    @api.model
    def _fetch_medians(self, where, routes, deals, others):
        """Return {rank: median days in the stage}.

        To sort the times of a million deals takes longer than all the rest. Where there are many, a sample says
        between which times the median lies; only the times between these are read, and those below are counted. The
        result is exact all the same.

        :param SQL where: the condition on deals
        :param int deals: how many deals the cohort has
        :param dict others: {rank: seconds in the stage} of deals that the condition leaves out
        """
        medians = {}
        bounds = self._fetch_bounds(where, routes, deals // SAMPLE) if deals > 4 * SAMPLE else {}
        # a sample that was unlike the whole: all times are read
        for known in (bounds, {}):
            done = {rank for rank, seconds in medians.items() if seconds is not None}
            stays = self._sql_stays(where, routes, known, done)
            rows = stays and (self._execute_hashed if deals > FEW else self.env.execute_query)(
                SQL(
                    """
                    WITH %s
                    SELECT rank, count(*), count(*) FILTER (WHERE seconds < low),
                           array_agg(seconds) FILTER (WHERE low IS NULL OR seconds BETWEEN low AND high)
                      FROM stay GROUP BY rank
                    """,
                    stays,
                )
            )
            found = {rank: figures for rank, *figures in rows or []}
            for rank in (found.keys() | others.keys()) - done:
                count, below, inner = found.get(rank, (0, 0, None))
                low, high = known.get(rank, (None, None))
                mine = others.get(rank, [])
                if low is not None:
                    below += sum(seconds < low for seconds in mine)
                    inner = [*(inner or []), *(seconds for seconds in mine if low <= seconds <= high)]
                else:
                    inner = [*(inner or []), *mine]
                medians[rank] = statistics.median_between(count + len(mine), below, inner)
            if None not in medians.values():
                break
        return {rank: seconds / 86400 for rank, seconds in medians.items() if seconds is not None}

    @api.model
    def _fetch_bounds(self, where, routes, step):
        """Return {rank: (low, high)}: between which seconds the medians lie, from every ``step``-th deal."""
        stays = self._sql_stays(where, routes)
        rows = stays and self.env.execute_query(
            SQL("WITH %s SELECT rank, array_agg(seconds) FROM stay WHERE lead_ref %% %s = 0 GROUP BY rank", stays, step)
        )
        bounds = {rank: statistics.around_median(sample) for rank, sample in rows or []}
        return {rank: bound for rank, bound in bounds.items() if bound}
