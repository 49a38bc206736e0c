"""The inbox: devices that publish without being registered, to be adopted in one step. For engineers."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import psycopg
from dash import Dash, Input, Output, dcc, html
from dash.development.base_component import Component

from dashboard.components.attributes import data
from dashboard.components.emptiness import nothing
from dashboard.components.inventory import inventory_tabs
from dashboard.components.sheet import sheet
from dashboard.languages import Language, mark, requested_language
from dashboard.queries.inbox import read_inbox
from dashboard.registration import add_page
from dashboard.runtime import Runtime
from dashboard.wording import REPLAY_TEXTS, domain_name, kind_name
from store.inbox import Waiting
from telemetry.adoption import Guess
from telemetry.metrics import CITY_DOMAINS

_SHOWN = 50
_REFRESH_MS = 10_000

_TEXTS = {
    "adopt": mark("Adopt"),
    "title": mark("Adopt {name}"),
    "hint": mark("What is filled in was guessed from its messages. Without a place it stands at the centre."),
    "name_vi": mark("Name in Vietnamese"),
    "name_en": mark("Name in English"),
    "domain": mark("Domain"),
    "kind": mark("Kind"),
    "lat": mark("Latitude"),
    "lon": mark("Longitude"),
    "interval": mark("Interval, s"),
    "metrics": mark("Measurements"),
    "zone": mark("District"),
    "nearest": mark("The nearest"),
    "adopted": mark("{name} is registered; {count} messages are replayed."),
    "credentials": mark("For credentials of its own: {command}"),
}


def layout(runtime: Runtime, **_: str) -> html.Main:
    """The page; a callback fills the table, its script makes the form."""
    language = runtime.languages[requested_language()]
    zones = {f"zone-{z.code}": language.pick(z.name_vi, z.name_en) for z in runtime.city.zones}
    return html.Main(
        id="inbox-root",
        className="page",
        tabIndex=0,
        children=[
            dcc.Interval(id="inbox-tick", interval=_REFRESH_MS),
            html.Div(
                [
                    html.H2(language.t("Inbox"), className="page__title"),
                    inventory_tabs(language, "/inbox"),
                ],
                className="page__head",
            ),
            html.P(id="inbox-said", className="mend__said", role="status"),
            html.Div(html.Div(className="skeleton desk__skeleton"), id="inbox-place"),
        ],
        **data(
            **{f"text-{key}": language.t(text) for key, text in (_TEXTS | REPLAY_TEXTS).items()},
            **{f"domain-{key}": domain_name(language, key) for key in CITY_DOMAINS},
            **zones,
        ),
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callback to the app."""
    add_page(runtime, "inbox", mark("Inbox"), layout)

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("inbox-place", "children"), Input("inbox-tick", "n_intervals")
    )
    async def show(_: int | None) -> Any:
        language = runtime.languages[requested_language()]

        def ask(conn: psycopg.Connection) -> list[tuple[Waiting, Guess]]:
            return read_inbox(conn, runtime.settings, _SHOWN)

        return html.Div(_table(await runtime.query(ask), language), className="panel")


def _table(found: Sequence[tuple[Waiting, Guess]], language: Language) -> Component:
    if not found:
        hint = language.t("A device that publishes without being registered appears here with its messages.")
        return nothing(language.t("No device waits"), hint)
    names = (
        language.t("Device"),
        language.t("Since"),
        language.t("Last time"),
        language.t("Different messages"),
        language.t("Probably"),
        language.t("Measurements"),
        language.t("Action"),
    )
    return sheet(names, [_row(waiting, guess, language) for waiting, guess in found])


def _row(waiting: Waiting, guess: Guess, language: Language) -> html.Tr:
    domain = domain_name(language, str(guess.domain)) if guess.domain else language.t("not known")
    every = language.quantity(guess.interval_s, 0, "s")
    left_out = [html.Br(), html.Small(language.t("Left out: {names}", names=", ".join(guess.left_out)))]
    button = html.Button(
        language.t("Adopt"),
        type="button",
        className="button",
        **data(
            adopt=waiting.name,
            domain=str(guess.domain or ""),
            kind=guess.kind,
            interval=f"{guess.interval_s:g}",
            metrics=" ".join(guess.metrics),
        ),
    )
    return html.Tr(
        [
            html.Td([html.Strong(waiting.name), html.Br(), html.Small(waiting.topic[:120])]),
            html.Td(language.day_time(waiting.first_at), className="sheet__whole"),
            html.Td(language.day_time(waiting.last_at), className="sheet__whole"),
            html.Td(language.number(waiting.messages)),
            html.Td([domain, html.Br(), html.Small(f"{kind_name(language, guess.kind)} · {every}")]),
            html.Td([", ".join(guess.metrics) or "–", *(left_out if guess.left_out else [])]),
            html.Td(button),
        ],
        key=waiting.name,
    )
