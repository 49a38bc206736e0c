"""Heartbeats: which service runs where, and what it says of itself."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

_BEAT = """
INSERT INTO service (name, pid, host, started_at, seen_at, detail)
VALUES (%(name)s, %(pid)s, %(host)s, clock_timestamp(), clock_timestamp(), %(detail)s)
ON CONFLICT (name) DO UPDATE SET
    started_at = CASE WHEN service.pid = excluded.pid AND service.host = excluded.host
                      THEN service.started_at ELSE excluded.started_at END,
    pid = excluded.pid, host = excluded.host, seen_at = excluded.seen_at, detail = excluded.detail"""
_LEAVE = "DELETE FROM service WHERE name = %(name)s AND pid = %(pid)s AND host = %(host)s"
_LIST = "SELECT name, pid, host, started_at, seen_at, detail FROM service ORDER BY name"


# By the database's clock: whose else were comparable with `seen_at`.
_AGED = """
SELECT name, pid, host, started_at, seen_at, detail,
       extract(epoch FROM clock_timestamp() - seen_at)::double precision
FROM service WHERE (NOT %(ingest)s OR name = 'ingest' OR starts_with(name, 'ingest '))
  AND seen_at > clock_timestamp() - interval '1 day' ORDER BY name"""


@dataclass(frozen=True, slots=True)
class Service:
    """A running process; the times are set by the store."""

    name: str
    pid: int
    host: str
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])
    started_at: datetime | None = None
    seen_at: datetime | None = None


def beat(conn: psycopg.Connection, service: Service) -> None:
    """Say that a service lives; about every two seconds."""
    row = {
        "name": service.name,
        "pid": service.pid,
        "host": service.host,
        "detail": Jsonb(dict(service.detail)),
    }
    conn.execute(_BEAT, row)


def leave(conn: psycopg.Connection, service: Service) -> None:
    """Take a service that stops in order off the list, unless another process has its name by now."""
    conn.execute(_LEAVE, {"name": service.name, "pid": service.pid, "host": service.host})


def list_services(conn: psycopg.Connection) -> list[Service]:
    """Every service that beat and has not left, by name; `seen_at` tells which still lives."""
    with conn.cursor(row_factory=class_row(Service)) as cursor:
        return cursor.execute(_LIST).fetchall()


def list_aged(conn: psycopg.Connection) -> list[tuple[Service, float]]:
    """Every service that beat within the day, each with the seconds since its last heartbeat."""
    rows = conn.execute(_AGED, {"ingest": False}).fetchall()
    return [_aged(row) for row in rows]


def list_ingest(conn: psycopg.Connection) -> list[tuple[Service, float]]:
    """The ingest processes among them."""
    rows = conn.execute(_AGED, {"ingest": True}).fetchall()
    return [_aged(row) for row in rows]


def _aged(row: tuple[Any, ...]) -> tuple[Service, float]:
    name, pid, host, started_at, seen_at, detail, age_s = row
    return Service(name, pid, host, detail, started_at, seen_at), float(age_s)
