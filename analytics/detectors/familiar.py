"""What has been seen before: the values of each stream as a few intervals.

A value between two that were seen long ago is as familiar as its distance from them is
small, so that a level never visited stands out within the range as well as beyond it.
Where a value lies far from all intervals it opens one; past `KEPT` of them the two
closest become one. The bulk of a stream so ends as one interval, and the wide gaps, which
are what tells the novel from the usual, stay.
"""

from __future__ import annotations

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown

KEPT = 12
_SPACE = KEPT + 1
_COLUMNS = np.arange(_SPACE)
_INF = np.float32(np.inf)

_Scalar = TypeVar("_Scalar", bound=np.generic)


class Familiar:
    """Intervals of each cell, a cell being one term of one stream.

    ``lows`` and ``highs``, shape ``(n_cells, KEPT + 1)``, ascend and do not overlap; places
    not in use are infinite. ``seen`` is the hour a value last fell into the interval.
    """

    def __init__(self, memory_hours: float) -> None:
        self._memory_hours = memory_hours
        self._lows: NDArray[np.float32] = np.empty((0, _SPACE), np.float32)
        self._highs: NDArray[np.float32] = np.empty((0, _SPACE), np.float32)
        self._seen: NDArray[np.int32] = np.empty((0, _SPACE), np.int32)

    def extend(self, n: int) -> None:
        """Make room for ``n`` cells."""
        self._lows, self._highs = grown(self._lows, n, np.inf), grown(self._highs, n, np.inf)
        self._seen = grown(self._seen, n, 0)

    def meet(
        self, cells: NDArray[np.int64], values: NDArray[np.float32], hours: NDArray[np.int32]
    ) -> NDArray[np.float32]:
        """How far each value is from the nearest familiar one, which it then is itself.

        One value for each of these cells, each at most once; shape ``(n,)``. 0 for what is
        familiar, and for the first of all.
        """
        place = (self._lows[cells] <= values[:, None]).sum(axis=1)
        before = np.maximum(place - 1, 0)
        above = np.where(place > 0, values - self._highs[cells, before], _INF)
        # The last place is always free here, hence infinite.
        distance = np.minimum(above, self._lows[cells, place] - values)
        inside = above <= 0
        self._seen[cells[inside], before[inside]] = hours[inside]
        fresh = np.flatnonzero(~inside)
        if len(fresh):
            self._open(cells[fresh], values[fresh], place[fresh], hours[fresh])
        return np.where(inside | np.isinf(distance), np.float32(0.0), distance)

    def forget(self, cells: NDArray[np.int64], hours: NDArray[np.int32]) -> None:
        """Drop what these cells have not seen for longer than the memory."""
        used = np.isfinite(self._lows[cells])
        stale = used & (hours[:, None] - self._seen[cells] > self._memory_hours)
        rows = np.flatnonzero(stale.any(axis=1))
        if len(rows) == 0:
            return
        cells, gone = cells[rows], stale[rows]
        order = np.argsort(gone, axis=1, kind="stable")
        for array in (self._lows, self._highs):
            kept = np.where(gone, _INF, array[cells])
            array[cells] = np.take_along_axis(kept, order, axis=1)
        self._seen[cells] = np.take_along_axis(self._seen[cells], order, axis=1)

    def state(self) -> Columns:
        """The intervals by cell."""
        return {"lows": self._lows.copy(), "highs": self._highs.copy(), "seen": self._seen.copy()}

    def restore(self, state: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Take up the rows ``source`` of a kept state as the cells ``target``."""
        self._lows[target] = state["lows"][source]
        self._highs[target], self._seen[target] = state["highs"][source], state["seen"][source]

    def _open(
        self,
        cells: NDArray[np.int64],
        values: NDArray[np.float32],
        place: NDArray[np.intp],
        hours: NDArray[np.int32],
    ) -> None:
        lows = _inserted(self._lows[cells], values, place)
        highs = _inserted(self._highs[cells], values, place)
        seen = _inserted(self._seen[cells], hours, place)
        full = np.flatnonzero(np.isfinite(lows[:, -1]))
        if len(full):
            lows[full], highs[full], seen[full] = _merged(lows[full], highs[full], seen[full])
        self._lows[cells], self._highs[cells], self._seen[cells] = lows, highs, seen


def _inserted(rows: NDArray[_Scalar], values: NDArray[_Scalar], place: NDArray[np.intp]) -> NDArray[_Scalar]:
    """Each row with its value at its place, what follows moved up by one."""
    shifted = np.concatenate((rows[:, :1], rows[:, :-1]), axis=1)
    at = place[:, None]
    return np.where(at > _COLUMNS, rows, np.where(at == _COLUMNS, values[:, None], shifted))


def _merged(
    lows: NDArray[np.float32], highs: NDArray[np.float32], seen: NDArray[np.int32]
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.int32]]:
    """Full rows with their two closest intervals made one."""
    first = np.argmin(lows[:, 1:] - highs[:, :-1], axis=1)[:, None]
    of_low = np.minimum(_COLUMNS + (first < _COLUMNS), KEPT)
    of_high = np.minimum(_COLUMNS + (first <= _COLUMNS), KEPT)
    latest = np.maximum(seen, np.roll(seen, -1, axis=1))
    lows = np.take_along_axis(lows, of_low, axis=1)
    highs = np.take_along_axis(highs, of_high, axis=1)
    seen = np.where(first == _COLUMNS, latest, np.take_along_axis(seen, of_high, axis=1))
    lows[:, -1] = highs[:, -1] = _INF
    return lows, highs, seen
