"""Limits: a value, or its trailing mean, beyond a threshold of the city profile."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns
from analytics.detectors.averages import TrailingMeans
from analytics.detectors.base import Given, Setup
from analytics.roster import Roster, Rows
from analytics.rounds import Forward
from analytics.scores import Scores, Term
from analytics.stream_terms import StreamTerms
from analytics.times import SECOND
from telemetry.alerts import Severity
from telemetry.city import Threshold
from telemetry.devices import Stream

_INSTANT = -1

_GAP_INTERVALS = 10.0
"""Usual intervals without a reading after which a wait for the minimum duration starts anew."""

_WORTH_TELLING = 0.05
"""Share of the limit by which a standing condition has to worsen to be told again."""


class Limits(Given):
    """Watches each stream against the thresholds that apply to it.

    Thresholds of one family and direction are steps of one condition. The score is the
    value, or for low limits its negative, so that higher is stranger for both.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._thresholds = setup.city.thresholds
        self._roster = Roster.of((), ())
        self._forward = Forward()
        self._means = TrailingMeans()
        self._windows: dict[tuple[int, float], int] = {}
        self._terms = StreamTerms()
        self._sign = np.empty(0, np.float64)
        self._limit = np.empty(0, np.float64)
        self._window = np.empty(0, np.int64)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns their terms."""
        watch = [(s, self._thresholds_of(roster, s)) for s in roster.streams[len(self._roster) :]]
        self._terms.extend([len(thresholds) for _, thresholds in watch])
        pairs = [(stream, threshold) for stream, thresholds in watch for threshold in thresholds]
        self._sign = np.concatenate((self._sign, np.array([_sign(t) for _, t in pairs], np.float64)))
        self._limit = np.concatenate((self._limit, np.array([t.limit for _, t in pairs], np.float64)))
        self._window = np.concatenate((self._window, self._windows_of(pairs)))
        self._roster = roster
        self._forward.extend(len(roster))
        return [_term(stream, threshold) for stream, threshold in pairs]

    def warm(self, rows: Rows, now: int) -> None:
        """Fill the trailing means."""
        longest_s = max((length_s for _, length_s in self._windows), default=0.0)
        self.score(rows.take(rows.times >= now - round(longest_s * SECOND)), now)

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """Each watched reading against every term of its stream."""
        watched = self._terms.has(rows.streams)
        return [self._round(part) for part in self._forward.rounds(rows.take(watched))]

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a limit speaks of readings."""
        return []

    def state(self) -> Columns:
        """The trailing means and each stream's last time."""
        return {**self._forward.state(self._roster), **self._means.state()}

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        self._forward.restore(state, self._roster)
        self._means.restore(state)

    def _thresholds_of(self, roster: Roster, stream: Stream) -> list[Threshold]:
        device = roster.devices.get(stream.device_id)
        if device is None or not self._setup.watches(roster, stream):
            return []
        return [t for t in self._thresholds if t.applies_to(device, stream.metric)]

    def _round(self, rows: Rows) -> Scores:
        row, terms = self._terms.of(rows.streams)
        values = self._averaged(terms, rows.times[row], rows.values[row])
        sign, limit = self._sign[terms], self._limit[terms]
        return Scores(
            terms=terms,
            times=rows.times[row],
            scores=sign * values,
            values=values,
            lows=np.where(sign < 0, limit, np.nan),
            highs=np.where(sign > 0, limit, np.nan),
            facts={"reading": rows.values[row]},
        )

    def _averaged(
        self, terms: NDArray[np.int64], times: NDArray[np.int64], values: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        """The value each term looks at: the reading itself or its window's mean with it."""
        window = self._window[terms]
        rows = np.flatnonzero(window != _INSTANT)
        if len(rows) == 0:
            return values
        windows, once = np.unique(window[rows], return_index=True)
        self._means.add(windows, times[rows][once], values[rows][once])
        looked_at = values.copy()
        looked_at[rows] = self._means.means(window[rows], times[rows])
        return looked_at

    def _windows_of(self, pairs: Sequence[tuple[Stream, Threshold]]) -> NDArray[np.int64]:
        """The window of each new term, made where there is none yet."""
        fresh: list[tuple[int, float, float]] = []
        windows: list[int] = []
        for stream, threshold in pairs:
            key = (stream.stream_id, threshold.averaging_s)
            if threshold.averaging_s <= 0:
                windows.append(_INSTANT)
                continue
            if key not in self._windows:
                self._windows[key] = len(self._windows)
                fresh.append((key[0] << 32 | round(key[1]), key[1], stream.interval_s))
            windows.append(self._windows[key])
        keys, lengths_s, intervals_s = zip(*fresh, strict=True) if fresh else ((), (), ())
        self._means.add_windows(
            np.array(keys, np.int64), np.array(lengths_s, np.float64), np.array(intervals_s, np.float64)
        )
        return np.array(windows, np.int64)


def _sign(threshold: Threshold) -> float:
    return 1.0 if threshold.direction == "high" else -1.0


def _term(stream: Stream, threshold: Threshold) -> Term:
    sign = _sign(threshold)
    return Term(
        key=f"limit:{stream.stream_id}:{threshold.key}",
        condition=f"limit:{stream.stream_id}:{threshold.family}:{threshold.direction}",
        rule=f"limit:{threshold.family}",
        stream_id=stream.stream_id,
        severity=Severity(threshold.severity),
        raise_at=sign * threshold.limit,
        clear_at=sign * threshold.clear,
        min_duration_s=threshold.min_duration_s,
        gap_s=_GAP_INTERVALS * stream.interval_s,
        step=max(_WORTH_TELLING * abs(threshold.limit), 1e-9),
        detail=_facts_of(threshold),
    )


def _facts_of(threshold: Threshold) -> dict[str, str | float]:
    return {
        "threshold": threshold.key,
        "family": threshold.family,
        "direction": threshold.direction,
        "limit": threshold.limit,
        "clear": threshold.clear,
        "averaging_s": threshold.averaging_s,
        "source": threshold.source,
        "confidence": threshold.confidence,
        "name_vi": threshold.name_vi,
        "name_en": threshold.name_en,
    }
