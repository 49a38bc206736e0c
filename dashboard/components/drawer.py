"""The device drawer: names, newest values, and a chart of one of its streams."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components.attributes import aria, data
from dashboard.languages import Language
from dashboard.live.messages import LiveReading
from dashboard.queries.devices import DeviceView
from dashboard.wording import domain_name, kind_name, unit_name
from telemetry.city import City
from telemetry.devices import Device, Stream
from telemetry.metrics import METRICS

RANGES_H = (1, 6, 24, 168)
"""Hours the chart can show; the first load shows the second."""


def drawer(language: Language) -> html.Aside:
    """The drawer, closed; callbacks fill the head, the values and the chart."""
    return html.Aside(
        id="overview-drawer",
        className="drawer",
        hidden=True,
        tabIndex=-1,
        children=[
            html.Button(
                "✕",
                id="overview-drawer-close",
                type="button",
                className="drawer__close",
                title=language.t("Close"),
                **aria(label=language.t("Close")),
            ),
            html.Div(
                [html.Span(id="overview-drawer-mark"), html.Span(id="overview-drawer-state")],
                className="drawer__state",
            ),
            html.Div(id="overview-drawer-head", className="drawer__head"),
            html.H3(language.t("Latest values"), className="panel__title"),
            html.Ul(id="overview-drawer-values", className="values"),
            html.Div(
                className="drawer__pick",
                children=[
                    dmc.Select(
                        id="overview-stream",
                        data=[],
                        size="xs",
                        allowDeselect=False,
                        comboboxProps={"withinPortal": False},
                        **aria(label=language.t("Measurement")),
                    ),
                    dmc.SegmentedControl(
                        id="overview-range",
                        size="xs",
                        value=str(RANGES_H[1]),
                        data=[{"value": str(h), "label": range_label(h, language)} for h in RANGES_H],
                    ),
                ],
            ),
            html.Div(id="overview-chart-place", className="drawer__chart"),
            html.Div(
                id="overview-drawer-foot", className="drawer__foot", **aria(label=language.t("Open alerts"))
            ),
        ],
        **aria(label=language.t("Device")),
    )


def chart(figure: dict[str, Any]) -> dcc.Graph:
    """The chart. Not in the first layout: Plotly is large, and the map comes first."""
    return dcc.Graph(
        id="overview-chart",
        figure=figure,
        style={"height": "100%"},
        config={"displayModeBar": False, "responsive": True, "doubleClick": "reset"},
    )


def range_label(hours: int, language: Language) -> str:
    """``6 h`` or ``7 days``."""
    if hours < 48:
        return language.t("{hours} h", hours=hours)
    return language.t("{days} days", days=hours // 24)


def device_head(device: Device, city: City, language: Language) -> list[Component]:
    """What the device is and where."""
    zone = next((zone for zone in city.zones if zone.code == device.zone), None)
    facts = [
        kind_name(language, device.kind),
        domain_name(language, str(device.domain)),
        language.pick(zone.name_vi, zone.name_en) if zone else device.zone,
    ]
    return [
        html.H2(language.pick(device.name_vi, device.name_en), className="drawer__name"),
        html.P(" · ".join(fact for fact in facts if fact), className="drawer__facts"),
        html.P(device.device_id, className="drawer__id"),
    ]


def values(view: DeviceView, newest: dict[int, LiveReading], language: Language) -> list[html.Li]:
    """The newest value of every stream; the scripts keep value and age up to date."""
    return [_value(stream, newest.get(stream.stream_id), language) for stream in view.streams]


def _value(stream: Stream, reading: LiveReading | None, language: Language) -> html.Li:
    metric = METRICS.get(stream.metric)
    number = language.number(reading[2], metric.decimals if metric else 2) if reading else "–"
    return html.Li(
        # A key of its own: React must not take the values of one device for another's.
        key=f"{stream.stream_id}",
        className="value",
        children=[
            html.Span(metric_name(stream.metric, language), className="value__name"),
            html.Span(
                [
                    html.Span(number, className="value__number"),
                    html.Span(unit_name(language, metric.unit) if metric else "", className="value__unit"),
                ],
                className="value__value",
            ),
            html.Span("", className="value__age"),
            html.Span("", className="value__doubt"),
        ],
        **data(
            stream_id=stream.stream_id,
            metric=stream.metric,
            time=reading[1] if reading else None,
            value=reading[2] if reading else None,
        ),
    )


def stream_options(streams: Sequence[Stream], language: Language) -> list[dict[str, str]]:
    """Choices for the chart."""
    return [{"value": str(s.stream_id), "label": metric_name(s.metric, language)} for s in streams]


def metric_name(key: str, language: Language) -> str:
    """A metric's name; an unknown one as it is written."""
    metric = METRICS.get(key)
    return language.pick(metric.name_vi, metric.name_en) if metric else key


def missing(device_id: str, language: Language) -> list[Component]:
    """Instead of a head: there is no such device."""
    return [
        html.H2(language.t("No such device"), className="drawer__name"),
        html.P(device_id[:64], className="drawer__id"),
    ]
