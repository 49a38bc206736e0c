"""The energy desk: load against yesterday and last week, voltage, frequency, power factor, street lamps.

``/energy?feeder=<id>`` opens with that feeder; ``all`` is all of them together.
"""

from __future__ import annotations

import functools
from datetime import UTC, datetime
from typing import Any

import dash
from dash import ClientsideFunction, Dash, Input, Output, html

from dashboard.components import power
from dashboard.components.desk import desk, empty, graph, panel, picker, slot
from dashboard.figures.load import frequency_curve, load_curve
from dashboard.languages import requested_language
from dashboard.queries import energy
from dashboard.runtime import Runtime


def layout(runtime: Runtime, feeder: str | None = None, **_: str) -> html.Main:
    """The page; callbacks fill it."""
    language = runtime.languages[requested_language()]
    t = language.t
    feeders = [device for device in runtime.city.devices if device.kind == energy.FEEDER]
    options = [{"value": energy.ALL, "label": t("All feeders")}]
    options += [{"value": d.device_id, "label": language.pick(d.name_vi, d.name_en)} for d in feeders]
    known = {option["value"] for option in options}
    side = panel(
        t("Street lamps"),
        slot("energy-lamps", rows=10),
        note=t("On and off against sunset and sunrise"),
    )
    main = [
        panel(
            t("Load"),
            picker("energy-feeder", options, feeder if feeder in known else energy.ALL, t("Feeder")),
            slot("energy-load", rows=1, kind="chart"),
            note=t("By quarter of an hour"),
            kind="wide",
        ),
        panel(
            t("Frequency"),
            html.Div(slot("energy-frequency", rows=1, kind="chart"), className="desk__low"),
            note=t("Mean of the substations"),
            kind="wide",
        ),
        panel(t("Farthest from nominal voltage"), slot("energy-voltage", rows=4)),
        panel(t("Lowest power factor"), slot("energy-factor", rows=4)),
    ]
    return desk("energy", [side], main)


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    dash.register_page(  # pyright: ignore[reportUnknownMemberType]
        "energy",
        path="/energy",
        title=lambda: runtime.languages[requested_language()].t("Energy") + " · CityOps",
        layout=functools.partial(layout, runtime),
    )
    app.clientside_callback(  # pyright: ignore[reportUnknownMemberType]
        ClientsideFunction("desk", "remember"), Input("energy-feeder", "value")
    )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("energy-lamps", "children"),
        Output("energy-voltage", "children"),
        Output("energy-factor", "children"),
        Input("energy-tick", "n_intervals"),
    )
    async def show_units(_: int | None) -> tuple[Any, ...]:
        language = runtime.languages[requested_language()]
        units = await runtime.query(energy.read_units)
        newest, limits = runtime.picture.latest(), runtime.city.thresholds
        dark = energy.is_dark(runtime.city, datetime.now(UTC), language.zone)
        cabinets, feeders = units.get(energy.CABINET, []), units.get(energy.FEEDER, [])
        supplies = [unit for kind, found in units.items() if kind != energy.CABINET for unit in found]
        hint = language.t("Add devices of this kind to the city profile and restart.")
        none = empty(language.t("No readings yet"), hint)
        return (
            power.lamp_rows(cabinets, newest, language, dark=dark) or none,
            power.voltage_rows(supplies, limits, newest, language) or none,
            power.factor_rows(feeders, limits, newest, language) or none,
        )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("energy-load", "children"),
        Input("energy-tick", "n_intervals"),
        Input("energy-feeder", "value"),
    )
    async def show_load(_: int | None, feeder: str | None) -> Any:
        language, now = runtime.languages[requested_language()], datetime.now(UTC)
        load = await runtime.query(lambda conn: energy.read_load(conn, str(feeder), now))
        if load is None:
            return empty(language.t("No such feeder"), language.t("Choose a feeder in the list."))
        return graph("energy-load-graph", load_curve(load, language))

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("energy-frequency", "children"), Input("energy-tick", "n_intervals")
    )
    async def show_frequency(_: int | None) -> Any:
        language, now = runtime.languages[requested_language()], datetime.now(UTC)
        times, values = await runtime.query(lambda conn: energy.read_frequency(conn, now))
        limits = [limit for limit in runtime.city.thresholds if limit.metric == energy.FREQUENCY]
        return graph("energy-frequency-graph", frequency_curve(times, values, limits, language))
