"""ABC classes by cumulative share, in exact arithmetic."""

from collections.abc import Iterable, Sequence
from decimal import Decimal


def classify(
    revenues: Iterable[tuple[int, Decimal | int]],
    bounds: Sequence[tuple[str, Decimal | int]],
    rest: str = "D",
) -> dict[int, str]:
    """Divide customers into classes.

    Customers with positive revenue, sorted by revenue descending (ties by id), are in a class while the cumulative
    share *before* the customer is below its bound. Others are in ``rest``.

    :param revenues: (customer, revenue); exact numbers (Decimal, or integer cents)
    :param bounds: (class, upper bound of the cumulative share in percent), ascending; the last one is 100
    :param rest: the class of customers without positive revenue
    """
    rows = list(revenues)
    positive = sorted((row for row in rows if row[1] > 0), key=lambda row: (-row[1], row[0]))
    total = sum(revenue for _customer, revenue in positive)
    classes = {customer: rest for customer, revenue in rows if revenue <= 0}
    before: Decimal | int = 0
    for customer, revenue in positive:
        # the last class takes whoever is left
        classes[customer] = next((name for name, bound in bounds if 100 * before < bound * total), bounds[-1][0])
        before += revenue
    return classes


def settled(
    former: str | None,
    before: Decimal,
    bounds: Sequence[tuple[str, Decimal]],
    margin: Decimal,
) -> str:
    """Return the class of a customer whose share before him is ``before`` percent, with hysteresis.

    He keeps his former class while the share lies within ``margin`` percentage points of its bounds.
    """
    low = Decimal(0)
    computed = bounds[-1][0]
    kept = False
    for name, bound in bounds:
        if low <= before < bound:
            computed = name
        if name == former and low - margin <= before < bound + margin:
            kept = True
        low = bound
    return former if kept and former else computed
