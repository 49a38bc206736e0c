"""Readings: stored once, read back exactly, the same on every edition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from store import latest, readings
from telemetry.readings import Readings, to_micros

START = datetime(2026, 11, 20, tzinfo=UTC)
START_US = to_micros(START)


def series(stream_id: int, n: int, step_s: float = 60.0, value: float = 1.0) -> Readings:
    times = START_US + (np.arange(n) * step_s * 1e6).astype(np.int64)
    return Readings.of(np.full(n, stream_id), times, value + np.arange(n) / 7, np.arange(n) % 3)


def read_all(conn: psycopg.Connection, *stream_ids: int) -> Readings:
    return readings.read_range(conn, stream_ids, START, START + timedelta(days=30))


def test_what_is_written_is_read_back_to_the_bit(
    conn: psycopg.Connection, stream_ids: list[int], copies: bool
) -> None:
    n = 5_000 if copies else 500  # the server without COPY takes small messages only
    written = series(stream_ids[0], n, step_s=13.000001)
    assert len(readings.insert_new(conn, written)) == n
    back = read_all(conn, stream_ids[0])
    for name in ("stream_ids", "times", "values", "qualities"):
        np.testing.assert_array_equal(getattr(back, name), getattr(written, name))


def test_delivering_twice_stores_once(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    first, again = series(stream_ids[0], 50), series(stream_ids[0], 80, value=99.0)
    readings.insert_new(conn, first)
    fresh = readings.insert_new(conn, again)
    assert sorted(fresh.times.tolist()) == again.times[50:].tolist()
    back = read_all(conn, stream_ids[0])
    assert len(back) == 80
    np.testing.assert_array_equal(back.values[:50], first.values)  # the first word stands


def test_the_direct_road_and_the_slow_road_agree(
    conn: psycopg.Connection, stream_ids: list[int], copies: bool
) -> None:
    if not copies:
        pytest.skip("this server crashes on COPY; its readings always take the slow road")
    assert len(readings.write_readings(conn, series(stream_ids[0], 100))) == 100
    fresh = readings.write_readings(conn, series(stream_ids[0], 120))
    assert len(fresh) == 20
    assert len(readings.write_readings(conn, series(stream_ids[0], 120))) == 0
    assert len(read_all(conn, stream_ids[0])) == 120


def test_two_equals_in_one_call_are_one(
    conn: psycopg.Connection, stream_ids: list[int], copies: bool
) -> None:
    write = readings.write_readings if copies else readings.insert_new
    twice = Readings.of([stream_ids[0]] * 2, [START_US] * 2, [1.0, 2.0])
    assert write(conn, twice).values.tolist() == [1.0]


def test_nothing_written_is_nothing_read(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    assert len(readings.write_readings(conn, Readings.of([], [], []))) == 0
    assert len(read_all(conn, stream_ids[0])) == 0
    assert latest.read_latest(conn) == []
    assert readings.extent(conn) is None


def test_a_range_is_half_open_and_ordered(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    for stream_id in reversed(stream_ids[:2]):
        readings.insert_new(conn, series(stream_id, 10))
    back = readings.read_range(
        conn, stream_ids[:2], START + timedelta(minutes=2), START + timedelta(minutes=5)
    )
    assert back.stream_ids.tolist() == [stream_ids[0]] * 3 + [stream_ids[1]] * 3
    minutes = ((back.times - START_US) / 60e6).tolist()
    assert minutes == [2.0, 3.0, 4.0] * 2


def test_latest_is_the_newest_by_time_not_by_arrival(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    readings.insert_new(conn, series(stream_ids[0], 10))
    readings.insert_new(conn, Readings.of([stream_ids[0]], [START_US - 60_000_000], [-1.0]))
    (found,) = latest.read_latest(conn)
    assert found.stream_id == stream_ids[0]
    assert found.time == START + timedelta(minutes=9)
    assert found.value == pytest.approx(1 + 9 / 7)
