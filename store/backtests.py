"""Backtests: asked for, claimed by a worker, finished, failed or cancelled; kept to be compared.

A worker that dies leaves a run behind whose ``seen_at`` grows old; `recover` gives it back.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Literal

import psycopg
from psycopg.rows import class_row, kwargs_row
from psycopg.types.json import Jsonb

from store import audit
from telemetry.alerts import Severity
from telemetry.detection.episodes import Episode
from telemetry.errors import ConflictError, NotFoundError

CHANNEL = "backtest"
ABANDONED = timedelta(minutes=5)
"""A worker says how far it is every second, or after each fit, which may take a minute; one that
did not for this long is gone."""
MOST_ATTEMPTS = 3
MOST_EPISODES = 100_000
"""Of one run that are kept; a configuration that finds more is not worth comparing alert by alert."""

Status = Literal["queued", "running", "done", "failed", "cancelled"]

_COLUMNS = """backtest_run_id, family_id, point, name, author, reason, configuration, digest, version,
starts_at, ends_at, options, attended, status, cancel, worker, attempts, progress, readings,
requested_at, began_at, ended_at, error, result"""

_REQUEST = f"""
INSERT INTO backtest_run (family_id, point, name, author, reason, configuration, digest, version,
                          starts_at, ends_at, options, attended)
VALUES (%(family_id)s, %(point)s, %(name)s, %(author)s, %(reason)s, %(configuration)s, %(digest)s,
        %(version)s, %(starts_at)s, %(ends_at)s, %(options)s, %(attended)s)
RETURNING {_COLUMNS}"""
_LEAD = "UPDATE backtest_run SET family_id = backtest_run_id WHERE backtest_run_id = %s"
_NOTIFY = "SELECT pg_notify('backtest', '')"

_BEGIN = f"""
UPDATE backtest_run SET status = 'running', worker = %(worker)s, attempts = attempts + 1,
    seen_at = clock_timestamp(), began_at = clock_timestamp(), progress = 0, readings = 0
WHERE backtest_run_id = %(id)s AND status = 'queued' RETURNING {_COLUMNS}"""
_NEXT = """
WITH oldest AS (
    SELECT backtest_run_id, family_id FROM backtest_run WHERE status = 'queued' AND NOT attended
    ORDER BY backtest_run_id LIMIT 1 FOR UPDATE SKIP LOCKED)
SELECT run.backtest_run_id FROM backtest_run run, oldest
WHERE run.status = 'queued' AND NOT run.attended
  AND (run.backtest_run_id = oldest.backtest_run_id OR run.family_id = oldest.family_id)
ORDER BY run.backtest_run_id LIMIT %(most)s FOR UPDATE OF run SKIP LOCKED"""
_WAITING = "SELECT count(*) FROM backtest_run WHERE status = 'queued' AND NOT attended"

_NOTE = """
UPDATE backtest_run SET seen_at = clock_timestamp(), progress = %(progress)s, readings = %(readings)s
WHERE backtest_run_id = %(id)s AND worker = %(worker)s AND status = 'running' RETURNING cancel"""
_END = """
UPDATE backtest_run SET status = %(status)s, ended_at = clock_timestamp(), error = %(error)s,
    result = %(result)s, progress = CASE WHEN %(status)s = 'done' THEN 1 ELSE progress END
WHERE backtest_run_id = %(id)s AND worker = %(worker)s AND status = 'running'
RETURNING backtest_run_id"""
_ADD_EPISODE = """
INSERT INTO backtest_episode (backtest_run_id, key, detector, rule, stream_id, severity, started_at,
                              ended_at, value, expected_low, expected_high, score)
VALUES (%(id)s, %(key)s, %(detector)s, %(rule)s, %(stream_id)s, %(severity)s, %(started_at)s,
        %(ended_at)s, %(value)s, %(expected_low)s, %(expected_high)s, %(score)s)"""

_CANCEL = """
UPDATE backtest_run SET cancel = true,
    ended_at = CASE WHEN status = 'queued' THEN clock_timestamp() END,
    status = CASE WHEN status = 'queued' THEN 'cancelled' ELSE status END
WHERE backtest_run_id = %s AND status IN ('queued', 'running') RETURNING status"""
# What someone waits for at a terminal is not begun again behind their back.
_RECOVER = """
UPDATE backtest_run SET
    status = CASE WHEN cancel THEN 'cancelled' WHEN attended OR attempts >= %(most)s THEN 'failed'
                  ELSE 'queued' END,
    ended_at = CASE WHEN cancel OR attended OR attempts >= %(most)s THEN clock_timestamp() END,
    error = CASE WHEN cancel THEN '' ELSE 'its worker ended without a word: ' || worker END,
    worker = NULL
WHERE status = 'running'
  AND (seen_at < clock_timestamp() - %(patience)s OR worker = %(worker)s)
