"""Control charts of several sensors at once: T² of smoothed deviations, and what is left of them.

MEWMA (Lowry, Woodall, Champ and Rigdon, Technometrics 34, 1992): T² = e' S⁻¹ e of the
exponentially smoothed deviations e with their covariance S. SPE, or Q (Jackson and
Mudholkar, Technometrics 21, 1979): the squared length of what the principal components of
S leave over of e. City data are autocorrelated, so S is that of the smoothed deviations
themselves rather than λ/(2−λ) of a white series', and a limit is the theory's or the
quantile of the group's own history, whichever is more.

Contributions: of T², by how much it falls without the sensor (the conditional term of
Mason, Tracy and Young, J. Quality Technology 27, 1995); of SPE, the sensor's square.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray
from scipy.stats import chi2, norm
from sklearn import covariance as estimators

Floats = NDArray[np.float64]

_chi2: Any = chi2
_norm: Any = norm
_sklearn: Any = sklearn
_estimators: Any = estimators
"""These have no types of their own."""

CHARTS = ("mewma", "spe")
"""In the order of the last axis of statistics and limits."""

_TRIMMED = 0.05
"""Share of the strangest steps of history that the covariance is not learnt from: one in
twenty is more than events take up of a week."""
_LEAST_PER_MEMBER = 20
"""Steps of history needed for each member of a group."""
_SLOW_CLIP = 2.0
"""Spreads a slow level looks at, at most: a burst moves it no faster than a drift."""


@dataclass(frozen=True, slots=True)
class Model:
    """Charts of one group of ``m`` members.

    ``covariance`` of smoothed deviations and ``residual`` (the projection that takes the
    common movement out), both ``(m, m)``; ``limits`` ``(2,)``, one a chart.
    """

    covariance: Floats
    residual: Floats
    limits: Floats


def forgetting(step_s: float, constant_s: float) -> float:
    """The weight of the newest step in a mean of this time constant."""
    return float(-np.expm1(-step_s / constant_s))


def slow_step(level: Floats, deviation: Floats, weight: float) -> Floats:
    """The slow level after one more step, of deviations from it."""
    return level + weight * np.clip(deviation, -_SLOW_CLIP, _SLOW_CLIP)


def smoothed(deviations: Floats, level_weight: float, weight: float) -> tuple[Floats, Floats]:
    """Smoothed deviations ``(t, m)`` of a history ``(t, m)`` with NaN, and the level it ends at ``(m,)``."""
    level = np.zeros(deviations.shape[1])
    mean = np.zeros(deviations.shape[1])
    out = np.empty_like(deviations)
    heard = ~np.isnan(deviations)
    known, quick, slow = np.where(heard, deviations, 0.0), heard * weight, heard * level_weight
    for i, z in enumerate(known):
        apart = z - level
        mean += quick[i] * (apart - mean)
        level += slow[i] * np.minimum(np.maximum(apart, -_SLOW_CLIP), _SLOW_CLIP)
        out[i] = mean
    out[~heard] = np.nan
    return out, level


def fit_model(history: Floats, explained: float, quantile: float) -> Model | None:
    """Charts from smoothed deviations ``(t, m)``, NaN where not heard; `None` from too few steps."""
    whole = history[~np.isnan(history).any(axis=1)]
    m = history.shape[1]
    if len(whole) < _LEAST_PER_MEMBER * m:
        return None
    covariance = _covariance(whole)
    plain = whole[(t2 := _t2(whole, covariance)) <= np.quantile(t2, 1.0 - _TRIMMED)]
    covariance = _covariance(plain)
    variance, axes = np.linalg.eigh(covariance)
    common = _common(variance, explained)
    kept = axes[:, m - common :]
    residual = np.eye(m) - kept @ kept.T
    statistics = np.stack((_t2(whole, covariance), ((whole @ residual) ** 2).sum(axis=1)), axis=1)
    theory = np.array([_chi2_quantile(quantile, m), spe_limit(variance[: m - common], quantile)])
    limits = np.maximum(np.quantile(statistics, quantile, axis=0), theory)
    return Model(covariance, residual, limits)


def _t2(whole: Floats, covariance: Floats) -> Floats:
    return ((whole @ np.linalg.inv(covariance)) * whole).sum(axis=1)


def _covariance(whole: Floats) -> Floats:
    # Ledoit and Wolf, J. Multivariate Analysis 88 (2004): well conditioned from few steps.
    n, m = whole.shape
    with _sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
        shrinkage = float(_estimators.ledoit_wolf_shrinkage(whole, assume_centered=True))
    found: Floats = (1.0 - shrinkage) * (whole.T @ whole) / n
    return found + (shrinkage * (whole**2).sum() / (n * m) + 1e-6) * np.eye(m)


@cache
def _chi2_quantile(quantile: float, m: int) -> float:
    return float(_chi2.ppf(quantile, m))


@cache
def _normal_quantile(quantile: float) -> float:
    return float(_norm.ppf(quantile))


def _common(variance: Floats, explained: float) -> int:
    """How many components, largest first, explain that much; at least one is left over."""
    share = np.cumsum(variance[::-1]) / variance.sum()
    return min(int(np.searchsorted(share, explained)) + 1, len(variance) - 1)


def spe_limit(left: Floats, quantile: float) -> float:
    """The quantile of SPE where the left-over components have these variances (Jackson and Mudholkar)."""
    one, two, three = (float((left**power).sum()) for power in (1, 2, 3))
    h = max(1.0 - 2.0 * one * three / (3.0 * two**2), 1e-3)
    inner = _normal_quantile(quantile) * np.sqrt(2.0 * two * h**2) / one + 1.0 + two * h * (h - 1.0) / one**2
    return float(one * max(inner, 1e-9) ** (1.0 / h))


def chart(
    deviations: Floats,
    heard: NDArray[np.bool_],
    covariance: Floats,
    residual: Floats,
    whole: tuple[NDArray[np.bool_], Floats] | None = None,
) -> tuple[Floats, Floats]:
    """T² and SPE of groups, and what each member gives to them.

    Parameters
    ----------
    deviations
        Smoothed, shape ``(n, m)``; anything where not heard.
    heard
        Which members take part, shape ``(n, m)``. T² is that of those alone; SPE puts
        what they lead one to expect in the others' place.
    covariance, residual
        Of each group, shape ``(n, m, m)``.
    whole
        Of each group who takes part when nobody is missing ``(n, m)``, and `precision_of` that: most
        groups at most times, and inverting is half of the work.

    Returns
    -------
    statistics
        Shape ``(n, 2)``.
    contributions
        Shape ``(n, m, 2)``, not negative, 0 where not heard.
    """
    if whole is None:
        precision = precision_of(heard, covariance)
    else:
        lacking = np.flatnonzero((heard != whole[0]).any(axis=1))
        precision = whole[1]
        precision[lacking] = precision_of(heard[lacking], covariance[lacking])
    seen = np.where(heard, deviations, 0.0)
    pull = (precision @ seen[..., None])[..., 0]
    t2 = np.maximum((seen * pull).sum(axis=1), 0.0)
    without = np.where(heard, pull**2 / np.diagonal(precision, axis1=1, axis2=2), 0.0)
    expected = (covariance @ np.where(heard, pull, 0.0)[..., None])[..., 0]
    left = (residual @ np.where(heard, seen, expected)[..., None])[..., 0]
    squares = np.where(heard, left**2, 0.0)
    return np.stack((t2, squares.sum(axis=1)), axis=1), np.stack((without, squares), axis=2)


def precision_of(heard: NDArray[np.bool_], covariance: Floats) -> Floats:
    """The inverse of the covariance of those that are heard, shape ``(n, m, m)``; 1 for the others."""
    both = heard[:, :, None] & heard[:, None, :]
    return np.linalg.inv(np.where(both, covariance, np.eye(heard.shape[1])))
