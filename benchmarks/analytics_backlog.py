"""How fast analytics catches up once it has fallen behind.

    OMP_NUM_THREADS=1 python benchmarks/analytics_backlog.py [--streams 20000] [--readings 1000000]
        [--sizes 200 2000]

Batches are in the log of a real database, as after a stall of analytics; the live engine
reads, scores and commits until nothing is left. The limit to compare with is reading the
same log into arrays and doing nothing with it.
"""

from __future__ import annotations

import argparse
import os
import sys
import tempfile
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analytics.live import LiveEngine
from analytics.times import moment
from benchmarks._stage import say
from benchmarks._way import machine
from benchmarks.analytics_rate import TARGET, Town
from launch.config import load_settings
from launch.engines import choose_database
from launch.engines.surroundings import Surroundings
from launch.ports import free_port
from launch.processes import Guard
from store import batches
from store.devices import list_streams, upsert_devices
from store.migrate import migrate
from store.offsets import worst_lag
from store.pool import connect

_SIZES = (200, 2_000)
_AT_ONCE = 32
_COMMIT_US = 50_000
_INGESTOR = "ingest-1"
_STAMP = "UPDATE reading_batch SET committed_at = %s WHERE seq = %s"
"""As if it had been committed when the city said it."""


@contextmanager
def database() -> Generator[str]:
    """A database with our schema and nothing in it; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cityops-bench-") as name:
        guard = Guard()
        settings = load_settings(Path(os.devnull), environment={})
        cluster = choose_database(Surroundings(settings, Path(name), guard=guard), free_port())
        cluster.start()
        try:
            migrate(cluster.url)
            yield cluster.url
        finally:
            cluster.stop()
            guard.close()


def main() -> None:
    """Stall, then catch up."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=20_000)
    parser.add_argument("--readings", type=int, default=1_000_000)
    parser.add_argument("--sizes", type=int, nargs="+", default=_SIZES, help="readings an entry")
    told = parser.parse_args()
    say(f"simulating and learning the days of {told.streams:,} streams")
    town = Town(told.streams)
    with database() as url, connect(url, name="benchmark", autocommit=True) as conn:
        with conn.transaction():
            upsert_devices(conn, town.devices)
        stored = [stream.stream_id for stream in list_streams(conn)[: told.streams]]
        assert stored == [stream.stream_id for stream in town.streams], "a new database counts from 1"
        engine = LiveEngine(town.engine, {})
        print(f"{machine()}; {told.streams:,} streams; target {TARGET:,} readings/s")
        print(f"{'readings an entry':<19}{'entries':>8}{'reading the log':>17}{'catching up':>13}{'ours':>7}")
        for size in told.sizes:
            n, read_s, took_s = catch_up(conn, town, engine, told.readings, size)
            print(
                f"{size:<19,}{n:8,}{told.readings / read_s:17,.0f}{told.readings / took_s:13,.0f}"
                f"{read_s / took_s:7.2f}"
            )


def catch_up(
    conn: psycopg.Connection, town: Town, engine: LiveEngine, n_readings: int, size: int
) -> tuple[int, float, float]:
    """How many entries were behind, and the seconds to read them and to work them off."""
    seq = before = engine.offsets.get(_INGESTOR, 0)
    readings = town.readings(n_readings)
    for first in range(0, len(readings), size):
        seq += 1
        part = readings.take(np.arange(first, min(first + size, len(readings))))
        batches.append_batch(conn, _INGESTOR, seq, part)
        conn.execute(_STAMP, (moment(int(part.times.max()) + _COMMIT_US), seq))
    behind = worst_lag(conn, "analytics")
    began = time.perf_counter()
    for after in range(before, seq, _AT_ONCE):
        batches.read_after(conn, _INGESTOR, after, _AT_ONCE)
    read_s = time.perf_counter() - began
    began = time.perf_counter()
    while engine.consume(conn):
        pass
    took_s = time.perf_counter() - began
    assert worst_lag(conn, "analytics") == 0
    return behind, read_s, took_s


if __name__ == "__main__":
    main()
