"""Search by name: accents left out, the closest first; and the box on the overview with the keyboard."""

from __future__ import annotations

from typing import Any

import pytest

from dashboard.queries.search import city_places, device_places, find, fold
from dashboard.screenshots import wait_until_ready
from telemetry.city import City
from tests.dashboard.conftest import GAUGE, HOSTILE, SCRIPT, Town
from tests.fix_browser import visit


@pytest.mark.parametrize(
    ("text", "folded"),
    [
        ("Trạm Phú An (sông Sài Gòn)", "tram phu an song sai gon"),
        ("ĐIỆN BIÊN PHỦ", "dien bien phu"),
        ("  Nhiêu Lộc – Thị Nghè ", "nhieu loc thi nghe"),
        ("…", ""),
    ],
)
def test_folding_leaves_letters_and_digits(text: str, folded: str):
    assert fold(text) == folded


@pytest.fixture(scope="module")
def places(city: City):
    return [*city_places(city), *device_places(city, city.devices)]


@pytest.mark.parametrize(
    ("query", "kind", "key"),
    [
        ("phu an", "device", GAUGE),
        ("PHÚ AN sông", "device", GAUGE),
        ("dien bien phu", "street", "dien_bien_phu"),
        ("vo van kiet", "street", "vo_van_kiet"),
        ("thong tay hoi", "ward", "Phường Thông Tây Hội"),
        ("quan 1", "district", "760"),
        ("song sai gon", "water", "saigon_river"),
        ("level-phu-an", "device", GAUGE),
    ],
)
def test_a_place_is_found_by_its_name(places, query: str, kind: str, key: str):
    found = find(places, query, 8)
    assert (kind, key) in [(place.kind, place.key) for place in found]


def test_what_begins_with_the_words_comes_first_and_words_match_at_their_start(places):
    assert find(places, "dien bien phu", 8)[0].kind == "street"
    assert find(places, "ien phu", 8) == []
    assert find(places, "", 8) == []
    assert find(places, "()", 8) == []
    assert len(find(places, "tram", 5)) == 5


def test_everything_but_a_device_has_an_outline(places):
    assert all((place.geometry is None) == (place.kind == "device") for place in places)
    ward = next(place for place in places if place.key == "Phường Thông Tây Hội")
    ring = ward.geometry["coordinates"][0]
    assert ring[0] == pytest.approx(ring[-1])


def test_the_interface_finds_and_refuses_what_it_cannot_use(town: Town):
    found = town.get("/api/v1/search", q="phu an").json()
    assert GAUGE in [item["key"] for item in found]
    assert town.get("/api/v1/search").status_code == 422
    assert town.get("/api/v1/search", q="x" * 81).status_code == 422
    assert town.get("/api/v1/search", q="\x00").json() == []
    with town.as_role("viewer") as viewer:
        assert viewer.get("/api/v1/search", params={"q": "tram", "limit": 3}).status_code == 200


def test_the_box_is_reached_by_a_key_and_works_without_a_mouse(browser: Any, town: Town):
    with visit(browser, town.url + "/?lang=en") as page:
        wait_until_ready(page)
        page.keyboard.press("/")
        box = page.locator("#overview-search-box")
        assert box.evaluate("box => box === document.activeElement")
        page.keyboard.type("phu an")
        page.wait_for_selector('.search__item[data-key="level-phu-an"]')
        assert box.get_attribute("aria-expanded") == "true"
        while page.locator('.search__item[aria-selected="true"]').get_attribute("data-key") != GAUGE:
            page.keyboard.press("ArrowDown")
        active = box.get_attribute("aria-activedescendant")
        assert page.locator(f"#{active}").get_attribute("data-key") == GAUGE
        page.keyboard.press("Enter")
        page.wait_for_selector(".drawer__name")
        assert f"device={GAUGE}" in page.url
        # A street is outlined; Escape in the box closes its list first.
        page.keyboard.press("Escape")
        box.fill("vo van kiet")
        page.wait_for_selector('.search__item[data-key="vo_van_kiet"]')
        page.keyboard.press("Escape")
        assert page.locator("#overview-search-list").is_hidden()
        box.press("ArrowDown")
        page.click('.search__item[data-key="vo_van_kiet"]')
        page.wait_for_function("() => location.search.includes('at=')")
        # What is hostile is text, and nothing found is said.
        box.fill("img src x onerror")
        page.wait_for_selector(f'.search__item[data-key="{HOSTILE}"]')
        assert page.locator(f'.search__item[data-key="{HOSTILE}"] .search__name').inner_text() == SCRIPT
        assert page.evaluate("window.hacked") is None
        box.fill("zzzz")
        page.wait_for_selector(".search__none")
        assert page.locator(".search__none").inner_text() == "Nothing has that name."
