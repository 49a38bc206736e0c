"""What is usual at a time of the week: medians and robust spreads from history.

A slot is half an hour of the local day. Medians are kept apart for working days and
weekends; the spread is that of the residuals of all days around them. Median and MAD
(scaled by 1.4826 to the normal standard deviation) bear up to half of the history
being abnormal: Rousseeuw and Croux, JASA 88 (1993).
"""

from __future__ import annotations

from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.roster import Rows, runs
from analytics.times import DAY, day_of_week, to_local

SLOTS = 48
SLOT_US = DAY // SLOTS
DAY_KINDS = 2
"""0 working day, 1 weekend."""

_BINS = 288
_BIN_US = DAY // _BINS
_PER_SLOT = _BINS // SLOTS
_REACH = _PER_SLOT // 2
"""Bins taken from each neighbouring slot: a slot's window is one hour around it."""
_NORMAL = 1.4826
_SATURDAY = 5
_LEAST_DAYS = 2
_LEAST_BINS = 12
_BORROWED = 1.5
"""How much wider the spread is taken where a kind of day borrows the other's median."""


@dataclass(frozen=True, slots=True)
class Seasons:
    """Usual values of some streams.

    ``streams`` int64, shape ``(k,)``: distinct places in the roster. ``median`` has
    shape ``(k, DAY_KINDS, SLOTS)``, ``spread`` (a robust standard deviation)
    ``(k, DAY_KINDS, SLOTS)``; both float32 in the stream's unit, NaN where history is
    too short.
    """

    streams: NDArray[np.int64]
    median: NDArray[np.float32]
    spread: NDArray[np.float32]


def day_kind(local: NDArray[np.int64]) -> NDArray[np.int64]:
    """0 for a working day, 1 for a weekend, of wall-clock microseconds."""
    return (day_of_week(local) >= _SATURDAY).astype(np.int64)


