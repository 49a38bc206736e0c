"""Fitting: coefficients for every step ahead, and the errors of days that were left out.

Ridge regression on what is recent, each step ahead for itself (the direct method; Marcellino,
Stock and Watson, J. Econometrics 135, 2006). A stream's own history is helped out by that
of its group, weighed as `_PRIOR_DAYS` of its own. The errors whose quantiles make the fan
are those of every day under coefficients and usual values of the other days, as in the
jackknife+ of Barber, Candès, Ramdas and Tibshirani (Ann. Statist. 49, 2021).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm as normal
from scipy.stats import t as student

from analytics.forecasting.bases import error_unit, has_base, inward, outward
from analytics.forecasting.errors import error_quantiles
from analytics.forecasting.family import BEFORE, FAMILIES, Base
from analytics.forecasting.features import FEATURES, LEVELS, Recent
from analytics.forecasting.model import STRATA, Model
from analytics.forecasting.past import A_DAY, Past, gather
from analytics.forecasting.places import Places
from analytics.roster import Rows
from analytics.seasons import nan_median
from telemetry.tide import Station

Floats = NDArray[np.float64]

_NORMAL = 1.4826
_LEAST_SCALES = 4.0
"""The least scale of a residual, in least spreads of its family."""
_LEAST_LOG = 0.02
"""The same on a scale of logarithms: two per cent."""
_NO_CLIP = 1e9
_PRIOR_DAYS = 3.0
_OTHER_DAYS = 0.2
"""The same of the group's other hours, dry or wet: for where there were none of these."""
_RIDGE = 1e-4
"""Of the sum of squares a feature of unit size would have."""
_COVERED = 0.75
_LEAST_DAYS_AROUND = 4


@dataclass(frozen=True, slots=True)
class _Sums:
    """Cross products of features ``(k, days, STRATA, steps, F, F)`` and with what came ``(…, F)``."""

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
    usual = np.where(has_base(places, Base.TIDE)[past.rows][:, None], 0.0, left_out / scale[:, None])
    came = np.clip(scaled - left_out, -clip[:, None], clip[:, None]) / scale[:, None]
    sums = _sums(features, usual, wet, came, context.steps)
    groups = places.groups[past.rows]
    leaving = _solved(sums, groups, leaving=True)
    ahead = outward(places, past.rows, _ahead(features, usual, wet, left_out, scale, leaving))
    model = Model.blank(len(past.rows), context.steps)
    model.coefficients[:] = _solved(sums, groups, leaving=False)[:, 0]
    centre = _forecasts(places, past, ahead)
    least = _least_spreads(places, past.rows) / error_unit(places, past.rows, past.middles())
    unit = error_unit(places, past.rows, centre)
    for spread, errors in enumerate(_errors(places, past, centre)):
        shares = errors / unit
        model.errors[:, :, spread] = error_quantiles(shares, wet, groups, least)
    model.errors *= _few_days(places, past)[:, None, None, None, :]
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
    """Features at the end of each step ``(k, T, FEATURES - 1)`` and whether it was wet ``(k, T)``."""
    ago = [_earlier(residual, back) for back in BEFORE]
    recent = Recent(residual, *ago, past.rain, past.rain_hour)
    rainy, rises = rain_flags(places, past.rows)
    return recent.matrix(scale[:, None], clip[:, None]), recent.wet(rainy[:, None], rises[:, None])


def rain_flags(places: Places, rows: NDArray[np.int64]) -> tuple[NDArray[np.bool_], NDArray[np.bool_]]:
    """Where rain matters, and where water itself says that it rained, both ``(n,)``."""
    rainy = np.array([FAMILIES[metric].rain for metric in places.metrics[rows].tolist()], np.bool_)
    return rainy, rainy & (places.stations[rows] == "")


def _sums(features: Floats, usual: Floats, wet: NDArray[np.int64], came: Floats, steps: int) -> _Sums:
    k, total, width = features.shape
    days, width = total // A_DAY, width + 1
    known = np.all(np.isfinite(features), axis=2)
    squares = np.zeros((k, days, STRATA, steps, width, width))
    products, counts = np.zeros((k, days, STRATA, steps, width)), np.zeros((k, days, STRATA, steps))
    for step in range(1, steps + 1):
        later = _later(came, step)
        whole = np.concatenate((features, (usual - _later(usual, step))[..., None]), axis=2)
        both = known & np.isfinite(later) & np.isfinite(whole[..., -1])
        x = np.where(both[..., None], whole, 0.0).reshape(k, days, A_DAY, width)
        y = np.where(both, later, 0.0).reshape(k, days, A_DAY, 1)
        for stratum in range(STRATA if wet.any() else 1):
            own = (both & (wet == stratum)).reshape(k, days, A_DAY)
            weighed = np.swapaxes(x * own[..., None], 2, 3)
            squares[:, :, stratum, step - 1] = weighed @ x
            products[:, :, stratum, step - 1] = (weighed @ y)[..., 0]
            counts[:, :, stratum, step - 1] = own.sum(axis=2)
    return _Sums(squares, products, counts)


