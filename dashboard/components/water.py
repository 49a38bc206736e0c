"""Lists of the drainage desk: rain, floods, canals, gates, pumps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from dash import html
from dash.development.base_component import Component

from dashboard.components.desk import live_value, row
from dashboard.components.marks import state_mark
from dashboard.languages import Language
from dashboard.live.messages import LiveReading
from dashboard.queries.drainage import Gear
from dashboard.wording import state_name

_RUNNING_KW = 1.0
"""A pumping station that draws more than this is pumping."""


def gear_rows(
    gear: Sequence[Gear],
    metrics: Sequence[str],
    newest: Mapping[int, LiveReading],
    states: Mapping[str, str],
    language: Language,
) -> list[Component]:
    """A line a device with some of its values, the highest of the first one on top."""
    ordered = sorted(gear, key=lambda item: -(value(item, metrics[0], newest) or 0.0))
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
    gear: Mapping[str, Sequence[Gear]], newest: Mapping[int, LiveReading], language: Language
) -> html.Div:
    """Gates closed, pumps running, gauges under water, gauges with rain."""

    def count(kind: str, metric: str, above: float) -> tuple[int, int]:
        values = [value(item, metric, newest) for item in gear.get(kind, ())]
        known = [number for number in values if number is not None]
        return sum(number > above for number in known), len(values)

    open_gates, gates = count("tidal_gate", "gate_opening_pct", 5.0)
    rows = [
        (language.t("Gates closed"), gates - open_gates, gates),
        (language.t("Pumping stations running"), *count("pump_station", "pump_power_kw", _RUNNING_KW)),
        (language.t("Streets under water"), *count("flood_gauge", "water_level_m", 0.05)),
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
        ],
        className="desk__tiles",
    )


def _row(
    gear: Gear, metrics: Sequence[str], newest: Mapping[int, LiveReading], state: str, language: Language
) -> Component:
    device = gear.device
    values = [live_value(gear.streams[key], newest, language) for key in metrics if key in gear.streams]
    return row(
        state_mark(state, language),
        html.Span(
            [
                html.Span(language.pick(device.name_vi, device.name_en), className="desk__name"),
                html.Span(state_name(language, state), className="desk__facts"),
            ],
            className="desk__text",
            title=language.pick(device.name_vi, device.name_en),
        ),
        html.Span(values, className="desk__values"),
    )
