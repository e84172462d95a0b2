"""What needs statistics to be read: intervals, open deals as censored, managers against their own mix of deals."""

from collections import Counter, defaultdict
from datetime import date
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise
from operator import add

from odoo import api, models
from odoo.tools import SQL
from odoo.tools.misc import formatLang

from ..engine import statistics
from ..engine.funnel import against_mix, apportion, decompose

#: days of age for "won by the D-th day"
BY_DAYS = (30, 60, 90, 180)
#: points of a curve that are drawn; a screen shows no more
POINTS = 120
#: a product of more factors takes too long to divide among them, and too long to read
FACTORS = 10


class DisciplineFunnelAnalytics(models.AbstractModel):
    """The part of the funnel behind the switch."""

    _name = "discipline.funnel.analytics"
    _inherit = "discipline.funnel"
    _description = "Sales Funnel, Advanced Analytics"

    @api.model
    @api.readonly
    def get_analytics(self, filters=None):
        """Return the advanced part of the funnel, as plain JSON.

        :param dict filters: see ``_clean_filters``
        :return: ``won`` and ``lost``: curves of cumulative incidence, rows of (day, share, low, high);
            ``by_day``: deals won by the D-th day among those at least D days old; ``managers``: see ``_manager``
        :raise AccessError: for whoever may not read opportunities
        """
        filters = self._clean_filters(filters)
        stages = self._stages(filters)
        cells, times, reasons, kinds = self._fetch_analytics(filters, stages, "cells", "times", "reasons", "kinds")
        by_day = []
        for number, day in enumerate(BY_DAYS):
            old = sum(row["old"][number] for row in times)
            won = sum(row["old"][number] for row in times if row["end"] == "won" and row["days"] <= day)
            if old:
                by_day.append({"day": day, "won": won, "old": old, "band": statistics.wilson(won, old)})
        counts = Counter()
        for row in times:
            counts[row["days"], row["end"]] += row["deals"]
        return {
            **{end: self._curve(counts, end) for end in ("won", "lost")},
            "by_day": by_day,
            "managers": self._managers(cells, reasons, kinds, stages),
        }

    @api.model
    def _fetch_analytics(self, filters, stages, *wanted):
        """Return what is wanted of the same deals: ``cells`` per manager, ``times``, ``reasons`` and ``kinds``.

        Times are days to the end, or until now. A kind is a source, a class and a size (small, middle, large). Of each
        are told the deals that ended and were won, and for each stage those that were decided there, by going on or by
        being lost, and those that went on.
        """
        self._flush()
        ranks = range(len(stages))
        went = [SQL("furthest > %s OR outcome = 'won'", rank) for rank in ranks]
        lost = [SQL("furthest = %s AND outcome = 'lost'", rank) for rank in ranks]
        decided = [SQL("%s OR (%s)", *ways) for ways in zip(went, lost, strict=True)]
        queries = {
            "cells": SQL(
                """
                SELECT jsonb_agg(to_jsonb(x)) FROM (
                    SELECT manager_ref AS manager, furthest, outcome, count(*) AS deals, sum(amount)::text AS amount
                      FROM deal GROUP BY 1, 2, 3) x
                """
            ),
            "times": SQL(
                """
                SELECT jsonb_agg(to_jsonb(x)) FROM (
                    SELECT COALESCE(closed_after, age) / 86400 AS days,
                           CASE WHEN outcome <> 'open' THEN outcome END AS end, count(*) AS deals, ARRAY[%(old)s] AS old
                      FROM deal d
                CROSS JOIN LATERAL (SELECT EXTRACT(epoch FROM %(now)s - d.entered)::int AS age) a
                  GROUP BY 1, 2) x
                """,
                now=self._now(filters),
                old=SQL(", ").join(SQL("count(*) FILTER (WHERE age >= %s)", day * 86400) for day in BY_DAYS),
            ),
            "reasons": SQL(
                """
                SELECT jsonb_agg(to_jsonb(x)) FROM (
                    SELECT manager_ref AS manager, furthest, lost_reason_id AS reason, count(*) AS deals
                      FROM deal WHERE outcome = 'lost' GROUP BY 1, 2, 3) x
                """
            ),
            "kinds": SQL(
                """
                SELECT jsonb_agg(jsonb_build_array(manager, source, class, size, ended, won, decided, went)) FROM (
                    SELECT d.manager_ref AS manager, d.source_id AS source, d.abc_class_id AS class,
                           (d.amount > b.sizes[1])::int + (d.amount > b.sizes[2])::int AS size,
                           count(*) FILTER (WHERE d.outcome IN ('won', 'lost')) AS ended,
                           count(*) FILTER (WHERE d.outcome = 'won') AS won,
                           ARRAY[%(decided)s]::int[] AS decided, ARRAY[%(went)s]::int[] AS went
                      FROM deal d
                CROSS JOIN (SELECT percentile_disc(ARRAY[0.333, 0.667]) WITHIN GROUP (ORDER BY amount) AS sizes
                              FROM deal) b
                  GROUP BY 1, 2, 3, 4) x
                """,
                decided=SQL(", ").join(SQL("count(*) FILTER (WHERE %s)", condition) for condition in decided),
                went=SQL(", ").join(SQL("count(*) FILTER (WHERE %s)", condition) for condition in went),
            ),
        }
        [found] = self.env.execute_query(
            SQL(
                "WITH %s SELECT %s",
                self._sql_deals(filters, stages),
                SQL(", ").join(SQL("(%s)", queries[name]) for name in wanted),
            )
        )
        return [rows or [] for rows in found]

    @api.model
    def _curve(self, counts, end):
        """Return the drawn points of a cumulative incidence: (day, share, low, high)."""
        points = statistics.cumulative_incidence(counts, end)
        step = max(1, -(-len(points) // POINTS))
        chosen = points[::step]
        if points and chosen[-1] is not points[-1]:
            chosen.append(points[-1])
        return [[point.day, point.incidence, point.low, point.high] for point in chosen]

    # ------------------------------------------------------------------
    # Managers
    # ------------------------------------------------------------------

    @api.model
    def _managers(self, cells, reasons, kinds, stages):
        """Return a row per manager of the cohort, those with most deals first."""
        mixes, company = defaultdict(dict), defaultdict(lambda: [0, 0])
        for manager, *kind, ended, won, _decided, _went in kinds:
            if ended:
                mixes[manager or 0][tuple(kind)] = (ended, won)
                whole = company[tuple(kind)]
                whole[0] += ended
                whole[1] += won
        steps = self._steps(kinds, len(stages))
        own = defaultdict(list)
        for cell in cells:
            cell["amount"] = Decimal(cell["amount"])
            own[cell["manager"] or 0].append(cell)
        users = (
            self.env["res.users"].sudo().with_context(active_test=False).browse([key for key in own if key]).exists()
        )
        names = {user.id: user.name for user in users}
        closed = {
            manager: (self._deals(rows, outcome="won"), self._deals(rows, outcome=("won", "lost")))
            for manager, rows in own.items()
        }
        shrunk = statistics.shrink(closed)
        result = []
        for manager, rows in own.items():
            won, ended = closed[manager]
            lines = against_mix(mixes[manager], company)
            result.append(
                {
                    "id": manager,
                    "name": names.get(manager) or self.env._("Nobody"),
                    "entered": self._deals(rows),
                    "won": won,
                    "closed": ended,
                    "win_rate": won / ended if ended else None,
                    "band": statistics.wilson(won, ended),
                    "shrunk": shrunk[manager],
                    "expected": float(sum((line.expected for line in lines), Fraction(0))),
                    "won_amount": float(sum(row["amount"] for row in rows if row["outcome"] == "won")),
                    "words": self._words(manager, steps, reasons, stages),
                    "small": ended < self._small(),
                }
            )
        return sorted(result, key=lambda row: (-row["entered"], row["id"]))

    @api.model
    def _steps(self, kinds, count):
        """Return for each of so many stages {manager: [decided there, went on, expected to go on]}.

        Expected is what his own kinds of deals would give at the company's rates, as in ``engine.funnel.against_mix``.
        """
        company = defaultdict(lambda: ([0] * count, [0] * count))
        for _manager, *kind, _ended, _won, decided, went in kinds:
            for sums, row in zip(company[tuple(kind)], (decided, went), strict=True):
                sums[:] = map(add, sums, row)
        rates = {
            kind: [passed / whole if whole else 0.0 for whole, passed in zip(*sums, strict=True)]
            for kind, sums in company.items()
        }
        steps = [defaultdict(lambda: [0, 0, 0.0]) for _rank in range(count)]
        for manager, *kind, _ended, _won, decided, went in kinds:
            for step, trials, passed, rate in zip(steps, decided, went, rates[tuple(kind)], strict=True):
                figures = step[manager or 0]
                figures[0] += trials
                figures[1] += passed
                figures[2] += trials * rate
        return steps

    @api.model
    def _deals(self, rows, outcome=None, furthest=0):
        """Return how many deals are in ``rows``, of one or several ends, that reached a stage."""
        ends = (outcome,) if isinstance(outcome, str) else outcome
        return sum(
            row["deals"] for row in rows if row["furthest"] >= furthest and (ends is None or row["outcome"] in ends)
        )

    @api.model
    def _chain(self, rows, stages):
        """Return the numbers of deals along the funnel: entered, reached each further stage, won."""
        return [self._deals(rows, furthest=rank) for rank in range(max(1, len(stages)))] + [
            self._deals(rows, outcome="won")
        ]

    # ------------------------------------------------------------------
    # Where the difference of one manager was made
    # ------------------------------------------------------------------

    @api.model
    @api.readonly
    def get_manager(self, filters=None, manager=None):
        """Return where the difference between a manager and the average one was made, as plain JSON.

        :param dict filters: see ``_clean_filters``
        :param int manager: id of the user; 0 for deals of nobody
        :return: ``waterfall`` (see :meth:`_waterfall`), ``deals`` and ``customers``: up to three of each, rows of
            ``id``, ``name``, ``difference`` (sum won less what deals of their kind bring on average), and ``reasons``
            (see :meth:`_reasons_by_stage`)
        :raise AccessError: for whoever may not read opportunities
        """
        filters = self._clean_filters(filters)
        manager = int(manager or 0)
        stages = self._stages(filters)
        cells, reasons = self._fetch_analytics(filters, stages, "cells", "reasons")
        own = defaultdict(list)
        for cell in cells:
            cell["amount"] = Decimal(cell["amount"])
            own[cell["manager"] or 0].append(cell)
        if manager not in own:
            return {"waterfall": None, "deals": [], "customers": [], "reasons": []}
        effort = self._fetch_effort(filters, [key for key in own if key])
        deals, customers = self._fetch_differences(filters, stages, manager)
        return {
            "waterfall": self._waterfall(own[manager], cells, manager, effort, stages),
            "deals": deals,
            "customers": customers,
            "reasons": self._reasons_by_stage(manager, reasons, stages),
        }

    @api.model
    def _fetch_effort(self, filters, managers):
        """Return {manager: (customers on the last day of the period, contacts made in it)}."""
        Calendar = self.env["discipline.calendar"]
        last = min(filters.get("date_to") or Calendar._today(), filters.get("as_of") or Calendar._today())
        self.env["discipline.assignment"].flush_model()
        self.env["discipline.contact"].flush_model()
        rows = self.env.execute_query(
            SQL(
                """
                SELECT m.id, (SELECT count(*) FROM discipline_assignment a
                               WHERE a.manager_ref = m.id AND a.company_id = ANY(%(companies)s) AND a.voided_at IS NULL
                                 AND a.date_from <= %(last)s AND (a.date_to IS NULL OR a.date_to > %(last)s)),
                       (SELECT count(*) FROM discipline_contact c
                         WHERE c.doer_ref = m.id AND c.company_id = ANY(%(companies)s) AND c.voided_at IS NULL
                           AND c.day <= %(last)s AND c.day >= %(begin)s)
                  FROM unnest(%(managers)s::int[]) AS m(id)
                """,
                managers=managers,
                companies=self.env.companies.ids,
                begin=filters.get("date_from") or date(1970, 1, 1),
                last=last,
            )
        )
        return {manager: (customers, contacts) for manager, customers, contacts in rows}

    @api.model
    def _waterfall(self, rows, cells, manager, effort, stages):
        """Return how the sum that a manager won differs from the average manager's, part by part, adding up exactly.

        The sum is a product: customers x contacts per customer x deals per contact x conversion of each stage x
        share of the deals in the last stage that is decided (the cycle) x share of these that is won x average sum.
        Where nobody's contacts are known, the number of deals stands for the first three.

        :return: dict of ``start``, ``end`` and ``parts``: (name, sum); start + parts = end, to the last cent
        """
        names, mine, theirs = self._factors(rows, cells, manager, effort, stages)
        # without a deal there is no conversion and no average sum: nothing there can differ
        mine = [theirs[place] if factor is None else factor for place, factor in enumerate(mine)]
        theirs = [Fraction(0) if factor is None else factor for factor in theirs]
        mine = [Fraction(0) if factor is None else factor for factor in mine]
        parts = apportion(decompose(mine, theirs))
        end = sum((row["amount"] for row in rows if row["outcome"] == "won"), Decimal(0))
        return {
            "start": float(end - sum(parts, Decimal(0))),
            "end": float(end),
            "parts": [[name, float(part)] for name, part in zip(names, parts, strict=True)],
        }

    @api.model
    def _factors(self, rows, cells, manager, effort, stages):
        """Return names of the factors, those of a manager, and those of the average one; None where 0 is divided."""
        count = len({cell["manager"] or 0 for cell in cells})
        customers, contacts = effort.get(manager, (0, 0))
        all_customers = sum(row[0] for row in effort.values())
        all_contacts = sum(row[1] for row in effort.values())
        known = customers and contacts
        names, sides = [], ([], [])
        if known:
            names += [self.env._("Customers"), self.env._("Contacts per Customer"), self.env._("Deals per Contact")]
        else:
            names.append(self.env._("Number of deals"))
        chains = [self._chain(side, stages) for side in (rows, cells)]
        # stages beyond the number of factors are taken together
        shown = min(len(stages) - 1, FACTORS - len(names) - 3) if stages else 0
        names += [self.env._("Conversion: %(stage)s", stage=stage.name) for stage in stages[:shown]]
        last = stages[shown].name if stages else ""
        names += [self.env._("Cycle: decided by now"), self.env._("Conversion: %(stage)s", stage=last)]
        names.append(self.env._("Average sum"))
        for side, own, chain, divisor, base, made in (
            (sides[0], rows, chains[0], 1, customers, contacts),
            (sides[1], cells, chains[1], count, all_customers, all_contacts),
        ):
            entered, won = chain[0], chain[-1]
            if known:
                side += [
                    Fraction(base, divisor),
                    Fraction(made, base) if base else None,
                    Fraction(entered, made) if made else None,
                ]
            else:
                side.append(Fraction(entered, divisor))
            steps = chain[: shown + 1]
            side += [Fraction(after, before) if before else None for before, after in pairwise(steps)]
            decided = steps[-1] - sum(
                row["deals"] for row in own if row["furthest"] >= shown and row["outcome"] == "open"
            )
            side.append(Fraction(decided, steps[-1]) if steps[-1] else None)
            side.append(Fraction(won, decided) if decided else None)
            amount = sum((Fraction(row["amount"]) for row in own if row["outcome"] == "won"), Fraction(0))
            side.append(amount / won if won else None)
        return names, *sides

    @api.model
    def _fetch_differences(self, filters, stages, manager):
        """Return the three deals and the three customers that make most of a manager's difference.

        A deal that is won brings its sum less what a deal of its kind (source, size, class) brings on average; one
        that is lost takes as much as such a deal brings.
        """
        [(deals, customers)] = self.env.execute_query(
            SQL(
                """
                WITH %(deals)s, bound AS (
                    SELECT percentile_disc(ARRAY[0.333, 0.667]) WITHIN GROUP (ORDER BY amount) AS sizes FROM deal
                ), kind AS (
                    SELECT d.*, (d.amount > b.sizes[1])::int + (d.amount > b.sizes[2])::int AS size
                      FROM deal d CROSS JOIN bound b WHERE d.outcome IN ('won', 'lost')
                ), usual AS (
                    SELECT source_id, abc_class_id, size, avg((outcome = 'won')::int) AS won FROM kind GROUP BY 1, 2, 3
                ), own AS (
                    SELECT k.*, k.amount::float8 * ((k.outcome = 'won')::int - u.won) AS difference
                      FROM kind k
                      JOIN usual u ON u.size = k.size AND u.source_id IS NOT DISTINCT FROM k.source_id
                                  AND u.abc_class_id IS NOT DISTINCT FROM k.abc_class_id
                     WHERE COALESCE(k.manager_ref, 0) = %(manager)s
                )
                SELECT (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT lead_id AS id, lead_ref AS ref, outcome, difference FROM own
                          ORDER BY abs(difference) DESC, lead_ref LIMIT 3) x),
                       (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT COALESCE(customer_id, customer_ref) AS id, sum(difference) AS difference FROM own
                             WHERE customer_ref IS NOT NULL GROUP BY 1
                          ORDER BY abs(sum(difference)) DESC, 1 LIMIT 3) x)
                """,
                deals=self._sql_deals(filters, stages),
                manager=manager,
            )
        )
        deals, customers = deals or [], customers or []
        leads = self.env["crm.lead"].browse([row["id"] for row in deals if row["id"]])
        names = {lead.id: lead.display_name for lead in leads}
        for row in deals:
            row["name"] = names.get(row["id"]) or self.env._("Deal No. %(number)s, deleted", number=row["ref"])
        partners = self.env["res.partner"].browse([row["id"] for row in customers]).exists()
        names = {partner.id: partner.display_name for partner in partners}
        for row in customers:
            row["name"] = names.get(row["id"]) or self.env._("Customer No. %(number)s, deleted", number=row["id"])
        return deals, customers

    @api.model
    def _words(self, manager, steps, reasons, stages):
        """Return in words at which stage a manager loses more than chance explains, and why; None if at none.

        Looked at are the deals decided in a stage: those that went on and those that were lost there. Deals still open
        in it say nothing yet. Expected is what his own kinds of deals would give at the company's rates.

        :param steps: see :meth:`_steps`
        """
        worst, found = 0.0, None
        for rank, step in enumerate(steps):
            decided, went, expected = step[manager]
            if decided < max(1, self._small()):
                continue
            band = statistics.wilson(went, decided)
            if band[1] < expected / decided and expected - went > worst:
                worst, found = expected - went, (rank, went / decided, band, expected / decided)
        if not found:
            return None
        rank, own, band, usual = found
        text = self.env._(
            "Loses at “%(stage)s”: %(own)s %% go on (%(low)s to %(high)s) against %(usual)s %% expected.",
            stage=stages[rank].name,
            own=round(100 * own),
            low=round(100 * band[0]),
            high=round(100 * band[1]),
            usual=round(100 * usual),
        )
        reason = self._reason_in_words(manager, rank, reasons)
        return f"{text} {reason}" if reason else text

    @api.model
    def _reasons_by_stage(self, manager, reasons, stages):
        """Return the reasons of refusal that a manager hears most at each stage, beside the company's.

        :return: rows of ``rank``, ``stage``, ``lost`` (his deals lost there), and ``reasons``: up to three rows of
            ``reason`` (id), ``name``, ``deals``, ``share`` and ``company`` (0..1: of his deals lost there, and of all)
        """
        names = self._reason_names({row["reason"] for row in reasons if row["reason"]})
        result = []
        for rank, stage in enumerate(stages):
            own, total = Counter(), Counter()
            for row in reasons:
                if row["furthest"] == rank:
                    total[row["reason"]] += row["deals"]
                    own[row["reason"]] += row["deals"] * ((row["manager"] or 0) == manager)
            if not own.total():
                continue
            top = sorted((reason for reason in own if own[reason]), key=lambda reason: (-own[reason], reason or 0))
            result.append(
                {
                    "rank": rank,
                    "stage": stage.name,
                    "lost": own.total(),
                    "reasons": [
                        {
                            "reason": reason or 0,
                            "name": names.get(reason) or self.env._("Not stated"),
                            "deals": own[reason],
                            "share": own[reason] / own.total(),
                            "company": total[reason] / total.total(),
                        }
                        for reason in top[:3]
                    ],
                }
            )
        return result

    @api.model
    def _reason_in_words(self, manager, rank, reasons):
        """Return which reason of refusal a manager hears at a stage more often than the others do, or None."""
        here = [row for row in reasons if row["furthest"] == rank]
        own, total = Counter(), Counter()
        for row in here:
            total[row["reason"]] += row["deals"]
            if (row["manager"] or 0) == manager:
                own[row["reason"]] += row["deals"]
        ratios = [
            (own[reason] / own.total() / (total[reason] / total.total()), reason)
            for reason in own
            if reason and own[reason] >= 3
        ]
        if not ratios or max(ratios)[0] < 1.2:
            return None
        ratio, reason = max(ratios)
        return self.env._(
            "Reason “%(reason)s”: %(ratio)s times the company's share.",
            reason=self._reason_names([reason]).get(reason, ""),
            ratio=formatLang(self.env, ratio, digits=1),
        )
