"""Files of history that were taken in, and how far each has come."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

_FIND_IMPORT = """
SELECT digest, name, rows_done, committed, duplicates, refused, started_at, finished_at
FROM history_import WHERE digest = %s"""

_BEGIN_IMPORT = """
INSERT INTO history_import (digest, name) VALUES (%(digest)s, %(name)s)
ON CONFLICT (digest) DO UPDATE SET name = excluded.name, rows_done = 0, committed = 0, duplicates = 0,
    refused = 0, started_at = now(), finished_at = NULL"""

_ADVANCE_IMPORT = """
UPDATE history_import SET rows_done = %(rows_done)s, committed = committed + %(committed)s,
    duplicates = duplicates + %(duplicates)s, refused = refused + %(refused)s WHERE digest = %(digest)s"""

_FINISH_IMPORT = "UPDATE history_import SET finished_at = now() WHERE digest = %s"


@dataclass(frozen=True, slots=True)
class HistoryImport:
    """A file of history, by the SHA-256 of its bytes, and how far it was taken in."""

    digest: str
    name: str
    rows_done: int
    committed: int
    duplicates: int
    refused: int
    started_at: datetime
    finished_at: datetime | None


def find_import(conn: psycopg.Connection, digest: str) -> HistoryImport | None:
    """What is known of a file, by the SHA-256 of its bytes."""
    with conn.cursor(row_factory=class_row(HistoryImport)) as cursor:
        return cursor.execute(_FIND_IMPORT, (digest,)).fetchone()


def begin_import(conn: psycopg.Connection, digest: str, name: str) -> None:
    """Start a file from its first row."""
    conn.execute(_BEGIN_IMPORT, {"digest": digest, "name": name})


def advance_import(
    conn: psycopg.Connection, digest: str, *, rows_done: int, committed: int, duplicates: int, refused: int
) -> None:
    """Note how far a file has come; in the transaction that stores its rows."""
    told = {"rows_done": rows_done, "committed": committed, "duplicates": duplicates, "refused": refused}
    conn.execute(_ADVANCE_IMPORT, {"digest": digest, **told})


def finish_import(conn: psycopg.Connection, digest: str) -> None:
    """The file is in, whole."""
    conn.execute(_FINISH_IMPORT, (digest,))
