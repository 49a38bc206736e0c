"""A backtest of 600 devices over 30 days: in this process, and on two Dask workers.

The history is a simulated city's in steps of ``--step`` seconds, each stream's usual interval,
and the week before it that detectors learn from; it lies in arrays on disk, of which each worker
maps its part. ``--database`` reads it from PostgreSQL instead.
"""

from __future__ import annotations

import argparse
import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
from _city_history import simulate

from analytics.backtest import ArraySource, Run, Source, StoreSource, TrialOptions, backtest
from launch.config import load_city, load_settings
from launch.engines import choose_database
from launch.engines.surroundings import Surroundings
from launch.ports import free_port
from launch.processes import Guard
from store.devices import list_streams, upsert_devices
from store.migrate import migrate
from store.pool import connect
from store.readings import write_readings
from telemetry.city import City
from telemetry.labels import Label
from telemetry.readings import Readings

START = datetime(2026, 5, 1, tzinfo=UTC)
LIMIT_S = 120.0
_WRITE = 500_000


def history(city: City, devices: int, days: int, step_s: int, seed: int) -> ArraySource:
    weeks = simulate(city, seed, devices, START - timedelta(days=7), days + 7, step_s)
    present = ~np.isnan(weeks.values)
    when, stream = np.nonzero(present.T)
    columns = Readings.of(weeks.roster.stream_ids[stream], weeks.times[when], weeks.values.T[when, stream])
    labels = [
        Label(t.kind, t.device_ids, t.start, t.end, t.metrics, is_sensor_fault=t.is_sensor_fault)
        for t in weeks.truths
    ]
    return ArraySource(weeks.roster.streams, weeks.devices, columns, labels)


@contextmanager
def database(source: ArraySource) -> Iterator[StoreSource]:
    """The same history in a throw-away PostgreSQL."""
    settings = load_settings(None, {})
    guard = Guard()
    with tempfile.TemporaryDirectory() as folder:
        cluster = choose_database(Surroundings(settings, Path(folder), guard), free_port())
        cluster.start()
        try:
            migrate(cluster.url)
            with connect(cluster.url, name="benchmark", autocommit=True) as conn:
                upsert_devices(conn, source.devices())
                ids = {(s.device_id, s.metric): s.stream_id for s in list_streams(conn)}
                own = np.array([ids[s.device_id, s.metric] for s in source.streams()], np.int32)
                began, columns = time.perf_counter(), source.columns
                for first in range(0, len(columns), _WRITE):
                    part = columns.take(np.arange(first, min(first + _WRITE, len(columns))))
                    with conn.transaction():
                        write_readings(conn, replace(part, stream_ids=own[part.stream_ids]))
                conn.execute("ANALYZE reading")
            print(f"{len(columns):,} readings written in {time.perf_counter() - began:.0f} s")
            yield StoreSource(cluster.url)
        finally:
            cluster.stop()
            guard.close()


def timed(source: Source, city: City, days: int, workers: int) -> tuple[Run, float]:
    began = time.perf_counter()
    run = backtest(
        city.detection, source, city, START, START + timedelta(days=days),
        options=TrialOptions(), workers=workers,
    )  # fmt: skip
    took_s = time.perf_counter() - began
    parts = ", ".join(f"{what} {run.took_s[what]:.1f}" for what in ("read", "fit", "score"))
    print(f"{workers} at once: {took_s:.1f} s, {run.scored / took_s:,.0f} readings/s", end="")
    print(f" (seconds of work: {parts}); {len(run.episodes):,} episodes")
    return run, took_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--devices", type=int, default=600)
    parser.add_argument("--days", type=int, default=30)
    parser.add_argument("--step", type=int, default=300, help="seconds between readings")
    parser.add_argument("--seed", type=int, default=28)
    parser.add_argument("--database", action="store_true")
    asked = parser.parse_args()
    city = load_city(load_settings(None, {}))
    arrays = history(city, asked.devices, asked.days, asked.step, asked.seed)
    kinds = ", ".join(spec.name for spec in city.detection.enabled)
    print(f"{asked.devices} devices, {len(arrays.of_streams):,} streams, {asked.days} days", end="")
    print(f" in steps of {asked.step} s")
    print(f"detectors: {kinds}; {os.cpu_count()} processors")
    if asked.database:
        with database(arrays) as source:
            compare(source, city, asked.days)
    else:
        compare(arrays, city, asked.days)


def compare(source: Source, city: City, days: int) -> None:
    alone, alone_s = timed(source, city, days, 1)
    both, both_s = timed(source, city, days, 2)
    assert alone.episodes == both.episodes, "split or not, they find the same"
    print(f"speed-up on two workers: {alone_s / both_s:.2f}")
    print(f"limit {LIMIT_S:.0f} s: {min(alone_s, both_s) / LIMIT_S:.0%} of it")


if __name__ == "__main__":
    main()
