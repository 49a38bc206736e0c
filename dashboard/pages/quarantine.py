"""Quarantine: messages that could not be used, why, and what they held. For engineers."""

from __future__ import annotations

import functools
from collections.abc import Sequence
from typing import Any

import dash
from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboard.auth.identity import current_identity
from dashboard.components.inventory import inventory_tabs
from dashboard.languages import Language, requested_language
from dashboard.runtime import Runtime
from store.quarantine import Quarantined, list_quarantine
from telemetry.people import Role

_SHOWN = 200
_PAYLOAD = 600
_REFRESH_MS = 10_000


def layout(runtime: Runtime, **_: str) -> html.Main:
    """The page; a callback fills it, and asks whether its reader may see it."""
    language = runtime.languages[requested_language()]
    return html.Main(
        id="quarantine-root",
        className="page",
        children=[
            dcc.Interval(id="quarantine-tick", interval=_REFRESH_MS),
            html.Div(
                [
                    html.H2(language.t("Quarantine"), className="page__title"),
                    inventory_tabs(language, "/quarantine"),
                ],
                className="page__head",
            ),
            html.Div(id="quarantine-place", className="panel"),
        ],
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callback to the app."""
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "quarantine",
        path="/quarantine",
        title=lambda: runtime.languages[requested_language()].t("Quarantine") + " · CityOps",
        layout=functools.partial(layout, runtime),
    )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("quarantine-place", "children"), Input("quarantine-tick", "n_intervals")
    )
    async def show(_: int | None) -> Any:
        language = runtime.languages[requested_language()]
        if not current_identity().allows(Role.ENGINEER):
            return _said(
                language.t("For engineers"), language.t("Ask an administrator for the role of engineer.")
            )
        rows = await runtime.query(lambda conn: list_quarantine(conn, _SHOWN))
        if not rows:
            return _said(
                language.t("Nothing is in quarantine"),
                language.t("Messages that cannot be used are kept here with the reason."),
            )
        return _table(rows, language)


def payload_text(payload: bytes) -> str:
    """A payload for people: its text where it is text, else its bytes in hex."""
    part = payload[:_PAYLOAD]
    try:
        text = part.decode()
    except UnicodeDecodeError:
        text = ""
    readable = bool(text) and all(c.isprintable() or c in "\r\n\t" for c in text)
    return (text if readable else part.hex(" ")) + (" …" if len(payload) > _PAYLOAD else "")


def _said(title: str, hint: str) -> Component:
    return html.Div([html.P(title, className="empty__title"), html.P(hint)], className="empty")


def _table(rows: Sequence[Quarantined], language: Language) -> Component:
    names = (
        language.t("Last time"),
        language.t("Times"),
        language.t("Reason"),
        language.t("Topic"),
        language.t("Payload"),
    )
    head = html.Thead(html.Tr([html.Th(name, scope="col") for name in names]))
    return html.Table([head, html.Tbody([_row(row, language) for row in rows])], className="sheet")


def _row(row: Quarantined, language: Language) -> html.Tr:
    return html.Tr(
        [
            html.Td(language.day_time(row.last_at), className="sheet__time"),
            html.Td(language.number(row.deliveries)),
            html.Td([html.Strong(row.reason), html.Br(), row.detail[:300]]),
            html.Td([row.topic[:200], html.Br(), html.Span(row.device_id, className="drawer__id")]),
            html.Td(html.Pre(payload_text(row.payload), tabIndex=0)),
        ],
        key=str(row.quarantine_id),
    )
