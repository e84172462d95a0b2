"""How evenly a base is divided."""

from collections.abc import Iterable
from math import sqrt
from typing import NamedTuple


class Imbalance(NamedTuple):
    """How unequal shares are.

    ``ratio`` is the largest by the smallest (None where the smallest is 0 or there is nobody to compare),
    ``variation`` the coefficient of variation in percent: the population's deviation by the mean (None without any).
    """

    largest: float
    smallest: float
    ratio: float | None
    variation: float | None


def imbalance(shares: Iterable[float]) -> Imbalance:
    """Return how unequal these shares are.

    :param shares: customers, or load, one per manager
    """
    values = list(shares)
    if not values:
        return Imbalance(0, 0, None, None)
    mean = sum(values) / len(values)
    deviation = sqrt(sum((value - mean) ** 2 for value in values) / len(values))
    smallest, largest = min(values), max(values)
    return Imbalance(
        largest,
        smallest,
        largest / smallest if smallest > 0 else None,
        100 * deviation / mean if mean > 0 else None,
    )
