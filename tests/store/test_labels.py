"""Labels written down, read with operators' verdicts, and taken back."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from store import alerts, audit, devices, labels
from store.labels import LabelSearch
from telemetry.alerts import Alert, AlertStatus, Finding, FindingState, Severity, Verdict
from telemetry.errors import ConflictError, NotFoundError
from telemetry.labels import Label, LabelSource, Meaning
from tests.store.conftest import GAUGE, LOOP

START = datetime(2026, 6, 1, tzinfo=UTC)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


FLOOD = Label(
    "flood", ("gauge-1", "loop-1"), at(100), at(200), ("water_level_m",),
    source=LabelSource.DRAWN, author="an", note="=ngập",
)  # fmt: skip
STUCK = Label("stuck", ("loop-1",), at(500), at(600), is_sensor_fault=True, source=LabelSource.TRUTH)


@pytest.fixture
def judge(conn: psycopg.Connection) -> Callable[..., Alert]:
    """Open an alert and give it a verdict."""
    devices.upsert_devices(conn, [GAUGE, LOOP])

    def go(
        device_id: str, first: float, last: float | None, verdict: Verdict, detector: str = "limits"
    ) -> Alert:
        stream_id = devices.list_streams(conn, device_id)[0].stream_id
        finding = Finding(
            f"{detector}:{stream_id}:{first}", FindingState.RAISED, detector, f"{detector}:x", stream_id,
            Severity.MAJOR, at(first),
        )  # fmt: skip
        alert = alerts.open_alert(conn, finding)
        status = AlertStatus.OPEN if last is None else AlertStatus.RESOLVED
        ended = None if last is None else at(last)
        alerts.save_alert(conn, replace(alert, verdict=verdict, status=status, resolved_at=ended))
        alerts.add_event(conn, alert.alert_id, at(first + 1), "binh", "judged", {"verdict": str(verdict)})
        return alert

    return go


def test_a_label_reads_back_as_it_was_written(conn: psycopg.Connection) -> None:
    made = labels.add_label(conn, FLOOD)
    assert replace(made, label_id=None) == FLOOD
    assert labels.list_labels(conn) == [made]
    entry = audit.list_entries(conn)[0]
    assert (entry.actor, entry.action, entry.object) == ("an", "label.add", f"label {made.label_id}")


def test_the_same_is_labelled_once(conn: psycopg.Connection) -> None:
    labels.add_label(conn, FLOOD)
    turned = replace(FLOOD, device_ids=("loop-1", "gauge-1"), author="chi", source=LabelSource.IMPORTED)
    with pytest.raises(ConflictError, match="already"):
        labels.add_label(conn, turned)
    seen: list[int] = []
    assert labels.add_labels(conn, [turned, STUCK, STUCK], "chi", "file.csv", seen.append) == 1
    assert seen == [3]
    assert audit.list_entries(conn)[0].detail == {"added": 1, "known": 2}
    assert [one.kind for one in labels.list_labels(conn)] == ["flood", "stuck"]


def test_a_label_taken_back_is_gone_and_can_be_made_again(conn: psycopg.Connection) -> None:
    made = labels.add_label(conn, FLOOD)
    assert made.label_id is not None
    labels.delete_label(conn, made.label_id, "binh")
    assert labels.list_labels(conn) == []
    with pytest.raises(NotFoundError):
        labels.delete_label(conn, made.label_id, "binh")
    entry = audit.list_entries(conn)[0]
    assert (entry.actor, entry.action, entry.detail["author"]) == ("binh", "label.delete", "an")
    row = conn.execute("SELECT deleted_by FROM label").fetchone()
    assert row == ("binh",)
    labels.add_label(conn, FLOOD)


def test_verdicts_are_labels_where_they_stand(conn: psycopg.Connection, judge: Callable[..., Alert]) -> None:
    judge("gauge-1", 10, 20, Verdict.TRUE)
    judge("loop-1", 30, 40, Verdict.FALSE, "stuck")
    standing = judge("loop-1", 50, None, Verdict.NUISANCE)
    true, false, nuisance = labels.list_labels(conn)
    assert (true.kind, true.device_ids, true.metrics) == ("limits:x", ("gauge-1",), ("water_level_m",))
    assert (true.start, true.end, true.author, true.source) == (at(10), at(20), "binh", LabelSource.VERDICT)
    assert [one.meaning for one in (true, false, nuisance)] == [
        Meaning.HAPPENED, Meaning.NOTHING, Meaning.NUISANCE,
    ]  # fmt: skip
    assert [one.is_sensor_fault for one in (true, false, nuisance)] == [False, True, False]
    assert (nuisance.alert_id, nuisance.label_id) == (standing.alert_id, None)
    assert nuisance.end > datetime.now(UTC) - timedelta(minutes=5)
    alerts.save_alert(conn, replace(standing, verdict=None))
    assert len(labels.list_labels(conn)) == 2


def test_a_verdict_on_what_is_labelled_is_no_event_more(
    conn: psycopg.Connection, judge: Callable[..., Alert]
) -> None:
    labels.add_label(conn, FLOOD)
    judge("gauge-1", 150, 160, Verdict.TRUE)
    judge("gauge-1", 170, 180, Verdict.FALSE)
    judge("gauge-1", 250, 260, Verdict.TRUE)
    found = labels.labels_between(conn, at(0), at(1_000))
    assert [(one.start, one.meaning) for one in found] == [
        (at(100), Meaning.HAPPENED), (at(170), Meaning.NOTHING), (at(250), Meaning.HAPPENED),
    ]  # fmt: skip
    assert labels.labels_between(conn, at(300), at(400)) == []


@pytest.mark.parametrize(
    ("search", "kinds"),
    [
        (LabelSearch(start=at(200), end=at(500)), ["flood"]),
        (LabelSearch(start=at(201)), ["stuck"]),
        (LabelSearch(device_ids=["gauge-1", "ghost"]), ["flood"]),
        (LabelSearch(kinds=["stuck", "leak"]), ["stuck"]),
        (LabelSearch(sources=[LabelSource.DRAWN]), ["flood"]),
        (LabelSearch(newest_first=True), ["stuck", "flood"]),
        (LabelSearch(limit=1, offset=1), ["stuck"]),
    ],
    ids=["end touches", "after", "device", "kind", "source", "newest", "page"],
)
def test_labels_are_searched(conn: psycopg.Connection, search: LabelSearch, kinds: list[str]) -> None:
    labels.add_labels(conn, [FLOOD, STUCK], "an", "file.csv")
    assert [one.kind for one in labels.list_labels(conn, search)] == kinds
    assert labels.count_labels(conn, search) == (2 if search.limit else len(kinds))
