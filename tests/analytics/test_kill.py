"""SIGKILL of real analytics processes: what was found is what an undisturbed one finds.

`CITYOPS_KILLS=40` kills more often, at other moments, and takes that much longer.
"""

from __future__ import annotations

import multiprocessing
import os
import random
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection
from multiprocessing.process import BaseProcess

import numpy as np
import pytest
from threadpoolctl import threadpool_limits

from analytics.roster import Rows
from analytics.shards import shards_of
from analytics.times import SECOND
from store.devices import list_streams, platform_stream, upsert_devices
from store.offsets import worst_lag
from store.pool import connect
from store.snapshots import list_consumers
from telemetry.city import City
from tests.analytics import doomed, worlds
from tests.analytics.towns import Town, make_town
from tests.analytics.worlds import MINUTE, Commit, wait_for

__all__ = ["make_town"]  # a fixture

FORKS = multiprocessing.get_context("forkserver")
FORKS.set_forkserver_preload([doomed.__name__])  # what takes longest in a start, done once for all of them
GAUGE, ROAD, AIR, FEEDER, ROAD_2, NEW = range(6)
N = 100
JOINS, HOUR = 30, 58
PHASES = ("warm", "consume", "save", "consume", "fit", "learn", "save", "consume")
MORE = int(os.environ.get("CITYOPS_KILLS", "0"))
DEADLINE_S = 120.0
NEWCOMER = worlds.device("gauge-9", "tide_gauge", "water_level_m")


def feed() -> list[Commit]:
    """Everything that goes wrong; what depends on models is over before they are fitted anew."""
    made = worlds.minutes(worlds.roster((*worlds.DEVICES, NEWCOMER)), N)
    made = worlds.without(made, NEW, 0, JOINS + 3)
    for flood in (12, 76):
        made = worlds.with_values(made, GAUGE, flood, [1.45, 1.52, 1.7, 1.7, 1.58, 1.5, 1.4, 1.2])
    made = worlds.with_values(made, NEW, 40, [1.52, 1.7, 1.58, 1.4, 1.2])
    made = worlds.with_values(made, ROAD, 14, [6.0 + 0.1 * (i % 7) for i in range(25)])
    made = worlds.with_values(made, FEEDER, 16, [118.5] * 28)
    for first, last in ((25, 40), (80, 90)):
        made = worlds.without(made, AIR, first, last)
    for i in range(20, N):  # once in three minutes from now on
        if i % 3:
            made = worlds.without(made, ROAD_2, i, i + 1)
    return [untidy(made, i) for i in range(N)]


def untidy(made: Sequence[Commit], i: int) -> Commit:
    """A commit with its rows the wrong way round, and every few with late, early and known ones."""
    rows = made[i].rows.take(np.arange(len(made[i].rows))[::-1])
    if i > 5 and i % 7 == 0:
        late = Rows(
            np.array([GAUGE, GAUGE, ROAD]),
            made[i].now - np.array([5 * MINUTE + 7, 90 * SECOND, -20 * SECOND]),
            np.array([2.0, 0.9, 40.0]),
        )
        rows = joined(rows, joined(late, made[i - 1].rows))
    return replace(made[i], rows=rows)


def joined(one: Rows, other: Rows) -> Rows:
    pairs = zip((one.streams, one.times, one.values), (other.streams, other.times, other.values), strict=True)
    return Rows(*(np.concatenate(pair) for pair in pairs))


def commit(town: Town, i: int, what: Commit) -> None:
    """As two ingest processes behind one subscription: by turns, each stream in both logs."""
    if i == JOINS:
        with town.conn.transaction():
            upsert_devices(town.conn, [NEWCOMER])
        (stream,) = list_streams(town.conn, NEWCOMER.device_id)
        town.ids = np.append(town.ids, stream.stream_id)
    town.commit(what, f"ingest-{1 + (i * i) % 3 % 2}")


@dataclass
class Cast:
    """Analytics processes on one town, with the moments they are killed at."""

    town: Town
    shards: int
    rng: random.Random
    by_default: bool = False
    """Whether they run all that the city's profile does, or the few detectors of the town."""
    children: list[BaseProcess] = field(default_factory=list)
    watches: list[threading.Thread] = field(default_factory=list)
    doom: str = ""
    killed: list[str] = field(default_factory=list)

    def start(self, name: str) -> None:
        heard, told = FORKS.Pipe(duplex=False)
        own = (self.town.url, self.shards, name, self.by_default, told)
        child = FORKS.Process(target=doomed.run, args=own)
        child.start()
        told.close()
        watch = threading.Thread(target=self._watch, args=(name, child, heard))
        self.children.append(child)
        self.watches.append(watch)
        watch.start()

    def _watch(self, name: str, child: BaseProcess, heard: Connection) -> None:
        with heard, suppress(EOFError):
            while True:
                if heard.recv() == self.doom:
                    phase, self.doom = self.doom, ""
                    time.sleep(self.rng.uniform(0.0, 0.012))
                    child.kill()
                    child.join()
                    self.killed.append(phase)
                    self.start(name)

    def stop(self) -> None:
        self.doom = ""
        for child in self.children:
            child.kill()
            child.join()
        for watch in self.watches:
            watch.join()


