"""Drift: a sensor that strays from its neighbours while nothing else of its device does.

A sensor's health, not an event. Every few minutes each stream's mean is held against its
usual value at that time of the week, in robust spreads; the median of its neighbours'
deviations is what the city does, and is taken off (the median bears up to half of them
straying: Hampel, JASA 69, 1974). What is left is smoothed by an exponentially weighted mean
(Roberts, Technometrics 1, 1959).
"""

from __future__ import annotations

from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.detectors.base import Setup, rows_of
from analytics.detectors.grid import StepMeans, in_steps
from analytics.detectors.neighbours import neighbours
from analytics.roster import Roster, Rows
from analytics.rounds import NEVER
from analytics.scores import Scores, Term
from analytics.seasons import DAY_KINDS, SLOTS, day_kind, fit_seasons, nan_median, slot_of
from analytics.times import SECOND, to_local
from telemetry.alerts import Severity
from telemetry.detection.floors import SEASONAL, with_own
from telemetry.detection.health import DriftParams
from telemetry.devices import Stream

_OF_TYPICAL = 0.5
"""Least spread of a slot as a share of the stream's typical slot."""
_CLIP = 60.0
_NOTHING = 0.0
"""What a device without power or traffic reads: no drift, and no neighbour to go by. A sensor
that alone of its device reads nothing has strayed to the end of its range."""
_WAIT_US = 60 * SECOND
"""How long after its end a step is looked at: what is a little late still counts."""
_LEAST_NEIGHBOURS = 2
_KEPT = ("last", "z", "since", "drifting")


