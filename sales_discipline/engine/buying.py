"""Who stopped buying, and how regularly a customer buys."""

from collections.abc import Iterable, Sequence
from datetime import date
from decimal import Decimal
from itertools import pairwise
from statistics import median

#: silent: no purchase for so many times the usual interval
SILENCE = Decimal("1.5")
#: down: the last three months are below this part of a usual quarter
DOWN = Decimal("0.7")


def usual_interval(days: Iterable[date]) -> float | None:
    """Return the median number of days between purchases; None below three different days (two intervals)."""
    ordered = sorted(set(days))
    if len(ordered) < 3:
        return None
    return float(median((after - before).days for before, after in pairwise(ordered)))


def stopped(days: Iterable[date], today: date, recent: Decimal, quarter: Decimal) -> str | None:
    """Tell whether a customer stopped buying, and how it shows.

    :param days: on which he bought
    :param today: the day of the question
    :param recent: what he bought in the last three months, returns taken off
    :param quarter: a usual quarter: a third of the nine months before
    :return: ``silent`` (no purchase for 1.5 times the usual interval), ``down`` (the last three months are 30 % below a
        usual quarter), or None
    """
    known = set(days)
    interval = usual_interval(known)
    if interval and Decimal((today - max(known)).days) > SILENCE * Decimal(interval):
        return "silent"
    if quarter > 0 and recent < DOWN * quarter:
        return "down"
    return None


def variation(months: Sequence[Decimal | int]) -> float | None:
    """Return the coefficient of variation of monthly purchases in percent (deviation / mean); None without purchases.

    Months without purchases count as 0; the deviation is the population's.
    """
    if not months or sum(months) <= 0:
        return None
    mean = Decimal(sum(months)) / len(months)
    variance = sum((Decimal(month) - mean) ** 2 for month in months) / len(months)
    return float(100 * variance.sqrt() / mean)
