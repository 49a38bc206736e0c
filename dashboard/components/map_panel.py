"""The map's frame: the scripts draw into it; its search, layers, legends and controls are here."""

from __future__ import annotations

from collections.abc import Sequence

from dash import html
from dash.development.base_component import Component

from dashboard.components.attributes import aria, data
from dashboard.components.marks import state_mark
from dashboard.languages import Language, mark
from dashboard.queries.map_layers import AIR_SHADES, LOAD_STEPS, SPEED_STEPS, Step
from dashboard.wording import AIR_CATEGORIES, state_name
from telemetry.city import City
from telemetry.vn_aqi import INDEX_STEPS

_STATES = ("ok", "info", "minor", "major", "critical", "silent", "unknown")
_LINES = (("water", mark("River, canal")), ("road", mark("Main road")), ("metro", mark("Metro")))
_LAYERS = (
    ("", mark("State"), mark("State of every device")),
    ("traffic", mark("Traffic"), mark("Speed as a share of the free speed")),
    ("water", mark("Water level"), mark("Water level against its limits, m")),
    ("air", mark("Air"), mark("Air quality index (VN_AQI)")),
    ("load", mark("Load"), mark("Load as a share of the rating")),
)
"""Key, short name for the button, and what the legend says of it."""
_WATER = (
    ("water", "", mark("Below every limit, or none is set")),
    ("fair", "", mark("Light flooding")),
    ("minor", "I · !", mark("Alarm I · street flooded")),
    ("major", "II · !!", mark("Alarm II · heavy flooding")),
    ("critical", "III · !!!", mark("Alarm III · very heavy flooding")),
)
_AIR_UPPER = (*INDEX_STEPS[1:5], 300, 500)


def map_panel(city: City, language: Language) -> html.Section:
    """The map with its tools, legends, the note for browsers without WebGL, and the sources."""
    return html.Section(
        className="map",
        children=[
            html.Div(id="overview-map", className="map__canvas"),
            html.Div(
                [html.Div(id="overview-search", className="search"), _chooser(language)],
                className="map__tools",
            ),
            html.P(id="overview-map-note", className="map__note", hidden=True, role="status"),
            html.Div(id="overview-map-tip", className="tip", hidden=True),
            _legends(language),
            html.Div(city.attribution, className="map__sources"),
        ],
        **aria(label=language.t("Map of devices")),
    )


def _chooser(language: Language) -> html.Div:
    return html.Div(
        [
            html.Button(
                language.t(name),
                type="button",
                className="layers__item",
                title=language.t(what),
                **data(layer=key),
                **aria(pressed="false" if key else "true"),
            )
            for key, name, what in _LAYERS
        ],
        className="layers",
        role="group",
        **aria(label=language.t("Map layers")),
    )


def _legends(language: Language) -> html.Details:
    rows: dict[str, list[Component]] = {
        "": [*_states(language), *_lines(language)],
        "traffic": _steps(SPEED_STEPS[::-1], language),
        "water": [_row(_shade(shade, sign), language.t(name)) for shade, sign, name in _WATER],
        "air": _air(language),
        "load": _steps(LOAD_STEPS, language),
    }
    stale = _row(_shade("stale", "…"), language.t("Old value"))
    return html.Details(
        className="legend",
        open=True,
        children=[
            html.Summary(language.t("Legend")),
            *(
                html.Div(
                    [
                        html.P(language.t(what), className="legend__what"),
                        html.Ul([*rows[key], stale] if key else rows[key]),
                    ],
                    hidden=bool(key),
                    **data(legend=key),
                )
                for key, _, what in _LAYERS
            ),
        ],
    )


def _states(language: Language) -> list[Component]:
    return [_row(state_mark(state, language), state_name(language, state)) for state in _STATES]


def _lines(language: Language) -> list[Component]:
    return [_row(html.Span(className=f"stroke stroke--{key}"), language.t(name)) for key, name in _LINES]


def _steps(steps: Sequence[Step], language: Language) -> list[Component]:
    return [
        _row(_shade(step.shade, step.sign), language.t(step.name) if isinstance(step.name, str) else "")
        for step in steps
    ]


def _air(language: Language) -> list[Component]:
    lowest = (0, *(upper + 1 for upper in _AIR_UPPER))
    return [
        _row(_shade(shade, f"{low}–{upper}", "shade--wide"), language.t(AIR_CATEGORIES[shade]))
        for shade, low, upper in zip(AIR_SHADES, lowest, _AIR_UPPER, strict=False)
    ]


def _shade(shade: str, sign: str, kind: str = "") -> html.Span:
    """A class as the map draws it, with the sign that says it without its colour."""
    return html.Span(sign, className=f"shade shade--{shade} {kind}".rstrip())


def _row(sign: Component, text: str) -> html.Li:
    return html.Li([sign, html.Span(text)])
