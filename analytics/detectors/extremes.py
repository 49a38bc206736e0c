"""The largest excesses of many streams: how far a tail reaches.

Peaks over threshold (Pickands, Ann. Stat. 3 (1975); as a detector: Siffer et al., KDD
2017) fits a generalised Pareto tail to the excesses beyond a high threshold. Here the
threshold follows the data, being the least of the `KEPT` largest excesses, and the shape
is held at 0, the exponential tail, whose maximum-likelihood scale is the mean: a shape
estimated from so few is mostly noise, and measured no better.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown

KEPT = 32


class Excesses:
    """The `KEPT` largest excesses of each cell, a cell being one term of one stream."""

    def __init__(self) -> None:
        self.largest: NDArray[np.float32] = np.empty((0, KEPT), np.float32)
        """Ascending; 0 where there were fewer."""
        self.mean: NDArray[np.float32] = np.empty(0, np.float32)

    def extend(self, n: int) -> None:
        """Make room for ``n`` cells."""
        self.largest, self.mean = grown(self.largest, n, 0.0), grown(self.mean, n, 0.0)

    def add(self, cells: NDArray[np.int64], excess: NDArray[np.float32]) -> None:
        """Take in one excess for each of these cells, each at most once."""
        more = excess > self.largest[cells, 0]
        cells, excess = cells[more], excess[more]
        largest = self.largest[cells]
        largest[:, 0] = excess
        largest.sort(axis=1)
        self.largest[cells] = largest
        self.mean[cells] = largest.mean(axis=1)

    def state(self) -> Columns:
        """The excesses by cell."""
        return {"largest": self.largest.copy()}

    def restore(self, state: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Take up the rows ``source`` of a kept state as the cells ``target``."""
        self.largest[target] = state["largest"][source]
        self.mean[target] = self.largest[target].mean(axis=1)


def probability(strength: NDArray[np.float64]) -> NDArray[np.float64]:
    """The share of an exponential tail below ``strength`` mean excesses, 0 … 1."""
    return -np.expm1(-strength)
