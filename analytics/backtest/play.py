"""Playing history to an engine, as if it were being committed."""

from __future__ import annotations

import time
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import pairwise
from typing import Any, TypeVar

import numpy as np
from numpy.typing import NDArray
from threadpoolctl import threadpool_limits

from analytics.backtest.past import Past
from analytics.backtest.peaks import keeping
from analytics.backtest.plan import Plan
from analytics.backtest.sources import Source
from analytics.blocks import Block, cut, join, score_block
from analytics.engine import Engine
from analytics.evaluation.over_time import Grid, Peaks
from analytics.history import SLICE, fit, warm
from analytics.roster import Roster, Rows
from analytics.stages import make_pipeline
from analytics.ties import parts
from analytics.times import SECOND, micros
from telemetry.alerts import Finding
from telemetry.city import City
from telemetry.devices import Device, Stream
from telemetry.readings import Readings

_Item = TypeVar("_Item")

_threads: Any = threadpool_limits
"""One thread for linear algebra, as on a Dask worker. With more, sums come out in another order, so
that results differ in their last digits, and the many small products of the detectors take several times as
long."""

_BLOCK_ROWS = 65_536
_LEAST_CADENCE_S = 5.0
_COARSE = 3.0

Tell = Callable[[int, int], None]
"""Told now and then up to which time (microseconds) history was played, and how many readings
more were scored. It may raise `Cancelled`."""


class Cancelled(Exception):  # noqa: N818  (nothing went wrong)
    """A run was told to stop."""


@dataclass(frozen=True, slots=True)
class Part:
    """The streams of a city that are played together.

    ``steps`` are those in which anything of the whole city arrives, where these streams
    are not all of it; ``None`` where they are. ``grid`` says whose scores are kept.
    """

    stream_ids: tuple[int, ...]
    steps: NDArray[np.int64] | None = None
    grid: Grid | None = None


@dataclass(slots=True)
class Played:
    """What came of a part."""

    stream_ids: tuple[int, ...]
    findings: list[Finding]
    scored: int = 0
    unfit: int = 0
    took_s: dict[str, float] = field(default_factory=dict[str, float])
    """Seconds spent reading, fitting and scoring."""
    grid: Grid | None = None
    peaks: Peaks = field(default_factory=dict[str, NDArray[np.float32]])
    """What was kept of the scores, for the part's grid."""


@dataclass(frozen=True, slots=True)
class World:
    """What is known of a city before the first reading."""

    city: City
    streams: Sequence[Stream]
    devices: Sequence[Device]

    def spaced(self, spacings_s: Mapping[int, float]) -> World:
        """The city as its history has it.

        What lies further apart than three usual intervals, such as imported history or that
        of a simulator, would be gaps and nothing else to the detectors. The interval of such
        a stream is what its readings have on average.
        """
        streams = [
            replace(stream, interval_s=spacings_s[stream.stream_id])
            if spacings_s.get(stream.stream_id, 0.0) > _COARSE * stream.interval_s
            else stream
            for stream in self.streams
        ]
        return replace(self, streams=streams)

    def cadence(self, plan: Plan) -> int:
        """The step in which readings arrive, microseconds."""
        fastest_s = min((stream.interval_s for stream in self.streams), default=_LEAST_CADENCE_S)
        return round((plan.options.cadence_s or max(_LEAST_CADENCE_S, fastest_s)) * SECOND)


def play(world: World, source: Source, plan: Plan, part: Part, tell: Tell = lambda _at, _n: None) -> Played:
    """Warm an engine up and play a part of history to it.

    The engine knows the whole city, so that what goes by all of it (how fast its fastest
    device is) is as it would be live; it hears the part alone.

    Raises
    ------
    Cancelled
        ``tell`` said so.
    """
    with _threads(limits=1):
        return _play(world, source, plan, part, tell)


def _play(world: World, source: Source, plan: Plan, part: Part, tell: Tell) -> Played:
    pipeline, peaks = keeping(make_pipeline(world.city, plan.configuration), part.grid, world.streams)
    watch, played = _Watch(), Played(part.stream_ids, [], grid=part.grid, peaks=peaks)
    start, end, cadence = micros(plan.start), micros(plan.end), world.cadence(plan)
    engine = Engine(pipeline)
    engine.extend(list(world.streams), list(world.devices))
    past, together = Past(plan.train_us), parts(plan.configuration.enabled, engine.roster, SLICE)
    for _, readings in watch.each("read", source.readings(part.stream_ids, start - plan.train_us, start)):
        past.add(engine.roster.rows(readings))
        tell(start, 0)
    with watch("fit"):
        warm(engine.pipeline.stages, engine.roster, past.slices(start, together), start)
    edges = [start, *(-(-at // cadence) * cadence for at in plan.refits), end]
    for begin, until in pairwise(edges):
        slices = watch.each("read", source.readings(part.stream_ids, begin, until))
        for block in blocks(slices, engine.roster, cadence, (begin, until), part.steps):
            with watch("score"):
                played.findings += score_block(engine, block)
            past.add(block.rows)
            tell(int(block.commits[-1]), len(block.rows))
        if until < end:
            with watch("fit"):
                engine.learn(fit(engine.pipeline.stages, engine.roster, past.slices(until, together)))
    played.scored, played.unfit, played.took_s = engine.counts.scored, engine.counts.unfit, watch.took_s
    return played


def blocks(
    slices: Iterable[tuple[int, Readings]],
    roster: Roster,
    cadence: int,
    span: tuple[int, int],
    steps: NDArray[np.int64] | None = None,
) -> Iterator[Block]:
    """Readings by time as blocks of commits: what a step of ``cadence`` holds arrives at its end.

    A commit with nothing in it is there only where ``steps`` say that others had something.
    """
    done, until = span
    waiting = join([])
    for reached, readings in slices:
        waiting = join([waiting, roster.rows(readings)])
        whole = until if reached >= until else reached // cadence * cadence
        if whole <= done:
            continue
        n = int(np.searchsorted(waiting.times, whole))
        ready, waiting = cut(waiting, slice(0, n)), cut(waiting, slice(n, None))
        yield from _pieces(_block(ready, cadence, (done, whole), steps))
        done = whole


def _block(rows: Rows, cadence: int, span: tuple[int, int], steps: NDArray[np.int64] | None) -> Block:
    own = rows.times // cadence
    if steps is None:
        steps = np.unique(own)
    else:
        first, after = np.searchsorted(steps, [span[0] // cadence, -(-span[1] // cadence)]).tolist()
        steps = steps[first:after]
    return Block(rows, (steps + 1) * cadence, np.searchsorted(own, steps, side="right"))


def _pieces(block: Block) -> Iterator[Block]:
    """A block cut, between commits, into some that are not too large."""
    first, row = 0, 0
    while first < len(block):
        after = max(first + 1, int(np.searchsorted(block.ends, row + _BLOCK_ROWS, side="right")))
        end = int(block.ends[after - 1])
        yield Block(
            cut(block.rows, slice(row, end)), block.commits[first:after], block.ends[first:after] - row
        )
        first, row = after, end


class _Watch:
    """Seconds by what they were spent on."""

    def __init__(self) -> None:
        self.took_s: dict[str, float] = {}

    @contextmanager
    def __call__(self, what: str) -> Generator[None]:
        began = time.perf_counter()
        try:
            yield
        finally:
            self.took_s[what] = self.took_s.get(what, 0.0) + time.perf_counter() - began

    def each(self, what: str, items: Iterator[_Item]) -> Iterator[_Item]:
        """The items, the wait for each counted."""
        while True:
            with self(what):
                item = next(items, None)
            if item is None:
                return
            yield item
