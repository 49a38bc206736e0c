"""Relatives of labelled series: what a detector should find again in them.

Each is the series as it might have come from elsewhere: noisier, read half as often, with
readings lost, begun later, bent by another scale, with a daily swing, in coarse steps. The
labels stay where they were. Nothing is random but by the seed of the series' name.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.times import DAY

_NORMAL_IQR = 1.35
"""The interquartile range of normal noise of deviation 1."""


@dataclass(frozen=True, slots=True)
class Readings:
    """Times (microseconds, ascending) and values, shape ``(n,)`` each."""

    times: NDArray[np.int64]
    values: NDArray[np.float64]

    @property
    def share(self) -> NDArray[np.float64]:
        """The values within their range, 0 … 1."""
        low, high = self.values.min(), self.values.max()
        return (self.values - low) / max(high - low, 1e-12)

    @property
    def unit(self) -> float:
        """The deviation of the bulk of the values."""
        low, high = np.percentile(self.values, [25, 75])
        return float(high - low) / _NORMAL_IQR or float(self.values.std()) / 10

    def at(self, rows: slice | NDArray[np.bool_]) -> Readings:
        """Some of the rows."""
        return Readings(self.times[rows], self.values[rows])

    def valued(self, values: NDArray[np.float64]) -> Readings:
        """Other values at the same times."""
        return Readings(self.times, values)


def _noisy(one: Readings, chance: np.random.Generator) -> Readings:
    return one.valued(one.values + chance.normal(0.0, 0.3 * one.unit, len(one.values)))


def _swinging(one: Readings, _chance: np.random.Generator) -> Readings:
    return one.valued(one.values + 0.5 * one.unit * np.sin(2 * np.pi * (one.times % DAY) / DAY + 1.0))


def _coarse(one: Readings, _chance: np.random.Generator) -> Readings:
    low, high = np.percentile(one.values, [1, 99])
    step = float(high - low) / 8 or 1.0
    return one.valued(np.round(one.values / step) * step)


RELATIVES: Mapping[str, Callable[[Readings, np.random.Generator], Readings]] = {
    "noise, 0.3 of the bulk": _noisy,
    "every second reading": lambda one, _chance: one.at(slice(1, None, 2)),
    "a tenth of them lost": lambda one, chance: one.at(chance.random(len(one.values)) > 0.1),
    "begun 7 % later": lambda one, _chance: one.at(slice(int(0.07 * len(one.values)), None)),
    "square root": lambda one, _chance: one.valued(np.sqrt(one.share)),
    "square": lambda one, _chance: one.valued((one.share + 0.3) ** 2),
    "upside down": lambda one, _chance: one.valued(-one.values),
    "a daily swing": _swinging,
    "eight steps": _coarse,
}


def relative(kind: str, name: str, one: Readings) -> Readings:
    """One of `RELATIVES` of the series of this name."""
    return RELATIVES[kind](one, np.random.default_rng(zlib.crc32(name.encode())))
