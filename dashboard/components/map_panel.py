"""The map's frame: the scripts draw into it; its legend and controls are here."""

from __future__ import annotations

from dash import html

from dashboard.components.attributes import aria
from dashboard.components.marks import state_mark
from dashboard.languages import Language, mark
from dashboard.wording import state_name
from telemetry.city import City

_LEGEND = ("ok", "info", "minor", "major", "critical", "silent", "unknown")
_LINES = (("water", mark("River, canal")), ("road", mark("Main road")), ("metro", mark("Metro")))


def map_panel(city: City, language: Language) -> html.Section:
    """The map with its legend, the note for browsers without WebGL, and the sources."""
    return html.Section(
        className="map",
        children=[
            html.Div(id="overview-map", className="map__canvas"),
            html.P(id="overview-map-note", className="map__note", hidden=True, role="status"),
            html.Div(id="overview-map-tip", className="tip", hidden=True),
            _legend(language),
            html.Div(city.attribution, className="map__sources"),
        ],
        **aria(label=language.t("Map of devices")),
    )


def _legend(language: Language) -> html.Details:
    return html.Details(
        className="legend",
        open=True,
        children=[
            html.Summary(language.t("Legend")),
            html.Ul(
                [
                    html.Li([state_mark(state, language), html.Span(state_name(language, state))])
                    for state in _LEGEND
                ]
                + [
                    html.Li([html.Span(className=f"stroke stroke--{key}"), html.Span(language.t(name))])
                    for key, name in _LINES
                ]
            ),
        ],
    )
