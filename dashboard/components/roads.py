"""Lists of the traffic desk: roads, and the detectors and cameras of one."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Final

from dash import html
from dash.development.base_component import Component

from dashboard.components.desk import as_of, live_value, row
from dashboard.components.marks import state_mark
from dashboard.languages import Language
from dashboard.live.messages import LiveReading
from dashboard.queries.traffic import FLOW, SPEED, Road, RoadNow
from dashboard.wording import kind_name

PICKER: Final = "traffic-road"
_LEVEL_STATES: Final = {"A": "ok", "B": "ok", "C": "info", "D": "minor", "E": "major", "F": "critical"}


def road_rows(
    found: Sequence[RoadNow], chosen: str | None, now: datetime, language: Language
) -> list[Component]:
    """A line a road: level of service, speed, and how it stands against its usual."""
    rows: list[Component] = [
        row(
            html.Span(
                item.level or "–",
                className=f"badge badge--{_LEVEL_STATES.get(item.level, 'none')}",
                title=language.t("Level of service {level}", level=item.level or "–"),
            ),
            html.Span(
                [
                    html.Span(name(item.road, language), className="desk__name"),
                    html.Span(_against_usual(item, language), className="desk__facts desk__facts--apart"),
                ],
                className="desk__text",
            ),
            html.Span(_quantity(item.speed, 1, "km/h", language), className="desk__number"),
            choose=PICKER,
            value=item.road.key,
            chosen=item.road.key == chosen,
        )
        for item in found
    ]
    return [*rows, html.P(as_of(now, language), className="desk__facts")] if rows else []


def device_rows(
    road: Road, newest: Mapping[int, LiveReading], states: Mapping[str, str], language: Language
) -> list[Component]:
    """A line a detector or camera of the road, live."""
    return [
        row(
            state_mark(states.get(device.device_id, "unknown"), language),
            html.Span(
                [
                    html.Span(language.pick(device.name_vi, device.name_en), className="desk__name"),
                    html.Span(kind_name(language, device.kind), className="desk__facts"),
                ],
                className="desk__text",
                title=language.pick(device.name_vi, device.name_en),
            ),
            html.Span(
                [
                    live_value(road.streams[device.device_id].get(key), newest, language)
                    for key in (SPEED, FLOW)
                ],
                className="desk__values",
            ),
        )
        for device in road.devices
    ]


def name(road: Road, language: Language) -> str:
    """The road's name."""
    return language.pick(road.name_vi, road.name_en)


def _against_usual(item: RoadNow, language: Language) -> list[Component]:
    if not (math.isfinite(item.speed) and item.usual_speed > 0):
        silent = math.isnan(item.speed)
        return [html.Span(language.t("No readings in the last 15 minutes"))] if silent else []
    share = round(100 * item.speed / item.usual_speed)
    flow = _quantity(item.flow, 0, language.t("veh/h"), language)
    return [html.Span(language.t("{share} % of usual", share=share)), html.Span(flow)]


def _quantity(value: float, decimals: int, unit: str, language: Language) -> str:
    return language.quantity(value, decimals, unit) if math.isfinite(value) else "–"
