"""Devices and their streams."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import psycopg
from psycopg.rows import class_row, kwargs_row
from psycopg.types.json import Jsonb

from telemetry.devices import Device, Stream
from telemetry.errors import NotFoundError
from telemetry.metrics import METRICS, Domain

_UPSERT = """
INSERT INTO device (device_id, domain, kind, name_vi, name_en, lat, lon, zone, interval_s, metrics, tags)
VALUES (%(device_id)s, %(domain)s, %(kind)s, %(name_vi)s, %(name_en)s, %(lat)s, %(lon)s, %(zone)s,
        %(interval_s)s, %(metrics)s, %(tags)s)
ON CONFLICT (device_id) DO UPDATE SET
    domain = excluded.domain, kind = excluded.kind, name_vi = excluded.name_vi,
    name_en = excluded.name_en, lat = excluded.lat, lon = excluded.lon, zone = excluded.zone,
    interval_s = excluded.interval_s, metrics = excluded.metrics, tags = excluded.tags"""

_UPSERT_STREAM = """
INSERT INTO stream (device_id, metric, interval_s) VALUES (%s, %s, %s)
ON CONFLICT (device_id, metric) DO UPDATE SET interval_s = excluded.interval_s"""

_COLUMNS = "device_id, domain, kind, name_vi, name_en, lat, lon, zone, interval_s, metrics, tags"
# The platform's own row only carries its alerts: it measures nothing and stands nowhere.
_LIST = f"SELECT {_COLUMNS} FROM device WHERE domain <> 'platform' ORDER BY device_id"
_GET = f"SELECT {_COLUMNS} FROM device WHERE device_id = %s"
_STREAMS = """
SELECT stream_id, device_id, metric, interval_s FROM stream
WHERE device_id = coalesce(%(device_id)s::text, device_id)
  AND (device_id <> 'cityops' OR %(device_id)s IS NOT NULL) ORDER BY stream_id"""
_PLATFORM = """
INSERT INTO device (device_id, domain, kind, name_vi, name_en, lat, lon, interval_s, metrics)
VALUES ('cityops', 'platform', 'platform', 'Nền tảng CityOps', 'CityOps platform', 0, 0, 60, '{health}')
ON CONFLICT (device_id) DO NOTHING"""
_KNOWN_PLATFORM_STREAM = "SELECT stream_id FROM stream WHERE device_id = 'cityops' AND metric = 'health'"
_PLATFORM_STREAM = """
INSERT INTO stream (device_id, metric, interval_s) VALUES ('cityops', 'health', 60)
ON CONFLICT (device_id, metric) DO UPDATE SET interval_s = excluded.interval_s RETURNING stream_id"""
_STREAM = "SELECT stream_id, device_id, metric, interval_s FROM stream WHERE stream_id = %s"
_VERSION = "SELECT count(*), coalesce(max(stream_id), 0) FROM stream"
_DIGEST = """
SELECT (SELECT count(*) FROM device), (SELECT coalesce(sum(hashtext(device::text)), 0) FROM device),
       (SELECT count(*) FROM stream), (SELECT coalesce(sum(hashtext(stream::text)), 0) FROM stream)"""
_SET_STATUSES = """
INSERT INTO device_status (device_id, status)
SELECT * FROM unnest(%(ids)s::text[], %(statuses)s::text[]) ORDER BY 1
ON CONFLICT (device_id) DO UPDATE SET status = excluded.status, changed_at = now()
WHERE device_status.status <> excluded.status AND NOT %(old)s"""


def upsert_devices(conn: psycopg.Connection, devices: Sequence[Device]) -> None:
    """Register devices with their streams, or bring what is known of them up to date.

    Streams are never removed: their readings stay readable.
    """
    with conn.cursor() as cursor:
        cursor.executemany(_UPSERT, [_row(device) for device in devices])
        cursor.executemany(
            _UPSERT_STREAM,
            [
                (device.device_id, metric, _interval(device, metric))
                for device in devices
                for metric in device.metrics
            ],
        )


def get_stream(conn: psycopg.Connection, stream_id: int) -> Stream:
    """One stream; `NotFoundError` where there is none."""
    with conn.cursor(row_factory=class_row(Stream)) as cursor:
        stream = cursor.execute(_STREAM, (stream_id,)).fetchone()
    if stream is None:
        raise NotFoundError("stream", stream_id)
    return stream


def registry_version(conn: psycopg.Connection) -> tuple[int, int]:
    """Changes whenever a stream is registered; cheap enough to ask often."""
    row = conn.execute(_VERSION).fetchone()
    return (0, 0) if row is None else (int(row[0]), int(row[1]))


def registry_digest(conn: psycopg.Connection) -> tuple[int, ...]:
    """Changes with anything registered of any device or stream; reads both tables, in the server."""
    row = conn.execute(_DIGEST).fetchone()
    return tuple(map(int, row or ()))


def set_statuses(conn: psycopg.Connection, statuses: Mapping[str, str], *, old: bool = False) -> None:
    """Record what devices said of themselves: ``online`` or ``offline``, by device id.

    What was said long ago (``old``) counts only where nothing was heard since.
    """
    values = {"ids": list(statuses), "statuses": list(statuses.values()), "old": old}
    conn.execute(_SET_STATUSES, values)


def platform_stream(conn: psycopg.Connection) -> int:
    """The stream that alerts about the platform itself are told of; made where it is not there yet."""
    row = conn.execute(_KNOWN_PLATFORM_STREAM).fetchone()  # or every start would use up a number
    if row is None:
        conn.execute(_PLATFORM)
        row = conn.execute(_PLATFORM_STREAM).fetchone()
    assert row is not None  # inserted or updated, it is returned
    return int(row[0])


def list_statuses(conn: psycopg.Connection) -> dict[str, str]:
    """What every device that ever said so last said of itself."""
    return dict(conn.execute("SELECT device_id, status FROM device_status").fetchall())


def list_devices(conn: psycopg.Connection) -> list[Device]:
    """Every device, by id."""
    with conn.cursor(row_factory=kwargs_row(_device)) as cursor:
        return cursor.execute(_LIST).fetchall()


def get_device(conn: psycopg.Connection, device_id: str) -> Device:
    """One device; `NotFoundError` where there is none."""
    with conn.cursor(row_factory=kwargs_row(_device)) as cursor:
        device = cursor.execute(_GET, (device_id,)).fetchone()
    if device is None:
        raise NotFoundError("device", device_id)
    return device


def list_streams(conn: psycopg.Connection, device_id: str | None = None) -> list[Stream]:
    """Every stream, or those of one device, by id."""
    with conn.cursor(row_factory=class_row(Stream)) as cursor:
        return cursor.execute(_STREAMS, {"device_id": device_id}).fetchall()


def _interval(device: Device, metric: str) -> float:
    # A device's own health is reported with its readings, or more seldom.
    known = METRICS.get(metric)
    slow = known is not None and known.domain is Domain.DEVICE
    return max(device.interval_s, known.interval_s) if slow and known else device.interval_s


def _row(device: Device) -> dict[str, Any]:
    return {
        "device_id": device.device_id,
        "domain": str(device.domain),
        "kind": device.kind,
        "name_vi": device.name_vi,
        "name_en": device.name_en,
        "lat": device.lat,
        "lon": device.lon,
        "zone": device.zone,
        "interval_s": device.interval_s,
        "metrics": list(device.metrics),
        "tags": Jsonb(dict(device.tags)),
    }


def _device(*, domain: str, metrics: list[str], **rest: Any) -> Device:
    return Device(domain=Domain(domain), metrics=tuple(metrics), **rest)
