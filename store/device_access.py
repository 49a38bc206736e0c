"""Which devices have an account at the broker, and since when. No password is ever here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from telemetry.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class DeviceAccess:
    """A device and its account: never had one (``granted_at`` None), has one, or had one."""

    device_id: str
    domain: str
    name_vi: str
    granted_at: datetime | None
    rotated_at: datetime | None
    revoked_at: datetime | None

    @property
    def is_active(self) -> bool:
        """Whether it has an account now."""
        return self.granted_at is not None and self.revoked_at is None


@dataclass(frozen=True, slots=True)
class GatewayAccess:
    """A gateway's account, the topics it may publish to, and since when it has the password it has."""

    username: str
    topics: list[str]
    since: datetime
    actor: str


_LIST = """
SELECT device_id, domain, name_vi, granted_at, rotated_at, revoked_at
FROM device LEFT JOIN device_access USING (device_id)
WHERE %(device_id)s::text IS NULL OR device_id = %(device_id)s
ORDER BY device_id"""

_GRANT = """
INSERT INTO device_access (device_id) SELECT * FROM unnest(%(ids)s::text[])
ON CONFLICT (device_id) DO UPDATE SET granted_at = now(), rotated_at = NULL, revoked_at = NULL"""
_ROTATE = """
UPDATE device_access SET rotated_at = now()
WHERE device_id = %(device_id)s AND revoked_at IS NULL"""
_REVOKE = """
UPDATE device_access SET revoked_at = now()
WHERE device_id = %(device_id)s AND revoked_at IS NULL"""

# What was done last to each, as the audit log tells it: an entry is written with every change.
_GATEWAYS = """
SELECT username, topics, since, actor FROM (
    SELECT DISTINCT ON (object) object AS username, at AS since, actor, action,
           ARRAY(SELECT jsonb_array_elements_text(detail -> 'topics')) AS topics
    FROM audit_entry WHERE action IN ('gateway.add', 'gateway.revoke')
    ORDER BY object, audit_entry_id DESC
) AS newest
WHERE action = 'gateway.add' ORDER BY username"""


def list_access(conn: psycopg.Connection) -> list[DeviceAccess]:
    """Every device with its account, by id."""
    with conn.cursor(row_factory=class_row(DeviceAccess)) as cursor:
        return cursor.execute(_LIST, {"device_id": None}).fetchall()


def get_access(conn: psycopg.Connection, device_id: str) -> DeviceAccess:
    """One device's account; `NotFoundError` where there is no such device."""
    with conn.cursor(row_factory=class_row(DeviceAccess)) as cursor:
        found = cursor.execute(_LIST, {"device_id": device_id}).fetchone()
    if found is None:
        raise NotFoundError("device", device_id)
    return found


def list_gateways(conn: psycopg.Connection) -> list[GatewayAccess]:
    """Every gateway that has an account, by name."""
    with conn.cursor(row_factory=class_row(GatewayAccess)) as cursor:
        return cursor.execute(_GATEWAYS).fetchall()


def grant(conn: psycopg.Connection, device_ids: Sequence[str]) -> None:
    """Note that devices have an account from now on."""
    conn.execute(_GRANT, {"ids": list(device_ids)})


def rotate(conn: psycopg.Connection, device_id: str) -> bool:
    """Note a new password; ``False`` where the device has no account."""
    return conn.execute(_ROTATE, {"device_id": device_id}).rowcount > 0


def revoke(conn: psycopg.Connection, device_id: str) -> bool:
    """Note that a device's account is gone; ``False`` where it had none."""
    return conn.execute(_REVOKE, {"device_id": device_id}).rowcount > 0
