"""The audit log: who did what, when. Rows are added and read; the database refuses anything else."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing someone did. ``action`` is ``noun.verb``, ``object`` what it was done to."""

    audit_entry_id: int
    at: datetime
    actor: str
    action: str
    object: str
    detail: dict[str, Any]


_RECORD = "INSERT INTO audit_entry (actor, action, object, detail) VALUES (%s, %s, %s, %s)"
_LIST = """
SELECT audit_entry_id, at, actor, action, object, detail FROM audit_entry
WHERE (%(before)s::bigint IS NULL OR audit_entry_id < %(before)s)
ORDER BY audit_entry_id DESC LIMIT %(limit)s"""


def record(
    conn: psycopg.Connection,
    actor: str,
    action: str,
    object: str,  # noqa: A002  (the word of the log)
    detail: Mapping[str, Any] | None = None,
) -> None:
    """Add an entry, in the transaction of what it tells of."""
    conn.execute(_RECORD, (actor, action, object, Jsonb(dict(detail or {}))))


def list_entries(conn: psycopg.Connection, limit: int = 100, before: int | None = None) -> list[AuditEntry]:
    """The newest entries, or those older than the entry ``before``; newest first."""
    with conn.cursor(row_factory=class_row(AuditEntry)) as cursor:
        return cursor.execute(_LIST, {"limit": limit, "before": before}).fetchall()
