"""Devices: the inventory with its health, and one device's own page.

``/devices?domain=&kind=&zone=&state=&q=`` and ``/devices/<device id>``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import dash_mantine_components as dmc
import psycopg
from dash import Dash, Input, Output, dcc, html

from dashboard.components.attributes import aria
from dashboard.components.device_page import device_frame, device_parts, no_device
from dashboard.components.inventory import inventory_grid, inventory_rows, inventory_tabs
from dashboard.languages import Language, mark, requested_language
from dashboard.queries.charts import ChartData, read_chart
from dashboard.queries.devices import DeviceView, read_clocks, read_device, read_inventory
from dashboard.registration import add_page, remember
from dashboard.runtime import Runtime
from dashboard.wording import STATES, domain_name, kind_name, state_name
from telemetry.errors import NotFoundError
from telemetry.metrics import CITY_DOMAINS

_FILTERS: tuple[str, ...] = ("domain", "kind", "zone", "state")
_CONTROLS = tuple(f"devices-{name}" for name in (*_FILTERS, "q"))
_REFRESH_MS = 10_000
_CHART_POINTS = 600
_CHARTS = 12
_SPAN = timedelta(hours=24)


def layout(runtime: Runtime, **query: str) -> html.Main:
    """The inventory."""
    language = runtime.languages[requested_language()]
    return html.Main(
        id="devices-root",
        className="page",
        children=[
            dcc.Interval(id="devices-tick", interval=_REFRESH_MS),
            html.Div(
                [
                    html.H2(language.t("Devices"), className="page__title"),
                    inventory_tabs(language, "/devices"),
                    html.Span(id="devices-count", className="page__note", role="status"),
                ],
                className="page__head",
            ),
            html.Div(
                [
                    *(_filter(runtime, language, name, query.get(name)) for name in _FILTERS),
                    _search(query.get("q", ""), language),
                ],
                className="page__bar panel",
            ),
            html.Div(inventory_grid(language), className="page__table panel"),
        ],
    )


def device_layout(runtime: Runtime, device_id: str = "", **_: str) -> html.Main:
    """One device; a callback fills the frame."""
    return device_frame(device_id[:64], runtime.languages[requested_language()])


def register(app: Dash, runtime: Runtime) -> None:
    """Add the pages and their callbacks to the app."""
    add_page(runtime, "devices", mark("Devices"), layout)
    add_page(runtime, "device", mark("Devices"), device_layout, template="/devices/<device_id>")
    remember(app, *_CONTROLS)
    _register_inventory(app, runtime)
    _register_device(app, runtime)


def _register_inventory(app: Dash, runtime: Runtime) -> None:
    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("devices-grid", "rowData"),
        Output("devices-count", "children"),
        Input("devices-tick", "n_intervals"),
        *[Input(control, "value") for control in _CONTROLS],
    )
    async def fill(_: int | None, *chosen: str | None) -> tuple[list[dict[str, Any]], str]:
        language = runtime.languages[requested_language()]
        inventory, clocks = await runtime.query(lambda conn: (read_inventory(conn), read_clocks(conn)))
        tolerance_s = runtime.settings.ingest.clock_tolerance_s
        rows = inventory_rows(inventory, runtime.picture, runtime.city, language, clocks, tolerance_s)
        wanted, words = dict(zip(_FILTERS, chosen, strict=False)), (chosen[-1] or "")[:80].casefold().split()
        kept = [row for row in rows if _matches(row, wanted, words)]
        said = language.t(
            "{shown} of {all} devices", shown=language.number(len(kept)), all=language.number(len(rows))
        )
        return kept, said


def _register_device(app: Dash, runtime: Runtime) -> None:
    @app.callback(  # pyright: ignore[reportUnknownMemberType]
        Output("device-place", "children"), Input("device-id", "data"), Input("device-tick", "n_intervals")
    )
    async def show(device_id: str, _: int | None) -> Any:
        language = runtime.languages[requested_language()]
        end = datetime.now(UTC)

        def ask(conn: psycopg.Connection) -> tuple[DeviceView, list[ChartData]]:
            view = read_device(conn, device_id)
            return view, [
                read_chart(conn, runtime.city, device_id, s.stream_id, (end - _SPAN, end), _CHART_POINTS)
                for s in view.streams[:_CHARTS]
            ]

        try:
            view, charts = await runtime.query(ask)
        except NotFoundError:
            return no_device(device_id, language)
        return device_parts(view, charts, end, runtime, language)


def _matches(row: Mapping[str, Any], wanted: Mapping[str, str | None], words: Sequence[str]) -> bool:
    return all(not value or row[f"{name}_key"] == value for name, value in wanted.items()) and all(
        word in row["text_key"] for word in words
    )


def _search(text: str, language: Language) -> Any:
    said = language.t("Search a device")
    return dmc.TextInput(
        id="devices-q",
        value=text[:80],
        debounce=250,
        placeholder=said,
        size="sm",
        w=240,
        **aria(label=said),
    )


def _filter(runtime: Runtime, language: Language, name: str, value: str | None) -> Any:
    said, choices = _choices(runtime, language)[name]
    known = {key for key, _ in choices}
    return dmc.Select(
        id=f"devices-{name}",
        data=[{"value": key, "label": label} for key, label in choices],
        value=value if value in known else None,
        placeholder=said,
        clearable=True,
        searchable=True,
        size="sm",
        w=200,
        **aria(label=said),
    )


def _choices(runtime: Runtime, language: Language) -> dict[str, tuple[str, Sequence[tuple[str, str]]]]:
    city = runtime.city
    kinds = sorted({device.kind for device in city.devices})
    return {
        "domain": (language.t("Domain"), [(key, domain_name(language, key)) for key in CITY_DOMAINS]),
        "kind": (language.t("Kind"), [(key, kind_name(language, key)) for key in kinds]),
        "zone": (
            language.t("District"),
            [(zone.code, language.pick(zone.name_vi, zone.name_en)) for zone in city.zones],
        ),
        "state": (language.t("State"), [(key, state_name(language, key)) for key in STATES]),
    }
