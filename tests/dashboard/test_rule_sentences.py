"""Sentences and pictures of forecasts, the air index, rates and onsets."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.figures.fan import fan
from dashboard.languages import load_languages
from dashboard.sentences import sentence
from telemetry.alerts import Alert, AlertStatus, Severity
from telemetry.metrics import Domain

AT = datetime(2026, 11, 23, 8, 0, tzinfo=UTC)
NAMES = {"name_vi": "Mực nước đạt báo động I", "name_en": "Water level at alarm I"}


def millis(minutes: int) -> int:
    return round((AT + timedelta(minutes=minutes)).timestamp() * 1000)


FORECAST: dict[str, Any] = {
    **NAMES, "probability": 0.914, "within_min": 360,
    "likely_ms": millis(160), "earliest_ms": millis(130), "latest_ms": millis(210),
    "times_ms": [millis(15), millis(30)], "low": [1.0, 1.1], "median": [1.1, 1.2], "high": [1.2, 1.4],
}  # fmt: skip
AIR = {"index": 187.0, "category": "bad", "dominant": "pm2_5", "part_pm2_5": 187.0}
RATE = {
    "name_vi": "Nước ngập dâng nhanh",
    "name_en": "Flood water rising fast",
    "per_h": 0.42,
    "limit_per_h": 0.3,
}


def alert(rule: str, detail: dict[str, Any], metric: str = "water_level_m") -> Alert:
    return Alert(
        1, "k", "d", 1, metric, Domain.DRAINAGE, "x", rule, Severity.MINOR, AlertStatus.OPEN, AT, AT, None,
        1.2, None, None, detail,
    )  # fmt: skip


def onset(detail: dict[str, Any]) -> Alert:
    return replace(alert("onset", detail), expected_low=0.3, expected_high=0.9)


@pytest.mark.parametrize(
    ("item", "vi", "en"),
    [
        pytest.param(
            alert("forecast:tide", FORECAST),
            "Dự báo: Mực nước đạt báo động I, khả năng 91 % trong 6 giờ tới; nếu xảy ra thì vào khoảng"
            " 17:40 (80 %: 17:10–18:30)",
            "Forecast: Water level at alarm I, 91 % chance within 6 h; if so, about 17:40"
            " (80 %: 17:10–18:30)",
            id="forecast",
        ),
        pytest.param(
            alert("forecast:tide", {**FORECAST, "within_min": 90}),
            "Dự báo: Mực nước đạt báo động I, khả năng 91 % trong 1,50 giờ tới; nếu xảy ra thì vào khoảng"
            " 17:40 (80 %: 17:10–18:30)",
            "Forecast: Water level at alarm I, 91 % chance within 1.50 h; if so, about 17:40"
            " (80 %: 17:10–18:30)",
            id="forecast of an hour and a half",
        ),
        pytest.param(
            alert("forecast:tide", {**FORECAST, "within_min": None}),
            "Dự báo: Mực nước đạt báo động I, khả năng 91 %; nếu xảy ra thì vào khoảng 17:40"
            " (80 %: 17:10–18:30)",
            "Forecast: Water level at alarm I, 91 % chance; if so, about 17:40 (80 %: 17:10–18:30)",
            id="forecast of before",
        ),
        pytest.param(
            alert("forecast:tide", {**NAMES, "likely_ms": "{0}", "earliest_ms": 1e300, "probability": True}),
            "Dự báo: Mực nước đạt báo động I, khả năng 0 %; nếu xảy ra thì vào khoảng –",
            "Forecast: Water level at alarm I, 0 % chance; if so, about –",
            id="forecast hostile",
        ),
        pytest.param(
            alert("vn_aqi", AIR, "pm2_5"),
            "Chỉ số chất lượng không khí (VN_AQI) 187: xấu, chủ yếu do Bụi mịn PM2.5",
            "Air quality index (VN_AQI) 187: bad, mostly PM2.5",
            id="air",
        ),
        pytest.param(
            alert("rate:level_rise", RATE),
            "Nước ngập dâng nhanh: 0,42 m/h (ngưỡng 0,30 m/h)",
            "Flood water rising fast: 0.42 m/h (limit 0.30 m/h)",
            id="rate",
        ),
        pytest.param(
            onset({"value": 0.9, "residual": 0.2}),
            "Mực nước 1,20 m: mức chưa từng thấy ở đây (thường 0,30 đến 0,90 m)",
            "Water level 1.20 m: a level not seen here before (usual 0.30 to 0.90 m)",
            id="onset of a level",
        ),
        pytest.param(
            onset({"value": 0.1, "shock": 0.4}),
            "Mực nước đột ngột đổi sang 1,20 m (dự kiến 0,30 đến 0,90 m)",
            "Water level changed suddenly to 1.20 m (expected 0.30 to 0.90 m)",
            id="onset of a change",
        ),
        pytest.param(
            onset({"season": 0.4, "value": "x"}),
            "Mực nước 1,20 m cao bất thường so với giờ này (thường 0,30 đến 0,90 m)",
            "Water level 1.20 m unusually high for this hour (usual 0.30 to 0.90 m)",
            id="onset by the hour",
        ),
        pytest.param(alert("rate:level_rise", {}), ": – (ngưỡng –)", ": – (limit –)", id="rate bare"),
    ],
)
def test_sentences(item: Alert, vi: str, en: str) -> None:
    languages = load_languages("Asia/Ho_Chi_Minh")
    assert sentence(item, None, languages["vi"]).replace("\N{NO-BREAK SPACE}", " ") == vi
    assert sentence(item, None, languages["en"]).replace("\N{NO-BREAK SPACE}", " ") == en


def test_a_forecast_is_drawn_as_a_fan_on_the_citys_clock() -> None:
    band, median = fan(FORECAST, 7 * 3_600_000, load_languages("Asia/Ho_Chi_Minh")["vi"])
    hours = [moment + 7 * 3_600_000 for moment in FORECAST["times_ms"]]
    assert band["x"] == [*hours, *reversed(hours)]
    assert band["y"] == [1.2, 1.4, 1.1, 1.0]
    assert (median["x"], median["y"]) == (hours, [1.1, 1.2])


@pytest.mark.parametrize(
    "changes",
    [{"low": [1.0]}, {"times_ms": "ab"}, {"high": [None, 1.0]}, {"median": None},
     {name: [1.0] * 61 for name in ("times_ms", "low", "median", "high")}],
    ids=["uneven", "text", "holes", "missing", "too long"],
)  # fmt: skip
def test_what_is_no_fan_is_not_drawn(changes: dict[str, Any]) -> None:
    assert fan({**FORECAST, **changes}, 0, load_languages("Asia/Ho_Chi_Minh")["en"]) == []
