"""What is expected of a stream before anything recent is known."""

from __future__ import annotations

from collections.abc import Mapping
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.forecasting.family import FAMILIES, Base
from analytics.forecasting.places import Places
from analytics.seasons import DAY_KINDS, SLOTS, day_kind, slot_of
from analytics.times import to_local
from telemetry.tide import Station, level_m

Floats = NDArray[np.float64]

LEAST_LOG = 1.0
"""Values below one unit count as one where logarithms are taken: there dust is instrument noise."""


def expected(
    places: Places,
    rows: NDArray[np.int64],
    times: NDArray[np.int64],
    stations: Mapping[str, Station],
    season: NDArray[np.float32],
    zone: ZoneInfo,
) -> Floats:
    """The base of ``rows`` ``(n,)`` at ``times`` ``(n, m)`` (microseconds), on the family's scale.

    ``season`` has shape ``(len(places), DAY_KINDS, SLOTS)``; where it is not known the base is NaN.
    """
    base = np.zeros(times.shape)
    names = places.stations[rows]
    for name in np.unique(names[names != ""]).tolist():
        own = names == name
        base[own] = level_m(stations[name], times[own])
    seasonal = names == ""
    base[seasonal] = season_at(season, rows[seasonal], times[seasonal], zone)
    return base


def season_at(
    season: NDArray[np.float32], rows: NDArray[np.int64], times: NDArray[np.int64], zone: ZoneInfo
) -> Floats:
    """The usual value of ``rows`` ``(n,)`` at ``times`` ``(n, m)``, between half hours' middles."""
    local = to_local(times.ravel(), zone).reshape(times.shape)
    kind = day_kind(local)
    before, share = slot_of(local)
    of_row = rows[:, None]
    first, second = season[of_row, kind, before], season[of_row, kind, (before + 1) % SLOTS]
    return ((1.0 - share) * first + share * second).astype(np.float64)


def has_base(places: Places, *bases: Base) -> NDArray[np.bool_]:
    """Which streams' base is one of these, shape ``(len(places),)``."""
    return np.array([FAMILIES[metric].base in bases for metric in places.metrics.tolist()], np.bool_)


def is_log(places: Places) -> NDArray[np.bool_]:
    """Which streams are forecast by their logarithm, shape ``(len(places),)``."""
    return np.array([FAMILIES[metric].log for metric in places.metrics.tolist()], np.bool_)


def inward(places: Places, rows: NDArray[np.int64], values: Floats) -> Floats:
    """Values ``(n, …)`` of ``rows`` ``(n,)`` on the scale their families are forecast on."""
    changed = values.copy()
    log = is_log(places)[rows]
    changed[log] = np.log(np.maximum(values[log], LEAST_LOG))
    return changed


def outward(places: Places, rows: NDArray[np.int64], values: Floats) -> Floats:
    """Back from that scale to the metrics' units."""
    changed = values.copy()
    log = is_log(places)[rows]
    changed[log] = np.exp(values[log])
    return changed


def error_unit(places: Places, rows: NDArray[np.int64], centre: Floats) -> Floats:
    """What errors of forecasts ``(n, …)`` are counted in: themselves, or 1 of the metric's unit."""
    log = is_log(places)[rows].reshape(-1, *[1] * (centre.ndim - 1))
    return np.where(log, np.maximum(centre, LEAST_LOG), 1.0)


def no_season(n: int) -> NDArray[np.float32]:
    """Seasons that are not known, shape ``(n, DAY_KINDS, SLOTS)``."""
    return np.full((n, DAY_KINDS, SLOTS), np.nan, np.float32)
