"""The regression: what is recent, carried forward by coefficients for every step ahead.

Ridge regression, each step ahead for itself (the direct method; Marcellino, Stock and Watson,
J. Econometrics 135, 2006). A stream's own history is helped out by that of its group, weighed
as `_PRIOR_DAYS` of its own.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.forecasting.features import FEATURES, PERSISTENT
from analytics.forecasting.model import STRATA
from analytics.forecasting.past import A_DAY
from analytics.forecasting.shifts import later, steps_ahead

Floats = NDArray[np.float64]

_PRIOR_DAYS = 3.0
_OTHER_DAYS = 0.2
"""The same of the group's other hours, dry or wet: for where there were none of these."""
_RIDGE = 1e-4
"""Of the sum of squares a feature of unit size would have."""
_LEAST_DAYS_AROUND = 4


@dataclass(frozen=True, slots=True)
class _Sums:
    """Cross products of features ``(k, days, STRATA, steps, F, F)`` and with what came ``(…, F)``."""

    squares: Floats
    products: Floats
    counts: Floats


@dataclass(frozen=True, slots=True)
class Learning:
    """What coefficients are learnt from, each array of ``k`` streams and ``T`` steps.

    ``features`` ``(k, T, FEATURES - 1)``; ``wet`` ``(k, T)``, the stratum; ``base`` ``(k, T)``, what
    each day's others expected, on the family's scale; ``usual`` the same in units of ``scale``
    ``(k,)``, 0 where a change of it says nothing; ``values`` ``(k, T)``, what came, on the family's
    scale; ``clip`` ``(k,)``, what a residual counts for at most; ``groups`` ``(k,)``.
    """

    features: Floats
    wet: NDArray[np.int64]
    base: Floats
    usual: Floats
    scale: Floats
    clip: Floats
    values: Floats
    groups: NDArray[np.str_]

    @property
    def strata(self) -> range:
        """Those there are: where no rain matters, one."""
        return range(STRATA if self.wet.any() else 1)


def learn(learning: Learning, steps: int) -> tuple[Floats, Floats]:
    """Coefficients ``(k, STRATA, steps, FEATURES)`` and what each day's others forecast ``(k, T, steps)``.

    Where what the others say is no better than that the last value stays, it stays.
    """
    sums = _add_up(learning, steps)
    whole = _solve(sums, learning.groups, leaving=False)[:, 0]
    others = _solve(sums, learning.groups, leaving=True)
    ahead = _carry(learning, others)
    stays = np.zeros((len(whole), 1, STRATA, steps, FEATURES))
    stays[..., PERSISTENT] = 1.0
    last = _carry(learning, np.repeat(stays, others.shape[1], axis=1))
    worse = _worse(learning, ahead, last)
    whole[worse] = stays[0, 0, 0, 0]
    own = np.take_along_axis(worse, learning.wet[..., None], axis=1)
    return whole, np.where(own, last, ahead)


def _worse(learning: Learning, ahead: Floats, last: Floats) -> NDArray[np.bool_]:
    """Where a group's forecasts ``ahead`` are not as near as the ``last`` values, ``(k, STRATA, steps)``."""
    came = steps_ahead(learning.values, ahead.shape[2])
    less = np.nan_to_num(np.abs(came - last) - np.abs(came - ahead))
    worse = np.zeros((len(ahead), STRATA, ahead.shape[2]), np.bool_)
    for name in np.unique(learning.groups).tolist():
        own = learning.groups == name
        for stratum in learning.strata:
            gain = (less[own] * (learning.wet[own] == stratum)[..., None]).sum(axis=(0, 1))
            worse[own, stratum] = gain < 0
    return worse


def _carry(learning: Learning, coefficients: Floats) -> Floats:
    """Forecasts by coefficients of each day, on the family's scale, ``(k, T, steps)``."""
    k, total, width = learning.features.shape
    x = learning.features.reshape(k, -1, A_DAY, width)
    steps = coefficients.shape[3]
    change = learning.usual[..., None] - steps_ahead(learning.usual, steps)
    carried = np.zeros((k, total, steps))
    for stratum in learning.strata:
        own = np.swapaxes(coefficients[:, :, stratum], 2, 3)
        found = (x @ own[:, :, :-1]).reshape(carried.shape)
        found += change * np.repeat(own[:, :, -1], A_DAY, axis=1)
        carried = np.where((learning.wet == stratum)[..., None], found, carried)
    return steps_ahead(learning.base, steps) + carried * learning.scale[:, None, None]


def _add_up(learning: Learning, steps: int) -> _Sums:
    features, usual, wet = learning.features, learning.usual, learning.wet
    bound = learning.clip[:, None]
    came = np.clip(learning.values - learning.base, -bound, bound) / learning.scale[:, None]
    k, total, width = features.shape
    days, width = total // A_DAY, width + 1
    known = np.all(np.isfinite(features), axis=2)
    squares = np.zeros((k, days, STRATA, steps, width, width))
    products, counts = np.zeros((k, days, STRATA, steps, width)), np.zeros((k, days, STRATA, steps))
    for step in range(1, steps + 1):
        then = later(came, step)
        whole = np.concatenate((features, (usual - later(usual, step))[..., None]), axis=2)
        both = known & np.isfinite(then) & np.isfinite(whole[..., -1])
        x = np.where(both[..., None], whole, 0.0).reshape(k, days, A_DAY, width)
        y = np.where(both, then, 0.0).reshape(k, days, A_DAY, 1)
        for stratum in learning.strata:
            own = (both & (wet == stratum)).reshape(k, days, A_DAY)
            weighed = np.swapaxes(x * own[..., None], 2, 3)
            squares[:, :, stratum, step - 1] = weighed @ x
            products[:, :, stratum, step - 1] = (weighed @ y)[..., 0]
            counts[:, :, stratum, step - 1] = own.sum(axis=2)
    return _Sums(squares, products, counts)


def _solve(sums: _Sums, groups: NDArray[np.str_], *, leaving: bool) -> Floats:
    """Coefficients ``(k, days or 1, STRATA, steps, FEATURES)``; ``leaving``: each day's from the others."""
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


def _around(part: Floats) -> Floats:
    """Each day with the days beside it, while there are others: what is slow spans them."""
    around = part.copy()
    if part.shape[1] > _LEAST_DAYS_AROUND:
        around[:, 1:] += part[:, :-1]
        around[:, :-1] += part[:, 1:]
    return around
