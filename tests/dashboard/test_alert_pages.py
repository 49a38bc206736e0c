"""The alert pages in a real browser."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.screenshots import wait_until_ready
from tests.dashboard.conftest import AIR, HOSTILE, SCRIPT, Town, wait_for
from tests.fix_browser import visit


@pytest.fixture
def alert(town: Town, request: pytest.FixtureRequest) -> int:
    number = town.find(f"page:{request.node.name}", town.stream(AIR, "pm2_5"), value=99.0, high=60.0, low=5.0)
    wait_for(lambda: town.get(f"/api/v1/alerts/{number}").status_code == 200)
    return number


def status(town: Town, number: int) -> str:
    return town.get(f"/api/v1/alerts/{number}").json()["status"]


def test_the_table_shows_filters_and_acts_on_many(browser: Any, town: Town, alert: int):
    with visit(browser, town.url + "/alerts?lang=en&status=open", role="operator") as page:
        row = f'.ag-row[row-id="{alert}"]'
        page.wait_for_selector(f"{row} .mark--major")
        page.click('[data-filter="domain"][data-value="traffic"]')
        page.wait_for_selector(row, state="detached")
        assert "domain=traffic" in page.url
        page.click('[data-filter="domain"][data-value="environment"]')
        page.fill("#alerts-q", AIR)
        page.wait_for_url("**q=*")
        page.click(f"{row} .ag-selection-checkbox input")
        page.click('#alerts-bulk [data-bulk="acknowledge"]')
        wait_for(lambda: status(town, alert) == "acknowledged")
        page.wait_for_selector("#alerts-said:not(:empty)")


@pytest.mark.parametrize("language", ["vi", "en"])
def test_one_alert_with_its_signal_life_and_comments(browser: Any, town: Town, alert: int, language: str):
    with visit(browser, f"{town.url}/alerts/{alert}?lang={language}", role="operator") as page:
        page.wait_for_selector("#alert-chart .scatterlayer path.js-line")
        page.fill("#alert-comment", SCRIPT)
        page.click("#alert-send")
        page.wait_for_selector('.life [data-kind="commented"]')
        assert page.locator(".life__text").first.inner_text() == SCRIPT
        page.click('[data-verb="start"]')
        page.wait_for_selector('#alert-state[data-status="in_progress"]')
        page.click('[data-verdict="nuisance"]')
        page.wait_for_selector('[data-verdict="nuisance"][aria-pressed="true"]')
        with town.as_role("engineer") as other:
            other.post(f"/api/v1/alerts/{alert}/resolve")
        page.wait_for_selector('#alert-state[data-status="resolved"]')
        assert page.evaluate("window.hacked") is None


def test_a_viewer_sees_and_cannot_act(browser: Any, town: Town, alert: int):
    with visit(browser, f"{town.url}/alerts/{alert}", role="viewer") as page:
        page.wait_for_selector("#alert-state")
        assert page.locator("[data-verb], #alert-send").count() == 0


def test_an_address_of_no_alert_says_so(browser: Any, town: Town):
    with visit(browser, f"{town.url}/alerts/999999?lang=en") as page:
        page.wait_for_selector("text=No such alert")


def test_what_is_hostile_is_text_in_the_table(browser: Any, town: Town):
    with visit(browser, town.url + f"/alerts?q={HOSTILE}") as page:
        page.wait_for_selector(".alerts__open")
        assert page.locator(".alerts__open").first.inner_text() == SCRIPT
        assert page.evaluate("window.hacked") is None


def test_the_feed_acknowledges_in_one_click(browser: Any, town: Town, alert: int):
    with visit(browser, town.url, role="operator") as page:
        wait_until_ready(page)
        item = f'li:has([data-alert-id="{alert}"])'
        page.click(f"{item} .alert__ack")
        page.wait_for_selector(f"{item} .alert__ack", state="detached")
    assert status(town, alert) == "acknowledged"


def test_a_phone_has_no_sideways_scroll(browser: Any, town: Town, alert: int):
    for path in ("/alerts", f"/alerts/{alert}"):
        with visit(browser, town.url + path, viewport={"width": 390, "height": 844}) as page:
            page.wait_for_selector(".ag-row, #alert-state")
            assert page.evaluate("document.documentElement.scrollWidth") <= 390
