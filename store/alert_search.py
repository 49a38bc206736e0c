"""Alerts a page at a time, in any order, by what a reader asks for."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, LiteralString

import psycopg

from store.alerts import ALERT_COLUMNS, alert_cursor
from telemetry.alerts import Alert, AlertStatus, Severity
from telemetry.metrics import Domain

SORTS: Final[dict[str, LiteralString]] = {
    "opened_at": "opened_at",
    "updated_at": "updated_at",
    "severity": "array_position(ARRAY['info', 'minor', 'major', 'critical'], severity)",
    "status": "array_position(ARRAY['open', 'acknowledged', 'in_progress', 'resolved', 'closed'], status)",
    "device": "device_id",
    "domain": "domain",
    "assignee": "assignee",
}
"""What a list can be sorted by."""

_WHERE = """
WHERE (%(statuses)s::text[] IS NULL OR status = ANY(%(statuses)s))
  AND (%(severities)s::text[] IS NULL OR severity = ANY(%(severities)s))
  AND (%(domain)s::text IS NULL OR alert.domain = %(domain)s)
  AND (%(device_id)s::text IS NULL OR alert.device_id = %(device_id)s)
  AND (%(stream_id)s::integer IS NULL OR stream_id = %(stream_id)s)
  AND (%(assignee)s::text IS NULL OR assignee = %(assignee)s)
  AND (NOT %(unassigned)s OR assignee IS NULL)
  AND (%(before)s::timestamptz IS NULL OR opened_at < %(before)s)
  AND (%(text)s::text IS NULL OR EXISTS (
       SELECT FROM device WHERE device.device_id = alert.device_id
       AND (device.device_id ILIKE %(text)s OR name_vi ILIKE %(text)s OR name_en ILIKE %(text)s)))"""


@dataclass(frozen=True, slots=True)
class AlertSearch:
    """Filters; ``None`` leaves one out. ``sort`` is a key of `SORTS`."""

    statuses: Sequence[AlertStatus] | None = None
    severities: Sequence[Severity] | None = None
    domain: Domain | None = None
    device_id: str | None = None
    stream_id: int | None = None
    assignee: str | None = None
    unassigned: bool = False
    before: datetime | None = None
    text: str | None = None
    sort: str = "opened_at"
    descending: bool = True
    offset: int = 0
    limit: int = 200


def search_alerts(conn: psycopg.Connection, search: AlertSearch) -> tuple[int, list[Alert]]:
    """How many alerts match, and those of the page asked for."""
    row = _row(search)
    count = conn.execute(f"SELECT count(*) FROM alert {_WHERE}", row).fetchone()
    with alert_cursor(conn) as cursor:
        return int(count[0]) if count else 0, cursor.execute(_query(search), row).fetchall()


def _query(search: AlertSearch) -> LiteralString:
    way: LiteralString = "DESC NULLS LAST" if search.descending else "ASC NULLS LAST"
    tie: LiteralString = "DESC" if search.descending else "ASC"
    order = f"ORDER BY {SORTS[search.sort]} {way}, alert_id {tie}"
    return f"SELECT {ALERT_COLUMNS} FROM alert {_WHERE} {order} LIMIT %(limit)s OFFSET %(offset)s"


def _row(search: AlertSearch) -> dict[str, Any]:
    return {
        "statuses": None if search.statuses is None else [str(status) for status in search.statuses],
        "severities": None if search.severities is None else [str(one) for one in search.severities],
        "domain": search.domain,
        "device_id": search.device_id,
        "stream_id": search.stream_id,
        "assignee": search.assignee,
        "unassigned": search.unassigned,
        "before": search.before,
        "text": None if not search.text else f"%{_literal(search.text)}%",
        "limit": search.limit,
        "offset": search.offset,
    }


def _literal(text: str) -> str:
    """Text in which LIKE finds no wildcard."""
    return text.replace("\\", "\\\\").replace("%", r"\%").replace("_", r"\_")
