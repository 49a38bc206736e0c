"""The traffic desk: roads against what is usual for the hour, a road's day and week, its devices.

``/traffic?road=<key>`` opens with that road.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

import dash
import psycopg
from dash import ClientsideFunction, Dash, Input, Output, html

from dashboard.components import roads
from dashboard.components.desk import desk, empty, graph, panel, picker, slot
from dashboard.figures.road_week import day_against_usual, heat_map
from dashboard.languages import requested_language
from dashboard.queries import traffic
from dashboard.queries.traffic import Road, RoadNow, RoadWeek
from dashboard.runtime import Runtime
from telemetry.metrics import Domain


def layout(runtime: Runtime, road: str | None = None, **_: str) -> html.Main:
    """The page; callbacks fill it."""
    language = runtime.languages[requested_language()]
    t = language.t
    names = traffic.road_names(runtime.city)
    keys = sorted(
        {d.tags["road"] for d in runtime.city.devices if d.domain is Domain.TRAFFIC and "road" in d.tags}
    )
    options = [{"value": key, "label": language.pick(*names.get(key, (key, key)))} for key in keys]
    side = panel(
        t("Worst roads now"),
        slot("traffic-roads", rows=10),
        note=t("Level of service A–F; against the same hour of like days"),
    )
    main = [
        panel(
            t("Speed"),
            picker(roads.PICKER, options, road if road in keys else next(iter(keys), None), t("Road")),
            slot("traffic-speed", rows=1, kind="chart"),
            note=t("Mean of the road's detectors and cameras, by quarter of an hour"),
            kind="wide",
        ),
        panel(t("Flow"), html.Div(slot("traffic-flow", rows=1, kind="chart"), className="desk__low")),
        panel(
            t("Speed by hour and day"),
            html.Div(slot("traffic-heat", rows=1, kind="chart"), className="desk__low"),
        ),
        panel(t("Detectors and cameras"), slot("traffic-devices", rows=3, kind="columns"), kind="wide"),
    ]
    return desk("traffic", [side], main)


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "traffic",
        path="/traffic",
        title=lambda: runtime.languages[requested_language()].t("Traffic") + " · CityOps",
        layout=functools.partial(layout, runtime),
    )
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("desk", "remember"), Input(roads.PICKER, "value")
    )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("traffic-roads", "children"),
        Input("traffic-tick", "n_intervals"),
        Input(roads.PICKER, "value"),
    )
    async def show_roads(_: int | None, chosen: str | None) -> Any:
        language = runtime.languages[requested_language()]

        def ask(conn: psycopg.Connection) -> list[RoadNow]:
            found = traffic.read_roads(conn, runtime.city)
            return traffic.read_now(conn, found, _now(), language.zone)

        rows = roads.road_rows(await runtime.query(ask), chosen, language)
        hint = language.t("Give traffic devices the tag road in the city profile and restart.")
        return rows or empty(language.t("No road"), hint)

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("traffic-speed", "children"),
        Output("traffic-flow", "children"),
        Output("traffic-heat", "children"),
        Output("traffic-devices", "children"),
        Input("traffic-tick", "n_intervals"),
        Input(roads.PICKER, "value"),
    )
    async def show_road(_: int | None, chosen: str | None) -> tuple[Any, ...]:
        language = runtime.languages[requested_language()]

        def ask(conn: psycopg.Connection) -> tuple[Road, RoadWeek] | None:
            road = next((r for r in traffic.read_roads(conn, runtime.city) if r.key == chosen), None)
            return (road, traffic.read_week(conn, road, _now(), language.zone)) if road else None

        found = await runtime.query(ask)
        if found is None:
            return (
                empty(language.t("No such road"), language.t("Choose a road in the list.")),
                None,
                None,
                None,
            )
        road, week = found
        picture = runtime.picture
        return (
            graph("traffic-speed-graph", day_against_usual(week, week.speed, "km/h", 1, language)),
            graph("traffic-flow-graph", day_against_usual(week, week.flow, language.t("veh/h"), 0, language)),
            graph("traffic-heat-graph", heat_map(week, language)),
            roads.device_rows(road, picture.latest(), picture.states(), language),
        )


def _now() -> datetime:
    return datetime.now(UTC).replace(second=0, microsecond=0)
