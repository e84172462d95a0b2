"""The day of the next contact."""

from collections.abc import Mapping, Sequence
from datetime import date


def next_contact_day(
    candidates: Sequence[date], planned: Mapping[date, int], capacity: int, wanted: date | None = None
) -> date | None:
    """Return the least-loaded of the candidate working days within the daily capacity; the earliest of equals.

    :param candidates: working days of the next window, ascending
    :param planned: contacts already planned per day
    :param capacity: contacts that the manager can make on a day
    :param wanted: a day that the manager chose himself: it is kept
    :return: None where every day is full; the caller then takes the following window
    """
    if wanted:
        return wanted
    free = [day for day in candidates if planned.get(day, 0) < capacity]
    return min(free, key=lambda day: (planned.get(day, 0), day), default=None)
