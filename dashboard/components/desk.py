"""Parts of the desks' pages: the frame, panels, live values, placeholders."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import dash_mantine_components as dmc
from dash import dcc, html
from dash.development.base_component import Component

from dashboard.components.attributes import aria, data
from dashboard.languages import Language
from dashboard.live.messages import LiveReading
from dashboard.wording import unit_name
from telemetry.devices import Device, Stream
from telemetry.metrics import METRICS

REFRESH_MS = 30_000
"""How often a desk asks again for what the live feed does not carry."""
LOW_CHART = "chart desk__chart--low"
"""The kind of slot that a chart of half a page's width takes."""
MOST_ROWS = 10
"""Rows of a list that a desk shows."""
OLD_MS = 150_000.0
OLD_INTERVALS = 3
"""A value older than both is shown as old, and counts for nothing (``assets/desk.js`` says the same)."""


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
        placeholder=label,
        className="desk__picker",
        comboboxProps={"withinPortal": True},
        **aria(label=label),
    )


def graph(identity: str, figure: dict[str, Any], said: str, now: datetime, language: Language) -> html.Figure:
    """A chart without Plotly's tool bar, and under it what it shows in a sentence and since when."""
    return html.Figure(
        [
            html.Div(
                dcc.Graph(
                    id=identity,
                    figure=figure,
                    style={"height": "100%"},
                    config={"displayModeBar": False, "responsive": True, "doubleClick": "reset"},
                ),
                className="figure__chart",
                **aria(hidden="true"),
            ),
            html.Figcaption([html.Span(said), " ", as_of(now, language)], className="figure__said"),
        ],
        className="figure",
    )


def as_of(moment: datetime, language: Language) -> html.Span:
    """When something was worked out; the scripts say how long ago that is, and mark what got old."""
    return html.Span(
        language.t("as of {time}", time=language.time(moment)),
        className="as-of",
        **data(as_of=round(moment.timestamp() * 1000)),
    )


def options(devices: Sequence[Device], language: Language) -> list[dict[str, str]]:
    """Devices as a picker offers them."""
    return [{"value": d.device_id, "label": language.pick(d.name_vi, d.name_en)} for d in devices]


def chosen(asked: str | None, offered: Sequence[Mapping[str, str]]) -> str | None:
    """What the address asks for where it is offered, else the first."""
    values = [option["value"] for option in offered]
    return asked if asked in values else next(iter(values), None)


def fresh(reading: LiveReading | None, stream: Stream | None, now_ms: float) -> bool:
    """Whether a reading is young enough to count as the present."""
    if reading is None or stream is None:
        return False
    return now_ms - reading[1] <= max(OLD_MS, OLD_INTERVALS * stream.interval_s * 1000)


def capped(rows: Sequence[Component], kind: str, language: Language) -> list[Component]:
    """The first rows, and the way to the rest.

    Dash's renderer walks every part of what a callback gives, in time that grows faster than
    their number: a hundred rows would hold the page up for seconds at each refresh.
    """
    if len(rows) <= MOST_ROWS:
        return list(rows)
    said = language.t("All {count} in the inventory", count=language.number(len(rows)))
    return [*rows[:MOST_ROWS], html.A(said, href=f"/devices?kind={kind}", className="desk__more")]


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
            html.Span(unit_name(language, metric.unit) if metric else "", className="value__unit"),
            html.Span("", className="value__age"),
            html.Span("", className="value__doubt"),
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
