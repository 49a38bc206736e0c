"""One device's page: what it is, its newest values, a chart of each stream, its alerts."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components.drawer import device_head, metric_name, values
from dashboard.components.marks import state_mark
from dashboard.figures.stream_chart import stream_chart
from dashboard.languages import Language
from dashboard.queries.charts import ChartData
from dashboard.queries.devices import DeviceView
from dashboard.runtime import Runtime
from dashboard.sentences import describe
from dashboard.wording import state_name

_REFRESH_MS = 30_000


def device_frame(device_id: str, language: Language) -> html.Main:
    """The page before its data is there."""
    return html.Main(
        id="device-root",
        className="page",
        children=[
            dcc.Store(id="device-id", data=device_id),
            dcc.Interval(id="device-tick", interval=_REFRESH_MS),
            html.Div(
                html.A("← " + language.t("All devices"), href="/devices", className="button"),
                className="page__head",
            ),
            html.Div(html.Div(className="skeleton", style={"height": "120px"}), id="device-place"),
        ],
    )


def device_parts(
    view: DeviceView, charts: Sequence[ChartData], runtime: Runtime, language: Language
) -> list[Component]:
    """The page's content."""
    newest = runtime.picture.latest([stream.stream_id for stream in view.streams])
    state = runtime.picture.states().get(view.device.device_id, "unknown")
    streams = ",".join(str(stream.stream_id) for stream in view.streams[:8])
    links = [
        html.A(language.t("Show on the map"), href=f"/?device={view.device.device_id}", className="button"),
        html.A(language.t("Open in the explorer"), href=f"/explorer?streams={streams}", className="button"),
    ]
    return [
        html.Div(
            [
                html.P([state_mark(state, language), state_name(language, state)], className="state"),
                *device_head(view.device, runtime.city, language),
                html.Div(links, className="page__bar"),
            ],
            className="panel",
        ),
        html.H3(language.t("Latest values"), className="panel__title section"),
        html.Ul(values(view, newest, language), className="values"),
        html.H3(language.t("Open alerts"), className="panel__title section"),
        _alerts(view, runtime, language),
        html.H3(language.t("The last 24 hours"), className="panel__title section"),
        html.Div([_chart(found, language) for found in charts], className="charts"),
    ]


def no_device(device_id: str, language: Language) -> Component:
    """Instead of the content: there is no such device."""
    return html.Div(
        [
            html.P(language.t("No such device"), className="empty__title"),
            html.P(device_id, className="drawer__id"),
        ],
        className="empty",
    )


def _alerts(view: DeviceView, runtime: Runtime, language: Language) -> Component:
    if not view.alerts:
        return html.P(language.t("No open alert"), className="page__note")
    items = [describe(alert, view.device, runtime.city, runtime.languages) for alert in view.alerts]
    rows = [
        html.Tr(
            [
                html.Td(
                    html.Span([state_mark(item.severity, language), state_name(language, item.severity)]),
                    className="state",
                ),
                html.Td(item.text[language.code]),
                html.Td(language.day_time(alert.opened_at), className="sheet__number"),
            ]
        )
        for item, alert in zip(items, view.alerts, strict=True)
    ]
    return html.Table(html.Tbody(rows), className="sheet")


def _chart(found: ChartData, language: Language) -> html.Div:
    figure: dict[str, Any] = stream_chart(found.series, found.thresholds, found.anomalies, language)
    graph = dcc.Graph(
        figure=figure, style={"height": "100%"}, config={"displayModeBar": False, "responsive": True}
    )
    name = metric_name(found.series.stream.metric, language)
    return html.Div([html.H4(name, className="page__note"), graph], className="panel")
