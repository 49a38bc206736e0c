"""Lists of the energy desk: voltage, power factor, street lamps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from dash import html
from dash.development.base_component import Component

from dashboard.components.desk import as_of, fresh, live_value, row
from dashboard.components.marks import state_mark
from dashboard.languages import Language, mark
from dashboard.live.messages import LiveReading
from dashboard.queries.energy import (
    FACTOR,
    POWER,
    VOLTAGE,
    LampState,
    Unit,
    lamp_state,
    nominal_v,
    rated_kw,
)
from telemetry.city import Threshold

SHOWN: Final = 10
LAMPS: Final[dict[LampState, tuple[str, str]]] = {
    "failing": ("major", mark("Dark at night")),
    "burning": ("minor", mark("Burning by day")),
    "unknown": ("silent", mark("No reading yet")),
    "changing": ("ok", mark("Around dusk or dawn")),
    "lit": ("ok", mark("Lit")),
    "off": ("ok", mark("Off by day")),
}
"""Mark and words of what a cabinet's lamps do, the worst first."""
_TOLD: Final[tuple[LampState, ...]] = ("failing", "burning")


def voltage_rows(
    units: Sequence[Unit], limits: Sequence[Threshold], newest: Mapping[int, LiveReading], language: Language
) -> list[Component]:
    """The supplies farthest from their nominal voltage."""
    found = [(unit, deviation(unit, newest)) for unit in units if VOLTAGE in unit.streams]
    known = [(unit, share) for unit, share in found if share is not None]
    known.sort(key=lambda item: -abs(item[1]))
    return [
        _row(
            unit,
            passed(unit, VOLTAGE, limits, newest),
            language.t("{share} % from nominal", share=language.signed(100 * share, 1)),
            live_value(unit.streams.get(VOLTAGE), newest, language),
            language,
        )
        for unit, share in known[:SHOWN]
    ]


def factor_rows(
    units: Sequence[Unit], limits: Sequence[Threshold], newest: Mapping[int, LiveReading], language: Language
) -> list[Component]:
    """The feeders with the lowest power factor."""
    known = [unit for unit in units if _value(unit, FACTOR, newest) is not None]
    known.sort(key=lambda unit: _value(unit, FACTOR, newest) or 0.0)
    return [
        _row(
            unit,
            passed(unit, FACTOR, limits, newest),
            language.t("Power factor"),
            live_value(unit.streams.get(FACTOR), newest, language),
            language,
        )
        for unit in known[:SHOWN]
    ]


def lamp_summary(
    cabinets: Sequence[Unit],
    newest: Mapping[int, LiveReading],
    now: datetime,
    language: Language,
    *,
    dark: bool | None,
) -> html.Div:
    """How many cabinets fail, burn by day, or say nothing."""
    counted = Counter(lamps_of(unit, newest, now, dark=dark) for unit in cabinets)
    tiles = [
        html.Div(
            [
                html.Span(
                    [state_mark(LAMPS[state][0], language), language.t(LAMPS[state][1])],
                    className="tile__name",
                ),
                html.Span(
                    [
                        html.Span(language.number(counted[state]), className="tile__number"),
                        f" / {language.number(len(cabinets))}",
                    ],
                    className="tile__value",
                ),
            ],
            className="tile",
        )
        for state in _TOLD
    ]
    return html.Div([*tiles, html.P(as_of(now, language), className="desk__facts")], className="desk__tiles")


def lamp_rows(
    cabinets: Sequence[Unit],
    newest: Mapping[int, LiveReading],
    now: datetime,
    language: Language,
    *,
    dark: bool | None,
) -> list[Component]:
    """A line a lighting cabinet, what fails first."""
    order = list(LAMPS)
    found: list[tuple[Unit, LampState]] = [
        (unit, lamps_of(unit, newest, now, dark=dark)) for unit in cabinets
    ]
    found.sort(key=lambda item: (order.index(item[1]), item[0].device.device_id))
    return [
        _row(
            unit,
            LAMPS[state][0],
            language.t(LAMPS[state][1]),
            live_value(unit.streams.get(POWER), newest, language),
            language,
        )
        for unit, state in found
    ]


def lamps_of(unit: Unit, newest: Mapping[int, LiveReading], now: datetime, *, dark: bool | None) -> LampState:
    """What a cabinet's lamps do; an old reading says nothing of that."""
    stream = unit.streams.get(POWER)
    reading = newest.get(stream.stream_id) if stream else None
    power = reading[2] if reading and fresh(reading, stream, now.timestamp() * 1000) else None
    return lamp_state(power, rated_kw(unit.device), dark=dark)


def deviation(unit: Unit, newest: Mapping[int, LiveReading]) -> float | None:
    """The voltage's distance from nominal as a share of it."""
    value, nominal = _value(unit, VOLTAGE, newest), nominal_v(unit.device)
    return None if value is None or nominal <= 0 else value / nominal - 1


def passed(unit: Unit, metric: str, limits: Sequence[Threshold], newest: Mapping[int, LiveReading]) -> str:
    """The worst severity among the limits that a value has passed, else ``ok``."""
    value = _value(unit, metric, newest)
    over = [
        limit.severity
        for limit in limits
        if value is not None
        and limit.applies_to(unit.device, metric)
        and (value > limit.limit if limit.direction == "high" else value < limit.limit)
    ]
    return str(max(over, key=lambda severity: severity.rank)) if over else "ok"


def _row(unit: Unit, state: str, facts: str, value: Component, language: Language) -> Component:
    name = language.pick(unit.device.name_vi, unit.device.name_en)
    return row(
        state_mark(state, language),
        html.Span(
            [html.Span(name, className="desk__name"), html.Span(facts, className="desk__facts")],
            className="desk__text",
            title=name,
        ),
        value,
    )


def _value(unit: Unit, metric: str, newest: Mapping[int, LiveReading]) -> float | None:
    stream = unit.streams.get(metric)
    reading = newest.get(stream.stream_id) if stream else None
    return reading[2] if reading else None
