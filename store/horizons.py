"""Before when readings and rollups have been let go: what was there is no longer all there."""

from __future__ import annotations

from datetime import datetime

import psycopg

_READ = "SELECT relation, before FROM reading_horizon"
_RAISE = """
INSERT INTO reading_horizon (relation, before) VALUES (%s, %s)
ON CONFLICT (relation) DO UPDATE SET before = greatest(reading_horizon.before, excluded.before)"""


def read_horizons(conn: psycopg.Connection) -> dict[str, datetime]:
    """By relation; one of which nothing was let go is not in it."""
    return dict(conn.execute(_READ).fetchall())


def raise_horizon(conn: psycopg.Connection, relation: str, before: datetime) -> None:
    """Say that a relation may lack what is older; it never goes back."""
    conn.execute(_RAISE, (relation, before))
