"""Anomalies and alerts: one a condition, every change an event."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from alerts.actions import Action, act
from alerts.apply import apply_findings
from alerts.closing import close_resolved
from alerts.lifecycle import Change, Kind, rebuild
from store import alerts, anomalies, people
from store.alert_search import AlertSearch, search_alerts
from telemetry.alerts import AlertStatus, Finding, FindingState, Severity
from telemetry.errors import ConflictError, NotFoundError
from telemetry.metrics import Domain
from telemetry.people import Role

AT = datetime(2026, 11, 23, 4, tzinfo=UTC)


@pytest.fixture
def raised(stream_ids: list[int]) -> Finding:
    return Finding(
        "limits:1:high", FindingState.RAISED, "limits", "limit:water", stream_ids[0], Severity.MINOR, AT,
        value=1.42, expected_high=1.40, detail={"name_vi": "BĐ1"},
    )  # fmt: skip


def later(finding: Finding, state: FindingState, minutes: float = 1, **changes: object) -> Finding:
    at = finding.at + timedelta(minutes=minutes)
    return replace(finding, state=state, at=at, **changes)  # pyright: ignore[reportArgumentType]


def test_a_finding_opens_one_alert_and_says_so_in_its_events(
    conn: psycopg.Connection, raised: Finding
) -> None:
    (alert,) = apply_findings(conn, [raised])
    assert alert.status is AlertStatus.OPEN
    assert (alert.domain, alert.metric, alert.value) == (Domain.TRAFFIC, "speed_kmh", 1.42)
    assert alert.detail["name_vi"] == "BĐ1"
    (again,) = apply_findings(conn, [raised])
    assert again.alert_id == alert.alert_id
    worse = later(raised, FindingState.ONGOING, severity=Severity.MAJOR, value=1.52)
    apply_findings(conn, [worse, later(worse, FindingState.CLEARED)])
    kinds = [event.kind for event in alerts.list_events(conn, alert.alert_id)]
    assert kinds == ["opened", "refreshed", "escalated", "resolved"]
    ended = alerts.get_alert(conn, alert.alert_id)
    assert ended is not None
    assert (ended.status, ended.severity, ended.value) == (AlertStatus.RESOLVED, Severity.MAJOR, 1.52)
    assert ended.resolved_at == AT + timedelta(minutes=2)
    assert alerts.list_live(conn) == []


def test_the_anomaly_has_its_start_its_peak_and_its_end(conn: psycopg.Connection, raised: Finding) -> None:
    worse = later(raised, FindingState.ONGOING, value=1.6, score=9.0)
    lower = later(worse, FindingState.ONGOING, value=1.5, score=4.0)
    apply_findings(conn, [raised, worse, lower, later(lower, FindingState.CLEARED)])
    (anomaly,) = anomalies.list_anomalies(conn, raised.stream_id, AT, AT + timedelta(days=1))
    assert (anomaly.started_at, anomaly.ended_at) == (AT, AT + timedelta(minutes=3))
    assert (anomaly.value, anomaly.score) == (1.5, 9.0)
    assert anomalies.list_standing(conn) == []


def test_a_condition_that_comes_back_is_a_new_alert(conn: psycopg.Connection, raised: Finding) -> None:
    cleared = later(raised, FindingState.CLEARED)
    first, _ = apply_findings(conn, [raised, cleared])
    (second,) = apply_findings(conn, [later(cleared, FindingState.RAISED, minutes=11)])
    assert second.alert_id != first.alert_id


def test_a_condition_that_flaps_is_one_alert(conn: psycopg.Connection, raised: Finding) -> None:
    cleared = later(raised, FindingState.CLEARED)
    first, _ = apply_findings(conn, [raised, cleared])
    (second,) = apply_findings(conn, [later(cleared, FindingState.RAISED, minutes=9)])
    assert (second.alert_id, second.status) == (first.alert_id, AlertStatus.OPEN)
    assert [event.kind for event in alerts.list_events(conn, first.alert_id)][-1] == "returned"


def test_alerts_are_found_by_what_is_asked(
    conn: psycopg.Connection, raised: Finding, stream_ids: list[int]
) -> None:
    others = [replace(raised, key=f"k{i}", stream_id=stream_ids[2]) for i in range(3)]
    apply_findings(conn, [raised, *others, later(others[0], FindingState.CLEARED)])
    assert len(alerts.list_alerts(conn, statuses=[AlertStatus.OPEN])) == 3
    assert len(alerts.list_alerts(conn, domain=Domain.DRAINAGE)) == 3
    assert len(alerts.list_alerts(conn, device_id="loop-1")) == 1
    assert len(alerts.list_alerts(conn, limit=2)) == 2
    assert alerts.list_alerts(conn, before=AT) == []


def test_a_live_feed_reads_what_changed_since(conn: psycopg.Connection, raised: Finding) -> None:
    start = alerts.last_event_id(conn)
    apply_findings(conn, [raised, later(raised, FindingState.ONGOING)])
    ((newest, alert),) = alerts.changed_since(conn, start)
    assert newest == alerts.last_event_id(conn) == start + 2
    assert alert.key == raised.key
    assert alerts.changed_since(conn, newest) == []


def test_of_two_operators_one_wins_and_the_other_is_told_who(
    conn: psycopg.Connection, raised: Finding
) -> None:
    (alert,) = apply_findings(conn, [raised])
    taken = act(conn, alert.alert_id, Action(Kind.ACKNOWLEDGED, "lan", AT, version=alert.version))
    assert (taken.status, taken.acknowledged_by) == (AlertStatus.ACKNOWLEDGED, "lan")
    with pytest.raises(ConflictError, match="lan was first: acknowledged") as refused:
        act(conn, alert.alert_id, Action(Kind.STARTED, "minh", AT, version=alert.version))
    assert (refused.value.actor, refused.value.kind) == ("lan", "acknowledged")
    assert alerts.get_alert(conn, alert.alert_id) == taken
    with pytest.raises(NotFoundError):
        act(conn, 99, Action(Kind.STARTED, "minh", AT))


def test_what_is_stored_is_what_its_events_make(conn: psycopg.Connection, raised: Finding) -> None:
    (alert,) = apply_findings(conn, [raised])
    people.add_person(conn, "minh", Role.OPERATOR, "hash")
    for kind, detail in (
        (Kind.STARTED, {}),
        (Kind.COMMENTED, {"text": "<script>"}),
        (Kind.JUDGED, {"verdict": "true"}),
        (Kind.ASSIGNED, {"assignee": "minh"}),
    ):
        act(conn, alert.alert_id, Action(kind, "lan", AT, detail))
    worse = later(raised, FindingState.ONGOING, severity=Severity.CRITICAL, value=1.7)
    apply_findings(conn, [worse, later(worse, FindingState.CLEARED)])
    assert len(close_resolved(conn, AT + timedelta(days=2), timedelta(days=1))) == 1
    stored = alerts.get_alert(conn, alert.alert_id)
    events = alerts.list_events(conn, alert.alert_id)
    assert stored == rebuild(alert, [Change(Kind(e.kind), e.at, e.actor, e.detail) for e in events])


def test_reopening_beside_a_live_alert_is_refused(conn: psycopg.Connection, raised: Finding) -> None:
    ended = later(raised, FindingState.CLEARED)
    first, _ = apply_findings(conn, [raised, ended])
    apply_findings(conn, [later(ended, FindingState.RAISED, minutes=30)])
    with pytest.raises(ConflictError, match="another alert"):
        act(conn, first.alert_id, Action(Kind.REOPENED, "lan", AT))


@pytest.mark.parametrize("query", ["UPDATE alert_event SET actor = 'x'", "DELETE FROM alert_event"])
def test_events_are_append_only(conn: psycopg.Connection, raised: Finding, query: str) -> None:
    apply_findings(conn, [raised])
    with pytest.raises(psycopg.errors.RaiseException, match="append-only"):
        conn.execute(query)  # pyright: ignore[reportArgumentType]


def test_alerts_are_searched_a_page_at_a_time(
    conn: psycopg.Connection, raised: Finding, stream_ids: list[int]
) -> None:
    tide = [
        replace(raised, key=f"k{i}", stream_id=stream_ids[2], severity=severity)
        for i, severity in enumerate(Severity)
    ]
    apply_findings(conn, [raised, *tide])
    total, page = search_alerts(conn, AlertSearch(sort="severity", offset=1, limit=2))
    assert total == 5
    assert [alert.severity for alert in page] == [Severity.MAJOR, Severity.MINOR]
    assert search_alerts(conn, AlertSearch(text="Phú AN"))[0] == 4
    assert search_alerts(conn, AlertSearch(text="%"))[0] == 0
    assert search_alerts(conn, AlertSearch(severities=[Severity.INFO], domain=Domain.DRAINAGE))[0] == 1
    act(conn, page[0].alert_id, Action(Kind.STARTED, "lan", AT))
    assert search_alerts(conn, AlertSearch(assignee="lan"))[0] == 1
    assert search_alerts(conn, AlertSearch(unassigned=True))[0] == 4


def test_what_stays_resolved_is_closed_by_the_system(
    conn: psycopg.Connection, raised: Finding, stream_ids: list[int]
) -> None:
    other = replace(raised, key="other", stream_id=stream_ids[2])
    ends = [later(raised, FindingState.CLEARED), later(other, FindingState.CLEARED, minutes=60)]
    first, second, *_ = apply_findings(conn, [raised, other, *ends])
    conn.commit()
    day = timedelta(days=1)
    assert close_resolved(conn, AT + timedelta(hours=23), day) == []
    (closed,) = close_resolved(conn, AT + day + timedelta(minutes=5), day)
    assert (closed.alert_id, closed.status) == (first.alert_id, AlertStatus.CLOSED)
    last = alerts.list_events(conn, first.alert_id)[-1]
    assert (last.kind, last.actor, last.detail) == ("closed", "system:closing", {"after_h": 24.0})
    act(conn, first.alert_id, Action(Kind.REOPENED, "lan", AT + 2 * day))
    (late,) = close_resolved(conn, AT + 3 * day, day)
    assert late.alert_id == second.alert_id


@pytest.mark.parametrize("name", ["nobody-known", "viewer", "barred"])
def test_an_alert_is_given_only_to_who_may_work_on_it(
    conn: psycopg.Connection, raised: Finding, name: str
) -> None:
    people.add_person(conn, "admin", Role.ADMINISTRATOR, "hash")
    people.add_person(conn, "viewer", Role.VIEWER, "hash")
    people.add_person(conn, "barred", Role.ENGINEER, "hash")
    people.disable_person(conn, "barred")
    (alert,) = apply_findings(conn, [raised])
    with pytest.raises(ConflictError, match="may work on alerts"):
        act(conn, alert.alert_id, Action(Kind.ASSIGNED, "lan", AT, {"assignee": name}))
    given = act(conn, alert.alert_id, Action(Kind.ASSIGNED, "lan", AT, {"assignee": "admin"}))
    assert given.assignee == "admin"
    assert act(conn, alert.alert_id, Action(Kind.ASSIGNED, "lan", AT, {"assignee": None})).assignee is None
