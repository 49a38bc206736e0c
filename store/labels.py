"""Labels: written down, read together with operators' verdicts, taken back; none is ever erased.

A verdict on an alert is a label where it stands: nothing is copied, so an operator who
changes their mind changes the label.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg
from psycopg.rows import kwargs_row
from psycopg.types.json import Jsonb

from store import audit
from telemetry.alerts import LIVE_STATUSES
from telemetry.errors import ConflictError, NotFoundError
from telemetry.labels import HEALTH_KINDS, Label, LabelSource, Meaning, without_echoes

_BLOCK = 1_000

_ADD = """
INSERT INTO label (digest, kind, device_ids, metrics, starts_at, ends_at, is_sensor_fault, meaning,
                   source, author, note)
SELECT digest, kind, device_ids, metrics, starts_at, ends_at, is_sensor_fault, meaning, source, author, note
FROM jsonb_to_recordset(%s) AS given (digest text, kind text, device_ids text[], metrics text[],
    starts_at timestamptz, ends_at timestamptz, is_sensor_fault boolean, meaning text, source text,
    author text, note text)
ON CONFLICT (digest) WHERE deleted_at IS NULL DO NOTHING
RETURNING label_id"""
_COLUMNS = """label_id, kind, device_ids, metrics, starts_at, ends_at, is_sensor_fault, meaning, source,
author, note"""
_GET = f"SELECT {_COLUMNS}, NULL::bigint AS alert_id FROM label WHERE label_id = %s AND deleted_at IS NULL"
_DELETE = """
UPDATE label SET deleted_at = clock_timestamp(), deleted_by = %s
WHERE label_id = %s AND deleted_at IS NULL RETURNING label_id"""

# An alert that stands lasts until now; who gave the verdict is in its life.
_EVERY = f"""
WITH health AS (
    SELECT DISTINCT spec ->> 'name' AS name
    FROM detection_version, jsonb_path_query(document, '$.detector[*]') AS spec
    WHERE spec ->> 'kind' = ANY(%(health)s)
    UNION SELECT unnest(%(health)s::text[])
), every AS (
    SELECT {_COLUMNS}, NULL::bigint AS alert_id FROM label WHERE deleted_at IS NULL
    UNION ALL
    SELECT NULL, rule, ARRAY[device_id], ARRAY[metric], opened_at,
        greatest(opened_at, CASE WHEN status = ANY(%(live)s) THEN now()
                                 ELSE coalesce(resolved_at, updated_at) END),
        detector IN (SELECT name FROM health),
        CASE verdict WHEN 'true' THEN 'happened' WHEN 'false' THEN 'nothing' ELSE 'nuisance' END,
        'verdict',
        coalesce((SELECT actor FROM alert_event WHERE alert_event.alert_id = alert.alert_id
                  AND kind = 'judged' ORDER BY alert_event_id DESC LIMIT 1), ''),
        '', alert_id
    FROM alert WHERE verdict IS NOT NULL AND domain <> 'platform'
), wanted AS (
    SELECT * FROM every
    WHERE (%(start)s::timestamptz IS NULL OR ends_at >= %(start)s)
      AND (%(end)s::timestamptz IS NULL OR starts_at < %(end)s)
      AND (%(device_ids)s::text[] IS NULL OR device_ids && %(device_ids)s)
      AND (%(kinds)s::text[] IS NULL OR kind = ANY(%(kinds)s))
      AND (%(sources)s::text[] IS NULL OR source = ANY(%(sources)s))
)"""
_LIST = f"""{_EVERY}
SELECT * FROM wanted ORDER BY starts_at, label_id, alert_id LIMIT %(limit)s OFFSET %(offset)s"""
_NEWEST = f"""{_EVERY}
SELECT * FROM wanted ORDER BY starts_at DESC, label_id DESC, alert_id DESC
LIMIT %(limit)s OFFSET %(offset)s"""
_COUNT = f"{_EVERY} SELECT count(*) FROM wanted"


@dataclass(frozen=True, slots=True)
class LabelSearch:
    """Filters; ``None`` leaves one out. A label fits a time that it shares a moment with."""

    start: datetime | None = None
    end: datetime | None = None
    device_ids: Sequence[str] | None = None
    kinds: Sequence[str] | None = None
    sources: Sequence[LabelSource] | None = None
    newest_first: bool = False
    offset: int = 0
    limit: int | None = None


def add_label(conn: psycopg.Connection, label: Label) -> Label:
    """Write one label down.

    Raises
    ------
    ConflictError
        The same is labelled already.
    """
    row = conn.execute(_ADD, (Jsonb([_row(label)]),)).fetchone()
    if row is None:
        raise ConflictError("the same time of the same devices is labelled so already")
    devices = list(label.device_ids)
    detail = {"kind": label.kind, "devices": devices, "meaning": str(label.meaning)}
    times = {"start": label.start.isoformat(), "end": label.end.isoformat()}
    audit.record(conn, label.author, "label.add", f"label {row[0]}", {**detail, **times})
    return get_label(conn, int(row[0]))


def add_labels(
    conn: psycopg.Connection,
    labels: Sequence[Label],
    actor: str,
    origin: str,
    progress: Callable[[int], None] | None = None,
) -> int:
    """Write many labels down, those that are new; how many these were.

    Parameters
    ----------
    origin
        Where they come from, for the audit log: a file's name.
    progress
        Told how many have been gone through.
    """
    added = 0
    for first in range(0, len(labels), _BLOCK):
        block = labels[first : first + _BLOCK]
        rows = Jsonb([_row(label) for label in block])
        added += len(conn.execute(_ADD, (rows,)).fetchall())
        if progress is not None:
            progress(first + len(block))
    if added:
        detail = {"added": added, "known": len(labels) - added}
        audit.record(conn, actor, "label.import", origin, detail)
    return added


def get_label(conn: psycopg.Connection, label_id: int) -> Label:
    """One label that has not been taken back; `NotFoundError` where there is none."""
    with conn.cursor(row_factory=kwargs_row(_label)) as cursor:
        found = cursor.execute(_GET, (label_id,)).fetchone()
    if found is None:
        raise NotFoundError("label", label_id)
    return found


def delete_label(conn: psycopg.Connection, label_id: int, actor: str) -> None:
    """Take a label back. It stays in the table, and the audit log says who did it.

    Raises
    ------
    NotFoundError
        There is no such label, or it was taken back before.
    """
    known = get_label(conn, label_id)
    if conn.execute(_DELETE, (actor, label_id)).fetchone() is None:
        raise NotFoundError("label", label_id)
    detail = {"kind": known.kind, "devices": list(known.device_ids), "author": known.author}
    audit.record(conn, actor, "label.delete", f"label {label_id}", detail)


def list_labels(conn: psycopg.Connection, search: LabelSearch | None = None) -> list[Label]:
    """Labels and verdicts that match every filter, by their start."""
    wanted = search or LabelSearch()
    query = _NEWEST if wanted.newest_first else _LIST
    with conn.cursor(row_factory=kwargs_row(_label)) as cursor:
        return cursor.execute(query, _parameters(wanted)).fetchall()


def count_labels(conn: psycopg.Connection, search: LabelSearch) -> int:
    """How many match every filter, whatever the page."""
    row = conn.execute(_COUNT, _parameters(search)).fetchone()
    return int(row[0]) if row else 0


def labels_between(conn: psycopg.Connection, start: datetime, end: datetime) -> list[Label]:
    """What detectors are held against on ``[start, end)``: see `telemetry.labels.without_echoes`."""
    return without_echoes(list_labels(conn, LabelSearch(start=start, end=end)))


def _parameters(search: LabelSearch) -> dict[str, Any]:
    return {
        "health": sorted(HEALTH_KINDS),
        "live": [str(status) for status in LIVE_STATUSES],
        "start": search.start,
        "end": search.end,
        "device_ids": None if search.device_ids is None else list(search.device_ids),
        "kinds": None if search.kinds is None else list(search.kinds),
        "sources": None if search.sources is None else [str(source) for source in search.sources],
        "offset": search.offset,
        "limit": search.limit,
    }


def _row(label: Label) -> dict[str, Any]:
    return {
        "digest": label.digest,
        "kind": label.kind,
        "device_ids": sorted(label.device_ids),
        "metrics": sorted(label.metrics),
        "starts_at": label.start.isoformat(),
        "ends_at": label.end.isoformat(),
        "is_sensor_fault": label.is_sensor_fault,
        "meaning": str(label.meaning),
        "source": str(label.source),
        "author": label.author,
        "note": label.note,
    }


def _label(
    *,
    device_ids: list[str],
    metrics: list[str],
    starts_at: datetime,
    ends_at: datetime,
    meaning: str,
    source: str,
    **rest: Any,
) -> Label:
    return Label(
        device_ids=tuple(device_ids),
        metrics=tuple(metrics),
        start=starts_at,
        end=ends_at,
        meaning=Meaning(meaning),
        source=LabelSource(source),
        **rest,
    )
