"""The judge: whose contact each window is, what is excused, what is carried over, and the verdict.

The SQL of ``discipline.compliance`` does the same for sets; this is the text that people can read and argue with.
"""

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import date

from .windows import Window, windows


@dataclass(frozen=True, slots=True)
class Interval:
    """``user`` held the customer from ``start`` until the day before ``stop`` (None: he still does)."""

    user: int
    start: date
    stop: date | None = None

    def holds(self, day: date) -> bool:
        return self.start <= day and (self.stop is None or day < self.stop)


@dataclass(slots=True)
class Verdict:
    """What one manager owed one customer in a period, and what of it was done."""

    user: int
    goal: int = 0
    excused: int = 0
    counted: int = 0
    attained: int = 0
    dues: list[date] = field(default_factory=list)
    due_next: date | None = None
    state: str = "excused"


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdicts of one customer and period, and how many contacts were nobody's. Goals + excused + nobody = n."""

    n: int
    verdicts: dict[int, Verdict]
    nobody: int


def owner_of(window: Window, intervals: list[Interval]) -> int | None:
    """Return the position of the interval that a window belongs to, or None where nobody held the customer.

    The person who held the customer on most of its working days owns it (tie: the later one); of his intervals the
    one with most of these days (tie: the later one).
    """
    held: Counter[int] = Counter()
    last: dict[int, date] = {}
    per_interval: Counter[int] = Counter()
    for day in window.days:
        for position, interval in enumerate(intervals):
            if interval.holds(day):
                held[interval.user] += 1
                last[interval.user] = day
                per_interval[position] += 1
    if not held:
        return None
    user = max(held, key=lambda person: (held[person], last[person]))
    mine = [position for position in per_interval if intervals[position].user == user]
    return max(mine, key=lambda position: (per_interval[position], position))


def presence(
    window: Window,
    user: int,
    intervals: list[Interval],
    away: Mapping[int, frozenset[date]],
    paused: frozenset[date] = frozenset(),
    unreachable: Mapping[int, date] | None = None,
) -> list[date]:
    """Return the days of a window on which a contact could be asked of ``user``.

    He held the customer, was not absent, the customer was not paused, and not yet found unreachable.

    Found unreachable is he from the first of the attempts in vain that a supervisor confirmed, not from the last of
    them. Otherwise the window in which they were made would be held against whoever made them: with a norm of one
    contact a month (class C) there is no later window at all, so the customer could never be unreachable, and with
    four the manager who tried on five days of one week would be told that he missed it. It is no hiding place: a
    window is excused only if less than half of its days lie before the first attempt, so whoever begins late in it
    still owes its contact, and every window before is owed in full.
    """
    gone = away.get(user, frozenset()) | paused
    end = (unreachable or {}).get(user)
    if end is not None:
        gone |= frozenset(day for day in window.days if day >= end)
    return [
        day
        for day in window.days
        if day not in gone and any(interval.user == user and interval.holds(day) for interval in intervals)
    ]


def judge(
    goal: int,
    working_days: list[date],
    intervals: Iterable[Interval],
    counted_days: Iterable[date],
    away: Mapping[int, frozenset[date]] | None = None,
    *,
    paused: Iterable[date] = (),
    unreachable: Mapping[int, date] | None = None,
    today: date | None = None,
    closed: bool = False,
) -> Judgement:
    """Judge one customer in one period.

    :param goal: contacts that the norm asks for in the period
    :param working_days: the period's working days, ascending
    :param intervals: who held the customer, in order, without overlap; gaps are time of nobody
    :param counted_days: the local days of the contacts that count, one entry per contact
    :param away: approved absences, as {user: days}
    :param paused: days on which an approved exception asks nothing of anybody
    :param unreachable: {user: first of the days on which he tried in vain}, confirmed by a supervisor; from that day
        on nothing is asked of him
    :param today: the running day; needed unless ``closed``
    :param closed: final verdicts (met, missed, excused) instead of running ones (met, behind, on_track, excused)
    """
    away, unreachable, paused = away or {}, unreachable or {}, frozenset(paused)
    chain = [interval for interval in intervals if interval.stop is None or interval.stop > interval.start]
    goals, dues = Counter(), {}
    verdicts: dict[int, Verdict] = {}
    nobody = 0
    cut = windows(goal, working_days)
    for window in cut:
        position = owner_of(window, chain)
        if position is None:
            nobody += 1
            continue
        user = chain[position].user
        verdict = verdicts.setdefault(user, Verdict(user))
        present = presence(window, user, chain, away, paused, unreachable)
        if 2 * len(present) < len(window.days):
            verdict.excused += 1
        else:
            goals[position] += 1
            dues.setdefault(user, []).append(present[-1])
    days = list(counted_days)
    carry = 0
    for position, interval in enumerate(chain):
        counted = sum(1 for day in days if interval.holds(day))
        attained = min(carry + counted, goals[position])
        carry += counted - attained
        if counted or goals[position]:
            verdict = verdicts.setdefault(interval.user, Verdict(interval.user))
            verdict.goal += goals[position]
            verdict.counted += counted
            verdict.attained += attained
    for verdict in verdicts.values():
        verdict.dues = sorted(dues.get(verdict.user, []))
        _decide(verdict, today, closed, verdict.user in unreachable)
    return Judgement(len(cut), verdicts, nobody)


