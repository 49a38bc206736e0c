"""Fitting: coefficients for every step ahead, and the errors of days that were left out.

Ridge regression on what is recent, each step ahead for itself (the direct method; Marcellino,
Stock and Watson, J. Econometrics 135, 2006). A stream's own history is helped out by that
of its group, weighed as `_PRIOR_DAYS` of its own. The errors whose quantiles make the fan
are those of every day under coefficients and usual values of the other days, as in the
jackknife+ of Barber, Candès, Ramdas and Tibshirani (Ann. Statist. 49, 2021).
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.detectors.seasons import nan_median
from analytics.forecasting.bases import inward, outward
from analytics.forecasting.errors import error_quantiles
from analytics.forecasting.family import BEFORE, FAMILIES
from analytics.forecasting.features import FEATURES, Recent
from analytics.forecasting.model import Model
from analytics.forecasting.past import A_DAY, Past, gather
from analytics.forecasting.places import Places
from analytics.roster import Rows
from telemetry.tide import Station

Floats = NDArray[np.float64]

_NORMAL = 1.4826
_LEAST_SCALES = 4.0
"""The least scale of a residual, in least spreads of its family."""
_LEAST_LOG = 0.02
"""The same on a scale of logarithms: two per cent."""
_NO_CLIP = 1e9
_PRIOR_DAYS = 3.0
_RIDGE = 1e-4
"""Of the sum of squares a feature of unit size would have."""
_COVERED = 0.75
_LEAST_DAYS_AROUND = 4


@dataclass(frozen=True, slots=True)
class _Sums:
    """Cross products of features ``(k, days, steps, F, F)`` and with what came ``(…, F)``."""

    squares: Floats
    products: Floats
    counts: Floats


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
    base = past.base(places, context.stations, season, context.zone)
    left_out = _left_out(places, past, context)
    scaled = inward(places, past.rows, past.values)
    scale, clip = _scales(places, past.rows, scaled - base)
    features, wet = _features(places, past, scaled - left_out, scale, clip)
    sums = _sums(
        features, np.clip(scaled - left_out, -clip[:, None], clip[:, None]) / scale[:, None], context.steps
    )
    groups = places.groups[past.rows]
    ahead = _ahead(places, past, features, left_out, scale, _solved(sums, groups, leaving=True))
    errors = _targets(places, past, context.steps) - _forecasts(places, past, ahead)
    model = Model.blank(len(past.rows), context.steps)
    model.coefficients[:] = _solved(sums, groups, leaving=False)[:, 0]
    model.errors[:] = error_quantiles(errors, wet, groups, _least_spreads(places, past.rows))
    model.season[:], model.scale[:], model.clip[:] = season, scale, clip
    model.seen[:] = _seen(features, groups)
    learnt = np.isfinite(scaled - base).sum(axis=1) >= context.least_steps
    return past.rows[learnt], _only(model, learnt)


def _left_out(places: Places, past: Past, context: Context) -> Floats:
    """What was expected of each block of a day, by the others, ``(k, T)``."""
    base = np.empty_like(past.values)
    for day in range(past.days):
        block = slice(day * A_DAY, (day + 1) * A_DAY)
        season = past.season(places, context.zone, without=day)
        base[:, block] = past.base(places, context.stations, season, context.zone)[:, block]
    return base


def _scales(places: Places, rows: NDArray[np.int64], residual: Floats) -> tuple[Floats, Floats]:
    """The unit of each stream's residual, and what one counts for at most, both ``(k,)``."""
    families = [FAMILIES[metric] for metric in places.metrics[rows].tolist()]
    least = np.array(
        [_LEAST_LOG if family.log else _LEAST_SCALES * family.least_spread for family in families]
    )
    spread = _NORMAL * nan_median(np.abs(residual).astype(np.float32)).astype(np.float64)
    scale = np.fmax(spread, least)
    return scale, np.minimum(np.array([family.clip for family in families]), _NO_CLIP) * scale


def _features(
    places: Places, past: Past, residual: Floats, scale: Floats, clip: Floats
) -> tuple[Floats, NDArray[np.int64]]:
    """Features at the end of each step ``(k, T, FEATURES)`` and whether it was wet ``(k, T)``."""
    recent = Recent(residual, *(_earlier(residual, by) for by in BEFORE), past.rain, past.rain_hour)
    rainy, rises = rain_flags(places, past.rows)
    return recent.matrix(scale[:, None], clip[:, None]), recent.wet(rainy[:, None], rises[:, None])


