"""A fitted model of some streams, and the forecasts it makes."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown
from analytics.forecasting.features import FEATURES, LEVELS, RAIN
from analytics.seasons import DAY_KINDS, SLOTS

Floats = NDArray[np.float64]

STRATA = 2
"""Dry hours and wet ones."""
SPREADS = 3
"""Of the value at a step ahead, and of the highest and of the lowest by then."""
_BEYOND = 2.0
_NAMES = ("coefficients", "errors", "season", "scale", "clip", "seen")


@dataclass(slots=True)
class Model:
    """One row a stream; NaN where nothing was learnt.

    ``coefficients`` ``(k, STRATA, steps, FEATURES)``, on the stream's ``scale`` ``(k,)``; ``errors``
    ``(k, STRATA, SPREADS, steps, len(LEVELS))``, quantiles of the forecasts' errors in the metric's
    unit; ``season`` ``(k, DAY_KINDS, SLOTS)`` on the family's scale; ``clip`` ``(k,)``, what a
    residual counts for at most; ``seen`` ``(k, FEATURES)``, the largest size each feature had.
    """

    coefficients: NDArray[np.float32]
    errors: NDArray[np.float32]
    season: NDArray[np.float32]
    scale: NDArray[np.float32]
    clip: NDArray[np.float32]
    seen: NDArray[np.float32]

    @classmethod
    def blank(cls, n: int, steps: int) -> Model:
        """Of ``n`` streams that have learnt nothing."""
        fans = (n, STRATA, SPREADS, steps, len(LEVELS))
        shapes = (n, STRATA, steps, FEATURES), fans, (n, DAY_KINDS, SLOTS), (n,), (n,), (n, FEATURES)
        return cls(*(np.full(shape, np.nan, np.float32) for shape in shapes))

    @property
    def steps(self) -> int:
        """How many steps ahead it forecasts."""
        return self.coefficients.shape[2]

    def __len__(self) -> int:
        return len(self.scale)

    def extend(self, n: int) -> None:
        """Make room for ``n`` streams in all."""
        for name in _NAMES:
            setattr(self, name, grown(getattr(self, name), n, np.nan))

    def known(self) -> NDArray[np.bool_]:
        """Which streams have learnt something."""
        return ~np.isnan(self.scale)

    def strangeness(self, rows: NDArray[np.int64], features: Floats) -> Floats:
        """How many times larger than ever seen the features of ``rows`` are, at least 1, ``(n,)``.

        ``features`` ``(n, FEATURES - 1)``, without the one that the clock makes.
        """
        beyond = np.abs(features[:, 1:]) / self.seen[rows, 1:-1]
        return np.maximum(beyond.max(axis=1, initial=0.0), 1.0)

    def within(self, rows: NDArray[np.int64], features: Floats) -> Floats:
        """The features with no more rain than `_BEYOND` times the most seen, ``(n, FEATURES - 1)``.

        What streets do with a cloudburst cannot be told from drizzle.
        """
        bounded = features.copy()
        bounded[:, RAIN] = np.minimum(features[:, RAIN], _BEYOND * self.seen[rows][:, RAIN])
        return bounded

    def columns(self, rows: NDArray[np.intp]) -> Columns:
        """Some rows, by name."""
        return {name: getattr(self, name)[rows] for name in _NAMES}

    def take(self, columns: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Use rows ``source`` of learnt columns for the streams at ``target``."""
        if columns["coefficients"].shape[1:] == self.coefficients.shape[1:]:
            for name in _NAMES:
                getattr(self, name)[target] = columns[name][source]


@dataclass(frozen=True, slots=True)
class Fan:
    """Forecasts of ``n`` streams.

    ``times`` int64 ``(n, steps)``, microseconds, the middles of the steps ahead; ``quantiles``
    ``(n, steps, len(LEVELS))`` in the metric's unit, NaN where there is no forecast; ``highest``
    and ``lowest``, of the same shape, those of the highest and lowest by the end of each step.
    """

    times: NDArray[np.int64]
    quantiles: Floats
    highest: Floats
    lowest: Floats

    def take(self, rows: NDArray[np.intp]) -> Fan:
        """Some of the forecasts, or one several times."""
        return Fan(self.times[rows], self.quantiles[rows], self.highest[rows], self.lowest[rows])

    def at(self, level: float) -> Floats:
        """The quantile of one of `LEVELS`, ``(n, steps)``."""
        return self.quantiles[..., int(np.flatnonzero(np.isclose(LEVELS, level))[0])]
