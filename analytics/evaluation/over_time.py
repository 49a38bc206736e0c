"""Scores over time against labels: VUS-PR and NAB, of each detector and of what cannot know.

A series is a device: the highest score of its streams in every bucket of time. Both measures
ask each device of a label to show it, unlike `analytics.evaluation.rules`, for which one is
enough; what lies in a nuisance is left out of both.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.evaluation.nab import (
    PROFILES,
    STANDARD,
    Ranking,
    ScoredSeries,
    at_threshold,
    optimum,
    probation,
)
from analytics.evaluation.rules import Rules
from analytics.evaluation.surface import vus_pr
from telemetry.labels import Label, Meaning
from telemetry.readings import to_micros

SECOND = 1_000_000
THIS = "this"
MEASURES = ("vus_pr", "nab_standard", "nab_low_fp", "nab_low_fn", "nab_as_set")
"""Higher is better. NAB's first three are at the threshold that serves the scores best, as NAB has
it; ``nab_as_set`` is the standard profile at the configured thresholds."""
_BUFFER_S = 3_600.0
"""The widest soft edge of a label: about the length of the shortest events."""
_MOST_SURFACES = 16
"""Devices the volume is the mean of; more change its second digit and take a second each."""


@dataclass(frozen=True, slots=True)
class Grid:
    """Which devices' scores are kept, and in which buckets: ``n`` of ``width`` µs from ``start`` (µs)."""

    device_ids: tuple[str, ...]
    start: int
    width: int
    n: int

    @property
    def times(self) -> NDArray[np.int64]:
        """When each bucket begins."""
        return self.start + self.width * np.arange(self.n, dtype=np.int64)


Peaks = Mapping[str, NDArray[np.float32]]
"""By detector, the highest score of each device in each bucket, shape ``(devices, buckets)``. A
condition is raised from 1 on; −inf is where nothing was scored."""


def measure(
    peaks: Peaks, grid: Grid, labels: Sequence[Label], rules: Rules | None = None, seed: int = 0
) -> dict[str, dict[str, float]]:
    """`MEASURES` by whose scores: *this* is all detectors, then each, then what cannot know.

    Empty where no device of the grid has a label behind NAB's probation. To a measure without a
    threshold *never* and *always* are the same, a constant.

    Parameters
    ----------
    rules
        What shows within ``grace_s`` after a label still belongs to it.
    seed
        Of the random baseline.
    """
    truths = [_Truth.of(grid, labels, device, rules or Rules()) for device in grid.device_ids]
    if not any(truth.counts for truth in truths):
        return {}
    shape = (len(grid.device_ids), grid.n)
    whole = np.full(shape, -np.inf, np.float32)
    for one in peaks.values():
        np.maximum(whole, one, out=whole)
    given = {THIS: whole, **peaks, **_guesses(shape, truths, seed)}
    return {name: _measured(name, scores, truths, grid) for name, scores in given.items()}


@dataclass(frozen=True, slots=True)
class _Truth:
    """Of one device: which buckets count, which of those are in a label, and NAB's windows in them."""

    keep: NDArray[np.bool_]
    inside: NDArray[np.bool_]
    windows: tuple[tuple[int, int], ...]

    @classmethod
    def of(cls, grid: Grid, labels: Sequence[Label], device: str, rules: Rules) -> _Truth:
        grace = round(rules.grace_s * SECOND)
        inside, near = _covered(grid, labels, device, Meaning.HAPPENED, 0, grace)
        keep = ~_covered(grid, labels, device, Meaning.NUISANCE, grace)[0] | near
        edges = np.diff(near[keep].astype(np.int8), prepend=0, append=0)
        firsts, afters = np.flatnonzero(edges == 1), np.flatnonzero(edges == -1)
        return cls(keep, inside[keep], tuple(zip(firsts.tolist(), (afters - 1).tolist(), strict=True)))

    @property
    def counts(self) -> bool:
        """Whether a window reaches behind probation."""
        return any(last >= probation(len(self.inside)) for _, last in self.windows)


def _covered(
    grid: Grid, labels: Sequence[Label], device: str, meaning: Meaning, *after: int
) -> list[NDArray[np.bool_]]:
    """Buckets that labels of a device touch, with each of ``after`` µs behind them."""
    masks = [np.zeros(grid.n, np.bool_) for _ in after]
    for label in labels:
        if label.meaning is meaning and device in label.device_ids:
            first = max(0, (to_micros(label.start) - grid.start) // grid.width)
            for mask, more in zip(masks, after, strict=True):
                mask[first : max(0, (to_micros(label.end) + more - grid.start) // grid.width + 1)] = True
    return masks


def _guesses(shape: tuple[int, int], truths: Sequence[_Truth], seed: int) -> dict[str, NDArray[np.float32]]:
    often = max(1, round(sum(len(truth.windows) for truth in truths) / len(truths)))
    ramp = np.arange(shape[1]) * often / shape[1] % 1.0
    return {
        "never": np.zeros(shape, np.float32),
        "always": np.ones(shape, np.float32),
        "random": np.random.default_rng(seed).random(shape, np.float32),
        "periodic": np.broadcast_to(ramp.astype(np.float32), shape),
    }


def _measured(
    name: str, scores: NDArray[np.float32], truths: Sequence[_Truth], grid: Grid
) -> dict[str, float]:
    rows = [row[truth.keep].astype(np.float64) for row, truth in zip(scores, truths, strict=True)]
    buffer = max(1, round(_BUFFER_S * SECOND / grid.width))
    shown = [(row, t.inside) for row, t in zip(rows, truths, strict=True) if t.inside.any()][:_MOST_SURFACES]
    series = Ranking(
        [
            ScoredSeries(device, row, truth.windows)
            for device, row, truth in zip(grid.device_ids, rows, truths, strict=True)
        ]
    )
    # NAB lets each choose its threshold, so that a constant could choose to be silent.
    fixed = {"never": 2.0, "always": 1.0}.get(name)
    found = [
        (optimum(series, profile) if fixed is None else at_threshold(series, profile, fixed)).score
        for profile in PROFILES
    ]
    surface = float(np.mean([vus_pr(row, inside, buffer) for row, inside in shown])) if shown else 0.0
    as_set = at_threshold(series, STANDARD, 1.0).score if fixed is None else found[0]
    return dict(zip(MEASURES, (surface, *found, as_set), strict=True))
