"""How novel a value is on its own stream, in a measure that streams share.

The distance to the nearest familiar value, in units of a scale with three parts: the
stream's largest distances so far, which says what novelty is usual here; the range of its
values, which keeps a stream that repeats itself from calling a trifle novel; and how far
the value is from the middle, which asks of a long tail that it be outdone by a share.
Each part alone is fooled by some kind of stream; their geometric mean is less. The parts
weigh the same: other exponents do no better on series they were not chosen on.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns
from analytics.detectors.extremes import Excesses
from analytics.detectors.familiar import Familiar
from analytics.detectors.quantiles import HIGH, LOW, MIDDLE, Quantiles

_SETTLED = 50
"""Values from which on distances count: before, nearly everything is new."""
_TIDY_EVERY = 32
"""Values between two looks at what has been forgotten."""


@dataclass(frozen=True, slots=True)
class Novelties:
    """How novel some values are, arrays of shape ``(n,)``.

    ``strength``: in shared units, 0 for what is familiar or while warming up.
    ``distance``: to the nearest familiar value, in the value's unit.
    """

    strength: NDArray[np.float64]
    distance: NDArray[np.float32]


class Novelty:
    """Memory of each cell, a cell being one term of one stream."""

    def __init__(self, warm: int, memory_hours: float) -> None:
        self._warm = warm
        self._familiar = Familiar(memory_hours)
        self._excesses = Excesses()
        self.quantiles = Quantiles()

    def extend(self, n: int) -> None:
        """Make room for ``n`` cells."""
        self._familiar.extend(n)
        self._excesses.extend(n)
        self.quantiles.extend(n)

    def meet(
        self, cells: NDArray[np.int64], values: NDArray[np.float32], hours: NDArray[np.int32]
    ) -> Novelties:
        """Score a value for each of these cells, each at most once, then learn from it.

        ``hours`` is the time, in hours since the epoch.
        """
        count = self.quantiles.count[cells]
        tidy = np.flatnonzero(count % _TIDY_EVERY == _TIDY_EVERY - 1)
        if len(tidy):
            self._familiar.forget(cells[tidy], hours[tidy])
        distance = self._familiar.meet(cells, values, hours)
        strength = np.zeros(len(cells))
        novel = np.flatnonzero((distance > 0) & (count >= _SETTLED))
        if len(novel):
            some = cells[novel]
            known = self._strength(some, values[novel], distance[novel])
            strength[novel] = np.where(count[novel] >= self._warm, known, 0.0)
            self._excesses.add(some, distance[novel])
        self.quantiles.add(cells, values)
        return Novelties(strength, distance)

    def state(self) -> Columns:
        """Everything, by cell."""
        return {**self._familiar.state(), **self._excesses.state(), **self.quantiles.state()}

    def restore(self, state: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Take up the rows ``source`` of a kept state as the cells ``target``."""
        self._familiar.restore(state, source, target)
        self._excesses.restore(state, source, target)
        self.quantiles.restore(state, source, target)

    def _strength(
        self, cells: NDArray[np.int64], values: NDArray[np.float32], distance: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        excess = self._excesses.mean[cells].astype(np.float64)
        heights = self.quantiles.heights[cells].astype(np.float64)
        spread = heights[:, HIGH] - heights[:, LOW]
        spread = np.where(spread > 0, spread, excess)  # a stream that nearly always says the same
        deviation = np.maximum(np.abs(values - heights[:, MIDDLE]), distance)
        scale = np.cbrt(excess * spread * deviation)
        return np.divide(distance, scale, out=np.zeros(len(cells)), where=scale > 0)
