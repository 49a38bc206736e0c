"""Jumps: spikes, offsets, noise and impossible values, told from what happens in the city.

A sensor's health, not an event. The step between two readings is held against the steps the
stream usually makes (a robust quantile of its history: Rousseeuw and Croux, JASA 88, 1993).
What the city does is seen by more than one metric of a device, or by a neighbour, at the
same time; what one metric alone sees is the sensor's own doing (analytical redundancy:
Patton and Chen, Control Engineering Practice 5, 1997). A jump is kept from the other
detectors until the next reading says which it was.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.detectors.base import Setup, rows_of
from analytics.detectors.leaps import CALM, LEAPT, OFF, Leaps, Steps
from analytics.detectors.moments import BadMoments
from analytics.detectors.steps import COLUMNS, UsualSteps, fit_steps, zigzags
from analytics.roster import Roster, Rows
from analytics.rounds import NEVER, Forward
from analytics.scores import Scores, Term
from analytics.times import SECOND
from telemetry.alerts import Severity
from telemetry.detection.health import LEAST_JUMP, PLAUSIBLE, RESTLESS, JumpsParams
from telemetry.devices import Stream
from telemetry.metrics import METRICS

_TERMS = ("spike", "offset", "noisy", "implausible")
_UNREST = 0.05
"""Weight of the newest step in the smoothed unrest: about twenty readings."""
_LEAST_UNREST = 0.008
"""Share of the least jump that counts as unrest at all: steps below an instrument's resolution
are no measure of noise."""
_SELDOM = 0.01
"""Share of zeros up to which a drop to nothing is a leap however small: an hour and a half of a
week, more than outages take. By night a road's few vehicles are less than a step by day."""
_SETTLED = 0.7
"""Share of what is noise below which it is over."""
_FADED = 0.05
"""A count of spikes below this is none."""
_CLEARED = 0.5
"""What a full count has come down to when spikes are over: after 1.4 times the memory."""
_HOLD_S = 600.0
_KEPT = ("count", "unrest", "step", "hot", "began")


