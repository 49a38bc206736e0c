"""How an engine comes to stand where the last one stood.

From a snapshot: load it, replay the log up to the committed offset with results
suppressed, go on. Without one, or where the log no longer reaches back to it: warm up
from stored history and go on from the present head of the log.
"""

from __future__ import annotations

import logging

import psycopg

from alerts.apply import apply_findings
from analytics import stages
from analytics.columns import unpack
from analytics.engine import Engine
from analytics.history import warm_up
from analytics.live import CONSUMER, MODELS, LiveEngine
from store import batches, offsets, snapshots
from store.anomalies import list_standing
from telemetry.city import City

_log = logging.getLogger(__name__)


def start(conn: psycopg.Connection, city: City, now: int) -> LiveEngine:
    """The engine that goes on from what is committed.

    One repeatable-read transaction: the history that detectors warm up from holds exactly
    the batches up to the head they then start after, so that none falls between.

    Parameters
    ----------
    conn
        In autocommit.
    now
        Wall clock, microseconds; only where history ends depends on it.
    """
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with conn.transaction():
            engine = _resumed(conn, city) or _anew(conn, city, now)
            orphans = stages.adopt(engine.core.pipeline, list_standing(conn), now)
            apply_findings(conn, orphans)
            engine.save(conn, now)
    finally:
        if not conn.closed:
            conn.isolation_level = None
    return engine


def _resumed(conn: psycopg.Connection, city: City) -> LiveEngine | None:
    kept = snapshots.load_snapshot(conn, CONSUMER)
    if kept is None:
        return None
    if not _reaches(conn, kept.offsets):
        _log.warning("the log no longer reaches back to the snapshot of %s", kept.saved_at)
        return None
    engine = _blank(conn, city)
    learnt = snapshots.load_snapshot(conn, MODELS)
    try:
        engine.restore(unpack(kept.state), unpack(learnt.state if learnt else b""))
    except (ValueError, KeyError, IndexError) as error:
        _log.warning("the snapshot of %s cannot be used: %s", kept.saved_at, error)
        return None
    engine.offsets = dict(kept.offsets)
    replayed = engine.replay(conn, offsets.get_offsets(conn, CONSUMER))
    _log.info("resumed from the snapshot of %s, %d batches replayed", kept.saved_at, replayed)
    return engine


def _anew(conn: psycopg.Connection, city: City, now: int) -> LiveEngine:
    engine = _blank(conn, city)
    engine.offsets = batches.heads(conn)
    unscored = batches.lag(conn, offsets.get_offsets(conn, CONSUMER))
    _log.info("warming %d streams from history; %d batches pass unscored", len(engine.core.roster), unscored)
    warm_up(conn, engine.core.pipeline.stages, engine.core.roster, now)
    engine.fitted = now if any(len(c["stream"]) for c in engine.core.models().values()) else 0
    for ingestor, seq in engine.offsets.items():
        offsets.set_offset(conn, CONSUMER, ingestor, seq)
    engine.save(conn, now, models=True)
    return engine


def _blank(conn: psycopg.Connection, city: City) -> LiveEngine:
    engine = LiveEngine(Engine(stages.make_pipeline(city, city.detection)), {})
    engine.reload(conn)
    return engine


def _reaches(conn: psycopg.Connection, since: dict[str, int]) -> bool:
    """Whether the log still holds every entry after these offsets."""
    tails = batches.tails(conn)
    behind = {name: head for name, head in batches.heads(conn).items() if head > since.get(name, 0)}
    return all(tails.get(name, head + 1) <= since.get(name, 0) + 1 for name, head in behind.items())
