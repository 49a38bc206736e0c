"""Takes pictures of every page of a running dashboard, in both languages and both themes.

``python -m dashboard.screenshots http://127.0.0.1:8050 build/screenshots NAME``, with the password
of NAME, an administrator, in a line on standard input. Files are ``page-language-theme-width.png``.
"""

from __future__ import annotations

import argparse
import sys
import time
from collections.abc import Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import groupby, product
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from rich.progress import track

from dashboard.appearance import COOKIE as FACE_COOKIE
from dashboard.appearance import FACES
from dashboard.auth.client import COOKIE, sign_in
from dashboard.browser import open_browser
from dashboard.languages import CODES
from dashboard.languages import COOKIE as LANGUAGE_COOKIE
from dashboard.pages import present
from telemetry.errors import CityOpsError

if TYPE_CHECKING:
    from playwright.sync_api import APIRequestContext, Browser, BrowserContext, Page

SIZES: Final = {1366: (1366, 768), 1920: (1920, 1080)}
_WIDTH = 1366
_PATIENCE_MS = 60_000
_FADE_MS = 700
"""A map's labels fade in; nothing says when they are there."""
_SEVERITIES = ("critical", "major", "minor", "info")
_STREAMS = 3
_SHOWN_H = 24
_PICTURED = frozenset(("contributions", "neighbours", "times_ms", "window"))
"""What the detail of a finding with a picture holds."""
_OUTSIDE = "sign-in"
"""The page for those who are not signed in."""

# Data is there, not only its frame: the feed lives, no place waits, charts and maps are drawn.
_READY = """() => {
    const every = (selector, test) => [...document.querySelectorAll(selector)].every(test);
    const link = document.querySelector("#shell-link");
    return link !== null && link.dataset.phase === "live"
        && every("._dash-loading, .skeleton", (place) => !place.checkVisibility())
        && every(".dash-graph", (graph) => graph.querySelector(".main-svg") !== null)
        && every("#overview-map, #alert-map", (map) => map.dataset.ready !== undefined)
        && every(".ag-root", (grid) => grid.querySelector(".ag-row, .ag-overlay-no-rows-center") !== null);
}"""


@dataclass(frozen=True, slots=True, order=True)
class Picture:
    """One picture: its file's name is made of these."""

    language: str
    face: str
    page: str
    width: int = _WIDTH

    @property
    def file(self) -> str:
        """``drainage-vi-dark-1366.png``."""
        return f"{self.page}-{self.language}-{self.face}-{self.width}.png"


README: Final = (
    Picture("en", "dark", "overview", 1920),
    Picture("vi", "dark", "drawer", 1920),
    Picture("vi", "dark", "alert"),
    Picture("vi", "dark", "drainage"),
    Picture("en", "light", "traffic"),
    Picture("en", "light", "explorer"),
)
"""What the repository keeps."""


def every_picture(pages: Sequence[str]) -> list[Picture]:
    """All pages in both languages and both themes, and the README's in their own size."""
    found = {Picture(*wanted) for wanted in product(CODES, FACES, pages)} | set(README)
    return sorted(found)


def take_screenshots(url: str, folder: Path, token: str) -> list[Path]:
    """Pictures of everything, with an administrator's session; returns where they are.

    Raises
    ------
    CityOpsError
        A page did not become ready, or there is no Chromium.
    """
    folder.mkdir(parents=True, exist_ok=True)
    with open_browser() as browser:
        with _context(browser, url, token, *CODES[:1], FACES[0]) as context:
            addresses = find_addresses(url, context.request)
        wanted = every_picture(list(addresses))
        shots = _shots(browser, url, token, wanted, addresses, folder)
        return list(track(shots, "Pictures", total=len(wanted), transient=True))