def fit_seasons(rows: Rows, zone: ZoneInfo) -> Seasons:
    """Usual values from a week or more of readings, ordered by stream; each 5 minutes weigh the same."""
    streams, which = runs(rows.streams)
    if len(streams) == 0:
        nothing = np.empty((0, DAY_KINDS, SLOTS), np.float32)
        return Seasons(streams, nothing, nothing)
    local = to_local(rows.times, zone)
    first_day = int(local.min() // DAY)
    days = int(local.max() // DAY) - first_day + 1
    grid = _grid(which, local - first_day * DAY, rows.values, len(streams), days)
    weekend = day_kind((np.arange(days) + first_day) * DAY) == 1
    median, borrowed = _medians(grid, weekend)
    spread = _spreads(grid, median, weekend)[:, None, :] * np.where(borrowed, _BORROWED, 1.0)
    return Seasons(streams, median.astype(np.float32), spread.astype(np.float32))


def _grid(
    which: NDArray[np.int64], local: NDArray[np.int64], values: NDArray[np.float64], k: int, days: int
) -> NDArray[np.float32]:
    """Means of 5 minutes, shape ``(k, days, _BINS)``, NaN where there is none."""
    size = k * days * _BINS
    cell = which * (days * _BINS) + local // _BIN_US
    count = np.bincount(cell, minlength=size)
    total = np.bincount(cell, weights=values, minlength=size)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return means.astype(np.float32).reshape(k, days, _BINS)


def _windows(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """The bins around each slot, shape ``(k, SLOTS, days · bins)``."""
    k, days, _ = grid.shape
    around = np.arange(-_REACH, _PER_SLOT + _REACH)
    bins = (np.arange(SLOTS)[:, None] * _PER_SLOT + around) % _BINS
    return grid[:, :, bins].transpose(0, 2, 1, 3).reshape(k, SLOTS, days * len(around))


def _medians(
    grid: NDArray[np.float32], weekend: NDArray[np.bool_]
) -> tuple[NDArray[np.float32], NDArray[np.bool_]]:
    """Medians by kind of day, and where one is borrowed from all days."""
    median = np.empty((len(grid), DAY_KINDS, SLOTS), np.float32)
    borrowed = np.zeros(median.shape, np.bool_)
    for kind in range(DAY_KINDS):
        own = grid[:, weekend == bool(kind)]
        median[:, kind] = _median(own)
        borrowed[:, kind] = np.isnan(median[:, kind])
    lacking = np.flatnonzero(borrowed.any(axis=(1, 2)))
    if len(lacking):
        overall = _median(grid[lacking])[:, None]
        median[lacking] = np.where(borrowed[lacking], overall, median[lacking])
    return median, borrowed


def _median(grid: NDArray[np.float32]) -> NDArray[np.float32]:
    """Slot medians, NaN where fewer than `_LEAST_DAYS` days or `_LEAST_BINS` bins speak."""
    k, days, _ = grid.shape
    if days < _LEAST_DAYS:
        return np.full((k, SLOTS), np.nan, np.float32)
    window = _windows(grid)
    spoke = ~np.isnan(window)
    day_count = spoke.reshape(k, SLOTS, days, -1).any(axis=3).sum(axis=2)
    enough = (day_count >= _LEAST_DAYS) & (spoke.sum(axis=2) >= _LEAST_BINS)
    return np.where(enough, nan_median(window), np.float32(np.nan))


def _spreads(
    grid: NDArray[np.float32], median: NDArray[np.float32], weekend: NDArray[np.bool_]
) -> NDArray[np.float32]:
    """Robust spread of each slot's residuals over all days, shape ``(k, SLOTS)``."""
    k, days, _ = grid.shape
    window = _windows(grid).reshape(k, SLOTS, days, -1)
    usual = median[:, weekend.astype(np.int64)].transpose(0, 2, 1)
    residual = np.abs(window - usual[..., None])
    return _NORMAL * nan_median(residual.reshape(k, SLOTS, -1))


def nan_median(values: NDArray[np.float32]) -> NDArray[np.float32]:
    """Median along the last axis past NaN; NaN where there is nothing else.

    ``np.nanmedian`` goes through masked arrays and takes some twenty times as long here.
    """
    ordered = np.sort(values, axis=-1)
    count = values.shape[-1] - np.isnan(values).sum(axis=-1)
    low = np.take_along_axis(ordered, np.maximum(count - 1, 0)[..., None] // 2, axis=-1)[..., 0]
    high = np.take_along_axis(ordered, np.minimum(count // 2, values.shape[-1] - 1)[..., None], axis=-1)[
        ..., 0
    ]
    return np.where(count > 0, (low + high) / 2, np.float32(np.nan))


def slot_of(local: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
    """The slot whose middle lies before each wall-clock time, and how far to the next (0 … 1)."""
    position = (local % DAY - SLOT_US // 2) / SLOT_US
    before = np.floor(position)
    return before.astype(np.int64) % SLOTS, position - before


def least_spreads(
    median: NDArray[np.float32],
    spread: NDArray[np.float32],
    floors: NDArray[np.float64],
    of_typical: float,
    of_range: float,
) -> NDArray[np.float64]:
    """The least spread of each slot, shape of ``spread``.

    ``floors`` has shape ``(k, 2)``: in the stream's unit, and as a share of the median.
    ``of_typical`` is a share of the stream's typical spread, ``of_range`` of its day's range.
    """
    typical = of_typical * nan_median(spread.reshape(len(spread), DAY_KINDS * SLOTS))
    swing = np.fmax.reduce(median, axis=(1, 2)) - np.fmin.reduce(median, axis=(1, 2))
    of_stream = np.fmax(np.fmax(typical, of_range * swing), floors[:, 0])
    return np.fmax(of_stream[:, None, None], floors[:, 1, None, None] * np.abs(median))


def usual_at(
    median: NDArray[np.float32],
    spread: NDArray[np.float32],
    streams: NDArray[np.int64],
    local: NDArray[np.int64],
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Expected value and spread of each stream at wall-clock times, shapes as those two broadcast.

    ``median`` and ``spread`` have shape ``(n, DAY_KINDS, SLOTS)``; ``streams`` are rows of them.
    """
    kind = day_kind(local)
    before, share = slot_of(local)
    after = (before + 1) % SLOTS
    expected = (1 - share) * median[streams, kind, before] + share * median[streams, kind, after]
    scale = np.fmax(spread[streams, kind, before], spread[streams, kind, after])
    return expected.astype(np.float64), scale.astype(np.float64)
