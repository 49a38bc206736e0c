"""The account: what became of every message, per ingestor, device and day."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from datetime import date, timedelta

import psycopg
from psycopg.rows import class_row

_ADD = """
INSERT INTO ledger AS total
    (ingestor, day, device_id, messages, committed, duplicates, quarantined, requarantined, evicted,
     replayed, dropped)
SELECT %(ingestor)s, %(day)s, entry.* FROM unnest(
    %(devices)s::text[], %(messages)s::bigint[], %(committed)s::bigint[], %(duplicates)s::bigint[],
    %(quarantined)s::bigint[], %(requarantined)s::bigint[], %(evicted)s::bigint[], %(replayed)s::bigint[],
    %(dropped)s::bigint[]) AS entry
ORDER BY 3
ON CONFLICT (ingestor, day, device_id) DO UPDATE SET
    messages = total.messages + excluded.messages,
    committed = total.committed + excluded.committed,
    duplicates = total.duplicates + excluded.duplicates,
    quarantined = total.quarantined + excluded.quarantined,
    requarantined = total.requarantined + excluded.requarantined,
    evicted = total.evicted + excluded.evicted,
    replayed = total.replayed + excluded.replayed,
    dropped = total.dropped + excluded.dropped"""

_SUMS = """
coalesce(sum(messages), 0)::bigint AS messages, coalesce(sum(committed), 0)::bigint AS committed,
coalesce(sum(duplicates), 0)::bigint AS duplicates,
coalesce(sum(quarantined), 0)::bigint AS quarantined,
coalesce(sum(requarantined), 0)::bigint AS requarantined,
coalesce(sum(evicted), 0)::bigint AS evicted,
coalesce(sum(replayed), 0)::bigint AS replayed,
coalesce(sum(dropped), 0)::bigint AS dropped"""

_COUNTED = (
    "messages", "committed", "duplicates", "quarantined", "requarantined", "evicted", "replayed", "dropped",
)  # fmt: skip
_ROWS = f"""
SELECT device_id, day, {_SUMS} FROM ledger
WHERE (%(device_id)s::text IS NULL OR device_id = %(device_id)s)
  AND (%(since)s::date IS NULL OR day >= %(since)s)
GROUP BY device_id, day ORDER BY day, device_id"""

_RECOUNT = """
WITH said AS (
    SELECT device_id, sum(committed)::bigint AS committed,
           sum(CASE WHEN ingestor = 'import' THEN 0
                    ELSE quarantined - evicted - replayed - dropped END)::bigint AS quarantined,
           min(CASE WHEN ingestor IN ('import', 'history') OR replayed > 0 THEN '-infinity'
                    ELSE day - %(oldest)s::interval END) FILTER (WHERE committed > 0) AS since
    FROM ledger GROUP BY device_id
), stored AS (
    SELECT device_id, count(*)::bigint AS n FROM reading JOIN stream USING (stream_id) GROUP BY device_id
), kept AS (
    SELECT device_id, count(*)::bigint AS n FROM quarantine GROUP BY device_id
), known AS (
    SELECT device_id FROM said UNION SELECT device_id FROM stored UNION SELECT device_id FROM kept
)
SELECT known.device_id, what, a, b FROM known
LEFT JOIN said ON said.device_id = known.device_id
LEFT JOIN stored ON stored.device_id = known.device_id
LEFT JOIN kept ON kept.device_id = known.device_id
CROSS JOIN LATERAL (VALUES
    ('readings', coalesce(said.committed, 0), coalesce(stored.n, 0)),
    ('quarantine', coalesce(said.quarantined, 0), coalesce(kept.n, 0))) AS line (what, a, b)
WHERE a <> b
    AND NOT (what = 'readings' AND a > b AND EXISTS (
        SELECT FROM reading_horizon WHERE relation = 'reading' AND before > said.since AT TIME ZONE 'UTC'))
    AND (%(device_id)s::text IS NULL OR known.device_id = %(device_id)s)
