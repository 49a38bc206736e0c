"""Subspace: the last hours of a stream look like none of its usual hours.

Principal components of a stream's windows (Shyu, Chen, Sarinnapakorn and Chang, "A novel
anomaly detection scheme based on principal component classifier", ICDM Foundations 2003;
on subsequences as Sub-PCA in Paparrizos et al., TSB-UAD, PVLDB 15, 2022) span what its
hours usually look like. What they leave over of the newest part of a window is strange.

Steps that were not heard, and those that were wild, do not count when a window is laid over
the components, so that an outage leaves no ghost behind it; the prior of probabilistic PCA
(Tipping and Bishop, JRSS B 61, 1999) keeps the fit of what remains sane. Where too little
is believed any more, all of it is.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import sklearn
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.detectors.base import Setup, rows_of
from analytics.detectors.grid import StepMeans, grid_of, in_steps
from analytics.detectors.shapes import Shapes, fit_shapes
from analytics.roster import Roster, Rows
from analytics.rounds import NEVER
from analytics.scores import Scores, Term
from analytics.times import DAY, SECOND
from telemetry.detection.floors import FLOORS, with_own
from telemetry.detection.levels import Level
from telemetry.detection.subspace import SubspaceParams
from telemetry.devices import Stream

_sklearn: Any = sklearn
"""Scikit-learn checks what it is given for a quarter of the time that a small fit takes."""

_UNWATCHED = -1
_CHUNK = 1024
"""Streams scored in one product, which keeps the arrays in some 10 MB."""
_DRAWN = 60
"""Most points of a picture's curve."""
_STATE = ("last", "running", "ring", "believed")


