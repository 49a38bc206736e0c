"""History of the forecast streams on a grid of steps."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from analytics.forecasting.bases import expected, has_base, inward, no_season
from analytics.forecasting.family import STEP_US, STEPS_AN_HOUR, Base
from analytics.forecasting.places import NOBODY, Places
from analytics.roster import Rows
from analytics.seasons import fit_seasons, nan_median
from analytics.times import DAY
from telemetry.tide import Station

Floats = NDArray[np.float64]

A_DAY = DAY // STEP_US
PARTS = 3
"""Bins of five minutes in a step."""
BIN_US = STEP_US // PARTS
_NEARLY = 0.9
"""Less of a day around would lack some hours of the clock, and say so of the others."""


@dataclass(frozen=True, slots=True)
class Past:
    """Steps of whole blocks of 24 hours.

    ``rows`` int64 ``(k,)``, places in `Places`; ``values`` ``(k, T)``, means of steps in the
    metric's unit, NaN where there is none, ``highs`` and ``lows`` the largest and the least five
    minutes of each, ``newest`` its last five; ``rain`` and ``rain_hour`` ``(k, T)``, mm/h nearby at
    the steps' ends; ``times`` int64 ``(k, T)``, the mean times of what a step holds, ``newest_times``
    of its last five minutes; ``fine`` the
    readings as means of five minutes on the family's scale, by place in ``rows``; ``first``, where
    it begins (microseconds).
    """

    rows: NDArray[np.int64]
    values: Floats
    highs: Floats
    lows: Floats
    newest: Floats
    rain: Floats
    rain_hour: Floats
    times: NDArray[np.int64]
    newest_times: NDArray[np.int64]
    fine: Rows
    first: int

    @property
    def days(self) -> int:
        """How many blocks there are."""
        return self.values.shape[1] // A_DAY

    def middles(self) -> Floats:
        """The streams' medians, ``(k,)``."""
        return nan_median(self.values.astype(np.float32)).astype(np.float64)

    def base(
        self,
        places: Places,
        stations: Mapping[str, Station],
        season: NDArray[np.float32],
        zone: ZoneInfo,
        times: NDArray[np.int64] | None = None,
    ) -> Floats:
        """What was expected at ``times`` (those of the steps without any), of their shape ``(k, …)``.

        ``season`` has one row for each of ``rows``.
        """
        whole = no_season(len(places))
        whole[self.rows] = season
        return expected(places, self.rows, self.times if times is None else times, stations, whole, zone)

    def season(self, places: Places, zone: ZoneInfo, without: int | None = None) -> NDArray[np.float32]:
        """Usual values of ``rows``, one block left ``without``; of water levels the median."""
        season = no_season(len(self.rows))
        day = (self.fine.times - self.first) // DAY
        kept = np.ones(len(day), np.bool_) if without is None else day != without
        own = has_base(places, Base.SEASON)[self.rows]
        found = fit_seasons(self.fine.take(kept & own[self.fine.streams]), zone)
        season[found.streams] = found.median
        flat = np.flatnonzero(has_base(places, Base.TIDE)[self.rows])
        season[flat] = self.middles()[flat, None, None]
        clock = has_base(places, Base.CLOCK)[self.rows]
        self._clock(season, self.fine.take(kept & clock[self.fine.streams]), zone)
        return season

    def _clock(self, season: NDArray[np.float32], fine: Rows, zone: ZoneInfo) -> None:
        """Usual values beside those of the day around them, the same on all days, plus the usual day's."""
        of = np.unique(fine.streams)
        steps = np.full(self.values.shape, np.nan)
        place = (fine.streams, (fine.times - self.first) // STEP_US)
        steps[place] = fine.values
        around = _around(steps)
        beside = Rows(fine.streams, fine.times, fine.values - around[place])
        found = fit_seasons(beside.take(np.isfinite(beside.values)), zone)
        days = found.median * np.array([5.0, 2.0], np.float32)[:, None] / 7.0
        season[found.streams] = days.sum(axis=1, keepdims=True)
        season[of] += nan_median(steps[of].astype(np.float32))[:, None, None]


def gather(places: Places, rows: Rows, n_streams: int) -> Past | None:
    """History of the streams of ``places`` among ``rows``; ``None`` where there is none.

    ``n_streams`` is the length of the roster that both speak of.
    """
    which = places.index(n_streams)[rows.streams]
    taken = which != NOBODY
    if not taken.any():
        return None
    mine = rows.take(taken)
    own, compact = np.unique(which[taken], return_inverse=True)
    first = int(mine.times.min() // STEP_US) * STEP_US
    days = int((mine.times.max() - first) // DAY) + 1
    bins = _binned(compact, mine.times - first, mine.values, len(own), days * A_DAY * PARTS)
    parts = bins.reshape(len(own), days * A_DAY, PARTS)
    values = _means(parts)
    highs, lows = np.fmax.reduce(parts, axis=2), np.fmin.reduce(parts, axis=2)
    rain, rain_hour = _rain(places, own, rows, first, days, n_streams)
    stream, place = np.nonzero(np.isfinite(bins))
    scaled = inward(places, own[stream], bins[stream, place])
    fine = Rows(stream.astype(np.int64), first + place * BIN_US + BIN_US // 2, scaled)
    within = (mine.times % BIN_US).astype(np.float64)
    late = np.asarray(_binned(compact, mine.times - first, within, *bins.shape), np.float64)
    offset = np.arange(bins.shape[1], dtype=np.int64) % PARTS * BIN_US
    late = np.add(late, offset).reshape(*values.shape, PARTS)
    times = _moments(first, _means(late), STEP_US / 2)
    newest_times = _moments(first, late[..., -1], STEP_US - BIN_US / 2)
    newest = parts[..., -1]
    return Past(own, values, highs, lows, newest, rain, rain_hour, times, newest_times, fine, first)


def _moments(first: int, late: Floats, otherwise: float) -> NDArray[np.int64]:
    """Times ``late`` ``(k, T)`` in each step from ``first`` on, ``otherwise`` where that is NaN."""
    begins = first + np.arange(late.shape[1], dtype=np.int64) * STEP_US
    return (begins + np.where(np.isnan(late), otherwise, late)).astype(np.int64)


def nearby(places: Places, own: NDArray[np.int64], gauges: Floats) -> Floats:
    """Rain near the places ``own`` ``(n,)`` by what ``gauges`` ``(g, …)`` say; 0 where none speaks."""
    shape = (len(own), *gauges.shape[1:])
    total, share = np.zeros(shape), np.zeros(shape)
    widen = (slice(None), *[None] * (gauges.ndim - 1))
    for near, weight in zip(places.near[own].T, places.weight[own].T, strict=True):
        there = near != NOBODY
        says = np.full(shape, np.nan)
        says[there] = gauges[near[there]]
        known = np.isfinite(says)
        total += np.where(known, says * weight[widen], 0.0)
        share += np.where(known, np.broadcast_to(weight[widen], shape), 0.0)
    return np.where(share > 0, total / np.where(share > 0, share, 1.0), 0.0)


def _rain(
    places: Places, own: NDArray[np.int64], rows: Rows, first: int, days: int, n_streams: int
) -> tuple[Floats, Floats]:
    """Rain of the last quarter and of the last hour at the end of each step, ``(k, T)``."""
    gauge = np.full(n_streams, NOBODY, np.int64)
    gauge[places.rain] = np.arange(len(places.rain))
    which = gauge[rows.streams]
    n = days * A_DAY * PARTS
    bins_of = (rows.times - first) // BIN_US
    taken = (which != NOBODY) & (bins_of >= 0) & (bins_of < n)
    part = rows.take(taken)
    bins = _binned(which[taken], part.times - first, part.values, len(places.rain), n)
    quarter = _means(bins.reshape(len(bins), days * A_DAY, PARTS))
    before = np.full((len(quarter), STEPS_AN_HOUR - 1), np.nan)
    hours = sliding_window_view(np.concatenate((before, quarter), axis=1), STEPS_AN_HOUR, axis=1)
    return nearby(places, own, quarter), nearby(places, own, _means(hours))


def _binned(which: NDArray[np.int64], since: NDArray[np.int64], values: Floats, k: int, n: int) -> Floats:
    """Means of five minutes, ``(k, n)``, NaN where there is none."""
    cell = which * n + since // BIN_US
    count = np.bincount(cell, minlength=k * n)
    total = np.bincount(cell, weights=values, minlength=k * n)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan).reshape(k, n)


def _around(values: Floats) -> Floats:
    """The mean of the 24 hours around each step, ``(k, T)``; NaN where not nearly all of it is known."""
    known = np.isfinite(values)
    padded = [
        np.pad(part, ((0, 0), (A_DAY // 2, A_DAY // 2 - 1))) for part in (np.where(known, values, 0.0), known)
    ]
    total, count = (
        sliding_window_view(part.astype(np.float64), A_DAY, axis=1).sum(axis=2) for part in padded
    )
    return np.where(count >= _NEARLY * A_DAY, total / np.maximum(count, 1.0), np.nan)


def _means(values: Floats) -> Floats:
    """Means along the last axis past NaN; NaN where there is nothing else."""
    known = np.isfinite(values)
    count = known.sum(axis=-1)
    return np.where(count > 0, np.where(known, values, 0.0).sum(axis=-1) / np.maximum(count, 1), np.nan)
