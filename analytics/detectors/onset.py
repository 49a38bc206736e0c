"""Onset: something just changed on this stream.

An ensemble of four terms, each the novelty (`analytics.detectors.novelty`) of one look at
the reading: its value; its residual from the level of the last readings; that residual in
units of its usual size; and its residual from what is usual at this hour of the week. All
is learnt online from the stream's own past. A change is told once: what was novel is
familiar afterwards, and after a score lesser ones are silent for a while.
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown
from analytics.detectors.base import Setup
from analytics.detectors.extremes import probability
from analytics.detectors.novelty import Novelties, Novelty
from analytics.detectors.quantiles import HIGH, LOW, MIDDLE
from analytics.detectors.trails import Trails
from analytics.detectors.usual_hours import UsualHours
from analytics.roster import Roster, Rows
from analytics.rounds import Forward
from analytics.scores import Scores, Term
from analytics.times import HOUR, SECOND, to_local
from telemetry.alerts import Severity
from telemetry.detection.onset import LEAST_NEWS, OnsetParams
from telemetry.devices import Stream

TERMS = ("value", "residual", "shock", "season")
"""The looks at a reading, in the order of their cells; the names of their weights too."""
_N = len(TERMS)

_GAP_INTERVALS = 10.0
"""Usual intervals without a reading after which the level starts anew."""
_WARM_STEP_S = 600.0
"""History is warmed up from in such steps: enough to know the levels, and soon done."""
_WORTH_TELLING = 0.1
_UNWATCHED = -1


@dataclass(frozen=True, slots=True)
class _Looks:
    """A round's readings as the terms see them, shape ``(n, 4)``: ``base + unit · seen`` is the value."""

    seen: NDArray[np.float64]
    base: NDArray[np.float64]
    unit: NDArray[np.float64]


