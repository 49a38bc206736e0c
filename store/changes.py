"""What was stored and is not in the rollups yet: by minute, or by one stream's minute.

Every road that stores readings adds a row in its own transaction, so that a crash
can't part the two. Rows are only added and taken, never changed: what commits while
others are being worked on brings its own row.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import psycopg
from numpy.typing import NDArray

from store.arrays import Int4
from telemetry.readings import Readings

MINUTE_US = 60_000_000
_DAY_MINUTES = 1_440
CROWD = 1_000
"""From so many streams in a minute on, the minute is noted for all of them at once."""

_RECORD = """
INSERT INTO reading_change (minutes, stream_ids, stream_minutes)
VALUES (%(minutes)s, %(ids)s, %(id_minutes)s)"""

# One row at least; then as many as are about ten days' worth of whole minutes, or a million pairs.
_PEEK = """
SELECT id, minutes, stream_ids, stream_minutes FROM (
    SELECT *, sum(weight) OVER (ORDER BY id) - weight AS before
    FROM (
        SELECT *, cardinality(minutes) + cardinality(stream_ids) / 100 AS weight
        FROM reading_change ORDER BY id LIMIT %s
    ) AS oldest
) AS counted WHERE before < 14400 ORDER BY id"""
_FORGET = "DELETE FROM reading_change WHERE id = ANY(%s)"

_PENDING = """
SELECT coalesce(array_agg(DISTINCT minute), '{}') FROM (
    SELECT unnest(minutes) AS minute FROM reading_change
    UNION ALL
    SELECT pair.minute
    FROM reading_change, unnest(stream_ids, stream_minutes) AS pair (stream_id, minute)
    WHERE pair.stream_id = ANY(%(ids)s)
) AS noted
WHERE minute >= %(first)s AND minute < %(last)s"""

_LAG = "SELECT count(*), extract(epoch FROM clock_timestamp() - min(at))::float8 FROM reading_change"


@dataclass(frozen=True, slots=True)
class Changes:
    """Changes taken together: ``minutes`` of all streams, and pairs ``(stream_ids, stream_minutes)``.

    Minutes are int32, counted since 1970; ``ids`` name the rows they came from.
    """

    ids: list[int]
    minutes: NDArray[np.int32]
    stream_ids: NDArray[np.int32]
    stream_minutes: NDArray[np.int32]

    def since(self, minute: int) -> Changes:
        """Those from a minute on."""
        late = self.stream_minutes >= minute
        return Changes(
            self.ids,
            self.minutes[self.minutes >= minute],
            self.stream_ids[late],
            self.stream_minutes[late],
        )

    def without(self, days: NDArray[np.int64]) -> Changes:
        """Those of other days than these, which are counted since 1970."""
        whole = ~np.isin(self.minutes // _DAY_MINUTES, days)
        alone = ~np.isin(self.stream_minutes // _DAY_MINUTES, days)
        return Changes(self.ids, self.minutes[whole], self.stream_ids[alone], self.stream_minutes[alone])

    @property
    def all_minutes(self) -> NDArray[np.int32]:
        """Every minute in which anything changed, ordered."""
        return np.unique(np.concatenate((self.minutes, self.stream_minutes)))


@dataclass(frozen=True, slots=True)
class Lag:
    """How far the rollups are behind: transactions not summed up, and the age of the oldest."""

    pending: int
    oldest_s: float


def record(conn: psycopg.Connection, readings: Readings) -> None:
    """Note readings that this transaction stores."""
    if len(readings) == 0:
        return
    minutes, ids, id_minutes = condense(readings.stream_ids, readings.times // MINUTE_US)
    row = {"minutes": Int4(minutes), "ids": Int4(ids), "id_minutes": Int4(id_minutes)}
    conn.execute(_RECORD, row)


def condense(
    stream_ids: NDArray[np.int32], minutes: NDArray[np.int64] | NDArray[np.int32]
) -> tuple[NDArray[np.int32], NDArray[np.int32], NDArray[np.int32]]:
    """Distinct pairs of stream and minute, but crowded minutes as a whole: those, ids, id minutes."""
    keys = np.unique((minutes.astype(np.int64) << 32) | stream_ids.astype(np.int64))
    pair_minutes = (keys >> 32).astype(np.int32)
    crowded, counts = np.unique(pair_minutes, return_counts=True)
    crowded = crowded[counts >= CROWD]
    alone = ~np.isin(pair_minutes, crowded)
    return crowded, (keys[alone] & 0xFFFFFFFF).astype(np.int32), pair_minutes[alone]


def peek(conn: psycopg.Connection, limit: int) -> Changes:
    """The oldest changes, put together; `forget` them in the end."""
    with conn.cursor(binary=True) as cursor:
        rows = cursor.execute(_PEEK, (limit,)).fetchall()
    crowded, ids, id_minutes = condense(_joined(r[2] for r in rows), _joined(r[3] for r in rows))
    whole = np.union1d(_joined(r[1] for r in rows), crowded).astype(np.int32)
    alone = ~np.isin(id_minutes, whole)
    return Changes([r[0] for r in rows], whole, ids[alone], id_minutes[alone])


def forget(conn: psycopg.Connection, ids: Sequence[int]) -> None:
    """These changes are in the rollups."""
    conn.execute(_FORGET, (list(ids),))


def pending_minutes(
    conn: psycopg.Connection, stream_ids: Sequence[int], first: int, last: int
) -> NDArray[np.int64]:
    """Minutes in ``[first, last)`` in which one of the streams may differ from its rollups."""
    row = {"ids": Int4(np.asarray(stream_ids, np.int32)), "first": first, "last": last}
    with conn.cursor(binary=True) as cursor:
        found = cursor.execute(_PENDING, row).fetchone()
    assert found is not None  # an aggregate always answers
    return np.sort(np.asarray(found[0], np.int64))


def lag(conn: psycopg.Connection) -> Lag:
    """How far the rollups are behind."""
    row = conn.execute(_LAG).fetchone()
    return Lag(0, 0.0) if row is None or row[1] is None else Lag(int(row[0]), float(row[1]))


def _joined(parts: Iterable[NDArray[np.int32]]) -> NDArray[np.int32]:
    return np.concatenate([np.empty(0, np.int32), *parts])