class Jumps:
    """Follows each stream's steps. Knows no spike on a stream until its usual steps were learnt."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: JumpsParams = setup.params
        self._roster = Roster.of((), ())
        self._forward = Forward()
        self._term = np.empty(0, np.int64)
        self._floor, self._low, self._high, self._noisy = (np.empty(0, np.float64) for _ in range(4))
        self._usual = UsualSteps()
        self._leaps = Leaps(self._params.settle_s)
        self._count, self._unrest, self._step = (np.empty(0, np.float64) for _ in range(3))
        self._hot = np.empty(0, np.bool_)
        self._began = np.empty((0, len(_TERMS)), np.int64)
        self._unfit = np.empty(0, np.bool_)
        self._spikes = BadMoments()

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns their terms."""
        fresh = roster.streams[len(self._roster) :]
        taken = [stream.metric in METRICS and self._setup.watches(roster, stream) for stream in fresh]
        mask = np.array(taken, np.bool_)
        first = int((self._term >= 0).sum()) * len(_TERMS)
        self._term = np.append(self._term, np.where(mask, first + (np.cumsum(mask) - 1) * len(_TERMS), -1))
        columns = np.array([self._bounds(stream) for stream in fresh], np.float64).reshape(-1, 4).T
        known = (self._floor, self._low, self._high, self._noisy)
        self._floor, self._low, self._high, self._noisy = (
            np.append(have, more) for have, more in zip(known, columns, strict=True)
        )
        n = len(roster)
        self._usual.extend(n)
        self._leaps.extend(roster, np.isfinite(self._floor))
        self._count, self._unrest = grown(self._count, n, 0.0), grown(self._unrest, n, 0.0)
        self._step = grown(self._step, n, 0.0)
        self._hot, self._began = grown(self._hot, n, False), grown(self._began, n, NEVER)
        self._forward.extend(n)
        self._roster = roster
        watched = [stream for stream, takes in zip(fresh, taken, strict=True) if takes]
        return [term for stream in watched for term in self._terms(stream)]

    def warm(self, _rows: Rows, _now: int) -> None:
        """Nothing: a reading is judged by the one before it."""

    def fit(self, roster: Roster, rows: Rows) -> Columns:
        """How large the steps of the watched streams among these usually are."""
        floors = {**LEAST_JUMP, **self._params.least}
        watches = self._setup.watches
        own = rows_of(roster, rows, lambda stream: stream.metric in floors and watches(roster, stream))
        streams, usual = fit_steps(own)
        return {"stream": roster.stream_ids[streams], **usual}

    def learn(self, model: Columns) -> None:
        """Take up the usual steps of these streams."""
        source, target = match(model["stream"], self._roster.stream_ids)
        for name in COLUMNS:
            getattr(self._usual, name)[target] = model[name][source]

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """Each watched reading against the one before it."""
        self._unfit = np.zeros(len(rows), np.bool_)
        mine = np.flatnonzero(self._term[rows.streams] >= 0)
        found: list[Scores] = []
        for index, part in self._forward.placed(rows.take(mine)):
            self._unfit[mine[index]], scores = self._round(part)
            if len(scores):
                found.append(scores)
        return found

    def unfit(self, rows: Rows) -> NDArray[np.bool_]:
        """Readings that jumped until the next one tells, impossible ones, and those of an offset.

        An offset that no other metric of the device can speak against is told and yet
        believed: a flood that a lone gauge sees is not to be missed.
        """
        assert len(rows) == len(self._unfit)
        return self._unfit

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a jump is made of readings."""
        return []

    def state(self) -> Columns:
        """What each stream said last, and how it stands."""
        kept = {name: getattr(self, f"_{name}").copy() for name in _KEPT}
        last = self._forward.last.copy()
        spikes = self._spikes.state(self._roster)
        return {"stream": self._roster.stream_ids, "last": last, **kept, **self._leaps.state(), **spikes}

    def models(self) -> Columns:
        """The usual steps."""
        known = np.flatnonzero(~np.isnan(self._usual.large))
        return {
            "stream": self._roster.stream_ids[known],
            **{name: getattr(self._usual, name)[known] for name in COLUMNS},
        }

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        source, target = self._forward.restore(state, self._roster)
        self._leaps.restore(state, source, target)
        self._spikes.restore(state, self._roster)
        for name in _KEPT:
            getattr(self, f"_{name}")[target] = state[name][source]

    def counts(self) -> dict[str, int]:
        """None."""
        return {}

    def _bounds(self, stream: Stream) -> tuple[float, float, float, float]:
        """The least jump, the plausible range and what is noise."""
        metric, params = METRICS.get(stream.metric), self._params
        low, high = (metric.low, metric.high) if metric else (-np.inf, np.inf)
        low, high = params.plausible.get(stream.metric) or PLAUSIBLE.get(stream.metric, (low, high))
        noisy = params.noisy_times * RESTLESS.get(stream.metric, 1.0)
        return {**LEAST_JUMP, **params.least}.get(stream.metric, np.inf), low, high, noisy

    def _round(self, rows: Rows) -> tuple[NDArray[np.bool_], Scores]:
        streams = rows.streams
        impossible = (rows.values < self._low[streams]) | (rows.values > self._high[streams])
        apart = self._forward.apart(rows)
        gone = apart > self._params.gap_intervals * self._roster.intervals_s[streams] * SECOND
        if gone.any():
            self._leaps.forget(streams[gone])
        limit = np.maximum(self._params.times * self._usual.large[streams], self._floor[streams])
        # What cannot be is no step: the next possible value is held against the last one.
        values = np.where(impossible, self._leaps.value[streams], rows.values)
        delta = self._leaps.delta(streams, values)
        blinks = self._blinks(streams, values, delta)
        leapt_at = self._leaps.leapt_at[streams]
        status, spiked = self._leaps.follow(Steps(streams, rows.times, values, delta, limit, blinks))
        if spiked.any():
            self._spikes.add(streams[spiked], leapt_at[spiked], rows.times[spiked])
        calm = (status == CALM) & ~spiked
        self._take_in(streams, apart, spiked, np.where(calm, delta, np.nan))
        unfit = (status == LEAPT) | (status == OFF) & self._leaps.witnessed[streams] | impossible
        return unfit, self._scores(rows, status, impossible, spiked)

    def _blinks(
        self, streams: NDArray[np.int64], values: NDArray[np.float64], delta: NDArray[np.float64]
    ) -> NDArray[np.bool_]:
        """Drops to nothing, where nothing is the end of the range and seldom reached."""
        rare = self._usual.zeros[streams] < _SELDOM
        return (values == 0.0) & (delta < 0) & (self._low[streams] == 0.0) & rare

    def _take_in(
        self,
        streams: NDArray[np.int64],
        apart: NDArray[np.int64],
        spiked: NDArray[np.bool_],
        step: NDArray[np.float64],
    ) -> None:
        """Let counts of spikes fade, and the newest step (NaN: none that counts) into the unrest."""
        count = self._count[streams]
        if spiked.any() or count.any():
            faded = count * np.exp(-apart / (self._params.memory_s * SECOND))
            count = np.where(faded < _FADED, 0.0, faded) + spiked
            self._count[streams] = np.minimum(count, self._params.spikes)
        unrest = self._unrest[streams]
        size = zigzags(step, self._step[streams])
        self._unrest[streams] = unrest + _UNREST * np.where(np.isnan(step), 0.0, size - unrest)
        self._step[streams] = np.nan_to_num(step)

    def _scores(
        self,
        rows: Rows,
        status: NDArray[np.int8],
        impossible: NDArray[np.bool_],
        spiked: NDArray[np.bool_],
    ) -> Scores:
        """The terms of streams with which something is the matter, or was at their last reading."""
        streams = rows.streams
        count = self._count[streams]
        usual = np.maximum(self._usual.zigzag[streams], _LEAST_UNREST * self._floor[streams])
        noise = self._unrest[streams] / usual
        warm = (status != CALM) | impossible | (count > 0) | (noise > _SETTLED * self._noisy[streams])
        told = np.flatnonzero(warm | self._hot[streams])
        self._hot[streams] = warm
        columns = (count[told], status[told] == OFF, noise[told], impossible[told])
        return self._columns(rows.take(told), np.stack(columns, axis=1).astype(np.float64), spiked[told])

    def _columns(self, rows: Rows, scores: NDArray[np.float64], spiked: NDArray[np.bool_]) -> Scores:
        streams, n = rows.streams, len(_TERMS)
        began = self._begun(rows, scores)
        again = np.repeat(np.arange(len(rows)), n)
        before = np.where(scores[:, 1] > 0, self._leaps.before[streams], np.nan)
        nothing = np.full(len(again), np.nan)
        news = np.zeros((len(rows), n), np.bool_)
        news[:, 0] = spiked
        # Told when one comes, and again when they are over.
        counted = np.flatnonzero(spiked | (scores[:, 0] < _CLEARED)).tolist()
        return Scores(
            terms=(self._term[streams][:, None] + np.arange(n)).ravel(),
            times=rows.times[again],
            scores=scores.ravel(),
            values=rows.values[again],
            lows=nothing,
            highs=nothing,
            facts={
                "lasted_s": ((rows.times[:, None] - began) / SECOND).ravel(),
                "before": before[again],
                "usual_step": self._usual.typical[streams[again]],
            },
            pictures={row * n: {"bad_us": self._spikes.of(int(streams[row]))} for row in counted},
            news=news.ravel(),
        )

    def _begun(self, rows: Rows, scores: NDArray[np.float64]) -> NDArray[np.int64]:
        """Since when each term of each row has been above nothing."""
        at = np.repeat(rows.times[:, None], len(_TERMS), axis=1)
        at[:, 1] = np.where(scores[:, 1] > 0, self._leaps.leapt_at[rows.streams], rows.times)
        least = np.zeros(scores.shape)
        least[:, 2] = _SETTLED * self._noisy[rows.streams]
        before = self._began[rows.streams]
        stands = scores > least
        began = np.where(stands & (before != NEVER), before, at)
        self._began[rows.streams] = np.where(stands, began, NEVER)
        return began

    def _terms(self, stream: Stream) -> list[Term]:
        params, noisy = self._params, self._bounds(stream)[3]
        bounds = (
            (params.spikes - 0.5, _CLEARED, 0.0, 0.0),
            (1.0, 1.0, stream.interval_s, 0.0),
            (noisy, _SETTLED * noisy, params.noisy_s, 0.0),
            (1.0, 1.0, 0.0, _HOLD_S),
        )
        return [
            Term(
                key=f"{name}:{stream.stream_id}",
                condition=f"{name}:{stream.stream_id}",
                rule=name,
                stream_id=stream.stream_id,
                severity=Severity.MINOR,
                raise_at=raise_at,
                clear_at=clear_at,
                min_duration_s=min_s,
                hold_s=hold_s,
            )
            for name, (raise_at, clear_at, min_s, hold_s) in zip(_TERMS, bounds, strict=True)
        ]
