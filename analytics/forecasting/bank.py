"""The bank: forecasts of every stream of a city that is forecast, from its recent past."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, match
from analytics.forecasting.bases import error_unit, expected, has_base, inward, outward
from analytics.forecasting.family import BEFORE, STEP_US, Base
from analytics.forecasting.features import Recent
from analytics.forecasting.fitting import Context, fit, rain_flags
from analytics.forecasting.looks import Look
from analytics.forecasting.model import Fan, Model
from analytics.forecasting.past import BIN_US, nearby
from analytics.forecasting.places import NOBODY, find_places
from analytics.forecasting.rings import Rings
from analytics.roster import Roster, Rows
from analytics.times import HOUR
from telemetry.devices import Stream
from telemetry.tide import Station

Floats = NDArray[np.float64]

_RAIN_BINS = HOUR // BIN_US
_QUARTER = STEP_US // BIN_US
_MARGIN = 36
"""Bins of rain kept beyond the hour looked at: a batch may hold some hours at once."""
_COVERED = 0.75

Wanted = Callable[[Roster, Stream], float | None]
"""Seconds of the trailing mean to be forecast of a stream, 0 for its value, ``None``: not at all."""


class Bank:
    """Takes readings in, makes forecasts. Row numbers are places in `places`."""

    def __init__(
        self,
        stations: Mapping[str, Station],
        zone: ZoneInfo,
        steps: int,
        longest_steps: int,
        least_history_h: float,
        wanted: Wanted,
    ) -> None:
        """``longest_steps`` is the longest trailing mean that any stream may want."""
        self._context = Context(stations, zone, steps, round(least_history_h * HOUR / STEP_US))
        self._wanted = wanted
        self._recent = Rings(STEP_US, max(longest_steps, *BEFORE) + 2)
        self._newest = Rings(BIN_US, 2)
        self._rain = Rings(BIN_US, _RAIN_BINS + _MARGIN)
        self._model = Model.blank(0, steps)
        self.places = find_places(Roster.of((), ()), wanted, stations)
        self._tidal = np.empty(0, np.bool_)
        self._stream_ids: NDArray[np.int64] = np.empty(0, np.int64)
        self._gauge_ids: NDArray[np.int64] = np.empty(0, np.int64)

    def __len__(self) -> int:
        return len(self.places)

    @property
    def stream_ids(self) -> NDArray[np.int64]:
        """Stream ids by row."""
        return self._stream_ids

    def extend(self, roster: Roster) -> None:
        """Take up the streams of a grown roster."""
        self.places = find_places(roster, self._wanted, self._context.stations)
        self._stream_ids = roster.stream_ids[self.places.streams].astype(np.int64)
        self._gauge_ids = roster.stream_ids[self.places.rain].astype(np.int64)
        self._tidal = has_base(self.places, Base.TIDE)
        self._recent.extend(len(self.places))
        self._newest.extend(len(self.places))
        self._rain.extend(len(self.places.rain))
        self._model.extend(len(self.places))

    @property
    def span_us(self) -> int:
        """How far back what is recent reaches, microseconds."""
        return self._recent.span_us

    def fill(self, rows: Rows, row: NDArray[np.int64], gauge: NDArray[np.int64]) -> None:
        """Take in history of streams by ``row`` and ``gauge``, `NOBODY` for neither."""
        for rings, place in ((self._recent, row), (self._newest, row), (self._rain, gauge)):
            own = place != NOBODY
            rings.fill(place[own], rows.times[own], rows.values[own])

    def add(self, rows: NDArray[np.int64], times: NDArray[np.int64], values: Floats) -> None:
        """Take in one reading of each of these rows, newer than those before it."""
        self._recent.add(rows, times, values)
        self._newest.add(rows, times, values)

    def add_rain(self, gauges: NDArray[np.int64], times: NDArray[np.int64], values: Floats) -> None:
        """Take in one reading of each of these rain gauges (places in ``places.rain``)."""
        self._rain.add(gauges, times, values)

    def fit(self, roster: Roster, rows: Rows) -> Columns:
        """A model of the forecast streams among these; changes nothing here."""
        places = find_places(roster, self._wanted, self._context.stations)
        found, model = fit(places, rows, len(roster), self._context)
        ids = roster.stream_ids[places.streams[found]].astype(np.int64)
        return {"stream": ids, **model.columns(np.arange(len(ids)))}

    def learn(self, columns: Columns) -> None:
        """Use what `fit` made."""
        self._model.take(columns, *match(columns["stream"], self._stream_ids))

    def models(self) -> Columns:
        """What was learnt, as `learn` takes it."""
        known = np.flatnonzero(self._model.known())
        return {"stream": self._stream_ids[known], **self._model.columns(known)}

    def look(self, rows: NDArray[np.int64], times: NDArray[np.int64]) -> Look:
        """What forecasts of ``rows`` ``(n,)`` made at ``times`` ``(n,)`` go by: what came up to then."""
        aged = np.full((len(rows), int(self.places.averaging.max(initial=0))), np.nan)
        for length, own in self._averaged(rows):
            aged[own, :length] = self._aged(rows[own], times[own], length)
        return Look(rows, times, self._recently(rows, times), aged)

    def forecast(self, look: Look) -> Fan:
        """Forecasts from what was seen; what has come since makes no difference."""
        rows, times, recent = look.rows, look.times, look.recent
        ahead = np.arange(self._model.steps) * STEP_US + STEP_US // 2
        then = times[:, None] + ahead
        model, scale = self._model, self._model.scale[rows].astype(np.float64)
        x = recent.matrix(scale, model.clip[rows].astype(np.float64))
        wet = recent.wet(*rain_flags(self.places, rows))
        usual = self._expected(rows, np.concatenate((times[:, None] - STEP_US // 2, then), axis=1))
        change = (usual[:, :1] - usual[:, 1:]) / scale[:, None]
        change[self._tidal[rows]] = 0.0
        coefficients = model.coefficients[rows, wet]
        carried = (
            np.einsum("np,nhp->nh", model.within(rows, x), coefficients[..., :-1])
            + change * coefficients[..., -1]
        )
        steps = outward(self.places, rows, usual[:, 1:] + carried * scale[:, None])
        centre = self._trailing(look, steps)
        # Beyond what it was fitted on, a forecast may be wrong in proportion.
        errors = model.strangeness(rows, x)[:, None, None, None] * model.errors[rows, wet]
        errors *= error_unit(self.places, rows, centre)[:, None, :, None]
        centres = (centre, np.maximum.accumulate(centre, axis=1), np.minimum.accumulate(centre, axis=1))
        return Fan(then, *(part[..., None] + errors[:, place] for place, part in enumerate(centres)))

    def current_means(self, rows: NDArray[np.int64], times: NDArray[np.int64]) -> Floats:
        """The trailing means at these times; NaN for rows whose value itself is forecast."""
        found = np.full(len(rows), np.nan)
        for length, own in self._averaged(rows):
            means = self._aged(rows[own], times[own], length)
            found[own] = _mean_with(means, np.zeros((len(means), 0)), length)[:, 0]
        return found

    def state(self) -> Columns:
        """What changes with readings."""
        kept = {f"recent_{name}": part for name, part in self._recent.state().items()}
        kept |= {f"newest_{name}": part for name, part in self._newest.state().items()}
        kept |= {f"rain_{name}": part for name, part in self._rain.state().items()}
        return {"row": self._stream_ids, "gauge": self._gauge_ids, **kept}

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        for rings, key, ids, prefix in (
            (self._recent, "row", self._stream_ids, "recent_"),
            (self._newest, "row", self._stream_ids, "newest_"),
            (self._rain, "gauge", self._gauge_ids, "rain_"),
        ):
            part = {name.removeprefix(prefix): state[name] for name in state if name.startswith(prefix)}
            if part:  # a state kept before there was a newest
                rings.restore(part, *match(state[key], ids))

    def _expected(self, rows: NDArray[np.int64], times: NDArray[np.int64]) -> Floats:
        context = self._context
        return expected(self.places, rows, times, context.stations, self._model.season, context.zone)

    def _recently(self, rows: NDArray[np.int64], times: NDArray[np.int64]) -> Recent:
        """What came just before: means of the last quarter of an hour, and of earlier ones."""
        back = np.array([0, *BEFORE])
        now, quarter, hour, hours = self._residuals(self._recent, rows, times, back).T
        newest = self._residuals(self._newest, rows, times, back[:1])[:, 0]
        last = (times // BIN_US)[:, None] - 1
        return Recent(now, newest, quarter, hour, hours, *self._gauges(rows, last))

    def _residuals(
        self, rings: Rings, rows: NDArray[np.int64], times: NDArray[np.int64], back: NDArray[np.int64]
    ) -> Floats:
        """Those of the buckets so many ``back`` ``(m,)`` from ``times``, ``(n, m)``."""
        numbers = (times // rings.width_us)[:, None] - back
        both = np.concatenate((numbers, numbers - 1), axis=1)
        scaled = inward(self.places, rows, rings.means(rows, both))
        residual = scaled - self._expected(rows, rings.moments(rows, both))
        newer, older = residual[:, : len(back)], residual[:, len(back) :]
        return _mixed(newer, older, _begun(rings, rows, times))

    def _gauges(self, rows: NDArray[np.int64], last: NDArray[np.int64]) -> tuple[Floats, Floats]:
        """Rain nearby in the last quarter and hour, up to the bins ``last`` ``(n, 1)``.

        Bins that are whole: what a gauge says of this very minute may come after the level.
        """
        found = [np.zeros(len(rows)), np.zeros(len(rows))]
        if len(self.places.rain) == 0:
            return found[0], found[1]
        for moment in np.unique(last).tolist():
            own = np.flatnonzero(last[:, 0] == moment)
            numbers = moment - np.arange(_RAIN_BINS)
            everyone = np.arange(len(self.places.rain))
            bins = self._rain.means(everyone, np.broadcast_to(numbers, (len(everyone), _RAIN_BINS)))
            for place, length in enumerate((_QUARTER, _RAIN_BINS)):
                found[place][own] = nearby(self.places, rows[own], _known_mean(bins[:, :length]))
        return found[0], found[1]

    def _trailing(self, look: Look, ahead: Floats) -> Floats:
        """What is forecast of ``ahead`` ``(n, steps)``: itself, or the trailing mean it leads to."""
        found = ahead.copy()
        for length, own in self._averaged(look.rows):
            found[own] = _mean_with(look.aged[own, :length], ahead[own], length)[:, 1:]
        return found

    def _averaged(self, rows: NDArray[np.int64]) -> list[tuple[int, NDArray[np.intp]]]:
        averaging = self.places.averaging[rows]
        lengths = np.unique(averaging[averaging > 0]).tolist()
        return [(length, np.flatnonzero(averaging == length)) for length in lengths]

    def _aged(self, rows: NDArray[np.int64], times: NDArray[np.int64], length: int) -> Floats:
        """Means of the last ``length`` steps up to ``times``, the newest first.

        A bucket that has only begun counts by how much of it is there, in the place of as much
        of the oldest.
        """
        means = self._recent.means(rows, (times // STEP_US)[:, None] - np.arange(length + 1))
        return _mixed(means[:, :-1], means[:, 1:], _begun(self._recent, rows, times))


def _begun(rings: Rings, rows: NDArray[np.int64], times: NDArray[np.int64]) -> Floats:
    """How much of the bucket at ``times`` is there, by the readings of the one before, ``(n, 1)``."""
    count = rings.counts(rows, (times // rings.width_us)[:, None] - np.arange(2))
    return np.minimum(count[:, :1] / np.maximum(count[:, 1:], 1.0), 1.0)


def _mixed(newer: Floats, older: Floats, share: Floats) -> Floats:
    """``share`` of ``newer`` and the rest of ``older``; all of one where the other is NaN."""
    mixed = share * newer + (1.0 - share) * older
    return np.where(np.isnan(older), newer, np.where(np.isnan(newer), older, mixed))


def _mean_with(aged: Floats, ahead: Floats, length: int) -> Floats:
    """Trailing means now and after each step of ``ahead`` ``(n, m)``, shape ``(n, m + 1)``.

    ``aged`` ``(n, length)`` is what was measured, newest first; NaN where too little is known.
    """
    known = np.isfinite(aged)
    nothing = np.zeros((len(aged), 1))
    total = np.concatenate((nothing, np.cumsum(np.where(known, aged, 0.0), axis=1)), axis=1)
    count = np.concatenate((nothing, np.cumsum(known, axis=1)), axis=1)
    added = np.concatenate((nothing, np.cumsum(ahead, axis=1)), axis=1)
    steps: NDArray[np.int64] = np.arange(ahead.shape[1] + 1, dtype=np.int64)
    kept = np.maximum(length - steps, 0)
    whole = count[:, kept] + steps
    return np.where(whole >= _COVERED * length, (total[:, kept] + added) / np.maximum(whole, 1.0), np.nan)


def _known_mean(values: Floats) -> Floats:
    """Means of rows past NaN; NaN where a row has nothing else."""
    known = np.isfinite(values)
    count = known.sum(axis=1)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=1) / np.maximum(count, 1), np.nan)
