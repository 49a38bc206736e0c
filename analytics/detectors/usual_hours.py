"""What is usual at an hour of the week, learnt online from each stream's own past.

An hour's mean enters the table when the hour is over. Where the same hour of the week has
not been seen yet, that of any day speaks; where neither has, nothing does.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown
from analytics.times import HOUR

_DAY, _WEEK = 24, 168
_OF_DAY, _OF_WEEK = 0.2, 0.3
"""How much of a table's entry the newest hour makes up."""
_NONE = -1


class UsualHours:
    """Tables of hourly means, ``(n_streams, 24)`` and ``(n_streams, 168)``."""

    def __init__(self) -> None:
        self._day: NDArray[np.float32] = np.empty((0, _DAY), np.float32)
        self._week: NDArray[np.float32] = np.empty((0, _WEEK), np.float32)
        self._hour: NDArray[np.int64] = np.empty(0, np.int64)
        self._sum: NDArray[np.float64] = np.empty(0, np.float64)
        self._n: NDArray[np.int32] = np.empty(0, np.int32)

    def extend(self, n: int) -> None:
        """Make room for ``n`` streams."""
        self._day, self._week = grown(self._day, n, np.nan), grown(self._week, n, np.nan)
        self._hour = grown(self._hour, n, _NONE)
        self._sum, self._n = grown(self._sum, n, 0.0), grown(self._n, n, 0)

    def expected(self, streams: NDArray[np.int64], local: NDArray[np.int64]) -> NDArray[np.float64]:
        """The usual value at these wall-clock times, NaN where unknown; between hours' middles, linear."""
        hour = local // HOUR
        off_middle = (local % HOUR) / HOUR - 0.5
        here = self._usual(streams, hour)
        beside = self._usual(streams, hour + np.where(off_middle >= 0, 1, -1))
        share = np.where(np.isnan(beside), 0.0, np.abs(off_middle))
        return here + share * (np.where(np.isnan(beside), 0.0, beside) - here)

    def learn(
        self, streams: NDArray[np.int64], local: NDArray[np.int64], values: NDArray[np.float64]
    ) -> None:
        """Take in one value for each of these streams, each at most once."""
        hour = local // HOUR
        over = self._hour[streams] != hour
        if over.any():
            self._close(streams[over])
            self._hour[streams[over]] = hour[over]
        self._sum[streams] += values
        self._n[streams] += 1

    def state(self) -> Columns:
        """The tables, and the hour that is being filled."""
        return {
            "day": self._day.copy(),
            "week": self._week.copy(),
            "hour": self._hour.copy(),
            "hour_sum": self._sum.copy(),
            "hour_n": self._n.copy(),
        }

    def restore(self, state: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Take up the rows ``source`` of a kept state as the streams ``target``."""
        self._day[target], self._week[target] = state["day"][source], state["week"][source]
        self._hour[target] = state["hour"][source]
        self._sum[target], self._n[target] = state["hour_sum"][source], state["hour_n"][source]

    def _usual(self, streams: NDArray[np.int64], hour: NDArray[np.int64]) -> NDArray[np.float64]:
        of_week = self._week[streams, hour % _WEEK]
        return np.where(np.isnan(of_week), self._day[streams, hour % _DAY], of_week).astype(np.float64)

    def _close(self, streams: NDArray[np.int64]) -> None:
        """Move the hours that are over into the tables."""
        streams = streams[self._n[streams] > 0]
        mean = self._sum[streams] / self._n[streams]
        hour = self._hour[streams]
        for table, length, weight in ((self._day, _DAY, _OF_DAY), (self._week, _WEEK, _OF_WEEK)):
            slot = hour % length
            before = table[streams, slot]
            table[streams, slot] = np.where(np.isnan(before), mean, before + weight * (mean - before))
        self._sum[streams], self._n[streams] = 0.0, 0
