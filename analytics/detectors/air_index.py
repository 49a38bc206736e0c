"""VN_AQI: each air station's index at the end of every hour, against its categories.

Decision 1459/QĐ-TCMT of 12/11/2019 (`telemetry.vn_aqi`): gases enter with the mean of the
hour, particles with the NowCast of twelve. Hours are those of the city's clock, so the
index is the one a station publishes; the environment desk shows that of the last sixty
minutes, by the same functions.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.detectors.base import Given, Setup
from analytics.detectors.hours import HourlyMeans
from analytics.roster import Roster, Rows
from analytics.rounds import NEVER, Forward
from analytics.scores import Scores, Term
from analytics.times import HOUR, SECOND, to_local
from telemetry.alerts import Severity
from telemetry.detection.air_index import AirIndexParams
from telemetry.vn_aqi import NOWCAST_HOURS, PARTICLES, POLLUTANTS, AirIndex, hourly_index

_BEGINS = {"poor": 101.0, "bad": 151.0, "very_bad": 201.0, "hazardous": 301.0}
"""The index each category begins at."""
_NOBODY = -1


class AirQuality(Given):
    """Looks at a station once an hour, with its first reading past the hour's end."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: AirIndexParams = setup.params
        self._zone = ZoneInfo(setup.city.timezone)
        self._settle_us = round(self._params.settle_s * SECOND)
        self._steps = [(n, at, s) for n, at in _BEGINS.items() if (s := getattr(self._params, n)) is not None]
        self._roster = Roster.of((), ())
        self._forward = Forward()
        self._means = HourlyMeans(NOWCAST_HOURS, self._params.coverage)
        self._cell: NDArray[np.int64] = np.empty(0, np.int64)
        self._station: NDArray[np.int64] = np.empty(0, np.int64)
        self._stations: dict[str, int] = {}
        self._cells: NDArray[np.int64] = np.empty((0, len(POLLUTANTS)), np.int64)
        self._looked: NDArray[np.int64] = np.empty(0, np.int64)
        self._shown: list[int] = []

    def extend(self, roster: Roster) -> list[Term]:
        """Take up stations past those known; returns their terms."""
        fresh = roster.streams[len(self._roster) :]
        taken = np.array([s.metric in POLLUTANTS and self._setup.watches(roster, s) for s in fresh], np.bool_)
        cell = np.where(taken, len(self._means) + np.cumsum(taken) - 1, _NOBODY)
        self._means.extend(np.array([s.interval_s for s in fresh], np.float64)[taken])
        self._cell = np.concatenate((self._cell, cell))
        self._roster = roster
        self._forward.extend(len(roster))
        terms = self._found_stations(roster, len(self._cell) - len(fresh))
        self._join(roster)
        return terms

    def warm(self, rows: Rows, now: int) -> None:
        """Fill the hours the NowCast reaches back to."""
        self.score(rows.take(rows.times >= now - (NOWCAST_HOURS + 1) * HOUR), now)

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """The index of every hour that ended for a station with these readings.

        A reading past the end of an hour comes after all of that hour, however they were
        batched: so each hour is looked at before anything later is added.
        """
        turns = self.turns(rows)
        heard = turns != NEVER
        watched, turn = rows.take(heard), turns[heard]
        found: list[Scores] = []
        for hour in np.unique(turn).tolist():
            part = watched.take(turn == hour)
            part = part.take(part.times > self._forward.last[part.streams])
            scores = self._look(part, hour - 1)
            found += [scores] if scores is not None else []
            for round_ in self._forward.rounds(part):
                clock = to_local(round_.times, self._zone)
                self._means.add(self._cell[round_.streams], clock, round_.values)
        return found

    def turns(self, rows: Rows) -> NDArray[np.int64]:
        """The hour that runs when a row comes: the first that speaks past an hour ends it for its station."""
        hour = (to_local(rows.times, self._zone) - self._settle_us) // HOUR
        return np.where(self._cell[rows.streams] != _NOBODY, hour, NEVER)

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a station that is silent has no index."""
        return []

    def state(self) -> Columns:
        """The hours, and which was looked at last."""
        watched = np.flatnonzero(self._cell != _NOBODY)
        return {
            "stream": self._roster.stream_ids[watched],
            "last": self._forward.last[watched],
            **self._means.state(),
            "station": np.array(list(self._stations), np.str_),
            "looked": self._looked.copy(),
        }

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        watched = np.flatnonzero(self._cell != _NOBODY)
        source, target = match(state["stream"], self._roster.stream_ids[watched])
        self._forward.last[watched[target]] = state["last"][source]
        self._means.restore(state, source, target)
        source, target = match(state["station"], np.array(list(self._stations), np.str_))
        self._looked[target] = state["looked"][source]

    def _found_stations(self, roster: Roster, known: int) -> list[Term]:
        """Places for devices whose first particle stream is past the ``known`` streams."""
        terms: list[Term] = []
        for place in range(known, len(roster)):
            stream = roster.streams[place]
            new = stream.device_id not in self._stations
            if self._cell[place] != _NOBODY and stream.metric in PARTICLES and new:
                self._stations[stream.device_id] = len(self._stations)
                self._shown.append(POLLUTANTS.index(stream.metric))
                terms += [self._term(stream.device_id, stream.stream_id, *step) for step in self._steps]
        n = len(self._stations)
        self._cells, self._looked = grown(self._cells, n, _NOBODY), grown(self._looked, n, NEVER)
        return terms

    def _join(self, roster: Roster) -> None:
        """Tell streams and stations of each other."""
        self._station = np.array([self._stations.get(s.device_id, _NOBODY) for s in roster.streams], np.int64)
        for place in np.flatnonzero((self._cell != _NOBODY) & (self._station != _NOBODY)).tolist():
            column = POLLUTANTS.index(roster.streams[place].metric)
            self._cells[self._station[place], column] = self._cell[place]

    def _look(self, rows: Rows, hour: int) -> Scores | None:
        """The index of ``hour`` at the stations of these rows that were not looked at since."""
        stations = np.unique(self._station[rows.streams])
        stations = stations[stations != _NOBODY]
        due = stations[self._looked[stations] < hour]
        if len(due) == 0 or not self._steps:
            return None
        self._looked[due] = hour
        cells = self._cells[due]
        means = self._means.newest_first(np.maximum(cells.ravel(), 0), hour, NOWCAST_HOURS)
        means[cells.ravel() == _NOBODY] = np.nan
        hours = means.reshape(len(due), len(POLLUTANTS), NOWCAST_HOURS)
        indices = [hourly_index(dict(zip(POLLUTANTS, of_station, strict=True))) for of_station in hours]
        return self._scores(due, hours, indices, rows, hour)

    def _scores(
        self,
        stations: NDArray[np.int64],
        hours: NDArray[np.float64],
        indices: Sequence[AirIndex | None],
        rows: Rows,
        hour: int,
    ) -> Scores:
        """One row for every term of the stations; ``hours`` as `_look` has them."""
        local = (hour + 1) * HOUR + self._settle_us
        end = local - int((to_local(rows.times[:1], self._zone) - rows.times[:1])[0])
        steps = len(self._steps)
        many = np.repeat(np.arange(len(stations)), steps)
        index = np.array([float(found.value) if found else np.nan for found in indices])
        newest = hours[np.arange(len(stations)), np.array(self._shown)[stations], 0]
        nothing: NDArray[np.float64] = np.full(len(many), np.nan)
        facts: dict[str, NDArray[np.generic]] = {
            "index": index[many],
            "category": np.array([str(found.category) if found else "" for found in indices])[many],
            "dominant": np.array([found.dominant if found else "" for found in indices])[many],
        }
        for key in POLLUTANTS:
            parts = np.array([float(found.parts.get(key, np.nan)) if found else np.nan for found in indices])
            facts[f"part_{key}"] = parts[many]
        return Scores(
            terms=(stations[:, None] * steps + np.arange(steps)).ravel(),
            times=np.full(len(many), end, np.int64),
            scores=index[many],
            values=newest[many],
            lows=nothing,
            highs=nothing,
            facts=facts,
        )

    def _term(self, device_id: str, stream_id: int, name: str, begins: float, severity: Severity) -> Term:
        return Term(
            key=f"vn_aqi:{device_id}:{name}",
            condition=f"vn_aqi:{device_id}",
            rule="vn_aqi",
            stream_id=stream_id,
            severity=severity,
            raise_at=begins,
            clear_at=begins - self._params.hysteresis,
            min_duration_s=(self._params.least_hours - 1) * 3600.0,
            gap_s=2.5 * 3600.0,
            retell_s=3000.0,
            eases=True,
            detail={"limit": begins},
        )
