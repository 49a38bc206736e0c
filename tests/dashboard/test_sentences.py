"""The sentence of an alert, in both languages."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import pytest

from dashboard.languages import load_languages
from dashboard.sentences import sentence
from telemetry.alerts import Alert, AlertStatus, Severity
from telemetry.metrics import Domain
from telemetry.quality import RULES, Fault

AT = datetime(2026, 11, 23, tzinfo=UTC)


def unusual(value: float, low: float | None, high: float | None) -> Alert:
    return Alert(
        1, "seasonal:1", "d", 1, "pm2_5", Domain.ENVIRONMENT, "seasonal", "seasonal", Severity.MAJOR,
        AlertStatus.OPEN, AT, AT, None, value, low, high, {},
    )  # fmt: skip


@pytest.mark.parametrize(
    ("alert", "english", "vietnamese"),
    [
        pytest.param(unusual(80, 20, 40), "high for this hour (usual 20.0 to 40.0 µg/m³)", "cao", id="high"),
        pytest.param(
            unusual(80, None, 40), "high for this hour (usual up to 40.0 µg/m³)", "quá 40,0", id="up-to"
        ),
        pytest.param(unusual(5, 20, 40), "low for this hour (usual 20.0 to 40.0 µg/m³)", "thấp", id="low"),
        pytest.param(unusual(5, 20, None), "low for this hour (usual from 20.0 µg/m³)", "từ 20,0", id="from"),
        pytest.param(unusual(30, 20, 40), "is unusual", "bất thường", id="within"),
    ],
)
def test_an_unusual_value_says_what_would_be_usual(alert: Alert, english: str, vietnamese: str) -> None:
    languages = load_languages("Asia/Ho_Chi_Minh")
    assert english in sentence(alert, None, languages["en"]).replace("\N{NO-BREAK SPACE}", " ")
    assert vietnamese in sentence(alert, None, languages["vi"])


def of_rule(rule: str, detail: dict[str, object]) -> Alert:
    return Alert(
        1, f"{rule}:1", "d", 1, "speed_kmh", Domain.TRAFFIC, rule, rule, Severity.MINOR,
        AlertStatus.OPEN, AT, AT, None, 9.0, 30.0, 40.0, detail,
    )  # fmt: skip


def test_a_course_and_a_group_say_what_was_expected() -> None:
    languages = load_languages("Asia/Ho_Chi_Minh")
    course = of_rule("subspace", {})
    assert "9.0 km/h is off its usual course" in sentence(course, None, languages["en"]).replace("\xa0", " ")
    assert "lệch khỏi diễn biến" in sentence(course, None, languages["vi"])
    most = {"device_id": "f-1", "metric": "current_a", "value": 9.0, "expected_low": 30, "expected_high": 40}
    group = of_rule(
        "groups", {"group": "zone=760;substation=west", "members_heard": 2.0, "contributions": [most]}
    )
    english = sentence(group, None, languages["en"]).replace("\xa0", " ")
    assert english.startswith("2 sensors are unusual together, mostly: Current 9.0 A at f-1 (expected 30.0")
    assert sentence(group, None, languages["vi"]).startswith("2 cảm biến cùng bất thường")


def test_a_group_without_its_picture_is_told_as_a_range() -> None:
    english = load_languages("Asia/Ho_Chi_Minh")["en"]
    broken = {"group": "g", "contributions": [{"device_id": "f-1", "metric": "nothing"}]}
    assert "unusually low" in sentence(of_rule("groups", broken), None, english)


@pytest.mark.parametrize("rule", [rule for rule, fault in RULES.items() if fault is not Fault.SILENT])
def test_a_fault_of_a_sensor_is_told_as_one(rule: str) -> None:
    fault = replace(unusual(80, 20, 40), rule=rule, detector="jumps", detail={"before": 25.0})
    for language in load_languages("Asia/Ho_Chi_Minh").values():
        text = sentence(fault, None, language)
        assert "{" not in text
        assert "unusual" not in text
        assert "bất thường" not in text


def test_a_wrong_clock_says_by_how_much_and_what_is_allowed() -> None:
    clock = replace(
        unusual(80, None, None), rule="clock", value=None, detail={"offset_s": -25_200.0, "allowed_s": 30.0}
    )
    text = sentence(clock, None, load_languages("Asia/Ho_Chi_Minh")["en"])
    assert text.replace("\N{NO-BREAK SPACE}", " ") == (
        "The device's clock is off by \N{MINUS SIGN}420 min (allowed: ±30 s)"
    )


def test_an_offset_says_from_where_to_where() -> None:
    offset = replace(unusual(80, None, None), rule="offset", detail={"before": 25.0})
    text = sentence(offset, None, load_languages("Asia/Ho_Chi_Minh")["en"])
    assert text.replace("\N{NO-BREAK SPACE}", " ").endswith("from 25.0 µg/m³ to 80.0 µg/m³")
