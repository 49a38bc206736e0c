"""How much room the tables take."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg
from psycopg.rows import class_row

# A hypertable keeps its rows in chunks, tables of a schema of their own that inherit from it.
_SIZES = """
WITH RECURSIVE part AS (
    SELECT oid AS root, oid FROM pg_class
    WHERE relkind IN ('r', 'p') AND relnamespace = current_schema()::regnamespace
    UNION ALL
    SELECT part.root, pg_inherits.inhrelid FROM part JOIN pg_inherits ON pg_inherits.inhparent = part.oid
)
SELECT root.relname AS name, sum(pg_total_relation_size(part.oid))::bigint AS bytes,
       greatest(sum(piece.reltuples), 0)::bigint AS rows, (count(*) - 1)::integer AS chunks
FROM part JOIN pg_class AS root ON root.oid = part.root JOIN pg_class AS piece ON piece.oid = part.oid
WHERE NOT root.relispartition
GROUP BY root.relname ORDER BY bytes DESC, name"""


@dataclass(frozen=True, slots=True)
class TableSize:
    """One table with its indexes and chunks; ``rows`` is the planner's estimate."""

    name: str
    bytes: int
    rows: int
    chunks: int


def table_sizes(conn: psycopg.Connection) -> list[TableSize]:
    """Every table, the largest first."""
    with conn.cursor(row_factory=class_row(TableSize)) as cursor:
        return cursor.execute(_SIZES).fetchall()


def database_bytes(conn: psycopg.Connection) -> int:
    """The whole database."""
    row = conn.execute("SELECT pg_database_size(current_database())").fetchone()
    return int(row[0]) if row else 0