def _solved(sums: _Sums, groups: NDArray[np.str_], *, leaving: bool) -> Floats:
    """Coefficients ``(k, days or 1, STRATA, steps, FEATURES)``, each day's from the others where ``leaving``."""
    parts: list[Floats] = []
    for part in (sums.squares, sums.products, sums.counts):
        whole = part.sum(axis=1, keepdims=True)
        parts.append(whole - _around(part) if leaving else whole)
    squares, products, counts = parts
    for name in np.unique(groups).tolist():
        own = groups == name
        pooled = np.maximum(counts[own].sum(axis=0), 1.0)
        every = np.maximum(counts[own].sum(axis=(0, 2), keepdims=True)[0], 1.0)
        for part, wide in ((squares, (..., None, None)), (products, (..., None))):
            same = part[own].sum(axis=0) / pooled[wide]
            anyhow = part[own].sum(axis=(0, 2), keepdims=True)[0] / every[wide]
            part[own] += A_DAY * (_PRIOR_DAYS * same + _OTHER_DAYS * anyhow)
    ridge = _RIDGE * np.maximum(counts, A_DAY)[..., None, None] * np.eye(FEATURES)
    solved: Floats = np.linalg.solve(squares + ridge, products[..., None])[..., 0].astype(np.float64)
    return solved


def _seen(features: Floats, groups: NDArray[np.str_]) -> Floats:
    """The largest size of each feature in a stream's group, at least one unit, ``(k, FEATURES)``."""
    largest = np.ones((len(features), FEATURES))
    largest[:, :-1] = np.fmax.reduce(np.abs(features), axis=1, initial=1.0)
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
    features: Floats, usual: Floats, wet: NDArray[np.int64], base: Floats, scale: Floats, coefficients: Floats
) -> Floats:
    """Forecasts of the steps ahead of every step, on the family's scale, ``(k, T, steps)``."""
    k, total, width = features.shape
    x = features.reshape(k, -1, A_DAY, width)
    steps = np.arange(1, coefficients.shape[3] + 1).tolist()
    change = np.stack([usual - _later(usual, step) for step in steps], axis=2)
    carried = np.zeros((k, total, len(steps)))
    for stratum in range(STRATA if wet.any() else 1):
        own = np.swapaxes(coefficients[:, :, stratum], 2, 3)
        found = (x @ own[:, :, :-1]).reshape(carried.shape)
        found += change * np.repeat(own[:, :, -1], A_DAY, axis=1)
        carried = np.where((wet == stratum)[..., None], found, carried)
    later = np.stack([_later(base, step) for step in steps], axis=2)
    return later + carried * scale[:, None, None]


def _errors(places: Places, past: Past, centre: Floats) -> Iterator[Floats]:
    """What came less what was forecast ``(k, T, steps)``: of values, and of the highest and lowest by then."""
    steps = centre.shape[2]
    averaged = (places.averaging[past.rows] > 0)[:, None]
    means = _targets(places, past)
    yield _steps_ahead(means, steps) - centre
    for parts, extreme in ((past.highs, np.fmax), (past.lows, np.fmin)):
        came = _steps_ahead(np.where(averaged, means, parts), steps)
        by_then = extreme.accumulate(came, axis=2) - extreme.accumulate(centre, axis=2)
        yield np.where(np.isfinite(came + centre), by_then, np.nan)


def _few_days(places: Places, past: Past) -> Floats:
    """How much wider few days make the quantiles of streams that err together, ``(k, len(LEVELS))``.

    Their errors of a day are one draw, whatever their number: Student's quantiles in the place
    of the normal ones, with a degree of freedom for each day but one.
    """
    wider = np.ones(len(LEVELS))
    off = LEVELS != 0.5
    wider[off] = student.ppf(LEVELS[off], past.days - 1) / normal.ppf(LEVELS[off])
    shared = np.array([FAMILIES[metric].shared for metric in places.metrics[past.rows].tolist()], np.bool_)
    return np.where(shared[:, None], wider, 1.0)


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


def _targets(places: Places, past: Past) -> Floats:
    """What is forecast, as it came: the steps themselves, or the trailing means at their ends, ``(k, T)``."""
    averaging = places.averaging[past.rows]
    values = past.values.copy()
    for length in np.unique(averaging[averaging > 0]).tolist():
        own = averaging == length
        total, count = (part - _earlier(part, length, 0.0) for part in _running(past.values[own]))
        values[own] = np.where(count >= _COVERED * length, total / np.maximum(count, 1.0), np.nan)
    return values


def _steps_ahead(values: Floats, steps: int) -> Floats:
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