RETURNING backtest_run_id"""

_GIVE_BACK = """
UPDATE backtest_run SET status = CASE WHEN cancel THEN 'cancelled' ELSE 'queued' END, worker = NULL,
    ended_at = CASE WHEN cancel THEN clock_timestamp() END, attempts = attempts - 1
WHERE backtest_run_id = %s AND worker = %s AND status = 'running'"""

_GET = f"SELECT {_COLUMNS} FROM backtest_run WHERE backtest_run_id = %s"
_LIST = f"""
SELECT {_COLUMNS} FROM backtest_run
WHERE (%(family)s::bigint IS NULL OR family_id = %(family)s)
ORDER BY backtest_run_id DESC LIMIT %(limit)s"""
_EPISODES = """
SELECT key, detector, rule, stream_id, severity, started_at, ended_at, value, expected_low,
       expected_high, score
FROM backtest_episode WHERE backtest_run_id = %(id)s ORDER BY started_at, key LIMIT %(limit)s"""
_PRUNE = "DELETE FROM backtest_run WHERE ended_at < %s"


@dataclass(frozen=True, slots=True)
class Request:
    """What to try: a configuration over ``[starts_at, ends_at)``, with the other options of a plan.

    ``attended``: whoever asks does it, and waits.
    """

    configuration: Mapping[str, Any]
    digest: str
    starts_at: datetime
    ends_at: datetime
    author: str
    options: Mapping[str, Any] = field(default_factory=dict[str, Any])
    name: str = ""
    reason: str = ""
    version: int | None = None
    point: Mapping[str, Any] = field(default_factory=dict[str, Any])
    attended: bool = False


@dataclass(frozen=True, slots=True)
class BacktestRun:
    """A request and what became of it; ``result`` holds metrics, counts and timings once it is done."""

    backtest_run_id: int
    family_id: int | None
    point: dict[str, Any]
    name: str
    author: str
    reason: str
    configuration: dict[str, Any]
    digest: str
    version: int | None
    starts_at: datetime
    ends_at: datetime
    options: dict[str, Any]
    attended: bool
    status: Status
    cancel: bool
    worker: str | None
    attempts: int
    progress: float
    readings: int
    requested_at: datetime
    began_at: datetime | None
    ended_at: datetime | None
    error: str
    result: dict[str, Any] | None


def request_runs(conn: psycopg.Connection, requests: Sequence[Request]) -> list[BacktestRun]:
    """Ask for runs; several are one family, a sweep, named after its first."""
    made: list[BacktestRun] = []
    family: int | None = None
    for request in requests:
        made.append(_add(conn, request, family))
        if family is None and len(requests) > 1:
            family = made[0].backtest_run_id
            conn.execute(_LEAD, (family,))
    first = requests[0]
    detail = {"runs": len(requests), "digest": first.digest, "reason": first.reason}
    audit.record(conn, first.author, "backtest.request", str(made[0].backtest_run_id), detail)
    conn.execute(_NOTIFY)
    return made


def begin(conn: psycopg.Connection, backtest_run_id: int, worker: str) -> BacktestRun:
    """Start a run that waits; `ConflictError` where it does not wait any more."""
    with conn.cursor(row_factory=class_row(BacktestRun)) as cursor:
        run = cursor.execute(_BEGIN, {"id": backtest_run_id, "worker": worker}).fetchone()
    if run is None:
        raise ConflictError(f"backtest {backtest_run_id} does not wait any more")
    return run


def begin_next(conn: psycopg.Connection, worker: str, most: int = 1) -> list[BacktestRun]:
    """Start the oldest run that waits and that no one else takes; in a transaction.

    With it come others of its sweep, at most ``most`` in all. Empty where none waits.
    """
    rows = conn.execute(_NEXT, {"most": most}).fetchall()
    return [begin(conn, row[0], worker) for row in rows]


def count_waiting(conn: psycopg.Connection) -> int:
    """How many runs wait for a worker."""
    row = conn.execute(_WAITING).fetchone()
    return 0 if row is None else int(row[0])


def note(conn: psycopg.Connection, backtest_run_id: int, worker: str, progress: float, readings: int) -> bool:
    """Say that a run goes on and how far it is; ``False`` where it should stop."""
    asked = {"id": backtest_run_id, "worker": worker, "progress": progress, "readings": readings}
    row = conn.execute(_NOTE, asked).fetchone()
    return row is not None and not row[0]


def finish(
    conn: psycopg.Connection,
    backtest_run_id: int,
    worker: str,
    result: Mapping[str, Any],
    episodes: Sequence[Episode],
) -> bool:
    """Keep what came of a run; ``False`` where it is no longer this worker's."""
    if not _end(conn, backtest_run_id, worker, "done", "", result):
        return False
    with conn.cursor() as cursor:
        cursor.executemany(_ADD_EPISODE, [_row(backtest_run_id, one) for one in episodes[:MOST_EPISODES]])
    return True


