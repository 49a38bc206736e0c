"""Takes the pictures of the README and the docs from a running dashboard.

``python -m dashboard.screenshots http://127.0.0.1:8050 docs/img NAME``, with the password of NAME
in a line on standard input.
"""

from __future__ import annotations

import sys
import time
from collections.abc import Generator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import urlencode

from dashboard.auth.client import COOKIE, sign_in
from dashboard.browser import open_browser
from dashboard.languages import CODES
from telemetry.errors import CityOpsError

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page

DESKS = ("alerts", "traffic", "drainage", "environment", "energy", "explorer", "devices", "system")
SIZES = {"1920": (1920, 1080), "1366": (1366, 768)}
_SETTLE_MS = 2_500
"""Time for the map's labels and colours to fade in."""


def take_screenshots(url: str, folder: Path, token: str) -> list[Path]:
    """Pictures of every page in both languages, with a session's token; returns where they are.

    Raises
    ------
    CityOpsError
        The page did not become ready, or there is no Chromium.
    """
    folder.mkdir(parents=True, exist_ok=True)
    taken: list[Path] = []
    with open_browser() as opened, _signed_in(opened, url, token) as browser:
        for language in CODES:
            for size, (width, height) in SIZES.items():
                path = folder / f"overview-{language}-{size}.png"
                _shoot(browser, url, {"lang": language}, (width, height), path)
                taken.append(path)
            path = folder / f"device-{language}-1920.png"
            _shoot(
                browser, url, {"lang": language, "device": worst_device(url, browser)}, SIZES["1920"], path
            )
            taken.append(path)
            for desk in DESKS:
                path = folder / f"{desk}-{language}-1366.png"
                _shoot_desk(browser, f"{url}/{desk}?lang={language}", SIZES["1366"], path)
                taken.append(path)
    return taken


def worst_device(url: str, browser: BrowserContext) -> str:
    """A device with something to see: that of the worst standing alert with a value."""
    page = browser.new_page()
    try:
        alerts = page.request.get(f"{url}/api/v1/alerts?status=open&limit=500").json()
        order = ("critical", "major", "minor", "info")
        found = [alert for alert in alerts if alert["value"] is not None]
        found.sort(key=lambda alert: order.index(alert["severity"]))
        if found:
            return str(found[0]["device_id"])
        return str(page.request.get(f"{url}/api/v1/devices").json()[0]["device_id"])
    finally:
        page.close()


def wait_until_ready(page: Page, timeout_ms: int = 30_000) -> None:
    """Wait until the map is drawn and the link is live."""
    page.wait_for_selector("#overview-map[data-ready]", timeout=timeout_ms)
    page.wait_for_selector('#shell-link[data-phase="live"]', timeout=timeout_ms)


@contextmanager
def _signed_in(browser: Browser, url: str, token: str) -> Generator[BrowserContext]:
    context = browser.new_context()
    context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
    try:
        yield context
    finally:
        context.close()


def _shoot(
    browser: BrowserContext, url: str, query: dict[str, str], size: tuple[int, int], path: Path
) -> None:
    page = browser.new_page()
    try:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(f"{url}/?{urlencode(query)}")
        wait_until_ready(page)
        if "device" in query:
            page.wait_for_selector("#overview-chart .js-plotly-plot .scatterlayer path")
        page.wait_for_timeout(_SETTLE_MS)
        page.screenshot(path=str(path))
    finally:
        page.close()


def _shoot_desk(browser: BrowserContext, address: str, size: tuple[int, int], path: Path) -> None:
    page = browser.new_page()
    try:
        page.set_viewport_size({"width": size[0], "height": size[1]})
        page.goto(address)
        page.wait_for_selector('#shell-link[data-phase="live"]')
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(_SETTLE_MS)
        page.screenshot(path=str(path))
    finally:
        page.close()


def main(arguments: list[str]) -> int:
    """Run from the command line: URL, folder and name."""
    if len(arguments) != 3:
        sys.stderr.write("usage: python -m dashboard.screenshots URL FOLDER NAME < password\n")
        return 2
    started = time.monotonic()
    url = arguments[0].rstrip("/")
    try:
        token = sign_in(url, arguments[2], sys.stdin.readline().rstrip("\r\n"))
        taken = take_screenshots(url, Path(arguments[1]), token)
    except (CityOpsError, PermissionError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{len(taken)} pictures in {arguments[1]}, {time.monotonic() - started:.0f} s\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
