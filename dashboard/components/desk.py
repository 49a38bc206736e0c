"""Parts of the desks' pages: the frame, panels, live values, placeholders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components.attributes import aria, data
from dashboard.languages import Language
from dashboard.live.messages import LiveReading
from telemetry.devices import Stream
from telemetry.metrics import METRICS

REFRESH_MS = 30_000
"""How often a desk asks again for what the live feed does not carry."""


def desk(page: str, side: Sequence[Component], main: Sequence[Component]) -> html.Main:
    """A desk: a list at the side, panels beside it, and its clock."""
    return html.Main(
        id="desk-root",
        className=f"desk desk--{page}",
        children=[
            dcc.Interval(id=f"{page}-tick", interval=REFRESH_MS),
            html.Div(list(side), className="desk__side"),
            html.Div(list(main), className="desk__main"),
        ],
    )


def panel(title: str, *children: Component, note: str = "", kind: str = "") -> html.Section:
    """A titled panel; ``kind`` picks its place in the grid."""
    head = [html.H2(title, className="panel__title")]
    return html.Section(
        [
            html.Div([*head, html.P(note, className="desk__note")] if note else head, className="desk__head"),
            *children,
        ],
        className=f"desk__panel desk__panel--{kind}" if kind else "desk__panel",
    )


def slot(identity: str, *, rows: int = 3, kind: str = "list") -> html.Div:
    """A place that a callback fills; a skeleton until then."""
    return html.Div(skeletons(rows), id=identity, className=f"desk__{kind}")


def skeletons(rows: int) -> list[html.Div]:
    """Grey stripes where something is still being fetched."""
    return [html.Div(className="skeleton desk__skeleton") for _ in range(rows)]


def empty(text: str, hint: str) -> html.Div:
    """Nothing to show, and what to do about it."""
    return html.Div([html.Strong(text), hint], className="desk__empty", role="status")


def picker(identity: str, options: Sequence[Mapping[str, str]], value: str | None, label: str) -> dmc.Select:
    """A choice that the address keeps (see ``assets/desk.js``)."""
    return dmc.Select(
        id=identity,
        data=[dict(option) for option in options],
        value=value,
        size="xs",
        searchable=True,
        allowDeselect=False,
        className="desk__picker",
        comboboxProps={"withinPortal": True},
        **aria(label=label),
    )


def graph(identity: str, figure: dict[str, Any]) -> dcc.Graph:
    """A chart without Plotly's tool bar."""
    return dcc.Graph(
        id=identity,
        figure=figure,
        style={"height": "100%"},
        config={"displayModeBar": False, "responsive": True, "doubleClick": "reset"},
    )


def live_value(
    stream: Stream | None, newest: Mapping[int, LiveReading], language: Language, *, name: str = ""
) -> html.Span:
    """The newest value of a stream with its age; the scripts keep both up to date."""
    if stream is None:
        return html.Span("–", className="live")
    reading, metric = newest.get(stream.stream_id), METRICS.get(stream.metric)
    number = language.number(reading[2], metric.decimals if metric else 2) if reading else "–"
    named = [html.Span(name, className="value__name")] if name else []
    return html.Span(
        [
            *named,
            html.Span(number, className="value__number"),
            html.Span(metric.unit if metric else "", className="value__unit"),
            html.Span("", className="value__age"),
        ],
        key=f"{stream.stream_id}",
        className="live live--named" if name else "live",
        **data(
            stream_id=stream.stream_id,
            metric=stream.metric,
            interval=stream.interval_s,
            time=reading[1] if reading else None,
        ),
    )


def row(*cells: Any, choose: str = "", value: str = "", chosen: bool = False) -> Component:
    """A line of a list; one that chooses something is a button."""
    if not choose:
        return html.Div(list(cells), className="desk__row")
    return html.Button(
        list(cells),
        type="button",
        className="desk__row desk__row--chosen" if chosen else "desk__row",
        **data(choose=choose, value=value),
        **(aria(current="true") if chosen else {}),
    )
