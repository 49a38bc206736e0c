"""The last days of a backtest, held in memory for detectors to learn from."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.blocks import cut, join
from analytics.roster import Rows


class Past:
    """Rows of the last ``length`` microseconds, in blocks that are each ordered by stream and time.

    A block is put in order as it comes. What is learnt from is picked out of all of them some streams at a
    time, so that the whole is neither copied nor sorted.
    """

    def __init__(self, length: int) -> None:
        self._length = length
        self._blocks: list[Rows] = []

    def add(self, rows: Rows) -> None:
        """Take rows, by time, that follow all that were taken before."""
        if len(rows):
            self._blocks.append(_by_stream(rows))

    def slices(self, now: int, parts: Sequence[NDArray[np.int64]]) -> Iterator[Rows]:
        """What was measured before ``now``, ordered by stream and time; what is older is forgotten.

        Parameters
        ----------
        parts
            Places in the roster, ascending, that are to come together.
        """
        self._forget(now)
        blocks = [(rows, _starts(rows)) for rows in self._blocks]
        for places in parts:
            found = [cut(rows, run) for rows, starts in blocks for run in _stretches(places, starts)]
            part = join(found)
            if len(part):
                yield _by_stream(part.take(part.times < now))

    def _forget(self, now: int) -> None:
        since = now - self._length
        kept = [b if b.times.min() >= since else b.take(b.times >= since) for b in self._blocks]
        self._blocks = [block for block in kept if len(block)]


def _by_stream(rows: Rows) -> Rows:
    """Rows in the order of their streams, those of one as they came."""
    return rows.take(np.argsort(_narrow(rows), kind="stable"))


def _starts(rows: Rows) -> NDArray[np.intp]:
    """Where the rows of each stream begin; the last entry is where all end."""
    return np.searchsorted(rows.streams, np.arange(int(rows.streams[-1]) + 2))


def _stretches(places: NDArray[np.int64], starts: NDArray[np.intp]) -> Iterator[slice]:
    """Where the rows of these streams lie, those of neighbouring places in one."""
    known = places[places < len(starts) - 1]
    if len(known):
        for run in np.split(known, np.flatnonzero(np.diff(known) > 1) + 1):
            yield slice(int(starts[run[0]]), int(starts[run[-1] + 1]))


def _narrow(rows: Rows) -> NDArray[Any]:
    """The streams in as few bytes as hold them: NumPy sorts 16 bits by radix, in a tenth of the time."""
    fits = len(rows) > 0 and int(rows.streams.max()) <= np.iinfo(np.uint16).max
    return rows.streams.astype(np.uint16) if fits else rows.streams
