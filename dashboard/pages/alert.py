"""One alert: the signal around it, where it is, its life, what people say of it, and those before it.

``/alerts/<id>``; the scripts (``assets/alert.js``) act on it and ask for it anew when it changes.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

import dash
from dash import Dash, Input, Output, State, dcc, html, no_update

from dashboard.auth.access import current_identity
from dashboard.components.alert_view import actions, comment_form, facts, missing, place, timeline
from dashboard.components.alert_view import earlier as earlier_alerts
from dashboard.components.attributes import data
from dashboard.components.evidence import evidence, signal
from dashboard.languages import requested_language
from dashboard.queries.alerts import read_alert_view
from dashboard.runtime import Runtime
from store.people import list_active
from telemetry.errors import NotFoundError
from telemetry.people import Role


def layout(runtime: Runtime, alert_id: str = "", **_: str) -> html.Main:
    """The frame; a callback fills it."""
    language = runtime.languages[requested_language()]
    may_act = current_identity().allows(Role.OPERATOR)
    number = int(alert_id) if alert_id.isascii() and alert_id.isdigit() and len(alert_id) < 19 else 0
    skeleton = html.Div(className="skeleton alert-page__skeleton")
    side = [
        html.H3(language.t("Timeline"), className="panel__title"),
        html.Div(id="alert-timeline"),
        *([comment_form(language)] if may_act else []),
    ]
    return html.Main(
        id="alert-root",
        className="page alert-page",
        children=[
            dcc.Store(id="alert-id", data=number),
            dcc.Store(id="alert-turn", data=0),
            dcc.Link("← " + language.t("All alerts"), href="/alerts", className="alert-page__back"),
            html.Div(skeleton, id="alert-facts", className="panel"),
            html.Div(id="alert-said", className="said", role="status"),
            html.Div(
                [
                    html.Div(
                        [
                            html.Div(id="alert-chart-place", className="panel alert-page__chart"),
                            html.Div(id="alert-evidence", className="panel evidence"),
                            html.Div(id="alert-earlier", className="panel"),
                        ],
                        className="alert-page__main",
                    ),
                    html.Div(
                        [
                            place(language, runtime.city.attribution),
                            html.Div(side, className="panel alert-page__life"),
                        ],
                        className="alert-page__side",
                    ),
                ],
                className="alert-page__columns",
            ),
        ],
        **data(alert_id=number),
    )


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callback."""

    def title(alert_id: str = "") -> str:
        name = runtime.languages[requested_language()].t("Alert")
        return f"{name} {alert_id} · CityOps"

    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "alert",
        path_template="/alerts/<alert_id>",
        title=title,
        layout=functools.partial(layout, runtime),
    )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("alert-facts", "children"),
        Output("alert-timeline", "children"),
        Output("alert-chart-place", "children"),
        Output("alert-evidence", "children"),
        Output("alert-earlier", "children"),
        Input("alert-turn", "data"),
        State("alert-id", "data"),
    )
    async def show(turn: int, alert_id: int) -> tuple[Any, ...]:
        language, now = runtime.languages[requested_language()], datetime.now(UTC)
        try:
            view = await runtime.query(lambda conn: read_alert_view(conn, runtime.city, int(alert_id), now))
        except NotFoundError:
            return missing(language), no_update, no_update, no_update, no_update
        item, *before = runtime.picture.present([view.alert, *view.earlier])
        buttons: list[Any] = []
        if current_identity().allows(Role.OPERATOR):
            people = await runtime.query(lambda conn: list_active(conn, Role.OPERATOR))
            buttons = actions(item, people, language)
        return (
            [facts(item, view, runtime.city, language), *buttons],
            timeline(view.events, language),
            signal(view, language),
            evidence(view, language),
            earlier_alerts(before, language),
        )