@pytest.fixture
def stage(make_town: Callable[[], Town]) -> Iterator[Callable[[int], Cast]]:
    casts: list[Cast] = []

    def make(shards: int) -> Cast:
        town = make_town()
        platform_stream(town.conn)
        town.conn.execute("CREATE TABLE test_clock AS SELECT %s::bigint AS now", (worlds.START,))
        casts.append(Cast(town, shards, random.Random(shards)))
        return casts[-1]

    yield make
    for cast in casts:
        cast.stop()


def undisturbed(town: Town, city: City, n: int = N) -> Town:
    platform_stream(town.conn)  # as the real process does, so that streams have the same ids
    with threadpool_limits(1):
        engine = town.engine(city=city)
        for i, what in enumerate(feed()[:n]):
            commit(town, i, what)
            while engine.consume(town.conn):
                pass
            if i < n - 1:
                engine.tick(town.conn, what.now + 40 * SECOND)
    return town


def patience_s(i: int, killed: int, doomed: int) -> float:
    """How long to wait for a death before the next commit: those to come before the new fit, or the end."""
    if i < HOUR:
        return 1.0 if killed < PHASES.index("fit") and i >= HOUR - 20 else 0.04
    return 1.0 + MORE / 10 if killed < doomed and i >= N - 20 else 0.04


def act(cast: Cast, phases: Sequence[str], n: int = N) -> None:
    """Commit the feed to the town while processes are killed, each phase in its turn."""
    clock = connect(cast.town.url, name="clock", autocommit=True)
    cast.doom, left = phases[0], list(phases[1:])
    warmed = {shard.consumer for shard in shards_of(cast.shards)}  # from the same history as undisturbed
    wait_for(lambda: warmed <= set(list_consumers(clock)), DEADLINE_S)
    deadline = time.monotonic() + DEADLINE_S + 2 * MORE
    for i, what in enumerate(feed()[:n]):
        if left and not cast.doom and len(cast.killed) == len(phases) - len(left):
            cast.doom = left.pop(0)
        commit(cast.town, i, what)
        if i < n - 1:
            clock.execute("UPDATE test_clock SET now = %s", (what.now + 40 * SECOND,))
        until = time.monotonic() + patience_s(i, len(cast.killed), len(phases))
        time.sleep(0.04)
        while cast.doom and time.monotonic() < until:
            time.sleep(0.01)
        assert time.monotonic() < deadline
    wait_for(lambda: worst_lag(clock, "analytics") == 0, DEADLINE_S)
    clock.close()


def zoned(monkeypatch: pytest.MonkeyPatch) -> None:
    spread = [replace(device, zone=str(760 + i)) for i, device in enumerate(worlds.DEVICES)]
    monkeypatch.setattr("tests.analytics.towns.DEVICES", tuple(spread))


def plan(rng: random.Random) -> list[str]:
    return [*PHASES, *rng.choices(("consume", "save"), k=MORE)]


def test_killed_again_and_again(make_town: Callable[[], Town], stage: Callable[[int], Cast]) -> None:
    calm, cast = undisturbed(make_town(), worlds.city()), stage(1)
    cast.start("a")
    phases = plan(cast.rng)
    act(cast, phases)
    cast.stop()
    assert set(cast.killed) == set(PHASES), "each phase died at least once"
    assert cast.town.anomalies() == calm.anomalies()
    assert cast.town.happenings() == calm.happenings()
    assert {row[0].split(":")[0] for row in calm.anomalies()} == {"limit", "seasonal", "silence", "stuck"}


def test_the_other_process_takes_over_with_all_that_runs_by_default(
    make_town: Callable[[], Town], stage: Callable[[int], Cast], monkeypatch: pytest.MonkeyPatch
) -> None:
    zoned(monkeypatch)
    # Nothing is fitted anew: with all detectors, guards' models tell what every other is shown.
    calm, cast = undisturbed(make_town(), worlds.city_by_default(), HOUR), stage(3)
    cast.by_default = True
    for name in ("a", "b"):
        cast.start(name)
    act(cast, PHASES[: PHASES.index("fit")], HOUR)
    cast.stop()
    assert set(cast.killed) >= {"consume", "save"}
    assert cast.town.anomalies() == calm.anomalies()
    assert cast.town.happenings() == calm.happenings()
