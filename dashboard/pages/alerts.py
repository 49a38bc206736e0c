"""Every alert: a table that asks the interface for what it shows, filters, and actions on many.

``/alerts?status=open&severity=critical&domain=drainage&assigned=mine&q=phu&sort=severity&order=asc``
carries the whole state; ``assets/alerts.js`` keeps the address up to date. On a phone the
table is a list of cards (``assets/alert_cards.js``).
"""

from __future__ import annotations

import functools

import dash
from dash import ClientsideFunction, Dash, Input, html

from dashboard.auth.access import current_identity
from dashboard.components.alert_table import alert_table, bulk_bar, covers, filter_switch, filters
from dashboard.components.attributes import aria
from dashboard.languages import Language, requested_language
from dashboard.pages import alert
from dashboard.runtime import Runtime
from telemetry.people import Role


def layout(runtime: Runtime, **asked: str) -> html.Main:
    """The page; the scripts fill the table."""
    language = runtime.languages[requested_language()]
    may_act = current_identity().allows(Role.OPERATOR)
    return html.Main(
        id="alerts-root",
        className="page alerts",
        children=[
            html.Div(
                [
                    html.H2(language.t("Alerts"), className="page__title"),
                    html.Span("", id="alerts-count", className="pill", role="status"),
                    html.Span(_keys(language, may_act=may_act), className="page__note alerts__keys"),
                    filter_switch(language),
                ],
                className="page__head",
            ),
            filters(asked, language, may_act=may_act),
            *([bulk_bar(language)] if may_act else []),
            html.Div(
                [
                    html.Div(
                        alert_table(asked, language, may_act=may_act),
                        className="panel page__table alerts__table",
                    ),
                    html.Ol(id="alerts-cards", className="cards", **aria(label=language.t("Alerts"))),
                    *covers(language),
                ],
                className="alerts__place",
            ),
            html.Div(id="alerts-said", className="said", role="status"),
        ],
    )


def _keys(language: Language, *, may_act: bool) -> str:
    if may_act:
        return language.t("↑ ↓ move · Enter opens · Space chooses")
    return language.t("↑ ↓ move · Enter opens")


def register(app: Dash, runtime: Runtime) -> None:
    """Add the table's page and an alert's own."""
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "alerts",
        path="/alerts",
        title=lambda: runtime.languages[requested_language()].t("Alerts") + " · CityOps",
        layout=functools.partial(layout, runtime),
    )
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("alerts", "rows"),
        dash.Output("alerts-grid", "getRowsResponse"),
        Input("alerts-grid", "getRowsRequest"),
    )
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("alerts", "chosen"), Input("alerts-grid", "selectedRows")
    )
    alert.register(app, runtime)