class Subspace:
    """The energy that each stream's own components leave over. Silent until a model was learnt.

    State stands by watched stream, ``n`` of them: ``ring`` float32 ``(n, window)``, the
    means of the last steps, each in the column of its number modulo the window, NaN where
    none was heard; ``believed`` bool, of its shape; ``running``, the step that runs.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: SubspaceParams = setup.params
        self._floor_of = with_own(FLOORS, self._params.floors)
        self._width = self._params.window_steps
        self._means = StepMeans(round(self._params.step_s * SECOND))
        self._roster = Roster.of((), ())
        self._place = np.empty(0, np.int64)
        self._ids = np.empty(0, np.int32)
        self._last = np.empty(0, np.int64)
        self._running = np.empty(0, np.int64)
        self._ring = np.empty((0, self._width), np.float32)
        self._believed = np.empty((0, self._width), np.bool_)
        self._shapes = Shapes.none(self._width, self._params.components)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns their terms."""
        fresh = roster.streams[len(self._roster) :]
        watched = self._watched(roster, fresh)
        place = np.where(watched, len(self._ids) + np.cumsum(watched) - 1, _UNWATCHED)
        self._place = np.concatenate((self._place, place))
        self._ids = np.concatenate((self._ids, roster.stream_ids[len(self._roster) :][watched]))
        n = len(self._ids)
        self._last, self._running = grown(self._last, n, NEVER), grown(self._running, n, NEVER)
        self._ring, self._believed = grown(self._ring, n, np.nan), grown(self._believed, n, True)
        self._shapes.extend(n)
        self._means.extend(n)
        self._roster = roster
        taken = [stream for stream, takes in zip(fresh, watched.tolist(), strict=True) if takes]
        return [_term(stream, level, self._params) for stream in taken for level in self._params.levels]

    def warm(self, rows: Rows, now: int) -> None:
        """Fill the windows."""
        width_us = self._width * self._means.step_us
        for _ in self._closed(self._own(rows.take(rows.times > now - width_us))):
            pass

    def fit(self, roster: Roster, rows: Rows) -> Columns:
        """The components of the watched streams among these."""
        own = rows_of(roster, rows, lambda stream: self._watches(roster, stream))
        streams, _, means = grid_of(own, self._means.step_us)
        floors = [self._floor_of[roster.streams[int(stream)].metric] for stream in streams]
        least = round(self._params.least_days * DAY / self._means.step_us)
        with _sklearn.config_context(assume_finite=True, skip_parameter_validation=True):
            fitted = [
                fit_shapes(x, floor, self._params, least) for x, floor in zip(means, floors, strict=True)
            ]
        known = [i for i, shapes in enumerate(fitted) if shapes is not None]
        found = Shapes.none(self._width, self._params.components).joined([s for s in fitted if s is not None])
        return {"stream": roster.stream_ids[streams[known]], **found.columns()}

    def learn(self, model: Columns) -> None:
        """Take up the components of these streams; those of other lengths are left."""
        if model["basis"].shape[1:] != self._shapes.basis.shape[1:]:
            return
        source, target = match(model["stream"], self._ids)
        self._shapes.take_up(model, source, target)

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """The energy of each window whose newest step has ended."""
        return [self._scores(places, steps) for places, steps in self._closed(self._own(rows))]

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a step ends with the first reading after it."""
        return []

    def state(self) -> Columns:
        """The windows and the running steps."""
        kept: Columns = {name: getattr(self, f"_{name}").copy() for name in _STATE}
        return {"stream": self._ids, **kept, **self._means.state()}

    def models(self) -> Columns:
        """The components."""
        known = np.flatnonzero(~np.isnan(self._shapes.usual))
        return {"stream": self._ids[known], **self._shapes.taken(known).columns()}

    def restore(self, state: Columns) -> None:
        """Take up a kept state, unless its windows are of another length."""
        if state["ring"].shape[1:] != self._ring.shape[1:]:
            return
        source, target = match(state["stream"], self._ids)
        for name in _STATE:
            getattr(self, f"_{name}")[target] = state[name][source]
        self._means.restore(state, source, target)

    def counts(self) -> dict[str, int]:
        """None."""
        return {}

    def _watched(self, roster: Roster, streams: Sequence[Stream]) -> NDArray[np.bool_]:
        return np.array([self._watches(roster, stream) for stream in streams], np.bool_)

    def _watches(self, roster: Roster, stream: Stream) -> bool:
        return stream.metric in self._floor_of and self._setup.watches(roster, stream)

    def _own(self, rows: Rows) -> Rows:
        """The watched rows, by place among the watched streams."""
        place = self._place[rows.streams]
        watched = place >= 0
        return Rows(place[watched], rows.times[watched], rows.values[watched])

    def _closed(self, rows: Rows) -> Iterator[tuple[NDArray[np.int64], NDArray[np.int64]]]:
        """Streams whose running step the rows end, and its number; the step stands in the ring by then."""
        for step, part in in_steps(rows, self._last, self._means.step_us):
            streams = np.unique(part.streams)
            ended = streams[(self._running[streams] < step) & (self._running[streams] != NEVER)]
            if len(ended):
                steps = self._running[ended]
                self._put(ended, steps)
                yield ended, steps
                self._forget(ended, steps, step)
            self._running[streams] = step
            self._means.add(part)

    def _put(self, places: NDArray[np.int64], steps: NDArray[np.int64]) -> None:
        column = steps % self._width
        self._ring[places, column] = self._means.means(places, steps)
        self._believed[places, column] = True

    def _forget(self, places: NDArray[np.int64], steps: NDArray[np.int64], now: int) -> None:
        """Empty the columns of steps that passed in silence."""
        silent = np.flatnonzero(steps < now - 1)
        if len(silent) == 0:
            return
        columns = np.arange(self._width)
        number = now - 1 - (now - 1 - columns) % self._width
        row, column = np.nonzero(number[None, :] > steps[silent][:, None])
        self._ring[places[silent[row]], column] = np.nan
        self._believed[places[silent[row]], column] = True

    def _scores(self, places: NDArray[np.int64], steps: NDArray[np.int64]) -> Scores:
        parts = range(0, len(places), _CHUNK)
        scored = [self._chunk(places[i : i + _CHUNK], steps[i : i + _CHUNK]) for i in parts]
        score, value, expected, margin, wild = (
            np.concatenate(column) for column in zip(*scored, strict=True)
        )
        levels = len(self._params.levels)
        row = np.repeat(np.arange(len(places)), levels)
        strange = np.flatnonzero(score >= min(level.score for level in self._params.levels))
        drawn = {int(i): self._picture(int(places[i]), int(steps[i])) for i in strange}
        self._believed[places, steps % self._width] = wild == 0.0
        return Scores(
            terms=(places[:, None] * levels + np.arange(levels)).ravel(),
            times=(steps[row] + 1) * self._means.step_us,
            scores=score[row],
            values=value[row],
            lows=(expected - margin)[row],
            highs=(expected + margin)[row],
            facts={"expected": expected[row]},
            pictures={i * levels + j: drawn[i] for i in drawn for j in range(levels)},
        )

    def _chunk(self, places: NDArray[np.int64], steps: NDArray[np.int64]) -> tuple[NDArray[np.float64], ...]:
        """Score, observed and expected newest mean, how far from it is usual, and whether it is wild."""
        window, believed = self._windows(places, steps)
        expected = self._shapes.laid_over(places, window, believed)
        recent = slice(self._width - self._params.recent_steps, None)
        left = (window - expected)[:, recent]
        heard = ~np.isnan(left)
        energy = np.where(heard, left * left, 0.0).sum(axis=1) / np.maximum(heard.sum(axis=1), 1)
        usual = self._shapes.usual[places]
        enough = believed.sum(axis=1) >= self._params.least_share * self._width
        score = np.where(enough & heard[:, -1], energy / usual, np.nan)
        # A comparison with NaN is false: while warming up, everything is believed.
        wild = (enough & (left[:, -1] ** 2 > self._params.disbelieved * usual)).astype(np.float64)
        least = min(level.score for level in self._params.levels)
        return score, window[:, -1], expected[:, -1], np.sqrt(least * usual), wild

    def _windows(
        self, places: NDArray[np.int64], steps: NDArray[np.int64]
    ) -> tuple[NDArray[np.float64], NDArray[np.bool_]]:
        """The windows that end with these steps, oldest first, and what of them is heard and believed."""
        columns = (steps[:, None] + np.arange(1, self._width + 1)) % self._width
        window = self._ring[places[:, None], columns].astype(np.float64)
        heard, believed = ~np.isnan(window), self._believed[places[:, None], columns]
        least = self._params.least_share * self._width
        lost = (heard.sum(axis=1) >= least) & ((heard & believed).sum(axis=1) < least)
        self._believed[places[lost]] = True
        return window, heard & (believed | lost[:, None])

    def _picture(self, place: int, step: int) -> dict[str, Any]:
        """The window and what the components make of it, at most `_DRAWN` points."""
        places, steps = np.array([place]), np.array([step])
        window, believed = self._windows(places, steps)
        expected = self._shapes.laid_over(places, window, believed)
        stride = -(-self._width // _DRAWN)
        drawn = slice((self._width - 1) % stride, None, stride)
        return {
            "window": _plain(window[0, drawn]),
            "reconstruction": _plain(expected[0, drawn]),
            "window_step_s": stride * self._params.step_s,
        }


def _term(stream: Stream, level: Level, params: SubspaceParams) -> Term:
    return Term(
        key=f"subspace:{stream.stream_id}:{level.severity}",
        condition=f"subspace:{stream.stream_id}",
        rule="subspace",
        stream_id=stream.stream_id,
        severity=level.severity,
        raise_at=level.score,
        clear_at=params.clear,
        min_duration_s=level.min_duration_s,
        step=level.score,
    )


def _plain(curve: NDArray[np.float64]) -> list[float | None]:
    return [float(f"{value:.5g}") if np.isfinite(value) else None for value in curve.tolist()]
