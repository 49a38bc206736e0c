"""How far the devices' clocks are off."""

from __future__ import annotations

from collections.abc import Sequence

import psycopg
from psycopg.rows import class_row

from telemetry.devices import DeviceClock

_PUT = """
INSERT INTO device_clock (device_id, offset_s, spread_s, n_readings, seen_at)
SELECT entry.* FROM unnest(
    %(device_ids)s::text[], %(offsets)s::float8[], %(spreads)s::float8[], %(ns)s::bigint[],
    %(seen)s::timestamptz[]) AS entry (device_id, offset_s, spread_s, n_readings, seen_at)
JOIN device USING (device_id)
ORDER BY 1
ON CONFLICT (device_id) DO UPDATE SET
    offset_s = excluded.offset_s, spread_s = excluded.spread_s, n_readings = excluded.n_readings,
    seen_at = excluded.seen_at"""

_LIST = """
SELECT device_id, offset_s, spread_s, n_readings, seen_at FROM device_clock
WHERE abs(offset_s) >= %(least_s)s ORDER BY device_id"""

_GET = "SELECT device_id, offset_s, spread_s, n_readings, seen_at FROM device_clock WHERE device_id = %s"


def put_clocks(conn: psycopg.Connection, clocks: Sequence[DeviceClock]) -> None:
    """Write down estimates, one a device; a device that is registered no more is passed over."""
    conn.execute(
        _PUT,
        {
            "device_ids": [clock.device_id for clock in clocks],
            "offsets": [clock.offset_s for clock in clocks],
            "spreads": [clock.spread_s for clock in clocks],
            "ns": [clock.n_readings for clock in clocks],
            "seen": [clock.seen_at for clock in clocks],
        },
    )


def list_clocks(conn: psycopg.Connection, least_s: float = 0.0) -> list[DeviceClock]:
    """The clocks that are off by ``least_s`` seconds or more, by device id."""
    with conn.cursor(row_factory=class_row(DeviceClock)) as cursor:
        return cursor.execute(_LIST, {"least_s": least_s}).fetchall()


def find_clock(conn: psycopg.Connection, device_id: str) -> DeviceClock | None:
    """One device's clock; ``None`` where nothing is known of it yet."""
    with conn.cursor(row_factory=class_row(DeviceClock)) as cursor:
        return cursor.execute(_GET, (device_id,)).fetchone()
