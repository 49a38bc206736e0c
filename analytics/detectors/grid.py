"""A regular grid of time: readings that come as they please, as means of equal steps."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from analytics.columns import grown
from analytics.roster import Rows, runs
from analytics.rounds import NEVER

_SLOTS = 2
"""The step that may end next and the one after it, into which readings come already."""


def in_steps(
    rows: Rows, last: NDArray[np.int64], step_us: int, wait_us: int = 0
) -> Iterator[tuple[int, Rows]]:
    """Rows newer than their stream's ``last``, in order of time, cut where a step is over.

    Yields the number of the step that runs and the rows heard while it does. A step is
    over ``wait_us`` after its end, so a row may belong to the next one already. ``last``,
    shape ``(n_streams,)``, goes forward with the rows.
    """
    rows = rows.take(rows.times > last[rows.streams])
    if len(rows) == 0:
        return
    if np.bincount(rows.streams).max() > 1:
        rows = _once(rows)
    last[rows.streams] = rows.times
    running = (rows.times - wait_us) // step_us
    if running.min() == running.max():
        yield int(running[0]), rows
        return
    order = np.argsort(running, kind="stable")
    edges = np.flatnonzero(np.diff(running[order])) + 1
    for part in np.split(order, edges):
        yield int(running[part[0]]), rows.take(part)


def _once(rows: Rows) -> Rows:
    """The rows in order of time, each moment of a stream as it came first."""
    rows = rows.take(np.lexsort((rows.times, rows.streams)))
    first = np.ones(len(rows), np.bool_)
    first[1:] = (rows.streams[1:] != rows.streams[:-1]) | (rows.times[1:] != rows.times[:-1])
    rows = rows.take(first)
    return rows.take(np.argsort(rows.times, kind="stable"))


class StepMeans:
    """The mean of each stream over each step, for the two steps that may still grow."""

    def __init__(self, step_us: int) -> None:
        self.step_us = step_us
        self._step = np.empty((0, _SLOTS), np.int64)
        self._sum = np.empty((0, _SLOTS), np.float64)
        self._n = np.empty((0, _SLOTS), np.int64)

    def extend(self, n: int) -> None:
        """Make room for ``n`` streams."""
        self._step = grown(self._step, n, NEVER)
        self._sum, self._n = grown(self._sum, n, 0.0), grown(self._n, n, 0)

    def add(self, rows: Rows) -> None:
        """Take rows in order of time; a step two before a row's own is forgotten."""
        step = rows.times // self.step_us
        slot = step % _SLOTS
        fresh = self._step[rows.streams, slot] != step
        streams, slots = rows.streams[fresh], slot[fresh]
        self._step[streams, slots] = step[fresh]
        self._sum[streams, slots] = 0.0
        self._n[streams, slots] = 0
        # One after the other, so that the sum is the same however the rows were cut.
        np.add.at(self._sum, (rows.streams, slot), rows.values)
        np.add.at(self._n, (rows.streams, slot), 1)

    def means(self, streams: NDArray[np.int64], steps: NDArray[np.int64]) -> NDArray[np.float64]:
        """The mean of each of these streams over these steps; NaN where nothing was heard."""
        slot = steps % _SLOTS
        heard = self._step[streams, slot] == steps
        n = np.maximum(self._n[streams, slot], 1)
        return np.where(heard, self._sum[streams, slot] / n, np.nan)

    def state(self) -> dict[str, NDArray[np.generic]]:
        """The running steps, one row a stream."""
        return {"step": self._step.copy(), "sum": self._sum.copy(), "n": self._n.copy()}

    def restore(
        self, state: dict[str, NDArray[np.generic]], source: NDArray[np.intp], target: NDArray[np.intp]
    ) -> None:
        """Take up kept rows ``source`` as those of streams ``target``."""
        for name in ("step", "sum", "n"):
            getattr(self, f"_{name}")[target] = state[name][source]


def grid_of(rows: Rows, step_us: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]:
    """Rows, ordered by stream, as means of steps.

    Returns
    -------
    streams
        Distinct places in the roster, shape ``(k,)``, ascending.
    steps
        Numbers of the steps from the first to the last that has a row, shape ``(t,)``.
    means
        Shape ``(k, t)``, NaN where a stream has no row.
    """
    streams, which = runs(rows.streams)
    if len(streams) == 0:
        return streams, np.empty(0, np.int64), np.empty((0, 0), np.float32)
    step = rows.times // step_us
    first, n = int(step.min()), int(step.max() - step.min()) + 1
    cell = which * n + (step - first)
    count = np.bincount(cell, minlength=len(streams) * n)
    total = np.bincount(cell, weights=rows.values, minlength=len(streams) * n)
    means = np.where(count > 0, total / np.maximum(count, 1), np.nan)
    return streams, first + np.arange(n), means.astype(np.float32).reshape(len(streams), n)
