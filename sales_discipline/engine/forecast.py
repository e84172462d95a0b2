"""What will come: expected sums, their spread, and whether earlier forecasts were right."""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log, log1p, sqrt

from .statistics import quantile, wilson

#: the same deals always give the same forecast
SEED = 19


@dataclass(frozen=True, slots=True)
class Deal:
    """An open deal: its sum, and the probability (0..1) that it is won."""

    amount: float
    probability: float


def expected(deals: Iterable[Deal]) -> float:
    """Return the sum to be expected: each sum times its probability."""
    return sum(deal.amount * deal.probability for deal in deals)


def won_count_distribution(probabilities: Iterable[float]) -> list[float]:
    """Return the probability of 0, 1, ... n deals won (exact: the Poisson-binomial distribution)."""
    chances = [1.0]
    for probability in probabilities:
        following = [0.0] * (len(chances) + 1)
        for count, chance in enumerate(chances):
            following[count] += chance * (1 - probability)
            following[count + 1] += chance * probability
        chances = following
    return chances


def sum_distribution(deals: Sequence[Deal]) -> dict[float, float]:
    """Return the probability of each possible sum, exactly; for few deals, since sums may double with each of them.

    :raise ValueError: with more than 20 deals
    """
    if len(deals) > 20:
        raise ValueError("at most 20 deals: simulate() is for more")
    chances = {0.0: 1.0}
    for deal in deals:
        following: dict[float, float] = {}
        for total, chance in chances.items():
            following[total] = following.get(total, 0.0) + chance * (1 - deal.probability)
            following[total + deal.amount] = following.get(total + deal.amount, 0.0) + chance * deal.probability
        chances = following
    return chances


def distribution_quantile(chances: dict[float, float], share: float) -> float:
    """Return the smallest sum that is not exceeded with probability ``share``."""
    reached = 0.0
    total = 0.0
    for total in sorted(chances):
        reached += chances[total]
        if reached >= share - 1e-12:
            break
    return total


def simulate(deals: Iterable[Deal], runs: int = 4000, seed: int = SEED) -> list[float]:
    """Return ``runs`` sums that may come, sorted, every deal being won or not by its probability.

    Deals are drawn independently. A deal jumps from one run that it wins to the next (geometric steps), so the work
    is the number of wins and not deals times runs. Deals are put in order first: the result does not depend on theirs.
    """
    totals = [0.0] * runs
    generator = random.Random(seed)
    for deal in sorted(deals, key=lambda deal: (deal.amount, deal.probability)):
        if deal.probability <= 0 or not deal.amount:
            continue
        if deal.probability >= 1:
            totals = [total + deal.amount for total in totals]
            continue
        step = log1p(-deal.probability)
        place = -1
        # a jump beyond the last run may be too long for an integer
        while (jump := log(1 - generator.random()) / step) < runs - 1 - place:
            place += 1 + int(jump)
            totals[place] += deal.amount
    return sorted(totals)


def quantiles_beside(
    deals: Iterable[Deal],
    mean: float,
    variance: float,
    shares: Sequence[float] = (0.1, 0.5, 0.9),
    runs: int = 4000,
    seed: int = SEED,
) -> tuple[float, ...]:
    """Return quantiles of the sum of ``deals``, drawn one by one, and of many smaller ones that are not.

    The sum of many small independent deals is nearly normal whatever each of them is (Lyapunov's theorem), so their
    mean and variance are enough. The few that could turn a month are drawn.

    :param mean: of the deals not drawn: sum of amount times probability
    :param variance: of the same: sum of amount squared times p (1 - p)
    """
    totals = simulate(deals, runs, seed)
    if mean or variance:
        generator, spread = random.Random(seed + 1), sqrt(variance)
        totals = [max(0.0, total + generator.gauss(mean, spread)) for total in totals]
    return tuple(quantile(totals, share) or 0.0 for share in shares)


def quantiles(deals: Iterable[Deal], shares: Sequence[float] = (0.1, 0.5, 0.9), runs: int = 4000, seed: int = SEED):
    """Return the sums that come with at most these probabilities: P10 is the careful figure, P90 the hopeful one."""
    totals = simulate(deals, runs, seed)
    return tuple(quantile(totals, share) or 0.0 for share in shares)


def brier(pairs: Iterable[tuple[float, bool]]) -> float | None:
    """Return the mean squared error of probabilities: 0 is perfect, 0.25 is what a coin gives; None of nothing.

    :param pairs: (probability foretold, whether it came)
    """
    rows = list(pairs)
    return sum((probability - came) ** 2 for probability, came in rows) / len(rows) if rows else None


@dataclass(frozen=True, slots=True)
class CalibrationBin:
    """Of ``count`` deals foretold at ``foretold`` on average, a share ``came`` came (95 %: ``low`` to ``high``)."""

    count: int
    foretold: float
    came: float
    low: float
    high: float


def calibration(pairs: Iterable[tuple[float, bool]], bins: int = 10) -> list[CalibrationBin]:
    """Return what became of deals foretold at about the same probability; empty bins are left out."""
    groups: list[list[tuple[float, bool]]] = [[] for _number in range(bins)]
    for probability, came in pairs:
        groups[min(bins - 1, int(probability * bins))].append((probability, came))
    result = []
    for rows in groups:
        if rows:
            came = sum(1 for _probability, outcome in rows if outcome)
            low, high = wilson(came, len(rows)) or (0.0, 1.0)
            foretold = sum(probability for probability, _outcome in rows) / len(rows)
            result.append(CalibrationBin(len(rows), foretold, came / len(rows), low, high))
    return result


def pipeline_change(
    before: dict[int, float], after: dict[int, float], ends: dict[int, tuple[str, float]]
) -> dict[str, float]:
    """Explain how the open pipeline went from one day to another; start + all changes = end.

    :param before: {deal: sum} of the deals open on the first day
    :param after: the same on the second day
    :param ends: {deal: (won, lost or removed, last sum)} of those that were closed in between; a deal that came and
        went between the days is new, and then won or lost
    :return: start, new, grown, shrunk, won, lost, removed, end
    """
    parts = dict.fromkeys(("start", "new", "grown", "shrunk", "won", "lost", "removed", "end"), 0)
    parts["start"], parts["end"] = sum(before.values()), sum(after.values())
    for deal in before.keys() | after.keys() | ends.keys():
        gone = deal not in after
        end, last = ends.get(deal, ("removed", before.get(deal, 0))) if gone else ("", after[deal])
        if deal in before:
            parts["grown" if last > before[deal] else "shrunk"] += last - before[deal]
        else:
            parts["new"] += last
        if gone:
            parts[end] -= last
    return parts
