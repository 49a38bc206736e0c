"""Long ranges from the rollups against the same answers from the readings, in one run.

    python benchmarks/ranges.py [--days 14] [--streams 100] [--interval 30]

Prints medians and ratios; the database is a private one, gone afterwards.
"""

from __future__ import annotations

import argparse
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._stage import many, say
from launch.config import load_city, load_settings
from launch.engines import choose_database
from launch.engines.surroundings import Surroundings
from launch.ports import free_port
from launch.processes import Guard
from store import devices, migrate, pool, rollups
from store.aggregates import read_buckets
from store.edition import server_version
from store.latest import read_latest
from store.readings import write_readings
from store.retention import kept_days
from store.series import read_curves
from store.state import read_state
from store.storage import relation_sizes
from telemetry.readings import Readings, to_micros
from telemetry.settings import Store

DAY = timedelta(days=1)


def median_ms(do: Callable[[], object], times: int = 7) -> float:
    """The median of some runs after one that warms up."""
    do()
    taken: list[float] = []
    for _ in range(times):
        began = time.perf_counter()
        do()
        taken.append(1000 * (time.perf_counter() - began))
    return statistics.median(taken)


def history(ids: list[int], start: datetime, length: timedelta, interval_s: int) -> Readings:
    """Streams in step, each a random walk."""
    steps = np.arange(int(length.total_seconds()) // interval_s, dtype=np.int64) * interval_s * 1_000_000
    times = np.tile(to_micros(start) + steps, len(ids))
    values = np.cumsum(np.random.default_rng(5).normal(0, 0.1, len(times))).round(2)
    return Readings.of(np.repeat(np.asarray(ids), len(steps)), times, values)


def fill(conn: psycopg.Connection, ids: list[int], end: datetime, days: int, interval_s: int) -> float:
    """A day at a time; readings a second."""
    began, count = time.monotonic(), 0
    for day in range(days, 0, -1):
        with conn.transaction():
            count += len(write_readings(conn, history(ids, end - day * DAY, DAY, interval_s)))
    return count / (time.monotonic() - began)


def measure(conn: psycopg.Connection, ids: list[int], end: datetime, days: int) -> None:
    """One line a question."""
    start, some = end - days * DAY, ids[:1]
    print(f"{'question':44}{'rollups ms':>12}{'readings ms':>13}{'ratio':>8}")
    for name, asked, width in (
        (f"one stream, {days} d by the day", some, DAY),
        (f"one stream, {days} d by the hour", some, timedelta(hours=1)),
        (f"one stream, {days} d by 15 min", some, timedelta(minutes=15)),
        (f"{len(ids[:100])} streams, {days} d by the hour", ids[:100], timedelta(hours=1)),
    ):
        rolled, raw = (
            median_ms(lambda r=r: read_buckets(conn, asked, start, end, width, rolled=r))  # noqa: B023
            for r in (True, False)
        )
        print(f"{name:44}{rolled:12.1f}{raw:13.1f}{raw / rolled:8.1f}")
    for name, do in (
        (f"one stream, {days} d as 2,000 points", lambda: read_curves(conn, some, start, end, 2_000)),
    ):
        print(f"{name:44}{median_ms(do):12.1f}")


def measure_city(conn: psycopg.Connection, ids: list[int], at: datetime) -> None:
    """An hour of the whole city, each stream every five minutes, and how it stood in the middle."""
    write_readings(conn, history(ids, at - DAY / 48, DAY / 24, 300))
    conn.execute("ANALYZE reading")
    for name, do in (
        (f"latest of {len(ids):,} streams", lambda: read_latest(conn)),
        (f"city of {len(ids):,} streams at an instant", lambda: read_state(conn, at, DAY / 24)),
    ):
        print(f"{name:44}{median_ms(do):12.1f}")


def main() -> None:
    """Fill, sum up, ask."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--streams", type=int, default=100)
    parser.add_argument("--interval", type=int, default=30, help="seconds between readings")
    parser.add_argument("--city", type=int, default=10_000, help="devices of the city at an instant")
    chosen = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="cityops-bench-") as name:
        guard, folder = Guard(), Path(name) / "db"
        folder.mkdir()
        settings = load_settings(Path(os.devnull), environment={})
        cluster = choose_database(Surroundings(settings, folder, guard=guard), free_port())
        cluster.start()
        try:
            migrate.migrate(cluster.url)
            with pool.connect(cluster.url, name="benchmark", autocommit=True) as conn:
                devices.upsert_devices(conn, many(load_city(settings).devices, chosen.city))
                every = [stream.stream_id for stream in devices.list_streams(conn)]
                ids = every[: chosen.streams]
                end = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
                say(f"writing {chosen.days * chosen.streams * 86_400 // chosen.interval:,} readings")
                written = fill(conn, ids, end, chosen.days, chosen.interval)
                say("summing up")
                began = time.monotonic()
                while rollups.refresh(conn):
                    pass
                total = chosen.days * len(ids) * 86_400 // chosen.interval
                took = time.monotonic() - began
                rolled = total / took
                print(f"{server_version(conn)}: {total:,} readings")
                print(
                    f"written {written:,.0f}/s, summed up in {took:.1f} s ({rolled:,.0f}/s, "
                    f"{rolled / written:.2f} of writing)"
                )
                conn.execute("ANALYZE")
                measure(conn, ids, end, chosen.days)
                measure_city(conn, every, end + DAY / 2)
                for size in relation_sizes(conn, kept_days(Store())):
                    print(
                        f"{size.name:14}{size.bytes / 1e6:10.1f} MB{size.bytes / total:8.2f} bytes a reading"
                    )
        finally:
            cluster.stop()
            guard.close()


if __name__ == "__main__":
    main()
