"""The account: what became of every message, per ingestor, device and day."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date

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
