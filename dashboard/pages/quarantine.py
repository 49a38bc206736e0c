"""Quarantine: messages that could not be used, why, and what they held. For engineers.

``/quarantine?reason=<key>&q=<text>`` opens filtered.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any
from urllib.parse import quote

import dash_mantine_components as dmc
import psycopg
from dash import Dash, Input, Output, State, dcc, html, no_update
from dash.development.base_component import Component

from dashboard.auth.identity import current_identity
from dashboard.components.attributes import aria, data
from dashboard.components.emptiness import nothing
from dashboard.components.inventory import inventory_tabs
from dashboard.components.sheet import sheet, titled
from dashboard.languages import Language, mark, requested_language
from dashboard.registration import add_page, remember
from dashboard.runtime import Runtime
from dashboard.wording import REFUSALS, REPLAY_TEXTS
from store.quarantine import Quarantined, RefusalGroup, Search, group_quarantine, list_quarantine
from telemetry.people import Role

_SHOWN = 50
"""Messages on the page. Each is some seventeen components; a browser stands still over thousands."""
_PAYLOAD = 600
_SEARCHED = 80
_REFRESH_MS = 10_000
_TEXTS = {
    "title": mark("Mend a message"),
    "topic": mark("Topic"),
    "payload": mark("Payload"),
    "payload64": mark("Payload, in base64"),
    "try": mark("Try without storing"),
    "replay": mark("Replay"),
}


def layout(runtime: Runtime, reason: str | None = None, q: str = "", **_: str) -> html.Main:
    """The page; a callback fills it, and asks whether its reader may see it."""
    language = runtime.languages[requested_language()]
    return html.Main(
        id="quarantine-root",
        className="page",
        tabIndex=0,
        children=[
            dcc.Interval(id="quarantine-tick", interval=_REFRESH_MS),
            dcc.Store(id="quarantine-drawn"),
            html.Div(
                [
                    html.H2(language.t("Quarantine"), className="page__title"),
                    inventory_tabs(language, "/quarantine"),
                ],
                className="page__head",
            ),
            _filters(reason, q, language),
            html.P(id="quarantine-said", className="mend__said", role="status"),
            html.Div(html.Div(className="skeleton desk__skeleton"), id="quarantine-place"),
        ],
        **data(**{f"text-{key}": language.t(text) for key, text in (_TEXTS | REPLAY_TEXTS).items()}),
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callback to the app."""
    add_page(runtime, "quarantine", mark("Quarantine"), layout)
    remember(app, "quarantine-reason", "quarantine-q")

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("quarantine-place", "children"),
        Output("quarantine-drawn", "data"),
        Input("quarantine-tick", "n_intervals"),
        Input("quarantine-reason", "value"),
        Input("quarantine-q", "value"),
        State("quarantine-drawn", "data"),
    )
    async def show(_: int | None, reason: str | None, text: str | None, drawn: str | None) -> tuple[Any, Any]:
        language = runtime.languages[requested_language()]
        if not current_identity().allows(Role.ENGINEER):
            hint = language.t("Ask an administrator for the role of engineer.")
            return nothing(language.t("For engineers"), hint), no_update

        def ask(conn: psycopg.Connection) -> tuple[list[RefusalGroup], list[Quarantined]]:
            return group_quarantine(conn), list_quarantine(
                conn, _SHOWN, search=Search(reason, text=(text or "")[:_SEARCHED])
            )

        groups, rows = await runtime.query(ask)
        found = _mark_of(groups, rows)
        return (no_update, no_update) if found == drawn else (_parts(groups, rows, language), found)


def payload_text(payload: bytes) -> str:
    """A payload for people: its text where it is text, else its bytes in hex."""
    part = payload[:_PAYLOAD]
    try:
        text = part.decode()
    except UnicodeDecodeError:
        text = ""
    readable = bool(text) and all(c.isprintable() or c in "\r\n\t" for c in text)
    return (text if readable else part.hex(" ")) + (" …" if len(payload) > _PAYLOAD else "")


def reason_name(reason: str, language: Language) -> str:
    """A reason in words; an unknown one as it is written."""
    return language.t(REFUSALS[reason]) if reason in REFUSALS else reason


