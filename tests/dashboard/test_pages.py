"""The pages, in a real browser. A console error, a failed request or one that leaves fails a test."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.screenshots import wait_until_ready
from tests.dashboard.conftest import AIR, GAUGE, HOSTILE, SCRIPT, SILENT, Town
from tests.fix_browser import WAIT_MS, cookies, visit

NO_WEBGL = """
const real = HTMLCanvasElement.prototype.getContext;
HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
  return kind.startsWith("webgl") ? null : real.call(this, kind, ...rest);
};"""


def text(page: Any, selector: str) -> str:
    return page.locator(selector).inner_text()


def test_overview_shows_tiles_feed_and_map(browser: Any, town: Town):
    with visit(browser, town.url) as page:
        wait_until_ready(page)
        assert page.locator("#overview-map canvas").count() == 1
        assert text(page, '[data-tile="devices"]') == str(len(town.city.devices) + 1)
        page.wait_for_selector(f'.alert[data-device="{GAUGE}"]')
        assert "Mực nước đạt báo động II" in text(page, f'.alert[data-device="{GAUGE}"]')
        assert page.title() == "Tổng quan · CityOps"
        assert text(page, "#shell-link") == "Trực tiếp"


def test_english_at_a_click_and_it_stays(browser: Any, town: Town):
    with visit(browser, town.url) as page:
        wait_until_ready(page)
        page.click('.switch__item[data-lang="en"]')
        page.wait_for_selector('html[lang="en"]')
        wait_until_ready(page)
        assert text(page, ".brand__what") == "Operations centre"
        assert "Water level at alarm II" in text(page, f'.alert[data-device="{GAUGE}"]')


def test_a_committed_value_reaches_the_open_drawer(browser: Any, town: Town):
    stream = town.stream(AIR, "temperature_c")
    town.commit([stream], [29.1])
    with visit(browser, town.url + f"/?device={AIR}&lang=en") as page:
        wait_until_ready(page)
        page.wait_for_selector(f'[data-stream-id="{stream}"]')
        at = town.commit([stream], [33.3])
        page.wait_for_selector(f'[data-stream-id="{stream}"][data-time="{at}"]')
        assert "33.3" in text(page, f'[data-stream-id="{stream}"]')


def test_an_alert_opens_its_device_with_a_chart_and_the_address_says_so(browser: Any, town: Town):
    with visit(browser, town.url) as page:
        wait_until_ready(page)
        page.click(f'.alert[data-device="{GAUGE}"]')
        page.wait_for_selector("#overview-chart .scatterlayer path.js-line")
        assert text(page, ".drawer__name") == "Trạm Phú An (sông Sài Gòn)"
        assert "báo động III" in page.locator("#overview-chart .infolayer").text_content()
        assert f"device={GAUGE}" in page.url
        page.keyboard.press("Escape")
        page.wait_for_selector("#overview-drawer", state="hidden")
        assert "device=" not in page.url


def test_a_device_on_the_map_opens_the_drawer(browser: Any, town: Town):
    with visit(browser, town.url) as page:
        wait_until_ready(page)
        page.wait_for_timeout(300)
        x, y = page.evaluate(f"window.cityops.overview.where({SILENT!r})")
        box = page.locator("#overview-map").bounding_box()
        page.mouse.click(box["x"] + x, box["y"] + y)
        page.wait_for_selector(".drawer__name")


def test_a_new_alert_arrives_and_an_ended_one_fades(browser: Any, town: Town):
    stream = town.stream(AIR, "humidity_pct")
    with visit(browser, town.url) as page:
        wait_until_ready(page)
        number = town.find("test:humidity", stream, value=99.0, low=40.0, high=90.0)
        page.wait_for_selector(f'.alert[data-alert-id="{number}"]')
        town.find("test:humidity", stream, state="cleared")
        page.wait_for_selector(f'.alert--ended[data-alert-id="{number}"]')


def test_a_domain_can_be_hidden(browser: Any, town: Town):
    with visit(browser, town.url) as page:
        wait_until_ready(page)
        page.click('button[data-domain="drainage"]')
        page.wait_for_selector(f'.alert[data-device="{GAUGE}"]', state="detached")
        assert page.locator('button[data-domain="drainage"]').get_attribute("aria-pressed") == "false"


@pytest.mark.parametrize("language", ["vi", "en"])
def test_what_is_hostile_is_shown_as_text(browser: Any, town: Town, language: str):
    with visit(browser, town.url + f"/?device={HOSTILE}&lang={language}") as page:
        wait_until_ready(page)
        page.wait_for_selector(f'.alert[data-device="{HOSTILE}"]')
        page.wait_for_function(
            "() => document.querySelector('.drawer__name')?.textContent.includes('<script>')"
        )
        assert text(page, ".drawer__name") == SCRIPT
        assert text(page, f'.alert[data-device="{HOSTILE}"] .alert__device') == SCRIPT
        assert page.evaluate("window.hacked") is None
        assert page.locator("img[src='x']").count() == 0


def test_an_unknown_device_is_said_to_be_unknown(browser: Any, town: Town):
    with visit(browser, town.url + "/?device=%3Cscript%3E&lang=en") as page:
        wait_until_ready(page)
        page.wait_for_function(
            "() => document.querySelector('.drawer__name')?.textContent === 'No such device'"
        )


def test_a_lost_link_is_said_and_mends_itself(browser: Any, town: Town):
    with visit(browser, town.url, forgive="WebSocket") as page:
        wait_until_ready(page)
        page.context.set_offline(True)
        page.evaluate("window.cityops.live.drop()")
        page.wait_for_selector('#shell-link[data-phase="lost"]')
        assert "Mất kết nối" in text(page, "#shell-link")
        page.context.set_offline(False)
        page.wait_for_selector('#shell-link[data-phase="live"]')
        number = town.find("test:back", town.stream(AIR, "pm2_5"), value=99.0, low=4.0, high=90.0)
        page.wait_for_selector(f'.alert[data-alert-id="{number}"]')
        town.find("test:back", town.stream(AIR, "pm2_5"), state="cleared")


def test_the_interface_viewer_works_without_the_outside(browser: Any, town: Town):
    with visit(browser, town.url + "/api/docs") as page:
        page.wait_for_selector('[data-path="/api/v1/readings/latest"]')


def test_without_webgl_the_map_is_drawn_and_says_so(browser: Any, town: Town):
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.add_cookies(cookies(town.url))
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script(NO_WEBGL)
    try:
        page.goto(town.url)
        page.wait_for_selector('#overview-map[data-ready="canvas"]', timeout=WAIT_MS)
        assert "WebGL" in text(page, "#overview-map-note")
        assert errors == []
    finally:
        context.close()


def test_an_address_that_no_page_has_says_so_and_leads_on(browser: Any, town: Town):
    with visit(browser, town.url + "/nowhere/at/all?lang=vi") as page:
        page.wait_for_selector("#missing-root")
        assert "Không có trang này" in text(page, "#missing-root")
        assert page.title() == "Không có trang này · CityOps"
        page.click("#missing-root a")
        page.wait_for_selector("#overview-map")


def test_charts_and_tables_grow_with_a_very_large_screen(browser: Any, town: Town):
    with visit(browser, town.url + "/devices", viewport={"width": 3840, "height": 2160}) as page:
        page.wait_for_selector(".ag-row")
        assert page.locator(".ag-row").first.bounding_box()["height"] > 55
        page.goto(town.url + "/drainage")
        page.wait_for_selector("#drainage-tide .xtick text")
        tick = "parseFloat(getComputedStyle(document.querySelector('#drainage-tide .xtick text')).fontSize)"
        assert page.evaluate(tick) > 17
