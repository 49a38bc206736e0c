"""The NAB score: early alarms in labelled windows against alarms outside them.

Lavin and Ahmad, "Evaluating Real-time Anomaly Detection Algorithms: the Numenta Anomaly
Benchmark", ICMLA 2015, by the rules of the published scorer. A row whose score reaches
the threshold is an alarm. Of the alarms in a window the first one counts, the more the
earlier, by a scaled sigmoid of its place; a window without one costs; every alarm outside
costs, less just behind a window. The first rows of a series, its probation, do not count.
One threshold serves all series; the score is 0 for a detector that never speaks and 100
for one that speaks first in each window and nowhere else.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

_PROBATION = 0.15
_PROBATION_ROWS = 5000
"""Probation is this share of a series, of at most so many rows."""
_STEEPNESS = 5.0
_FAR = 3.0
"""Widths behind a window from which an alarm costs in full."""
_NEVER = math.inf


@dataclass(frozen=True, slots=True)
class Profile:
    """What a found window brings, a missed one costs and an alarm outside costs."""

    name: str
    found: float
    false: float
    missed: float


STANDARD = Profile("standard", 1.0, 0.11, 1.0)
LOW_FP = Profile("reward_low_FP_rate", 1.0, 0.22, 1.0)
LOW_FN = Profile("reward_low_FN_rate", 1.0, 0.11, 2.0)
PROFILES = (STANDARD, LOW_FP, LOW_FN)
"""Those of the paper, with their published weights."""


@dataclass(frozen=True, slots=True)
class ScoredSeries:
    """A series' scores, shape ``(n,)``, and its windows: first and last row, both inside, in order."""

    name: str
    scores: NDArray[np.float64]
    windows: Sequence[tuple[int, int]]


@dataclass(frozen=True, slots=True)
class NabResult:
    """How a threshold does: ``score`` (100 is perfect), windows ``found`` of ``windows``, alarms outside."""

    score: float
    threshold: float
    found: int
    windows: int
    false: int


def scaled_sigmoid(position: NDArray[np.float64]) -> NDArray[np.float64]:
    """Worth of an alarm at a place relative to a window, in its widths.

    −1 is the window's left edge, 0 its right edge; what lies behind it is worth less than
    nothing, down to −1.
    """
    near = 2.0 / (1.0 + np.exp(_STEEPNESS * np.minimum(position, _FAR))) - 1.0
    return np.where(position >= _FAR, -1.0, near)


def probation(n_rows: int) -> int:
    """How many first rows of a series do not count."""
    return int(min(_PROBATION * n_rows, _PROBATION * _PROBATION_ROWS))


def optimum(series: Sequence[ScoredSeries] | Ranking, profile: Profile) -> NabResult:
    """The threshold at which these series together score best, and how they do there.

    Raises
    ------
    ValueError
        No series has a window, or its windows do not fit it.
    """
    sweep = _Sweep(series, profile)
    return sweep.result(int(np.argmax(sweep.raw)))


def at_threshold(series: Sequence[ScoredSeries] | Ranking, profile: Profile, threshold: float) -> NabResult:
    """How these series together do at a threshold; errors as of `optimum`."""
    sweep = _Sweep(series, profile)
    place = int(np.count_nonzero(sweep.thresholds >= threshold)) - 1
    return sweep.result(place, threshold)


def cross_validated(folds: Sequence[Sequence[ScoredSeries]], profile: Profile) -> float:
    """The score where each fold's threshold is the optimum of the other folds.

    Folds without a window add what their false alarms cost.
    """
    raw, n_windows = 0.0, 0
    for place, held_out in enumerate(folds):
        others = [one for fold in (*folds[:place], *folds[place + 1 :]) for one in fold]
        threshold = optimum(others, profile).threshold
        sweep = _Sweep(held_out, profile, may_lack_windows=True)
        raw += sweep.raw[int(np.count_nonzero(sweep.thresholds >= threshold)) - 1]
        n_windows += sweep.n_windows
    return _normalized(raw, n_windows, profile)


