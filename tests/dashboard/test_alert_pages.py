"""The alert pages in a real browser."""

from __future__ import annotations

from typing import Any

import pytest
from playwright.sync_api import expect

from dashboard.screenshots import wait_until_ready
from tests.dashboard.conftest import AIR, HOSTILE, SCRIPT, Town, wait_for
from tests.dashboard.test_pages import NO_WEBGL
from tests.fix_browser import complaints, visit

PHONE = {"viewport": {"width": 390, "height": 844}}


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


def test_the_order_is_kept_in_the_address_and_restored(browser: Any, town: Town, alert: int):
    with visit(browser, town.url + "/alerts?lang=en&sort=severity&order=asc", role="operator") as page:
        page.wait_for_selector('.ag-header-cell[col-id="severity"][aria-sort="ascending"]')
        page.wait_for_selector(".ag-row .mark")
        assert "sort=severity&order=asc" in page.url
        page.click('.ag-header-cell[col-id="device"] .ag-header-cell-label')
        page.wait_for_url("**sort=device&order=asc**")
        page.click('[data-filter="assigned"][data-value="nobody"]')
        page.wait_for_url("**assigned=nobody**")
        page.wait_for_selector(f'.ag-row[row-id="{alert}"]')
        with town.as_role("operator") as client:
            client.post(f"/api/v1/alerts/{alert}/assign", json={"assignee": "operator"})
        page.wait_for_selector(f'.ag-row[row-id="{alert}"]', state="detached")
        page.click('[data-filter="assigned"][data-value="mine"]')
        page.wait_for_selector(f'.ag-row[row-id="{alert}"]')
        page.reload()
        page.wait_for_selector('.ag-header-cell[col-id="device"][aria-sort="ascending"]')
        page.wait_for_selector(f'.ag-row[row-id="{alert}"]')
        assert page.locator('[data-filter="assigned"][aria-pressed="true"]').count() == 1


def test_the_keyboard_moves_chooses_and_opens(browser: Any, town: Town, alert: int):
    with visit(browser, f"{town.url}/alerts?lang=en&q={AIR}", role="operator") as page:
        row = f'.ag-row[row-id="{alert}"]'
        page.wait_for_selector(f"{row} .mark")
        page.focus('.ag-header-cell[col-id="severity"]')
        page.keyboard.press("ArrowDown")
        page.keyboard.press("Space")
        expect(page.locator("#alerts-chosen")).to_have_text("1 chosen")
        page.keyboard.press("Escape")
        expect(page.locator("#alerts-bulk")).to_be_hidden()
        number = page.evaluate("() => document.activeElement.closest('.ag-row').getAttribute('row-id')")
        page.keyboard.press("Enter")
        page.wait_for_url(f"**/alerts/{number}")
        page.wait_for_selector("#alert-state")


def test_an_empty_list_says_what_to_do_and_a_failed_one_too(browser: Any, town: Town, alert: int):
    with visit(browser, town.url + "/alerts?lang=en&q=no-such-device", forgive="ERR_FAILED") as page:
        expect(page.locator("#alerts-none")).to_contain_text("No alert matches these filters")
        page.click("#alerts-clear")
        page.wait_for_selector(f'.ag-row[row-id="{alert}"] .mark')
        expect(page.locator("#alerts-none")).to_be_hidden()
        assert "q=" not in page.url
        page.route("**/api/v1/alerts?*", lambda route: route.abort("failed"))
        page.click('[data-filter="status"][data-value="open"]')
        expect(page.locator("#alerts-failed")).to_contain_text("The alerts could not be read")
        expect(page.locator("#alerts-again")).to_be_visible()
        page.unroute("**/api/v1/alerts?*")
        # A change in the city makes the list ask by itself: the button may be gone before the mouse is there.
        page.locator("#alerts-again").dispatch_event("click")
        page.wait_for_selector(f'.ag-row[row-id="{alert}"] .mark')
        expect(page.locator("#alerts-failed")).to_be_hidden()


def test_an_alert_is_given_to_someone_who_may_act_and_stands_on_a_map(browser: Any, town: Town, alert: int):
    town.token("engineer")
    town.token("viewer")
    with visit(browser, f"{town.url}/alerts/{alert}?lang=en", role="operator") as page:
        page.wait_for_selector("#alert-map[data-ready=webgl]")
        assert page.locator("#alert-map-link").get_attribute("href") == f"/?device={AIR}"
        assert page.locator("#alert-map").bounding_box()["height"] > 100
        offered = page.locator("#alert-assignee option").all_inner_texts()
        assert "engineer" in offered
        assert "viewer" not in offered
        page.select_option("#alert-assignee", "engineer")
        expect(page.locator(".alert-page__facts")).to_contain_text("engineer")
        page.click('[data-verb="assign"]')
        expect(page.locator(".alert-page__facts")).to_contain_text("operator")
        page.select_option("#alert-assignee", "-")
        expect(page.locator(".alert-page__facts")).not_to_contain_text("operator")


