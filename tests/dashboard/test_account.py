"""One's own account: sessions, password, and what the audit log tells of it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from typing import Any

import httpx
import pytest
from playwright.sync_api import expect

from dashboard.auth.access import CSRF_HEADER
from dashboard.auth.client import COOKIE
from store import people
from store.passwords import hash_password
from store.tokens import csrf_of
from telemetry.people import Role
from tests.dashboard.conftest import PASSWORD, Town
from tests.fix_browser import remember_session, visit

NEW = "another long secret"


_numbers = count(1)


@pytest.fixture
def name(town: Town) -> Iterator[str]:
    """Someone of the test's own; failed attempts are forgotten afterwards, all come from one address."""
    made = f"own-{next(_numbers)}"
    with town.conn.transaction():
        people.add_person(town.conn, made, Role.OPERATOR, hash_password(PASSWORD))
    yield made
    with town.conn.transaction():
        town.conn.execute("DELETE FROM sign_in_failure")


@contextmanager
def signed_in(town: Town, name: str, password: str = PASSWORD) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=town.url, timeout=60) as client:
        assert client.post("/sign-in", data={"username": name, "password": password}).status_code == 303
        client.headers[CSRF_HEADER] = csrf_of(client.cookies[COOKIE])
        yield client


def change(client: httpx.Client, current: str, wanted: str = NEW) -> httpx.Response:
    return client.post("/api/v1/session/password", json={"current": current, "password": wanted})


def told(town: Town, name: str) -> list[str]:
    entries = town.get("/api/v1/audit", limit=500).json()
    return [entry["action"] for entry in entries if entry["actor"] == name]


def test_a_new_password_ends_the_other_sessions_and_is_told(town: Town, name: str):
    with signed_in(town, name) as here, signed_in(town, name) as elsewhere:
        assert [session["current"] for session in here.get("/api/v1/session/all").json()] == [True, False]
        assert change(here, PASSWORD).json() == {"ended": 1}
        assert here.get("/api/v1/session").status_code == 200
        assert elsewhere.get("/api/v1/session").status_code == 401
        assert here.post("/sign-in", data={"username": name, "password": PASSWORD}).status_code == 401
    with signed_in(town, name, NEW):
        pass
    assert told(town, name)[:4] == ["sign_in", "sign_in.failed", "password.change", "sign_in"]


def test_signing_out_elsewhere_leaves_this_session(town: Town, name: str):
    with signed_in(town, name) as here, signed_in(town, name) as elsewhere:
        assert here.post("/api/v1/session/end-others").json() == {"ended": 1}
        assert elsewhere.get("/api/v1/session").status_code == 401
        assert here.post("/api/v1/session/end-others").json() == {"ended": 0}
    assert told(town, name)[0] == "session.end_others"


def test_the_present_password_is_guessed_no_more_often_than_at_the_door(town: Town, name: str):
    with signed_in(town, name) as client:
        assert [change(client, "wrong").status_code for _ in range(6)] == [403] * 5 + [429]
        answer = change(client, PASSWORD)
        assert (answer.status_code, int(answer.headers["retry-after"]) > 0) == (429, True)
    with httpx.Client(base_url=town.url) as other:
        assert other.post("/sign-in", data={"username": name, "password": PASSWORD}).status_code == 429
    kinds = told(town, name)
    assert kinds.count("password.failed") == 5
    assert kinds.count("sign_in.refused") == 1  # of three: one a minute


@pytest.mark.parametrize("wanted", ["short", "", "x" * 257, "{name} and more"])
def test_a_password_that_cannot_be_is_refused_before_it_is_tried(town: Town, name: str, wanted: str):
    with signed_in(town, name) as client:
        assert change(client, "wrong", wanted.format(name=name)).status_code == 422
        client.headers.pop(CSRF_HEADER)
        assert change(client, PASSWORD).status_code == 403


def test_a_key_has_no_sessions_and_no_password(town: Town):
    with town.as_role("administrator") as client:
        key = client.post("/api/v1/keys", json={"label": "account", "scopes": ["read"]}).json()["key"]
    bearer = {"authorization": f"Bearer {key}"}
    with httpx.Client(base_url=town.url, headers=bearer) as program:
        assert program.get("/api/v1/session/all").status_code == 403
        assert program.post("/api/v1/session/end-others").status_code == 403
        assert change(program, PASSWORD).status_code == 403


def test_the_page_changes_the_password_and_signs_out_elsewhere(browser: Any, town: Town, name: str):
    with signed_in(town, name) as here, signed_in(town, name):
        remember_session(town.url, here.cookies[COOKIE], name)
        with visit(browser, town.url + "/?lang=en", role=name, forgive="403") as page:
            page.click(".who__own")
            page.wait_for_selector("#account-sessions tr:nth-child(2)")
            assert name in page.locator(".account__facts").inner_text()
            page.click("#account-end")
            expect(page.locator("#account-said")).to_have_text("Signed out elsewhere: 1.")
            expect(page.locator("#account-end")).to_be_disabled()
            for current, again, said in (
                (PASSWORD, "no", "The two new passwords differ."),
                ("wrong", NEW, "The current password is wrong."),
                (PASSWORD, NEW, ""),
            ):
                page.fill("#account-current", current)
                page.fill("#account-new", NEW)
                page.fill("#account-again", again)
                page.click("#account-password [type=submit]")
                expect(page.locator("#account-password-said")).to_have_text(said)
            expect(page.locator("#account-said")).to_contain_text("The password is changed")
            expect(page.locator("#account-current")).to_have_value("")
    with signed_in(town, name, NEW):
        pass