class Ranking:
    """Series ready to be swept, with several profiles or for several thresholds: the sorting is done once."""

    def __init__(self, series: Sequence[ScoredSeries]) -> None:
        rows = [_rows(one) for one in series]
        firsts = np.cumsum([0, *(len(one.windows) for one in series)])
        window = np.concatenate(
            [np.where(r.window >= 0, r.window + first, -1) for r, first in zip(rows, firsts, strict=False)]
        )
        scores = np.concatenate([row.scores for row in rows])
        worth = np.concatenate([row.worth for row in rows])
        self.n_windows = len(np.unique(window[window >= 0]))
        order = np.argsort(-scores, kind="stable")
        self.scores, self.window, self.worth = scores[order], window[order], worth[order]


class _Sweep:
    """Every threshold that makes a difference, descending from never, and the raw score at it."""

    def __init__(
        self,
        series: Sequence[ScoredSeries] | Ranking,
        profile: Profile,
        *,
        may_lack_windows: bool = False,
    ) -> None:
        ranking = series if isinstance(series, Ranking) else Ranking(series)
        scores, window, worth = ranking.scores, ranking.window, ranking.worth
        self._profile, self.n_windows = profile, ranking.n_windows
        if not self.n_windows and not may_lack_windows:
            raise ValueError("no series has a window beyond its probation")
        gain, first_found = _gains(window, worth, profile)
        last = np.flatnonzero(np.append(scores[1:] != scores[:-1], True))
        null = -profile.missed * self.n_windows
        self.thresholds = np.append(_NEVER, scores[last])
        self.raw = np.append(null, null + np.cumsum(gain)[last])
        self._found = np.append(0, np.cumsum(first_found)[last])
        self._false = np.append(0, np.cumsum(window < 0)[last])

    def result(self, place: int, threshold: float | None = None) -> NabResult:
        """How the threshold at this place does."""
        return NabResult(
            _normalized(float(self.raw[place]), self.n_windows, self._profile),
            float(self.thresholds[place]) if threshold is None else threshold,
            int(self._found[place]),
            self.n_windows,
            int(self._false[place]),
        )


@dataclass(frozen=True, slots=True)
class _Rows:
    """The rows behind probation: score, window (−1: outside) and worth as an alarm."""

    scores: NDArray[np.float64]
    window: NDArray[np.int64]
    worth: NDArray[np.float64]


def _rows(series: ScoredSeries) -> _Rows:
    n = len(series.scores)
    row = np.arange(n)
    window, worth = np.full(n, -1), np.full(n, -1.0)
    end = -1
    for place, (first, last) in enumerate(series.windows):
        if not end < first <= last < n:
            raise ValueError(f"{series.name}: window {first} … {last} is out of order or of the series")
        width, end = last - first + 1, last
        inside = slice(first, last + 1)
        window[inside] = place
        worth[inside] = scaled_sigmoid((row[inside] - last - 1) / width) / scaled_sigmoid(np.array(-1.0))
        worth[last + 1 :] = scaled_sigmoid((row[last + 1 :] - last) / max(width - 1, 1))
    counts = slice(probation(n), None)
    if np.isnan(series.scores).any():
        raise ValueError(f"{series.name}: a score is not a number")
    return _Rows(series.scores[counts], window[counts], worth[counts])


def _gains(
    window: NDArray[np.int64], worth: NDArray[np.float64], profile: Profile
) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
    """What each row adds as the next alarm, in the order of the rows; and whether it finds a window."""
    gain = np.where(window < 0, profile.false * worth, 0.0)
    finds = np.zeros(len(window), np.bool_)
    order = np.argsort(window, kind="stable")
    names, starts = np.unique(window[order], return_index=True)
    for name, rows in zip(names.tolist(), np.split(order, starts[1:]), strict=True):
        if name < 0:
            continue
        best = np.maximum.accumulate(worth[rows]) * profile.found
        gain[rows] = np.diff(best, prepend=-profile.missed)
        finds[rows[0]] = True
    return gain, finds


def _normalized(raw: float, n_windows: int, profile: Profile) -> float:
    null, perfect = -profile.missed * n_windows, profile.found * n_windows
    return 100.0 * (raw - null) / (perfect - null)