class Drift:
    """Follows each stream's distance from its neighbours. Silent until the usual week was learnt."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: DriftParams = setup.params
        self._floor_of = with_own(SEASONAL, self._params.floors)
        self._zone = ZoneInfo(setup.city.timezone)
        self._roster = Roster.of((), ())
        self._means = StepMeans(round(self._params.step_s * SECOND))
        self._place = np.empty(0, np.int64)
        self._own = np.empty(0, np.int64)
        self._near = np.empty((0, self._params.neighbours), np.int64)
        self._last, self._since = np.empty(0, np.int64), np.empty(0, np.int64)
        self._z = np.empty(0, np.float64)
        self._drifting = np.empty(0, np.bool_)
        self._median = np.empty((0, DAY_KINDS, SLOTS), np.float32)
        self._spread = np.empty((0, DAY_KINDS, SLOTS), np.float32)
        self._looked = NEVER
        self._unfit = np.empty(0, np.bool_)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns their terms."""
        known = len(self._roster)
        fresh = roster.streams[known:]
        watched = np.array([self._speaks_of(roster, stream) for stream in fresh], np.bool_)
        place = np.where(watched, len(self._own) + np.cumsum(watched) - 1, -1)
        self._place = np.append(self._place, place)
        self._own = np.append(self._own, known + np.flatnonzero(watched))
        n = len(self._own)
        self._means.extend(n)
        self._last, self._since = grown(self._last, n, NEVER), grown(self._since, n, NEVER)
        self._z, self._drifting = grown(self._z, n, np.nan), grown(self._drifting, n, False)
        self._median, self._spread = grown(self._median, n, np.nan), grown(self._spread, n, np.nan)
        self._near = neighbours(roster, self._own, self._params.neighbours, self._params.reach_km)
        self._roster = roster
        return [self._term(roster.streams[i]) for i in (known + np.flatnonzero(watched)).tolist()]

    def warm(self, _rows: Rows, _now: int) -> None:
        """Nothing: the smoothed distance settles within an hour."""

    def fit(self, roster: Roster, rows: Rows) -> Columns:
        """The usual week of the watched streams among these."""
        own = rows_of(roster, rows, lambda stream: self._speaks_of(roster, stream))
        seasons = fit_seasons(own, self._zone)
        floors = [self._floor_of[roster.streams[int(i)].metric] for i in seasons.streams]
        bounds = np.array([(floor.least, floor.share) for floor in floors], np.float64).reshape(-1, 2)
        typical = _OF_TYPICAL * nan_median(seasons.spread.reshape(len(bounds), DAY_KINDS * SLOTS))
        least = np.fmax(typical, bounds[:, 0])[:, None, None]
        share = bounds[:, 1, None, None] * np.abs(seasons.median)
        spread = np.maximum(seasons.spread, np.fmax(least, share)).astype(np.float32)
        return {
            "stream": roster.stream_ids[seasons.streams],
            "median": seasons.median,
            "spread": spread,
        }

    def learn(self, model: Columns) -> None:
        """Take up the usual weeks of these streams."""
        source, target = match(model["stream"], self._ids())
        self._median[target] = model["median"][source]
        self._spread[target] = model["spread"][source]

    def score(self, rows: Rows, now: int) -> list[Scores]:
        """How far each stream strays, for a step that has ended; what is heard goes into the next.

        The step is looked at before the batch is taken in, so that only the log decides
        what was in it.
        """
        step = (now - _WAIT_US) // self._means.step_us - 1
        found: list[Scores] = []
        if step > self._looked:
            self._looked = step
            found.append(self._look(step))
        place = self._place[rows.streams]
        mine = place >= 0
        self._unfit = np.zeros(len(rows), np.bool_)
        self._unfit[mine] = self._drifting[place[mine]]
        own = Rows(place[mine], rows.times[mine], rows.values[mine])
        for _, part in in_steps(own, self._last, self._means.step_us):
            self._means.add(part)
        return found

    def unfit(self, rows: Rows) -> NDArray[np.bool_]:
        """Readings of streams that drift."""
        assert len(rows) == len(self._unfit)
        return self._unfit

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a step is looked at when the next batch comes."""
        return []

    def state(self) -> Columns:
        """The running steps and the smoothed distances."""
        kept: Columns = {name: getattr(self, f"_{name}").copy() for name in _KEPT}
        return {
            "stream": self._ids(),
            "looked": np.array([self._looked], np.int64),
            **kept,
            **self._means.state(),
        }

    def models(self) -> Columns:
        """The usual weeks."""
        known = np.flatnonzero(~np.isnan(self._median).all(axis=(1, 2)))
        return {
            "stream": self._ids()[known],
            "median": self._median[known],
            "spread": self._spread[known],
        }

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        source, target = match(state["stream"], self._ids())
        for name in _KEPT:
            getattr(self, f"_{name}")[target] = state[name][source]
        self._means.restore(state, source, target)
        self._looked = int(state["looked"][0])

    def counts(self) -> dict[str, int]:
        """None."""
        return {}

    def _ids(self) -> NDArray[np.int32]:
        return self._roster.stream_ids[self._own]

    def _speaks_of(self, roster: Roster, stream: Stream) -> bool:
        return stream.metric in self._floor_of and self._setup.watches(roster, stream)

    def _look(self, step: int) -> Scores:
        params, everyone = self._params, np.arange(len(self._own))
        at = (step + 1) * self._means.step_us
        value = self._means.means(everyone, np.full(len(everyone), step, np.int64))
        expected, spread = self._usual(at - self._means.step_us // 2)
        off = np.clip((value - expected) / spread, -_CLIP, _CLIP)
        off[self._dead(value)] = np.nan
        around = self._around(off)
        around[np.abs(around) >= params.z] = np.nan
        apart = off - around
        weight = -np.expm1(-params.step_s / params.smooth_s)
        z = np.where(np.isnan(self._z), apart, self._z + weight * (apart - self._z))
        self._z = np.where(np.isnan(apart), self._z, z)
        alone = self._others(np.abs(np.nan_to_num(self._z))) < params.others_z
        score = np.where(alone, np.abs(self._z), 0.0)
        heard = np.flatnonzero(~np.isnan(apart))
        self._mark(heard, score[heard], at)
        middle, margin = expected + around * spread, params.z * spread
        return Scores(
            terms=heard,
            times=np.full(len(heard), at, np.int64),
            scores=score[heard],
            values=value[heard],
            lows=(middle - margin)[heard],
            highs=(middle + margin)[heard],
            facts={"expected": middle[heard], "z": self._z[heard], "neighbours_z": around[heard]},
            pictures={
                i: {"neighbours": self._neighbours_of(int(heard[i]))}
                for i in np.flatnonzero(score[heard] >= params.z).tolist()
            },
        )

    def _dead(self, value: NDArray[np.float64]) -> NDArray[np.bool_]:
        """Which streams read nothing as all of their device may, or that have no other beside them."""
        device, n = self._roster.device_of[self._own], len(self._roster.device_ids)
        nothing = value == _NOTHING
        dead = np.bincount(device, nothing, n)
        alive = np.bincount(device, ~np.isnan(value), n) - dead
        return nothing & ((dead > 1) | (alive == 0))[device]

    def _neighbours_of(self, place: int) -> list[str]:
        """The devices it is held against."""
        near = self._near[place]
        return [self._roster.streams[int(i)].device_id for i in self._own[near[near >= 0]]]

    def _mark(self, heard: NDArray[np.intp], score: NDArray[np.float64], at: int) -> None:
        """Which streams drift by now; the same bounds as those of the terms."""
        params = self._params
        above = score >= params.z
        since = np.where(above, np.where(self._since[heard] == NEVER, at, self._since[heard]), NEVER)
        began = above & (at - np.where(above, since, at) >= params.min_duration_s * SECOND)
        self._drifting[heard] = began | (self._drifting[heard] & (score >= params.clear_z))
        self._since[heard] = since

    def _usual(self, at: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        """Expected value and spread of every stream at one moment."""
        local = to_local(np.array([at], np.int64), self._zone)
        kind, (before, share) = int(day_kind(local)[0]), slot_of(local)
        first, part = int(before[0]), float(share[0])
        after = (first + 1) % SLOTS
        expected = (1 - part) * self._median[:, kind, first] + part * self._median[:, kind, after]
        spread = np.fmax(self._spread[:, kind, first], self._spread[:, kind, after])
        return expected.astype(np.float64), spread.astype(np.float64)

    def _around(self, off: NDArray[np.float64]) -> NDArray[np.float64]:
        """The median deviation of each stream's neighbours; NaN where too few are heard."""
        padded = np.append(off, np.nan)  # −1, no neighbour, points at the end
        near = padded[self._near]
        enough = (~np.isnan(near)).sum(axis=1) >= _LEAST_NEIGHBOURS
        return np.where(enough, nan_median(near.astype(np.float32)), np.nan)

    def _others(self, size: NDArray[np.float64]) -> NDArray[np.float64]:
        """The largest of the other streams of each stream's device."""
        device = self._roster.device_of[self._own]
        most = np.zeros(len(self._roster.device_ids))
        np.maximum.at(most, device, size)
        top = size == most[device]
        second = np.zeros(len(most))
        np.maximum.at(second, device[~top], size[~top])
        tied = np.bincount(device, weights=top, minlength=len(most)) > 1
        return np.where(top & ~tied[device], second[device], most[device])

    def _term(self, stream: Stream) -> Term:
        params = self._params
        return Term(
            key=f"drift:{stream.stream_id}",
            condition=f"drift:{stream.stream_id}",
            rule="drift",
            stream_id=stream.stream_id,
            severity=Severity.MINOR,
            raise_at=params.z,
            clear_at=params.clear_z,
            min_duration_s=params.min_duration_s,
            step=params.z,
        )
