"""Dash on the server: the shell around every page, and the pages."""

from __future__ import annotations

import html as markup
import inspect
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any, cast

import dash
import dash_mantine_components as dmc
import msgspec
from dash import Dash, html
from fastapi import FastAPI

from dashboard import theme
from dashboard.appearance import requested_face
from dashboard.auth.gate import guarded_callback, guarded_layout
from dashboard.auth.identity import current_caller
from dashboard.components.attributes import data
from dashboard.components.header import header
from dashboard.faults import NAMES
from dashboard.languages import Language, requested_language
from dashboard.pages import Page, present
from dashboard.runtime import Runtime
from dashboard.wording import DOMAINS, STATES, STATUSES, client_texts, unit_name
from telemetry.metrics import METRICS
from telemetry.people import Role

_FOLDER = Path(__file__).parent
_INDEX = """<!DOCTYPE html>
<html lang="{lang}" data-mantine-color-scheme="{face}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="{face}">
{metas}
<title>{title}</title>
{favicon}
{css}
</head>
<body>
{app_entry}
<footer>{config}{scripts}{renderer}</footer>
</body>
</html>"""


class Pages(Dash):
    """Dash, with the page's language in its frame, and with a page's role before its callbacks."""

    role = Role.VIEWER
    """That of the page which is being registered."""

    def register(self, page: Page, runtime: Runtime) -> None:
        """Add a page; its layouts and callbacks answer to its role alone."""
        registry = cast("dict[str, dict[str, Any]]", dash.page_registry)  # pyright: ignore[reportUnknownMemberType]
        # Dash keeps one registry a process: what is registered anew there is guarded anew.
        before, self.role = {name: entry["layout"] for name, entry in registry.items()}, page.role
        import_module(f"dashboard.pages.{page.module}").register(self, runtime)
        self.role = Role.VIEWER
        for name, entry in registry.items():
            if entry["layout"] is not before.get(name):
                entry["layout"] = guarded_layout(
                    entry["layout"], page.role, lambda: runtime.languages[requested_language()]
                )

    def callback(self, *arguments: Any, **options: Any) -> Callable[..., Any]:
        """Dash's own, behind the role of the page that adds it."""
        role = self.role
        decorate = cast("Callable[[Callable[..., Any]], Any]", super().callback(*arguments, **options))  # pyright: ignore[reportUnknownMemberType]

        def guarded(handler: Callable[..., Any]) -> Any:
            return decorate(guarded_callback(handler, role))

        return guarded

    async def begin(self) -> None:
        """What Dash does on the first request of its front page: collect assets and page callbacks.

        A deep link that came first would get a page without them.
        """
        hooks: list[Callable[[], Any]] = vars(self.backend)["_before_request_funcs"]  # pyright: ignore[reportUnknownMemberType]
        for hook in hooks:
            made = hook()
            if inspect.isawaitable(made):
                await made

    def interpolate_index(self, *_: Any, **parts: Any) -> str:
        """The document around the app."""
        title = markup.escape(str(parts.pop("title", "")))
        return _INDEX.format(lang=requested_language(), face=requested_face(), title=title, **parts)


def mount_pages(api: FastAPI, runtime: Runtime) -> Pages:
    """Put Dash and every page on the server."""
    app = Pages(
        __name__,
        server=api,  # pyright: ignore[reportArgumentType]  (a FastAPI app is taken; the stub says Flask)
        use_pages=True,
        pages_folder="",
        assets_folder=str(_FOLDER / "assets"),
        external_scripts=["/vendor/maplibre-gl.js"],
        external_stylesheets=["/vendor/theme.css", "/vendor/maplibre-gl.css"],
        include_pages_meta=False,
        suppress_callback_exceptions=True,
        title="CityOps",
        update_title="",
        add_log_handler=False,
    )
    # Dash would open a socket of its own for callbacks that want one; none does.
    app.backend.websocket_capability = False  # pyright: ignore[reportUnknownMemberType]
    for page in present():
        app.register(page, runtime)
    app.layout = lambda: shell(runtime)
    return app


def shell(runtime: Runtime) -> dmc.MantineProvider:
    """Header, page, and what the scripts need to know."""
    language = runtime.languages[requested_language()]
    config = msgspec.json.encode(client_config(language) | _caller_config()).decode()
    return dmc.MantineProvider(
        forceColorScheme=requested_face(),
        theme=theme.mantine_theme(),
        children=html.Div(
            id="shell",
            className="shell",
            children=[header(runtime.city, language), dash.page_container],
            **data(config=config),
        ),
    )


def _caller_config() -> dict[str, Any]:
    """Who reads the page, and the token for what changes something."""
    caller = current_caller()
    return {"csrf": caller.csrf, "name": caller.identity.name, "role": str(caller.identity.role)}


def client_config(language: Language) -> dict[str, Any]:
    """Language, clock, words and metrics for the scripts."""
    return {
        "lang": language.code,
        "locale": str(language.locale).replace("_", "-"),
        "timezone": language.zone.key,
        "texts": client_texts(language),
        "states": {key: language.t(message) for key, message in STATES.items()},
        "statuses": {key: language.t(message) for key, message in STATUSES.items()},
        "faults": {str(fault): language.t(name) for fault, name in NAMES.items()},
        "domains": {key: language.t(message) for key, message in DOMAINS.items()},
        "metrics": {
            metric.key: {
                "name": language.pick(metric.name_vi, metric.name_en),
                "unit": unit_name(language, metric.unit),
                "decimals": metric.decimals,
            }
            for metric in METRICS.values()
        },
    }
