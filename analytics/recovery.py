"""How an engine comes to stand where the last one stood.

From a snapshot: load it, replay the log up to the committed offset with results
suppressed, go on. Without one that can be used: warm up from history as it was at the
committed offset, and go on from there. Only where the log no longer reaches back to it do
readings pass unscored: then from the present head of the log.
"""

from __future__ import annotations

import contextlib
import logging
from collections.abc import Mapping

import psycopg

from alerts.apply import apply_findings
from analytics import stages, versions
from analytics.columns import Columns, pack, unpack
from analytics.engine import Engine, numbers
from analytics.history import warm_up
from analytics.live import LiveEngine, version_of
from analytics.replay import replay
from analytics.shards import NAME, Shard, shards_of, split_among
from analytics.times import micros
from analytics.versions import Chosen
from store import batches, offsets, snapshots
from store.locks import hold
from telemetry.city import City
from telemetry.errors import ConfigError

_log = logging.getLogger(__name__)

_BEGUN = "begun"


def begin(conn: psycopg.Connection, shard: Shard, now: int) -> int | None:
    """Make sure that the city is split as ``shard`` says; the split in force where it is another.

    The very first start writes down where the logs stand, for every shard, before anything
    is warmed up: whatever is committed from then on is scored, even if this process dies
    before it has scored anything.
    """
    with conn.transaction():
        hold(conn, f"{NAME} split")
        split = split_among(snapshots.list_consumers(conn))
        if split is None:
            heads, begun = batches.heads(conn), pack({_BEGUN: numbers(now=now)})
            for one in shards_of(shard.of):
                offsets.set_offsets(conn, one.consumer, heads)
                snapshots.save_snapshot(conn, one.consumer, heads, begun)
    return split if split not in (None, shard.of) else None


def start(conn: psycopg.Connection, city: City, now: int, shard: Shard | None = None) -> LiveEngine:
    """The engine that goes on from what is committed.

    One repeatable-read transaction: the history that detectors warm up from holds exactly
    the batches up to the head they then start after, so that none falls between.

    Parameters
    ----------
    conn
        In autocommit.
    now
        Wall clock, microseconds; only where history ends depends on it.
    shard
        The part of the city, whose lock the caller holds; by default all of it.
    """
    shard = shard or Shard()
    begin(conn, shard, now)
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with conn.transaction():
            engine = _resumed(conn, city, shard) or _anew(conn, city, shard, now)
            standing = engine.standing(conn)
            orphans = stages.adopt(engine.core.pipeline, standing, now)
            orphans += versions.retired(conn, engine.core.pipeline, standing, now)
            apply_findings(conn, engine.signed(orphans))
            engine.save(conn, now)
    finally:
        if not conn.closed:
            conn.isolation_level = None
    return engine


def chosen(conn: psycopg.Connection, city: City, version: int) -> Chosen:
    """The configuration of that number; 0 is the city profile's, never written down."""
    return versions.read(conn, version) if version else Chosen(0, city.detection)


def blank(city: City, configured: Chosen, shard: Shard) -> LiveEngine:
    """An engine under a configuration that knows no stream."""
    pipeline = stages.make_pipeline(city, configured.configuration)
    return LiveEngine(Engine(pipeline), {}, version=configured.version, shard=shard)


def _resumed(conn: psycopg.Connection, city: City, shard: Shard) -> LiveEngine | None:
    kept = snapshots.load_snapshot(conn, shard.consumer)
    if kept is None or _begun(kept) is not None:
        return None
    if not reaches(conn, kept.offsets):
        _log.warning("the log no longer reaches back to the snapshot of %s", kept.saved_at)
        return None
    learnt = snapshots.load_snapshot(conn, shard.models)
    try:
        state = unpack(kept.state)
        engine = blank(city, _kept_version(conn, city, state), shard)
        engine.enrol(conn, state)
        engine.restore(state, unpack(learnt.state if learnt else b""))
        engine.offsets = dict(kept.offsets)
        replayed = replay(conn, engine, offsets.get_offsets(conn, shard.consumer))
    except (ValueError, KeyError, IndexError, ConfigError) as error:
        _log.warning("the snapshot of %s cannot be used: %s", kept.saved_at, error)
        return None
    _log.info("resumed from the snapshot of %s, %d batches replayed", kept.saved_at, replayed)
    return engine


def _anew(conn: psycopg.Connection, city: City, shard: Shard, now: int) -> LiveEngine:
    engine = blank(city, versions.in_force(conn, city), shard)
    engine.reload(conn)
    done = offsets.get_offsets(conn, shard.consumer)
    if reaches(conn, done):
        engine.offsets, now = done, _moment_of(conn, shard, done) or now
    else:
        engine.offsets = batches.heads(conn)
        _log.warning("%d batches pass unscored", batches.lag(conn, done))
    _log.info("warming %d streams from history", len(engine.core.roster))
    warm_up(conn, engine.core.pipeline.stages, engine.core.roster, now)
    engine.fitted = now if any(len(c["stream"]) for c in engine.core.models().values()) else 0
    offsets.set_offsets(conn, shard.consumer, engine.offsets)
    engine.save(conn, now, models=True)
    return engine


def _kept_version(conn: psycopg.Connection, city: City, state: Mapping[str, Columns]) -> Chosen:
    """The configuration that a snapshot is of: what it replays was scored with that one."""
    version = version_of(state)
    return versions.in_force(conn, city) if version is None else chosen(conn, city, version)


def _moment_of(conn: psycopg.Connection, shard: Shard, done: Mapping[str, int]) -> int | None:
    """When a shard came to stand at these offsets, microseconds; ``None`` where nothing says so."""
    kept = snapshots.load_snapshot(conn, shard.consumer)
    begun = _begun(kept) if kept and kept.offsets == done else None
    committed_at = batches.committed_at(conn, done)
    return begun or (micros(committed_at) if committed_at else None)


def _begun(kept: snapshots.Snapshot) -> int | None:
    """When the very first start was, where that is all that is kept."""
    with contextlib.suppress(ValueError):
        state = unpack(kept.state)
        return int(state[_BEGUN]["now"][0]) if _BEGUN in state else None
    return None


def reaches(conn: psycopg.Connection, since: dict[str, int]) -> bool:
    """Whether the log still holds every entry after these offsets."""
    tails = batches.tails(conn)
    behind = {name: head for name, head in batches.heads(conn).items() if head > since.get(name, 0)}
    return all(tails.get(name, head + 1) <= since.get(name, 0) + 1 for name, head in behind.items())
