"""A headless browser for screenshots and tests: Debian's Chromium, software WebGL.

Playwright is a development dependency: it is imported when a browser is asked for.
"""

from __future__ import annotations

import shutil
from collections.abc import Generator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from telemetry.errors import CityOpsError

if TYPE_CHECKING:
    from playwright.sync_api import Browser

_NAMES = ("chromium", "chromium-browser", "google-chrome")
_WEBGL = ("--use-angle=swiftshader", "--enable-unsafe-swiftshader", "--ignore-gpu-blocklist")
_QUIET = ("--no-sandbox", "--disable-dev-shm-usage", "--no-first-run", "--disable-background-networking")


def find_chromium() -> str:
    """Path of an installed Chromium.

    Raises
    ------
    CityOpsError
        There is none.
    """
    for name in _NAMES:
        path = shutil.which(name)
        if path:
            return path
    raise CityOpsError("no Chromium is installed", cure="apt-get install chromium")


@contextmanager
def open_browser(*, webgl: bool = True) -> Generator[Browser]:
    """A browser, until the end of the block; ``webgl`` off shows the map's stand-in."""
    from playwright.sync_api import sync_playwright  # noqa: PLC0415

    flags = [*_QUIET, *(_WEBGL if webgl else ("--disable-gpu", "--disable-3d-apis"))]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=flags)
        try:
            yield browser
        finally:
            browser.close()
