"""The environment desk: VN_AQI by station, a station's day, noise.

``/environment?station=<id>`` opens with that station.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

import dash
import psycopg
from dash import ClientsideFunction, Dash, Input, Output, html

from dashboard.components import air
from dashboard.components.desk import desk, empty, graph, panel, picker, slot
from dashboard.figures.air_course import air_course
from dashboard.languages import requested_language
from dashboard.queries import environment
from dashboard.queries.environment import AirCourse, Station
from dashboard.runtime import Runtime


def layout(runtime: Runtime, station: str | None = None, **_: str) -> html.Main:
    """The page; callbacks fill it."""
    language = runtime.languages[requested_language()]
    t = language.t
    stations = [device for device in runtime.city.devices if device.kind == environment.AIR_STATION]
    ids = [device.device_id for device in stations]
    options = [{"value": d.device_id, "label": language.pick(d.name_vi, d.name_en)} for d in stations]
    chosen = station if station in ids else next(iter(ids), None)
    side = panel(
        t("Air quality index (VN_AQI)"),
        slot("environment-counts", rows=1, kind="list"),
        html.Div(slot("environment-stations", rows=9), className="desk__gap"),
        note=t("Decision 1459/QĐ-TCMT, hourly"),
    )
    main = [
        panel(
            t("Station"),
            picker(air.PICKER, options, chosen, t("Station")),
            slot("environment-head", rows=1, kind="list"),
            slot("environment-course", rows=1, kind="chart"),
            note=t("VN_AQI over the last 24 hours"),
            kind="wide",
        ),
        panel(t("Latest values"), slot("environment-values", rows=4, kind="grid"), kind="wide"),
        panel(t("Noise"), slot("environment-noise", rows=4, kind="columns"), kind="wide"),
    ]
    return desk("environment", [side], main)


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "environment",
        path="/environment",
        title=lambda: runtime.languages[requested_language()].t("Environment") + " · CityOps",
        layout=functools.partial(layout, runtime),
    )
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("desk", "remember"), Input(air.PICKER, "value")
    )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("environment-counts", "children"),
        Output("environment-stations", "children"),
        Output("environment-noise", "children"),
        Input("environment-tick", "n_intervals"),
        Input(air.PICKER, "value"),
    )
    async def show_stations(_: int | None, chosen: str | None) -> tuple[Any, ...]:
        now, language = _now(), runtime.languages[requested_language()]
        stations = await runtime.query(lambda conn: environment.read_air(conn, now))
        meters = await runtime.query(lambda conn: environment.read_stations(conn, environment.NOISE_METER))
        newest = runtime.picture.latest()
        if not stations:
            hint = language.t("Add devices of this kind to the city profile and restart.")
            return None, empty(language.t("No station"), hint), None
        return (
            air.categories(stations, language),
            air.station_rows(stations, chosen, language),
            air.noise_rows(meters, newest, language),
        )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("environment-head", "children"),
        Output("environment-course", "children"),
        Output("environment-values", "children"),
        Input("environment-tick", "n_intervals"),
        Input(air.PICKER, "value"),
    )
    async def show_station(_: int | None, chosen: str | None) -> tuple[Any, ...]:
        now, language = _now(), runtime.languages[requested_language()]
        found = await runtime.query(lambda conn: _station(conn, chosen, now))
        if found is None:
            hint = language.t("Choose a station in the list.")
            return empty(language.t("No such station"), hint), None, None
        station, course = found
        return (
            air.station_head(station, language),
            graph("environment-graph", air_course(course, language)),
            air.pollutants(station, runtime.picture.latest(), language),
        )


def _station(conn: psycopg.Connection, chosen: str | None, now: datetime) -> tuple[Station, AirCourse] | None:
    stations = environment.read_stations(conn, environment.AIR_STATION)
    station = next((s for s in stations if s.device.device_id == chosen), None)
    if station is None:
        return None
    course = environment.read_course(conn, station, now)
    return Station(station.device, station.streams, course.indices[-1]), course


def _now() -> datetime:
    # Whole minutes: both callbacks of a page then see the same hours.
    return datetime.now(UTC).replace(second=0, microsecond=0)
