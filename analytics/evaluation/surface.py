"""VUS-PR: the volume under the precision-recall surface, for scores over time.

Source: Paparrizos et al., "Volume Under the Surface", PVLDB 15(11), 2022, as its authors'
program computes it. A label's edges are made soft by a buffer of ``w`` samples, so that an
alarm a little early or late is not all wrong; the area under the precision-recall curve is
averaged over every buffer from 0 to ``buffer``, so that none has to be chosen.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from telemetry.labels import Label, Meaning
from telemetry.readings import to_micros

_THRESHOLDS = 250
"""As many as the authors' program tries."""


def vus_pr(scores: NDArray[np.float64], truth: NDArray[np.bool_], buffer: int) -> float:
    """The volume, 0 … 1.

    Parameters
    ----------
    scores
        Shape ``(n,)``, higher is stranger; NaN counts as the lowest.
    truth
        Shape ``(n,)``, whether the sample lies in a labelled anomaly; at least one does.
    buffer
        The widest buffer, samples: about the length of a typical anomaly.

    Raises
    ------
    ValueError
        Shapes differ, nothing is labelled, or a negative buffer.
    """
    if scores.shape != truth.shape or scores.ndim != 1:
        raise ValueError(f"scores of shape {scores.shape} and labels of shape {truth.shape}")
    if not truth.any() or buffer < 0:
        raise ValueError("nothing is labelled" if buffer >= 0 else f"a buffer of {buffer}")
    ranked = _Ranked.of(np.where(np.isnan(scores), -np.inf, scores))
    areas = [_area(ranked, truth, _softened(truth, width), width) for width in range(buffer + 1)]
    return float(np.mean(areas))


def beside(
    scores: NDArray[np.float64], truth: NDArray[np.bool_], buffer: int, seed: int = 0
) -> dict[str, float]:
    """The volume of the scores as *this*, and of scores that cannot know.

    To a measure without a threshold, *never* and *always* are the same *constant*;
    *random* is seeded, and *periodic* rises and falls as often as there are anomalies.
    """
    rows = np.arange(len(scores), dtype=np.float64)
    often = max(len(_runs(truth)[0]), 1)
    guesses = {
        "constant": np.zeros(len(scores)),
        "random": np.random.default_rng(seed).random(len(scores)),
        "periodic": rows * often / len(scores) % 1.0,
    }
    given = {"this": scores, **guesses}
    return {name: vus_pr(one, truth, buffer) for name, one in given.items()}


def labelled(
    times: NDArray[np.int64], labels: Iterable[Label], device_id: str, metric: str
) -> NDArray[np.bool_]:
    """Which instants of a stream lie in something that happened; ``times`` are epoch µs, shape ``(n,)``."""
    mask = np.zeros(len(times), np.bool_)
    for label in labels:
        of_stream = device_id in label.device_ids and (not label.metrics or metric in label.metrics)
        if of_stream and label.meaning is Meaning.HAPPENED:
            mask |= (times >= to_micros(label.start)) & (times <= to_micros(label.end))
    return mask


@dataclass(frozen=True, slots=True)
class _Ranked:
    """Scores from high to low: what is the same for every buffer.

    ``order`` sorts the samples, ``counts`` says how many are at or above each of ``thresholds``.
    """

    scores: NDArray[np.float64]
    order: NDArray[np.intp]
    thresholds: NDArray[np.float64]
    counts: NDArray[np.intp]

    @classmethod
    def of(cls, scores: NDArray[np.float64]) -> _Ranked:
        order = np.argsort(-scores, kind="stable")
        ordered = scores[order]
        thresholds = ordered[np.linspace(0, len(ordered) - 1, _THRESHOLDS).astype(int)]
        return cls(scores, order, thresholds, np.searchsorted(-ordered, -thresholds, side="right"))

    def told(self, weights: NDArray[np.float64]) -> NDArray[np.float64]:
        """The sum of the samples' weights at or above each threshold."""
        return np.concatenate(([0.0], np.cumsum(weights[self.order])))[self.counts]


def _area(ranked: _Ranked, truth: NDArray[np.bool_], soft: NDArray[np.float64], width: int) -> float:
    hits, sure = ranked.told(soft), ranked.told(truth.astype(np.float64))
    # Half of what is told in the buffers counts as if it had to be found: else recall could pass 1.
    positives = float(truth.sum()) + (hits - sure) / 2.0
    starts, ends = _stretches(truth, width)
    best = np.array([ranked.scores[s:e].max() for s, e in zip(starts, ends, strict=True)])
    existence = (best[None, :] >= ranked.thresholds[:, None]).mean(axis=1)
    recall = np.minimum(hits / positives, 1.0) * existence
    return float(np.sum(np.diff(recall, prepend=0.0) * hits / ranked.counts))


def _softened(truth: NDArray[np.bool_], width: int) -> NDArray[np.float64]:
    """Labels with edges that fall off as √(1 − distance / width) over half a width each way."""
    soft = truth.astype(np.float64)
    if width < 2:
        return soft
    away = np.arange(1, width // 2 + 1)
    edge = np.sqrt(1.0 - away / width)
    starts, ends = _runs(truth)
    for places in (starts[:, None] - away, ends[:, None] - 1 + away):
        inside = (places >= 0) & (places < len(soft))
        np.add.at(soft, places[inside], np.broadcast_to(edge, places.shape)[inside])
    return np.minimum(soft, 1.0)


def _stretches(truth: NDArray[np.bool_], width: int) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Begin and end of each anomaly with its buffers; those whose buffers overlap are one."""
    starts, ends = _runs(truth)
    apart = ends[:-1] - 1 + width // 2 < starts[1:] - width // 2
    first, last = np.concatenate(([True], apart)), np.concatenate((apart, [True]))
    return np.maximum(starts[first] - width // 2, 0), np.minimum(ends[last] + width // 2, len(truth))


def _runs(mask: NDArray[np.bool_]) -> tuple[NDArray[np.intp], NDArray[np.intp]]:
    """Begin and end (exclusive) of each run of ``True``."""
    edge = np.diff(mask.astype(np.int8), prepend=0, append=0)
    return np.flatnonzero(edge == 1), np.flatnonzero(edge == -1)
