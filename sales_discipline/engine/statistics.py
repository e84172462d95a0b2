"""Small numbers honestly: intervals, shrinkage, and what becomes of deals that are still open.

Formulas: Wilson, "Probable inference" (1927); Aalen and Johansen (1978); the variance of the cumulative incidence as
in Collett, "Modelling Survival Data in Medical Research", 3rd edition, p. 411, with bands on the log(-log) scale.
"""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from math import ceil, exp, floor, log, sqrt
from statistics import NormalDist

#: sums of shares are exact to this
ROUNDING = 1e-12
#: the exponential of more is beyond a float; that of minus it is 0 already
LARGEST = 700.0


def normal_quantile(level: float) -> float:
    """Return z such that a share ``level`` of a normal distribution lies within -z..z (0.95: 1.96)."""
    return NormalDist().inv_cdf((1 + level) / 2)


def wilson(successes: int, trials: int, level: float = 0.95) -> tuple[float, float] | None:
    """Return the interval in which the true share lies; None where nothing was tried.

    :param successes: 0..trials
    :param level: confidence, 0..1
    """
    if not trials:
        return None
    z = normal_quantile(level)
    share = successes / trials
    centre = share + z * z / (2 * trials)
    half = z * sqrt(share * (1 - share) / trials + z * z / (4 * trials * trials))
    scale = 1 + z * z / trials
    # at the ends of the scale the bound is exact, rounding would put it a hair outside
    low = 0.0 if successes == 0 else max(0.0, (centre - half) / scale)
    high = 1.0 if successes == trials else min(1.0, (centre + half) / scale)
    return low, high


def shrink(groups: Mapping[object, tuple[int, int]]) -> dict[object, float]:
    """Return each group's share, drawn towards the common one the more, the fewer trials it has.

    The strength of the pull is taken from the groups themselves (beta-binomial, method of moments): where they differ
    no more than chance would make them, all get the common share.

    :param groups: {group: (successes, trials)}; a group without trials gets the common share
    """
    trials = sum(n for _successes, n in groups.values())
    if not trials:
        return dict.fromkeys(groups, 0.0)
    common = sum(successes for successes, _n in groups.values()) / trials
    some = [(successes / n, n) for successes, n in groups.values() if n]
    strength = None
    if len(some) > 1 and 0 < common < 1:
        between = sum(n * (share - common) ** 2 for share, n in some)
        size = trials - sum(n * n for _share, n in some) / trials
        chance = common * (1 - common)
        variance = (between - (len(some) - 1) * chance) / size if size else 0
        if variance > 0:
            strength = max(0.0, chance / variance - 1)
    return {
        group: common if strength is None or not n else (successes + strength * common) / (n + strength)
        for group, (successes, n) in groups.items()
    }


def quantile(values: Iterable[float], share: float) -> float | None:
    """Return the value below which ``share`` of the values lie, interpolated; None of nothing.

    The same as SQL's ``percentile_cont`` and as numpy's default.
    """
    rows = sorted(values)
    if not rows:
        return None
    place = (len(rows) - 1) * share
    lower = floor(place)
    upper = min(lower + 1, len(rows) - 1)
    return rows[lower] + (rows[upper] - rows[lower]) * (place - lower)


def around_median(sample: Sequence[float]) -> tuple[float, float] | None:
    """Return two values between which the median of the whole lies all but certainly (4 standard errors).

    :param sample: some of the values, drawn by chance; of fewer than 400 nothing is said
    """
    if len(sample) < 400:
        return None
    ordered = sorted(sample)
    # the place of the true median among n drawn values has a standard deviation of half the root of n
    middle, margin = len(ordered) // 2, ceil(2 * sqrt(len(ordered)))
    return ordered[middle - margin], ordered[middle + margin]


def median_between(count: int, below: int, inner: Sequence[float] | None) -> float | None:
    """Return the median of ``count`` values of which only those in the middle are known; None if it is not among them.

    :param below: how many values are smaller than all of ``inner``
    :param inner: every value between two bounds, in any order
    """
    places = [(count - 1) // 2 - below, count // 2 - below]
    if not inner or places[0] < 0 or places[1] >= len(inner):
        return None
    ordered = sorted(inner)
    return (ordered[places[0]] + ordered[places[1]]) / 2


@dataclass(frozen=True, slots=True)
class IncidencePoint:
    """By ``day``, a share ``incidence`` has ended in the way asked for (the band: ``low`` to ``high``)."""

    day: float
    at_risk: int
    events: int
    incidence: float
    variance: float
    low: float
    high: float


def cumulative_incidence(
    rows: Iterable[tuple[float, str | None]] | Mapping[tuple[float, str | None], int], outcome: str, level: float = 0.95
) -> list[IncidencePoint]:
    """Return which share has ended with ``outcome`` by each day, with deals still open taken as censored.

    A deal of five days that is open says nothing about the thirtieth day; leaving it out, or taking it as not won,
    would both lie. The estimate is Aalen's and Johansen's: the chance to be still open times the share that ends.

    :param rows: (days from entry to the end, how it ended); None for a deal that is open after these days. Many deals
        may come counted, as {(days, end): number}
    :param outcome: the end asked for, such as ``"won"``; the others compete with it
    :return: a point per day on which something ended
    """
    counts = rows if isinstance(rows, Mapping) else Counter((day, end) for day, end in rows)
    ordered = sorted(((float(day), end, count) for (day, end), count in counts.items()), key=lambda row: row[0])
    z = normal_quantile(level)
    at_risk = sum(count for _day, _end, count in ordered)
    survival, incidence = 1.0, 0.0
    # sums over the days so far of c, c F and c F^2, so that (F(t) - F(t_i))^2 needs no second loop
    c0 = c1 = c2 = binomial = l0 = l1 = 0.0
    points = []
    for day, same in groupby(ordered, key=lambda row: row[0]):
        ends = [(end, count) for _day, end, count in same]
        ended = sum(count for end, count in ends if end is not None)
        asked = sum(count for end, count in ends if end == outcome)
        if ended:
            before = survival
            incidence += before * asked / at_risk
            survival *= 1 - ended / at_risk
            if ended < at_risk:
                weight = ended / (at_risk * (at_risk - ended))
                c0, c1, c2 = c0 + weight, c1 + weight * incidence, c2 + weight * incidence**2
            binomial += before**2 * asked * (at_risk - asked) / at_risk**3
            weight = before * asked / at_risk**2
            l0, l1 = l0 + weight, l1 + weight * incidence
            variance = incidence**2 * c0 - 2 * incidence * c1 + c2 + binomial - 2 * (incidence * l0 - l1)
            low, high = _band(incidence, max(0.0, variance), z)
            points.append(IncidencePoint(day, at_risk, asked, incidence, max(0.0, variance), low, high))
        at_risk -= sum(count for _end, count in ends)
    return points


def _band(share: float, variance: float, z: float) -> tuple[float, float]:
    """Return the band of an incidence; on the log(-log) scale it never leaves 0..1."""
    # what is 1 but for rounding has no band: its logarithm, and so the width, would be rounding alone
    if not ROUNDING < share < 1 - ROUNDING:
        return share, share
    transformed = log(-log(share))
    half = z * sqrt(variance) / (share * abs(log(share)))
    return exp(-exp(min(transformed + half, LARGEST))), exp(-exp(transformed - half))


def incidence_at(points: Sequence[IncidencePoint], day: float) -> float:
    """Return the incidence on ``day``: that of the last point not after it, 0 before the first."""
    found = 0.0
    for point in points:
        if point.day > day:
            break
        found = point.incidence
    return found
