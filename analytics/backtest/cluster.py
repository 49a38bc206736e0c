"""Playing many parts: one after another, in processes of this machine, or on a Dask cluster.

A task carries a plan, the numbers of its streams and the address of the history; each
worker reads its own streams from there. What comes back is findings.
"""

from __future__ import annotations

import os
import queue
import tempfile
import time
import uuid
from collections.abc import Callable, Generator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import dask.config
import distributed

from analytics.backtest.plan import Plan
from analytics.backtest.play import Cancelled, Part, Played, World, play
from analytics.backtest.sources import ArraySource, Source
from analytics.times import micros
from telemetry.errors import ConfigError

_dask: Any = distributed
"""It has no types of its own to check against."""

_TELL_EVERY_S = 0.5
_REACH_S = 10.0
"""How long a cluster may take to answer."""
_WORTH_A_PROCESS = 1_000_000
"""Readings for which starting another process, some two seconds, is worth while."""

_ENVIRONMENT = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Of a worker. Dask's own has MALLOC_TRIM_THRESHOLD_ in it besides, with which every large array is
given back to the system and asked for anew: fitting took three times as long."""

LOOPBACK = {
    "host": "127.0.0.1",
    "dashboard_address": "127.0.0.1:0",
    "worker_dashboard_address": "127.0.0.1:0",
}
"""Where processes of this machine listen: any free port, and for this machine alone. Dask's own pages
would be at port 8787 for everyone, and a second backtest would find it taken."""

Report = Callable[[int, int, int], None]
"""Told now and then of a task's place, up to when it played and how many readings more it scored.

It may raise `Cancelled`, which stops all tasks."""


@dataclass(frozen=True, slots=True)
class Task:
    """One part under one plan."""

    plan: Plan
    part: Part


def processes_for(readings: int, workers: int | None, scheduler: str | None) -> int:
    """How many tasks should be under way at once; 1 is in this very process.

    Raises
    ------
    ConfigError
        The cluster cannot be reached, or has no workers.
    """
    if scheduler is not None:
        with _client(scheduler) as client:
            found = sum(client.nthreads().values())
        if not found:
            raise ConfigError(
                f"the Dask cluster at {scheduler} has no workers", cure="start some with `dask worker`"
            )
        return found
    if workers is not None:
        return max(1, workers)
    return max(1, min(os.cpu_count() or 1, readings // _WORTH_A_PROCESS))


def play_all(
    world: World, source: Source, tasks: Sequence[Task], processes: int, scheduler: str | None, report: Report
) -> list[Played]:
    """What came of each task, in their order.

    Raises
    ------
    Cancelled
        ``report`` said so; what was under way has stopped, or will within a block.
    ConfigError
        The cluster cannot be reached.
    """
    if scheduler is None and min(processes, len(tasks)) <= 1:
        return [
            play(world, source, task.plan, task.part, partial(report, place))
            for place, task in enumerate(tasks)
        ]
    lean = replace(world, city=replace(world.city, layers={}))
    with (
        _shared(source) as shared,
        _cluster(min(processes, len(tasks)), scheduler) as client,
        client.as_current(),  # `wait` goes by it
    ):
        return _spread(client, (lean, shared()), tasks, report)


def _spread(client: Any, common: tuple[World, Source], tasks: Sequence[Task], report: Report) -> list[Played]:
    name, told = f"backtest-{uuid.uuid4().hex}", _Told()
    client.subscribe_topic(name, told.hear)
    there = client.scatter(common, broadcast=True, hash=False)
    futures = [
        client.submit(_play, there, task, (name, place), key=f"{name}-{place}", pure=False)
        for place, task in enumerate(tasks)
    ]
    try:
        pending = futures
        while pending and not any(future.status == "error" for future in futures):
            told.pass_on(report)
            with suppress(TimeoutError):
                _dask.wait(pending, timeout=_TELL_EVERY_S, return_when="FIRST_COMPLETED")
            pending = [future for future in pending if not future.done()]
        found: list[Played] = client.gather(futures)
        told.pass_on(report)
    except BaseException:
        client.run(_stop, name)
        client.cancel(futures)
        raise
    else:
        return found
    finally:
        client.unsubscribe_topic(name)


_stopped: set[str] = set()
"""On a worker: runs that were told to stop. Dask does not interrupt a task that is at work."""


def _stop(name: str) -> None:
    _stopped.add(name)


def _play(common: tuple[World, Source], task: Task, name: tuple[str, int]) -> Played:
    """A task, on a worker."""
    world, source = common
    teller = _Teller(*name)
    played = play(world, source, task.plan, task.part, teller)
    teller.tell(micros(task.plan.end))
    return played


class _Teller:
    """Tells the one who waits how far a task is, and ends one whose run was told to stop."""

    def __init__(self, name: str, place: int) -> None:
        self._name, self._place = name, place
        self._more, self._told = 0, time.monotonic()

    def __call__(self, at: int, more: int) -> None:
        self._more += more
        if self._name in _stopped:
            raise Cancelled
        if time.monotonic() - self._told >= _TELL_EVERY_S:
            self.tell(at)

    def tell(self, at: int) -> None:
        """Tell now."""
        _dask.get_worker().log_event(self._name, (self._place, at, self._more))
        self._more, self._told = 0, time.monotonic()


class _Told:
    """What was heard and not yet passed on: Dask tells it in a thread of its own."""

    def __init__(self) -> None:
        self._heard: queue.SimpleQueue[tuple[int, int, int]] = queue.SimpleQueue()

    def hear(self, event: tuple[float, tuple[int, int, int]]) -> None:
        place, at, more = event[1]
        self._heard.put((place, at, more))

    def pass_on(self, report: Report) -> None:
        while not self._heard.empty():
            report(*self._heard.get())


@contextmanager
def _cluster(processes: int, scheduler: str | None) -> Generator[Any]:
    if scheduler is not None:
        with _client(scheduler) as client:
            yield client
        return
    options = {"threads_per_worker": 1, "memory_limit": 0, "silence_logs": 50, **LOOPBACK}
    with (
        dask.config.set({"distributed.nanny.pre-spawn-environ": _ENVIRONMENT}),
        _dask.LocalCluster(n_workers=processes, **options) as cluster,
        _dask.Client(cluster, set_as_default=False) as client,
    ):
        yield client


@contextmanager
def _client(scheduler: str) -> Generator[Any]:
    try:
        client = _dask.Client(scheduler, timeout=_REACH_S, set_as_default=False)
    except (OSError, ValueError) as error:
        raise ConfigError(
            f"no Dask scheduler answers at {scheduler}: {error}",
            cure="start one with `dask scheduler`, or leave the address out to use this machine",
        ) from error
    with client:
        yield client


@contextmanager
def _shared(source: Source) -> Generator[Callable[[], Source]]:
    """The source as others can read it: arrays are written to a folder of this machine.

    They are written while the processes start, and waited for when the source is asked for.
    """
    if not isinstance(source, ArraySource):
        yield lambda: source
        return
    with (
        tempfile.TemporaryDirectory(prefix="cityops-backtest-") as folder,
        ThreadPoolExecutor(1, "history") as beside,
    ):
        yield beside.submit(source.kept_in, Path(folder)).result
