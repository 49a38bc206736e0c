"""How much streams usually change from one reading to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from analytics.columns import grown
from analytics.roster import Rows, runs

_QUANTILE = 0.995
_OFTEN = 0.9
_OF_OFTEN = 3.0
"""A large step is at most so many times what one step in ten exceeds: a few hours of spikes in
the week looked at would else teach that spikes are usual. Of Gaussian steps it is 1.7 times."""
_LEAST_STEPS = 200
COLUMNS = ("large", "typical", "zigzag", "zeros")
_GAP = 3.0
"""Times the usual distance of two readings beyond which they are no step."""


@dataclass(slots=True)
class UsualSteps:
    """Per stream, in its unit; NaN until learnt, shape ``(n_streams,)``.

    ``large`` is what one step in two hundred exceeds, ``typical`` the mean size of the
    others in the liveliest sixth of the day's hours, ``zigzag`` how much they then go back
    and forth (`zigzags`); ``zeros`` the share of readings that said nothing.
    """

    large: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    typical: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    zigzag: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    zeros: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))

    def extend(self, n: int) -> None:
        """Make room for ``n`` streams."""
        self.large, self.typical = grown(self.large, n, np.nan), grown(self.typical, n, np.nan)
        self.zigzag, self.zeros = grown(self.zigzag, n, np.nan), grown(self.zeros, n, np.nan)


def zigzags(step: NDArray[np.float64], before: NDArray[np.float64]) -> NDArray[np.float64]:
    """How much of each step takes the one before it back: 0 where it goes on.

    Noise goes back and forth; what happens, however fast, goes somewhere.
    """
    with np.errstate(invalid="ignore"):
        return np.where(step * before < 0, np.fmin(np.abs(step), np.abs(before)), 0.0)


def fit_steps(rows: Rows) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Streams, and the columns of `UsualSteps`, from history ordered by stream and time.

    Streams with fewer than 200 steps are left out: what is usual there is not known.
    """
    same = rows.streams[1:] == rows.streams[:-1]
    owner = rows.streams[1:][same]
    step = (rows.values[1:] - rows.values[:-1])[same]
    apart = (rows.times[1:] - rows.times[:-1])[same]
    if len(owner) == 0:
        return np.empty(0, np.int64), {name: np.empty(0, np.float64) for name in COLUMNS}
    zero = rows.values[1:][same] == 0.0
    share = np.bincount(owner, weights=zero) / np.maximum(np.bincount(owner), 1)
    back = zigzags(step, np.where(np.diff(owner, prepend=-1) == 0, np.roll(step, 1), 0.0))
    kept = _steady(owner, apart)
    owner, hour = owner[kept], (rows.times[1:][same] // 3_600_000_000)[kept]
    size, back = np.abs(step[kept]), back[kept]
    streams, which = runs(owner)
    count = np.bincount(which)
    ranked: NDArray[np.float64] = _ranked(size, count, (_QUANTILE, _OFTEN))
    large, often = ranked[:, 0], ranked[:, 1]
    large = np.where(often > 0, np.minimum(large, _OF_OFTEN * often), large)
    typical, zigzag = (
        _lively(which, np.minimum(each, large[which]), hour % 24, len(streams)) for each in (size, back)
    )
    enough = count >= _LEAST_STEPS
    columns = (large, typical, zigzag, share[streams])
    return streams[enough], {name: one[enough] for name, one in zip(COLUMNS, columns, strict=True)}


def _steady(owner: NDArray[np.int64], apart: NDArray[np.int64]) -> NDArray[np.bool_]:
    """Which steps are none over a gap."""
    _, which = runs(owner)
    return apart <= _GAP * _ranked(apart, np.bincount(which), (0.5,))[which, 0]


def _ranked(values: NDArray[Any], counts: NDArray[np.intp], shares: tuple[float, ...]) -> NDArray[Any]:
    """Of each of the runs of ``counts`` values, those that so large a share lies below, ``(k, shares)``.

    A few that are sought in each run are found sooner than all are sorted.
    """
    found = np.empty((len(counts), len(shares)), values.dtype)
    start = 0
    for i, count in enumerate(counts.tolist()):
        places = [min(int(count * share), count - 1) for share in shares]
        found[i] = np.partition(values[start : start + count], places)[places]
        start += count
    return found


def _lively(
    which: NDArray[np.intp], size: NDArray[np.float64], hour: NDArray[np.int64], n: int
) -> NDArray[np.float64]:
    """The mean size of each stream in its four liveliest hours of the day."""
    cell = which * 24 + hour
    count = np.bincount(cell, minlength=n * 24).reshape(n, 24)
    total = np.bincount(cell, weights=size, minlength=n * 24).reshape(n, 24)
    means = np.sort(np.where(count > 0, total / np.maximum(count, 1), 0.0), axis=1)
    return means[:, -4:].mean(axis=1)
