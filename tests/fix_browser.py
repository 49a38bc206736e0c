"""A real browser, and visits that must stay clean: no console error, no failed request, none that leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import sync_playwright

from dashboard.auth.client import COOKIE
from dashboard.browser import find_chromium
from telemetry.errors import CityOpsError
from telemetry.people import Role

WAIT_MS = 60_000
_FLAGS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--no-first-run",
    "--disable-background-networking",
    "--use-angle=swiftshader",
    "--enable-unsafe-swiftshader",
    "--ignore-gpu-blocklist",
    # Maps alone go through the stand-in for a graphics card: for whole pages it takes longer than they do.
    "--disable-gpu-rasterization",
    "--disable-gpu-compositing",
)
_WCAG = ("wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa")
_COLOURS = ("color-contrast", "link-in-text-block")
"""The rules of these that depend on the theme."""
_sessions: dict[tuple[str, str], str] = {}
"""Tokens by the server's address and the role: a fixture that starts a server notes them here."""


def remember_session(url: str, token: str, role: str = Role.ADMINISTRATOR) -> None:
    """Let every later visit to this server be signed in."""
    _sessions[urlsplit(url).netloc, role] = token


def cookies(url: str, role: str = Role.ADMINISTRATOR) -> list[dict[str, Any]]:
    """The cookie of a signed-in visit, for a context of one's own."""
    token = _sessions.get((urlsplit(url).netloc, role))
    return (
        [
            {
                "name": COOKIE,
                "value": token,
                "domain": "127.0.0.1",
                "path": "/",
                "httpOnly": True,
                "sameSite": "Lax",
            }
        ]
        if token
        else []
    )


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        program = find_chromium()
    except CityOpsError as error:
        pytest.skip(f"{error.message}: {error.cure}")
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=program, args=list(_FLAGS))
        yield opened
        opened.close()


@contextmanager
def visit(
    browser: Any, url: str, *, forgive: str = "\0", role: str | None = Role.ADMINISTRATOR, **options: Any
) -> Iterator[Any]:
    """A page that must stay clean; complaints with ``forgive`` in them are expected.

    Signed in with a role, or not at all for ``role=None``.
    """
    complaints: list[str] = []
    context = browser.new_context(**{"viewport": {"width": 1366, "height": 768}} | options)
    if role:
        context.add_cookies(cookies(url, role))
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.on(
        "console",
        lambda m: complaints.append(f"console: {m.text}") if m.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    # A page that is left, or asks anew, gives up what it had asked for: that is no failure.
    page.on(
        "requestfailed",
        lambda r: (
            None if r.failure == "net::ERR_ABORTED" else complaints.append(f"failed: {r.url} {r.failure}")
        ),
    )
    page.on("response", lambda r: complaints.append(f"{r.status}: {r.url}") if r.status >= 400 else None)

    def inside(url: str) -> None:
        if urlsplit(url).scheme not in ("blob", "data") and urlsplit(url).hostname != "127.0.0.1":
            complaints.append(f"left the machine: {url}")

    page.on("request", lambda request: inside(request.url))
    page.on("websocket", lambda socket: inside(socket.url))
    try:
        page.goto(url)
        yield page
        assert [c for c in complaints if forgive not in c and "GPU stall" not in c] == []
    finally:
        context.close()


def complaints(page: Any, *, colours_alone: bool = False) -> list[tuple[str, list[Any]]]:
    """What axe finds wrong by WCAG 2.2 AA, and where; in a second theme only colours can be."""
    options = {"runOnly": _COLOURS if colours_alone else _WCAG, "resultTypes": ["violations"]}
    found = Axe().run(page, options=options).response["violations"]
    return [(item["id"], [node["target"] for node in item["nodes"]][:5]) for item in found]
