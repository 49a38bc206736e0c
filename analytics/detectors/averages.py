"""Trailing means of many streams at once, by a ring of buckets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.times import SECOND

BUCKETS = 12
"""Buckets a window is cut into. Twelve make a one-hour standard 5-minute buckets, which
history in 5-minute steps can fill."""

COVERAGE = 0.75
"""Least share of the length that buckets with data make up. US EPA, 40 CFR 50 Appendix N,
calls a mean valid from three quarters of its data."""

_RING = BUCKETS + 1
"""The bucket being filled and those before it: the oldest still reaches into the window."""

_EMPTY = np.iinfo(np.int64).min


class TrailingMeans:
    """The mean over the last ``length_s`` of each window, every moment weighing the same.

    A window is one stream at one length. Buckets weigh as much as they overlap the
    length: the newest by what has passed of it, the oldest by what has not yet left.
    """

    def __init__(self) -> None:
        self.keys: NDArray[np.int64] = np.empty(0, np.int64)
        self._width: NDArray[np.int64] = np.empty(0, np.int64)
        self._count: NDArray[np.int64] = np.empty(0, np.int64)
        self._number: NDArray[np.int64] = np.empty((0, _RING), np.int64)
        self._sum: NDArray[np.float64] = np.empty((0, _RING), np.float64)
        self._n: NDArray[np.float64] = np.empty((0, _RING), np.float64)

    def __len__(self) -> int:
        return len(self.keys)

    def add_windows(
        self, keys: NDArray[np.int64], lengths_s: NDArray[np.float64], intervals_s: NDArray[np.float64]
    ) -> None:
        """Make windows behind those there are, for streams of these usual intervals.

        ``keys`` name them in a snapshot. A stream slower than a twelfth of the length
        gets fewer, wider buckets, so that each still holds a reading.
        """
        count = np.clip(lengths_s // (1.5 * intervals_s), 1, BUCKETS).astype(np.int64)
        self.keys = np.concatenate((self.keys, keys))
        self._count = np.concatenate((self._count, count))
        self._width = np.concatenate((self._width, (lengths_s / count * SECOND).astype(np.int64)))
        n = len(self.keys)
        self._number = grown(self._number, n, _EMPTY)
        self._sum, self._n = grown(self._sum, n, 0.0), grown(self._n, n, 0.0)

    def add(self, windows: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take one reading into each of these windows, each at most once."""
        number = times // self._width[windows]
        column = number % (self._count[windows] + 1)
        fresh = self._number[windows, column] != number
        self._number[windows, column] = number
        self._sum[windows, column] = np.where(fresh, 0.0, self._sum[windows, column]) + values
        self._n[windows, column] = np.where(fresh, 0.0, self._n[windows, column]) + 1.0

    def means(self, windows: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.float64]:
        """The trailing means at these times; NaN below the coverage."""
        width, count = self._width[windows], self._count[windows]
        passed = (times % width / width)[:, None]
        age = (times // width)[:, None] - self._number[windows]
        inside = (age >= 0) & (age <= count[:, None])
        whole = np.where(age == 0, passed, np.where(age == count[:, None], 1.0 - passed, 1.0))
        weight = np.where(inside, whole, 0.0)
        covered = weight.sum(axis=1)
        means = self._sum[windows] / np.maximum(self._n[windows], 1.0)
        enough = covered >= COVERAGE * count
        return np.where(enough, (weight * means).sum(axis=1) / np.where(enough, covered, 1.0), np.nan)

    def state(self) -> Columns:
        """The rings, by window key."""
        return {
            "window": self.keys,
            "width": self._width,
            "number": self._number.copy(),
            "sum": self._sum.copy(),
            "n": self._n.copy(),
        }

    def restore(self, state: Columns) -> None:
        """Take up kept rings whose window still has the same buckets."""
        source, target = match(state["window"], self.keys)
        same = state["width"][source] == self._width[target]
        source, target = source[same], target[same]
        self._number[target] = state["number"][source]
        self._sum[target], self._n[target] = state["sum"][source], state["n"][source]
