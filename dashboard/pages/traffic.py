"""The traffic desk: roads against what is usual for the hour, a road's day and week, its devices.

``/traffic?road=<key>&day=<YYYY-MM-DD>`` opens with that road and day; without a day it is the last 24 hours.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import psycopg
from dash import Dash, Input, Output, html

from dashboard.components import roads
from dashboard.components.days import day_end, day_label, day_picker
from dashboard.components.desk import LOW_CHART, chosen, desk, empty, graph, panel, picker, slot
from dashboard.figures.road_week import day_against_usual, day_said, heat_map, heat_said
from dashboard.languages import mark, requested_language
from dashboard.queries import traffic
from dashboard.queries.traffic import Road, RoadNow, RoadWeek
from dashboard.registration import add_page, remember
from dashboard.runtime import Runtime
from telemetry.metrics import Domain


def layout(runtime: Runtime, road: str | None = None, day: str | None = None, **_: str) -> html.Main:
    """The page; callbacks fill it."""
    language = runtime.languages[requested_language()]
    t = language.t
    names = traffic.road_names(runtime.city)
    keys = sorted(
        {d.tags["road"] for d in runtime.city.devices if d.domain is Domain.TRAFFIC and "road" in d.tags}
    )
    offered = [{"value": key, "label": language.pick(*names.get(key, (key, key)))} for key in keys]
    pickers = [
        picker(roads.PICKER, offered, chosen(road, offered), t("Road")),
        day_picker("traffic-day", day, _now(), language),
    ]
    side = panel(
        t("Worst roads now"),
        slot("traffic-roads", rows=10),
        note=t("Level of service A–F, mean of 15 minutes; against the same hour of like days"),
    )
    main = [
        panel(
            t("Speed"),
            html.Div(pickers, className="desk__pickers"),
            slot("traffic-speed", rows=1, kind="chart"),
            note=t("Mean of the road's detectors and cameras, by quarter of an hour"),
            kind="wide",
        ),
        panel(t("Flow"), slot("traffic-flow", rows=1, kind=LOW_CHART)),
        panel(t("Speed by hour and day"), slot("traffic-heat", rows=1, kind=LOW_CHART)),
        panel(t("Detectors and cameras"), slot("traffic-devices", rows=3, kind="columns"), kind="wide"),
    ]
    return desk("traffic", [side], main)


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    add_page(runtime, "traffic", mark("Traffic"), layout)
    remember(app, roads.PICKER, "traffic-day")

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("traffic-roads", "children"),
        Input("traffic-tick", "n_intervals"),
        Input(roads.PICKER, "value"),
    )
    async def show_roads(_: int | None, road: str | None) -> Any:
        language, now = runtime.languages[requested_language()], _now()

        def ask(conn: psycopg.Connection) -> list[RoadNow]:
            found = traffic.read_roads(conn, runtime.city)
            return traffic.read_now(conn, found, now, language.zone)

        rows = roads.road_rows(await runtime.query(ask), road, now, language)
        hint = language.t("Give traffic devices the tag road in the city profile and restart.")
        return rows or empty(language.t("No road"), hint)

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("traffic-speed", "children"),
        Output("traffic-flow", "children"),
        Output("traffic-heat", "children"),
        Output("traffic-devices", "children"),
        Input("traffic-tick", "n_intervals"),
        Input(roads.PICKER, "value"),
        Input("traffic-day", "value"),
    )
    async def show_road(_: int | None, road: str | None, day: str | None) -> tuple[Any, ...]:
        language, now = runtime.languages[requested_language()], _now()
        end = day_end(day, now, language.zone)
        found = await runtime.query(lambda conn: _week(conn, runtime, road, end))
        if found is None:
            hint = language.t("Choose a road in the list.")
            return (empty(language.t("No such road"), hint), None, None, None)
        picture, label = runtime.picture, day_label(day, language)
        devices = roads.device_rows(found[0], picture.latest(), picture.states(), language)
        return (*_charts(found[1], label, now, runtime), devices)


def _week(
    conn: psycopg.Connection, runtime: Runtime, key: str | None, end: datetime
) -> tuple[Road, RoadWeek] | None:
    road = next((r for r in traffic.read_roads(conn, runtime.city) if r.key == key), None)
    zone = runtime.languages[requested_language()].zone
    return (road, traffic.read_week(conn, road, end, zone)) if road else None


def _charts(week: RoadWeek, label: str, now: datetime, runtime: Runtime) -> list[html.Figure]:
    language = runtime.languages[requested_language()]
    shown = (
        ("speed", language.t("Speed"), week.speed, "km/h", 1),
        ("flow", language.t("Flow"), week.flow, language.t("veh/h"), 0),
    )
    charts = [
        graph(
            f"traffic-{key}-graph",
            day_against_usual(week, values, unit, decimals, label, language),
            day_said(week, values, name, unit, decimals, language),
            now,
            language,
        )
        for key, name, values, unit, decimals in shown
    ]
    heat = graph("traffic-heat-graph", heat_map(week, language), heat_said(week, language), now, language)
    return [*charts, heat]


def _now() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)