ORDER BY known.device_id, what"""

_HOLD_MOMENT = "SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY"

_TOTALS = f"SELECT {_SUMS} FROM ledger"
_BY_DEVICE = f"SELECT device_id, {_SUMS} FROM ledger GROUP BY device_id ORDER BY device_id"


@dataclass(slots=True)
class Entry:
    """What one flush adds for one device.

    ``messages`` counts deliveries; ``committed`` and ``duplicates`` count readings;
    ``quarantined`` and ``requarantined`` messages that went to quarantine for the
    first time and again. What became of those later: ``evicted`` gave way there to
    newer ones, ``replayed`` left it as readings (which ``committed`` and ``duplicates``
    count), ``dropped`` were thrown away by people. At any time *quarantined = still there
    + evicted + replayed + dropped*, of the account as of each device.
    """

    messages: int = 0
    committed: int = 0
    duplicates: int = 0
    quarantined: int = 0
    requarantined: int = 0
    evicted: int = 0
    replayed: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class LedgerTotals:
    """The account summed up, in the units of `Entry`."""

    messages: int
    committed: int
    duplicates: int
    quarantined: int
    requarantined: int
    evicted: int
    replayed: int = 0
    dropped: int = 0


@dataclass(frozen=True, slots=True)
class LedgerRow:
    """The account of one device on one day (UTC), all ingest processes together."""

    device_id: str
    day: date
    counts: LedgerTotals


@dataclass(frozen=True, slots=True)
class Discrepancy:
    """Where the account and the rows differ: ``what`` is ``readings`` or ``quarantine``."""

    device_id: str
    what: str
    said: int
    found: int


def hold_moment(conn: psycopg.Connection) -> None:
    """See one moment for the rest of this transaction, whatever is committed meanwhile."""
    conn.execute(_HOLD_MOMENT)


def list_rows(
    conn: psycopg.Connection, device_id: str | None = None, since: date | None = None
) -> list[LedgerRow]:
    """The account by day and device."""
    rows = conn.execute(_ROWS, {"device_id": device_id, "since": since}).fetchall()
    return [LedgerRow(row[0], row[1], LedgerTotals(*row[2:])) for row in rows]


def sum_up(rows: Sequence[LedgerRow]) -> LedgerTotals:
    """The counts of all rows together."""
    names = [field.name for field in fields(LedgerTotals)]
    return LedgerTotals(*(sum(getattr(row.counts, name) for row in rows) for name in names))


def recount(
    conn: psycopg.Connection, device_id: str | None = None, oldest: timedelta = timedelta(days=30)
) -> list[Discrepancy]:
    """Count readings and quarantined messages and compare with the account; empty where all agree.

    Reads every reading there is. What an import refused is in its own file of rejects, not in
    quarantine. Of a device that may have had readings which retention let go, fewer than the
    account says are no fault: one that was heard before, or whose history came in from elsewhere.
    ``oldest`` is how old readings may be on arrival.
    """
    rows = conn.execute(_RECOUNT, {"device_id": device_id, "oldest": oldest}).fetchall()
    return [Discrepancy(*row) for row in rows]


def add_entries(conn: psycopg.Connection, ingestor: str, day: date, entries: Mapping[str, Entry]) -> None:
    """Add one flush to the account, by device id (``""`` for an unknown device)."""
    if not entries:
        return
    columns = {name: [getattr(entry, name) for entry in entries.values()] for name in _COUNTED}
    conn.execute(_ADD, {"ingestor": ingestor, "day": day, "devices": list(entries), **columns})


def totals(conn: psycopg.Connection) -> LedgerTotals:
    """The whole account."""
    with conn.cursor(row_factory=class_row(LedgerTotals)) as cursor:
        row = cursor.execute(_TOTALS).fetchone()
    assert row is not None  # an aggregate always answers
    return row


def by_device(conn: psycopg.Connection) -> dict[str, LedgerTotals]:
    """The account of each device."""
    rows = conn.execute(_BY_DEVICE).fetchall()
    return {str(row[0]): LedgerTotals(*row[1:]) for row in rows}
