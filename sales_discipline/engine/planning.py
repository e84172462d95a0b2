"""The plan of contacts: on which day each customer is contacted next.

A customer's next contact belongs to a window of his norm; within it the least-loaded day is taken on which the manager
is there and has room. Whoever is due first is placed first, so that a narrow window is not filled by those who have
time. What fits nowhere goes into the windows that follow. The same input always gives the same plan.
"""

from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from heapq import heapify, heappop, heapreplace

from .windows import windows


class Chain:
    """The windows of one norm, period after period: those in which a customer's next contacts may be made.

    :param goal: contacts that the norm asks for in a period
    :param periods: working days of the running period and of those that follow, each ascending
    """

    def __init__(self, goal: int, periods: Sequence[Sequence[date]]):
        cut = [windows(goal, list(days)) for days in periods]
        self.windows = [window.days for period in cut for window in period]
        self.ends = [days[-1] for days in self.windows]
        self.running = len(cut[0]) if cut else 0

    def first(self, due: date | None, judged: bool = True, made: int = 0) -> int:
        """Return the number of the window in which the next contact is owed.

        :param due: the earliest unmet due day of the running period; None where its goal is met or nothing is asked
        :param judged: False where no verdict runs yet: then any day of the running period will do
        :param made: contacts about to be logged now, which serve the goal
        """
        if due is None and judged:
            return self.running
        return (bisect_left(self.ends, due) if due else 0) + made


class Desk:
    """The days of one person: how much is planned on each, and how much fits.

    :param capacity: contacts that he can make on a day
    :param load: contacts planned already, per day; it is kept up to date
    :param away: days on which he is absent
    """

    def __init__(self, capacity: int, load: Mapping[date, int] | None = None, away: Collection[date] = ()):
        self.capacity = capacity
        self.load = dict(load or {})
        self.away = away
        self._free: dict[tuple, list[tuple[int, date]]] = {}

    def is_there(self, day: date) -> bool:
        return day not in self.away

    def take(self, days: Sequence[date], earliest: date, blocked: Collection[date] = ()) -> date | None:
        """Plan one contact on the least-loaded of ``days`` that has room, the earliest of equals.

        :param earliest: no day before it
        :param blocked: days on which this customer must not be contacted
        :return: the day; None where there is none with room
        """
        load, capacity = self.load, self.capacity
        if blocked:
            free = [
                day
                for day in days
                if day >= earliest and day not in blocked and self.is_there(day) and load.get(day, 0) < capacity
            ]
            best = min(free, key=lambda day: (load.get(day, 0), day), default=None)
            if best:
                load[best] = load.get(best, 0) + 1
            return best
        key = (days[0], days[-1], earliest)
        heap = self._free.get(key)
        if heap is None:
            heap = [(load.get(day, 0), day) for day in days if day >= earliest and self.is_there(day)]
            heapify(heap)
            self._free[key] = heap
        while heap:
            known, day = heap[0]
            now = load.get(day, 0)
            if now >= capacity:
                heappop(heap)
            elif now != known:
                # another window has used the day meanwhile
                heapreplace(heap, (now, day))
            else:
                load[day] = now + 1
                heapreplace(heap, (now + 1, day))
                return day
        return None


@dataclass(slots=True)
class Cover:
    """Days of an absence on which a substitute answers for the manager's customers."""

    days: Collection[date]
    desk: Desk


def place(
    desk: Desk,
    following: Iterable[Sequence[date]],
    earliest: date,
    blocked: Collection[date] = (),
    covers: Sequence[Cover] = (),
) -> date | None:
    """Plan one contact in the first of the ``following`` windows that has a day for it.

    A window on all of whose days the manager is absent is offered to his substitute; a window in which he is there
    for a while is his own.

    :param following: windows, the nearest first
    :param earliest: no day before it
    :param blocked: days on which this customer must not be contacted
    :param covers: the substitutes of his absences
    :return: the day; None where nothing fits
    """
    for days in following:
        if days[-1] < earliest:
            continue
        day = desk.take(days, earliest, blocked)
        if day:
            return day
        if covers and not any(desk.is_there(day) for day in days if day >= earliest):
            for cover in covers:
                shared = [day for day in days if day >= earliest and day in cover.days]
                day = shared and cover.desk.take(shared, earliest, blocked)
                if day:
                    return day
    return None


def place_many(
    desk: Desk,
    count: int,
    following: Sequence[Sequence[date]],
    earliest: date,
    covers: Sequence[Cover] = (),
) -> Iterator[date | None]:
    """Plan ``count`` contacts that have the same windows, one after the other; see :func:`place`."""
    start, total = 0, len(following)
    for _number in range(count):
        day = None
        while start < total:
            day = place(desk, following[start : start + 1], earliest, (), covers)
            if day:
                break
            # full for good: the others of the group need not look again
            start += 1
        yield day
