"""How much room the tables take."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

from store.chunks import first_time, hypertable_of
from store.edition import Edition, edition, timescaledb_version

# A hypertable keeps its rows in chunks, tables of a schema of their own that inherit from it.
_SIZES = """
WITH RECURSIVE part AS (
    SELECT oid AS root, oid FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
    UNION ALL
    SELECT part.root, pg_inherits.inhrelid FROM part JOIN pg_inherits ON pg_inherits.inhparent = part.oid
)
SELECT root.relname AS name, sum(pg_total_relation_size(part.oid))::bigint AS bytes,
       sum(pg_indexes_size(part.oid))::bigint AS index_bytes,
       greatest(sum(piece.reltuples), 0)::bigint AS rows, (count(*) - 1)::integer AS chunks
FROM part JOIN pg_class AS root ON root.oid = part.root JOIN pg_class AS piece ON piece.oid = part.oid
WHERE NOT root.relispartition
GROUP BY root.relname ORDER BY bytes DESC, name"""
_HYPERTABLE = """
SELECT hypertable_size(%(relation)s::regclass),
       (SELECT sum(index_bytes)::bigint FROM hypertable_detailed_size(%(relation)s::regclass)),
       greatest(approximate_row_count(%(relation)s::regclass), 0),
       (SELECT count(*) FROM show_chunks(%(relation)s::regclass))"""
_PACKED = """
SELECT coalesce(sum(after_compression_total_bytes), 0)::bigint,
       coalesce(sum(before_compression_total_bytes), 0)::bigint
FROM hypertable_compression_stats(%s::regclass)"""


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table with its indexes and chunks; ``index_bytes`` are those of ``bytes`` that are indexes.

    ``rows`` is the planner's estimate.
    """

    name: str
    bytes: int
    index_bytes: int
    rows: int
    chunks: int


def table_sizes(conn: psycopg.Connection) -> list[TableSize]:
    """Every table, the largest first."""
    with conn.cursor(row_factory=class_row(TableSize)) as cursor:
        return cursor.execute(_SIZES).fetchall()


@dataclass(frozen=True, slots=True)
class RelationSize:
    """Readings, or a rollup: bytes with indexes and chunks, the planner's number of rows, the oldest time.

    ``index_bytes`` are those of ``bytes`` that are indexes.

    ``compressed_bytes`` and ``uncompressed_bytes`` are of the compressed chunks: now, and
    before they were; 0 where there are none. ``kept_days`` 0 is for ever.
    """

    name: str
    bytes: int
    index_bytes: int
    rows: int
    chunks: int
    compressed_bytes: int
    uncompressed_bytes: int
    oldest: datetime | None
    kept_days: int


def relation_sizes(conn: psycopg.Connection, kept_days: Mapping[str, int]) -> list[RelationSize]:
    """The relations named in ``kept_days``, in its order."""
    tables = {table.name: table for table in table_sizes(conn)}
    hypertables = timescaledb_version(conn) is not None
    found: list[RelationSize] = []
    for name, days in kept_days.items():
        size = _hypertable(conn, name) if hypertables else None
        if size is None:
            table = tables[name]
            size = (table.bytes, table.index_bytes, table.rows, table.chunks, 0, 0)
        found.append(RelationSize(name, *size, first_time(conn, name), days))
    return found


def _hypertable(conn: psycopg.Connection, name: str) -> tuple[int, int, int, int, int, int] | None:
    """Bytes, those of indexes, rows, chunks, compressed and uncompressed bytes."""
    compresses = edition(conn) is Edition.COMMUNITY
    relation = hypertable_of(conn, name)
    row = conn.execute(_HYPERTABLE, {"relation": relation}).fetchone()
    if row is None or row[0] is None:
        return None
    packed = conn.execute(_PACKED, (relation,)).fetchone() if compresses else None
    whole, indexes, rows, chunks = (int(cell) for cell in row)
    return (whole, indexes, rows, chunks, *((int(packed[0]), int(packed[1])) if packed else (0, 0)))


def database_bytes(conn: psycopg.Connection) -> int:
    """The whole database."""
    row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0
