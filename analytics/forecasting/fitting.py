"""Fitting: coefficients for every step ahead, and the errors of days that were left out.

The errors whose quantiles make the fan are those of every day under coefficients and usual
values of the other days, as in the jackknife+ of Barber, Candès, Ramdas and Tibshirani
(Ann. Statist. 49, 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.forecasting.bases import error_unit, has_base, inward, outward
from analytics.forecasting.errors import error_quantiles
from analytics.forecasting.family import BEFORE, FAMILIES, Base
from analytics.forecasting.features import FEATURES, Recent
from analytics.forecasting.model import Model
from analytics.forecasting.outcomes import aims, errors_of, few_days
from analytics.forecasting.past import A_DAY, Past, gather
from analytics.forecasting.places import Places
from analytics.forecasting.regression import Learning, learn
from analytics.forecasting.shifts import earlier
from analytics.roster import Rows
from analytics.seasons import nan_median
from telemetry.tide import Station

Floats = NDArray[np.float64]

_NORMAL = 1.4826
_NO_CLIP = 1e9


@dataclass(frozen=True, slots=True)
class Context:
    """What fitting needs of the city, and how far ahead forecasts go."""

    stations: Mapping[str, Station]
    zone: ZoneInfo
    steps: int
    least_steps: int
    """Steps of history below which nothing is learnt."""


def fit(places: Places, rows: Rows, n_streams: int, context: Context) -> tuple[NDArray[np.int64], Model]:
    """A model of the forecast streams among ``rows``, and their places in ``places``.

    Parameters
    ----------
    rows
        History of some streams, ordered by stream and time.
    n_streams
        Length of the roster that ``rows`` and ``places`` speak of.
    """
    past = gather(places, rows, n_streams)
    if past is None or past.days < 2:
        return np.empty(0, np.int64), Model.blank(0, context.steps)
    season = past.season(places, context.zone)
    learning = _learning(places, past, season, context)
    model = Model.blank(len(past.rows), context.steps)
    model.coefficients[:], ahead = learn(learning, context.steps)
    centre = aims(places, past, outward(places, past.rows, ahead))
    least = _least_spreads(places, past.rows) / error_unit(places, past.rows, past.middles())
    unit = error_unit(places, past.rows, centre)
    for spread, errors in enumerate(errors_of(places, past, centre)):
        shares = error_quantiles(errors / unit, learning.wet, learning.groups, least)
        model.errors[:, :, spread] = shares
    # A warning is the first of many looks at a chance: what it rests on is taken wider than the fan.
    model.errors[:, :, 1:] *= few_days(places, past)[:, None, None, None, :]
    model.season[:], model.scale[:], model.clip[:] = season, learning.scale, learning.clip
    model.seen[:] = _seen(learning.features, learning.groups)
    base = past.base(places, context.stations, season, context.zone)
    learnt = np.isfinite(learning.values - base).sum(axis=1) >= context.least_steps
    return past.rows[learnt], _only(model, learnt)


def _learning(places: Places, past: Past, season: NDArray[np.float32], context: Context) -> Learning:
    base = past.base(places, context.stations, season, context.zone)
    values, newest = (inward(places, past.rows, part) for part in (past.values, past.newest))
    left_out, newest_left_out = _left_out(places, past, context)
    scale, clip = _scales(places, past.rows, values - base)
    features, wet = _features(places, past, values - left_out, newest - newest_left_out, scale, clip)
    usual = np.where(has_base(places, Base.TIDE)[past.rows][:, None], 0.0, left_out / scale[:, None])
    return Learning(features, wet, left_out, usual, scale, clip, values, places.groups[past.rows])


def _left_out(places: Places, past: Past, context: Context) -> tuple[Floats, Floats]:
    """What was expected of each block of a day, by the others, and of its steps' newest, both ``(k, T)``."""
    base, newest = np.empty_like(past.values), np.empty_like(past.values)
    for day in range(past.days):
        block = slice(day * A_DAY, (day + 1) * A_DAY)
        season = past.season(places, context.zone, without=day)
        for found, times in ((base, past.times), (newest, past.newest_times)):
            found[:, block] = past.base(places, context.stations, season, context.zone, times[:, block])
    return base, newest


def _scales(places: Places, rows: NDArray[np.int64], residual: Floats) -> tuple[Floats, Floats]:
    """The unit of each stream's residual, and what one counts for at most, both ``(k,)``."""
    families = [FAMILIES[metric] for metric in places.metrics[rows].tolist()]
    least = np.array([family.least_scale for family in families])
    spread = _NORMAL * nan_median(np.abs(residual).astype(np.float32)).astype(np.float64)
    scale = np.fmax(spread, least)
    return scale, np.minimum(np.array([family.clip for family in families]), _NO_CLIP) * scale


def _features(
    places: Places, past: Past, residual: Floats, newest: Floats, scale: Floats, clip: Floats
) -> tuple[Floats, NDArray[np.int64]]:
    """Features at the end of each step ``(k, T, FEATURES - 1)`` and whether it was wet ``(k, T)``."""
    quarter, hour, hours = (earlier(residual, back) for back in BEFORE)
    recent = Recent(residual, newest, quarter, hour, hours, past.rain, past.rain_hour)
    rainy, rises = rain_flags(places, past.rows)
    return recent.matrix(scale[:, None], clip[:, None]), recent.wet(rainy[:, None], rises[:, None])


def rain_flags(places: Places, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where rain matters, and where water itself says that it rained, both ``(n,)``."""
    rainy = np.array([FAMILIES[metric].rain for metric in places.metrics[rows].tolist()], np.bool_)
    return rainy, rainy & (places.stations[rows] == "")


def _seen(features: Floats, groups: NDArray[np.str_]) -> Floats:
    """The largest size of each feature in a stream's group, at least one unit, ``(k, FEATURES)``."""
    largest = np.ones((len(features), FEATURES))
    largest[:, :-1] = np.fmax.reduce(np.abs(features), axis=1, initial=1.0)
    for name in np.unique(groups).tolist():
        own = groups == name
        largest[own] = largest[own].max(axis=0)
    return largest


def _least_spreads(places: Places, rows: NDArray[np.int64]) -> Floats:
    return np.array([FAMILIES[metric].least_spread for metric in places.metrics[rows].tolist()])


def _only(model: Model, keep: NDArray[np.bool_]) -> Model:
    rows = np.flatnonzero(keep)
    part = Model.blank(len(rows), model.steps)
    part.take(model.columns(rows), np.arange(len(rows)), np.arange(len(rows)))
    return part