def fail(conn: psycopg.Connection, backtest_run_id: int, worker: str, error: str) -> None:
    """Keep why a run could not be done."""
    _end(conn, backtest_run_id, worker, "failed", error[:2_000], None)


def stop(conn: psycopg.Connection, backtest_run_id: int, worker: str) -> None:
    """Say that a run has stopped as it was asked to."""
    _end(conn, backtest_run_id, worker, "cancelled", "", None)


def give_back(conn: psycopg.Connection, backtest_run_id: int, worker: str) -> None:
    """Let a run wait again: its worker has to stop, through no fault of the run."""
    conn.execute(_GIVE_BACK, (backtest_run_id, worker))


def cancel(conn: psycopg.Connection, backtest_run_id: int, actor: str) -> BacktestRun:
    """Stop a run: at once where it waits, within a second or two where it is under way.

    Raises
    ------
    NotFoundError
        There is no such run.
    ConflictError
        It has ended.
    """
    run = get_run(conn, backtest_run_id)
    if conn.execute(_CANCEL, (backtest_run_id,)).fetchone() is None:
        raise ConflictError(f"backtest {backtest_run_id} has ended: it is {run.status}")
    audit.record(conn, actor, "backtest.cancel", str(backtest_run_id))
    return get_run(conn, backtest_run_id)


def recover(
    conn: psycopg.Connection, patience: timedelta = ABANDONED, worker: str | None = None
) -> list[int]:
    """Give back what dead workers left, and what ``worker``, which is known to be dead, did; their ids."""
    asked = {"patience": patience, "most": MOST_ATTEMPTS, "worker": worker}
    return [row[0] for row in conn.execute(_RECOVER, asked)]


def listen(conn: psycopg.Connection) -> None:
    """Listen for requests; the connection must be in autocommit."""
    conn.execute(f"LISTEN {CHANNEL}")


def get_run(conn: psycopg.Connection, backtest_run_id: int) -> BacktestRun:
    """A run; `NotFoundError` where there is none."""
    with conn.cursor(row_factory=class_row(BacktestRun)) as cursor:
        run = cursor.execute(_GET, (backtest_run_id,)).fetchone()
    if run is None:
        raise NotFoundError("backtest", backtest_run_id)
    return run


def list_runs(conn: psycopg.Connection, limit: int = 50, family_id: int | None = None) -> list[BacktestRun]:
    """The newest runs, or those of a sweep, newest first."""
    with conn.cursor(row_factory=class_row(BacktestRun)) as cursor:
        return cursor.execute(_LIST, {"limit": limit, "family": family_id}).fetchall()


def list_episodes(
    conn: psycopg.Connection, backtest_run_id: int, limit: int = MOST_EPISODES
) -> list[Episode]:
    """What a run found, by start and key; without pictures."""
    with conn.cursor(row_factory=kwargs_row(_episode)) as cursor:
        return cursor.execute(_EPISODES, {"id": backtest_run_id, "limit": limit}).fetchall()


def prune(conn: psycopg.Connection, before: datetime) -> int:
    """Forget runs that ended before a time; returns how many."""
    return conn.execute(_PRUNE, (before,)).rowcount


def _add(conn: psycopg.Connection, request: Request, family_id: int | None) -> BacktestRun:
    row = {
        "family_id": family_id,
        "point": Jsonb(dict(request.point)),
        "name": request.name,
        "author": request.author,
        "reason": request.reason,
        "configuration": Jsonb(dict(request.configuration)),
        "digest": request.digest,
        "version": request.version,
        "starts_at": request.starts_at,
        "ends_at": request.ends_at,
        "options": Jsonb(dict(request.options)),
        "attended": request.attended,
    }
    with conn.cursor(row_factory=class_row(BacktestRun)) as cursor:
        made = cursor.execute(_REQUEST, row).fetchone()
    assert made is not None  # an insert returns its row
    return made


def _end(
    conn: psycopg.Connection,
    backtest_run_id: int,
    worker: str,
    status: Status,
    error: str,
    result: Mapping[str, Any] | None,
) -> bool:
    row = {
        "id": backtest_run_id,
        "worker": worker,
        "status": status,
        "error": error,
        "result": None if result is None else Jsonb(dict(result)),
    }
    return conn.execute(_END, row).fetchone() is not None


def _row(backtest_run_id: int, episode: Episode) -> dict[str, Any]:
    return {
        "id": backtest_run_id,
        "key": episode.key,
        "detector": episode.detector,
        "rule": episode.rule,
        "stream_id": episode.stream_id,
        "severity": str(episode.severity),
        "started_at": episode.started_at,
        "ended_at": episode.ended_at,
        "value": episode.value,
        "expected_low": episode.expected_low,
        "expected_high": episode.expected_high,
        "score": episode.score,
    }


def _episode(*, severity: str, **rest: Any) -> Episode:
    return Episode(severity=Severity(severity), **rest)
