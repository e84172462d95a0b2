"""The funnel as a cohort: of the deals that entered in a period, how many ever reached each stage, and where the rest
left.

A picture of the stages where deals stand today is no funnel: it forgets the lost ones, counts a deal that came back
twice and never shows a stage that was skipped. Here every deal is walked through its events once:

- the first entry counts, a return to an earlier stage changes nothing;
- a stage that was skipped counts as passed at the moment of the jump;
- lost deals stay in, at the furthest stage that they reached;
- entered = won + lost + open + removed, and no stage is reached by more deals than the one before it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from decimal import Decimal
from fractions import Fraction

from .statistics import quantile

#: what may happen to a deal: it enters a stage, is won, is lost, is opened again, or leaves without an end
#: (archived without being lost, merged into another one, deleted)
KINDS = ("stage", "won", "lost", "reopened", "removed")
Moment = date | datetime | int | float


@dataclass(frozen=True, slots=True)
class Event:
    """Something that happened to a deal at a moment; ``stage`` is where it stood after that, if that is known."""

    deal: int
    at: Moment
    kind: str
    stage: int | None = None


@dataclass(slots=True)
class Path:
    """One deal's way through the stages.

    ``first`` has the moment of the first entry of each rank up to ``furthest``; ``visited`` the ranks in which the
    deal really stood. ``closed`` is the moment of the last end, None while it is open.
    """

    deal: int
    entered: Moment
    furthest: int = 0
    outcome: str = "open"
    closed: Moment | None = None
    first: list[Moment] = field(default_factory=list)
    visited: set[int] = field(default_factory=set)

    def left(self, rank: int) -> Moment | None:
        """Return when the deal got beyond ``rank`` or ended there; None while it stands there."""
        return self.first[rank + 1] if self.furthest > rank else self.closed


@dataclass(slots=True)
class Step:
    """A stage of a cohort: ``reached`` deals, of which ``passed`` went on (or were won) and the others left here.

    ``median_days`` is over deals that really stood in the stage and got beyond it or ended in it.
    """

    stage: int
    reached: int = 0
    passed: int = 0
    lost: int = 0
    open: int = 0
    removed: int = 0
    amount: Decimal | int = 0
    median_days: float | None = None
    from_previous: float | None = None
    from_start: float | None = None


@dataclass(slots=True)
class Funnel:
    """The whole cohort: entered = won + lost + open + removed."""

    steps: list[Step]
    entered: int = 0
    won: int = 0
    lost: int = 0
    open: int = 0
    removed: int = 0
    won_amount: Decimal | int = 0
    won_days: float | None = None
    lost_days: float | None = None

    @property
    def closed(self) -> int:
        """Deals that came to an end: won and lost."""
        return self.won + self.lost

    @property
    def win_rate(self) -> float | None:
        """Return won / (won + lost), None where nothing has ended."""
        return self.won / self.closed if self.closed else None


def days_between(start: Moment, end: Moment) -> float:
    """Return the days from ``start`` to ``end``; plain numbers are days already."""
    delta = end - start
    return delta.total_seconds() / 86_400 if hasattr(delta, "total_seconds") else float(delta)


def event_of(deal: int, at: Moment, status_from: str | None, status_to: str, stage: int | None) -> Event:
    """Return the event that a row of the history of opportunities stands for.

    A deal that is archived or deleted after it was won or lost keeps that end; one that was open is removed.

    :param status_from: open, won, lost, archived, removed, or nothing at the creation
    :param status_to: the same, after the change
    """
    end = status_to
    if status_to in ("archived", "removed"):
        end = status_from if status_from in ("won", "lost") else "removed"
    if end == "open":
        return Event(deal, at, "reopened" if status_from and status_from != "open" else "stage", stage)
    return Event(deal, at, "stage" if end == status_from else end, None if end == "won" else stage)


def paths(events: Iterable[Event], stages: Sequence[int]) -> dict[int, Path]:
    """Walk every deal through its events.

    :param events: in any order; events of one moment keep the order in which they come
    :param stages: the stages in their order, without the won one; a stage that is not among them (deleted, another
        team's) moves nobody
    """
    rank_of = {stage: rank for rank, stage in enumerate(stages)}
    found: dict[int, Path] = {}
    for event in sorted(events, key=lambda event: event.at):
        path = found.get(event.deal)
        if path is None:
            path = found[event.deal] = Path(event.deal, event.at, first=[event.at])
        rank = rank_of.get(event.stage) if event.stage is not None else None
        if event.kind == "won":
            rank = len(stages) - 1 if stages else None
            path.outcome, path.closed = "won", event.at
        elif event.kind in ("lost", "removed"):
            path.outcome, path.closed = event.kind, event.at
        elif event.kind == "reopened" or (path.outcome == "won" and rank is not None):
            path.outcome, path.closed = "open", None
        if rank is not None:
            if event.kind != "won":
                path.visited.add(rank)
            path.first.extend([event.at] * (rank - path.furthest))
            path.furthest = max(path.furthest, rank)
    return found


@dataclass(frozen=True, slots=True)
class Route:
    """What a way through the stages means where the stages stand in a certain order.

    ``stays`` has, for each stage in which the deal really stood, (rank, begin, end): the places in the way at which
    it came to that stage or a further one, and at which it got beyond. A begin of None is the deal's entry, an end of
    None its close.
    """

    furthest: int
    stays: tuple[tuple[int, int | None, int | None], ...]


def route(way: Sequence[int], stages: Sequence[int], won: int = 0) -> Route:
    """Return what a way means: deals of one way differ in their moments only, so a way is read once for all of them.

    :param way: the stages in the order in which a deal first came to each, ``won`` where it was won
    :param stages: the stages in their order, as given to :func:`paths`; others in the way move nobody
    """
    rank_of = {stage: rank for rank, stage in enumerate(stages)}
    last = max(len(stages) - 1, 0)
    ranks = [last if place == won else rank_of.get(place, -1) for place in way]

    def came(rank):
        return next((index for index, reached in enumerate(ranks) if reached >= rank), None)

    stood = sorted({rank_of[place] for place in way if place in rank_of})
    return Route(
        furthest=max(ranks, default=0) if any(rank >= 0 for rank in ranks) else 0,
        stays=tuple((rank, came(rank) if rank else None, came(rank + 1)) for rank in stood),
    )


def cohort(
    deals: Iterable[Path],
    stages: Sequence[int],
    amounts: Mapping[int, Decimal | int] | None = None,
) -> Funnel:
    """Count the funnel of ``deals``.

    :param deals: the paths of the deals that entered in the period
    :param stages: the stages in their order, as given to :func:`paths`
    :param amounts: {deal: sum}; sums that are missing are 0
    """
    amounts = amounts or {}
    steps = [Step(stage) for stage in stages]
    result = Funnel(steps)
    times: list[list[float]] = [[] for _stage in stages]
    cycles: dict[str, list[float]] = {"won": [], "lost": []}
    for path in deals:
        amount = amounts.get(path.deal, 0)
        result.entered += 1
        setattr(result, path.outcome, getattr(result, path.outcome) + 1)
        if path.outcome == "won":
            result.won_amount += amount
        if path.outcome in cycles:
            cycles[path.outcome].append(days_between(path.entered, path.closed))
        for rank in range(min(path.furthest + 1, len(steps))):
            step = steps[rank]
            step.reached += 1
            step.amount += amount
            if rank < path.furthest or path.outcome == "won":
                step.passed += 1
            else:
                setattr(step, path.outcome, getattr(step, path.outcome) + 1)
            if rank in path.visited and (end := path.left(rank)) is not None:
                times[rank].append(days_between(path.first[rank], end))
    for rank, step in enumerate(steps):
        step.median_days = quantile(times[rank], 0.5)
        step.from_start = step.reached / result.entered if result.entered else None
        if rank:
            step.from_previous = step.reached / steps[rank - 1].reached if steps[rank - 1].reached else None
    result.won_days, result.lost_days = (
        sum(cycles[end]) / len(cycles[end]) if cycles[end] else None for end in ("won", "lost")
    )
    return result


def won_by_day(deals: Iterable[Path], day: float, now: Moment) -> tuple[int, int]:
    """Return (won within ``day`` days of entry, deals at least ``day`` days old).

    Younger deals are left out: they had no time to be won, and would make every recent month look bad.
    """
    won = old = 0
    for path in deals:
        if days_between(path.entered, now) >= day:
            old += 1
            won += path.outcome == "won" and days_between(path.entered, path.closed) <= day
    return won, old


def decompose(actual: Sequence[Fraction], reference: Sequence[Fraction]) -> list[Fraction]:
    """Divide the difference of two products among their factors, so that the parts add up exactly.

    Revenue is a product: deals x conversion of each stage x average sum. Replacing one factor after the other would
    blame whichever is replaced first; here each factor gets its mean effect over all orders (Shapley value), which
    also bears factors of zero.

    :param actual: the manager's factors (Fraction or int; at most 12 of them)
    :param reference: the factors he is compared with, in the same order
    :return: a part per factor; their sum is exactly product(actual) - product(reference)
    """
    count = len(actual)
    if count != len(reference):
        raise ValueError("two sequences of different length")
    if count > 12:
        raise ValueError("at most 12 factors")
    values = []
    for chosen in range(1 << count):
        product = Fraction(1)
        for position in range(count):
            product *= Fraction(actual[position] if chosen >> position & 1 else reference[position])
        values.append(product)
    weights = _shapley_weights(count)
    return [
        sum(
            (
                weights[chosen.bit_count()] * (values[chosen | 1 << position] - values[chosen])
                for chosen in range(1 << count)
                if not chosen >> position & 1
            ),
            Fraction(0),
        )
        for position in range(count)
    ]


def _shapley_weights(count: int) -> list[Fraction]:
    """Return the weight of a set of k other factors out of ``count - 1``: k! (count - 1 - k)! / count!."""
    factorial = [1]
    for number in range(1, count + 1):
        factorial.append(factorial[-1] * number)
    return [Fraction(factorial[k] * factorial[count - 1 - k], factorial[count]) for k in range(count)]


def apportion(parts: Sequence[Fraction], unit: Fraction | Decimal = Decimal("0.01")) -> list[Decimal]:
    """Round parts to ``unit`` so that they still add up to their rounded sum (largest remainders first).

    :param unit: the smallest coin, such as ``Decimal("0.01")``
    """
    step = Fraction(unit)
    units = [Fraction(part) / step for part in parts]
    floors = [value.__floor__() for value in units]
    missing = round(sum(units, Fraction(0))) - sum(floors)
    order = sorted(range(len(units)), key=lambda position: (floors[position] - units[position], position))
    for position in order[:missing]:
        floors[position] += 1
    return [Decimal(value) * Decimal(unit) for value in floors]


@dataclass(frozen=True, slots=True)
class MixLine:
    """A kind of deals: how many a manager had, what he won of them, and what the company's rate would have given."""

    kind: object
    deals: int
    won: Fraction
    expected: Fraction

    @property
    def difference(self) -> Fraction:
        return self.won - self.expected


def against_mix(
    own: Mapping[object, tuple[int, Fraction | int]], company: Mapping[object, tuple[int, Fraction | int]]
) -> list[MixLine]:
    """Compare a manager with what his own mix of deals would give at the company's rates.

    A manager who gets the difficult deals is not worse because of that: each kind of deals (source, size, class) is
    measured with the company's result for the same kind.

    :param own: {kind: (deals, what was won of them)}; won is a number of deals or a sum
    :param company: the same for the whole company, the manager included
    :return: a line per kind, sorted by the size of the difference; the differences add up to won - expected
    """
    lines = []
    for kind, (deals, won) in own.items():
        whole, won_whole = company[kind]
        expected = Fraction(won_whole) / whole * deals if whole else Fraction(0)
        lines.append(MixLine(kind, deals, Fraction(won), expected))
    return sorted(lines, key=lambda line: (-abs(line.difference), str(line.kind)))
