"""Messages of a hundred readings, against PostgreSQL's own bulk load of the same rows.

    python benchmarks/ingest_arrays.py [--n 10000] [--rounds 3]

A device that was away sends what it kept: arrays of 100 objects. From the first message at
the broker to the last commit of `cityops ingest`, against COPY in the binary format into the
same table with the same unique index, in transactions of as many rows, from memory.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._stage import say
from benchmarks._way import Way, committed, machine, wait_for, way
from store.pool import connect
from store.readings import copy_readings
from telemetry.readings import Readings

TARGET = 0.6
N_OBJECTS = 100
_COPY_ROWS = 100_000


def arrays(stage: Way, n: int) -> float:
    """Readings a second through ingest."""
    with stage.service("ingest"), connect(stage.database_url, name="benchmark", autocommit=True) as conn:
        conn.execute("TRUNCATE reading, reading_batch")
        before, wanted = committed(conn), n * N_OBJECTS
        publishing = stage.publisher(stage.plan(1, N_OBJECTS), n)
        wait_for(lambda: committed(conn) - before >= wanted, 180, f"{wanted} readings", every_s=0.05)
        ended = time.time()
        return wanted / (ended - publishing.result()["began"])


def copied(stage: Way, n: int) -> float:
    """Readings a second with COPY alone."""
    total, n_streams = n * N_OBJECTS, len(stage.devices)
    now_us = time.time_ns() // 1_000
    rows = np.arange(total)
    # In the order that ingest meets them: a device's hundred seconds, then the next device's.
    message, second = rows // N_OBJECTS, rows % N_OBJECTS
    times = now_us + (message // n_streams) * 1_000 - second * 1_000_000
    whole = Readings.of(message % n_streams + 1, times, np.full(total, 40.0))
    with connect(stage.database_url, name="benchmark") as conn:
        conn.execute("TRUNCATE reading")
        conn.commit()
        began = time.perf_counter()
        for at in range(0, total, _COPY_ROWS):
            with conn.transaction():
                copy_readings(conn, whole.take(np.arange(at, min(total, at + _COPY_ROWS))))
        return total / (time.perf_counter() - began)


def main() -> None:
    """Take turns, print medians and the ratio."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--n", type=int, default=10_000, help="messages in a round")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--devices", type=int, default=2_000)
    told = parser.parse_args()
    ours: list[float] = []
    theirs: list[float] = []
    with way(told.devices) as stage:
        for _ in range(told.rounds):
            theirs.append(copied(stage, told.n))
            ours.append(arrays(stage, told.n))
            say(f"COPY {theirs[-1]:,.0f}, ingest {ours[-1]:,.0f} readings/s")
        print(f"{machine()}; {stage.described}; {told.n:,} messages of {N_OBJECTS} readings, "
              f"{told.rounds} rounds, medians")  # fmt: skip
    rate, limit = statistics.median(ours), statistics.median(theirs)
    print(f"{'binary COPY':<16}{limit:10,.0f} readings/s")
    print(
        f"{'cityops ingest':<16}{rate:10,.0f} readings/s   ours / its {rate / limit:9.2f} (target {TARGET:g})"
    )


if __name__ == "__main__":
    main()
