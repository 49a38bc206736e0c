"""The readings that were bad one by one: the last few of each stream, from each to the next good one."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, match
from analytics.roster import Roster

_MOST = 8
"""Kept of each stream: what comes in a minute, within which they are told."""


class BadMoments:
    """Stretches of time by stream, oldest first; those that touch are one.

    Only streams that had any have an entry: they are few, and so are the stretches.
    """

    def __init__(self) -> None:
        self._spans: dict[int, list[tuple[int, int]]] = {}

    def add(self, streams: NDArray[np.int64], begins: NDArray[np.int64], ends: NDArray[np.int64]) -> None:
        """Note a stretch of each of these streams, microseconds; its end is the next good reading."""
        columns = zip(streams.tolist(), begins.tolist(), ends.tolist(), strict=True)
        for stream, begin, end in columns:
            spans = self._spans.setdefault(stream, [])
            if spans and spans[-1][1] >= begin:
                spans[-1] = (spans[-1][0], end)
            else:
                spans.append((begin, end))
            del spans[:-_MOST]

    def of(self, stream: int) -> list[list[int]]:
        """Those of a stream, as JSON has them."""
        return [list(span) for span in self._spans.get(stream, ())]

    def state(self, roster: Roster) -> Columns:
        """All of them, a row each."""
        rows = [(stream, *span) for stream, spans in self._spans.items() for span in spans]
        stream, begin, end = np.array(rows, np.int64).reshape(-1, 3).T
        return {"bad_stream": roster.stream_ids[stream], "bad_begin": begin, "bad_end": end}

    def restore(self, state: Columns, roster: Roster) -> None:
        """Take up kept ones; streams the state does not hold stay as they are."""
        known = {int(roster.stream_ids[stream]) for stream in self._spans}
        kept = np.unique(state["bad_stream"])
        _, places = match(kept, roster.stream_ids)
        place = {int(roster.stream_ids[at]): at for at in places.tolist()}
        for stream_id in known & place.keys():
            del self._spans[place[stream_id]]
        columns = (state[name].tolist() for name in ("bad_stream", "bad_begin", "bad_end"))
        for stream_id, begin, end in zip(*columns, strict=True):
            if stream_id in place:
                self._spans.setdefault(place[stream_id], []).append((begin, end))
