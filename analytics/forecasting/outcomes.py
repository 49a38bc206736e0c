"""What came of forecasts of the past, and how far off they were."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import NDArray
from scipy.stats import norm, t

from analytics.forecasting.family import FAMILIES
from analytics.forecasting.features import LEVELS
from analytics.forecasting.past import Past
from analytics.forecasting.places import Places
from analytics.forecasting.shifts import earlier, steps_ahead

Floats = NDArray[np.float64]

_COVERED = 0.75
_normal: Any = norm
_student: Any = t


def errors_of(places: Places, past: Past, centre: Floats) -> Iterator[Floats]:
    """What came less what was forecast ``(k, T, steps)``: of values, of the highest and lowest by then."""
    steps = centre.shape[2]
    averaged = (places.averaging[past.rows] > 0)[:, None]
    means = _targets(places, past)
    yield steps_ahead(means, steps) - centre
    for parts, extreme in ((past.highs, np.fmax), (past.lows, np.fmin)):
        came = steps_ahead(np.where(averaged, means, parts), steps)
        by_then = extreme.accumulate(came, axis=2) - extreme.accumulate(centre, axis=2)
        yield np.where(np.isfinite(came + centre), by_then, np.nan)


def few_days(places: Places, past: Past) -> Floats:
    """How much wider few days make quantiles of extremes that come together, ``(k, len(LEVELS))``.

    Their errors of a day are one draw, whatever their number: Student's quantiles in the place
    of the normal ones, with a degree of freedom for each day but one.
    """
    days = past.days - 1
    wider = np.array(
        [1.0 if level == 0.5 else _student.ppf(level, days) / _normal.ppf(level) for level in LEVELS.tolist()]
    )
    shared = np.array([FAMILIES[metric].shared for metric in places.metrics[past.rows].tolist()], np.bool_)
    return np.where(shared[:, None], wider, 1.0)


def aims(places: Places, past: Past, ahead: Floats) -> Floats:
    """What is forecast: the steps themselves, or the trailing means they lead to, ``(k, T, steps)``."""
    averaging = places.averaging[past.rows]
    found = ahead.copy()
    for length in np.unique(averaging[averaging > 0]).tolist():
        own = averaging == length
        total, count = _running(past.values[own])
        added = np.cumsum(ahead[own], axis=2)
        for step in range(1, ahead.shape[2] + 1):
            kept = max(length - step, 0)
            sums = [part - earlier(part, kept, 0.0) for part in (total, count)]
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
        total, count = (part - earlier(part, length, 0.0) for part in _running(past.values[own]))
        values[own] = np.where(count >= _COVERED * length, total / np.maximum(count, 1.0), np.nan)
    return values


def _running(values: Floats) -> tuple[Floats, Floats]:
    known = np.isfinite(values)
    return np.cumsum(np.where(known, values, 0.0), axis=1), np.cumsum(known, axis=1, dtype=np.float64)