def find_addresses(url: str, request: APIRequestContext) -> dict[str, str]:
    """Every page of the navigation by name, a device, an alert, the drawer, and signing in.

    Where there are such, the alert's finding has a picture and the explorer's device has labels.
    """
    found = {page.module: page.path for page in present()}
    alerts = _rows(request.get(f"{url}/api/v1/alerts?status=open&limit=500").json(), "alerts")
    device, _ = _worst(alerts)
    alert = _worst([one for one in alerts if _PICTURED & one["detail"].keys()] or alerts)[1]
    if device is None:
        device = str(request.get(f"{url}/api/v1/devices").json()[0]["device_id"])
    since = round((time.time() - _SHOWN_H * 3600) * 1000)
    labels: Any = request.get(f"{url}/api/v1/labels?start={since}&limit=1").json()
    labelled = labels[0]["devices"][0] if labels else device
    streams = _rows(request.get(f"{url}/api/v1/streams?device={labelled}").json(), "streams")
    chosen = ",".join(str(row["stream_id"]) for row in streams[:_STREAMS])
    found |= {"explorer": f"/explorer?streams={chosen}&hours={_SHOWN_H}", _OUTSIDE: "/sign-in"}
    found |= {"device": f"/devices/{device}", "drawer": f"/?device={device}"}
    return found | ({"alert": f"/alerts/{alert}"} if alert is not None else {})


def wait_until_ready(page: Page, timeout_ms: int = _PATIENCE_MS) -> None:
    """Wait until the page shows its data; on the overview that means the map too.

    Raises
    ------
    CityOpsError
        It did not in that time.
    """
    from playwright.sync_api import TimeoutError as Late  # noqa: PLC0415  (a development dependency)

    try:
        page.wait_for_function(_READY, timeout=timeout_ms)
    except Late as error:
        raise CityOpsError(f"{page.url} is not ready", cure="look at it in a browser") from error


def _worst(alerts: Sequence[dict[str, Any]]) -> tuple[str | None, int | None]:
    """Device and number of the worst standing alert with a value: there is something to see."""
    found = [alert for alert in alerts if alert["value"] is not None] or list(alerts)
    found.sort(key=lambda alert: _SEVERITIES.index(alert["severity"]))
    return (str(found[0]["device_id"]), int(found[0]["alert_id"])) if found else (None, None)


def _rows(answer: Any, name: str) -> list[dict[str, Any]]:
    """The rows of a list, or of a page of one."""
    return answer if isinstance(answer, list) else answer[name]  # pyright: ignore[reportUnknownVariableType]


def _shots(
    browser: Browser,
    url: str,
    token: str,
    wanted: Sequence[Picture],
    addresses: dict[str, str],
    folder: Path,
) -> Iterator[Path]:
    """A context for each language and theme, one page in it for all its pictures."""
    for (outside, language, face), pictures in groupby(sorted(wanted, key=_context_of), _context_of):
        with _context(browser, url, "" if outside else token, language, face) as context:
            page = context.new_page()
            for picture in pictures:
                if picture.page in addresses:
                    yield _shoot(page, url + addresses[picture.page], picture, folder)


def _context_of(picture: Picture) -> tuple[bool, str, str]:
    return picture.page == _OUTSIDE, picture.language, picture.face


@contextmanager
def _context(browser: Browser, url: str, token: str, language: str, face: str) -> Generator[BrowserContext]:
    context = browser.new_context(reduced_motion="reduce")
    cookies = ((COOKIE, token), (LANGUAGE_COOKIE, language), (FACE_COOKIE, face))
    context.add_cookies([{"name": name, "value": value, "url": url} for name, value in cookies if value])
    try:
        yield context
    finally:
        context.close()


def _shoot(page: Page, address: str, picture: Picture, folder: Path) -> Path:
    width, height = SIZES[picture.width]
    page.set_viewport_size({"width": width, "height": height})
    page.goto(address)
    if picture.page != _OUTSIDE:
        wait_until_ready(page)
    page.wait_for_load_state("networkidle")
    if page.locator(".maplibregl-map").count():
        page.wait_for_timeout(_FADE_MS)
    path = folder / picture.file
    page.screenshot(path=str(path))
    return path


def main(arguments: list[str] | None = None) -> int:
    """Run from the command line: URL, folder and name."""
    parser = argparse.ArgumentParser(prog="python -m dashboard.screenshots", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("folder", type=Path)
    parser.add_argument("name", help="an administrator, whose password is a line on standard input")
    asked = parser.parse_args(arguments)
    started, url = time.monotonic(), str(asked.url).rstrip("/")
    try:
        token = sign_in(url, asked.name, sys.stdin.readline().rstrip("\r\n"))
        taken = take_screenshots(url, asked.folder, token)
    except (CityOpsError, PermissionError) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.write(f"{len(taken)} pictures in {asked.folder}, {time.monotonic() - started:.0f} s\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
