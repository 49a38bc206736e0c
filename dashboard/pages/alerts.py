"""Every alert: a table that asks the interface for what it shows, filters, and actions on many.

``/alerts?status=open&severity=critical&domain=drainage&q=phu&sort=severity`` carries the
whole state; ``assets/alerts.js`` keeps the address up to date.
"""

from __future__ import annotations

import functools

import dash
from dash import ClientsideFunction, Dash, Input, html

from dashboard.auth.access import current_identity
from dashboard.components.alert_table import alert_table, bulk_bar, filters
from dashboard.languages import requested_language
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
                ],
                className="page__head",
            ),
            filters(asked, language),
            *([bulk_bar(language)] if may_act else []),
            html.Div(alert_table(language, may_act=may_act), className="panel page__table alerts__table"),
            html.Div(id="alerts-said", className="said", role="status"),
        ],
    )


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
