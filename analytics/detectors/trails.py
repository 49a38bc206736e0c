"""The level of each stream's last readings, and how far a reading usually is from it."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown

_LEVEL = 0.1
"""Weight of the newest reading in the level: a memory of some ten readings."""
_SIZE = 0.01
"""The same for the size of residuals: some hundred readings."""
_OVERALL = 0.3
"""Share of the size over all time in the unit; keeps a calm spell from making it tiny."""
_TINY = 1e-9


class Trails:
    """Exponentially weighted level and residual size of each stream, by count of readings."""

    def __init__(self) -> None:
        self._level: NDArray[np.float64] = np.empty(0, np.float64)
        self._size: NDArray[np.float64] = np.empty(0, np.float64)
        self._total: NDArray[np.float64] = np.empty(0, np.float64)
        self._n: NDArray[np.int32] = np.empty(0, np.int32)

    def extend(self, n: int) -> None:
        """Make room for ``n`` streams."""
        self._level = grown(self._level, n, np.nan)
        self._size, self._total = grown(self._size, n, 0.0), grown(self._total, n, 0.0)
        self._n = grown(self._n, n, 0)

    def meet(
        self, streams: NDArray[np.int64], values: NDArray[np.float64], anew: NDArray[np.bool_]
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The level before each reading, and the unit of residuals; then learn from it.

        Where ``anew``, the stream was silent: its level is NaN and starts from the reading.
        """
        level = np.where(anew, np.nan, self._level[streams])
        known = ~np.isnan(level)
        residual = np.where(known, values - level, 0.0)
        size = np.abs(residual)
        self._n[streams] += known
        self._total[streams] += size
        unit = self._size[streams] + _OVERALL * self._total[streams] / np.maximum(self._n[streams], 1)
        self._level[streams] = np.where(known, level + _LEVEL * residual, values)
        self._size[streams] += np.where(known, _SIZE * (size - self._size[streams]), 0.0)
        return level, unit + _TINY

    def state(self) -> Columns:
        """The trails by stream."""
        return {
            "level": self._level.copy(),
            "size": self._size.copy(),
            "total": self._total.copy(),
            "n": self._n.copy(),
        }

    def restore(self, state: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Take up the rows ``source`` of a kept state as the streams ``target``."""
        self._level[target], self._size[target] = state["level"][source], state["size"][source]
        self._total[target], self._n[target] = state["total"][source], state["n"][source]
