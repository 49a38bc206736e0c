"""What the platform says of itself: after a while, not at once; over after a while, not at once."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alerts.apply import apply_findings
from alerts.platform import PlatformWatch, Vitals
from analytics.platform import PlatformRounds
from store import alerts as alert_store
from store import devices, pool, quarantine, services
from store.quarantine import Refusal
from telemetry.alerts import Alert, AlertStatus, FindingState
from telemetry.devices import Device
from telemetry.metrics import Domain
from telemetry.settings import Platform

NOW = datetime(2026, 11, 25, tzinfo=UTC)
LIMITS = Platform(window_s=60, hold_s=20, clear_s=40)


def seen(lag_s: float = 0.0, messages: int = 0, refused: int = 0, pid: int = 1, lost: int = 0) -> Vitals:
    return Vitals("ingest", pid, 1.0, lag_s, messages, refused, lost)


def walk(watch: PlatformWatch, course: list[tuple[int, Vitals]]) -> list[tuple[int, str, str]]:
    told: list[tuple[int, str, str]] = []
    for at, vitals in course:
        found = watch.observe(NOW + timedelta(seconds=at), [vitals], 1)
        told += [(at, finding.rule, str(finding.state)) for finding in found]
    return told


def test_lag_is_told_once_it_has_lasted_and_ends_once_it_is_over() -> None:
    course = [(t, seen(lag_s=40 if 10 <= t <= 60 else 20 if t <= 80 else 0)) for t in range(0, 200, 10)]
    assert walk(PlatformWatch(LIMITS), course) == [
        (30, "ingest_lag", "raised"),
        (130, "ingest_lag", "cleared"),  # 20 s behind is above half of the limit: not over yet
    ]


def test_no_ingest_at_all_is_a_lag_until_one_comes() -> None:
    watch, told = PlatformWatch(LIMITS), []
    for at in range(0, 240, 10):
        vitals = [seen()] if at < 20 or at > 120 else []
        found = watch.observe(NOW + timedelta(seconds=at), vitals, 1)
        told += [(at, finding.key, str(finding.state)) for finding in found]
    # 30 s after the last word it is a lag, 20 s later it is told; 40 s of an ingest again end it
    assert told == [
        (60, "platform:ingest_lag:ingest", "raised"),
        (170, "platform:ingest_lag:ingest", "cleared"),
    ]


def test_a_short_lag_is_no_news() -> None:
    assert (
        walk(PlatformWatch(LIMITS), [(t, seen(lag_s=40 if t == 10 else 0)) for t in range(0, 90, 10)]) == []
    )


def test_the_rate_of_refusals_is_that_of_the_window_and_starts_anew_with_the_process() -> None:
    course = [(t, seen(messages=100 * t, refused=10 * t if t > 100 else 0)) for t in range(0, 200, 10)]
    assert ("quarantine_rate", "raised") in [told[1:] for told in walk(PlatformWatch(LIMITS), course)]
    restarted = [(t, seen(messages=9_000 - t, refused=5_000, pid=t)) for t in range(0, 200, 10)]
    assert walk(PlatformWatch(LIMITS), restarted) == []


def test_a_device_that_loses_messages_is_told_and_a_silent_one_is_not() -> None:
    watch = PlatformWatch(LIMITS)
    known = [
        Device(n, Domain.TRAFFIC, "loop", n, n, 10.7, 106.7, "760", 10, ("speed_kmh",))
        for n in ("well", "lossy", "silent")
    ]
    told = [
        (finding.key, finding.state)
        for minute in range(20)
        for finding in watch.count_devices(
            NOW + timedelta(minutes=minute),
            {"well": 6 * minute, "lossy": 3 * minute, "silent": 100},
            known,
            {device.device_id: i for i, device in enumerate(known)},
        )
    ]
    assert told == [("dropping:lossy", FindingState.RAISED)]


def test_detectors_that_cannot_be_used_are_told() -> None:
    watch, told = PlatformWatch(LIMITS), list[tuple[int, str, FindingState]]()
    for at in range(0, 200, 10):
        version = 7 if 20 <= at < 100 else None
        found = watch.observe(NOW + timedelta(seconds=at), [seen()], 1, unusable_version=version)
        told += [(at, finding.key, finding.state) for finding in found]
    key = "platform:detectors"
    assert told == [(40, key, FindingState.RAISED), (140, key, FindingState.CLEARED)]


@pytest.fixture
def conn(database_url: str):
    with pool.connect(database_url, name="test", autocommit=True) as conn:
        yield conn


def beat(conn: psycopg.Connection, messages: int, refused: int) -> None:
    services.beat(conn, services.Service("ingest", 7, "host", {"messages": messages, "refused": refused}))


def platform_alerts(conn: psycopg.Connection) -> list[Alert]:
    return [alert for alert in alert_store.list_alerts(conn) if alert.domain is Domain.PLATFORM]


def test_a_flood_of_refusals_opens_an_alert_that_ends_by_itself(conn: psycopg.Connection) -> None:
    rounds = PlatformRounds(conn, LIMITS)
    for at in range(0, 120, 5):
        beat(conn, 100 * at, 50 * at)
        rounds.look(conn, NOW + timedelta(seconds=at))
    (alert,) = platform_alerts(conn)
    assert (alert.rule, alert.status, alert.device_id) == ("quarantine_rate", AlertStatus.OPEN, "cityops")
    rounds = PlatformRounds(conn, LIMITS)  # analytics started again: what stands is known
    for at in range(120, 300, 5):
        beat(conn, 12_000 + 100 * at, 6_000)
        rounds.look(conn, NOW + timedelta(seconds=at))
    (alert,) = platform_alerts(conn)
    assert alert.status is AlertStatus.RESOLVED
    assert devices.list_devices(conn) == []  # it stands nowhere and measures nothing
    assert devices.list_streams(conn) == []
    assert apply_findings(conn, []) == []


def refusal(device_id: str, number: int, reason: str = "time") -> Refusal:
    payload = f'{{"ts":{number}}}'.encode()
    return Refusal(NOW, device_id, f"city/{device_id}", payload, reason, "ts is 25200 s in the future")


def test_a_device_whose_times_are_refused_is_told_until_they_are_taken_again(
    conn: psycopg.Connection,
) -> None:
    """What reaches no detector: a clock seven hours ahead, or back in 1970."""
    names = ("wrong", "once", "odd")
    known = [Device(n, Domain.TRAFFIC, "loop", n, n, 10.7, 106.7, "760", 60, ("speed_kmh",)) for n in names]
    with conn.transaction():
        devices.upsert_devices(conn, known)
        quarantine.put_refusals(conn, [refusal("wrong", -n) for n in range(1, 50)])
    rounds, course = PlatformRounds(conn, LIMITS), list[tuple[int, int]]()
    for minute in range(60):
        new = [refusal("odd", minute, "range"), *([refusal("once", 7)] if minute == 5 else [])]
        new += [refusal("wrong", minute)] if 10 <= minute < 30 else []
        quarantine.put_refusals(conn, new)
        rounds.look(conn, NOW + timedelta(minutes=minute))
        course.append((minute, len([one for one in alert_store.list_live(conn) if one.rule == "misdated"])))
    (alert,) = [one for one in alert_store.list_alerts(conn) if one.rule == "misdated"]
    assert (alert.device_id, alert.status) == ("wrong", AlertStatus.RESOLVED)
    assert [minute for minute, live in course if live] == list(range(13, 44)), course
