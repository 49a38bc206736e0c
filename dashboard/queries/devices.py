"""A device with all that its drawer and the API show."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from store import alerts, clocks, devices
from telemetry.alerts import LIVE_STATUSES, Alert
from telemetry.devices import Device, DeviceClock, Stream

RECENT_ALERTS = 20


@dataclass(frozen=True, slots=True)
class DeviceView:
    """A device, its streams, its standing alerts (newest first), and its clock where that is known."""

    device: Device
    streams: list[Stream]
    alerts: list[Alert]
    clock: DeviceClock | None = None


def read_device(conn: psycopg.Connection, device_id: str) -> DeviceView:
    """One device; `NotFoundError` where there is none."""
    device = devices.get_device(conn, device_id)
    streams = devices.list_streams(conn, device_id)
    order = {metric: position for position, metric in enumerate(device.metrics)}
    streams.sort(key=lambda stream: order.get(stream.metric, len(order)))
    live = alerts.list_alerts(conn, statuses=LIVE_STATUSES, device_id=device_id, limit=RECENT_ALERTS)
    return DeviceView(device, streams, live, clocks.find_clock(conn, device_id))


def read_inventory(conn: psycopg.Connection) -> list[tuple[Device, list[Stream]]]:
    """Every device with its streams, by device id."""
    by_device: dict[str, list[Stream]] = {}
    for stream in devices.list_streams(conn):
        by_device.setdefault(stream.device_id, []).append(stream)
    return [(device, by_device.get(device.device_id, [])) for device in devices.list_devices(conn)]


def read_clocks(conn: psycopg.Connection) -> dict[str, DeviceClock]:
    """Every device's clock that is known of, by device id."""
    return {clock.device_id: clock for clock in clocks.list_clocks(conn)}