def test_without_webgl_the_small_map_is_drawn(browser: Any, town: Town, alert: int):
    with visit(browser, town.url + "/healthz", forgive="WebGL") as page:
        page.add_init_script(NO_WEBGL)
        page.goto(f"{town.url}/alerts/{alert}")
        page.wait_for_selector("#alert-map[data-ready=canvas] canvas")
        page.wait_for_function("() => document.querySelector('#alert-map canvas').width > 200")


def test_why_acknowledging_was_refused_stands_in_the_feed(browser: Any, town: Town, alert: int):
    with visit(browser, town.url + "/?lang=en", role="operator", forgive="409") as page:
        wait_until_ready(page)
        item = f'li:has([data-alert-id="{alert}"])'
        page.wait_for_selector(f"{item} .alert__ack")
        said = '{"title": "In conflict", "status": 409, "detail": "engineer was first <b>"}'
        page.route("**/acknowledge", lambda route: route.fulfill(status=409, body=said))
        page.click(f"{item} .alert__ack")
        expect(page.locator(f"{item} [role=alert]")).to_have_text("engineer was first <b>")
        with town.as_role("engineer") as client:
            client.post(f"/api/v1/alerts/{alert}/acknowledge")
        page.wait_for_selector(f"{item} [role=alert]", state="detached")
        page.select_option("#overview-feed-least", "critical")
        page.wait_for_selector(item, state="detached")
        assert "feed=critical" in page.url
        page.select_option("#overview-feed-least", "info")
        page.wait_for_selector(item)


def test_a_phone_shows_cards_and_acts_on_many(browser: Any, town: Town, alert: int):
    with visit(browser, town.url + "/alerts?lang=en", role="operator", **PHONE) as page:
        card = f'.card[data-alert-id="{alert}"]'
        page.wait_for_selector(card)
        expect(page.locator("#alerts-grid")).to_be_hidden()
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        expect(page.locator('[data-filter="status"]').first).to_be_hidden()
        page.click("#alerts-filter-switch")
        page.click('[data-filter="severity"][data-value="major"]')
        page.wait_for_url("**severity=major**")
        page.wait_for_selector(card)
        page.check(f"{card} input")
        page.click('#alerts-bulk [data-bulk="acknowledge"]')
        page.wait_for_selector(f"{card} .status--acknowledged")
        page.select_option("#alerts-order", "severity")
        page.wait_for_url("**sort=severity**")
        page.click(f"{card} a")
        page.wait_for_selector("#alert-state")
        page.wait_for_selector("#alert-map[data-ready]")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert page.evaluate("document.querySelector('main').scrollWidth") <= 390


@pytest.mark.parametrize("face", ["dark", "light"])
def test_alerts_people_and_the_door_are_accessible(browser: Any, town: Town, alert: int, face: str):
    ready = {
        "/alerts": ".ag-row .mark",
        f"/alerts/{alert}": "#alert-map[data-ready]",
        "/administration": "#administration-people tr",
        "/account": "#account-sessions tr",
    }
    light = face == "light"
    with visit(browser, town.url + "/healthz") as page:
        page.context.add_cookies([{"name": "theme", "value": face, "url": town.url}])
        told: dict[str, Any] = {}
        for path, selector in ready.items():
            page.goto(f"{town.url}{path}?lang=en")
            page.wait_for_selector(selector)
            told[path] = complaints(page, colours_alone=light)
        page.context.clear_cookies(name="cityops_session")
        page.goto(town.url + "/sign-in?lang=en")
        page.wait_for_selector("[name=password]")
        told["/sign-in"] = complaints(page, colours_alone=light)
        assert {path: found for path, found in told.items() if found} == {}
    with visit(browser, town.url + "/healthz", role="operator", **PHONE) as page:
        page.context.add_cookies([{"name": "theme", "value": face, "url": town.url}])
        for path, selector in {"/alerts": ".card", f"/alerts/{alert}": "#alert-map[data-ready]"}.items():
            page.goto(f"{town.url}{path}?lang=en")
            page.wait_for_selector(selector)
            assert complaints(page, colours_alone=light) == [], path