def rain_flags(places: Places, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where rain matters, and where water itself says that it rained, both ``(n,)``."""
    rainy = np.array([FAMILIES[metric].rain for metric in places.metrics[rows].tolist()], np.bool_)
    return rainy, rainy & (places.stations[rows] == "")


def _sums(features: Floats, came: Floats, steps: int) -> _Sums:
    k, total, width = features.shape
    days = total // A_DAY
    known = np.isfinite(features).all(axis=2)
    x = np.where(known[..., None], features, 0.0).reshape(k, days, A_DAY, width)
    squares = np.empty((k, days, steps, width, width))
    products, counts = np.empty((k, days, steps, width)), np.empty((k, days, steps))
    for step in range(1, steps + 1):
        later = _later(came, step)
        both = known & np.isfinite(later)
        weighed = x * both.reshape(k, days, A_DAY, 1)
        squares[:, :, step - 1] = np.swapaxes(weighed, 2, 3) @ x
        y = np.where(both, later, 0.0).reshape(k, days, A_DAY, 1)
        products[:, :, step - 1] = (np.swapaxes(weighed, 2, 3) @ y)[..., 0]
        counts[:, :, step - 1] = both.reshape(k, days, A_DAY).sum(axis=2)
    return _Sums(squares, products, counts)


def _solved(sums: _Sums, groups: NDArray[np.str_], *, leaving: bool) -> Floats:
    """Coefficients ``(k, days or 1, steps, FEATURES)``, each day's from the others where ``leaving``."""
    parts: list[Floats] = []
    for part in (sums.squares, sums.products, sums.counts):
        whole = part.sum(axis=1, keepdims=True)
        parts.append(whole - _around(part) if leaving else whole)
    squares, products, counts = parts
    for name in np.unique(groups).tolist():
        own = groups == name
        pooled = np.maximum(counts[own].sum(axis=0), 1.0)
        squares[own] += _PRIOR_DAYS * A_DAY * squares[own].sum(axis=0) / pooled[..., None, None]
        products[own] += _PRIOR_DAYS * A_DAY * products[own].sum(axis=0) / pooled[..., None]
    ridge = _RIDGE * np.maximum(counts, A_DAY)[..., None, None] * np.eye(FEATURES)
    return np.linalg.solve(squares + ridge, products[..., None])[..., 0]


def _seen(features: Floats, groups: NDArray[np.str_]) -> Floats:
    """The largest size of each feature in a stream's group, at least one unit, ``(k, FEATURES)``."""
    largest = np.fmax.reduce(np.abs(features), axis=1, initial=1.0)
    for name in np.unique(groups).tolist():
        own = groups == name
        largest[own] = largest[own].max(axis=0)
    return largest


def _around(part: Floats) -> Floats:
    """Each day with the days beside it, while there are others: what is slow spans them."""
    around = part.copy()
    if part.shape[1] > _LEAST_DAYS_AROUND:
        around[:, 1:] += part[:, :-1]
        around[:, :-1] += part[:, 1:]
    return around


def _ahead(
    places: Places, past: Past, features: Floats, base: Floats, scale: Floats, coefficients: Floats
) -> Floats:
    """Forecasts of the steps ahead of every step, in the metric's unit, ``(k, T, steps)``."""
    k, total, width = features.shape
    x = features.reshape(k, -1, A_DAY, width)
    carried = (x @ np.swapaxes(coefficients, 2, 3)).reshape(k, total, -1) * scale[:, None, None]
    later = np.stack([_later(base, step) for step in range(1, carried.shape[2] + 1)], axis=2)
    return outward(places, past.rows, later + carried)


def _forecasts(places: Places, past: Past, ahead: Floats) -> Floats:
    """What is forecast: the steps themselves, or the trailing means they lead to, ``(k, T, steps)``."""
    averaging = places.averaging[past.rows]
    found = ahead.copy()
    for length in np.unique(averaging[averaging > 0]).tolist():
        own = averaging == length
        total, count = _running(past.values[own])
        added = np.cumsum(ahead[own], axis=2)
        for step in range(1, ahead.shape[2] + 1):
            kept = max(length - step, 0)
            sums = [part - _earlier(part, kept, 0.0) for part in (total, count)]
            enough = sums[1] + step >= _COVERED * length
            mean = (sums[0] + added[:, :, step - 1]) / (sums[1] + step)
            found[own, :, step - 1] = np.where(enough, mean, np.nan)
    return found


def _targets(places: Places, past: Past, steps: int) -> Floats:
    """What came of it, ``(k, T, steps)``."""
    averaging = places.averaging[past.rows]
    values = past.values.copy()
    for length in np.unique(averaging[averaging > 0]).tolist():
        own = averaging == length
        total, count = (part - _earlier(part, length, 0.0) for part in _running(past.values[own]))
        values[own] = np.where(count >= _COVERED * length, total / np.maximum(count, 1.0), np.nan)
    return np.stack([_later(values, step) for step in range(1, steps + 1)], axis=2)


def _running(values: Floats) -> tuple[Floats, Floats]:
    known = np.isfinite(values)
    return np.cumsum(np.where(known, values, 0.0), axis=1), np.cumsum(known, axis=1, dtype=np.float64)


def _later(values: Floats, by: int) -> Floats:
    """Each step's value ``by`` steps later; NaN beyond the end."""
    return np.concatenate((values[:, by:], np.full((len(values), by), np.nan)), axis=1)


def _earlier(values: Floats, by: int, fill: float = np.nan) -> Floats:
    """Each step's value ``by`` steps earlier; ``fill`` before the beginning."""
    by = min(by, values.shape[1])
    return np.concatenate((np.full((len(values), by), fill), values[:, : values.shape[1] - by]), axis=1)


def _least_spreads(places: Places, rows: NDArray[np.int64]) -> Floats:
    return np.array([FAMILIES[metric].least_spread for metric in places.metrics[rows].tolist()])


def _only(model: Model, keep: NDArray[np.bool_]) -> Model:
    rows = np.flatnonzero(keep)
    part = Model.blank(len(rows), model.steps)
    part.take(model.columns(rows), np.arange(len(rows)), np.arange(len(rows)))
    return part
