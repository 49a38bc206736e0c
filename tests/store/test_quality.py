"""Quality intervals are written with the findings, and follow the values into what is read."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import psycopg
import pytest

from alerts.apply import apply_findings
from store import quality, readings, rollups
from store.series import read_curves
from telemetry.alerts import Finding, FindingState, Severity
from telemetry.quality import Fault, bad_spans, fault_names
from telemetry.readings import Readings, to_micros

AT = datetime(2026, 7, 1, 6, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
DAY = timedelta(days=1)


@pytest.fixture
def stuck(stream_ids: list[int]) -> Finding:
    """Found at six to repeat itself since half an hour."""
    return Finding(
        f"stuck:{stream_ids[0]}", FindingState.RAISED, "stuck", "stuck", stream_ids[0], Severity.MINOR, AT,
        score=1.0, detail={"lasted_s": 1800.0},
    )  # fmt: skip


def ended(finding: Finding, minutes: float) -> Finding:
    return replace(finding, state=FindingState.CLEARED, at=finding.at + minutes * MINUTE)


def test_an_interval_begins_when_the_fault_did(conn: psycopg.Connection, stuck: Finding) -> None:
    apply_findings(conn, [stuck])
    (lasting,) = quality.list_intervals_at(conn, AT - 10 * MINUTE)
    assert (lasting.kind, lasting.started_at, lasting.ended_at) == (Fault.STUCK, AT - 30 * MINUTE, None)
    apply_findings(conn, [replace(stuck, state=FindingState.ONGOING, score=3.0), ended(stuck, 20)])
    (over,) = quality.list_intervals(conn, [stuck.stream_id], AT, AT + DAY)
    assert (over.started_at, over.ended_at, over.score) == (AT - 30 * MINUTE, AT + 20 * MINUTE, 3.0)
    assert quality.list_intervals_at(conn, AT + 20 * MINUTE) == []
    assert quality.list_intervals(conn, [stuck.stream_id], AT + 20 * MINUTE, AT + DAY) == []


def test_the_same_finding_again_changes_nothing(conn: psycopg.Connection, stuck: Finding) -> None:
    apply_findings(conn, [stuck, stuck, ended(stuck, 5), ended(stuck, 9)])
    (only,) = quality.list_intervals(conn, [stuck.stream_id], AT - DAY, AT + DAY)
    assert only.ended_at == AT + 5 * MINUTE


def test_silence_is_of_all_streams_of_the_device(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    silent = Finding(
        "silence:loop-1", FindingState.RAISED, "silence", "silence", stream_ids[0], Severity.MINOR, AT,
        detail={"silent_s": 120.0},
    )  # fmt: skip
    apply_findings(conn, [silent])
    found = quality.list_intervals_at(conn, AT)
    assert sorted(one.stream_id for one in found) == sorted(stream_ids[:2])
    assert {one.started_at for one in found} == {AT - 2 * MINUTE}
    apply_findings(conn, [ended(silent, 3)])
    assert quality.list_intervals_at(conn, AT + 3 * MINUTE) == []


def test_events_of_the_city_leave_no_interval(conn: psycopg.Connection, stuck: Finding) -> None:
    apply_findings(conn, [replace(stuck, key="limit:1", detector="limits", rule="limit:tide")])
    assert quality.list_intervals_at(conn, AT) == []


def test_a_transaction_that_fails_leaves_none(conn: psycopg.Connection, stuck: Finding) -> None:
    conn.commit()
    with conn.transaction():
        apply_findings(conn, [stuck])
        raise psycopg.Rollback
    assert quality.list_intervals_at(conn, AT) == []


def test_readings_and_rollups_are_marked_even_in_the_past(auto: psycopg.Connection, stuck: Finding) -> None:
    n = 12 * 60
    times = to_micros(AT - timedelta(hours=6)) + np.arange(n) * 60_000_000
    stored = Readings.of(np.full(n, stuck.stream_id), times, np.arange(n) / 10)
    readings.insert_new(auto, stored)
    while rollups.refresh(auto):
        pass
    apply_findings(auto, [stuck, ended(stuck, 15)])  # 05:30 to 06:15, after all was summed up
    span = (AT - timedelta(hours=6), AT + timedelta(hours=6))
    raw = read_curves(auto, [stuck.stream_id], *span, n)
    assert raw.width is None
    assert raw.bad.sum() == 45
    np.testing.assert_array_equal(raw.bad > 0, (raw.means >= 33.0) & (raw.means < 37.5))
    summed = read_curves(auto, [stuck.stream_id], *span, 12)
    assert summed.width == timedelta(hours=1)
    assert summed.bad.tolist() == pytest.approx([0, 0, 0, 0, 0, 0.5, 0.25, 0, 0, 0, 0, 0])
    assert [fault.kind for fault in summed.faults] == [Fault.STUCK]


def test_single_bad_readings_have_an_interval_each(conn: psycopg.Connection, stuck: Finding) -> None:
    def spiked(state: FindingState, *spans: tuple[float, float]) -> Finding:
        bad = [[to_micros(AT + begin * MINUTE), to_micros(AT + end * MINUTE)] for begin, end in spans]
        return replace(stuck, key="spike:1", rule="spike", state=state, detail={"bad_us": bad})

    raised = spiked(FindingState.RAISED, (0, 1), (5, 6))
    apply_findings(conn, [raised, raised, spiked(FindingState.ONGOING, (5, 7), (9, 10))])
    apply_findings(conn, [spiked(FindingState.CLEARED, (9, 10))])
    found = quality.list_intervals(conn, [stuck.stream_id], AT - DAY, AT + DAY)
    spans = [((one.started_at - AT) / MINUTE, (one.ended_at - AT) / MINUTE) for one in found if one.ended_at]
    assert spans == [(0, 1), (5, 7), (9, 10)]
    assert {one.kind for one in found} == {Fault.SPIKE}
    assert quality.list_standing(conn) == {}


@pytest.mark.parametrize("bad", ["x", [1, 2], [["a", 2]], [[5, 1]], [[0, 1 << 62]], [[1.5, 2]]], ids=str)
def test_a_detail_that_is_no_list_of_stretches_marks_nothing_of_its_own(bad: object, stuck: Finding) -> None:
    assert bad_spans(replace(stuck, detail={"bad_us": bad})) == []


def test_spans_mark_readings_as_the_intervals_do(conn: psycopg.Connection, stuck: Finding) -> None:
    noisy = replace(stuck, key="noisy:1", rule="noisy", at=AT + 10 * MINUTE, detail={})
    apply_findings(conn, [stuck, ended(stuck, 20), noisy])
    times = [to_micros(AT + k * MINUTE) for k in (-31, -30, 9, 10, 20, 500)]
    marked = quality.read_spans(conn, None, AT - DAY, AT + DAY).flags(
        Readings.of([stuck.stream_id] * 6, times, np.ones(6))
    )
    names = ["", "stuck", "stuck", "stuck noisy", "noisy", "noisy"]
    assert [fault_names(flags) for flags in marked.tolist()] == names
    other = Readings.of([stuck.stream_id + 1] * 6, times, np.ones(6))
    assert not quality.read_spans(conn, [stuck.stream_id], AT - DAY, AT + DAY).flags(other).any()
    assert quality.list_standing(conn) == {stuck.stream_id: ["noisy"]}
