"""The overview's layers, its address, the bell and the header, in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.screenshots import wait_until_ready
from telemetry.alerts import Severity
from tests.dashboard.conftest import AIR, GAUGE, HOSTILE, SCRIPT, Town
from tests.fix_browser import WAIT_MS, complaints, cookies, visit

SHADE = "() => [...cityops.layers.gauges()].find((gauge) => gauge.id === '{id}')"
BELL = """
window.__notes = [];
window.Notification = class {
  static permission = "default";
  static async requestPermission() { this.permission = "granted"; return "granted"; }
  constructor(title, options) { this.title = title; Object.assign(this, options); window.__notes.push(this); }
  close() {}
};"""


def shade(page: Any, device_id: str) -> str:
    return page.evaluate(f"({SHADE.format(id=device_id)})().shade")


def becomes(page: Any, device_id: str, wanted: str) -> None:
    page.wait_for_function(f"() => ({SHADE.format(id=device_id)})()?.shade === '{wanted}'")


def test_a_layer_shows_classes_live_and_the_address_carries_it(browser: Any, town: Town):
    tide = town.stream(GAUGE, "water_level_m")
    flood = town.stream("flood-to-ngoc-van", "water_level_m")
    slow = town.stream("traffic-vo-van-kiet-01", "speed_kmh")
    town.commit([tide, flood], [1.2, 0.02])
    with visit(browser, town.url + "/?lang=en&layer=water&hide=energy") as page:
        wait_until_ready(page)
        becomes(page, GAUGE, "water")
        assert page.locator('[data-layer="water"]').get_attribute("aria-pressed") == "true"
        assert page.locator('button[data-domain="energy"]').get_attribute("aria-pressed") == "false"
        assert page.locator('[data-legend="water"]').is_visible()
        assert page.locator('[data-legend=""]').is_hidden()
        town.commit([tide, flood], [1.52, 0.6])
        becomes(page, GAUGE, "major")
        becomes(page, "flood-to-ngoc-van", "critical")
        assert page.evaluate(f"cityops.layers.describe('{GAUGE}')")["text"] == "Level 1.52 II m"
        # A value that nobody renews is drawn as old, and not in its class.
        town.commit([slow], [8.0], at=datetime.now(UTC) - timedelta(hours=1))
        page.click('[data-layer="traffic"]')
        becomes(page, "traffic-vo-van-kiet-01", "stale")
        assert "layer=traffic" in page.url
        town.commit([slow], [8.0])
        becomes(page, "traffic-vo-van-kiet-01", "critical")
        town.commit([slow], [49.0])
        becomes(page, "traffic-vo-van-kiet-01", "ok")
        page.click('[data-layer=""]')
        page.wait_for_function("() => !location.search.includes('layer')")
        assert "hide=energy" in page.url


def test_air_has_the_official_categories_and_hours_their_course(browser: Any, town: Town):
    with visit(browser, town.url + "/?lang=en&layer=air&at=10.7800,106.7000,12.0") as page:
        wait_until_ready(page)
        page.wait_for_function(f"() => ({SHADE.format(id=AIR)})()?.said > 0")
        served = {item["device_id"]: item for item in town.get("/api/v1/map/air").json()}
        assert shade(page, AIR) in (served[AIR]["category"], "stale")
        assert (
            page.evaluate("getComputedStyle(document.documentElement).getPropertyValue('--aqi-good')").strip()
            == "#00e400"
        )
        assert "at=10.7800" in page.url
    history = town.get("/api/v1/history").json()
    assert len(history["times"]) == len(history["alerts"]) == len(history["silent"]) == 73
    assert history["alerts"][-1] >= 3
    assert history["silent"][-1] >= 1


def test_the_canvas_shows_a_layer_too(browser: Any, town: Town):
    town.commit([town.stream(GAUGE, "water_level_m")], [1.2])
    context = browser.new_context(viewport={"width": 1366, "height": 768})
    context.add_cookies(cookies(town.url))
    page = context.new_page()
    errors: list[str] = []
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.add_init_script("""
        const real = HTMLCanvasElement.prototype.getContext;
        HTMLCanvasElement.prototype.getContext = function (kind, ...rest) {
          return kind.startsWith("webgl") ? null : real.call(this, kind, ...rest);
        };
        const filled = CanvasRenderingContext2D.prototype.fillText;
        window.__texts = new Set();
        CanvasRenderingContext2D.prototype.fillText = function (text, ...rest) {
          window.__texts.add(text);
          return filled.call(this, text, ...rest);
        };""")
    try:
        page.goto(town.url + "/?lang=en&layer=water")
        page.wait_for_selector('#overview-map[data-ready="canvas"]', timeout=WAIT_MS)
        page.wait_for_function("() => window.__texts.has('1.20')", timeout=WAIT_MS)
        assert errors == []
    finally:
        context.close()


def test_the_bell_is_off_until_asked_for_and_tells_each_critical_alert_once(browser: Any, town: Town):
    stream, hostile = town.stream(AIR, "co"), town.stream(HOSTILE, "speed_kmh")
    told = "() => window.__notes.map((note) => note.tag)"
    numbers: list[int] = []

    def critical(key: str, of: int) -> str:
        numbers.append(town.find(key, of, value=9.0, severity=Severity.CRITICAL))
        return f"cityops-{numbers[-1]}"

    with visit(browser, town.url + "/healthz") as page:
        page.add_init_script(BELL)
        page.goto(town.url + "/?lang=en")
        wait_until_ready(page)
        assert page.locator("#shell-bell").get_attribute("data-state") == "off"
        critical("test:bell-off", stream)
        page.wait_for_selector(f'.alert[data-alert-id="{numbers[-1]}"]')
        assert page.evaluate(told) == []
        page.click("#shell-bell")
        page.wait_for_selector('#shell-bell[data-state="on"][aria-pressed="true"]')
        assert page.evaluate("cityops.notify.rung") == 1  # the test sound
        tag = critical("test:bell-on", hostile)
        page.wait_for_function(f"() => window.__notes.some((note) => note.tag === '{tag}')")
        assert page.evaluate("cityops.notify.rung") == 2
        assert page.evaluate("window.__notes[0].title") == f"Critical: {SCRIPT}"
        page.evaluate("window.__notes[0].onclick()")
        page.wait_for_function(
            "() => document.querySelector('.drawer__name')?.textContent.includes('<script>')"
        )
        page.goto(town.url + "/system?lang=en")
        page.wait_for_selector('#shell-link[data-phase="live"]')
        page.wait_for_selector('#shell-bell[aria-pressed="true"]')
        assert page.evaluate(told) == []  # what stood already is not told again
        page.click("#shell-bell")
        page.wait_for_selector('#shell-bell[data-state="off"]')
    for key, of in (("test:bell-off", stream), ("test:bell-on", hostile)):
        town.find(key, of, state="cleared", severity=Severity.CRITICAL)


@pytest.mark.parametrize(
    "size", [(390, 844), (768, 1024), (1366, 768), (1920, 1080)], ids=lambda size: str(size[0])
)
def test_nothing_of_the_header_is_cut_off_and_nothing_scrolls_sideways(
    browser: Any, town: Town, size: tuple[int, int]
):
    width, height = size
    with visit(browser, town.url + "/?lang=vi", viewport={"width": width, "height": height}) as page:
        page.wait_for_selector("#shell-link[data-phase='live']")
        menu = page.locator("#shell-menu")
        assert menu.is_visible() == (width <= 1270)
        if width <= 1270:
            menu.click()
            assert menu.get_attribute("aria-expanded") == "true"
        outside = page.evaluate("""() => {
          const wanted = ".bar__page, .bar button, .bar a.switch__item, #shell-time";
          return [...document.querySelectorAll(wanted)]
            .map((item) => [item.id || item.textContent, item.getBoundingClientRect()])
            .filter(([, box]) => box.width && (box.left < 0 || box.right > innerWidth))
            .map(([name]) => name); }""")
        assert outside == []
        overlap = page.evaluate("""() => {
          const nav = document.querySelector(".bar__pages");
          return nav.scrollWidth - nav.clientWidth; }""")
        assert overlap <= 0
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        if width <= 1270:
            page.keyboard.press("Escape")
            assert menu.get_attribute("aria-expanded") == "false"
            assert menu.evaluate("button => button === document.activeElement")


@pytest.mark.parametrize("face", ["dark", "light"])
def test_layers_search_and_skip_link_are_accessible(browser: Any, town: Town, face: str):
    with visit(browser, town.url + "/healthz") as page:
        page.context.add_cookies([{"name": "theme", "value": face, "url": town.url}])
        page.goto(town.url + "/?lang=vi&layer=load")
        wait_until_ready(page)
        page.keyboard.press("Tab")
        assert page.evaluate("document.activeElement.id") == "shell-skip"
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.id") == "overview-root"
        for layer in ("load", "air"):
            page.click(f'[data-layer="{layer}"]')
            page.wait_for_selector(f'[data-legend="{layer}"]:not([hidden])')
            page.fill("#overview-search-box", "phu")
            page.wait_for_selector(".search__item")
            assert complaints(page, colours_alone=face == "light") == []


def test_a_value_whose_sensor_is_in_doubt_is_marked_in_the_drawer_and_on_the_map(browser: Any, town: Town):
    tide = town.stream(GAUGE, "water_level_m")
    town.commit([tide], [1.1])
    stuck = {"rule": "stuck", "severity": Severity.MINOR, "detector": "stuck"}
    with visit(browser, town.url + f"/?lang=en&layer=water&device={GAUGE}") as page:
        wait_until_ready(page)
        value = page.locator(f'#overview-drawer [data-stream-id="{tide}"]')
        value.wait_for()
        assert value.locator(".value__doubt").is_hidden()
        town.find(f"stuck:{tide}", tide, **stuck)
        page.wait_for_selector(f'#overview-drawer .value--doubtful[data-stream-id="{tide}"]')
        assert value.locator(".value__doubt").inner_text() == "in doubt: stuck"
        assert page.evaluate(f"cityops.layers.describe('{GAUGE}')")["name"] == "in doubt: stuck"
        town.find(f"stuck:{tide}", tide, state="cleared", **stuck)
        page.wait_for_function(f"() => cityops.layers.describe('{GAUGE}').name !== 'in doubt: stuck'")
        value.locator(".value__doubt").wait_for(state="hidden")
