"""A page's role holds on the server: for its layout and for every callback it adds, for every role."""

from __future__ import annotations

import json
import subprocess
import sys
from typing import Any

import httpx
import pytest

from dashboard.pages import PAGES, Page, present
from telemetry.people import Role
from tests.dashboard.conftest import Town

CLOSED = "This page needs the role of"


@pytest.fixture(scope="module")
def callbacks(town: Town) -> list[dict[str, Any]]:
    """What the browser may send to the server; what runs in the browser alone is left out."""
    found = town.get("/_dash-dependencies").json()
    return [one for one in found if not one.get("clientside_function")]


def request_of(callback: dict[str, Any], values: dict[str, Any] | None = None) -> dict[str, Any]:
    """A callback as the browser would ask it, with nothing in its inputs or with these values."""
    output = callback["output"]
    many = output.startswith("..")
    parts = [part.split("@")[0].rsplit(".", 1) for part in output.strip(".").split("...")]
    outputs = [{"id": name, "property": prop} for name, prop in parts]

    def filled(items: list[dict[str, Any]]) -> list[dict[str, Any]]:
        return [{**item, "value": (values or {}).get(item["property"])} for item in items]

    return {
        "output": output,
        "outputs": outputs if many else outputs[0],
        "inputs": filled(callback["inputs"]),
        "state": filled(callback["state"]),
        "changedPropIds": [],
    }


def page_of(callback: dict[str, Any]) -> Page | None:
    """The page that adds a callback, by the beginning of its ids; ``None`` for Dash's own."""
    name = callback["output"].strip(".").split("-")[0].split(".")[0]
    return next((page for page in PAGES if page.module in (name, name + "s")), None)


def layout(client: httpx.Client, callbacks: list[dict[str, Any]], path: str, search: str) -> httpx.Response:
    router = next(one for one in callbacks if "_pages_content" in one["output"])
    asked = request_of(router, {"pathname": path, "search": search})
    return client.post("/_dash-update-component", json=asked)


@pytest.mark.parametrize("role", Role, ids=str)
def test_a_page_answers_to_its_role_and_above(town: Town, callbacks: list[dict[str, Any]], role: Role):
    with town.as_role(role) as client:
        client.cookies.set("lang", "en")
        for page in present():
            answer = layout(client, callbacks, page.path, "")
            assert answer.status_code == 200, page.path
            assert (CLOSED in answer.text) == (role.rank < page.role.rank), page.path
            assert (f'"id":"{page.module}-' in answer.text) == (role.rank >= page.role.rank), page.path


@pytest.mark.parametrize("role", Role, ids=str)
def test_a_callback_answers_to_its_pages_role_and_above(
    town: Town, callbacks: list[dict[str, Any]], role: Role
):
    guarded = 0
    with town.as_role(role) as client:
        for callback in callbacks:
            page = page_of(callback)
            if page is None or page.role is Role.VIEWER:
                continue
            answer = client.post("/_dash-update-component", json=request_of(callback))
            assert (answer.status_code == 403) == (role.rank < page.role.rank), callback["output"]
            guarded += 1
    assert guarded >= 1


def test_every_callback_belongs_to_a_page(callbacks: list[dict[str, Any]]):
    strays = [one["output"] for one in callbacks if page_of(one) is None]
    assert [output for output in strays if "_pages_" not in output] == []


def test_nobody_gets_an_answer_from_a_callback(town: Town, callbacks: list[dict[str, Any]]):
    with httpx.Client(base_url=town.url, timeout=60) as nobody:
        for callback in callbacks:
            assert nobody.post("/_dash-update-component", json=request_of(callback)).status_code == 401
        for page in present():
            assert nobody.get(page.path).status_code == 303


@pytest.mark.parametrize("search", ["?runtime=1", "?status=a&status=b&q=x&q=y", "?self=2&_=3", "?%00=%ff"])
def test_no_address_breaks_a_page(town: Town, callbacks: list[dict[str, Any]], search: str):
    with town.as_role("administrator") as client:
        for path in [*(page.path for page in present()), "/alerts/1", "/alerts/x%00", "/devices/none"]:
            assert layout(client, callbacks, path, search).status_code == 200, path


def test_a_link_in_the_header_is_for_who_may_follow_it(town: Town):
    for role in Role:
        with town.as_role(role) as client:
            shown = json.dumps(client.get("/_dash-layout").json(), separators=(",", ":"))
        for page in present():
            assert (f'"href":"{page.path}"' in shown) == (
                page.path == "/account" or (page.in_header and role.rank >= page.role.rank)
            ), (role, page.path)


TWICE = """
import dash
from dashboard.app import create_app
from launch.config import load_city, load_settings
settings = load_settings(overrides={"database_url": "postgresql://127.0.0.1:9/none"}, environment={})
city = load_city(settings)
create_app(settings, city)
create_app(settings, city)
open_ = [name for name, page in dash.page_registry.items() if not hasattr(page["layout"], "__wrapped__")]
assert dash.page_registry and not open_, open_
"""


def test_a_second_app_in_the_process_leaves_no_page_open():
    done = subprocess.run(
        [sys.executable, "-c", TWICE], capture_output=True, text=True, check=False, timeout=60
    )
    assert done.returncode == 0, done.stderr
