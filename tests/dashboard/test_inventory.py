"""Devices, quarantine, system, and what holds on every page: both themes, both languages, axe."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from dashboard.components.inventory import inventory_rows
from dashboard.languages import load_languages
from dashboard.live.picture import Picture
from dashboard.pages.quarantine import payload_text
from store.activity import list_minutes
from store.quarantine import Refusal, put_refusals
from store.storage import table_sizes
from tests.dashboard.conftest import AIR, GAUGE, HOSTILE, SCRIPT, Town
from tests.fix_browser import complaints, visit

READY = {
    "/": "#shell-link[data-phase='live']",
    "/explorer": "#explorer-place .empty",
    "/devices": ".ag-row",
    f"/devices/{GAUGE}": "#device-place .js-plotly-plot",
    "/quarantine": "#quarantine-place .sheet",
    "/inbox": "#inbox-place .empty",
    "/system": "#system-place .sheet",
}


@pytest.fixture(scope="module")
def refused(town: Town) -> Town:
    now = datetime.now(UTC)
    kept = [
        Refusal(now, "", "cityops/x/telemetry", SCRIPT.encode(), "payload", SCRIPT),
        Refusal(now, HOSTILE, f"cityops/{HOSTILE}/telemetry", b"\x00\xff\x10", "payload", "not text"),
    ]
    with town.conn.transaction():
        put_refusals(town.conn, kept)
    return town


@pytest.mark.parametrize("face", ["dark", "light"])
@pytest.mark.parametrize("path", READY)
def test_every_page_is_accessible_in_both_themes(browser: Any, refused: Town, path: str, face: str):
    with visit(browser, refused.url + "/healthz") as page:
        cookie = {"name": "theme", "value": face, "url": refused.url}
        page.context.add_cookies([cookie])
        page.goto(refused.url + path + "?lang=en")
        page.wait_for_selector(f"html[data-mantine-color-scheme={face}]")
        page.wait_for_selector(READY[path])
        assert page.locator(".bar__page[aria-current=page]").count() == 1
        assert complaints(page, colours_alone=face == "light") == []


def test_the_switch_changes_the_theme_and_it_stays(browser: Any, town: Town):
    with visit(browser, town.url + "/system") as page:
        page.click("#shell-face")
        page.wait_for_selector("html[data-mantine-color-scheme=light]")
        page.click(".bar__page[href='/devices']")
        page.wait_for_selector("html[data-mantine-color-scheme=light] #devices-root")


def test_the_inventory_filters_and_links_and_shows_hostile_names_as_text(browser: Any, town: Town):
    with visit(browser, town.url + "/devices?lang=en&domain=traffic") as page:
        page.wait_for_selector(".ag-row")
        page.wait_for_function("() => document.querySelector('#devices-count').textContent.includes(' of ')")
        counted = page.locator("#devices-count").inner_text()
        traffic = sum(device.domain == "traffic" for device in town.city.devices) + 1
        assert counted == f"{traffic} of {len(town.city.devices) + 1} devices"
        page.fill("#devices-q", "Điện Biên Phủ camera")
        page.wait_for_url("**q=*")
        page.wait_for_function(f"() => document.querySelector('#devices-count').textContent !== {counted!r}")
        page.wait_for_selector(".ag-row")
        assert "domain=traffic" in page.url
        names = page.locator(".ag-cell[col-id=name]").all_inner_texts()
        assert names
        for name in names:
            assert "Điện Biên Phủ" in name or "Dien Bien Phu" in name
        assert page.evaluate("window.hacked") is None
    with visit(browser, town.url + f"/devices/{HOSTILE}") as page:
        page.wait_for_selector(".drawer__name")
        assert page.locator(".drawer__name").inner_text() == SCRIPT
        assert page.evaluate("window.hacked") is None


def test_a_device_page_follows_the_feed(browser: Any, town: Town):
    stream = town.stream(AIR, "no2")
    with visit(browser, town.url + f"/devices/{AIR}?lang=en") as page:
        page.wait_for_selector(f'[data-stream-id="{stream}"]')
        page.wait_for_selector("#shell-link[data-phase='live']")
        at = town.commit([stream], [47.1])
        page.wait_for_selector(f'[data-stream-id="{stream}"][data-time="{at}"]')
        assert "47.1" in page.locator(f'[data-stream-id="{stream}"]').inner_text()


def test_an_unknown_device_is_said_to_be_unknown(browser: Any, town: Town):
    with visit(browser, town.url + "/devices/no-such?lang=en") as page:
        page.wait_for_selector("text=No such device")


def test_quarantine_shows_reasons_and_payloads_as_text(browser: Any, refused: Town):
    with visit(browser, refused.url + "/quarantine?lang=en") as page:
        page.wait_for_selector("#quarantine-place .sheet")
        told = page.locator("#quarantine-place").inner_text()
        assert SCRIPT in told
        assert "00 ff 10" in told
        assert page.evaluate("window.hacked") is None
        page.fill("#quarantine-q", "not text")
        page.wait_for_function(
            "() => !document.querySelector('#quarantine-place').innerText.includes('<img')"
        )
        assert "q=not" in page.url
        page.fill("#quarantine-q", "nowhere to be found")
        page.wait_for_selector("text=No message matches")


def test_quarantine_is_sent_again_only_when_something_came(browser: Any, refused: Town):
    def tick(page: Any, number: int) -> Any:
        with page.expect_response(
            lambda answer: "quarantine-place" in (answer.request.post_data or "")
        ) as seen:
            page.evaluate(f"dash_clientside.set_props('quarantine-tick', {{n_intervals: {number}}})")
        return seen.value.json()["response"]

    with visit(browser, refused.url + "/quarantine?lang=en") as page:
        page.wait_for_selector("#quarantine-place .sheet")
        assert tick(page, 1_001) == {}
        with refused.conn.transaction():
            put_refusals(refused.conn, [Refusal(datetime.now(UTC), "", "city/late", b"{", "json", "late")])
        assert "quarantine-place" in tick(page, 1_002)
        page.wait_for_selector("#quarantine-place >> text=city/late")
    with refused.conn.transaction():
        refused.conn.execute("DELETE FROM quarantine WHERE topic = 'city/late'")


def test_the_last_hour_of_ingest_is_told_by_minute(refused: Town):
    now = datetime.now(UTC)
    refused.commit([refused.stream(AIR, "so2")], [8.0], now)
    minutes = list_minutes(refused.conn, now - timedelta(hours=1), datetime.now(UTC))
    refused.conn.commit()
    assert 61 <= len(minutes) <= 62
    assert sum(minute.refused for minute in minutes) == 2
    newest = next(minute for minute in reversed(minutes) if minute.readings)
    assert newest.lag_s is not None
    assert 0 <= newest.lag_s < 60


def test_devices_come_worst_first(town: Town):
    picture = Picture("test", lambda alert, device: None)  # type: ignore[arg-type,return-value]
    language = load_languages("Asia/Ho_Chi_Minh")["vi"]
    picture.states = lambda: {GAUGE: "critical", AIR: "silent"}  # type: ignore[method-assign]
    rows = inventory_rows([(device, []) for device in town.city.devices], picture, town.city, language)
    assert [row["id"] for row in rows[:2]] == [GAUGE, AIR]
    assert {row["state_key"] for row in rows[2:]} == {"unknown"}


def test_payloads_are_text_where_they_can_be_and_hex_where_not():
    assert payload_text(b'{"a": 1}\n') == '{"a": 1}\n'
    assert payload_text("mưa".encode()) == "mưa"
    assert payload_text(b"a\x00b") == "61 00 62"
    assert payload_text(b"x" * 700).endswith(" …")


def test_system_tells_services_and_storage(browser: Any, town: Town):
    with visit(browser, town.url + "/system?lang=en") as page:
        page.wait_for_selector("#system-place .sheet")
        told = page.locator("#system-place").inner_text()
        assert "dashboard" in told
        assert "PostgreSQL" in told
        assert page.locator(".bars[role=img][aria-label]").count() == 3
    sizes = {table.name: table for table in table_sizes(town.conn)}
    town.conn.commit()
    assert sizes["reading"].bytes > 100_000
    assert list(sizes.values()) == sorted(sizes.values(), key=lambda table: -table.bytes)
