"""The day of the next contact."""

from collections.abc import Mapping, Sequence
from datetime import date

from .windows import windows


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


def next_windows(goal: int, attained: int, today: date, this: list[date], following: list[date]) -> list[list[date]]:
    """Return the windows in which the next contact may be made, the nearest first, without days gone by.

    The contacts still owed come first, in the windows that they belong to; what is overdue may be made on any day up
    to the due day of the window after it. Then follow the windows of the next period.

    :param goal: contacts that the norm asks for in a period
    :param attained: how many of them are made
    :param today: the day on which the plan is made; the next contact is planned for a later day
    :param this: working days of the running period, ascending
    :param following: working days of the next period, ascending
    """
    rest = [[day for day in window.days if day > today] for window in windows(goal, this)[attained:]]
    rest += [[day for day in window.days if day > today] for window in windows(goal, following)]
    return [days for days in rest if days]
