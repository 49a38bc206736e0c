"""Rollups: on every edition what NumPy computes from the readings, whatever arrives when."""

from __future__ import annotations

import contextlib
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest
from psycopg import sql

from store import backlog, changes, pool, readings, rollups
from store.aggregates import Buckets, read_buckets
from telemetry.readings import Readings, to_micros
from tests.fix_db import TestServer

START = datetime(2026, 3, 2, 21, 0, tzinfo=UTC)
"""Three hours before a day of UTC ends."""
START_US = to_micros(START)
HOURS = 30


def random_readings(rng: np.random.Generator, stream_ids: list[int], n: int) -> Readings:
    times = START_US + rng.integers(0, HOURS * 3600, n) * 1_000_000 + rng.integers(0, 2, n)
    return Readings.of(rng.choice(stream_ids, n), times, rng.normal(10, 3, n), rng.integers(0, 4, n))


def refresh_all(conn: psycopg.Connection) -> None:
    while rollups.refresh(conn):
        pass


def stored(conn: psycopg.Connection, stream_ids: list[int]) -> Readings:
    return readings.read_range(conn, stream_ids, START - timedelta(days=9), START + timedelta(days=9))


Row = tuple[int, float, float, float, float, int, float, int]


def expected(found: Readings, minutes: int) -> dict[tuple[int, int], Row]:
    """Every bucket of a rollup, the plain way."""
    width, made = minutes * 60_000_000, dict[tuple[int, int], Row]()
    for key in {
        (int(s), int(t) // width * width) for s, t in zip(found.stream_ids, found.times, strict=True)
    }:
        mine = found.take((found.stream_ids == key[0]) & (found.times // width * width == key[1]))
        first, last = int(mine.times.argmin()), int(mine.times.argmax())
        made[key] = (
            len(mine), float(mine.values.sum()), float(mine.values.min()), float(mine.values.max()),
            float(mine.values[first]), int(mine.times[first]),
            float(mine.values[last]), int(mine.times[last]),
        )  # fmt: skip
    return made


def assert_right(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    found = stored(conn, stream_ids)
    for level in rollups.LEVELS:
        rows = conn.execute(
            sql.SQL(
                "SELECT stream_id, bucket, n, total, low, high, first_value, first_at, last_value, last_at"
                " FROM {}"
            ).format(sql.Identifier(level.relation))
        ).fetchall()
        kept = {
            (r[0], to_micros(r[1])): (
                r[2],
                pytest.approx(r[3]),
                *r[4:7],
                to_micros(r[7]),
                r[8],
                to_micros(r[9]),
            )
            for r in rows
        }
        assert kept == expected(found, level.minutes), level.relation


def same(one: Buckets, other: Buckets) -> None:
    for name in ("stream_ids", "times", "lows", "highs", "counts", "firsts", "lasts"):
        np.testing.assert_array_equal(getattr(one, name), getattr(other, name), name)
    np.testing.assert_allclose(one.means, other.means, rtol=1e-12)


def test_rollups_are_what_the_readings_say(auto: psycopg.Connection, stream_ids: list[int]) -> None:
    rng = np.random.default_rng(1)
    for _ in range(3):  # the second and third come late, and deliver some again
        written = random_readings(rng, stream_ids, 150)
        readings.insert_new(auto, written)
        readings.insert_new(auto, written.take(np.arange(20)))
        refresh_all(auto)
    assert changes.lag(auto).pending == 0
    assert_right(auto, stream_ids)


WIDTHS = [timedelta(minutes=m) for m in (1, 5, 15, 60, 120, 1440)]


@pytest.mark.parametrize("refreshed", [True, False], ids=["refreshed", "behind"])
@pytest.mark.parametrize("offset_us", [0, 7 * 60_000_000, 61_000_003], ids=["hour", "minute", "odd"])
def test_ranges_answer_as_the_readings_would(
    auto: psycopg.Connection, stream_ids: list[int], offset_us: int, *, refreshed: bool
) -> None:
    rng = np.random.default_rng(2)
    readings.insert_new(auto, random_readings(rng, stream_ids, 300))
    refresh_all(auto)
    readings.insert_new(auto, random_readings(rng, stream_ids, 60))  # late, all over the range
    if refreshed:
        refresh_all(auto)
    end = START + timedelta(hours=HOURS - 3, microseconds=offset_us)
    for width in WIDTHS:
        for start in (START, START + timedelta(minutes=90, microseconds=offset_us), end - 3 * width):
            rolled = read_buckets(auto, stream_ids, start, end, width)
            same(rolled, read_buckets(auto, stream_ids, start, end, width, rolled=False))


class KilledError(Exception):
    """Stands for the end of the process."""


def test_a_crash_between_the_steps_loses_nothing(
    auto: psycopg.Connection, stream_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(3)
    readings.insert_new(auto, random_readings(rng, stream_ids, 100))
    real, steps = psycopg.Connection.execute, 0
    for killed_at in range(1, 9):
        steps = 0

        def execute(self: psycopg.Connection, *given: object, **named: object) -> object:
            nonlocal steps
            steps += 1
            if steps == killed_at:  # noqa: B023  (called at once)
                raise KilledError
            return real(self, *given, **named)  # pyright: ignore[reportArgumentType, reportUnknownVariableType, reportCallIssue]

        with monkeypatch.context() as patch:
            patch.setattr(psycopg.Connection, "execute", execute)
            with contextlib.suppress(KilledError):
                rollups.refresh(auto)
        readings.insert_new(auto, random_readings(rng, stream_ids, 10))
        span = START, START + timedelta(hours=HOURS), timedelta(hours=1)
        same(read_buckets(auto, stream_ids, *span), read_buckets(auto, stream_ids, *span, rolled=False))
    refresh_all(auto)
    assert_right(auto, stream_ids)


def test_what_commits_during_a_refresh_is_summed_up_by_the_next(
    auto: psycopg.Connection, stream_ids: list[int], edition_url: str, edition_server: TestServer
) -> None:
    if edition_server.one_connection:
        pytest.skip("one connection at a time")
    rng = np.random.default_rng(4)
    readings.insert_new(auto, random_readings(rng, stream_ids, 50))
    with pool.connect(edition_url, name="other") as other:
        readings.write_readings(other, random_readings(rng, stream_ids, 50))  # not committed yet
        refresh_all(auto)
        other.commit()
    refresh_all(auto)
    assert_right(auto, stream_ids)


def test_crowded_minutes_are_noted_as_a_whole(
    auto: psycopg.Connection, stream_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "CROWD", 2)
    rng = np.random.default_rng(5)
    times = np.repeat(START_US + np.arange(200) * 300_000_000, len(stream_ids))
    every = np.tile(np.asarray(stream_ids, np.int32), 200)
    readings.insert_new(auto, Readings.of(every, times, rng.normal(0, 1, len(every))))
    found = changes.peek(auto, 10)
    assert len(found.minutes) == 200
    assert len(found.stream_ids) == 0
    refresh_all(auto)
    assert_right(auto, stream_ids)


def test_days_that_are_new_are_summed_up_as_any_others(
    auto: psycopg.Connection, stream_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(changes, "CROWD", 1)  # so that minutes are noted as a whole, as those of history
    rng = np.random.default_rng(6)
    readings.insert_new(auto, random_readings(rng, stream_ids, 400))
    refresh_all(auto)
    assert_right(auto, stream_ids)
    readings.insert_new(auto, random_readings(rng, stream_ids, 100))  # the days are known now
    refresh_all(auto)
    assert_right(auto, stream_ids)


def test_a_day_is_left_to_the_database_where_it_is_known_or_large(
    auto: psycopg.Connection, stream_ids: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    if rollups.are_views(auto):
        pytest.skip("TimescaleDB's own views are refreshed")
    rng = np.random.default_rng(7)
    written = random_readings(rng, stream_ids, 100)
    readings.insert_new(auto, written)
    minutes = (written.times // changes.MINUTE_US).astype(np.int32)
    days = np.unique(minutes // 1440)
    with monkeypatch.context() as patch:
        patch.setattr(backlog, "MOST_READINGS", 1)
        assert len(backlog.fill_new_days(auto, minutes)) == 0
    np.testing.assert_array_equal(backlog.fill_new_days(auto, minutes), days)
    assert_right(auto, stream_ids)
    assert len(backlog.fill_new_days(auto, minutes)) == 0
    refresh_all(auto)
    assert_right(auto, stream_ids)
