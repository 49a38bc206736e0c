"""Another number of shards: every reading is scored by the old ones or by the new ones, never by both.

The old shards are brought to one place in the logs, and the new ones begin there with what
the old ones remember.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence

import psycopg

from alerts.apply import apply_findings
from analytics import recovery, stages
from analytics.live import LiveEngine
from analytics.shards import NAME, Shard, shards_of
from store import batches, offsets, snapshots, steps
from store.locks import hold, let_go, try_lock
from telemetry.city import City
from telemetry.detection.changes import unchanged

_log = logging.getLogger(__name__)


def resplit(conn: psycopg.Connection, city: City, old: int, new: int, now: int) -> bool:
    """Split the city into ``new`` shards instead of ``old``; ``False`` while others work on the old ones."""
    taken: list[Shard] = []
    try:
        for shard in shards_of(old):
            if not try_lock(conn, shard.consumer):
                return False
            taken.append(shard)
        if recovery.begin(conn, taken[0], now) is None:
            _resplit(conn, city, [recovery.start(conn, city, now, shard) for shard in taken], new, now)
            _log.info("the city is in %d shards now, it was in %d", new, old)
        return True
    finally:
        if not conn.broken:
            for shard in taken:
                let_go(conn, shard.consumer)


def _resplit(conn: psycopg.Connection, city: City, olds: Sequence[LiveEngine], new: int, now: int) -> None:
    goal = batches.heads(conn)
    for engine in olds:
        while engine.consume_until(conn, goal):
            pass
    ticked = max(engine.core.ticked for engine in olds)
    for engine in olds:
        engine.pass_time(conn, ticked + 1)
    with conn.transaction():
        hold(conn, f"{NAME} split")
        for shard in shards_of(new):
            made = _merged(conn, city, olds, shard)
            offsets.set_offsets(conn, shard.consumer, goal)
            apply_findings(conn, stages.adopt(made.core.pipeline, made.standing(conn), now))
            made.save(conn, now, models=True)
        for engine in olds:
            for consumer in (engine.shard.consumer, engine.shard.models, engine.shard.fresh):
                offsets.forget_offsets(conn, consumer)
                snapshots.forget_snapshot(conn, consumer)
                steps.forget_steps(conn, consumer)


def _merged(conn: psycopg.Connection, city: City, olds: Sequence[LiveEngine], shard: Shard) -> LiveEngine:
    """A new shard's engine, which remembers what the old ones do of its streams."""
    newest = max(olds, key=lambda engine: engine.version)
    made = recovery.blank(city, recovery.chosen(conn, city, newest.version), shard)
    made.reload(conn)
    specs = {stage.name: stage.spec for stage in made.core.pipeline.stages}
    for engine in olds:
        # A shard that a change of the configuration has not reached yet has other detectors.
        other = [
            stage.name
            for stage in engine.core.pipeline.stages
            if stage.name not in specs or not unchanged(stage.spec, specs[stage.name])
        ]
        state = {name: table for name, table in engine.kept().items() if name.split(".")[0] not in other}
        learnt = {name: table for name, table in engine.learnt().items() if name not in other}
        made.restore(state, learnt)
    made.offsets = dict(olds[0].offsets)
    made.fitted = min(engine.fitted for engine in olds)
    return made
