"""A hundred million readings: how fast the store answers, and what a reading takes.

    python benchmarks/scale.py                                # 8 million, a minute or two
    python benchmarks/scale.py --readings 100000000           # a year of 190 streams each minute
    python benchmarks/scale.py --readings 100000000 --keep DIR  # the database stays; asked again at once

The readings are the simulated city's, in the steps its sensors report. Around those streams stand
twenty thousand more, each of which has spoken in the last hour; some have been silent for months.
The second part loads the same signals into TimescaleDB Community (PGlite, in memory, by INSERT)
for ``--community`` seconds and compresses them.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
from rich.console import Console
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._stage import say
from benchmarks.ranges import median_ms
from device_sims import fleet
from device_sims.city_model import CityModel
from device_sims.options import SimOptions
from launch.config import load_city, load_settings
from launch.engines import choose_database
from launch.engines.surroundings import Surroundings
from launch.ports import free_port
from launch.processes import Guard
from store import devices, migrate, pool, retention, rollups
from store.edition import server_version
from store.latest import read_latest
from store.readings import extent, insert_new, write_readings
from store.retention import kept_days
from store.series import read_curves
from store.state import read_state
from store.storage import RelationSize, relation_sizes
from telemetry.city import City
from telemetry.devices import Device
from telemetry.readings import Readings, to_micros
from telemetry.settings import Store
from tests.fix_db import PGliteServer

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MODELLED = 53
"""Devices of the city, of every kind, that have 190 streams."""
SILENT = 200
"""Streams of the city that spoke months ago for the last time; as many have never spoken."""
_AT_ONCE = 20_000
_MESSAGE = 1_000
"""Readings that fit into the 64 KiB which PGlite takes at once."""


class Signals:
    """The simulated city's readings, a minute apart, for the streams a database gave numbers."""

    def __init__(self, city: City, conn: psycopg.Connection) -> None:
        own = [replace(device, interval_s=60.0) for device in fleet.devices(city, MODELLED)]
        self._model = CityModel(city, SimOptions(devices=MODELLED, scenario="calm"), own)
        known = {(s.device_id, s.metric): s.stream_id for s in devices.list_streams(conn)}
        self.ids = np.asarray([known[key] for key in self._model.keys], np.int32)

    def between(self, start: datetime, end: datetime) -> Readings:
        """Every reading in ``[start, end)``, by time."""
        times = np.arange(to_micros(start), to_micros(end), 60_000_000, dtype=np.int64)
        values = self._model.sample(times)
        when, stream = np.nonzero(~np.isnan(values))
        return Readings.of(self.ids[stream], times[when], values[when, stream])


def days_of(end: datetime, days: int) -> Iterator[datetime]:
    """Beginnings of the last days before ``end``, with a bar that moves on standard error."""
    starts = [end - day * DAY for day in range(days, 0, -1)]
    return iter(track(starts, "… days", console=Console(stderr=True), total=days))


