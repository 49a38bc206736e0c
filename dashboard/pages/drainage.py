"""The drainage desk: the tide seen and ahead, rain, floods, canals, gates, pumps.

``/drainage?gauge=<id>&range=<hours>`` opens with that tide gauge and that much past.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime, timedelta
from typing import Any

import dash
from dash import ClientsideFunction, Dash, Input, Output, html

from dashboard.components import water
from dashboard.components.desk import desk, empty, graph, panel, picker, slot
from dashboard.components.drawer import range_label
from dashboard.figures.tide_curve import tide_curve
from dashboard.languages import requested_language
from dashboard.queries import drainage
from dashboard.runtime import Runtime

RANGES_H = (24, 72, 168)
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
    gauges = [device for device in runtime.city.devices if device.kind == drainage.TIDE_GAUGE]
    ids = [device.device_id for device in gauges]
    options = [{"value": d.device_id, "label": language.pick(d.name_vi, d.name_en)} for d in gauges]
    hours = [{"value": str(h), "label": range_label(h, language)} for h in RANGES_H]
    known = {item["value"] for item in hours}
    side = [
        slot("drainage-summary", rows=2),
        panel(t("Rain now"), slot("drainage-rain", rows=5)),
        panel(t("Water on streets"), slot("drainage-floods", rows=5)),
    ]
    main = [
        panel(
            t("Tide"),
            html.Div(
                [
                    picker(
                        "drainage-gauge",
                        options,
                        gauge if gauge in ids else next(iter(ids), None),
                        t("Tide gauge"),
                    ),
                    picker(
                        "drainage-range",
                        hours,
                        range if range in known else hours[0]["value"],
                        t("Time shown"),
                    ),
                ],
                className="desk__pickers",
            ),
            slot("drainage-tide", rows=1, kind="chart"),
            note=t("The astronomic tide has no surge, river flood or rain in it."),
            kind="wide",
        ),
        panel(t("Tidal gates"), slot("drainage-gates", rows=4)),
        panel(t("Pumping stations"), slot("drainage-pumps", rows=4)),
        panel(t("Canals"), slot("drainage-canals", rows=3, kind="columns"), kind="wide"),
    ]
    return desk("drainage", side, main)


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "drainage",
        path="/drainage",
        title=lambda: runtime.languages[requested_language()].t("Drainage") + " · CityOps",
        layout=functools.partial(layout, runtime),
    )
    for place in ("drainage-gauge", "drainage-range"):
        app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
            ClientsideFunction("desk", "remember"), Input(place, "value")
        )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("drainage-summary", "children"),
        *(Output(place, "children") for _, place, _ in LISTS),
        Input("drainage-tick", "n_intervals"),
    )
    async def show_gear(_: int | None) -> list[Any]:
        language = runtime.languages[requested_language()]
        gear = await runtime.query(drainage.read_gear)
        newest, states = runtime.picture.latest(), runtime.picture.states()
        hint = language.t("Add devices of this kind to the city profile and restart.")
        lists = [
            water.gear_rows(gear.get(kind, []), metrics, newest, states, language)
            or empty(language.t("No station"), hint)
            for kind, _, metrics in LISTS
        ]
        return [water.summary(gear, newest, language), *lists]

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("drainage-tide", "children"),
        Input("drainage-tick", "n_intervals"),
        Input("drainage-gauge", "value"),
        Input("drainage-range", "value"),
    )
    async def show_tide(_: int | None, gauge: str | None, hours: str) -> Any:
        language = runtime.languages[requested_language()]
        now, back = datetime.now(UTC), timedelta(hours=min(int(hours), max(RANGES_H)))
        curve = await runtime.query(
            lambda conn: drainage.read_tide(conn, runtime.city, str(gauge), now, back)
        )
        if curve is None:
            return empty(language.t("No such station"), language.t("Choose a station in the list."))
        return graph("drainage-graph", tide_curve(curve, language))
