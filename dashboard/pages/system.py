"""System: what comes in and how fast it is worked on, services, storage, versions."""

from __future__ import annotations

import time
from datetime import UTC, datetime
from typing import Any

from dash import Dash, Input, Output, dcc, html

from dashboard.components.desk import as_of
from dashboard.components.sheet import titled
from dashboard.components.system_parts import facts, services, tables, versions
from dashboard.languages import mark, requested_language
from dashboard.queries.system import read_system
from dashboard.registration import add_page
from dashboard.runtime import Runtime

_REFRESH_MS = 3_000


def layout(runtime: Runtime, **_: str) -> html.Main:
    """The page; a callback fills it every few seconds."""
    language = runtime.languages[requested_language()]
    return html.Main(
        id="system-root",
        className="page",
        tabIndex=0,  # it scrolls, and holds nothing else that takes the keyboard
        children=[
            dcc.Interval(id="system-tick", interval=_REFRESH_MS),
            html.Div(
                [
                    html.H2(language.t("System"), className="page__title"),
                    html.Span(id="system-age", className="page__note"),
                ],
                className="page__head",
            ),
            html.Div(html.Div(className="skeleton", style={"height": "120px"}), id="system-place"),
        ],
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callback to the app."""
    add_page(runtime, "system", mark("System"), layout)

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("system-place", "children"),
        Output("system-age", "children"),
        Input("system-tick", "n_intervals"),
    )
    async def show(_: int | None) -> tuple[Any, Any]:
        language, now = runtime.languages[requested_language()], datetime.now(UTC)
        view = await runtime.query(lambda conn: read_system(conn, now))
        rate = runtime.picture.snapshot(time.time_ns() // 1000).tiles.readings_per_s
        parts = [
            html.Div(facts(view, rate, now, language), className="facts"),
            titled(language.t("Services"), services(view.services, now, language)),
            html.Div(
                [
                    titled(language.t("Storage"), tables(view, language)),
                    titled(language.t("Versions"), versions(view, language)),
                ],
                className="page__columns",
            ),
        ]
        return parts, as_of(now, language)
