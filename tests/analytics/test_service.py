"""The process: it keeps going, tells how it is, and is alone."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alerts.apply import apply_findings
from analytics import service
from analytics.live import CONSUMER
from store import detection
from store.alerts import get_alert, list_events, list_live
from store.batches import append_batch
from store.devices import list_streams, upsert_devices
from store.locks import holders, try_lock
from store.offsets import get_offsets
from store.pool import connect
from store.readings import write_readings
from store.services import Service, list_services
from telemetry.alerts import AlertStatus, Finding, FindingState, Severity
from telemetry.detection import Configuration, DetectorSpec
from telemetry.errors import EngineError
from telemetry.readings import Readings
from telemetry.settings import Settings
from tests.analytics import worlds
from tests.analytics.worlds import wait_for

DEADLINE_S = 20.0


@pytest.fixture
def url(make_database: Callable[[], str]) -> str:
    made = make_database()
    with connect(made, name="test") as conn:
        upsert_devices(conn, worlds.DEVICES)
    return made


@pytest.fixture
def conn(url: str) -> Iterator[psycopg.Connection]:
    with connect(url, name="test", autocommit=True) as made:
        yield made


@pytest.fixture
def analytics(url: str) -> Iterator[Callable[[], threading.Event]]:
    """Starts the service in a thread; ends it after the test."""
    running: list[tuple[threading.Thread, threading.Event]] = []

    def begin() -> threading.Event:
        stop = threading.Event()
        settings = Settings(database_url=url)
        thread = threading.Thread(target=service.run, args=(settings, worlds.city(), stop))
        thread.start()
        running.append((thread, stop))
        return stop

    yield begin
    for thread, stop in running:
        stop.set()
        thread.join(DEADLINE_S)
        assert not thread.is_alive()


def state(conn: psycopg.Connection) -> dict[str, object]:
    found: list[Service] = [one for one in list_services(conn) if one.name == service.NAME]
    return dict(found[0].detail) if found else {}


def members(conn: psycopg.Connection) -> int:
    """Analytics processes that live."""
    return len(holders(conn, [service.MEMBERS])[service.MEMBERS])


def commit_level(conn: psycopg.Connection, seq: int, level_m: float) -> None:
    """One reading of the gauge, as ingest would commit it now."""
    (stream,) = list_streams(conn, "gauge-1")
    readings = Readings.of([stream.stream_id], [time.time_ns() // 1_000], [level_m])
    with conn.transaction():
        append_batch(conn, "ingest-1", seq, write_readings(conn, readings))


def test_from_a_committed_reading_to_an_alert(
    conn: psycopg.Connection, analytics: Callable[[], threading.Event]
) -> None:
    analytics()
    wait_for(lambda: state(conn).get("state") == "scoring")
    commit_level(conn, 1, 1.7)
    wait_for(lambda: len(list_live(conn)) == 1)
    commit_level(conn, 2, 1.0)
    wait_for(lambda: not list_live(conn))
    assert get_offsets(conn, CONSUMER) == {"ingest-1": 2}
    wait_for(lambda: state(conn).get("scored") == 2)
    assert state(conn)["streams"] == len(worlds.DEVICES)


def test_detectors_change_while_it_runs(
    url: str, conn: psycopg.Connection, analytics: Callable[[], threading.Event]
) -> None:
    analytics()
    wait_for(lambda: state(conn).get("state") == "scoring")
    commit_level(conn, 1, 1.7)
    wait_for(lambda: len(list_live(conn)) == 1)
    with connect(url, name="engineer") as engineer:
        detection.apply(engineer, Configuration((DetectorSpec("levels", "limits"),)), "lan", "a new name")
    wait_for(lambda: not list_live(conn))
    commit_level(conn, 2, 1.7)
    wait_for(lambda: len(list_live(conn)) == 1)
    (alert,) = list_live(conn)
    assert (alert.detector, alert.detail["version"]) == ("levels", 2)
    wait_for(lambda: state(conn).get("configuration") == 2)


def test_what_was_resolved_long_ago_is_closed(
    conn: psycopg.Connection, analytics: Callable[[], threading.Event]
) -> None:
    (stream,) = list_streams(conn, "gauge-1")
    began = datetime.now(UTC) - timedelta(hours=Settings().alerts.close_after_h + 1)
    old = Finding("old", FindingState.RAISED, "people", "r", stream.stream_id, Severity.MINOR, began)
    fresh = replace(old, key="fresh", at=datetime.now(UTC))
    ends = [replace(found, state=FindingState.CLEARED) for found in (old, fresh)]
    with conn.transaction():
        first, second, *_ = apply_findings(conn, [old, fresh, *ends])

    def status(alert_id: int) -> AlertStatus:
        found = get_alert(conn, alert_id)
        assert found is not None
        return found.status

    analytics()
    wait_for(lambda: status(first.alert_id) is AlertStatus.CLOSED)
    assert list_events(conn, first.alert_id)[-1].actor == "system:closing"
    assert status(second.alert_id) is AlertStatus.RESOLVED


def test_a_lost_connection_is_waited_out(
    conn: psycopg.Connection, analytics: Callable[[], threading.Event]
) -> None:
    analytics()
    wait_for(lambda: state(conn).get("state") == "scoring")
    commit_level(conn, 1, 1.7)
    wait_for(lambda: len(list_live(conn)) == 1)
    conn.execute(
        """SELECT pg_terminate_backend(pid) FROM pg_stat_activity
        WHERE application_name = 'cityops analytics' AND datname = current_database()"""
    )
    commit_level(conn, 2, 1.0)
    wait_for(lambda: not list_live(conn))
    assert get_offsets(conn, CONSUMER) == {"ingest-1": 2}


def test_only_one_analytics_works(
    url: str, conn: psycopg.Connection, analytics: Callable[[], threading.Event]
) -> None:
    with connect(url, name="other", autocommit=True) as other:
        assert try_lock(other, service.NAME)
        analytics()
        commit_level(conn, 1, 1.7)
        wait_for(lambda: members(conn) == 1)
        assert state(conn) == {}
    wait_for(lambda: state(conn).get("state") == "scoring")
    commit_level(conn, 2, 1.7)
    wait_for(lambda: len(list_live(conn)) == 1)


def test_stopping_keeps_memory(conn: psycopg.Connection, analytics: Callable[[], threading.Event]) -> None:
    stop = analytics()
    wait_for(lambda: state(conn).get("state") == "scoring")
    commit_level(conn, 1, 1.7)
    wait_for(lambda: len(list_live(conn)) == 1)
    stop.set()
    wait_for(lambda: try_lock(conn, service.NAME))
    offsets = conn.execute(
        "SELECT offsets FROM consumer_snapshot WHERE consumer = %s", (CONSUMER,)
    ).fetchone()
    assert offsets == ({"ingest-1": 1},)


def test_without_a_database_it_says_so() -> None:
    with pytest.raises(EngineError, match="database"):
        service.run(Settings(), worlds.city(), threading.Event())
