"""A real browser, and visits that must stay clean: no console error, no failed request, none that leaves."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit

import pytest

from dashboard.browser import find_chromium, open_browser
from telemetry.errors import CityOpsError

WAIT_MS = 30_000


@pytest.fixture(scope="session")
def browser() -> Iterator[Any]:
    try:
        find_chromium()
    except CityOpsError as error:
        pytest.skip(f"{error.message}: {error.cure}")
    with open_browser() as opened:
        yield opened


@contextmanager
def visit(browser: Any, url: str, *, forgive: str = "\0", **options: Any) -> Iterator[Any]:
    """A page that must stay clean; complaints with ``forgive`` in them are expected."""
    complaints: list[str] = []
    context = browser.new_context(viewport={"width": 1366, "height": 768}, **options)
    page = context.new_page()
    page.set_default_timeout(WAIT_MS)
    page.on(
        "console",
        lambda m: complaints.append(f"console: {m.text}") if m.type in ("error", "warning") else None,
    )
    page.on("pageerror", lambda error: complaints.append(f"error: {error}"))
    page.on("requestfailed", lambda r: complaints.append(f"failed: {r.url} {r.failure}"))
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
