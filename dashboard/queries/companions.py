"""The sensors an alert's finding names beside its own: members of a group, neighbours."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from dashboard.details import rows, text, texts
from dashboard.queries.series import Series, read_series
from store.devices import get_device, list_streams
from telemetry.alerts import Alert
from telemetry.devices import Device
from telemetry.errors import NotFoundError

_MOST = 8
_POINTS = 300


@dataclass(frozen=True, slots=True)
class Companion:
    """Another sensor and what it said in the alert's time."""

    device: Device
    series: Series


def named(alert: Alert) -> list[tuple[str, str]]:
    """Devices and metrics the finding names, the most telling first; a detail may name anything."""
    members = [
        (text(row.get("device_id")), text(row.get("metric")))
        for row in rows(alert.detail.get("contributions"), _MOST)
    ]
    near = [(device_id, alert.metric) for device_id in texts(alert.detail.get("neighbours"), _MOST)]
    return list(dict.fromkeys(pair for pair in members + near if all(pair)))


def read_companions(
    conn: psycopg.Connection, alert: Alert, between: tuple[datetime, datetime]
) -> list[Companion]:
    """Those of the named sensors that are there still, with their readings in this time."""
    found: list[Companion] = []
    for device_id, metric in named(alert):
        try:
            device = get_device(conn, device_id)
        except NotFoundError:
            continue
        stream = next((s for s in list_streams(conn, device_id) if s.metric == metric), None)
        if stream is not None:
            found.append(Companion(device, read_series(conn, stream, *between, _POINTS)))
    return found
