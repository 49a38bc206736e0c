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


@pytest.mark.parametrize("rule", [rule for rule, fault in RULES.items() if fault is not Fault.SILENT])
def test_a_fault_of_a_sensor_is_told_as_one(rule: str) -> None:
    fault = replace(unusual(80, 20, 40), rule=rule, detector="jumps", detail={"before": 25.0})
    for language in load_languages("Asia/Ho_Chi_Minh").values():
        text = sentence(fault, None, language)
        assert "{" not in text
        assert "unusual" not in text
        assert "bất thường" not in text


def test_an_offset_says_from_where_to_where() -> None:
    offset = replace(unusual(80, None, None), rule="offset", detail={"before": 25.0})
    text = sentence(offset, None, load_languages("Asia/Ho_Chi_Minh")["en"])
    assert text.replace("\N{NO-BREAK SPACE}", " ").endswith("from 25.0 µg/m³ to 80.0 µg/m³")
