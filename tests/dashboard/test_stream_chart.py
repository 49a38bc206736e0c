"""What is marked on a stream's chart, and refusals in the reader's language: without a server."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise

import numpy as np
import pytest

from dashboard.complaints import code_of, in_words
from dashboard.figures.beside import deviations_chart
from dashboard.figures.stream_chart import stream_chart
from dashboard.languages import Language, load_languages
from dashboard.queries.charts import ChartData
from dashboard.queries.deviations import Deviations
from dashboard.queries.series import Series
from dashboard.theme import STATE_COLOURS
from telemetry.alerts import Anomaly, Severity
from telemetry.devices import Stream
from telemetry.quality import Fault, QualityInterval

START = datetime(2026, 1, 5, tzinfo=UTC)
UNTIL, END = START + timedelta(hours=3), START + timedelta(hours=4)


@pytest.fixture(scope="module")
def vietnamese() -> Language:
    return load_languages("UTC")["vi"]


def chart(anomalies: tuple[Anomaly, ...] = (), faults: tuple[QualityInterval, ...] = ()) -> ChartData:
    """Four hours, of which the last is still to come."""
    times = np.arange(0, 3 * 3_600_000, 60_000) + round(START.timestamp() * 1000)
    values, good = np.sin(times / 1e6), np.zeros(len(times), np.int16)
    stream = Stream(1, "air-quan-1", "pm2_5", 60.0)
    series = Series(stream, START, END, len(times), False, times, values, good, faults)
    return ChartData(series, [], list(anomalies), UNTIL)


def anomaly(severity: Severity, first_min: int, last_min: int | None) -> Anomaly:
    start = START + timedelta(minutes=first_min)
    end = None if last_min is None else START + timedelta(minutes=last_min)
    return Anomaly(1, "one", "test", "onset", 1, severity, start, start, end, None, None, None, None, {})


def bands(found: ChartData, language: Language) -> list[tuple[float, float, str]]:
    """The marked times in minutes, and their colours."""
    shapes = stream_chart(found, language)["layout"]["shapes"]
    zero = START.timestamp() * 1000
    return [
        ((shape["x0"] - zero) / 60_000, (shape["x1"] - zero) / 60_000, shape["fillcolor"])
        for shape in shapes
        if shape["type"] == "rect"
    ]


def test_what_overlaps_is_marked_once_by_the_worst_and_ends_now(vietnamese: Language):
    found = bands(
        chart(
            (
                anomaly(Severity.MINOR, 10, 60),
                anomaly(Severity.MINOR, 30, 90),
                anomaly(Severity.CRITICAL, 50, 70),
                anomaly(Severity.MAJOR, 120, None),
            )
        ),
        vietnamese,
    )
    minor, major, critical = (STATE_COLOURS[name] for name in ("minor", "major", "critical"))
    assert found == [(10, 50, minor), (50, 70, critical), (70, 90, minor), (120, 180, major)]
    assert all(before[1] <= after[0] for before, after in pairwise(found))


@pytest.mark.parametrize(("begins_h", "anchor", "at_h"), [(0.5, "left", 0.5), (2.5, "right", 3.0)])
def test_a_faults_name_stays_inside_the_chart(
    vietnamese: Language, begins_h: float, anchor: str, at_h: float
):
    fault = QualityInterval(1, Fault.DRIFT, START + timedelta(hours=begins_h), None, "test")
    (name,) = stream_chart(chart(faults=(fault,)), vietnamese)["layout"]["annotations"]
    assert name["xanchor"] == anchor
    assert name["x"] == (START + timedelta(hours=at_h)).timestamp() * 1000


def test_a_drift_is_drawn_as_deviations_from_the_usual(vietnamese: Language):
    times = np.arange(96, dtype=np.int64) * 900_000_000
    near = np.stack([np.full(96, -1.0), np.full(96, 1.0), np.full(96, 3.0)])
    figure = deviations_chart(Deviations(times, np.full(96, 9.0), near), "pm2_5", vietnamese)
    middle, own = figure["data"][-2:]
    assert set(middle["y"]) == {1.0}
    assert set(own["y"]) == {9.0}
    assert figure["layout"]["yaxis"]["zeroline"]


def test_a_refusal_has_a_stable_code_and_is_said_in_the_readers_language():
    detail = "an alert that is resolved cannot be acknowledged"
    assert code_of(409, detail) == "alert-changed"
    assert in_words(detail, 409, "vi") == "Không còn phù hợp. Trạng thái của cảnh báo: Đã xử lý."
    assert in_words(detail, 409, "en") == "This does not fit any more. The alert's status is: Resolved."


def test_what_is_wrong_with_a_version_is_said_down_to_its_key():
    detail = (
        "version 3 of the detectors cannot be used: detector.2.params: Object contains unknown field `warn`"
    )
    said = in_words(detail, 422, "vi")
    assert said.startswith("Không dùng được phiên bản phát hiện 3: detector.2.params:")
    assert "khóa `warn`" in said


def test_what_is_in_no_table_keeps_its_english_and_braces():
    assert code_of(422, "limit: {x} is odd") == "unusable"
    assert in_words("limit: {x} is odd", 422, "vi") == "Không dùng được: limit: {x} is odd"
