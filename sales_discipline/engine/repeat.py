"""What the base buys again without a deal: customers' usual interval and sum, and how much of it comes true.

Measured on the 23,587 invoices of a wholesaler (Online Retail II, April to November 2010): the mean interval from half
an interval after the last purchase on foretells 1.06 purchases for each that came of customers who are not late; the
median interval, which is shorter than the mean where purchases are irregular, foretells a quarter too many.
"""

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, timedelta
from decimal import Decimal
from itertools import pairwise

#: a habit is what was bought in so many days up to the last purchase
HABIT_DAYS = 365
#: purchases (days on which something was bought) that make a habit: two intervals
FEWEST = 3
#: an order is often confirmed some days before its opportunity is marked as won: a deal is met from so many days before
BEFORE_WIN = 14
#: the ledger of so many days is looked at: two years
LEDGER_DAYS = 730
#: silence in usual intervals from which a customer is in the next class: on time, late, ..., as good as gone
LATE = (1.0, 1.5, 2.0, 3.0, 6.0)
#: which part of the purchases foretold comes, by class of silence, before a company's own months have taught better
PRIOR = (1.0, 0.8, 0.65, 0.5, 0.35, 0.1)
#: so many purchases of its own weigh as much as the prior
WEIGHT = 50.0
#: a company learns from so many months
LEARNT_MONTHS = 12


@dataclass(frozen=True, slots=True)
class Habit:
    """How a customer buys: every ``interval`` days for ``mean``, ``last`` on that day."""

    interval: float
    mean: Decimal
    last: date


def beyond_deals(bought: Mapping[date, Decimal], dealt: Mapping[date, Decimal] | None = None) -> dict[date, Decimal]:
    """Return what a customer bought beyond his won deals, by day; days on which nothing remains are left out.

    A won deal is met by what is bought from two weeks before its day on, in order, until its sum is reached: that part
    is forecast with the deals and must not be counted twice. A return takes as much off what follows.

    :param bought: {day: sum of the purchases of a kind, returns taken off}
    :param dealt: {day: sum of the opportunities won}
    """
    dealt = {day - timedelta(days=BEFORE_WIN): amount for day, amount in (dealt or {}).items()}
    owed = Decimal(0)
    result = {}
    for day in sorted(bought.keys() | dealt.keys()):
        owed += dealt.get(day, Decimal(0)) - bought.get(day, Decimal(0))
        if owed < 0:
            result[day] = -owed
            owed = Decimal(0)
    return result


def habit(purchases: Mapping[date, Decimal], today: date) -> Habit | None:
    """Return a customer's habit as known on the morning of ``today``; None below three days of purchase in the year
    up to the last one, and for whoever bought nothing for a year."""
    days = sorted(day for day in purchases if day < today)
    if not days or days[-1] <= today - timedelta(days=HABIT_DAYS):
        return None
    last = days[-1]
    days = [day for day in days if day > last - timedelta(days=HABIT_DAYS)]
    if len(days) < FEWEST:
        return None
    mean = sum((purchases[day] for day in days), Decimal(0)) / len(days)
    return Habit((last - days[0]).days / (len(days) - 1), mean, last)


def due(buys: Habit, begin: date, end: date) -> float:
    """Return how many purchases fall into the days from ``begin`` to the day before ``end``.

    The next one is due an interval after the last, give or take half an interval: so from half an interval on,
    purchases are spread evenly, one for each interval.
    """
    start = buys.interval / 2
    first, after = ((day - buys.last).days for day in (begin, end))
    return max(0.0, after - max(first, start)) / buys.interval


def lateness(buys: Habit, today: date) -> int:
    """Return the class of a customer's silence (0: on time), see LATE."""
    return bisect_right(LATE, (today - buys.last).days / buys.interval)


def shares(measured: Iterable[tuple[int, float, float]]) -> tuple[float, ...]:
    """Return which part of the purchases foretold comes, by class of silence.

    :param measured: (class, purchases foretold, purchases that came) of the months before
    """
    foretold, came = [0.0] * len(PRIOR), [0.0] * len(PRIOR)
    for place, number, bought in measured:
        foretold[place] += number
        came[place] += bought
    return tuple((WEIGHT * prior + came[place]) / (WEIGHT + foretold[place]) for place, prior in enumerate(PRIOR))


def expected(buys: Habit, today: date, months: Sequence[date], share: Sequence[float] = PRIOR) -> list[float]:
    """Return the sum that a customer is expected to buy in each month, from ``today`` on.

    :param months: first days of months, and the day after the last of them
    :param share: see :func:`shares`
    """
    part = share[lateness(buys, today)] * float(buys.mean)
    return [part * due(buys, max(begin, today), max(end, today)) for begin, end in pairwise(months)]
