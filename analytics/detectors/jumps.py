"""Jumps: spikes, offsets, noise and impossible values, told from what happens in the city.

A sensor's health, not an event. The step between two readings is held against the steps the
stream usually makes (a robust quantile of its history: Rousseeuw and Croux, JASA 88, 1993).
What the city does is seen by more than one metric of a device, or by a neighbour, at the
same time; what one metric alone sees is the sensor's own doing (analytical redundancy:
Patton and Chen, Control Engineering Practice 5, 1997). A jump is kept from the other
detectors until the next reading says which it was.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.detectors.base import Setup
from analytics.detectors.steps import Steps, fit_steps
from analytics.roster import Roster, Rows
from analytics.rounds import NEVER, Forward
from analytics.scores import Scores, Term
from analytics.times import SECOND
from telemetry.alerts import Severity
from telemetry.detection.health import JumpsParams
from telemetry.devices import Stream
from telemetry.metrics import METRICS

_CALM, _JUMPED, _OFF = 0, 1, 2
_TERMS = ("spike", "offset", "noisy", "implausible")
_SPIKE, _OFFSET, _NOISY, _IMPLAUSIBLE = range(len(_TERMS))

_NEAR = 0.35
"""Share of a jump within which a value has come back, or has stayed."""
_BACK = 0.5
"""Share of an offset that a jump the other way takes back at least when it ends."""
_TOGETHER = 1.5
"""Usual intervals within which two jumps are one event."""
_UNREST = 0.05
"""Weight of the newest step in the smoothed unrest: about twenty readings."""
_FADED = 0.05
"""A count of spikes below this is none."""
_HOLD_S = 600.0

_FLOORS: dict[str, float] = {
    "speed_kmh": 18.0,
    "flow_vph": 1_500.0,
    "occupancy_pct": 15.0,
    "water_level_m": 0.15,
    "flow_m3s": 8.0,
    "pm2_5": 30.0,
    "pm10": 50.0,
    "no2": 40.0,
    "so2": 20.0,
    "co": 1_500.0,
    "o3": 50.0,
    "temperature_c": 3.0,
    "humidity_pct": 12.0,
    "noise_dba": 10.0,
    "active_power_kw": 5.0,
    "voltage_v": 8.0,
    "current_a": 10.0,
    "power_factor": 0.06,
    "frequency_hz": 0.25,
    "battery_pct": 15.0,
    "rssi_dbm": 18.0,
}
"""The metrics this detector speaks of, with the least jump worth a doubt: more than a good
field instrument and the city itself make from one reading to the next. Left out: what
switches by nature (rain, pumps, gates) and counters."""


class Jumps:
    """Follows each stream's steps. Silent on a stream until its usual steps were learnt."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: JumpsParams = setup.params
        self._roster = Roster.of((), ())
        self._forward = Forward()
        self._term = np.empty(0, np.int64)
        self._floor, self._low, self._high = (np.empty(0, np.float64) for _ in range(3))
        self._steps = Steps()
        self._value, self._before, self._leap = (np.empty(0, np.float64) for _ in range(3))
        self._count, self._unrest = np.empty(0, np.float64), np.empty(0, np.float64)
        self._status = np.empty(0, np.int8)
        self._hot = np.empty(0, np.bool_)
        self._jumped_at = np.empty(0, np.int64)
        self._kin: dict[int, NDArray[np.intp]] = {}
        self._unfit = np.empty(0, np.bool_)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns their terms."""
        fresh = roster.streams[len(self._roster) :]
        watched = [s.metric in _FLOORS and self._setup.watches(roster, s) for s in fresh]
        mask = np.array(watched, np.bool_)
        first = int((self._term >= 0).sum()) * len(_TERMS)
        self._term = np.append(self._term, np.where(mask, first + (np.cumsum(mask) - 1) * len(_TERMS), -1))
        floors = {**_FLOORS, **self._params.least}
        facts = [(floors.get(s.metric, np.inf), *_range(s.metric)) for s in fresh]
        columns = np.array(facts, np.float64).reshape(-1, 3).T
        self._floor, self._low, self._high = (
            np.append(have, more)
            for have, more in zip((self._floor, self._low, self._high), columns, strict=True)
        )
        n = len(roster)
        self._steps.extend(n)
        self._value, self._before = grown(self._value, n, np.nan), grown(self._before, n, np.nan)
        self._leap, self._count = grown(self._leap, n, 0.0), grown(self._count, n, 0.0)
        self._unrest, self._status = grown(self._unrest, n, 0.0), grown(self._status, n, _CALM)
        self._hot, self._jumped_at = grown(self._hot, n, False), grown(self._jumped_at, n, NEVER)
        self._forward.extend(n)
        self._roster, self._kin = roster, {}
        taken = [stream for stream, takes in zip(fresh, watched, strict=True) if takes]
        return [term for stream in taken for term in self._terms(stream)]

    def warm(self, _rows: Rows, _now: int) -> None:
        """Nothing: a reading is judged by the one before it."""

    def fit(self, roster: Roster, rows: Rows) -> Columns:
        """How large the steps of the watched streams among these usually are."""
        watched = np.array(
            [s.metric in _FLOORS and self._setup.watches(roster, s) for s in roster.streams], np.bool_
        )
        streams, large, typical = fit_steps(rows.take(watched[rows.streams]))
        return {"stream": roster.stream_ids[streams], "large": large, "typical": typical}

    def learn(self, model: Columns) -> None:
        """Take up the usual steps of these streams."""
        source, target = match(model["stream"], self._roster.stream_ids)
        self._steps.large[target] = model["large"][source]
        self._steps.typical[target] = model["typical"][source]

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """Each watched reading against the one before it."""
        self._unfit = np.zeros(len(rows), np.bool_)
        mine = np.flatnonzero(self._term[rows.streams] >= 0)
        found: list[Scores] = []
        for index, part in self._forward.placed(rows.take(mine)):
            unfit, scores = self._round(part)
            self._unfit[mine[index]] = unfit
            if len(scores):
                found.append(scores)
        return found

    def unfit(self, rows: Rows) -> NDArray[np.bool_]:
        """Readings that jumped and were not yet borne out, and those off by a lone jump."""
        assert len(rows) == len(self._unfit)
        return self._unfit

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a jump is made of readings."""
        return []

    def state(self) -> Columns:
        """What each stream said last, and how it stands."""
        kept = {name: getattr(self, f"_{name}").copy() for name in _KEPT}
        return {"stream": self._roster.stream_ids, "last": self._forward.last.copy(), **kept}

    def models(self) -> Columns:
        """The usual steps."""
        known = np.flatnonzero(~np.isnan(self._steps.large))
        return {
            "stream": self._roster.stream_ids[known],
            "large": self._steps.large[known],
            "typical": self._steps.typical[known],
        }

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        source, target = match(state["stream"], self._roster.stream_ids)
        self._forward.last[target] = state["last"][source]
        for name in _KEPT:
            getattr(self, f"_{name}")[target] = state[name][source]

    def counts(self) -> dict[str, int]:
        """None."""
        return {}

    def _round(self, rows: Rows) -> tuple[NDArray[np.bool_], Scores]:
        streams, values = rows.streams, rows.values
        limit = np.maximum(self._params.times * self._steps.large[streams], self._floor[streams])
        apart = self._forward.apart(rows)
        interval = self._roster.intervals_s[streams] * SECOND
        broken = apart > self._params.gap_intervals * interval
        status = np.where(broken, _CALM, self._status[streams])
        delta = np.where(broken, 0.0, values - self._value[streams])
        impossible = (values < self._low[streams]) | (values > self._high[streams])
        with np.errstate(invalid="ignore"):
            jumps = np.abs(delta) > limit
        spiked = np.zeros(len(rows), np.bool_)
        after = status.copy()
        after[(status == _CALM) & jumps] = _JUMPED
        odd = np.flatnonzero((status != _CALM) | jumps)
        if len(odd):
            self._follow(rows.take(odd), odd, status, delta, limit, after, spiked)
        self._status[streams], self._value[streams] = after, values
        self._settle(streams, apart, spiked, delta, limit)
        unfit = (after != _CALM) | impossible
        return unfit, self._scores(rows, after, impossible, np.where(unfit, self._before[streams], np.nan))

    def _follow(
        self,
        rows: Rows,
        odd: NDArray[np.intp],
        status: NDArray[np.int8],
        delta: NDArray[np.float64],
        limit: NDArray[np.float64],
        after: NDArray[np.int8],
        spiked: NDArray[np.bool_],
    ) -> None:
        """Streams that jumped just now or did before; few, so one at a time."""
        for row, place in enumerate(odd.tolist()):
            stream, value, at = int(rows.streams[row]), float(rows.values[row]), int(rows.times[row])
            step, bound, was = float(delta[place]), float(limit[place]), int(status[place])
            if was == _CALM:
                self._begin(stream, value - step, step, at)
                continue
            near = max(bound, _NEAR * abs(self._leap[stream]))
            if was == _JUMPED:
                if abs(value - self._before[stream]) <= near:
                    after[place], spiked[place] = _CALM, True
                elif abs(value - self._before[stream] - self._leap[stream]) <= near:
                    after[place] = _CALM if self._shared(stream) else _OFF
                else:  # it went somewhere else again
                    spiked[place] = True
                    self._begin(stream, float(self._before[stream]), value - self._before[stream], at)
            elif self._released(stream, step, bound, at):
                after[place] = _CALM

    def _begin(self, stream: int, before: float, leap: float, at: int) -> None:
        self._before[stream], self._leap[stream], self._jumped_at[stream] = before, leap, at

    def _released(self, stream: int, step: float, bound: float, at: int) -> bool:
        """Whether an offset ends: by a jump back, by time, or by others that jumped with it after all."""
        leap = float(self._leap[stream])
        back = abs(step) > bound and step * leap < 0 and abs(step) >= _BACK * abs(leap)
        return back or at - int(self._jumped_at[stream]) > self._params.settle_s * SECOND

    def _shared(self, stream: int) -> bool:
        """Whether another metric of its device, or its metric on a neighbour, jumped with it."""
        kin = self._kin.get(stream)
        if kin is None:
            kin = self._kin[stream] = _kin_of(self._roster, stream)
        window = _TOGETHER * self._roster.intervals_s[np.append(kin, stream)].max() * SECOND
        jumped = self._jumped_at[kin]
        return bool((np.abs(jumped[jumped != NEVER] - self._jumped_at[stream]) <= window).any())

    def _settle(
        self,
        streams: NDArray[np.int64],
        apart: NDArray[np.int64],
        spiked: NDArray[np.bool_],
        delta: NDArray[np.float64],
        limit: NDArray[np.float64],
    ) -> None:
        """Let counts fade and take in the newest step."""
        count = self._count[streams]
        if spiked.any() or count.any():
            faded = count * np.exp(-apart / (self._params.memory_s * SECOND))
            self._count[streams] = np.where(faded < _FADED, 0.0, faded) + spiked
        size = np.fmin(np.abs(delta), limit)
        unrest = self._unrest[streams]
        self._unrest[streams] = np.where(np.isnan(size), unrest, unrest + _UNREST * (size - unrest))

    def _scores(
        self,
        rows: Rows,
        status: NDArray[np.int8],
        impossible: NDArray[np.bool_],
        before: NDArray[np.float64],
    ) -> Scores:
        streams = rows.streams
        least = np.maximum(self._steps.typical[streams], 0.02 * self._floor[streams])
        noise = self._unrest[streams] / least
        warm = (
            (status != _CALM)
            | impossible
            | (self._count[streams] > 0)
            | (noise > self._params.noisy_times / 2)
        )
        told = np.flatnonzero(warm | self._hot[streams])
        self._hot[streams] = warm
        columns = (self._count[streams], (status == _OFF) * 1.0, np.nan_to_num(noise), impossible * 1.0)
        n = len(_TERMS)
        again = np.repeat(told, n)
        nothing = np.full(len(again), np.nan)
        return Scores(
            terms=(self._term[streams[told]][:, None] + np.arange(n)).ravel(),
            times=rows.times[again],
            scores=np.stack([column[told] for column in columns], axis=1).ravel(),
            values=rows.values[again],
            lows=nothing,
            highs=nothing,
            facts={"before": before[again], "usual_step": self._steps.typical[streams[again]]},
        )

    def _terms(self, stream: Stream) -> list[Term]:
        params, bounds = self._params, np.empty((len(_TERMS), 3))
        bounds[_SPIKE] = (params.spikes - 0.5, _FADED, 0.0)
        bounds[_OFFSET] = (1.0, 1.0, stream.interval_s)
        bounds[_NOISY] = (params.noisy_times, params.noisy_times / 2, params.noisy_s)
        bounds[_IMPLAUSIBLE] = (1.0, 1.0, 0.0)
        return [
            Term(
                key=f"{name}:{stream.stream_id}",
                condition=f"{name}:{stream.stream_id}",
                rule=name,
                stream_id=stream.stream_id,
                severity=Severity.MINOR,
                raise_at=float(raise_at),
                clear_at=float(clear_at),
                min_duration_s=float(min_s),
                hold_s=_HOLD_S if name == "implausible" else 0.0,
            )
            for name, (raise_at, clear_at, min_s) in zip(_TERMS, bounds.tolist(), strict=True)
        ]


_KEPT = ("value", "before", "leap", "count", "unrest", "status", "hot", "jumped_at")


def _range(metric: str) -> tuple[float, float]:
    known = METRICS.get(metric)
    return (known.low, known.high) if known else (-np.inf, np.inf)


def _kin_of(roster: Roster, stream: int) -> NDArray[np.intp]:
    """Other metrics of the same device, and the same metric of the same zone's devices."""
    own = roster.streams[stream]
    zone = _zone(roster, own)
    return np.array(
        [
            place
            for place, other in enumerate(roster.streams)
            if place != stream
            and (
                other.device_id == own.device_id
                or (other.metric == own.metric and _zone(roster, other) == zone)
            )
        ],
        np.intp,
    )


def _zone(roster: Roster, stream: Stream) -> str:
    device = roster.devices.get(stream.device_id)
    return device.zone if device else ""


def watched_metrics() -> Sequence[str]:
    """The metrics this detector speaks of."""
    return tuple(_FLOORS)
