"""Pages: one file each, with ``register(app, runtime)`` (its paths, titles and callbacks) and ``layout``.

`PAGES` is the whole list, in the order of the navigation. A page that is not there yet has
no entry in the header.
"""

from __future__ import annotations

from dataclasses import dataclass
from importlib.util import find_spec
from typing import Final

from dashboard.languages import mark
from telemetry.people import Role


@dataclass(frozen=True, slots=True)
class Page:
    """One page: where it is, its name in the header, its module here, and the least role that sees it."""

    path: str
    message: str
    module: str
    role: Role = Role.VIEWER
    in_header: bool = True


PAGES: Final = (
    Page("/", mark("Overview"), "overview"),
    Page("/alerts", mark("Alerts"), "alerts"),
    Page("/traffic", mark("Traffic"), "traffic"),
    Page("/drainage", mark("Drainage"), "drainage"),
    Page("/environment", mark("Environment"), "environment"),
    Page("/energy", mark("Energy"), "energy"),
    Page("/explorer", mark("Explorer"), "explorer"),
    Page("/devices", mark("Devices"), "devices"),
    Page("/inbox", mark("Inbox"), "inbox", Role.ENGINEER, in_header=False),
    Page("/quarantine", mark("Quarantine"), "quarantine", Role.ENGINEER, in_header=False),
    Page("/detectors", mark("Detectors"), "detectors", Role.OPERATOR),
    Page("/bench", mark("Bench"), "bench", Role.ENGINEER, in_header=False),
    Page("/system", mark("System"), "system"),
    Page("/administration", mark("Administration"), "administration", Role.ADMINISTRATOR),
    Page("/account", mark("My account"), "account", in_header=False),
    Page("/no-such-page", mark("No such page"), "missing", in_header=False),
)


def present() -> tuple[Page, ...]:
    """The pages whose module is there."""
    return tuple(page for page in PAGES if find_spec(f"{__name__}.{page.module}") is not None)
