"""Lists of the drainage desk: rain, floods, canals, gates, pumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from dash import html
from dash.development.base_component import Component

from dashboard.components.desk import as_of, fresh, live_value, row
from dashboard.components.marks import WORST_FIRST, state_mark
from dashboard.languages import Language, mark
from dashboard.live.messages import LiveReading
from dashboard.queries.drainage import DRY_M, Gear
from dashboard.wording import state_name

_RUNNING_KW = 1.0
"""A pumping station that draws more than this is pumping."""
_SHUT_PCT = 5.0
"""A gate that is open less than this is closed: leaves never seal to the last per cent."""
_DOING = {
    "tidal_gate": ("gate_opening_pct", _SHUT_PCT, mark("Open"), mark("Closed")),
    "pump_station": ("pump_power_kw", _RUNNING_KW, mark("Running"), mark("Stopped")),
}
"""Metric, the limit above which the first word holds, else the second."""


def gear_rows(
    gear: Sequence[Gear],
    metrics: Sequence[str],
    newest: Mapping[int, LiveReading],
    states: Mapping[str, str],
    language: Language,
) -> list[Component]:
    """A line a device with some of its values, the worst state on top, then the highest first value."""

    def place(item: Gear) -> tuple[int, float]:
        state = states.get(item.device.device_id, "unknown")
        return WORST_FIRST.index(state), -(value(item, metrics[0], newest) or 0.0)

    ordered = sorted(gear, key=place)
    return [
        _row(item, metrics, newest, states.get(item.device.device_id, "unknown"), language)
        for item in ordered
    ]


def value(gear: Gear, metric: str, newest: Mapping[int, LiveReading]) -> float | None:
    """The newest value of a metric."""
    stream = gear.streams.get(metric)
    reading = newest.get(stream.stream_id) if stream else None
    return reading[2] if reading else None


def summary(
    gear: Mapping[str, Sequence[Gear]], newest: Mapping[int, LiveReading], now: datetime, language: Language
) -> html.Div:
    """Gates closed, pumps running, gauges under water, gauges with rain; of those with a fresh reading."""

    def count(kind: str, metric: str, above: float) -> tuple[int, int]:
        values = [_fresh_value(item, metric, newest, now) for item in gear.get(kind, ())]
        known = [number for number in values if number is not None]
        return sum(number > above for number in known), len(known)

    open_gates, gates = count("tidal_gate", "gate_opening_pct", _SHUT_PCT)
    rows = [
        (language.t("Gates closed"), gates - open_gates, gates),
        (language.t("Pumping stations running"), *count("pump_station", "pump_power_kw", _RUNNING_KW)),
        (language.t("Streets under water"), *count("flood_gauge", "water_level_m", DRY_M)),
        (language.t("Gauges with rain"), *count("rain_gauge", "rain_mmph", 0.2)),
    ]
    return html.Div(
        [
            html.Div(
                [
                    html.Span(name, className="tile__name"),
                    html.Span(
                        [html.Span(str(number), className="tile__number"), f" / {total}"],
                        className="tile__value",
                    ),
                ],
                className="tile",
            )
            for name, number, total in rows
        ]
        + [html.P(as_of(now, language), className="desk__facts")],
        className="desk__tiles",
    )


def _fresh_value(gear: Gear, metric: str, newest: Mapping[int, LiveReading], now: datetime) -> float | None:
    stream = gear.streams.get(metric)
    reading = newest.get(stream.stream_id) if stream else None
    return reading[2] if reading and fresh(reading, stream, now.timestamp() * 1000) else None


def _doing(gear: Gear, newest: Mapping[int, LiveReading], language: Language) -> list[str]:
    """What a gate or a pump does, in a word."""
    if gear.device.kind not in _DOING:
        return []
    metric, above, over, under = _DOING[gear.device.kind]
    number = value(gear, metric, newest)
    return [] if number is None else [language.t(over if number > above else under)]


def _row(
    gear: Gear, metrics: Sequence[str], newest: Mapping[int, LiveReading], state: str, language: Language
) -> Component:
    device = gear.device
    facts = " · ".join([*_doing(gear, newest, language), state_name(language, state)])
    values = [live_value(gear.streams[key], newest, language) for key in metrics if key in gear.streams]
    return row(
        state_mark(state, language),
        html.Span(
            [
                html.Span(language.pick(device.name_vi, device.name_en), className="desk__name"),
                html.Span(facts, className="desk__facts"),
            ],
            className="desk__text",
            title=language.pick(device.name_vi, device.name_en),
        ),
        html.Span(values, className="desk__values"),
    )
