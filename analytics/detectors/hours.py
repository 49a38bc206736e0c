"""Means of the hours of the clock, of many streams at once."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown
from analytics.times import HOUR

_PARTS = 12
"""Parts of an hour by which it is judged whether enough of it was measured."""
_PART_US = HOUR // _PARTS
_EMPTY = np.iinfo(np.int64).min


class HourlyMeans:
    """The last ``hours`` hours of each stream, the one being filled and one more besides."""

    def __init__(self, hours: int, coverage: float) -> None:
        self._ring = hours + 2
        self._coverage = coverage
        self._least: NDArray[np.float64] = np.empty(0, np.float64)
        self._number: NDArray[np.int64] = np.empty((0, self._ring), np.int64)
        self._sum: NDArray[np.float64] = np.empty((0, self._ring), np.float64)
        self._n: NDArray[np.float64] = np.empty((0, self._ring), np.float64)
        self._parts: NDArray[np.int64] = np.empty((0, self._ring), np.int64)

    def __len__(self) -> int:
        return len(self._least)

    def extend(self, intervals_s: NDArray[np.float64]) -> None:
        """Make room for streams of these usual intervals behind those there are.

        A stream slower than a twelfth of an hour fills as many parts as it can.
        """
        possible = np.minimum(_PARTS, np.maximum(1.0, HOUR / 1e6 // intervals_s))
        self._least = np.concatenate((self._least, self._coverage * possible))
        n = len(self._least)
        self._number = grown(self._number, n, _EMPTY)
        self._sum, self._n = grown(self._sum, n, 0.0), grown(self._n, n, 0.0)
        self._parts = grown(self._parts, n, 0)

    def add(self, cells: NDArray[np.int64], clock: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take one reading into each of these streams, each at most once, at wall-clock times."""
        hour = clock // HOUR
        place = (cells, hour % self._ring)
        kept = self._number[place] == hour
        self._number[place] = hour
        self._sum[place] = np.where(kept, self._sum[place], 0.0) + values
        self._n[place] = np.where(kept, self._n[place], 0.0) + 1.0
        bit = np.left_shift(1, clock % HOUR // _PART_US)
        self._parts[place] = np.where(kept, self._parts[place], 0) | bit

    def newest_first(self, cells: NDArray[np.int64], hour: int, count: int) -> NDArray[np.float64]:
        """Means of the hours ``hour``, ``hour`` − 1, …, shape ``(len(cells), count)``.

        NaN where too little of the hour was measured.
        """
        hours = hour - np.arange(count)
        place = (cells[:, None], (hours % self._ring)[None, :])
        parts = np.bitwise_count(self._parts[place])
        known = (self._number[place] == hours) & (parts >= self._least[cells][:, None])
        return np.where(known, self._sum[place] / np.maximum(self._n[place], 1.0), np.nan)

    def state(self) -> Columns:
        """The rings, in the order of the streams."""
        names = ("number", "sum", "n", "parts")
        return {name: getattr(self, f"_{name}").copy() for name in names}

    def restore(self, state: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Take up kept rings: those at ``source`` go to the streams at ``target``."""
        for name in ("number", "sum", "n", "parts"):
            getattr(self, f"_{name}")[target] = state[name][source]
