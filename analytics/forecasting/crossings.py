"""From a fan of quantiles to a crossing: how likely, when, and between when and when."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.forecasting.family import STEP_US
from analytics.forecasting.features import LEVELS
from analytics.forecasting.model import Fan

Floats = NDArray[np.float64]

_SURE = 0.99
"""Chances beyond the outermost quantiles are not told apart."""


@dataclass(frozen=True, slots=True)
class Crossings:
    """Of ``n`` forecasts; times in microseconds as float64, NaN where there is none.

    ``chance`` is that of passing the limit at some time within the steps looked at. The times are
    those of a crossing within them: one tenth of such futures have passed the limit by ``earliest``,
    half by ``likely``, nine tenths by ``latest``.
    """

    chance: Floats
    likely: Floats
    earliest: Floats
    latest: Floats


def find_crossings(fan: Fan, limits: Floats, signs: Floats, steps: int) -> Crossings:
    """Crossings of ``limits`` ``(n,)`` within ``steps`` steps; ``signs`` 1 upwards, −1 downwards."""
    up = signs[:, None, None] > 0
    extremes = np.where(up, fan.highest[:, :steps], -fan.lowest[:, :steps])
    beyond = _beyond(np.sort(extremes, axis=2), (limits * signs)[:, None])
    # What has been passed by one step has been passed by all later ones.
    beyond = np.maximum.accumulate(beyond, axis=1)
    chance = beyond[:, -1]
    # A step's chance is that of having passed it by its end, and now none has.
    ends = fan.times[:, :steps] + STEP_US / 2
    times: Floats = np.concatenate((ends[:, :1] - STEP_US, ends), axis=1, dtype=np.float64)
    beyond = np.concatenate((np.zeros((len(beyond), 1)), beyond), axis=1)
    earliest, likely, latest = (_first(beyond, times, share * chance) for share in (0.1, 0.5, 0.9))
    return Crossings(chance, likely, earliest, latest)


def _beyond(quantiles: Floats, limits: Floats) -> Floats:
    """Chance above ``limits`` ``(n, 1)``, ``(n, steps)``, between quantiles by straight lines."""
    below = (quantiles <= limits[..., None]).sum(axis=2)
    high = np.clip(below, 1, len(LEVELS) - 1)
    upper, lower = (np.take_along_axis(quantiles, (high - i)[..., None], axis=2)[..., 0] for i in (0, 1))
    gap = upper - lower
    share = np.where(gap > 0, (limits - lower) / np.where(gap > 0, gap, 1.0), 0.5)
    inside = LEVELS[high - 1] + np.clip(share, 0.0, 1.0) * (LEVELS[high] - LEVELS[high - 1])
    level = np.where(below == 0, 1.0 - _SURE, np.where(below == len(LEVELS), _SURE, inside))
    return np.where(np.isnan(quantiles).any(axis=2), np.nan, 1.0 - level)


def _first(beyond: Floats, times: Floats, levels: Floats) -> Floats:
    """When the chance first reaches ``levels`` ``(n,)``, between steps by straight lines."""
    reached = beyond >= levels[:, None]
    place = np.argmax(reached, axis=1)
    row = np.arange(len(beyond))
    before = np.maximum(place - 1, 0)
    low, high = beyond[row, before], beyond[row, place]
    rise = high - low
    share = np.where(rise > 0, (levels - low) / np.where(rise > 0, rise, 1.0), 1.0)
    moment = times[row, before] + np.clip(share, 0.0, 1.0) * (times[row, place] - times[row, before])
    return np.where(reached.any(axis=1), moment, np.nan)
