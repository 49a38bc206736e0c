"""The environment desk: VN_AQI by station, a station's day, noise.

``/environment?station=<id>`` opens with that station.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
from dash import Dash, Input, Output, html

from dashboard.components import air
from dashboard.components.desk import capped, chosen, desk, empty, graph, options, panel, picker, slot
from dashboard.figures.air_course import air_course, air_said
from dashboard.languages import Language, mark, requested_language
from dashboard.queries import environment
from dashboard.queries.environment import AirCourse, Station
from dashboard.registration import add_page, remember
from dashboard.runtime import Runtime
from telemetry.devices import Device


def layout(runtime: Runtime, station: str | None = None, **_: str) -> html.Main:
    """The page; callbacks fill it."""
    language = runtime.languages[requested_language()]
    t = language.t
    stations = [device for device in runtime.city.devices if device.kind == environment.AIR_STATION]
    offered = options(stations, language)
    side = panel(
        t("Air quality index (VN_AQI)"),
        slot("environment-counts", rows=1, kind="list"),
        html.Div(slot("environment-stations", rows=9), className="desk__gap"),
        note=t("Decision 1459/QĐ-TCMT, hourly"),
    )
    main = [
        panel(
            t("Station"),
            picker(air.PICKER, offered, chosen(station, offered), t("Station")),
            slot("environment-head", rows=1, kind="list"),
            slot("environment-course", rows=1, kind="chart"),
            note=t("VN_AQI over the last 24 hours"),
            kind="wide",
        ),
        panel(t("Latest values"), slot("environment-values", rows=4, kind="grid"), kind="wide"),
        panel(
            t("Noise"),
            slot("environment-noise", rows=4, kind="columns"),
            note=t("QCVN 26:2025/BNNMT governs; the alert levels here are proposals until its table is set."),
            kind="wide",
        ),
    ]
    return desk("environment", [side], main)


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    add_page(runtime, "environment", mark("Environment"), layout)
    remember(app, air.PICKER)

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("environment-counts", "children"),
        Output("environment-stations", "children"),
        Output("environment-noise", "children"),
        Input("environment-tick", "n_intervals"),
        Input(air.PICKER, "value"),
    )
    async def show_stations(_: int | None, station: str | None) -> tuple[Any, ...]:
        now, language = _now(), runtime.languages[requested_language()]
        stations = await runtime.query(lambda conn: environment.read_air(conn, now))
        meters = await runtime.query(lambda conn: environment.read_stations(conn, environment.NOISE_METER))
        newest, states = runtime.picture.latest(), runtime.picture.states()
        hint = language.t("Add devices of this kind to the city profile and restart.")
        none = empty(language.t("No station"), hint)
        return (
            air.categories(stations, language) if stations else None,
            air.station_rows(stations, station, language) or none,
            capped(
                air.noise_rows(meters, runtime.city.thresholds, newest, states, language),
                environment.NOISE_METER,
                language,
            )
            or none,
        )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("environment-head", "children"),
        Output("environment-course", "children"),
        Output("environment-values", "children"),
        Input("environment-tick", "n_intervals"),
        Input(air.PICKER, "value"),
    )
    async def show_station(_: int | None, chosen_id: str | None) -> tuple[Any, ...]:
        now, language = _now(), runtime.languages[requested_language()]
        found = await runtime.query(lambda conn: _station(conn, chosen_id, now))
        if found is None:
            hint = language.t("Choose a station in the list.")
            return empty(language.t("No such station"), hint), None, None
        station, course = found
        figure, said = air_course(course, language), air_said(course, language)
        return (
            air.station_head(station, _place(station.device, runtime, language), now, language),
            graph("environment-graph", figure, said, now, language),
            air.pollutants(station, runtime.picture.latest(), language),
        )


def _station(conn: psycopg.Connection, chosen: str | None, now: datetime) -> tuple[Station, AirCourse] | None:
    stations = environment.read_stations(conn, environment.AIR_STATION)
    station = next((s for s in stations if s.device.device_id == chosen), None)
    if station is None:
        return None
    course = environment.read_course(conn, station, now)
    return Station(station.device, station.streams, course.indices[-1]), course


def _place(device: Device, runtime: Runtime, language: Language) -> str:
    """District and coordinates, which the decision wants published with the index."""
    zone = next((zone for zone in runtime.city.zones if zone.code == device.zone), None)
    district = language.pick(zone.name_vi, zone.name_en) if zone else device.zone
    return f"{district} · {device.lat:.4f}, {device.lon:.4f}"


def _now() -> datetime:
    # Whole minutes: both callbacks of a page then see the same hours.
    return datetime.now(UTC).replace(second=0, microsecond=0)
