"""Migrations: forward only, checksummed, one at a time."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from store.migrate import Migration, migrate, packaged_migrations, pending
from telemetry.errors import MigrationError


def test_migrations_apply_once(empty_database_url: str) -> None:
    names = [m.name for m in packaged_migrations()]
    with psycopg.connect(empty_database_url) as conn:
        assert pending(conn) == names
    assert migrate(empty_database_url) == names
    assert migrate(empty_database_url) == []
    with psycopg.connect(empty_database_url) as conn:
        assert pending(conn) == []


def test_two_at_once_take_turns(empty_database_url: str) -> None:
    with ThreadPoolExecutor(4) as pool:
        applied = list(pool.map(lambda _: migrate(empty_database_url), range(4)))
    assert sorted(map(len, applied)) == [0, 0, 0, len(packaged_migrations())]


def test_a_changed_file_is_refused(empty_database_url: str) -> None:
    migrate(empty_database_url, [Migration("0001_a.sql", "SELECT 1")])
    with pytest.raises(MigrationError, match="0001_a"):
        migrate(empty_database_url, [Migration("0001_a.sql", "SELECT 2")])


def test_a_newer_database_is_refused(empty_database_url: str) -> None:
    migrate(empty_database_url, [Migration("0001_a.sql", "SELECT 1"), Migration("0002_b.sql", "SELECT 1")])
    with pytest.raises(MigrationError, match="0002_b"):
        migrate(empty_database_url, [Migration("0001_a.sql", "SELECT 1")])


def test_a_failure_leaves_everything_as_it_was(empty_database_url: str) -> None:
    good, bad = Migration("0001_a.sql", "CREATE TABLE a (x int)"), Migration("0002_b.sql", "CREATE TABEL b")
    with pytest.raises(psycopg.errors.SyntaxError):
        migrate(empty_database_url, [good, bad])
    with psycopg.connect(empty_database_url) as conn:
        row = conn.execute("SELECT to_regclass('a'), to_regclass('schema_migration')").fetchone()
    assert row == (None, None)
