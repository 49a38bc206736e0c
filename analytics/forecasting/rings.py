"""The recent past of many streams in buckets of a fixed width."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown

_EMPTY = np.iinfo(np.int64).min
_NAMES = ("number", "sum", "late", "n")


class Rings:
    """Means of the last ``columns`` buckets of each row; a bucket is found by its time."""

    def __init__(self, width_us: int, columns: int) -> None:
        self.width_us = width_us
        self.columns = columns
        self._number: NDArray[np.int64] = np.empty((0, columns), np.int64)
        self._sum: NDArray[np.float64] = np.empty((0, columns), np.float64)
        self._late: NDArray[np.float64] = np.empty((0, columns), np.float64)
        self._n: NDArray[np.float32] = np.empty((0, columns), np.float32)

    def __len__(self) -> int:
        return len(self._number)

    def extend(self, n: int) -> None:
        """Make room for ``n`` rows in all."""
        self._number = grown(self._number, n, _EMPTY)
        self._sum, self._late = grown(self._sum, n, 0.0), grown(self._late, n, 0.0)
        self._n = grown(self._n, n, 0.0)

    def add(self, rows: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take one reading into each of these rows, each at most once."""
        number = times // self.width_us
        place = (rows, number % self.columns)
        kept = self._number[place] == number
        self._number[place] = number
        self._sum[place] = np.where(kept, self._sum[place], 0.0) + values
        self._late[place] = np.where(kept, self._late[place], 0.0) + times % self.width_us
        self._n[place] = np.where(kept, self._n[place], 0.0) + 1.0

    def fill(self, rows: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take in many readings at once, none of them older than those before."""
        number = times // self.width_us
        newest = self._number.copy()
        np.maximum.at(newest, (rows, number % self.columns), number)
        stale = newest != self._number
        self._number = newest
        for part in (self._sum, self._late, self._n):
            part[stale] = 0.0
        keep = number == newest[rows, number % self.columns]
        place = (rows[keep], number[keep] % self.columns)
        np.add.at(self._sum, place, values[keep])
        np.add.at(self._late, place, times[keep] % self.width_us)
        np.add.at(self._n, place, np.float32(1.0))

    @property
    def span_us(self) -> int:
        """How far back it reaches."""
        return self.width_us * self.columns

    def means(self, rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """Means of the buckets ``numbers`` ``(n, k)`` of ``rows`` ``(n,)``; NaN for an empty one."""
        place = (rows[:, None], numbers % self.columns)
        known = self._number[place] == numbers
        n = np.where(known, self._n[place], 1.0)
        return np.where(known, self._sum[place] / n, np.nan)

    def counts(self, rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.float64]:
        """How many readings the buckets `means` averages hold, ``(n, k)``."""
        place = (rows[:, None], numbers % self.columns)
        return np.where(self._number[place] == numbers, self._n[place], 0.0).astype(np.float64)

    def moments(self, rows: NDArray[np.int64], numbers: NDArray[np.int64]) -> NDArray[np.int64]:
        """The mean times of what `means` averages, ``(n, k)``; the middle of an empty bucket."""
        place = (rows[:, None], numbers % self.columns)
        known = self._number[place] == numbers
        late = np.where(known, self._late[place] / np.where(known, self._n[place], 1.0), self.width_us / 2)
        return numbers * self.width_us + late.astype(np.int64)

    def state(self) -> Columns:
        """The rings, in the order of the rows."""
        return {name: getattr(self, f"_{name}").copy() for name in _NAMES}

    def restore(self, state: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Take up kept rings of the same width: those at ``source`` go to the rows at ``target``."""
        if state["number"].shape[1:] == (self.columns,):
            for name in _NAMES:
                getattr(self, f"_{name}")[target] = state[name][source]
