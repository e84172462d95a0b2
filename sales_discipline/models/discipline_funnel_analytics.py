"""What needs statistics to be read: intervals, open deals as censored, managers against their own mix of deals."""

from collections import Counter, defaultdict
from decimal import Decimal
from fractions import Fraction
from itertools import pairwise

from odoo import api, models
from odoo.tools import SQL

from ..engine import statistics
from ..engine.funnel import against_mix, apportion, decompose
from .discipline_funnel import SMALL

#: days of age for "won by the D-th day"
BY_DAYS = (30, 60, 90, 180)
#: points of a curve that are drawn; a screen shows no more
POINTS = 120
#: a product of more factors takes too long to divide among them
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
        cells, times, reasons = self._fetch_analytics(filters, stages)
        by_day = []
        for day in BY_DAYS:
            old = sum(row["deals"] for row in times if row["age"] >= day)
            won = sum(row["deals"] for row in times if row["age"] >= day and row["end"] == "won" and row["days"] <= day)
            if old:
                by_day.append({"day": day, "won": won, "old": old, "band": statistics.wilson(won, old)})
        counts = Counter()
        for row in times:
            counts[row["days"], row["end"]] += row["deals"]
        return {
            **{end: self._curve(counts, end) for end in ("won", "lost")},
            "by_day": by_day,
            "managers": self._managers(cells, reasons, stages),
        }

    @api.model
    def _fetch_analytics(self, filters, stages):
        """Return cells per manager and kind of deal, days to the end, and reasons, all of the same deals."""
        self._flush()
        [(cells, times, reasons)] = self.env.execute_query(
            SQL(
                """
                WITH %(deals)s, bound AS (
                    SELECT percentile_disc(ARRAY[0.333, 0.667]) WITHIN GROUP (ORDER BY amount) AS sizes FROM deal
                )
                SELECT (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT d.manager_ref AS manager, d.furthest, d.outcome, d.source_id AS source,
                                   d.abc_class_id AS class,
                                   (d.amount > b.sizes[1])::int + (d.amount > b.sizes[2])::int AS size,
                                   count(*) AS deals, sum(d.amount)::text AS amount
                              FROM deal d CROSS JOIN bound b GROUP BY 1, 2, 3, 4, 5, 6) x),
                       (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT floor(EXTRACT(epoch FROM COALESCE(closed, %(now)s) - entered) / 86400)::int AS days,
                                   floor(EXTRACT(epoch FROM %(now)s - entered) / 86400)::int AS age,
                                   CASE WHEN outcome <> 'open' THEN outcome END AS end, count(*) AS deals
                              FROM deal GROUP BY 1, 2, 3) x),
                       (SELECT jsonb_agg(to_jsonb(x)) FROM (
                            SELECT manager_ref AS manager, furthest, lost_reason_id AS reason, count(*) AS deals
                              FROM deal WHERE outcome = 'lost' GROUP BY 1, 2, 3) x)
                """,
                deals=self._sql_deals(filters, stages),
                now=self._now(filters),
            )
        )
        return cells or [], times or [], reasons or []

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
    def _managers(self, cells, reasons, stages):
        """Return a row per manager of the cohort, those with most deals first."""
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
        company = self._mix(cells)
        result = []
        for manager, rows in own.items():
            won, ended = closed[manager]
            lines = against_mix(self._mix(rows), company)
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
                    "waterfall": self._waterfall(rows, cells, len(own), stages),
                    "words": self._words(manager, rows, cells, reasons, stages),
                    "small": ended < SMALL,
                }
            )
        return sorted(result, key=lambda row: (-row["entered"], row["id"]))

    @api.model
    def _deals(self, rows, outcome=None, furthest=0):
        """Return how many deals are in ``rows``, of one or several ends, that reached a stage."""
        ends = (outcome,) if isinstance(outcome, str) else outcome
        return sum(
            row["deals"] for row in rows if row["furthest"] >= furthest and (ends is None or row["outcome"] in ends)
        )

    @api.model
    def _mix(self, rows):
        """Return {kind of deal: (ended, won)}; a kind is a source, a size (small, middle, large) and a class."""
        kinds = defaultdict(lambda: [0, 0])
        for row in rows:
            if row["outcome"] in ("won", "lost"):
                counts = kinds[row["source"], row["size"], row["class"]]
                counts[0] += row["deals"]
                counts[1] += row["deals"] * (row["outcome"] == "won")
        return {kind: tuple(counts) for kind, counts in kinds.items()}

    @api.model
    def _chain(self, rows, stages):
        """Return the numbers of deals along the funnel: entered, reached each further stage, won."""
        return [self._deals(rows, furthest=rank) for rank in range(max(1, len(stages)))] + [
            self._deals(rows, outcome="won")
        ]

    @api.model
    def _waterfall(self, rows, cells, managers, stages):
        """Return how the sum that a manager won differs from the average manager's, part by part, adding up exactly.

        :return: dict of ``start``, ``end`` and ``parts``: (name, sum); start + parts = end, to the last cent
        """
        names = [self.env._("Number of deals")]
        names += [self.env._("Conversion: %(stage)s", stage=stage.name) for stage in stages[:FACTORS]]
        names.append(self.env._("Average sum"))
        conversions = len(names) - 2
        mine, theirs = self._factors(rows, conversions, stages), self._factors(cells, conversions, stages)
        theirs[0] /= managers
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
    def _factors(self, rows, conversions, stages):
        """Return entered, the conversion of each stage, and the average sum won: their product is the sum won."""
        chain = self._chain(rows, stages)
        # stages beyond the number of factors are taken together
        chain = chain[:conversions] + chain[-1:]
        shares = [Fraction(after, before) if before else None for before, after in pairwise(chain)]
        amount = sum((Fraction(row["amount"]) for row in rows if row["outcome"] == "won"), Fraction(0))
        return [Fraction(chain[0]), *shares, amount / chain[-1] if chain[-1] else None]

    @api.model
    def _words(self, manager, rows, cells, reasons, stages):
        """Return in words at which stage a manager loses more than chance explains, and why; None if at none."""
        mine, all_ = self._chain(rows, stages), self._chain(cells, stages)
        worst, found = 0.0, None
        for rank in range(len(stages)):
            reached, went = mine[rank], mine[rank + 1]
            if reached < SMALL or not all_[rank]:
                continue
            usual = all_[rank + 1] / all_[rank]
            band = statistics.wilson(went, reached)
            if band[1] < usual and (usual - went / reached) * reached > worst:
                worst, found = (usual - went / reached) * reached, (rank, went / reached, band, usual)
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
            ratio=round(ratio, 1),
        )
