"""How long readings and rollups are kept: TimescaleDB's own policies, or our maintenance.

Whole days of UTC are let go, so that no bucket of any rollup is left in part.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Final

import psycopg
from psycopg import sql

from store.edition import Edition, edition
from store.horizons import raise_horizon
from store.rollups import LEVELS, are_views
from telemetry.settings import Store

POLICIES: Final = ("policy_retention", "policy_compression", "policy_refresh_continuous_aggregate")
_RELATIONS: Final = ("reading", *(level.relation for level in LEVELS))

_COMPRESSED = """
SELECT compression_enabled FROM timescaledb_information.hypertables WHERE hypertable_name = 'reading'"""
_COMPRESS = """
ALTER TABLE reading SET (timescaledb.compress, timescaledb.compress_segmentby = 'stream_id',
                         timescaledb.compress_orderby = 'time')"""
_DROP_CHUNKS = "SELECT drop_chunks(%s::regclass, older_than => %s::timestamptz)"
_DELETE = "DELETE FROM {} WHERE {} < %s"


def kept_days(store: Store) -> dict[str, int]:
    """Days each relation is kept, 0 for ever."""
    days = (store.raw_days, store.minute_days, store.quarter_days, store.hour_days, store.day_days)
    return dict(zip(_RELATIONS, days, strict=True))


def cut_before(now: datetime, days: int) -> datetime | None:
    """What is older is let go: a beginning of a day of UTC; ``None`` for nothing."""
    if days == 0:
        return None
    return (now.astimezone(UTC) - timedelta(days=days)).replace(hour=0, minute=0, second=0, microsecond=0)


def apply_policies(conn: psycopg.Connection, store: Store, oldest_days: float) -> None:
    """On TimescaleDB Community make its policies what is set; elsewhere there are none to make.

    Its refresh policies look back as far as late readings are taken. They are the second
    pair of eyes: `store.rollups.refresh` brings in at once what went through our own roads.
    """
    if edition(conn) is not Edition.COMMUNITY or not are_views(conn):
        return
    _compress(conn, store.compress_after_days)
    for relation, days in kept_days(store).items():
        conn.execute("SELECT remove_retention_policy(%s::regclass, if_exists => true)", (relation,))
        if days:
            conn.execute(
                "SELECT add_retention_policy(%s::regclass, drop_after => %s::interval)",
                (relation, timedelta(days=days)),
            )
    for level in LEVELS:
        conn.execute(
            "SELECT remove_continuous_aggregate_policy(%s::regclass, if_exists => true)", (level.relation,)
        )
        conn.execute(
            "SELECT add_continuous_aggregate_policy(%s::regclass, start_offset => %s::interval,"
            " end_offset => %s::interval, schedule_interval => %s::interval)",
            (level.relation, timedelta(days=oldest_days + 1) + level.width, level.width, _pace(level.width)),
        )


def expire(conn: psycopg.Connection, store: Store, now: datetime) -> list[str]:
    """Let go of what is too old, in one transaction; the relations of which something may have gone.

    On Community that is done by its policies: here only what is gone is noted. TimescaleDB
    lets go of whole chunks, plain PostgreSQL of rows.
    """
    kind = edition(conn)
    expired: list[str] = []
    for relation, days in kept_days(store).items():
        before = cut_before(now, days)
        if before is None:
            continue
        raise_horizon(conn, relation, before)
        expired.append(relation)
        if kind is Edition.PLAIN:
            column = "time" if relation == "reading" else "bucket"
            delete = sql.SQL(_DELETE).format(sql.Identifier(relation), sql.Identifier(column))
            conn.execute(delete, (before,))
        elif not are_views(conn):
            conn.execute(_DROP_CHUNKS, (relation, before))
    return expired


def _compress(conn: psycopg.Connection, after_days: int) -> None:
    row = conn.execute(_COMPRESSED).fetchone()
    if not (row and row[0]):
        conn.execute(_COMPRESS)
    conn.execute("SELECT remove_compression_policy('reading'::regclass, if_exists => true)")
    if after_days:
        conn.execute(
            "SELECT add_compression_policy('reading'::regclass, compress_after => %s::interval)",
            (timedelta(days=after_days),),
        )


def _pace(width: timedelta) -> timedelta:
    return min(max(width, timedelta(minutes=1)), timedelta(hours=1))
