"""Randomness keyed by what it is for and when: the same instant gives the same value.

History and the live stream are computed by different processes at different times and
must join up, so nothing here has a state. A key (which stream) and a tick (which
instant) are hashed (splitmix64, Steele et al. 2014) to 64 uniform bits.
"""

from __future__ import annotations

from hashlib import blake2b

import numpy as np
from numpy.typing import NDArray

from device_sims.tables import Floats

Keys = NDArray[np.uint64]

_GOLDEN = np.uint64(0x9E3779B97F4A7C15)
_MIX_1 = np.uint64(0xBF58476D1CE4E5B9)
_MIX_2 = np.uint64(0x94D049BB133111EB)
_LOW_16 = np.uint64(0xFFFF)
# The sum of four uniform numbers has variance 4/12; scaled to unit variance it is near
# enough to normal, never beyond ±3.5, and much cheaper than a true normal.
_SUM_OF_FOUR_SCALE = np.sqrt(3.0)


def key(seed: int, *parts: object) -> int:
    """64 bits that stand for ``parts``; not Python's ``hash``, which changes by process."""
    text = "\x1f".join(map(str, (seed, *parts)))
    return int.from_bytes(blake2b(text.encode(), digest_size=8).digest(), "little")


def rng(seed: int, *parts: object) -> np.random.Generator:
    """A generator for ``parts`` alone."""
    return np.random.default_rng(key(seed, *parts))


def _bits(keys: Keys, ticks: NDArray[np.int64]) -> Keys:
    """64 bits for each tick (rows) and key (columns)."""
    with np.errstate(over="ignore"):
        z = keys[None, :] + ticks.astype(np.uint64)[:, None] * _GOLDEN
        z = (z ^ (z >> np.uint64(30))) * _MIX_1
        z = (z ^ (z >> np.uint64(27))) * _MIX_2
        return z ^ (z >> np.uint64(31))


def uniform(keys: Keys, ticks: NDArray[np.int64]) -> Floats:
    """Uniform in [0, 1), shape ``(ticks, keys)``."""
    return (_bits(keys, ticks) >> np.uint64(11)).astype(np.float64) * 2.0**-53


def white(keys: Keys, ticks: NDArray[np.int64]) -> Floats:
    """Nearly normal, mean 0, variance 1, within ±3.5; shape ``(ticks, keys)``."""
    bits = _bits(keys, ticks)
    total = (bits & _LOW_16).astype(np.float64)
    for shift in (16, 32, 48):
        total += (bits >> np.uint64(shift)) & _LOW_16
    return (total / 65_536.0 - 2.0) * _SUM_OF_FOUR_SCALE


def smooth(keys: Keys, seconds: Floats, period_s: float) -> Floats:
    """A wander that changes over about ``period_s``; mean 0, variance near 1.

    Value noise: white noise on a lattice of ``period_s``, eased between its points and
    scaled so that the variance, which the blending lowers, is 1 on average.
    """
    place = seconds / period_s
    cell = np.floor(place)
    share = place - cell
    eased = (share * share * (3.0 - 2.0 * share))[:, None]
    first, which = (cell, slice(None)) if len(cell) == 1 else np.unique(cell, return_inverse=True)
    before = white(keys, first.astype(np.int64))[which]
    after = white(keys, first.astype(np.int64) + 1)[which]
    return (before + (after - before) * eased) / _MEAN_DEVIATION


# ∫ ((1−e)² + e²) over a cell with e = 3s²−2s³ is 26/35.
_MEAN_DEVIATION = np.sqrt(26.0 / 35.0)


def ornstein_uhlenbeck(seed_key: int, seconds: Floats, tau_s: float, step_s: float) -> Floats:
    """A stationary Ornstein–Uhlenbeck path of unit variance at ``seconds``, shape ``(t,)``.

    On a lattice of ``step_s`` it is the moving-average form of the exact AR(1), cut where
    what is left out is below 1e-4; between lattice points it is interpolated.
    """
    decay = np.exp(-step_s / tau_s)
    terms = int(np.ceil(np.log(1e-4) / np.log(decay)))
    weights = np.sqrt(1.0 - decay**2) * decay ** np.arange(terms)
    place = seconds / step_s
    cell = np.floor(place).astype(np.int64)
    keys = np.array([seed_key], dtype=np.uint64)
    lattice = np.unique(np.concatenate((cell, cell + 1)))
    shocks, where = np.unique(lattice[:, None] - np.arange(terms)[None, :], return_inverse=True)
    noise = white(keys, shocks)[:, 0][where.reshape(len(lattice), terms)]
    # Not a matrix product: its rounding depends on how many rows there are.
    path = np.sum(noise * weights, axis=1)
    low = path[np.searchsorted(lattice, cell)]
    high = path[np.searchsorted(lattice, cell + 1)]
    return low + (high - low) * (place - cell)
