from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
from numpy.typing import NDArray

from launch.backfill import flatten, write_history
from launch.schema import history_gap, register
from telemetry.devices import Device
from telemetry.metrics import Domain

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DEVICE = Device(
    "cam-1", Domain.TRAFFIC, "camera", "Cam", "Cam", 10.7, 106.7, "760", 60.0, ("speed_kmh", "flow_vph")
)


@dataclass(frozen=True)
class Chunk:
    keys: tuple[tuple[str, str], ...]
    times: NDArray[np.int64]
    values: NDArray[np.float64]


def _chunk(first: int) -> Chunk:
    step = 300 * 1_000_000
    start = int((NOW - timedelta(hours=1)).timestamp() * 1e6)
    return Chunk(
        (("cam-1", "speed_kmh"), ("cam-1", "flow_vph"), ("ghost", "speed_kmh")),
        np.array([start + (first + n) * step for n in range(3)], np.int64),
        np.array([[1.0, np.nan, 7.0], [2.0, 20.0, 7.0], [np.nan, 30.0, 7.0]]),
    )


def test_gaps_and_unknown_streams_are_left_out():
    chunk = _chunk(0)
    readings = flatten(chunk, {("cam-1", "speed_kmh"): 5, ("cam-1", "flow_vph"): 6})
    assert readings.stream_ids.tolist() == [5, 5, 6, 6]
    assert readings.values.tolist() == [1.0, 2.0, 20.0, 30.0]
    assert readings.times.tolist() == chunk.times[[0, 1, 1, 2]].tolist()


def test_history_is_written_and_goes_on_where_it_stopped(make_database: Callable[[], str]):
    url = make_database()
    register(url, [DEVICE])
    assert history_gap(url, NOW, days=7) == (NOW - timedelta(days=7), NOW)
    told: list[tuple[datetime, int]] = []
    written = write_history(url, [_chunk(0), _chunk(3)], lambda moment, count: told.append((moment, count)))
    assert written.readings == 8
    assert [count for _, count in told] == [4, 8]
    with psycopg.connect(url) as conn:
        assert conn.execute("SELECT count(*) FROM reading").fetchone() == (8,)
    last = NOW - timedelta(hours=1) + timedelta(minutes=25)
    assert history_gap(url, NOW, days=7) == (last, NOW)
    assert history_gap(url, last + timedelta(minutes=5), days=7) is None
