"""What is kept of scores over time: the highest of each bucket, of devices enough to judge by.

Memory is bounded: `_MOST_DEVICES` devices and `_MOST_BUCKETS` buckets of four bytes for each
detector, a megabyte, however long the history and however large the city.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from analytics.backtest.plan import Plan
from analytics.decider import Decider
from analytics.evaluation.over_time import Grid, Peaks
from analytics.scores import Scores, Term
from analytics.stages import Pipeline
from analytics.times import SECOND, micros
from telemetry.alerts import Finding
from telemetry.devices import Stream
from telemetry.labels import Label, Meaning

_BUCKET_US = 300 * SECOND
_MOST_BUCKETS = 4_320
_MOST_DEVICES, _MOST_LABELLED = 64, 48


def grid_of(plan: Plan, device_ids: Iterable[str], labels: Sequence[Label]) -> Grid | None:
    """Labelled devices, and some of the others for false alarms; ``None`` where none is labelled."""
    watched = sorted(device_ids)
    happened = {
        device
        for label in labels
        if label.meaning is Meaning.HAPPENED and label.start < plan.end and label.end > plan.start
        for device in label.device_ids
    }
    order: list[int] = np.random.default_rng(plan.options.seed).permutation(len(watched)).tolist()
    drawn = [watched[place] for place in order]
    labelled = [device for device in drawn if device in happened][:_MOST_LABELLED]
    if not labelled:
        return None
    others = [device for device in drawn if device not in happened]
    start, length = micros(plan.start), micros(plan.end) - micros(plan.start)
    width = max(_BUCKET_US, -(-length // _MOST_BUCKETS))
    kept = (*labelled, *others[: _MOST_DEVICES - len(labelled)])
    return Grid(kept, start, width, -(-length // width))


class KeepingDecider(Decider):
    """A decider that keeps the peaks of what it is given: 1 is where a term is raised."""

    def __init__(self, detector: str, grid: Grid, device_of: Mapping[int, str]) -> None:
        super().__init__(detector)
        self.peaks: NDArray[np.float32] = np.full((len(grid.device_ids), grid.n), -np.inf, np.float32)
        self._grid = grid
        self._row = {device: row for row, device in enumerate(grid.device_ids)}
        self._device_of = device_of
        self._rows = np.empty(0, np.int64)
        self._bounds_of = np.empty((0, 2), np.float64)

    def extend(self, terms: Sequence[Term]) -> None:
        """As any decider."""
        super().extend(terms)
        rows = [self._row.get(self._device_of.get(term.stream_id, ""), -1) for term in terms]
        bounds = [(term.raise_at, _scale(term)) for term in terms]
        self._rows = np.concatenate((self._rows, np.array(rows, np.int64)))
        self._bounds_of = np.concatenate((self._bounds_of, np.array(bounds, np.float64).reshape(-1, 2)))

    def decide(self, rounds: Iterable[Scores]) -> list[Finding]:
        """As any decider."""
        return super().decide(self._noted(rounds))

    def _noted(self, rounds: Iterable[Scores]) -> Iterable[Scores]:
        for scores in rounds:
            self._note(scores)
            yield scores

    def _note(self, scores: Scores) -> None:
        rows = self._rows[scores.terms]
        bucket = (scores.times - self._grid.start) // self._grid.width
        kept = np.flatnonzero(
            (rows >= 0) & (bucket >= 0) & (bucket < self._grid.n) & ~np.isnan(scores.scores)
        )
        if not len(kept):
            return
        raise_at, scale = self._bounds_of[scores.terms[kept]].T
        worth = 1.0 + (scores.scores[kept] - raise_at) / scale
        flat = rows[kept] * self._grid.n + bucket[kept]
        np.maximum.at(self.peaks.reshape(-1), flat, worth.astype(np.float32))


def _scale(term: Term) -> float:
    """What a score is measured in; a bound of 0 has no size of its own."""
    return abs(term.raise_at) or abs(term.raise_at - term.clear_at) or 1.0


def keeping(
    pipeline: Pipeline, grid: Grid | None, streams: Sequence[Stream]
) -> tuple[Pipeline, dict[str, NDArray[np.float32]]]:
    """The pipeline, knowing no stream yet, with deciders that keep; and where they do, by detector."""
    if grid is None:
        return pipeline, {}
    device_of = {stream.stream_id: stream.device_id for stream in streams}
    deciders = {stage.name: KeepingDecider(stage.name, grid, device_of) for stage in pipeline.stages}
    guards = tuple(replace(stage, decider=deciders[stage.name]) for stage in pipeline.guards)
    watchers = tuple(replace(stage, decider=deciders[stage.name]) for stage in pipeline.watchers)
    return Pipeline(guards, watchers), {name: decider.peaks for name, decider in deciders.items()}


def within(grid: Grid | None, device_ids: Iterable[str]) -> Grid | None:
    """The grid of these devices alone; ``None`` where it has none of them."""
    own = set(device_ids)
    kept = () if grid is None else tuple(device for device in grid.device_ids if device in own)
    return replace(grid, device_ids=kept) if grid is not None and kept else None


def merged(grid: Grid, parts: Iterable[tuple[Grid | None, Peaks]]) -> dict[str, NDArray[np.float32]]:
    """The peaks of the whole grid from those of its parts."""
    whole: dict[str, NDArray[np.float32]] = {}
    for part, peaks in parts:
        rows = [grid.device_ids.index(device) for device in part.device_ids] if part is not None else []
        for name, found in peaks.items():
            into = whole.setdefault(name, np.full((len(grid.device_ids), grid.n), -np.inf, np.float32))
            into[rows] = np.maximum(into[rows], found)
    return whole
