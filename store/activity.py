"""The last hour of ingest, minute by minute."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg
from psycopg.rows import class_row

# Of a batch's readings the last one stands for its lag: a batch holds a tenth of a second.
_MINUTES = """
SELECT minute, coalesce(batches.readings, 0)::integer AS readings, batches.lag_s,
       coalesce(refusals.refused, 0)::integer AS refused
FROM generate_series(date_trunc('minute', %(start)s::timestamptz),
                     date_trunc('minute', %(end)s::timestamptz), INTERVAL '1 minute') AS minute
LEFT JOIN (
    SELECT date_trunc('minute', committed_at) AS minute, sum(n) AS readings,
           avg(extract(epoch FROM committed_at) - times[n] / 1e6)::double precision AS lag_s
    FROM reading_batch WHERE committed_at >= %(start)s GROUP BY 1
) AS batches USING (minute)
LEFT JOIN (
    SELECT date_trunc('minute', last_at) AS minute, count(*) AS refused
    FROM quarantine WHERE last_at >= %(start)s GROUP BY 1
) AS refusals USING (minute)
ORDER BY minute"""


@dataclass(frozen=True, slots=True)
class Minute:
    """What a minute brought: readings stored, their mean way to the store, messages refused."""

    minute: datetime
    readings: int
    lag_s: float | None
    refused: int


def list_minutes(conn: psycopg.Connection, start: datetime, end: datetime) -> list[Minute]:
    """Every minute from ``start`` to ``end``, the oldest first; the log keeps a day."""
    with conn.cursor(row_factory=class_row(Minute)) as cursor:
        return cursor.execute(_MINUTES, {"start": start, "end": end}).fetchall()
