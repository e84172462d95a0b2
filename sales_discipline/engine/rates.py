"""The chance of a deal from the company's own history: what became of deals that once stood where it stands now."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import pairwise

#: days of age at which the past of every deal is looked at
AGES = (0, 15, 30, 60, 90, 120, 180, 270)
#: days within which a deal looked at was won; beyond the last one only "ever" is known
HORIZONS = (15, 30, 60, 90, 120, 150, 180, 240, 300, 365)
#: a cell weighs as much as its wider group when it has so many deals
PULL = 10


@dataclass(frozen=True, slots=True)
class Cell:
    """What became of deals that stood open in a stage at an age.

    ``ended`` of them are over, ``won`` by being won. ``old[k]`` were looked at so long ago that the k-th of HORIZONS
    has passed since, ``by[k]`` of these were won within it: younger looks would make every rate look bad.
    """

    ended: int
    won: int
    old: tuple[int, ...]
    by: tuple[int, ...]

    def __add__(self, other: "Cell") -> "Cell":
        return Cell(
            self.ended + other.ended,
            self.won + other.won,
            tuple(map(sum, zip(self.old, other.old, strict=True))),
            tuple(map(sum, zip(self.by, other.by, strict=True))),
        )


EMPTY = Cell(0, 0, (0,) * len(HORIZONS), (0,) * len(HORIZONS))


def age_index(days: float) -> int:
    """Return the number of the last of AGES that a deal of ``days`` has reached."""
    return max((index for index, age in enumerate(AGES) if days >= age), default=0)


class Rates:
    """Chances by stage and age. A cell of few deals is drawn towards its stage, a stage towards all deals."""

    def __init__(self, cells: Mapping[tuple[int, int], Cell]):
        """Take {(stage, index of the age): cell}."""
        self.cells = dict(cells)
        stages: dict[int, Cell] = {}
        whole = EMPTY
        for (stage, _age), cell in self.cells.items():
            stages[stage] = stages.get(stage, EMPTY) + cell
            whole = whole + cell
        self._chains = {key: (whole, stages[key[0]], cell) for key, cell in self.cells.items()}
        self._stages, self._whole = stages, whole

    def _chain(self, stage: int, age: int) -> tuple[Cell, ...]:
        """Return the cells that speak for a deal, the widest first."""
        return self._chains.get((stage, age)) or (
            (self._whole, self._stages[stage]) if stage in self._stages else (self._whole,)
        )

    def known(self, stage: int, age: int) -> int:
        """Return of how many earlier deals of the same stage and age the end is known."""
        return self.cells.get((stage, age), EMPTY).ended

    def chance(self, stage: int, age: int) -> float:
        """Return the chance (0..1) that a deal open in ``stage`` at an age is ever won; 0 without any history."""
        return _drawn((cell.won, cell.ended) for cell in self._chain(stage, age))

    def curve(self, stage: int, age: int) -> list[float]:
        """Return the chances to be won within each of HORIZONS: they never fall, and never pass :meth:`chance`."""
        chain, ever = self._chain(stage, age), self.chance(stage, age)
        result, reached = [], 0.0
        for place in range(len(HORIZONS)):
            reached = max(reached, min(ever, _drawn((cell.by[place], cell.old[place]) for cell in chain)))
            result.append(reached)
        return result

    def between(self, stage: int, age: int, bounds: Iterable[float]) -> list[float]:
        """Return the chances to be won between each two of ``bounds`` (days from now, rising).

        Between two horizons the chance grows evenly; after the last one it does not grow.
        """
        days, curve = (0, *HORIZONS), (0.0, *self.curve(stage, age))
        points = [_interpolate(days, curve, bound) for bound in bounds]
        return [after - before for before, after in pairwise(points)]

    def to_json(self) -> list:
        """Return rows of (stage, age, ended, won, old, by)."""
        return [
            [stage, age, cell.ended, cell.won, list(cell.old), list(cell.by)]
            for (stage, age), cell in sorted(self.cells.items())
        ]

    @classmethod
    def from_json(cls, rows: Iterable) -> "Rates":
        """Return the rates that :meth:`to_json` wrote."""
        return cls({(row[0], row[1]): Cell(row[2], row[3], tuple(row[4]), tuple(row[5])) for row in rows or ()})


def _drawn(counts: Iterable[tuple[int, int]]) -> float:
    """Return the share of the last of (successes, trials), drawn towards the ones before it; 0 of nothing."""
    share = 0.0
    for number, (successes, trials) in enumerate(counts):
        if number:
            share = (successes + PULL * share) / (trials + PULL)
        elif trials:
            share = successes / trials
    return share


def _interpolate(days, values, day: float) -> float:
    for (before, low), (after, high) in pairwise(zip(days, values, strict=True)):
        if day <= after:
            return low + (high - low) * max(0.0, day - before) / (after - before)
    return values[-1]
