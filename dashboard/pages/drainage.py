"""The drainage desk: the tide seen and ahead, rain, floods, canals, gates, pumps.

``/drainage?gauge=<id>&range=<hours>`` opens with that tide gauge and that much past.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import psycopg
from dash import Dash, Input, Output, html

from dashboard.components import water
from dashboard.components.desk import (
    LOW_CHART,
    capped,
    chosen,
    desk,
    empty,
    graph,
    options,
    panel,
    picker,
    slot,
)
from dashboard.components.drawer import range_label
from dashboard.figures.tide_curve import tide_curve, tide_said
from dashboard.figures.water_history import flood_chart, flood_said, rain_chart, rain_said
from dashboard.languages import Language, mark, requested_language
from dashboard.queries import drainage
from dashboard.queries.drainage import RANGES_H, History
from dashboard.registration import add_page, remember
from dashboard.runtime import Runtime

LISTS = (
    ("rain_gauge", "drainage-rain", ("rain_mmph",)),
    ("flood_gauge", "drainage-floods", ("water_level_m",)),
    ("tidal_gate", "drainage-gates", ("gate_opening_pct", "water_level_m")),
    ("pump_station", "drainage-pumps", ("pump_power_kw", "flow_m3s")),
    ("canal_level", "drainage-canals", ("water_level_m", "flow_m3s")),
)
"""Kind, place on the page, and the metrics shown; the first one orders the list."""


def layout(runtime: Runtime, gauge: str | None = None, range: str | None = None, **_: str) -> html.Main:  # noqa: A002  (the address's own word)
    """The page; callbacks fill it."""
    language = runtime.languages[requested_language()]
    t = language.t
    gauges = options([d for d in runtime.city.devices if d.kind == drainage.TIDE_GAUGE], language)
    hours = [{"value": str(h), "label": range_label(h, language)} for h in RANGES_H]
    pickers = [
        picker("drainage-gauge", gauges, chosen(gauge, gauges), t("Tide gauge")),
        picker("drainage-range", hours, chosen(range, hours), t("Time shown")),
    ]
    side = [
        slot("drainage-summary", rows=2),
        panel(t("Rain now"), slot("drainage-rain", rows=5)),
        panel(t("Water on streets"), slot("drainage-floods", rows=5)),
    ]
    main = [
        panel(
            t("Tide"),
            html.Div(pickers, className="desk__pickers"),
            slot("drainage-tide", rows=1, kind="chart"),
            note=t("The astronomic tide has no surge, river flood or rain in it."),
            kind="wide",
        ),
        panel(t("Rain"), slot("drainage-rained", rows=1, kind=LOW_CHART)),
        panel(t("Depth of water on streets"), slot("drainage-flooded", rows=1, kind=LOW_CHART)),
        panel(t("Tidal gates"), slot("drainage-gates", rows=4)),
        panel(t("Pumping stations"), slot("drainage-pumps", rows=4)),
        panel(t("Canals"), slot("drainage-canals", rows=3, kind="columns"), kind="wide"),
    ]
    return desk("drainage", side, main)


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    add_page(runtime, "drainage", mark("Drainage"), layout)
    remember(app, "drainage-gauge", "drainage-range")

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("drainage-summary", "children"),
        *(Output(place, "children") for _, place, _ in LISTS),
        Input("drainage-tick", "n_intervals"),
    )
    async def show_gear(_: int | None) -> list[Any]:
        language, now = runtime.languages[requested_language()], datetime.now(UTC)
        gear = await runtime.query(drainage.read_gear)
        newest, states = runtime.picture.latest(), runtime.picture.states()
        hint = language.t("Add devices of this kind to the city profile and restart.")
        lists = [
            capped(water.gear_rows(gear.get(kind, []), metrics, newest, states, language), kind, language)
            or empty(language.t("No station"), hint)
            for kind, _, metrics in LISTS
        ]
        return [water.summary(gear, newest, now, language), *lists]

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("drainage-tide", "children"),
        Input("drainage-tick", "n_intervals"),
        Input("drainage-gauge", "value"),
        Input("drainage-range", "value"),
    )
    async def show_tide(_: int | None, gauge: str | None, hours: str) -> Any:
        language, now = runtime.languages[requested_language()], datetime.now(UTC)
        back = timedelta(hours=_hours(hours))
        curve = await runtime.query(
            lambda conn: drainage.read_tide(conn, runtime.city, str(gauge), now, back)
        )
        if curve is None:
            return empty(language.t("No such station"), language.t("Choose a station in the list."))
        said = tide_said(curve, language)
        return graph("drainage-graph", tide_curve(curve, language), said, now, language)

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("drainage-rained", "children"),
        Output("drainage-flooded", "children"),
        Input("drainage-tick", "n_intervals"),
        Input("drainage-range", "value"),
    )
    async def show_history(_: int | None, hours: str) -> tuple[Any, Any]:
        language, now = runtime.languages[requested_language()], datetime.now(UTC)

        def ask(conn: psycopg.Connection) -> tuple[History, History]:
            shown, known = _hours(hours), drainage.read_gear(conn)
            return drainage.read_rain(conn, now, shown, known), drainage.read_floods(conn, now, shown, known)

        rain, floods = await runtime.query(ask)
        chart = rain_chart(rain, language), rain_said(rain, language)
        return graph("drainage-rain-graph", *chart, now, language), _floods(floods, now, language)


def _floods(floods: History, now: datetime, language: Language) -> Any:
    if not floods.gear:
        hint = language.t("No gauge saw more than {depth} in this time.", depth=_depth(language))
        return empty(language.t("Streets are dry"), hint)
    said = flood_said(floods, language)
    return graph("drainage-flood-graph", flood_chart(floods, language), said, now, language)


def _depth(language: Language) -> str:
    return language.quantity(100 * drainage.DRY_M, 0, "cm")


def _hours(asked: str | None) -> int:
    return next((hours for hours in RANGES_H if str(hours) == asked), RANGES_H[0])