def _filters(reason: str | None, text: str, language: Language) -> html.Div:
    reasons = [{"value": key, "label": language.t(said)} for key, said in REFUSALS.items()]
    return html.Div(
        [
            dmc.Select(
                id="quarantine-reason",
                data=reasons,
                value=reason if reason in REFUSALS else None,
                placeholder=language.t("Reason"),
                clearable=True,
                size="sm",
                w=240,
                **aria(label=language.t("Reason")),
            ),
            dmc.TextInput(
                id="quarantine-q",
                value=text[:_SEARCHED],
                debounce=300,
                placeholder=language.t("Search topic or detail"),
                size="sm",
                w=300,
                **aria(label=language.t("Search topic or detail")),
            ),
        ],
        className="page__bar panel",
    )


def _mark_of(groups: Sequence[RefusalGroup], rows: Sequence[Quarantined]) -> str:
    """Another one when something else is to be drawn."""
    shown = [(row.quarantine_id, row.deliveries, row.last_at) for row in rows]
    return str(hash((tuple(groups), tuple(shown))))


def _parts(
    groups: Sequence[RefusalGroup], rows: Sequence[Quarantined], language: Language
) -> list[Component]:
    if not groups:
        hint = language.t("Messages that cannot be used are kept here with the reason.")
        return [html.Div(nothing(language.t("Nothing is in quarantine"), hint), className="panel")]
    if not rows:
        hint = language.t("Choose another reason, or clear the search.")
        found: Component = nothing(language.t("No message matches"), hint)
    else:
        found = _messages(rows, language)
    return [
        titled(language.t("By reason"), _groups(groups, language)),
        titled(language.t("Newest messages"), *([_acts(language, whole=True)] if rows else []), found),
    ]


def _groups(groups: Sequence[RefusalGroup], language: Language) -> Component:
    names = (
        language.t("Reason"),
        language.t("Different messages"),
        language.t("Times"),
        language.t("Devices"),
        language.t("Last time"),
    )
    rows = [
        html.Tr(
            [
                html.Td(reason_name(group.reason, language)),
                html.Td(language.number(group.messages)),
                html.Td(language.number(group.deliveries)),
                html.Td(language.number(group.devices)),
                html.Td(language.day_time(group.last_at)),
            ]
        )
        for group in groups
    ]
    return sheet(names, rows)


def _messages(rows: Sequence[Quarantined], language: Language) -> Component:
    names = (
        language.t("Last time"),
        language.t("Times"),
        language.t("Reason"),
        language.t("Topic"),
        language.t("Payload"),
        language.t("Action"),
    )
    return sheet(names, [_message(row, language) for row in rows])


def _message(row: Quarantined, language: Language) -> html.Tr:
    place = "/inbox" if row.reason == "device" else f"/devices/{quote(row.claimed, safe='')}"
    device = html.A(row.claimed, href=place, className="drawer__id")
    return html.Tr(
        [
            html.Td(language.day_time(row.last_at), className="sheet__time"),
            html.Td(language.number(row.deliveries)),
            html.Td([html.Strong(reason_name(row.reason, language)), html.Br(), row.detail[:300]]),
            html.Td([row.topic[:200], html.Br(), device if row.claimed else ""]),
            html.Td(html.Pre(payload_text(row.payload), tabIndex=0)),
            html.Td(_acts(language)),
        ],
        key=str(row.quarantine_id),
        **data(quarantine_id=row.quarantine_id),
    )


def _acts(language: Language, *, whole: bool = False) -> html.Div:
    """What can be done to a message, or (``whole``) to all that are shown; the page's script does it."""
    acts = [("replay", language.t("Replay all shown") if whole else language.t("Replay"))]
    if not whole:
        acts.append(("mend", language.t("Mend")))
    acts.append(("drop", language.t("Drop all shown") if whole else language.t("Drop")))
    buttons = [html.Button(said, type="button", className="button", **data(act=act)) for act, said in acts]
    return html.Div(buttons, className="acts acts--title" if whole else "acts")
