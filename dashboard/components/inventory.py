"""The inventory's table: one row a device, with its state and its health."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import dash_ag_grid as dag
from dash import html

from dashboard.components.attributes import aria
from dashboard.components.marks import WORST_FIRST
from dashboard.faults import offset_text
from dashboard.languages import Language
from dashboard.live.picture import Picture
from dashboard.theme import px
from dashboard.wording import domain_name, kind_name, state_name
from telemetry.city import City
from telemetry.devices import Device, DeviceClock, Stream

GRID_THEME: Final = {
    "function": "themeQuartz.withParams({backgroundColor:'var(--panel)',foregroundColor:'var(--text)',"
    "headerBackgroundColor:'var(--panel-2)',headerTextColor:'var(--soft)',borderColor:'var(--line)',"
    "rowHoverColor:'var(--raised)',accentColor:'var(--accent)',chromeBackgroundColor:'var(--panel-2)',"
    "fontFamily:'var(--font)',fontSize:'.8125rem',subtleTextColor:'var(--muted)',selectedRowBackgroundColor:'var(--raised)'})"
}
"""AG Grid in the colours of the theme, whichever face it shows."""


def inventory_tabs(language: Language, here: str) -> html.Nav:
    """Devices, those that wait to be, and quarantine."""
    tabs = (
        ("/devices", language.t("Inventory")),
        ("/inbox", language.t("Inbox")),
        ("/quarantine", language.t("Quarantine")),
    )
    return html.Nav(
        [html.A(name, href=path, **(aria(current="page") if path == here else {})) for path, name in tabs],
        className="tabs",
        **aria(label=language.t("Devices")),
    )


def inventory_grid(language: Language) -> Any:
    """The table, empty."""
    columns: list[dict[str, Any]] = [
        {
            "field": "state",
            "headerName": language.t("State"),
            "cellRenderer": "DeviceState",
            "width": px(146),
        },
        {"field": "name", "headerName": language.t("Device"), "cellRenderer": "DeviceLink", "flex": 3}
        | {"minWidth": px(240)},
        {"field": "kind", "headerName": language.t("Kind"), "width": px(195)},
        {"field": "domain", "headerName": language.t("Domain"), "width": px(108)},
        {"field": "zone", "headerName": language.t("District"), "width": px(160)},
        {"field": "seen", "headerName": language.t("Last seen"), "width": px(150)}
        | {"valueFormatter": {"function": "deviceAge(params.value)"}},
        {"field": "clock", "headerName": language.t("Clock"), "cellRenderer": "DeviceClock", "width": px(92)}
        | {"comparator": {"function": "numbersLast"}, "type": "rightAligned"},
        _number("battery", language.t("Battery"), "%", language.t("no battery")),
        _number("rssi", language.t("Signal"), "dBm", language.t("not reported")),
    ]
    return dag.AgGrid(
        id="devices-grid",
        columnDefs=columns,
        rowData=[],
        getRowId="params.data.id",
        defaultColDef={"sortable": True, "resizable": True, "minWidth": px(90)},
        dashGridOptions={
            "theme": GRID_THEME,
            "rowHeight": px(36),
            "animateRows": False,
            "localeText": {"noRowsToShow": language.t("No device matches these filters.")},
        },
        style={"height": "100%"},
    )


def inventory_rows(
    inventory: Sequence[tuple[Device, Sequence[Stream]]],
    picture: Picture,
    city: City,
    language: Language,
    clocks: Mapping[str, DeviceClock] | None = None,
    tolerance_s: float = math.inf,
) -> list[dict[str, Any]]:
    """One row a device, the worst state first; ``…_key`` is what the filters compare.

    ``clocks`` that are off by more than ``tolerance_s`` are marked.

    A device whose profile has no battery or signal says so; one that has it and is silent shows a dash.
    """
    states, newest = picture.states(), picture.latest()
    zones = {zone.code: language.pick(zone.name_vi, zone.name_en) for zone in city.zones}
    rows: list[dict[str, Any]] = []
    for device, streams in inventory:
        readings = {s.metric: newest[s.stream_id] for s in streams if s.stream_id in newest}
        state = states.get(device.device_id, "unknown")
        battery, rssi = readings.get("battery_pct"), readings.get("rssi_dbm")
        rows.append(
            {
                "id": device.device_id,
                "name": language.pick(device.name_vi, device.name_en),
                "state": state_name(language, state),
                "kind": kind_name(language, device.kind),
                "domain": domain_name(language, str(device.domain)),
                "zone": zones.get(device.zone, device.zone),
                "seen": max((reading[1] for reading in readings.values()), default=None),
                **_clock((clocks or {}).get(device.device_id), tolerance_s, language),
                "battery": battery[2] if battery else None,
                "rssi": rssi[2] if rssi else None,
                "state_key": state,
                "kind_key": device.kind,
                "domain_key": str(device.domain),
                "zone_key": device.zone,
                "text_key": f"{device.device_id} {device.name_vi} {device.name_en}".casefold(),
            }
        )
    return sorted(rows, key=lambda row: (WORST_FIRST.index(row["state_key"]), row["name"]))


def _clock(clock: DeviceClock | None, tolerance_s: float, language: Language) -> dict[str, Any]:
    if clock is None:
        return {"clock": None, "clock_text": "–", "clock_off": False}
    off = clock.is_off(tolerance_s)
    return {"clock": clock.offset_s, "clock_text": offset_text(clock.offset_s, language), "clock_off": off}


def _number(field: str, name: str, unit: str, without: str) -> dict[str, Any]:
    return {
        "field": field,
        "headerName": name,
        "type": "rightAligned",
        "width": px(110),
        "comparator": {"function": "numbersLast"},
        "valueFormatter": {"function": f"deviceNumber(params.value, '{unit}', '{without}')"},
    }
