"""The store's part of `cityops status`: sizes, how long what is kept, how far the rollups are behind."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from rich.filesize import decimal
from rich.table import Column, Table

from launch.console import out, say
from store.storage import RelationSize, TableSize
from telemetry.settings import Store

_SHOWN = 6
"""Other tables that people are shown; programs get all of them."""
_PATIENCE_S = 10.0


@dataclass(frozen=True, slots=True)
class StorageStatus:
    """Readings and rollups, the other tables with the largest first, and the rollups' lag."""

    database_bytes: int
    relations: list[RelationSize]
    tables: list[TableSize]
    compress_after_days: int
    rollups_pending: int
    rollups_lag_s: float


def read_storage(database_url: str, store: Store) -> StorageStatus | None:
    """Ask the database; ``None`` where it has no such tables yet, or does not answer in time."""
    from store import changes, storage
    from store.patience import limit_time
    from store.pool import connect
    from store.retention import kept_days

    try:
        with connect(database_url, name="status") as conn:
            limit_time(conn, _PATIENCE_S)
            kept = kept_days(store)
            behind = changes.lag(conn)
            return StorageStatus(
                database_bytes=storage.database_bytes(conn),
                relations=storage.relation_sizes(conn, kept),
                tables=[t for t in storage.table_sizes(conn) if t.name not in kept],
                compress_after_days=store.compress_after_days,
                rollups_pending=behind.pending,
                rollups_lag_s=round(behind.oldest_s, 1),
            )
    except psycopg.Error:
        return None


def print_storage(status: StorageStatus) -> None:
    """For people."""
    # Eighty columns are enough for it.
    name = Column("table", overflow="fold", min_width=12)
    whole = [Column(title, no_wrap=True) for title in ("rows", "size", "chunks", "packed", "oldest", "kept")]
    table = Table(name, *whole, padding=(0, 1, 0, 0))
    for relation in status.relations:
        oldest = f"{relation.oldest:%Y-%m-%d}" if relation.oldest else "-"
        kept = f"{relation.kept_days} days" if relation.kept_days else "for ever"
        table.add_row(
            relation.name,
            f"≈ {relation.rows:,}",
            decimal(relation.bytes),
            str(relation.chunks or "-"),
            _compressed(relation),
            oldest,
            kept,
        )
    for other in status.tables[:_SHOWN]:
        table.add_row(other.name, f"≈ {other.rows:,}", decimal(other.bytes), str(other.chunks or "-"))
    out.print(table)
    say(
        f"Database: {decimal(status.database_bytes)}; rollups: {status.rollups_pending} changes behind, "
        f"the oldest {status.rollups_lag_s:.0f} s"
    )


def _compressed(relation: RelationSize) -> str:
    if not relation.compressed_bytes:
        return "-"
    return f"{relation.uncompressed_bytes / relation.compressed_bytes:.1f}×"
