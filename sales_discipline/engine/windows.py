"""Cutting a period into windows: one per contact that the norm asks for."""

from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Window:
    """The working days in which the ``k``-th contact of a period is owed."""

    k: int
    days: tuple[date, ...]

    @property
    def due(self) -> date:
        """The last working day of the window."""
        return self.days[-1]


def window_number(i: int, n: int, total: int) -> int:
    """Return the window of working day ``i`` (1..total) of a period with ``n`` windows: ceil(i * n / total)."""
    return -(-i * n // total)


def windows(goal: int, working_days: list[date]) -> list[Window]:
    """Cut a period into n = min(goal, T) windows of its T working days; none where there is no working day.

    :param goal: contacts asked for in the period
    :param working_days: the period's working days, ascending
    """
    total = len(working_days)
    n = min(goal, total)
    cut: list[list[date]] = [[] for _ in range(n)]
    for i, day in enumerate(working_days, start=1):
        if n:
            cut[window_number(i, n, total) - 1].append(day)
    return [Window(k, tuple(days)) for k, days in enumerate(cut, start=1)]


def largest_goal(min_gap: int, total: int) -> int:
    """Return how many contacts fit into ``total`` working days with ``min_gap`` working days from one to the next."""
    return (total - 1) // max(min_gap, 1) + 1 if total > 0 else 0
