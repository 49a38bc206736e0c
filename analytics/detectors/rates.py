"""Rates: a value that changes faster than it should.

The score is the slope of the recent readings in the metric's unit an hour, or its negative
for limits on falling, so that higher is stranger for both.
"""

from __future__ import annotations

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns
from analytics.detectors.base import Given, Setup
from analytics.detectors.slopes import RecentSlopes
from analytics.roster import Roster, Rows
from analytics.rounds import Forward
from analytics.scores import Scores, Term
from analytics.stream_terms import StreamTerms
from analytics.times import SECOND
from telemetry.detection.rates import RateLimit, RatesParams
from telemetry.devices import Stream

_GAP_INTERVALS = 10.0
"""Usual intervals without a reading after which a wait for the minimum duration starts anew."""

_WORTH_TELLING = 0.25
"""Share of the limit by which a standing condition has to worsen to be told again."""


class Rates(Given):
    """Watches how fast streams rise or fall."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: RatesParams = setup.params
        self._roster = Roster.of((), ())
        self._forward = Forward()
        self._slopes = RecentSlopes()
        self._terms = StreamTerms()
        self._sign = np.empty(0, np.float64)
        self._limit = np.empty(0, np.float64)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns their terms."""
        fresh = [(stream, self._limits_of(roster, stream)) for stream in roster.streams[len(self._roster) :]]
        self._terms.extend([len(limits) for _, limits in fresh])
        pairs = [(stream, limit) for stream, limits in fresh for limit in limits]
        self._sign = np.concatenate((self._sign, np.array([_sign(limit) for _, limit in pairs], np.float64)))
        self._limit = np.concatenate((self._limit, np.array([limit.per_h for _, limit in pairs], np.float64)))
        self._slopes.add_windows(
            np.array(
                [stream.stream_id << 32 | crc32(limit.key.encode()) for stream, limit in pairs], np.int64
            ),
            np.array([limit.over_s for _, limit in pairs], np.float64),
            np.array([stream.interval_s for stream, _ in pairs], np.float64),
        )
        self._roster = roster
        self._forward.extend(len(roster))
        return [_term(stream, limit) for stream, limit in pairs]

    def warm(self, rows: Rows, now: int) -> None:
        """Fill the windows."""
        longest_s = max((limit.over_s for limit in self._params.rates), default=0.0)
        self.score(rows.take(rows.times >= now - round(longest_s * SECOND)), now)

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """The slope that each watched reading ends, for every limit of its stream."""
        watched = self._terms.has(rows.streams)
        return [self._round(part) for part in self._forward.rounds(rows.take(watched))]

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a slope is made of readings."""
        return []

    def state(self) -> Columns:
        """The windows and each stream's last time."""
        return {**self._forward.state(self._roster), **self._slopes.state()}

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        self._forward.restore(state, self._roster)
        self._slopes.restore(state)

    def _limits_of(self, roster: Roster, stream: Stream) -> list[RateLimit]:
        device = roster.devices.get(stream.device_id)
        if device is None or not self._setup.watches(roster, stream):
            return []
        return [
            limit
            for limit in self._params.rates
            if limit.metric == stream.metric
            and (not limit.select or any(part.matches(device, stream.metric) for part in limit.select))
        ]

    def _round(self, rows: Rows) -> Scores:
        row, terms = self._terms.of(rows.streams)
        times, values = rows.times[row], rows.values[row]
        self._slopes.add(terms, times, values)
        per_h = self._slopes.per_h(terms, times)
        nothing: NDArray[np.float64] = np.full(len(row), np.nan)
        return Scores(
            terms=terms,
            times=times,
            scores=self._sign[terms] * per_h,
            values=values,
            lows=nothing,
            highs=nothing,
            facts={"per_h": per_h},
        )


def _sign(limit: RateLimit) -> float:
    return 1.0 if limit.direction == "rise" else -1.0


def _term(stream: Stream, limit: RateLimit) -> Term:
    return Term(
        key=f"rate:{stream.stream_id}:{limit.key}",
        condition=f"rate:{stream.stream_id}:{limit.family}:{limit.direction}",
        rule=f"rate:{limit.family}",
        stream_id=stream.stream_id,
        severity=limit.severity,
        raise_at=limit.per_h,
        clear_at=limit.clear_per_h,
        min_duration_s=limit.min_duration_s,
        gap_s=_GAP_INTERVALS * stream.interval_s,
        step=_WORTH_TELLING * limit.per_h,
        detail=_facts_of(limit),
    )


def _facts_of(limit: RateLimit) -> dict[str, str | float]:
    names: Sequence[str] = (
        "family", "direction", "over_s", "source", "confidence", "name_vi", "name_en"
    )  # fmt: skip
    return {"rate": limit.key, "limit_per_h": limit.per_h, **{name: getattr(limit, name) for name in names}}
