"""Stuck: a stream that usually varies and repeats one value bit for bit.

A sensor's health, not an event: the rule is ``stuck``. A gate at rest, a dry rain gauge
and a lamp by day repeat themselves too; how long each stream usually does is learnt.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.detectors.base import Setup, rows_of
from analytics.roster import Roster, Rows
from analytics.rounds import NEVER, Forward
from analytics.scores import Scores, Term
from analytics.times import SECOND
from telemetry.alerts import Severity
from telemetry.detection.params import StuckParams
from telemetry.devices import Stream
from telemetry.metrics import METRICS, Aggregation

_FEW = 3
_RARE = 0.03
"""Runs in a week, and share of the time, that may lie beyond the usual run: more than the
faults of one sensor, less than a lamp's days or quiet nights."""
_AT_REST = 0.0
_LEAST_HISTORY = 100
"""Readings from which a usual run can be told."""
_SATURATED = {"humidity_pct": 98.0}
"""From where a sensor may stay though its range goes on: in saturated air a humidity sensor
repeats what it makes of 100 %, and good ones are right to 2 %."""


class Stuck:
    """Counts equal readings in a row. Silent on a stream until its usual run was learnt.

    Counters, positions and charges may stay where they are, and a dead feeder truly reads
    nothing: neither is watched here.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: StuckParams = setup.params
        self._roster = Roster.of((), ())
        self._forward = Forward()
        self._value = np.empty(0, np.float64)
        self._began = np.empty(0, np.int64)
        self._repeats = np.empty(0, np.int64)
        self._usual_s, self._low, self._high = (np.empty(0, np.float64) for _ in range(3))
        self._unfit = np.empty(0, np.bool_)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns their terms."""
        fresh = roster.streams[len(self._roster) :]
        n = len(roster)
        self._value, self._usual_s = grown(self._value, n, np.nan), grown(self._usual_s, n, np.nan)
        self._began, self._repeats = grown(self._began, n, NEVER), grown(self._repeats, n, 0)
        bounds = np.array([_bounds(stream) for stream in fresh], np.float64).reshape(-1, 2)
        self._low, self._high = np.append(self._low, bounds[:, 0]), np.append(self._high, bounds[:, 1])
        self._forward.extend(n)
        self._roster = roster
        return [
            Term(
                key=f"stuck:{stream.stream_id}",
                condition=f"stuck:{stream.stream_id}",
                rule="stuck",
                stream_id=stream.stream_id,
                severity=Severity.MINOR,
                raise_at=1.0,
                clear_at=1.0,
            )
            for stream in fresh
        ]

    def warm(self, _rows: Rows, _now: int) -> None:
        """Nothing: a run is counted from here on."""

    def fit(self, roster: Roster, rows: Rows) -> Columns:
        """How long each stream usually repeats itself, seconds."""
        watches = self._setup.watches
        own = rows_of(roster, rows, lambda stream: _varies(stream) and watches(roster, stream))
        streams, usual_s = _usual_runs(own)
        return {"stream": roster.stream_ids[streams], "usual_s": usual_s}

    def learn(self, model: Columns) -> None:
        """Take up the usual runs of these streams."""
        source, target = match(model["stream"], self._roster.stream_ids)
        self._usual_s[target] = model["usual_s"][source]

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """The run each reading ends, as a share of what would be strange."""
        self._unfit = np.zeros(len(rows), np.bool_)
        found: list[Scores] = []
        for places, part in self._forward.placed(rows):
            scores = self._round(part)
            self._unfit[places] = scores.scores >= 1.0
            found.append(scores)
        return found

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a run is made of readings."""
        return []

    def state(self) -> Columns:
        """The running runs."""
        return {
            **self._forward.state(self._roster),
            "value": self._value.copy(),
            "began": self._began.copy(),
            "repeats": self._repeats.copy(),
        }

    def models(self) -> Columns:
        """The usual runs."""
        known = np.flatnonzero(~np.isnan(self._usual_s))
        return {"stream": self._roster.stream_ids[known], "usual_s": self._usual_s[known]}

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        source, target = self._forward.restore(state, self._roster)
        self._value[target], self._began[target] = state["value"][source], state["began"][source]
        self._repeats[target] = state["repeats"][source]

    def counts(self) -> dict[str, int]:
        """None."""
        return {}

    def unfit(self, rows: Rows) -> NDArray[np.bool_]:
        """Readings past the run that would be strange: nothing is known of what they should have been."""
        assert len(rows) == len(self._unfit)
        return self._unfit

    def _round(self, rows: Rows) -> Scores:
        streams = rows.streams
        same = (self._value[streams] == rows.values) & (rows.values != _AT_REST)
        same &= (rows.values > self._low[streams]) & (rows.values < self._high[streams])
        began = np.where(same, self._began[streams], rows.times)
        repeats = np.where(same, self._repeats[streams] + 1, 1)
        self._value[streams], self._began[streams], self._repeats[streams] = rows.values, began, repeats
        usual_s = self._usual_s[streams]
        least = self._params.least_repeats
        allowed_s = np.maximum(self._params.of_usual * usual_s, least * self._roster.intervals_s[streams])
        lasted_s = (rows.times - began) / SECOND
        nothing = np.full(len(rows), np.nan)
        return Scores(
            terms=streams,
            times=rows.times,
            scores=np.minimum(repeats / least, lasted_s / allowed_s),
            values=rows.values,
            lows=nothing,
            highs=nothing,
            facts={"lasted_s": lasted_s, "usual_s": usual_s, "repeats": repeats.astype(np.float64)},
        )


def _varies(stream: Stream) -> bool:
    metric = METRICS.get(stream.metric)
    return metric is not None and metric.aggregation is not Aggregation.LAST


def _bounds(stream: Stream) -> tuple[float, float]:
    """The ends of what can be reported: a power factor of 1 or a humidity of 100 % may stay there."""
    metric = METRICS.get(stream.metric)
    low, high = (metric.low, metric.high) if metric else (-np.inf, np.inf)
    return low, _SATURATED.get(stream.metric, high)


def _usual_runs(rows: Rows) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """For each stream, the run length that only few runs and little of its time lie beyond, seconds.

    ``rows`` are ordered by stream and time. A run lasted from after the reading before it
    to before the one after it, which in coarse history is much longer than what was seen
    of it. A stream with little history is NaN.
    """
    streams, first, count = np.unique(rows.streams, return_index=True, return_counts=True)
    if len(streams) == 0:
        return streams, np.empty(0, np.float64)
    starts = np.ones(len(rows), np.bool_)
    starts[1:] = (rows.values[1:] != rows.values[:-1]) | (rows.streams[1:] != rows.streams[:-1])
    begin = np.flatnonzero(starts)
    end = np.append(begin[1:], len(rows)) - 1
    which = np.searchsorted(streams, rows.streams[begin])
    before = np.maximum(begin - 1, first[which])
    after = np.minimum(end + 1, first[which] + count[which] - 1)
    lasted_s = (rows.times[after] - rows.times[before]) / SECOND
    order = np.lexsort((lasted_s, which))
    readings = np.cumsum((end - begin + 1)[order]) - first[which[order]]
    often = order[readings >= (1.0 - _RARE) * count[which[order]]]
    _, earliest = np.unique(which[often], return_index=True)
    last_run = np.cumsum(np.bincount(which)) - 1
    first_run = np.append(0, last_run[:-1] + 1)
    frequent = order[np.maximum(last_run - _FEW, first_run)]
    several = last_run - _FEW >= first_run
    usual_s = np.maximum(lasted_s[often[earliest]], np.where(several, lasted_s[frequent], 0.0))
    return streams, np.where(count >= _LEAST_HISTORY, usual_s, np.nan)
