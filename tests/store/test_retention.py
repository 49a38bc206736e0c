"""What is too old goes, what is summed up stays right, and Community compresses."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from store import readings, retention, rollups, storage
from store.aggregates import read_buckets
from store.edition import Edition, edition
from store.horizons import read_horizons
from telemetry.readings import Readings, to_micros
from telemetry.settings import Store

NOW = datetime(2026, 5, 20, 12, 30, tzinfo=UTC)
DAY = timedelta(days=1)
KEPT = Store(raw_days=40, minute_days=50, compress_after_days=3)


@pytest.fixture(autouse=True)
def nothing_set(auto: psycopg.Connection) -> Iterator[None]:
    """What a test sets is taken back."""
    yield
    retention.apply_policies(auto, Store(compress_after_days=0), 30)
    auto.execute("DELETE FROM reading_horizon")


def hourly(stream_id: int, start: datetime, n: int) -> Readings:
    times = to_micros(start) + np.arange(n) * 3_600_000_000
    return Readings.of(np.full(n, stream_id), times, np.arange(n) / 3)


def policies(conn: psycopg.Connection) -> list[tuple[str, str]]:
    rows = conn.execute(
        "SELECT proc_name, coalesce(c.view_name, j.hypertable_name) FROM timescaledb_information.jobs AS j"
        " LEFT JOIN timescaledb_information.continuous_aggregates AS c"
        " ON c.materialization_hypertable_name = j.hypertable_name WHERE proc_name = ANY(%s) ORDER BY 1, 2",
        (list(retention.POLICIES),),
    )
    return [(str(a), str(b)) for a, b in rows]


def test_what_is_let_go_stays_in_the_rollups(auto: psycopg.Connection, stream_ids: list[int]) -> None:
    start = NOW.replace(hour=0, minute=0) - 45 * DAY
    readings.insert_new(auto, hourly(stream_ids[0], start, 45 * 24))
    while rollups.refresh(auto):
        pass
    span = start, NOW.replace(hour=0, minute=0), DAY
    before = read_buckets(auto, stream_ids, *span)
    assert before.counts.tolist() == [24] * 45
    with auto.transaction():
        assert retention.expire(auto, KEPT, NOW) == ["reading", "reading_1m"]
    if edition(auto) is Edition.COMMUNITY:  # its policy would, in a server with workers
        auto.execute("SELECT drop_chunks('reading', older_than => %s::timestamptz)", (NOW - 40 * DAY,))
    oldest = auto.execute("SELECT min(time) FROM reading").fetchone()
    assert oldest is not None
    assert oldest[0] == start + 5 * DAY
    # A very late reading must not make a bucket anew whose readings are gone.
    readings.insert_new(auto, Readings.of(stream_ids[:1], [to_micros(start + timedelta(minutes=7))], [1e9]))
    while rollups.refresh(auto, read_horizons(auto).get("reading")):
        pass
    after = read_buckets(auto, stream_ids, *span)
    for name in ("times", "means", "lows", "highs", "counts"):
        np.testing.assert_array_equal(getattr(after, name), getattr(before, name), name)


def test_policies_are_what_is_set(auto: psycopg.Connection) -> None:
    retention.apply_policies(auto, KEPT, 30)
    if edition(auto) is not Edition.COMMUNITY:
        assert not rollups.are_views(auto)
        return
    refreshed = [
        ("policy_refresh_continuous_aggregate", name)
        for name in sorted(level.relation for level in rollups.LEVELS)
    ]
    assert policies(auto) == [
        ("policy_compression", "reading"), *refreshed,
        ("policy_retention", "reading"), ("policy_retention", "reading_1m"),
    ]  # fmt: skip
    retention.apply_policies(auto, Store(compress_after_days=0), 30)
    assert policies(auto) == refreshed


def test_community_compresses_and_takes_late_readings_still(
    auto: psycopg.Connection, stream_ids: list[int]
) -> None:
    if edition(auto) is not Edition.COMMUNITY:
        pytest.skip("only TimescaleDB Community compresses")
    retention.apply_policies(auto, KEPT, 30)
    start = NOW - 10 * DAY
    n = 3_000
    times = to_micros(start) + np.arange(n) * 20_000_000
    for part in np.array_split(np.arange(n), 10):
        readings.insert_new(auto, Readings.of(np.full(len(part), stream_ids[0]), times[part], 1 + part % 7))
    auto.execute(
        "SELECT compress_chunk(c, true) FROM show_chunks('reading', older_than => %s::timestamptz) AS c",
        (NOW,),
    )
    (reading, *_) = storage.relation_sizes(auto, retention.kept_days(KEPT))
    assert 0 < reading.compressed_bytes < reading.uncompressed_bytes / 3
    late = Readings.of([stream_ids[0]] * 2, [int(times[5]), int(times[5]) + 1], [99.0, 99.0])
    assert len(readings.insert_new(auto, late)) == 1  # the other one is known
    while rollups.refresh(auto):
        pass
    span = start, start + DAY, timedelta(hours=1)
    rolled, raw = read_buckets(auto, stream_ids, *span), read_buckets(auto, stream_ids, *span, rolled=False)
    assert rolled.counts.sum() == n + 1
    np.testing.assert_array_equal(rolled.highs, raw.highs)


def test_sizes_are_told_on_every_edition(auto: psycopg.Connection, stream_ids: list[int]) -> None:
    readings.insert_new(auto, hourly(stream_ids[0], NOW - 3 * DAY, 60))
    while rollups.refresh(auto):
        pass
    found = {size.name: size for size in storage.relation_sizes(auto, retention.kept_days(KEPT))}
    assert list(found) == ["reading", *(level.relation for level in rollups.LEVELS)]
    assert found["reading"].oldest == NOW - 3 * DAY
    assert all(size.bytes > 0 for size in found.values())
    assert (found["reading"].kept_days, found["reading_1h"].kept_days) == (40, 0)
