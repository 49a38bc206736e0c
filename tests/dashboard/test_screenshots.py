"""Pictures of the pages: none left out, each in both languages and both themes."""

from __future__ import annotations

from collections import Counter
from typing import Any

from dashboard.auth.client import COOKIE
from dashboard.pages import present
from dashboard.screenshots import README, every_picture, find_addresses
from telemetry.people import Role
from tests.dashboard.conftest import Town


def test_every_page_is_photographed_in_every_way(browser: Any, town: Town):
    context = browser.new_context()
    context.add_cookies([{"name": COOKIE, "value": town.token(Role.ADMINISTRATOR), "url": town.url}])
    try:
        addresses = find_addresses(town.url, context.request)
    finally:
        context.close()
    assert {page.module for page in present()} <= addresses.keys()
    assert {"device", "drawer", "alert", "sign-in"} <= addresses.keys()
    assert "streams=" in addresses["explorer"]
    wanted = every_picture(list(addresses))
    ways = Counter(picture.page for picture in wanted if picture.width == 1366)
    assert set(ways.values()) == {4}
    assert set(README) <= set(wanted)
    assert len(README) <= 8
    assert len({picture.file for picture in wanted}) == len(wanted)