def _decide(verdict: Verdict, today: date | None, closed: bool, unreachable: bool = False) -> None:
    if unreachable and verdict.excused and verdict.attained >= verdict.goal:
        verdict.state = "unreachable"
    elif verdict.goal == 0:
        verdict.state = "excused"
    elif verdict.attained >= verdict.goal:
        verdict.state = "met"
    else:
        verdict.due_next = None if closed else verdict.dues[verdict.attained]
        if closed:
            verdict.state = "missed"
        else:
            verdict.state = "behind" if today and verdict.due_next < today else "on_track"


def relieve(verdict: Verdict, overload: int) -> None:
    """Take ``overload`` contacts off a goal that was beyond what its manager could do: they are excused."""
    if overload:
        verdict.goal -= overload
        verdict.excused += overload
        if verdict.attained >= verdict.goal:
            verdict.state = "excused"


def reliefs(rows: Iterable[tuple[int, int, int, int]], possible: int) -> dict[int, int]:
    """Say of how many contacts each verdict of an overloaded manager is relieved.

    His norms may ask for more than his working days hold. What he missed beyond the possible is excused, from the
    lowest class up; within a class in the order of the rows.

    :param rows: (verdict, rank of the class: the higher the less important, goal, attained), in a neutral order
    :param possible: contacts that he could make: capacity per day x his working days
    :return: {verdict: contacts excused}, only where there are any
    """
    rows = list(rows)
    missed = sum(goal - attained for _verdict, _rank, goal, attained in rows)
    left = min(missed, max(0, sum(goal for _verdict, _rank, goal, _attained in rows) - possible))
    found = {}
    for verdict, _rank, goal, attained in sorted(rows, key=lambda row: -row[1]):
        relief = min(left, goal - attained)
        if relief > 0:
            found[verdict] = relief
            left -= relief
    return found


def recompute(evidence: Mapping, snapshot: Mapping) -> Judgement:
    """Judge again from what a final verdict keeps: the same evidence gives the same verdict, however much later.

    :param evidence: the JSON of a closed verdict (``n``, ``intervals``, ``contacts``, ``paused``, ``unreachable``,
        ``manager``, ``overload``)
    :param snapshot: the JSON of its period (``days``, ``away``)
    """
    days = [date.fromisoformat(day) for day in snapshot["days"]]
    pauses = [(date.fromisoformat(low), date.fromisoformat(high)) for low, high in evidence.get("paused") or ()]
    judgement = judge(
        evidence["n"],
        days,
        [
            Interval(user, date.fromisoformat(start), date.fromisoformat(stop) if stop else None)
            for user, start, stop in evidence["intervals"]
        ],
        [date.fromisoformat(day) for _id, day, counted, _reason, _doer in evidence["contacts"] if counted],
        {int(user): frozenset(map(date.fromisoformat, gone)) for user, gone in snapshot["away"].items()},
        paused=[day for day in days for low, high in pauses if low <= day <= high],
        unreachable={user: date.fromisoformat(day) for user, day in evidence.get("unreachable") or ()},
        closed=True,
    )
    if evidence.get("overload"):
        relieve(judgement.verdicts[evidence["manager"]], evidence["overload"])
    return judgement


def attainment(verdicts: Iterable[Verdict]) -> float | None:
    """Return sum(attained) / sum(goal), capped per customer; None where nothing was due."""
    rows = list(verdicts)
    goal = sum(row.goal for row in rows)
    return sum(row.attained for row in rows) / goal if goal else None


def reach(verdicts: Iterable[Verdict]) -> float | None:
    """Return the share of customers with at least one counted contact."""
    rows = list(verdicts)
    return sum(1 for row in rows if row.counted) / len(rows) if rows else None


def coverage(verdicts: Iterable[Verdict]) -> float | None:
    """Return the share of customers with a goal whose goal is met."""
    rows = [row for row in verdicts if row.goal]
    return sum(1 for row in rows if row.attained >= row.goal) / len(rows) if rows else None


def frequency(verdicts: Iterable[Verdict]) -> float | None:
    """Return counted contacts per customer reached."""
    rows = [row for row in verdicts if row.counted]
    return sum(row.counted for row in rows) / len(rows) if rows else None
