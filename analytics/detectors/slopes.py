"""How fast many streams change, by a line through the means of recent buckets."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.times import HOUR, SECOND

BUCKETS = 5
"""Buckets a window is cut into: enough that one wild reading does not make the slope."""

_LEAST = 4
"""Buckets that have to hold something."""
_EMPTY = np.iinfo(np.int64).min


class RecentSlopes:
    """The slope of each window's last ``over_s``, least squares through its buckets' means.

    A window is one stream at one length. The bucket being filled counts as it stands, at
    the mean time of what is in it.
    """

    def __init__(self) -> None:
        self.keys: NDArray[np.int64] = np.empty(0, np.int64)
        self._width: NDArray[np.int64] = np.empty(0, np.int64)
        self._number: NDArray[np.int64] = np.empty((0, BUCKETS), np.int64)
        self._n: NDArray[np.float64] = np.empty((0, BUCKETS), np.float64)
        self._sum: NDArray[np.float64] = np.empty((0, BUCKETS), np.float64)
        self._late: NDArray[np.float64] = np.empty((0, BUCKETS), np.float64)

    def __len__(self) -> int:
        return len(self.keys)

    def add_windows(
        self, keys: NDArray[np.int64], over_s: NDArray[np.float64], intervals_s: NDArray[np.float64]
    ) -> None:
        """Make windows behind those there are; a slow stream's are as long as its buckets need.

        ``keys`` name them in a snapshot.
        """
        width_s = np.maximum(over_s / BUCKETS, intervals_s)
        self.keys = np.concatenate((self.keys, keys))
        self._width = np.concatenate((self._width, (width_s * SECOND).astype(np.int64)))
        n = len(self.keys)
        self._number = grown(self._number, n, _EMPTY)
        self._n, self._sum, self._late = (grown(part, n, 0.0) for part in (self._n, self._sum, self._late))

    def add(self, windows: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]) -> None:
        """Take one reading into each of these windows, each at most once."""
        number = times // self._width[windows]
        late = (times - number * self._width[windows]) / HOUR
        place = (windows, number % BUCKETS)
        kept = np.where(self._number[place] == number, 1.0, 0.0)
        self._number[place] = number
        self._n[place] = kept * self._n[place] + 1.0
        self._sum[place] = kept * self._sum[place] + values
        self._late[place] = kept * self._late[place] + late

    def per_h(self, windows: NDArray[np.int64], times: NDArray[np.int64]) -> NDArray[np.float64]:
        """The slopes at these times, in the unit an hour; NaN where too few buckets speak."""
        width = self._width[windows][:, None]
        age = (times[:, None] // width) - self._number[windows]
        inside = ((age >= 0) & (age < BUCKETS)).astype(np.float64)
        n = np.maximum(self._n[windows], 1.0)
        x = self._late[windows] / n - age * (width / HOUR) * inside
        y = self._sum[windows] / n
        count = inside.sum(axis=1)
        known = np.maximum(count, 1.0)
        dx = inside * (x - (inside * x).sum(axis=1, keepdims=True) / known[:, None])
        dy = inside * (y - (inside * y).sum(axis=1, keepdims=True) / known[:, None])
        spread = (dx * dx).sum(axis=1)
        enough = (count >= _LEAST) & (spread > 0)
        return np.where(enough, (dx * dy).sum(axis=1) / np.where(enough, spread, 1.0), np.nan)

    def state(self) -> Columns:
        """The rings, by window key."""
        return {
            "window": self.keys,
            "width": self._width,
            "number": self._number.copy(),
            "n": self._n.copy(),
            "sum": self._sum.copy(),
            "late": self._late.copy(),
        }

    def restore(self, state: Columns) -> None:
        """Take up kept rings whose window still has the same buckets."""
        source, target = match(state["window"], self.keys)
        same = state["width"][source] == self._width[target]
        source, target = source[same], target[same]
        for name in ("number", "n", "sum", "late"):
            getattr(self, f"_{name}")[target] = state[name][source]
