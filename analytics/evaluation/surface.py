"""VUS-PR: the volume under the precision-recall surface, for scores over time.

Source: Paparrizos et al., "Volume Under the Surface", PVLDB 15(11), 2022. A label's edges
are made soft by a buffer of ``w`` samples, so that an alarm a little early or late is not
all wrong; the area under the precision-recall curve is averaged over all buffers from 0 to
``buffer``, so that none has to be chosen.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

_THRESHOLDS = 250
"""As many as the paper's own program tries."""


def vus_pr(scores: NDArray[np.float64], truth: NDArray[np.bool_], buffer: int, steps: int = 20) -> float:
    """The volume, 0 … 1.

    Parameters
    ----------
    scores
        Shape ``(n,)``, higher is stranger; NaN counts as the lowest.
    truth
        Shape ``(n,)``, whether the sample lies in a labelled anomaly; at least one does.
    buffer
        The widest buffer, samples: about the length of a typical anomaly.
    steps
        Buffers tried, evenly from 0 to ``buffer``.

    Raises
    ------
    ValueError
        Shapes differ, nothing is labelled, or a negative buffer.
    """
    if scores.shape != truth.shape or scores.ndim != 1:
        raise ValueError(f"scores of shape {scores.shape} and labels of shape {truth.shape}")
    if not truth.any() or buffer < 0:
        raise ValueError("nothing is labelled" if buffer >= 0 else f"a buffer of {buffer}")
    filled = np.where(np.isnan(scores), -np.inf, scores)
    thresholds = _thresholds(filled)
    widths = np.unique(np.linspace(0, buffer, min(steps, buffer + 1)).astype(int))
    return float(np.mean([_area(filled, thresholds, truth, int(width)) for width in widths]))


def _thresholds(scores: NDArray[np.float64]) -> NDArray[np.float64]:
    ordered = np.sort(scores)[::-1]
    picked = np.linspace(0, len(ordered) - 1, _THRESHOLDS).astype(int)
    return np.unique(ordered[picked])[::-1]


def _area(
    scores: NDArray[np.float64], thresholds: NDArray[np.float64], truth: NDArray[np.bool_], width: int
) -> float:
    soft = _softened(truth, width)
    starts, ends = _ranges(soft > 0)
    positives = (float(truth.sum()) + float(soft.sum())) / 2.0
    order = np.argsort(-scores, kind="stable")
    ranked = scores[order]
    weight = np.concatenate(([0.0], np.cumsum(soft[order])))
    # how many samples are at or above each threshold
    count = np.searchsorted(-ranked, -thresholds, side="right")
    best = np.array([scores[s:e].max() for s, e in zip(starts, ends, strict=True)])
    exists = (best[None, :] >= thresholds[:, None]).mean(axis=1)
    recall = np.minimum(weight[count] / positives, 1.0) * exists
    precision = weight[count] / np.maximum(count, 1)
    return float(np.sum(np.diff(recall, prepend=0.0) * precision))


def _softened(truth: NDArray[np.bool_], width: int) -> NDArray[np.float64]:
    """Labels with edges that fall off as √(1 − distance / width) over half a width each way."""
    soft = truth.astype(np.float64)
    if width == 0:
        return soft
    starts, ends = _ranges(truth)
    first: list[int] = starts.tolist()
    last: list[int] = ends.tolist()
    for start, end in zip(first, last, strict=True):
        after = np.arange(end, min(end + width // 2, len(soft)))
        before = np.arange(max(start - width // 2, 0), start)
        soft[after] += np.sqrt(1.0 - (after - end + 1) / width)
        soft[before] += np.sqrt(1.0 - (start - before) / width)
    return np.minimum(soft, 1.0)


def _ranges(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Begin and end (exclusive) of each run of ``True``."""
    edge = np.diff(mask.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
