"""The energy desk: load against yesterday and last week, voltage, frequency, power factor, street lamps.

``/energy?feeder=<id>&day=<YYYY-MM-DD>`` opens with that feeder and day; ``all`` is all feeders together.
"""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from dash import Dash, Input, Output, html

from dashboard.components import power
from dashboard.components.days import day_end, day_label, day_picker
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
from dashboard.figures.load import frequency_curve, frequency_said, load_curve, load_said
from dashboard.figures.voltage import voltage_chart, voltage_said
from dashboard.languages import mark, requested_language
from dashboard.queries import energy
from dashboard.registration import add_page, remember
from dashboard.runtime import Runtime


def layout(runtime: Runtime, feeder: str | None = None, day: str | None = None, **_: str) -> html.Main:
    """The page; callbacks fill it."""
    language = runtime.languages[requested_language()]
    t = language.t
    feeders = [device for device in runtime.city.devices if device.kind == energy.FEEDER]
    offered = [{"value": energy.ALL, "label": t("All feeders")}, *options(feeders, language)]
    pickers = [
        picker("energy-feeder", offered, chosen(feeder, offered), t("Feeder")),
        day_picker("energy-day", day, datetime.now(UTC), language),
    ]
    side = [
        slot("energy-summary", rows=2),
        panel(
            t("Street lamps"), slot("energy-lamps", rows=10), note=t("On and off against sunset and sunrise")
        ),
    ]
    main = [
        panel(
            t("Load"),
            html.Div(pickers, className="desk__pickers"),
            slot("energy-load", rows=1, kind="chart"),
            note=t("By quarter of an hour"),
            kind="wide",
        ),
        panel(
            t("Frequency"),
            slot("energy-frequency", rows=1, kind=LOW_CHART),
            note=t("Mean of the substations"),
        ),
        panel(
            t("Voltage in its band"),
            slot("energy-band", rows=1, kind=LOW_CHART),
            note=t("Lowest to highest supply of each level"),
        ),
        panel(t("Farthest from nominal voltage"), slot("energy-voltage", rows=4)),
        panel(t("Lowest power factor"), slot("energy-factor", rows=4)),
    ]
    return desk("energy", side, main)


def register(app: Dash, runtime: Runtime) -> None:
    """Add the page and its callbacks to the app."""
    add_page(runtime, "energy", mark("Energy"), layout)
    remember(app, "energy-feeder", "energy-day")

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("energy-summary", "children"),
        Output("energy-lamps", "children"),
        Output("energy-voltage", "children"),
        Output("energy-factor", "children"),
        Input("energy-tick", "n_intervals"),
    )
    async def show_units(_: int | None) -> tuple[Any, ...]:
        language, now = runtime.languages[requested_language()], datetime.now(UTC)
        units = await runtime.query(energy.read_units)
        newest, limits = runtime.picture.latest(), runtime.city.thresholds
        dark = energy.is_dark(runtime.city, now, language.zone)
        cabinets, feeders = units.get(energy.CABINET, []), units.get(energy.FEEDER, [])
        supplies = [unit for kind, found in units.items() if kind != energy.CABINET for unit in found]
        hint = language.t("Add devices of this kind to the city profile and restart.")
        none = empty(language.t("No readings yet"), hint)
        return (
            power.lamp_summary(cabinets, newest, now, language, dark=dark),
            capped(power.lamp_rows(cabinets, newest, now, language, dark=dark), energy.CABINET, language)
            or none,
            power.voltage_rows(supplies, limits, newest, language) or none,
            power.factor_rows(feeders, limits, newest, language) or none,
        )

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("energy-load", "children"),
        Input("energy-tick", "n_intervals"),
        Input("energy-feeder", "value"),
        Input("energy-day", "value"),
    )
    async def show_load(_: int | None, feeder: str | None, day: str | None) -> Any:
        language, now = runtime.languages[requested_language()], datetime.now(UTC)
        end = day_end(day, now, language.zone)
        load = await runtime.query(lambda conn: energy.read_load(conn, str(feeder), end))
        if load is None:
            return empty(language.t("No such feeder"), language.t("Choose a feeder in the list."))
        figure = load_curve(load, day_label(day, language), language)
        return graph("energy-load-graph", figure, load_said(load, language), now, language)

    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("energy-frequency", "children"),
        Output("energy-band", "children"),
        Input("energy-tick", "n_intervals"),
        Input("energy-day", "value"),
    )
    async def show_bands(_: int | None, day: str | None) -> tuple[Any, Any]:
        language, now = runtime.languages[requested_language()], datetime.now(UTC)
        end = day_end(day, now, language.zone)
        units = await runtime.query(energy.read_units)
        times, values = await runtime.query(lambda conn: energy.read_frequency(conn, end, units))
        bands = await runtime.query(lambda conn: energy.read_voltage(conn, end, units))
        limits = [limit for limit in runtime.city.thresholds if limit.metric == energy.FREQUENCY]
        hertz = frequency_curve(times, values, limits, language)
        said = frequency_said(times, values, language)
        volts = voltage_chart(bands, energy.voltage_limits(runtime.city.thresholds), language)
        return (
            graph("energy-frequency-graph", hertz, said, now, language),
            graph("energy-band-graph", volts, voltage_said(bands, language), now, language),
        )
