"""The bench: plans in, runs out. What a notebook, the command line and the worker call."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, TypedDict, Unpack

from analytics.backtest.cluster import Task, play_all, processes_for
from analytics.backtest.peaks import grid_of, within
from analytics.backtest.plan import Plan
from analytics.backtest.play import Part, Played, World
from analytics.backtest.results import Run, Sweep, run_of
from analytics.backtest.shards import split
from analytics.backtest.sources import Source
from analytics.times import micros
from telemetry.city import City
from telemetry.detection import Configuration
from telemetry.detection.trials import TrialOptions, points_of


@dataclass(frozen=True, slots=True)
class Progress:
    """How far a run, or all runs of a sweep together, are: ``share`` of the time, and readings scored."""

    share: float
    readings: int


Watch = Callable[[Progress], None]
"""Told about twice a second; raises `analytics.backtest.play.Cancelled` to stop."""


class How(TypedDict, total=False):
    """How runs are carried out; all of it may be left out.

    ``options``: which streams, how often models are fitted and the like. ``name``: what they are
    called. ``workers``: processes of this machine; 1 is this very one, and as many as there are
    processors where there is enough to do if not given. A script that asks for more than one must
    guard its entry with ``if __name__ == "__main__":``, as Dask starts them by spawning.
    ``scheduler``: the address of a Dask cluster to use instead, ``tcp://…``; its workers need CityOps
    installed and must reach the database. ``progress``: told how far it is.
    """

    options: TrialOptions
    name: str
    workers: int | None
    scheduler: str | None
    progress: Watch | None


def backtest(
    configuration: Configuration,
    source: Source,
    city: City,
    start: datetime,
    end: datetime,
    **how: Unpack[How],
) -> Run:
    """Run a configuration over history, through the engine that runs live.

    ``docs/backtests.md`` has an example that runs.

    Parameters
    ----------
    configuration
        The detectors: ``city.detection``, or `telemetry.detection.decode_configuration` of TOML.
    source
        The history: `StoreSource` of a database's address, or `ArraySource`. Its labels are
        what the findings are held against.
    city
        The city profile: limits, time zone.
    start, end
        What is scored, ``[start, end)``; both aware. The week before is learnt from.
    how
        See `How`.

    Returns
    -------
    Run
        Findings, metrics and timings; a notebook shows it as a table.

    Raises
    ------
    ConfigError
        A plan that cannot be, or a cluster that cannot be reached.
    Cancelled
        ``progress`` said so.
    """
    return sweep(configuration, {}, source, city, start, end, **how).runs[0]


def sweep(
    configuration: Configuration,
    grid: Mapping[str, Sequence[Any]],
    source: Source,
    city: City,
    start: datetime,
    end: datetime,
    **how: Unpack[How],
) -> Sweep:
    """A `backtest` for every combination of some parameters' values.

    Parameters
    ----------
    grid
        Values by ``detector.params.key``. All else is as for `backtest`.
    """
    plan = Plan(configuration, start, end, how.get("options") or TrialOptions())
    points = points_of(grid)
    plans = [plan_at(plan, point) for point in points]
    names = [how.get("name", "")] * len(plans)
    where = (how.get("workers"), how.get("scheduler"), how.get("progress"))
    return Sweep(tuple(execute(plans, source, city, names, *where, points)))


def plan_at(plan: Plan, point: Mapping[str, Any]) -> Plan:
    """A plan with the parameters of a point; `ConfigError` names what is wrong."""
    for path, value in point.items():
        plan = plan.setting(path, value)
    return plan


def execute(
    plans: Sequence[Plan],
    source: Source,
    city: City,
    names: Sequence[str],
    workers: int | None = None,
    scheduler: str | None = None,
    progress: Watch | None = None,
    points: Sequence[Mapping[str, Any]] | None = None,
) -> list[Run]:
    """Runs of plans over the same time and streams, all of them under way at once."""
    began = time.perf_counter()
    plan = plans[0]
    span = (micros(plan.start), micros(plan.end))
    world = World(city, source.streams(), source.devices()).spaced(source.spacings(*span))
    steps = source.steps(*span, world.cadence(plan))
    processes = processes_for(steps.readings * len(plans), workers, scheduler)
    # Parts of one run only where there are fewer runs than processes.
    shards = [split(world, one, steps, -(-processes // len(plans))) for one in plans]
    labels = source.labels(plan.start, plan.end)
    grid = grid_of(plan, _devices(world, *shards[0]), labels)
    tasks = [
        Task(one, replace(part, grid=within(grid, _devices(world, part))))
        for one, parts in zip(plans, shards, strict=True)
        for part in parts
    ]
    played = iter(play_all(world, source, tasks, processes, scheduler, _Tally(tasks, progress)))
    took_s = time.perf_counter() - began
    points = points or [{} for _ in plans]
    return [
        run_of(
            world,
            one,
            list(_taken(played, parts)),
            labels,
            grid,
            name,
            point,
            {"all": took_s, "processes": processes},
        )
        for one, parts, name, point in zip(plans, shards, names, points, strict=True)
    ]


def _devices(world: World, *parts: Part) -> set[str]:
    """Whose streams are in these parts."""
    ids = {stream_id for part in parts for stream_id in part.stream_ids}
    return {stream.device_id for stream in world.streams if stream.stream_id in ids}


def _taken(played: Iterator[Played], parts: Sequence[object]) -> Iterator[Played]:
    return itertools.islice(played, len(parts))


class _Tally:
    """Adds up what tasks tell, and passes it on twice a second."""

    def __init__(self, tasks: Sequence[Task], watch: Watch | None, every_s: float = 0.5) -> None:
        self._spans = [(micros(task.plan.start), micros(task.plan.end)) for task in tasks]
        self._reached = [start for start, _ in self._spans]
        self._readings = 0
        self._watch, self._every_s, self._told = watch, every_s, 0.0

    def __call__(self, place: int, at: int, more: int) -> None:
        """See `analytics.backtest.cluster.Report`."""
        self._reached[place] = max(self._reached[place], min(at, self._spans[place][1]))
        self._readings += more
        if self._watch is not None and time.monotonic() - self._told >= self._every_s:
            self._told = time.monotonic()
            self._watch(Progress(self._share(), self._readings))

    def _share(self) -> float:
        shares = [
            (at - start) / (end - start) for at, (start, end) in zip(self._reached, self._spans, strict=True)
        ]
        return sum(shares) / len(shares)
