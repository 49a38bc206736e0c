"""How much streams usually change from one reading to the next."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray

from analytics.columns import grown
from analytics.roster import Rows, runs

_Number = TypeVar("_Number", bound=np.number[Any])

_QUANTILE = 0.995
_OFTEN = 0.9
_OF_OFTEN = 3.0
"""A large step is at most so many times what one step in ten exceeds: a few hours of spikes in
the week looked at would else teach that spikes are usual. Of Gaussian steps it is 1.7 times."""
_LEAST_STEPS = 200
COLUMNS = ("large", "typical", "zeros")
_GAP = 3.0
"""Times the usual distance of two readings beyond which they are no step."""


@dataclass(slots=True)
class UsualSteps:
    """Per stream, in its unit; NaN until learnt, shape ``(n_streams,)``.

    ``large`` is what one step in two hundred exceeds, ``typical`` the mean size of the
    others in the liveliest sixth of the day's hours; ``zeros`` the share of readings that
    said nothing.
    """

    large: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    typical: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))
    zeros: NDArray[np.float64] = field(default_factory=lambda: np.empty(0, np.float64))

    def extend(self, n: int) -> None:
        """Make room for ``n`` streams."""
        self.large, self.typical = grown(self.large, n, np.nan), grown(self.typical, n, np.nan)
        self.zeros = grown(self.zeros, n, np.nan)


def fit_steps(rows: Rows) -> tuple[NDArray[np.int64], dict[str, NDArray[np.float64]]]:
    """Streams, and the columns of `UsualSteps`, from history ordered by stream and time.

    Streams with fewer than 200 steps are left out: what is usual there is not known.
    """
    same = rows.streams[1:] == rows.streams[:-1]
    owner = rows.streams[1:][same]
    size = np.abs(rows.values[1:] - rows.values[:-1])[same]
    apart = (rows.times[1:] - rows.times[:-1])[same]
    if len(owner) == 0:
        return np.empty(0, np.int64), {name: np.empty(0, np.float64) for name in COLUMNS}
    zero = rows.values[1:][same] == 0.0
    share = np.bincount(owner, weights=zero) / np.maximum(np.bincount(owner), 1)
    owner, size, hour = _steady(owner, size, apart, rows.times[1:][same] // 3_600_000_000)
    streams, which = runs(owner)
    count = np.bincount(which)
    large, often = _ranked(size, count, (_QUANTILE, _OFTEN)).T
    large = np.where(often > 0, np.minimum(large, _OF_OFTEN * often), large)
    typical = _lively(which, np.minimum(size, large[which]), hour % 24, len(streams))
    enough = count >= _LEAST_STEPS
    columns = (large, typical, share[streams])
    return streams[enough], {name: one[enough] for name, one in zip(COLUMNS, columns, strict=True)}


def _steady(
    owner: NDArray[np.int64], size: NDArray[np.float64], apart: NDArray[np.int64], hour: NDArray[np.int64]
) -> tuple[NDArray[np.int64], NDArray[np.float64], NDArray[np.int64]]:
    """Without the steps over gaps."""
    _, which = runs(owner)
    kept = apart <= _GAP * _ranked(apart, np.bincount(which), (0.5,))[which, 0]
    return owner[kept], size[kept], hour[kept]


def _ranked(
    values: NDArray[_Number], counts: NDArray[np.intp], shares: tuple[float, ...]
) -> NDArray[_Number]:
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
    """The mean step of each stream in its four liveliest hours of the day."""
    cell = which * 24 + hour
    count = np.bincount(cell, minlength=n * 24).reshape(n, 24)
    total = np.bincount(cell, weights=size, minlength=n * 24).reshape(n, 24)
    means = np.sort(np.where(count > 0, total / np.maximum(count, 1), 0.0), axis=1)
    return means[:, -4:].mean(axis=1)
