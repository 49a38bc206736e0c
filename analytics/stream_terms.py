"""Which terms a stream has, where each may have none, one or several."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

Indices = NDArray[np.int64]


class StreamTerms:
    """Terms numbered in the order of their streams."""

    def __init__(self) -> None:
        self._first: Indices = np.zeros(1, np.int64)

    def extend(self, counts: Sequence[int]) -> None:
        """Number the terms of the streams past those known, ``counts`` for each."""
        ends = self._first[-1] + np.cumsum(counts, dtype=np.int64)
        self._first = np.concatenate((self._first, ends))

    def has(self, streams: Indices) -> NDArray[np.bool_]:
        """Which of these streams have any term, shape ``(n,)``."""
        return self._first[streams + 1] > self._first[streams]

    def of(self, streams: Indices) -> tuple[Indices, Indices]:
        """For every term of these streams: where its stream stands among them, and its number."""
        first = self._first[streams]
        count = self._first[streams + 1] - first
        place = np.repeat(np.arange(len(streams)), count)
        within = np.arange(len(place)) - np.repeat(np.cumsum(count) - count, count)
        return place, first[place] + within
