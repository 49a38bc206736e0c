"""Any range in about so many points, and the city at an instant: on every edition, against the readings."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from store import readings, rollups
from store.horizons import raise_horizon
from store.series import WIDTHS, mark_gaps, read_curves
from store.state import read_state
from telemetry.readings import Readings, to_micros

START = datetime(2026, 7, 1, tzinfo=UTC)
START_US = to_micros(START)
HOUR = timedelta(hours=1)
STEP_S = 30


@pytest.fixture
def filled(auto: psycopg.Connection, stream_ids: list[int]) -> psycopg.Connection:
    """Twelve hours of two streams, two hours of them missing in the first; half an hour not summed up."""
    n = 12 * 3600 // STEP_S
    times = START_US + np.arange(n) * STEP_S * 1_000_000
    kept = (times < START_US + 4 * 3600_000_000) | (times >= START_US + 6 * 3600_000_000)
    first = Readings.of(np.full(n, stream_ids[0]), times, np.sin(np.arange(n) / 50)).take(kept)
    second = Readings.of(np.full(n, stream_ids[1]), times, np.arange(n) / 10)
    newest = START_US + 11 * 3600_000_000 + 1800_000_000
    for part in (first, second):
        for few in np.array_split(
            np.flatnonzero(part.times < newest), 4
        ):  # one server takes small messages only
            readings.insert_new(auto, part.take(few))
    while rollups.refresh(auto):
        pass
    for part in (first, second):
        readings.insert_new(auto, part.take(part.times >= newest))
    return auto


def test_few_readings_are_answered_themselves(filled: psycopg.Connection, stream_ids: list[int]) -> None:
    found = read_curves(filled, stream_ids[:2], START + 3 * HOUR, START + 7 * HOUR, 500)
    raw = readings.read_range(filled, stream_ids[:2], START + 3 * HOUR, START + 7 * HOUR)
    assert found.width is None
    np.testing.assert_array_equal(found.means, raw.values)
    (gap,) = np.flatnonzero(found.gaps)
    assert found.times[gap] == to_micros(START + 6 * HOUR)


@pytest.mark.parametrize("points", [300, 100, 40, 3])
def test_many_are_summed_up_to_the_newest(
    filled: psycopg.Connection, stream_ids: list[int], points: int
) -> None:
    end = START + 12 * HOUR
    found = read_curves(filled, stream_ids[:2], START, end, points)
    assert found.width in WIDTHS
    width_us = found.width // timedelta(microseconds=1)
    for stream_id in stream_ids[:2]:
        raw = readings.read_range(filled, [stream_id], START, end)
        mine = found.stream_ids == stream_id
        assert mine.sum() <= points + 1
        buckets = raw.times // width_us * width_us
        np.testing.assert_array_equal(found.times[mine], np.unique(buckets))
        means = [raw.values[buckets == bucket].mean() for bucket in np.unique(buckets)]
        np.testing.assert_allclose(found.means[mine], means, rtol=1e-9, atol=1e-9)
        assert found.counts[mine].sum() == len(raw)
        assert found.lows[mine].min() == raw.values.min()
    if points >= 40:
        (gap,) = np.flatnonzero(found.gaps)
        assert found.times[gap] == to_micros(START + 6 * HOUR)


def test_where_readings_are_gone_minutes_answer(filled: psycopg.Connection, stream_ids: list[int]) -> None:
    raise_horizon(filled, "reading", START + timedelta(days=1))
    found = read_curves(filled, stream_ids[:2], START, START + HOUR, 1_000)
    assert found.width == timedelta(minutes=1)
    assert found.counts.tolist() == [2] * 120


def test_a_range_is_not_empty(filled: psycopg.Connection, stream_ids: list[int]) -> None:
    with pytest.raises(ValueError, match="begins before"):
        read_curves(filled, stream_ids, START, START, 10)


def test_gaps_are_not_seen_across_streams_or_in_a_coarse_step() -> None:
    ids = np.repeat(np.asarray([1, 2], np.int32), 6)
    times = np.tile(np.arange(6) * 300_000_000, 2)
    assert not mark_gaps(ids, times, times, {1: 10.0, 2: 10.0}).any()
    times[3:6] += 3_600_000_000
    assert np.flatnonzero(mark_gaps(ids, times, times, {1: 10.0, 2: 10.0})).tolist() == [3]


@pytest.mark.parametrize("gone", [False, True], ids=["readings", "minutes"])
def test_the_city_at_an_instant(filled: psycopg.Connection, stream_ids: list[int], *, gone: bool) -> None:
    if gone:
        raise_horizon(filled, "reading", START + timedelta(days=1))
    at = START + 5 * HOUR - timedelta(seconds=1) + timedelta(seconds=31 if gone else 0)
    near = read_state(filled, at, timedelta(minutes=30))
    assert near.stream_ids.tolist() == [stream_ids[1]]  # the first says nothing since an hour
    far = read_state(filled, at, 2 * HOUR)
    assert far.stream_ids.tolist() == stream_ids[:2]
    for n, stream_id in enumerate(stream_ids[:2]):
        raw = readings.read_range(filled, [stream_id], START, at + timedelta(microseconds=1))
        assert (far.times[n], far.values[n]) == (raw.times[-1], raw.values[-1])
    assert len(read_state(filled, START - HOUR, HOUR)) == 0
