"""Order for readings that come as they please: forward in time, one a stream at once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.roster import Roster, Rows

NEVER = np.iinfo(np.int64).min
"""The time of a stream that has not been heard: before everything."""


def rounds(streams: NDArray[np.int64], times: NDArray[np.int64]) -> list[NDArray[np.intp]]:
    """Split rows so that a round holds a stream once and rounds go forward in its time.

    Returns row indices, in each round ordered by stream. One reading a stream, the
    usual case, is one round.
    """
    n = len(streams)
    if n == 0:
        return []
    order = np.lexsort((times, streams))
    ordered = streams[order]
    first = np.ones(n, np.bool_)
    first[1:] = ordered[1:] != ordered[:-1]
    if first.all():
        return [order]
    starts = np.flatnonzero(first)
    rank = np.arange(n) - np.repeat(starts, np.diff(np.append(starts, n)))
    by_rank = np.argsort(rank, kind="stable")
    edges = np.flatnonzero(np.diff(rank[by_rank])) + 1
    return [order[part] for part in np.split(by_rank, edges)]


class Forward:
    """Lets each stream go forward only: what is not newer than its last is left out."""

    def __init__(self) -> None:
        self.last: NDArray[np.int64] = np.empty(0, np.int64)

    def extend(self, n: int) -> None:
        """Make room for ``n`` streams."""
        self.last = grown(self.last, n, NEVER)

    def state(self, roster: Roster) -> Columns:
        """The last times with their streams, as `restore` takes them."""
        return {"stream": roster.stream_ids, "last": self.last.copy()}

    def restore(self, state: Columns, roster: Roster) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
        """Take up kept last times; returns where the streams stand in the state, and here."""
        source, target = match(state["stream"], roster.stream_ids)
        self.last[target] = state["last"][source]
        return source, target

    def rounds(self, rows: Rows) -> Iterator[Rows]:
        """The newer rows, one a stream at a time.

        While a round is looked at, ``last`` still holds the times before it; it counts
        as read when the next one is asked for.
        """
        return (part for _, part in self.placed(rows))

    def placed(self, rows: Rows) -> Iterator[tuple[NDArray[np.intp], Rows]]:
        """`rounds`, each with where in ``rows`` its readings stand."""
        newer = np.flatnonzero(rows.times > self.last[rows.streams])
        for index in rounds(rows.streams[newer], rows.times[newer]):
            places = newer[index]
            places = places[rows.times[places] > self.last[rows.streams[places]]]
            part = rows.take(places)
            if len(part):
                yield places, part
            self.last[part.streams] = part.times

    def apart(self, rows: Rows) -> NDArray[np.int64]:
        """Microseconds since each row's stream was last read, 0 for the first time."""
        last = self.last[rows.streams]
        return np.where(last == NEVER, 0, rows.times - np.where(last == NEVER, 0, last))
