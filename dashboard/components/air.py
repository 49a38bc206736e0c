"""Air quality: the index's badge, the stations, the station in hand, noise."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime

from dash import html
from dash.development.base_component import Component

from dashboard.components.desk import as_of, live_value, row
from dashboard.components.marks import state_mark
from dashboard.languages import Language, mark
from dashboard.live.messages import LiveReading
from dashboard.queries.environment import Station
from dashboard.theme import AQI_COLOURS
from dashboard.wording import AIR_ADVICE, AIR_CATEGORIES, NOISE_AREAS
from telemetry.city import Threshold
from telemetry.metrics import METRICS
from telemetry.vn_aqi import AirCategory, AirIndex

PICKER = "environment-station"
NOISE = mark("Noise")


def badge(text: str, category: AirCategory | None, *, large: bool = False) -> html.Span:
    """A number on its category's official colour."""
    size = " badge--large" if large else ""
    if category is None:
        return html.Span(text, className=f"badge badge--none{size}")
    ground, ink = AQI_COLOURS[category]
    return html.Span(text, className=f"badge{size}", style={"background": ground, "color": ink})


def categories(stations: Sequence[Station], language: Language) -> html.Div:
    """How many stations stand in each category."""
    counted = Counter(station.index.category for station in stations if station.index)
    return html.Div(
        [
            html.Span(
                [badge(str(counted[category]), category), language.t(AIR_CATEGORIES[category])],
                className="counts__item",
            )
            for category in AirCategory
        ],
        className="counts",
    )


def station_rows(stations: Sequence[Station], chosen: str | None, language: Language) -> list[Component]:
    """A line a station, worst first."""
    return [
        row(
            _index_badge(station.index),
            html.Span(
                [
                    html.Span(_name(station, language), className="desk__name"),
                    html.Span(_facts(station.index, language), className="desk__facts"),
                ],
                className="desk__text",
            ),
            choose=PICKER,
            value=station.device.device_id,
            chosen=station.device.device_id == chosen,
        )
        for station in stations
    ]


def station_head(station: Station, place: str, now: datetime, language: Language) -> html.Div:
    """The index of the station in hand, where it stands, and what the index means for people."""
    index = station.index
    said = language.t(AIR_CATEGORIES[index.category]) if index else language.t("No index yet")
    advice = (
        language.t(AIR_ADVICE[index.category])
        if index
        else language.t("The index needs PM2.5 or PM10 in two of the last three hours.")
    )
    return html.Div(
        [
            _index_badge(index, large=True),
            html.Div(
                [
                    html.P(said, className="air__category"),
                    html.P(
                        [f"{mostly(index, language)} · {place} · ".removeprefix(" · "), as_of(now, language)],
                        className="desk__facts",
                    ),
                    html.P(advice, className="air__advice"),
                ]
            ),
        ],
        className="air",
    )


def pollutants(station: Station, newest: Mapping[int, LiveReading], language: Language) -> list[Component]:
    """Everything the station measures, live."""
    return [
        live_value(station.streams[key], newest, language, name=_named(key, station.index, language))
        for key in station.device.metrics
        if key in station.streams
    ]


def noise_rows(
    meters: Sequence[Station],
    limits: Sequence[Threshold],
    newest: Mapping[int, LiveReading],
    states: Mapping[str, str],
    language: Language,
) -> list[Component]:
    """A line a noise meter with the limit that watches it, the loudest first."""

    def loudness(meter: Station) -> float:
        stream = meter.streams.get("noise_dba")
        reading = newest.get(stream.stream_id) if stream else None
        return -reading[2] if reading else 0.0

    return [
        row(
            state_mark(states.get(meter.device.device_id, "unknown"), language),
            html.Span(
                [
                    html.Span(_name(meter, language), className="desk__name"),
                    html.Span(" · ".join(_noise_facts(meter, limits, language)), className="desk__facts"),
                ],
                className="desk__text",
            ),
            live_value(meter.streams.get("noise_dba"), newest, language),
        )
        for meter in sorted(meters, key=loudness)
    ]


def mostly(index: AirIndex | None, language: Language) -> str:
    """The dominant pollutant in words; empty without an index."""
    return language.t("mostly {pollutant}", pollutant=_metric(index.dominant, language)) if index else ""


def _noise_facts(meter: Station, limits: Sequence[Threshold], language: Language) -> list[str]:
    """What the meter stands in, and the limit; one that is no law says so."""
    said = [language.t(NOISE_AREAS.get(meter.device.tags.get("area", ""), NOISE))]
    for limit in limits:
        if limit.applies_to(meter.device, "noise_dba"):
            level = language.quantity(limit.limit, 0, "dBA")
            legal = limit.confidence == "V"
            said.append(
                language.t("limit {level}, {source}", level=level, source=limit.source)
                if legal
                else language.t("alert at {level}, a proposal", level=level)
            )
    return said


def _named(key: str, index: AirIndex | None, language: Language) -> str:
    part = index.parts.get(key) if index else None
    name = _metric(key, language)
    return name if part is None else language.t("{name} · index {part}", name=name, part=part)


def _index_badge(index: AirIndex | None, *, large: bool = False) -> html.Span:
    return badge(str(index.value) if index else "–", index.category if index else None, large=large)


def _facts(index: AirIndex | None, language: Language) -> str:
    if index is None:
        return language.t("No index yet")
    category = language.t(AIR_CATEGORIES[index.category])
    return language.t(
        "{category} · mostly {pollutant}", category=category, pollutant=_metric(index.dominant, language)
    )


def _metric(key: str, language: Language) -> str:
    metric = METRICS.get(key)
    return language.pick(metric.name_vi, metric.name_en) if metric else key


def _name(station: Station, language: Language) -> str:
    return language.pick(station.device.name_vi, station.device.name_en)
