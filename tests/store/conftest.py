"""The store on every edition that can be had: one database each, emptied for every test."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import psycopg
import pytest
from psycopg import sql

from store import devices, pool, rollups
from telemetry.devices import Device
from telemetry.metrics import Domain
from tests.fix_db import EDITIONS, TestServer

LOOP = Device(
    "loop-1", Domain.TRAFFIC, "loop", "Vòng từ Điện Biên Phủ", "Điện Biên Phủ loop", 10.79, 106.69, "760",
    10.0, ("speed_kmh", "battery_pct"), {"road": "dien_bien_phu"},
)  # fmt: skip
GAUGE = Device(
    "gauge-1", Domain.DRAINAGE, "tide_gauge", "Trạm Phú An", "Phú An gauge", 10.77, 106.71, "760",
    60.0, ("water_level_m",),
)  # fmt: skip

_EMPTY = """
TRUNCATE label, detection_active, detection_version,
         backtest_episode, backtest_run, shadow_anomaly, shadow,
         audit_entry, sign_in_failure, sign_in_refusal, api_key, session, person,
         alert_event, alert, anomaly, quality_interval, ledger, quarantine, replay_request, service,
         consumer_offset, consumer_snapshot,
         reading_batch, ingestor, reading, reading_change, reading_horizon,
         device_access, device_clock, device_status, stream, device RESTART IDENTITY"""


@pytest.fixture(scope="session", params=EDITIONS)
def edition_server(
    request: pytest.FixtureRequest, edition_servers: Callable[[str], TestServer]
) -> TestServer:
    """A server of each edition in turn."""
    return edition_servers(request.param)


@pytest.fixture(scope="session")
def edition_url(edition_server: TestServer, edition_urls: Callable[[str], str]) -> str:
    """A migrated database of each edition."""
    return edition_urls(edition_server.edition)


@pytest.fixture
def copies(edition_server: TestServer) -> bool:
    """Whether the server takes COPY (PGlite does not)."""
    return not edition_server.one_connection


@pytest.fixture
def conn(edition_url: str, copies: bool) -> Iterator[psycopg.Connection]:
    """A connection to an emptied database; what a test leaves open is rolled back."""
    with pool.connect(edition_url, name="test") as conn:
        if not copies:
            # PGlite is one session behind every connection: prepared statements would outlive theirs.
            conn.prepare_threshold = None
        conn.execute(_EMPTY)
        conn.commit()
        yield conn
        conn.rollback()


@pytest.fixture
def auto(conn: psycopg.Connection) -> Iterator[psycopg.Connection]:
    """The connection in autocommit, with empty rollups."""
    conn.rollback()
    conn.autocommit = True
    if not rollups.are_views(conn):
        conn.execute("TRUNCATE reading_1m, reading_15m, reading_1h, reading_1d")
    else:
        for level in rollups.LEVELS:  # the readings are gone: their buckets go too
            conn.execute(
                sql.SQL("CALL refresh_continuous_aggregate({}, '2026-01-01Z', '2027-01-01Z')").format(
                    level.relation
                )
            )
    yield conn
    conn.autocommit = False


@pytest.fixture
def stream_ids(conn: psycopg.Connection) -> list[int]:
    """Two registered devices; the ids of their three streams (two of traffic, one of drainage)."""
    devices.upsert_devices(conn, [LOOP, GAUGE])
    conn.commit()
    return [stream.stream_id for stream in devices.list_streams(conn)]
