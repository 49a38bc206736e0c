"""How much of a point is bad, and when a fault began."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from telemetry.alerts import Finding, FindingState, Severity
from telemetry.quality import Fault, QualityInterval, bad_shares, began
from telemetry.readings import to_micros

AT = datetime(2026, 7, 1, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
STUCK = QualityInterval(1, Fault.STUCK, AT + 10 * MINUTE, AT + 25 * MINUTE, "stuck")
QUARTER_US = 15 * 60_000_000


def times(*minutes: float) -> np.ndarray:
    return np.array([to_micros(AT + one * MINUTE) for one in minutes], np.int64)


def of(stream: int, n: int) -> np.ndarray:
    return np.full(n, stream, np.int32)


def test_a_reading_is_inside_from_the_start_to_before_the_end() -> None:
    shares = bad_shares([STUCK], of(1, 4), times(9, 10, 24.9, 25), 0)
    assert shares.tolist() == [0.0, 1.0, 1.0, 0.0]


def test_a_stretch_is_bad_by_what_overlaps() -> None:
    shares = bad_shares([STUCK], of(1, 3), times(0, 15, 30), QUARTER_US)
    assert shares.tolist() == pytest.approx([1 / 3, 2 / 3, 0.0])


def test_two_faults_at_once_count_once() -> None:
    also = replace(STUCK, kind=Fault.DRIFT, started_at=AT + 5 * MINUTE, ended_at=AT + 20 * MINUTE)
    assert bad_shares([STUCK, also], of(1, 1), times(0), QUARTER_US).tolist() == pytest.approx([2 / 3])


def test_what_lasts_is_bad_from_then_on_and_of_its_own_stream_alone() -> None:
    lasting = replace(STUCK, ended_at=None)
    assert bad_shares([lasting], of(1, 1), times(10_000), QUARTER_US).tolist() == [1.0]
    assert bad_shares([lasting], of(2, 1), times(12), 0).tolist() == [0.0]


@pytest.mark.parametrize(
    ("detail", "before"),
    [
        ({"lasted_s": 900.0}, 15 * MINUTE),
        ({"silent_s": 60.0}, MINUTE),
        ({}, 0 * MINUTE),
        ({"lasted_s": "long"}, 0 * MINUTE),
        ({"lasted_s": -5.0}, 0 * MINUTE),
        ({"lasted_s": 1e18}, 0 * MINUTE),
    ],
)
def test_a_fault_began_before_it_was_found(detail: dict[str, object], before: timedelta) -> None:
    found = Finding("stuck:1", FindingState.RAISED, "stuck", "stuck", 1, Severity.MINOR, AT, detail=detail)
    assert began(found) == AT - before
