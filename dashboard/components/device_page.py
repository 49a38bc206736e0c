"""One device's page: what it is, its newest values, a chart of each stream, its alerts."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components.attributes import aria
from dashboard.components.desk import graph
from dashboard.components.drawer import device_head, metric_name, values
from dashboard.components.marks import state_mark
from dashboard.faults import offset_text
from dashboard.figures.captions import course
from dashboard.figures.stream_chart import stream_chart
from dashboard.languages import Language
from dashboard.queries.charts import ChartData
from dashboard.queries.devices import DeviceView
from dashboard.runtime import Runtime
from dashboard.sentences import describe
from dashboard.wording import state_name, unit_name
from telemetry.devices import Device
from telemetry.metrics import METRICS

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
    view: DeviceView, charts: Sequence[ChartData], now: datetime, runtime: Runtime, language: Language
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
                html.P(_registered(view.device, language), className="drawer__facts"),
                _clock(view, runtime, language),
                html.Div(links, className="page__bar"),
            ],
            className="panel",
        ),
        html.H3(language.t("Latest values"), className="panel__title section"),
        html.Ul(values(view, newest, language), className="values"),
        html.H3(language.t("Open alerts"), className="panel__title section"),
        _alerts(view, runtime, language),
        html.H3(language.t("The last 24 hours"), className="panel__title section"),
        html.Div([_chart(found, now, language) for found in charts], className="charts"),
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


def _registered(device: Device, language: Language) -> str:
    """Where it stands, and how often it reports."""
    every = language.t("reports every {interval}", interval=language.quantity(device.interval_s, 0, "s"))
    return f"{device.lat:.5f}, {device.lon:.5f} · {every}"


def _clock(view: DeviceView, runtime: Runtime, language: Language) -> Component:
    clock = view.clock
    if clock is None:
        return html.P(language.t("Clock: not known yet"), className="drawer__facts")
    off = clock.is_off(runtime.settings.ingest.clock_tolerance_s)
    offset = offset_text(clock.offset_s, language)
    spread = language.quantity(clock.spread_s, 1, "s")
    said = language.t("Clock: {offset} (spread {spread})", offset=offset, spread=spread)
    if not off:
        return html.P(said, className="drawer__facts")
    wrong = language.t("the clock is wrong")
    return html.P(
        [html.Span(className="mark mark--minor", **aria(hidden="true")), f"{said}: {wrong}"],
        className="state clock--off",
    )


def _chart(found: ChartData, now: datetime, language: Language) -> html.Div:
    series = found.series
    name, metric = metric_name(series.stream.metric, language), METRICS.get(series.stream.metric)
    unit, decimals = (unit_name(language, metric.unit), metric.decimals) if metric else ("", 2)
    figure = stream_chart(found, language)
    said = course(name, series.times * 1000, series.values, unit, decimals, language)
    drawn = graph(f"device-chart-{series.stream.stream_id}", figure, said, now, language)
    return html.Div([html.H4(name, className="page__note"), drawn], className="panel")