class Onset:
    """Scores how much each reading is news. Silent until ``warm_readings`` were seen."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        params: OnsetParams = setup.params
        self._params = params
        self._weights = np.array([getattr(params, term) for term in TERMS], np.float64)
        self._zone = ZoneInfo(setup.city.timezone)
        self._roster = Roster.of((), ())
        self._forward = Forward()
        self._novelty = Novelty(params.warm_readings, params.memory_days * 24.0)
        self._trails = Trails()
        self._hours = UsualHours()
        self._term = np.empty(0, np.int64)
        self._least_of = {**LEAST_NEWS, **params.least}
        self._least = np.empty(0, np.float64)
        self._peak = np.empty(0, np.float64)
        self._age = np.empty(0, np.int64)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns their terms."""
        fresh = roster.streams[len(self._roster) :]
        watched = np.array([self._setup.watches(roster, stream) for stream in fresh], np.bool_)
        first = int((self._term >= 0).sum()) * 2
        term = np.where(watched, first + (np.cumsum(watched) - 1) * 2, _UNWATCHED)
        self._term = np.concatenate((self._term, term))
        self._least = np.append(self._least, [self._least_of.get(stream.metric, 0.0) for stream in fresh])
        n = len(roster)
        self._novelty.extend(n * _N)
        for part in (self._trails, self._hours, self._forward):
            part.extend(n)
        self._peak, self._age = grown(self._peak, n, 0.0), grown(self._age, n, 0)
        self._roster = roster
        taken = [stream for stream, takes in zip(fresh, watched.tolist(), strict=True) if takes]
        return [term for stream in taken for term in self._terms(stream)]

    def warm(self, rows: Rows, now: int) -> None:
        """Take in history, thinned."""
        bucket = rows.times // round(_WARM_STEP_S * SECOND)
        first = np.ones(len(rows), np.bool_)
        first[1:] = (bucket[1:] != bucket[:-1]) | (rows.streams[1:] != rows.streams[:-1])
        self.score(rows.take(first), now)

    def fit(self, _roster: Roster, _rows: Rows) -> Columns:
        """Nothing: it learns as it goes."""
        return {}

    def learn(self, _model: Columns) -> None:
        """Nothing."""

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """How novel each watched reading is."""
        watched = rows.take(self._term[rows.streams] >= 0)
        return [self._round(part) for part in self._forward.rounds(watched)]

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a value speaks when it comes."""
        return []

    def state(self) -> Columns:
        """All that was learnt, by stream."""
        n = len(self._roster)
        by_cell = self._novelty.state()
        return {
            **self._forward.state(self._roster),
            "peak": self._peak.copy(),
            "age": self._age.copy(),
            **self._trails.state(),
            **self._hours.state(),
            **{name: column.reshape(n, _N, *column.shape[1:]) for name, column in by_cell.items()},
        }

    def models(self) -> Columns:
        """None."""
        return {}

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        source, target = self._forward.restore(state, self._roster)
        self._peak[target], self._age[target] = state["peak"][source], state["age"][source]
        self._trails.restore(state, source, target)
        self._hours.restore(state, source, target)
        names = self._novelty.state().keys()
        by_cell = {name: state[name].reshape(-1, *state[name].shape[2:]) for name in names}
        self._novelty.restore(by_cell, _cells(source).ravel(), _cells(target).ravel())

    def counts(self) -> dict[str, int]:
        """None."""
        return {}

    def _round(self, rows: Rows) -> Scores:
        warm = self._novelty.quantiles.count[rows.streams * _N] >= self._params.warm_readings
        looks, trifling = self._looks(rows), self._trifling(rows)
        known = ~np.isnan(looks.seen)
        cells = _cells(rows.streams)[known]
        hours = np.repeat((rows.times // HOUR).astype(np.int32), _N)[known.ravel()]
        middle = self._novelty.quantiles.heights[cells]
        met = self._novelty.meet(cells, looks.seen[known].astype(np.float32), hours)
        strength = np.zeros((len(rows), _N))
        strength[known] = met.strength
        strength *= self._weights
        strength[trifling] = 0.0
        told = self._told(rows.streams, np.sqrt((strength**2).sum(axis=1)))
        scores = np.where(warm, probability(told), np.nan)
        low, high = self._expected(looks, known, met, middle, strength)
        return self._scores(rows, scores, low, high, strength)

    def _trifling(self, rows: Rows) -> NDArray[np.bool_]:
        """Which values lie too near their stream's median to be worth telling."""
        median = self._novelty.quantiles.heights[rows.streams * _N, MIDDLE]
        return np.abs(rows.values - median) < self._least[rows.streams]

    def _looks(self, rows: Rows) -> _Looks:
        """The terms' views of these readings; the trails and hours then learn from them."""
        streams, values = rows.streams, rows.values
        gap = self._roster.intervals_s[streams] * (_GAP_INTERVALS * SECOND)
        level, unit = self._trails.meet(streams, values, self._forward.apart(rows) > gap)
        local = to_local(rows.times, self._zone)
        usual = self._hours.expected(streams, local)
        self._hours.learn(streams, local, values)
        nothing, one = np.zeros(len(rows)), np.ones(len(rows))
        base = np.stack((nothing, level, level, usual), axis=1)
        units = np.stack((one, one, unit, one), axis=1)
        return _Looks((values[:, None] - base) / units, base, units)

    def _told(self, streams: NDArray[np.int64], strength: NDArray[np.float64]) -> NDArray[np.float64]:
        """The strengths, 0 for what is no more than the peak of the quiet time before."""
        age = self._age[streams] + 1
        peak = self._peak[streams]
        tells = (strength > 0) & ((strength > peak) | (age > self._params.quiet_readings))
        self._peak[streams] = np.where(tells, strength, peak)
        self._age[streams] = np.where(tells, 0, age)
        return np.where(tells, strength, 0.0)

    def _expected(
        self,
        looks: _Looks,
        known: NDArray[np.bool_],
        met: Novelties,
        heights: NDArray[np.float32],
        strength: NDArray[np.float64],
    ) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """The band that the strongest term would have found familiar, NaN where nothing was novel."""
        n = len(strength)
        band = np.full((2, n), np.nan)
        rows = np.flatnonzero(strength.any(axis=1))
        if len(rows) == 0:
            return band[0], band[1]
        term = strength[rows].argmax(axis=1)
        place = np.cumsum(known.ravel()).reshape(n, _N)[rows, term] - 1
        seen, distance, quantiles = looks.seen[rows, term], met.distance[place], heights[place]
        above = seen > quantiles[:, MIDDLE]
        low = np.where(above, np.minimum(quantiles[:, LOW], seen - distance), seen + distance)
        high = np.where(above, seen - distance, np.maximum(quantiles[:, HIGH], seen + distance))
        band[:, rows] = looks.base[rows, term] + looks.unit[rows, term] * np.stack((low, high))
        return band[0], band[1]

    def _scores(
        self,
        rows: Rows,
        scores: NDArray[np.float64],
        low: NDArray[np.float64],
        high: NDArray[np.float64],
        strength: NDArray[np.float64],
    ) -> Scores:
        twice = np.repeat(np.arange(len(rows)), 2)
        return Scores(
            terms=(self._term[rows.streams][:, None] + np.arange(2)).ravel(),
            times=rows.times[twice],
            scores=scores[twice],
            values=rows.values[twice],
            lows=low[twice],
            highs=high[twice],
            facts={name: strength[twice, place] for place, name in enumerate(TERMS)},
        )

    def _terms(self, stream: Stream) -> list[Term]:
        params = self._params
        return [
            Term(
                key=f"onset:{stream.stream_id}:{severity}",
                condition=f"onset:{stream.stream_id}",
                rule="onset",
                stream_id=stream.stream_id,
                severity=severity,
                raise_at=at,
                clear_at=params.minor_at,
                hold_s=params.hold_s,
                step=_WORTH_TELLING,
            )
            for severity, at in ((Severity.MINOR, params.minor_at), (Severity.MAJOR, params.major_at))
        ]


def _cells(streams: NDArray[np.int64] | NDArray[np.intp]) -> NDArray[np.int64]:
    """The cells of these streams' terms, shape ``(n, 4)``."""
    return streams[:, None] * _N + np.arange(_N)
