"""How an engine comes to stand where the last one stood.

From a snapshot: load it, replay the log up to the committed offset with results
suppressed, go on. Without one, or where the log no longer reaches back to it: warm up
from stored history and go on from the present head of the log.
"""

from __future__ import annotations

import logging
from collections.abc import Mapping

import psycopg

from alerts.apply import apply_findings
from analytics import stages, versions
from analytics.columns import Columns, unpack
from analytics.engine import Engine
from analytics.history import warm_up
from analytics.live import CONSUMER, MODELS, LiveEngine, version_of
from analytics.versions import Chosen
from store import batches, offsets, snapshots
from store.anomalies import list_standing
from telemetry.city import City
from telemetry.errors import ConfigError

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
            orphans += versions.retired(conn, engine.core.pipeline, now)
            apply_findings(conn, engine.signed(orphans))
            engine.save(conn, now)
    finally:
        if not conn.closed:
            conn.isolation_level = None
    return engine


def _resumed(conn: psycopg.Connection, city: City) -> LiveEngine | None:
    kept = snapshots.load_snapshot(conn, CONSUMER)
    if kept is None:
        return None
    if not reaches(conn, kept.offsets):
        _log.warning("the log no longer reaches back to the snapshot of %s", kept.saved_at)
        return None
    learnt = snapshots.load_snapshot(conn, MODELS)
    try:
        state = unpack(kept.state)
        engine = _blank(conn, city, _kept_version(conn, city, state))
        engine.restore(state, unpack(learnt.state if learnt else b""))
    except (ValueError, KeyError, IndexError, ConfigError) as error:
        _log.warning("the snapshot of %s cannot be used: %s", kept.saved_at, error)
        return None
    engine.offsets = dict(kept.offsets)
    replayed = engine.replay(conn, offsets.get_offsets(conn, CONSUMER))
    _log.info("resumed from the snapshot of %s, %d batches replayed", kept.saved_at, replayed)
    return engine


def _anew(conn: psycopg.Connection, city: City, now: int) -> LiveEngine:
    engine = _blank(conn, city, versions.in_force(conn, city))
    engine.offsets = batches.heads(conn)
    unscored = batches.lag(conn, offsets.get_offsets(conn, CONSUMER))
    _log.info("warming %d streams from history; %d batches pass unscored", len(engine.core.roster), unscored)
    warm_up(conn, engine.core.pipeline.stages, engine.core.roster, now)
    engine.fitted = now if any(len(c["stream"]) for c in engine.core.models().values()) else 0
    for ingestor, seq in engine.offsets.items():
        offsets.set_offset(conn, CONSUMER, ingestor, seq)
    engine.save(conn, now, models=True)
    return engine


def _kept_version(conn: psycopg.Connection, city: City, state: Mapping[str, Columns]) -> Chosen:
    """The configuration that a snapshot is of: what it replays was scored with that one."""
    version = version_of(state)
    if version is None:
        return versions.in_force(conn, city)
    return versions.read(conn, version) if version else Chosen(0, city.detection)


def _blank(conn: psycopg.Connection, city: City, chosen: Chosen) -> LiveEngine:
    pipeline = stages.make_pipeline(city, chosen.configuration)
    engine = LiveEngine(Engine(pipeline), {}, version=chosen.version)
    engine.reload(conn)
    return engine


def reaches(conn: psycopg.Connection, since: dict[str, int]) -> bool:
    """Whether the log still holds every entry after these offsets."""
    tails = batches.tails(conn)
    behind = {name: head for name, head in batches.heads(conn).items() if head > since.get(name, 0)}
    return all(tails.get(name, head + 1) <= since.get(name, 0) + 1 for name, head in behind.items())
