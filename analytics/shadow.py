"""A candidate configuration on the log of committed readings, beside the live one.

It reads the same log at an offset of its own and writes to tables of its own, in a process
of its own: however slow or wrong it is, the live detectors do not notice. Each reading is
scored exactly once, across crashes, as live.
"""

from __future__ import annotations

import logging
import threading
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from analytics import stages
from analytics.columns import unpack
from analytics.engine import Engine
from analytics.history import fit_all, warm_up
from analytics.live import LiveEngine
from analytics.recovery import reaches
from analytics.replay import replay
from analytics.shards import Shard
from analytics.times import HOUR, SECOND, micros
from store import batches, offsets, shadows, snapshots
from store.locks import try_lock
from store.pool import connect
from store.shadows import Shadow
from telemetry.alerts import Anomaly, Finding
from telemetry.city import City
from telemetry.detection.configuration import configuration_of
from telemetry.errors import EngineError
from telemetry.settings import Settings

_log = logging.getLogger(__name__)

_WAIT_S = 0.5
_SAVE_US = 60 * SECOND
_LOOK_US = 2 * SECOND
_FIT_US = HOUR


@dataclass(frozen=True, slots=True)
class Beside(Shard):
    """All of the city, under a shadow's name."""

    shadow_id: int = 0

    @property
    def consumer(self) -> str:
        """Under what its offsets, steps, state and lock are kept."""
        return shadows.consumer_of(self.shadow_id)

    @property
    def models(self) -> str:
        """Under what its models are kept."""
        return shadows.models_of(self.shadow_id)


@dataclass(slots=True)
class ShadowEngine(LiveEngine):
    """A live engine whose findings are a shadow's."""

    shadow_id: int = 0

    def tell(self, conn: psycopg.Connection, findings: Sequence[Finding]) -> None:
        """Write findings down where they alert nobody."""
        shadows.apply_findings(conn, self.shadow_id, findings)

    def standing(self, conn: psycopg.Connection) -> list[Anomaly]:
        """What the shadow has found that stands."""
        return shadows.list_standing(conn, self.shadow_id)


def start(conn: psycopg.Connection, shadow: Shadow, city: City, now: int) -> ShadowEngine:
    """The engine of a shadow, where its snapshot and the log leave it, or warm from history.

    One repeatable-read transaction, as `analytics.recovery.start`.
    """
    conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
    try:
        with conn.transaction():
            engine = _resumed(conn, shadow, city) or _anew(conn, shadow, city, now)
            orphans = stages.adopt(engine.core.pipeline, engine.standing(conn), now)
            engine.tell(conn, orphans)
            engine.save(conn, now, models=True)
    finally:
        if not conn.closed:
            conn.isolation_level = None
    return engine


def run(settings: Settings, city: City, stop: threading.Event) -> None:
    """Keep the shadow going until it is stopped, or ``stop``.

    A failure ends the process; whoever started it starts it again, and it goes on from its
    snapshot.
    """
    if settings.database_url is None:
        raise EngineError("the shadow has no database", cure="set DATABASE_URL")
    with connect(settings.database_url, name="shadow", autocommit=True) as conn:
        while not try_lock(conn, "shadow"):
            if stop.wait(_WAIT_S):
                return
        shadow = shadows.running(conn)
        if shadow is None:
            return
        batches.listen(conn)
        engine = start(conn, shadow, city, _now())
        _log.info("shadow %d of %s runs", shadow.shadow_id, shadow.author)
        _loop(conn, engine, stop)


def _loop(conn: psycopg.Connection, engine: ShadowEngine, stop: threading.Event) -> None:
    looked = 0
    while not stop.is_set():
        behind = engine.consume(conn) > 0
        now = _now()
        if now - looked >= _LOOK_US:
            looked = now
            current = shadows.running(conn)
            if current is None or current.shadow_id != engine.shadow_id:
                shadows.forget(conn, engine.shadow_id)
                return
        if not behind and now - engine.fitted >= _FIT_US:
            # Nobody waits for a shadow, so it learns between two batches.
            fitted = fit_all(conn, engine.core.pipeline.stages, engine.core.roster, now, stop)
            engine.learn(conn, fitted, now)
        elif now - engine.saved >= _SAVE_US:
            engine.save(conn, now)
        if not behind:
            engine.tick(conn, now)
            for _ in conn.notifies(timeout=_WAIT_S, stop_after=1):
                pass
    engine.save(conn, _now())


def _resumed(conn: psycopg.Connection, shadow: Shadow, city: City) -> ShadowEngine | None:
    engine = _blank(shadow, city)
    kept = snapshots.load_snapshot(conn, engine.shard.consumer)
    learnt = snapshots.load_snapshot(conn, engine.shard.models)
    if kept is None or learnt is None or not reaches(conn, kept.offsets):
        return None
    try:
        state = unpack(kept.state)
        engine.enrol(conn, state)
        engine.restore(state, unpack(learnt.state))
        engine.offsets = dict(kept.offsets)
        replay(conn, engine, offsets.get_offsets(conn, engine.shard.consumer))
    except (ValueError, KeyError, IndexError) as error:
        _log.warning("the snapshot of %s cannot be used: %s", kept.saved_at, error)
        return None
    return engine


def _anew(conn: psycopg.Connection, shadow: Shadow, city: City, now: int) -> ShadowEngine:
    engine = _blank(shadow, city)
    engine.reload(conn)
    engine.offsets = batches.heads(conn)
    warm_up(conn, engine.core.pipeline.stages, engine.core.roster, now)
    engine.fitted = now
    offsets.set_offsets(conn, engine.shard.consumer, engine.offsets)
    return engine


def _blank(shadow: Shadow, city: City) -> ShadowEngine:
    pipeline = stages.make_pipeline(city, configuration_of(shadow.configuration))
    shard = Beside(shadow_id=shadow.shadow_id)
    version = shadow.version or 0
    return ShadowEngine(Engine(pipeline), {}, version=version, shard=shard, shadow_id=shadow.shadow_id)


def _now() -> int:
    return micros(datetime.now(UTC))
