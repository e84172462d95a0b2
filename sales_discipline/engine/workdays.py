"""Distances in working days and the bounds of periods."""

from bisect import bisect_left, bisect_right
from datetime import date, timedelta


def distance(earlier: date, later: date, working_days: list[date]) -> int:
    """Return how many working days ``later`` is after ``earlier``.

    0 on the same day; else 1 + the working days strictly between. Between two working days that is their usual
    difference (Monday to Wednesday: 2); whoever works on a Saturday is one day after Friday, not zero.

    :param working_days: ascending, covering the days between both
    """
    if later == earlier:
        return 0
    return 1 + max(0, bisect_left(working_days, later) - bisect_right(working_days, earlier))


def deadline(day: date, backdating: int, working_days: list[date]) -> date:
    """Return the last day on which a contact of ``day`` may still be logged: ``backdating`` working days later.

    :param working_days: ascending, reaching far enough beyond ``day``; where it does not, the last day known is used
    """
    if backdating <= 0:
        return day
    following = working_days[bisect_right(working_days, day) :]
    if not following:
        return day
    return following[min(backdating, len(following)) - 1]


def month_of(day: date) -> tuple[date, date]:
    """Return the first and the last day of the month of ``day``."""
    first = day.replace(day=1)
    following = (first + timedelta(days=32)).replace(day=1)
    return first, following - timedelta(days=1)


def week_of(day: date) -> tuple[date, date]:
    """Return Monday and Sunday of the week of ``day``."""
    monday = day - timedelta(days=day.weekday())
    return monday, monday + timedelta(days=6)


def period_of(kind: str, day: date) -> tuple[date, date]:
    """Return the bounds of the period of ``kind`` (``month`` or ``week``) that contains ``day``."""
    return week_of(day) if kind == "week" else month_of(day)
