"""Where in time a relation has rows: by its chunks, so that what is old need not be read to know it.

Neither the readings nor their rollups have an index on time alone; over a year of readings the
oldest time would be found by reading all of them. A chunk says what it may hold, and each stream
has an index: within the first chunk that has any row, one probe a stream finds the first time.
"""

from __future__ import annotations

from datetime import UTC, datetime

import psycopg
from psycopg import sql

from store.edition import Edition, edition

ENDLESS = (datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 1, 1, tzinfo=UTC))
"""Where there are no chunks."""

_BENEATH = """
SELECT format('%%I.%%I', materialization_hypertable_schema, materialization_hypertable_name)
FROM timescaledb_information.continuous_aggregates WHERE view_name = %s"""
_RANGES = """
SELECT range_start, range_end FROM timescaledb_information.chunks
WHERE format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = %s::regclass
ORDER BY range_start"""
_CHUNKS = """
SELECT chunk_schema, chunk_name FROM timescaledb_information.chunks
WHERE format('%%I.%%I', hypertable_schema, hypertable_name)::regclass = %(relation)s::regclass
  AND range_start < %(end)s AND range_end > %(start)s"""
_HOLDS = """
SELECT EXISTS (SELECT FROM {relation} WHERE {column} >= %s AND {column} < %s)"""
_END = """
SELECT {edge}(found.at) FROM stream CROSS JOIN LATERAL (
    SELECT {column} AS at FROM {relation} AS held
    WHERE held.stream_id = stream.stream_id AND {column} >= %s AND {column} < %s
    ORDER BY {column} {direction} LIMIT 1
) AS found"""


def hypertable_of(conn: psycopg.Connection, relation: str) -> str:
    """The hypertable that holds a relation's rows: its own, or the one beneath a continuous aggregate."""
    beneath = None
    if edition(conn) is Edition.COMMUNITY:
        beneath = conn.execute(_BENEATH, (relation,)).fetchone()
    return str(beneath[0]) if beneath else relation


def first_time(conn: psycopg.Connection, relation: str) -> datetime | None:
    """The oldest time of a relation; ``None`` where it is empty."""
    return _edge(conn, relation, newest=False)


def last_time(conn: psycopg.Connection, relation: str) -> datetime | None:
    """The newest time of a relation; ``None`` where it is empty."""
    return _edge(conn, relation, newest=True)


def last_range(conn: psycopg.Connection, relation: str) -> tuple[datetime, datetime] | None:
    """What the newest chunk that has a row may hold; `ENDLESS` without chunks, ``None`` without rows."""
    query = sql.SQL(_HOLDS).format(**_names(relation))
    for span in reversed(_ranges(conn, relation)):
        row = conn.execute(query, span, prepare=False).fetchone()
        if row and row[0]:
            return span
    return None


def analyze(conn: psycopg.Connection, relation: str, start: datetime, end: datetime) -> None:
    """Tell the planner of the chunks that overlap ``[start, end)``; of the relation where it has none."""
    if edition(conn) is Edition.PLAIN:
        conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(relation)))
        return
    span = {"relation": hypertable_of(conn, relation), "start": start, "end": end}
    for chunk in conn.execute(_CHUNKS, span).fetchall():
        conn.execute(sql.SQL("ANALYZE {}").format(sql.Identifier(*chunk)))


def _edge(conn: psycopg.Connection, relation: str, *, newest: bool) -> datetime | None:
    query = sql.SQL(_END).format(
        edge=sql.SQL("max" if newest else "min"),
        direction=sql.SQL("DESC" if newest else "ASC"),
        **_names(relation),
    )
    ranges = _ranges(conn, relation)
    for start, end in reversed(ranges) if newest else ranges:
        # Planned for these very bounds, so that no other chunk is looked at.
        row = conn.execute(query, (start, end), prepare=False).fetchone()
        if row and row[0] is not None:
            return row[0]
    return None


def _names(relation: str) -> dict[str, sql.Identifier]:
    column = "time" if relation == "reading" else "bucket"
    return {"column": sql.Identifier(column), "relation": sql.Identifier(relation)}


def _ranges(conn: psycopg.Connection, relation: str) -> list[tuple[datetime, datetime]]:
    if edition(conn) is Edition.PLAIN:
        return [ENDLESS]
    return conn.execute(_RANGES, (hypertable_of(conn, relation),)).fetchall()
