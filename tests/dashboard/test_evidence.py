"""Why an alert was opened, and what its detector saw: drawn for every kind, whatever a detail holds."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import expect

from alerts.apply import apply_findings
from dashboard.components.evidence import evidence, signal
from dashboard.languages import Language, load_languages
from dashboard.queries.alerts import AlertView, read_alert_view
from dashboard.queries.companions import named
from dashboard.reasons import reason
from dashboard.sentences import sentence
from store import readings
from telemetry.alerts import Finding, FindingState, Severity
from telemetry.city import City
from telemetry.readings import Readings, to_micros
from tests.dashboard.conftest import AIR, GAUGE, SCRIPT, Town, wait_for
from tests.dashboard.findings import FINDINGS, forecast_times
from tests.fix_browser import visit

PICTURES = {
    "drift": "alert-neighbours",
    "groups": "alert-members",
    "subspace": "alert-course",
    "onset": "ranking",
    "vn_aqi": "ranking",
}
_OF_THE_TIDE = ("forecast:tide", "rate:level_rise")
HOSTILE: tuple[Any, ...] = (
    None, True, "", SCRIPT, "x" * 5_000, -1.0, 1e308, 10**400, [], {}, [None] * 5_000, [[1.0]], ["1", 2],
    [{"device_id": 3, "metric": [], "share": "much"}],
    [{"device_id": SCRIPT, "metric": SCRIPT, "share": 1e300}],
)  # fmt: skip


@pytest.fixture(scope="module")
def views(town: Town) -> dict[str, AlertView]:
    """An alert of every kind, as its page reads it."""
    now = datetime.now(UTC)
    _past_of_the_neighbours(town, now)
    tide, dust = town.stream(GAUGE, "water_level_m"), town.stream(AIR, "pm2_5")
    findings = [_finding(rule, tide if rule in _OF_THE_TIDE else dust, now) for rule in FINDINGS]
    with town.conn.transaction():
        alerts = apply_findings(town.conn, findings)
        views = [read_alert_view(town.conn, town.city, alert.alert_id, now) for alert in alerts]
    return {view.alert.rule: view for view in views}


def _finding(rule: str, stream: int, now: datetime) -> Finding:
    banded = rule in ("onset", "seasonal", "subspace", "drift")
    more = forecast_times(now.timestamp() * 1000) if rule.startswith("forecast") else {}
    return Finding(
        key=f"evidence:{rule}",
        state=FindingState.RAISED,
        detector="test",
        rule=rule,
        stream_id=stream,
        severity=Severity.MINOR,
        at=now - timedelta(minutes=9),
        value=None if rule == "silence" else 0.9 if rule in _OF_THE_TIDE else 56.0,
        expected_low=20.0 if banded else None,
        expected_high=40.0 if banded else None,
        detail=FINDINGS[rule] | more,
    )


def _past_of_the_neighbours(town: Town, now: datetime) -> None:
    sensors = (("air-quan-3", "pm2_5"), ("air-quan-3", "pm10"), ("air-quan-5", "pm2_5"))
    ids = [town.stream(*sensor) for sensor in sensors]
    times = [to_micros(now - timedelta(minutes=5 * n)) for n in range(1, 60)]
    values = list(30 + np.sin(np.arange(59) / 9))
    with town.conn.transaction():
        for stream in ids:
            readings.write_readings(town.conn, Readings.of([stream] * 59, times, values))


def test_what_came_is_shown_to_the_end_of_a_forecast_whose_warning_is_over(town: Town) -> None:
    now = datetime.now(UTC)
    made = now - timedelta(hours=5)
    picture = FINDINGS["forecast:tide"] | forecast_times(made.timestamp() * 1000)
    stream = town.stream(GAUGE, "water_level_m")
    warned = replace(_finding("forecast:tide", stream, now), key="evidence:over", at=made, detail=picture)
    over = replace(warned, state=FindingState.CLEARED, at=made + timedelta(minutes=10))
    with town.conn.transaction():
        alert_id = next(alert.alert_id for alert in apply_findings(town.conn, [warned]))
        apply_findings(town.conn, [over])
        view = read_alert_view(town.conn, town.city, alert_id, now)
    assert view.alert.resolved_at is not None
    assert abs(view.chart.series.end - (made + timedelta(hours=2))) < timedelta(seconds=1)


@pytest.fixture(scope="module")
def languages(city: City) -> dict[str, Language]:
    return load_languages(city.timezone)


@pytest.mark.parametrize("rule", FINDINGS)
def test_every_kind_says_why_in_the_readers_language(
    views: dict[str, AlertView], languages: dict[str, Language], rule: str
):
    vi, en = (reason(views[rule].alert, languages[code]) for code in ("vi", "en"))
    assert vi.endswith(".")
    assert en.endswith(".")
    assert vi != en
    assert "{" not in vi + en


def test_the_numbers_of_a_reason_are_the_findings(
    views: dict[str, AlertView], languages: dict[str, Language]
):
    said = {rule: reason(view.alert, languages["vi"]) for rule, view in views.items()}
    assert "12,3" in said["drift"]
    assert "8,0" in said["drift"]
    assert "24 giờ" in said["limit:air_24h"]
    assert "45,0\N{NO-BREAK SPACE}µg/m³" in said["limit:air_24h"]
    assert "99 %" in said["forecast:tide"]
    assert "mức chưa từng thấy" in said["onset"]
    assert "0,0014" in said["offset"]


@pytest.mark.parametrize("rule", FINDINGS)
def test_a_hostile_or_absent_detail_breaks_no_page(
    views: dict[str, AlertView], languages: dict[str, Language], rule: str
):
    view, language = views[rule], languages["vi"]
    detail = dict(view.alert.detail)
    without = [{key: value for key, value in detail.items() if key != left_out} for left_out in detail]
    for made in ({}, *without, *({**detail, key: value} for key in detail for value in HOSTILE)):
        other = replace(view, alert=replace(view.alert, detail=made))
        drawn = [part.to_plotly_json() for part in (*signal(other, language), *evidence(other, language))]
        assert len(repr(drawn)) < 500_000
        assert "nan" not in repr([graph["props"].get("figure") for graph in drawn])
        assert len(sentence(other.alert, None, language)) < 1_000
        assert len(named(other.alert)) <= 16


@pytest.mark.parametrize("rule", FINDINGS)
def test_every_kind_has_its_picture(views: dict[str, AlertView], languages: dict[str, Language], rule: str):
    view, language = views[rule], languages["en"]
    _, graph = (part.to_plotly_json()["props"] for part in signal(view, language))
    roles = {trace.get("meta", {}).get("role") for trace in graph["figure"]["data"]}
    assert ({"fan", "crossing"} <= roles) == (rule == "forecast:tide")
    assert ("observed" in roles) == (rule not in ("forecast:tide", "vn_aqi", "silence"))
    levels = [shape["y0"] for shape in graph["figure"]["layout"]["shapes"] if shape["type"] == "line"]
    assert {"limit:air_24h": 45.0, "forecast:tide": 1.6, "offset": 30.0}.get(rule, 0) in levels
    assert PICTURES.get(rule, "") in repr(evidence(view, language))
    assert bool(evidence(view, language)) == (rule in PICTURES)


def test_the_pictures_are_drawn_on_the_page(browser: Any, town: Town, views: dict[str, AlertView]):
    last = max(view.alert.alert_id for view in views.values())
    wait_for(lambda: town.get(f"/api/v1/alerts/{last}").status_code == 200)
    with visit(browser, f"{town.url}/alerts/{views['drift'].alert.alert_id}") as page:
        expect(page.locator("#alert-why")).to_contain_text("12,3")
        page.wait_for_selector("#alert-neighbours .scatterlayer path.js-line")
        expect(page.locator(".evidence__links a")).to_have_count(2)
        page.goto(f"{town.url}/alerts/{views['groups'].alert.alert_id}?lang=en")
        page.wait_for_selector("#alert-members .scatterlayer path.js-line")
        expect(page.locator(".ranking__most")).to_contain_text("44")
        page.click(".ranking a >> nth=0")
        page.wait_for_url(f"**/devices/{AIR}")
