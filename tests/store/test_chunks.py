"""Questions over months of readings look at the chunks they need, and at no others."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from store import chunks, latest, readings, rollups, series
from store.edition import Edition, edition
from telemetry.readings import Readings, to_micros

DAY = timedelta(days=1)
START = datetime(2026, 3, 1, tzinfo=UTC)
DAYS = 100

_LOCKED = """
SELECT count(*) FROM pg_locks JOIN pg_inherits ON inhrelid = relation
WHERE inhparent = 'reading'::regclass AND pid = pg_backend_pid()"""
_ROWS_KNOWN = """
SELECT reltuples FROM pg_class JOIN pg_inherits ON inhrelid = pg_class.oid
WHERE inhparent = 'reading'::regclass ORDER BY pg_class.oid LIMIT 1"""


def daily(stream_id: int, days: int, start: datetime = START) -> Readings:
    """A reading a day."""
    times = [to_micros(start + day * DAY) for day in range(days)]
    return Readings.of([stream_id] * days, times, [float(day) for day in range(days)])


def sum_up(conn: psycopg.Connection) -> None:
    while rollups.refresh(conn):
        pass


def locked(conn: psycopg.Connection) -> int:
    """How many chunks of the readings this transaction has touched, planned for ones too."""
    row = conn.execute(_LOCKED).fetchone()
    assert row is not None
    return row[0]


@pytest.fixture
def months(auto: psycopg.Connection, stream_ids: list[int]) -> psycopg.Connection:
    """Of three streams the first speaks daily, the second fell silent at once, the third never spoke."""
    if edition(auto) is not Edition.APACHE:
        pytest.skip("plain PostgreSQL has no chunks, and PGlite shows no locks")
    readings.insert_new(auto, daily(stream_ids[0], DAYS))
    readings.insert_new(auto, daily(stream_ids[1], 1))
    sum_up(auto)
    return auto


def test_first_and_last_time(auto: psycopg.Connection, stream_ids: list[int]) -> None:
    assert chunks.first_time(auto, "reading") is chunks.last_time(auto, "reading_1m") is None
    readings.insert_new(auto, daily(stream_ids[0], 5))
    readings.insert_new(auto, daily(stream_ids[1], 3, START + timedelta(hours=1)))
    sum_up(auto)
    auto.execute("DELETE FROM reading WHERE time < %s", (START + DAY,))  # leaves a chunk that is empty
    assert readings.extent(auto) == (START + DAY, START + 4 * DAY)
    assert chunks.first_time(auto, "reading_1h") == START
    assert chunks.last_time(auto, "reading_1h") == START + 4 * DAY


@pytest.mark.parametrize("summed", [True, False], ids=["summed up", "behind"])
def test_who_fell_silent_long_ago_has_a_latest(
    auto: psycopg.Connection, stream_ids: list[int], summed: bool
) -> None:
    readings.insert_new(auto, daily(stream_ids[0], DAYS))
    readings.insert_new(auto, daily(stream_ids[1], 2))
    if summed:
        sum_up(auto)
    found = {reading.stream_id: reading for reading in latest.read_latest(auto)}
    assert set(found) == set(stream_ids[:2])
    assert found[stream_ids[0]].time == START + (DAYS - 1) * DAY
    assert (found[stream_ids[1]].time, found[stream_ids[1]].value) == (START + DAY, 1.0)


def test_a_curve_of_sums_touches_no_old_readings(months: psycopg.Connection, stream_ids: list[int]) -> None:
    with months.transaction():
        curves = series.read_curves(months, stream_ids[:1], START, START + DAYS * DAY, 50)
        assert locked(months) == 0
    assert curves.counts.sum() == DAYS


def test_ends_are_found_in_the_chunks_at_the_ends(months: psycopg.Connection) -> None:
    with months.transaction():
        assert readings.extent(months) == (START, START + (DAYS - 1) * DAY)
        assert locked(months) == 2


def test_summing_up_new_days_leaves_the_statistics_of_others(
    months: psycopg.Connection, stream_ids: list[int]
) -> None:
    known = months.execute(_ROWS_KNOWN).fetchone()
    months.execute(
        "INSERT INTO reading SELECT %s, %s + i * INTERVAL '1 s', 1 FROM generate_series(1, 50) AS i",
        (stream_ids[0], START),
    )
    readings.insert_new(months, daily(stream_ids[0], 1, START + DAYS * DAY))
    sum_up(months)
    assert months.execute(_ROWS_KNOWN).fetchone() == known
