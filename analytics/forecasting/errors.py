"""Quantiles of forecast errors: each stream's own spread, the shape of its group's."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.forecasting.features import LEVELS
from analytics.forecasting.model import STRATA
from analytics.seasons import nan_median

Floats = NDArray[np.float64]

_NORMAL = 1.4826
_OWN = 150
"""Errors of a stream from which its spread is its own; fewer take the group's."""
_LEAST = 30
"""Errors of a group from which wet hours have quantiles of their own."""
_WIDER = 2.0
"""How much wider than dry hours' those of wet ones are taken where there were too few."""


def error_quantiles(
    errors: Floats, wet: NDArray[np.int64], groups: NDArray[np.str_], least: Floats
) -> Floats:
    """Quantiles at `LEVELS`, shape ``(k, STRATA, steps, len(LEVELS))``.

    Parameters
    ----------
    errors
        ``(k, T, steps)``, NaN where there is none.
    wet
        ``(k, T)``, the stratum of each.
    groups
        ``(k,)``: streams of one name share the shape of the distribution.
    least
        ``(k,)``, the least robust spread in the errors' unit.
    """
    k, _, steps = errors.shape
    found = np.full((k, STRATA, steps, len(LEVELS)), np.nan)
    for name in np.unique(groups).tolist():
        own = groups == name
        for stratum in range(STRATA):
            part = np.where((wet[own] == stratum)[..., None], errors[own], np.nan)
            found[own, stratum] = _quantiles(part, least[own])
        bare = np.isnan(found[own, 1]).any(axis=(1, 2))
        dry = found[own, 0] * _WIDER
        found[own, 1] = np.where(bare[:, None, None], dry, found[own, 1])
    return found


def _quantiles(errors: Floats, least: Floats) -> Floats:
    """Of one group and stratum, ``(m, steps, len(LEVELS))``."""
    m, _, steps = errors.shape
    by_step = np.moveaxis(errors, 1, 2)
    spread = _spreads(by_step, least)
    pooled = np.moveaxis(by_step / spread[..., None], 1, 0).reshape(steps, -1)
    shape = _empirical(pooled)
    return spread[..., None] * shape if m else np.empty((0, steps, len(LEVELS)))


def _spreads(errors: Floats, least: Floats) -> Floats:
    """Robust spreads ``(m, steps)`` of errors ``(m, steps, T)``, at least ``least``."""
    size = np.abs(errors).astype(np.float32)
    own = _NORMAL * nan_median(size)
    pooled = _NORMAL * nan_median(np.moveaxis(size, 0, 1).reshape(size.shape[1], -1))
    few = np.isfinite(errors).sum(axis=2) < _OWN
    spread = np.where(few, pooled[None, :], own)
    return np.fmax(spread, least[:, None]).astype(np.float64)


def _empirical(pooled: Floats) -> Floats:
    """Quantiles of each row ``(steps, n)`` at `LEVELS`, ``(steps, len(LEVELS))``; NaN of too few.

    With n errors the level is taken at (n + 1) times it, as conformal prediction does.
    """
    ordered = np.sort(pooled, axis=1)
    count = np.isfinite(pooled).sum(axis=1)
    place = np.clip(LEVELS[None, :] * (count[:, None] + 1) - 1, 0, np.maximum(count - 1, 0)[:, None])
    low = np.floor(place).astype(np.int64)
    high = np.minimum(low + 1, np.maximum(count - 1, 0)[:, None])
    share = place - low
    first, second = (np.take_along_axis(ordered, at, axis=1) for at in (low, high))
    return np.where(count[:, None] >= _LEAST, (1.0 - share) * first + share * second, np.nan)
