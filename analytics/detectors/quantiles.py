"""Running quantiles of many streams in constant memory.

The P² algorithm of Jain and Chlamtac, CACM 28 (1985), in its form for several quantiles
(Raatikainen, Simulation 49 (1987)): a few markers whose heights follow the wanted
quantiles by a parabola through their neighbours.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown

_LOW = 0.005
SHARES = np.array([0.0, _LOW / 2, _LOW, 0.25, 0.5, 0.75, 1 - _LOW, 1 - _LOW / 2, 1.0])
"""Of the values, below each marker."""
LOW, MIDDLE, HIGH = 2, 4, 6
"""Markers worth asking for."""
_N = len(SHARES)


class Quantiles:
    """Markers of each cell, a cell being one term of one stream."""

    def __init__(self) -> None:
        self.count: NDArray[np.int32] = np.empty(0, np.int32)
        self.heights: NDArray[np.float32] = np.empty((0, _N), np.float32)
        self._places: NDArray[np.int32] = np.empty((0, _N), np.int32)

    def extend(self, n: int) -> None:
        """Make room for ``n`` cells."""
        self.count, self.heights = grown(self.count, n, 0), grown(self.heights, n, np.inf)
        self._places = grown(self._places, n, 0)

    def add(self, cells: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        """Take in one value for each of these cells, each at most once."""
        filling = self.count[cells] < _N
        if filling.any():
            self._fill(cells[filling], values[filling])
            cells, values = cells[~filling], values[~filling]
        self.count[cells] += 1
        heights, places = self.heights[cells], self._places[cells]
        heights[:, 0] = np.minimum(heights[:, 0], values)
        heights[:, -1] = np.maximum(heights[:, -1], values)
        places[:, 1:-1] += heights[:, 1:-1] > values[:, None]
        places[:, -1] += 1
        drift = 1.0 + (self.count[cells, None] - 1) * SHARES[1:-1] - places[:, 1:-1]
        rows, columns = np.nonzero(np.abs(drift) >= 1.0)
        step = np.where(drift[rows, columns] > 0, 1, -1)
        for odd in (True, False):
            # Markers beside each other do not move at once, so their order holds.
            some = (columns % 2 == 1) == odd
            if some.any():
                _move(heights, places, rows[some], columns[some] + 1, step[some])
        self.heights[cells], self._places[cells] = heights, places

    def state(self) -> Columns:
        """The markers by cell."""
        return {
            "count": self.count.copy(),
            "heights": self.heights.copy(),
            "places": self._places.copy(),
        }

    def restore(self, state: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Take up the rows ``source`` of a kept state as the cells ``target``."""
        self.count[target] = state["count"][source]
        self.heights[target] = state["heights"][source]
        self._places[target] = state["places"][source]

    def _fill(self, cells: NDArray[np.int64], values: NDArray[np.float32]) -> None:
        heights = self.heights[cells]
        heights[:, -1] = values  # a cell still filling has infinity there
        heights.sort(axis=1)
        self.heights[cells] = heights
        self.count[cells] += 1
        self._places[cells] = np.arange(1, _N + 1)


def _move(
    heights: NDArray[np.float32],
    places: NDArray[np.int32],
    rows: NDArray[np.intp],
    columns: NDArray[np.intp],
    step: NDArray[np.int64],
) -> None:
    """Move these markers by one place, where the place is free."""
    free = np.abs(places[rows, columns + step] - places[rows, columns]) > 1
    rows, columns, step = rows[free], columns[free], step[free]
    p0, p1, p2 = (places[rows, columns + k].astype(np.float64) for k in (-1, 0, 1))
    h0, h1, h2 = (heights[rows, columns + k].astype(np.float64) for k in (-1, 0, 1))
    rise, fall = (h2 - h1) / (p2 - p1), (h1 - h0) / (p1 - p0)
    curved = h1 + step / (p2 - p0) * ((p1 - p0 + step) * rise + (p2 - p1 - step) * fall)
    straight = h1 + np.where(step > 0, rise, -fall)
    heights[rows, columns] = np.where((h0 < curved) & (curved < h2), curved, straight)
    places[rows, columns] += step.astype(np.int32)
