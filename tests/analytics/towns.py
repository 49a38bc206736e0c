"""A database with a small city in it, and an ingestor to write to it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field

import numpy as np
import psycopg
import pytest

from analytics.live import LiveEngine
from analytics.recovery import start
from analytics.times import moment
from store.batches import append_batch
from store.devices import list_streams, upsert_devices
from store.pool import connect
from store.readings import write_readings
from telemetry.city import City
from telemetry.readings import Readings
from tests.analytics import worlds
from tests.analytics.worlds import DEVICES, START, Commit


@dataclass
class Town:
    """A database with the devices of `worlds`, a quiet week, and an ingestor."""

    url: str
    conn: psycopg.Connection
    ids: np.ndarray
    seqs: dict[str, int] = field(default_factory=dict[str, int])

    def commit(self, commit: Commit, ingestor: str = "ingest-1") -> None:
        """Write what ingest would, at the time it would have."""
        rows = commit.rows
        readings = Readings.of(self.ids[rows.streams], rows.times, rows.values)
        seq = self.seqs[ingestor] = self.seqs.get(ingestor, 0) + 1
        with self.conn.transaction():
            new = write_readings(self.conn, readings)
            append_batch(self.conn, ingestor, seq, new)
            self.conn.execute(
                "UPDATE reading_batch SET committed_at = %s WHERE ingestor = %s AND seq = %s",
                (moment(commit.now), ingestor, seq),
            )

    def commit_all(self, feed: Sequence[Commit]) -> None:
        for commit in feed:
            self.commit(commit)

    def engine(self, now: int = START, city: City | None = None) -> LiveEngine:
        return start(self.conn, city or worlds.city(), now)

    def anomalies(self) -> list[tuple[object, ...]]:
        return self.conn.execute(
            """SELECT key, severity, started_at, ended_at, updated_at, value, score, detail
            FROM anomaly ORDER BY started_at, key"""
        ).fetchall()

    def happenings(self) -> list[tuple[object, ...]]:
        return self.conn.execute(
            """SELECT alert.key, kind, event.at, event.detail
            FROM alert_event AS event JOIN alert USING (alert_id) ORDER BY event.at, key, kind"""
        ).fetchall()


def found_town(url: str) -> Town:
    conn = connect(url, name="test", autocommit=True)
    with conn.transaction():
        upsert_devices(conn, DEVICES)
    place = {stream.device_id: stream.stream_id for stream in list_streams(conn)}
    ids = np.array([place[device.device_id] for device in DEVICES])
    past = worlds.history(worlds.roster())
    with conn.transaction():
        write_readings(conn, Readings.of(ids[past.streams], past.times, past.values))
    return Town(url, conn, ids)


@pytest.fixture
def make_town(make_database: Callable[[], str]) -> Iterator[Callable[[], Town]]:
    towns: list[Town] = []

    def make() -> Town:
        towns.append(found_town(make_database()))
        return towns[-1]

    yield make
    for town in towns:
        town.conn.close()


@pytest.fixture
def town(make_town: Callable[[], Town]) -> Town:
    return make_town()