def fill(conn: psycopg.Connection, signals: Signals, end: datetime, days: int) -> None:
    """Write a day at a time and sum up every tenth part; a line a part, so that slowing down shows."""
    print(f"{'readings':>12}{'chunks':>8}{'written/s':>12}{'summed up/s':>13}")
    part, total, written, count = max(1, days // 10), 0, 0.0, 0
    for number, day in enumerate(days_of(end, days), 1):
        made = signals.between(day, day + DAY)
        began = time.monotonic()
        with conn.transaction():
            write_readings(conn, made)
        written += time.monotonic() - began
        count += len(made)
        if number % part and number != days:
            continue
        began = time.monotonic()
        while rollups.refresh(conn):
            pass
        total += count
        summed = count / (time.monotonic() - began)
        print(f"{total:12,}{number:8,}{count / written:12,.0f}{summed:13,.0f}", flush=True)
        written, count = 0.0, 0


def fill_city(conn: psycopg.Connection, own: Sequence[int], start: datetime, end: datetime) -> list[int]:
    """The rest of the city: the last hour, each stream every five minutes; the last ones are silent."""
    others = sorted({s.stream_id for s in devices.list_streams(conn)} - set(own))
    speaking, silent = others[: -2 * SILENT], others[-2 * SILENT : -SILENT]
    rng = np.random.default_rng(7)
    times = to_micros(end - HOUR) + np.arange(0, 3_600, 300, dtype=np.int64) * 1_000_000
    for first in range(0, len(speaking), _AT_ONCE):
        some = speaking[first : first + _AT_ONCE]
        values = rng.normal(50, 15, len(some) * len(times)).round(2)
        write_readings(conn, Readings.of(np.repeat(some, len(times)), np.tile(times, len(some)), values))
    write_readings(conn, Readings.of(silent, np.full(len(silent), to_micros(start)), np.ones(len(silent))))
    while rollups.refresh(conn):
        pass
    return speaking


def told(name: str, took_ms: float, limit_ms: float) -> None:
    """One line: what was asked, how long it took, and its part of the limit."""
    print(f"{name:48}{took_ms:10.1f}{limit_ms:8.0f}{took_ms / limit_ms:8.2f}", flush=True)


def measure(conn: psycopg.Connection, ids: Sequence[int], start: datetime, end: datetime) -> None:
    """The questions that have limits, and what every start and every page of status asks."""
    print(f"{'question':48}{'ms':>10}{'limit':>8}{'ratio':>8}")
    year = min(timedelta(days=365), end - start)
    chosen = np.random.default_rng(3).choice(ids, 20)
    took = [median_ms(lambda s=s: read_curves(conn, [int(s)], end - year, end, 2_000), 3) for s in chosen]
    span = f"{year.days} days of one stream as 2,000 points"
    told(f"{span}, median", float(np.median(took)), 50)
    told(f"{span}, worst of {len(took)}", max(took), 50)
    found = read_latest(conn)
    told(f"latest of {len(found):,} streams", median_ms(lambda: read_latest(conn)), 200)
    for name, at in (("now", end), ("months ago", start + (end - start) / 3)):
        state = read_state(conn, at, HOUR)
        took_ms = median_ms(lambda at=at: read_state(conn, at, HOUR))
        told(f"city at an instant, {name} ({len(state):,} streams)", took_ms, 500)
    told("oldest and newest reading", median_ms(lambda: extent(conn)), 500)
    told("sizes for the status", median_ms(lambda: relation_sizes(conn, kept_days(Store())), 3), 500)


def print_sizes(sizes: Sequence[RelationSize], total: int) -> None:
    """A line a relation: whole, table and indexes, by reading."""
    print(f"{'relation':14}{'MB':>10}{'chunks':>8}{'bytes a reading':>17}{'table':>8}{'indexes':>9}")
    for size in sizes:
        index = size.index_bytes / total
        print(
            f"{size.name:14}{size.bytes / 1e6:10.1f}{size.chunks:8}{size.bytes / total:17.1f}"
            f"{size.bytes / total - index:8.1f}{index:9.1f}"
        )


def count_readings(conn: psycopg.Connection) -> int:
    """How many there are."""
    row = conn.execute("SELECT count(*) FROM reading").fetchone()
    return int(row[0]) if row else 0


def run_large(city: City, every: Sequence[Device], folder: Path, readings: int) -> None:
    """The first part, on the best database of this machine."""
    guard = Guard()
    settings = load_settings(Path(os.devnull), environment={})
    cluster = choose_database(Surroundings(settings, folder, guard=guard), free_port())
    cluster.start()
    try:
        migrate.migrate(cluster.url)
        with pool.connect(cluster.url, name="benchmark", autocommit=True) as conn:
            devices.upsert_devices(conn, every)
            signals = Signals(city, conn)
            ids = signals.ids.tolist()
            days = -(-readings // (len(ids) * 1_440))
            held = extent(conn)
            if held is None:
                end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
                say(f"{readings:,} readings of {len(ids)} streams over {days} days")
                fill(conn, signals, end - HOUR, days)
                fill_city(conn, ids, end - HOUR - days * DAY, end)
            start, end = extent(conn) or (datetime.now(UTC), datetime.now(UTC))
            total = count_readings(conn)
            print(f"{server_version(conn)}: {total:,} readings, {days} days")
            conn.execute("ANALYZE")
            measure(conn, ids, start, end)
            print_sizes(relation_sizes(conn, kept_days(Store())), total)
    finally:
        cluster.stop()
        guard.close()


def run_community(city: City, folder: Path, seconds: float) -> None:
    """The second part: as many days as can be inserted in that time, then compressed."""
    server = PGliteServer(folder)
    try:
        url = server.new_url()
        migrate.migrate(url)
        with pool.connect(url, name="benchmark", autocommit=True) as conn:
            conn.prepare_threshold = None  # it is one session behind every connection
            for device in fleet.devices(city, MODELLED):  # many at once in a pipeline end PGlite
                devices.upsert_devices(conn, [device])
            signals = Signals(city, conn)
            day, total, began = datetime(2026, 1, 1, tzinfo=UTC), 0, time.monotonic()
            say(f"inserting into TimescaleDB Community for {seconds:.0f} s")
            while time.monotonic() - began < seconds:
                made = signals.between(day, day + DAY)
                for first in range(0, len(made), _MESSAGE):
                    some = np.arange(first, min(first + _MESSAGE, len(made)))
                    total += len(insert_new(conn, made.take(some)))
                day += DAY
            before = relation_sizes(conn, {"reading": 0})
            print(f"{server_version(conn)}: {total:,} readings, {total / (time.monotonic() - began):,.0f}/s")
            print_sizes(before, total)
            retention.apply_policies(conn, Store(), 30.0)
            conn.execute("SELECT compress_chunk(chunk) FROM show_chunks('reading') AS chunk")
            after = relation_sizes(conn, {"reading": 0})[0]
            print(
                f"compressed {after.bytes / total:.2f} bytes a reading, "
                f"{before[0].bytes / after.bytes:.1f} times less"
            )
    finally:
        server.stop()


def main() -> None:
    """Both parts."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--readings", type=int, default=8_000_000)
    parser.add_argument("--city", type=int, default=5_900, help="devices; they have about 3.6 streams each")
    parser.add_argument("--keep", type=Path, help="folder of a database that stays")
    parser.add_argument("--community", type=float, default=20.0, help="seconds of inserting; 0 for none")
    chosen = parser.parse_args()
    city = load_city(load_settings(Path(os.devnull), environment={}))
    every = fleet.devices(city, chosen.city)
    with contextlib.ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="cityops-bench-")))
        kept = chosen.keep or folder / "db"
        kept.mkdir(parents=True, exist_ok=True)
        run_large(city, every, kept, chosen.readings)
        if chosen.community:
            run_community(city, folder, chosen.community)


if __name__ == "__main__":
    main()
