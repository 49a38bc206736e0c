"""Means over stretches of time, on every edition."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from store import readings
from store.aggregates import read_buckets
from telemetry.readings import Readings, to_micros

START = datetime(2026, 3, 2, 7, 0, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def fill(conn: psycopg.Connection, stream_id: int, values: list[float]) -> None:
    times = [to_micros(START + n * MINUTE) for n in range(len(values))]
    readings.insert_new(conn, Readings.of([stream_id] * len(values), times, values))


def test_buckets_end_with_the_range(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    fill(conn, stream_ids[0], [float(n) for n in range(30)])
    end = START + 27 * MINUTE
    found = read_buckets(conn, stream_ids, START, end, 10 * MINUTE)
    assert found.stream_ids.tolist() == [stream_ids[0]] * 3
    assert found.counts.tolist() == [7, 10, 10]
    assert found.means.tolist() == [3.0, 11.5, 21.5]
    assert (found.lows[1], found.highs[1]) == (7.0, 16.0)
    begins = [to_micros(end - n * 10 * MINUTE) for n in (3, 2, 1)]
    assert found.times.tolist() == begins


def test_a_table_has_a_row_a_stream_and_holes(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    fill(conn, stream_ids[1], [4.0] * 5)
    end = START + 20 * MINUTE
    found = read_buckets(conn, stream_ids[:2], START, end, 5 * MINUTE)
    table = found.table(stream_ids[:2], START, end, 5 * MINUTE)
    assert table.shape == (2, 4)
    assert np.isnan(table[0]).all()
    assert table[1, 0] == 4.0
    assert np.isnan(table[1, 1:]).all()


def test_nothing_stored_is_nothing_summed(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    assert len(read_buckets(conn, stream_ids, START, START + 10 * MINUTE, MINUTE)) == 0


@pytest.mark.parametrize("width", [timedelta(0), timedelta(hours=7)])
def test_a_width_divides_a_day(conn: psycopg.Connection, stream_ids: list[int], width: timedelta) -> None:
    with pytest.raises(ValueError, match="divide"):
        read_buckets(conn, stream_ids, START, START + MINUTE, width)
