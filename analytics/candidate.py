"""A configuration on its way in: its new detectors, brought to where the live engine stands.

Detectors that stay keep their memory and are not touched. New and changed ones warm up
from history as of some moment of the log, and from that entry on score every reading, so
that none is missed between history and the live engine. Guards that stay are copied and
follow along: what they hold unfit is kept from the new detectors here as it is there.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeVar, cast

import psycopg

from alerts.apply import apply_findings
from analytics import history, stages
from analytics.columns import Columns
from analytics.decider import ended
from analytics.engine import Engine
from analytics.live import LiveEngine
from analytics.rounds import NEVER
from analytics.stages import Pipeline, Stage
from analytics.times import micros
from analytics.versions import Chosen
from store import batches
from telemetry.alerts import Anomaly, Finding, FindingState
from telemetry.city import City
from telemetry.detection.changes import unchanged
from telemetry.readings import Batch

_S = TypeVar("_S", bound=Stage)


@dataclass(slots=True)
class Candidate:
    """What becomes of an engine's pipeline under another configuration.

    ``follower`` runs the new stages and the copies of the guards that stay;
    its offsets say where these stand.
    """

    chosen: Chosen
    pipeline: Pipeline
    """Stages of the live engine that stay, and new ones, as they will score."""
    fresh: tuple[Stage, ...]
    follower: LiveEngine
    known: dict[str, int] = field(default_factory=dict[str, int])
    """The last entry of each log that is history for the new stages."""
    found: list[Finding] = field(default_factory=list[Finding])
    """What the new stages found in the entries after those."""

    def warm(self, conn: psycopg.Connection, clock: Callable[[], int], stop: threading.Event) -> None:
        """Warm the new stages up from stored history; ends early on ``stop``.

        One repeatable-read transaction, so that history holds exactly the entries up to
        ``known``; the clock is asked after that, or what came in between would be neither.
        ``conn`` is in autocommit and not the loop's.
        """
        conn.isolation_level = psycopg.IsolationLevel.REPEATABLE_READ
        try:
            with conn.transaction():
                self.known = batches.heads(conn)
                history.warm_up(conn, self.fresh, self.follower.core.roster, clock(), stop)
        finally:
            if not conn.closed:
                conn.isolation_level = None

    def follow(self, conn: psycopg.Connection, until: Mapping[str, int]) -> int:
        """Score what comes next of the logs, at most up to these offsets; the number of entries."""
        entries = self.follower.read(conn, until)
        for entry in entries:
            self._score(conn, entry)
        return len(entries)

    def catch_up(self, conn: psycopg.Connection, engine: LiveEngine) -> None:
        """Come to stand where an engine stands: entries, time that passed for it, new streams."""
        while self.fresh and self.follow(conn, engine.offsets):
            pass
        if engine.core.ticked != NEVER:
            self._keep(self.follower.core.tick(engine.core.ticked + 1))
        self.follower.reload(conn)

    def reached_by(self, offsets: Mapping[str, int]) -> bool:
        """Whether an engine at ``offsets`` has scored all that is history for the new stages."""
        return all(offsets.get(ingestor, 0) >= seq for ingestor, seq in self.known.items())

    def fits(self, engine: LiveEngine) -> bool:
        """Whether the new stages hold the engine's streams in the engine's order."""
        own, its = self.follower.core.roster.stream_ids, engine.core.roster.stream_ids
        return len(own) == len(its) and bool((own == its).all())

    def _score(self, conn: psycopg.Connection, entry: Batch) -> None:
        now, core = micros(entry.committed_at), self.follower.core
        names = {stage.name for stage in self.fresh}
        self.follower.meet(conn, [entry])
        readings = self.follower.own(entry.readings)
        if entry.seq > self.known.get(entry.ingestor, 0):
            self._keep(core.score(readings, now))
        else:
            # History to the new stages, for which time begins after it.
            core.heard, core.ticked = max(core.heard, now), max(core.ticked, now - 1)
            rows = core.roster.rows(readings, now)
            for guard in core.pipeline.guards:
                if guard.name not in names:
                    guard.score(rows, now)
        self.follower.offsets[entry.ingestor] = entry.seq

    def _keep(self, found: Sequence[Finding]) -> None:
        names = {stage.name for stage in self.fresh}
        self.found += [finding for finding in found if finding.detector in names]


def make_candidate(engine: LiveEngine, city: City, chosen: Chosen) -> Candidate:
    """Begin a change, between two entries of the live engine."""
    old = {stage.name: stage for stage in engine.core.pipeline.stages}

    def settled(stage: _S) -> _S:
        before = old.get(stage.name)
        stays = before is not None and unchanged(before.spec, stage.spec)
        return cast("_S", before) if stays else stage

    made = stages.make_pipeline(city, chosen.configuration)
    guards = tuple(settled(stage) for stage in made.guards)
    watchers = tuple(settled(stage) for stage in made.watchers)
    staying = {stage.name for stage in (*guards, *watchers) if old.get(stage.name) is stage}
    fresh = tuple(stage for stage in (*guards, *watchers) if stage.name not in staying)
    beside = Pipeline(
        tuple(stages.make_guard(city, guard.spec) if guard.name in staying else guard for guard in guards),
        tuple(watcher for watcher in watchers if watcher.name not in staying),
    )
    follower = LiveEngine(
        _follower(engine, beside, staying),
        dict(engine.offsets),
        version=chosen.version,
        shard=engine.shard,
        foreign=engine.foreign.copy(),
    )
    return Candidate(chosen, Pipeline(guards, watchers), fresh, follower)


def swap(conn: psycopg.Connection, engine: LiveEngine, candidate: Candidate, now: int) -> None:
    """Put a candidate that stands where the engine stands in its place, in one transaction.

    With it go the end of what is no longer watched, what the new detectors found on the
    way, and a snapshot: a replay never crosses a change, so each entry is scored with the
    configuration that was in force for it. As with `LiveEngine.consume`, an engine whose
    transaction failed must be thrown away.
    """
    with conn.transaction():
        standing, old = engine.standing(conn), {stage.name for stage in engine.core.pipeline.stages}
        over = _over(engine, candidate, standing, now)
        gone = {finding.key for finding in over}
        left = [anomaly for anomaly in standing if anomaly.key not in gone]
        found = _told(candidate, old, {anomaly.key for anomaly in left})
        for stage in candidate.fresh:
            over += stage.decider.adopt(left, now)
        engine.core.pipeline, engine.version = candidate.pipeline, candidate.chosen.version
        apply_findings(conn, engine.signed(over + found))
        engine.save(conn, now, models=True)


def _follower(engine: LiveEngine, beside: Pipeline, copied: set[str]) -> Engine:
    """An engine of new stages and copies; the copies hold what the live ones hold now."""
    live, core = engine.core, Engine(beside, ticked=engine.core.ticked, heard=engine.core.heard)
    core.extend(list(live.roster.streams), list(live.roster.devices.values()))
    copies = [guard for guard in beside.guards if guard.name in copied]
    models, states = live.models(), live.state()
    stages.learn(copies, {name: _copied(model) for name, model in models.items()})
    stages.restore(copies, {name: _copied(table) for name, table in states.items()})
    return core


def _over(engine: LiveEngine, candidate: Candidate, standing: Sequence[Anomaly], now: int) -> list[Finding]:
    """The end of what a detector found that is gone, or that no longer watches the stream."""
    specs = {stage.name: stage.spec for stage in candidate.pipeline.stages}
    before, roster = {stage.name for stage in engine.core.pipeline.stages}, engine.core.roster
    streams = {stream.stream_id: stream for stream in roster.streams}

    def is_watched(anomaly: Anomaly) -> bool:
        spec, stream = specs.get(anomaly.detector), streams.get(anomaly.stream_id)
        device = roster.devices.get(stream.device_id) if stream else None
        return spec is not None and (stream is None or device is None or spec.watches(device, stream.metric))

    return [ended(one, now) for one in standing if one.detector in before and not is_watched(one)]


def _told(candidate: Candidate, old: set[str], standing: set[str]) -> list[Finding]:
    """What the new stages found on the way and is still to be told.

    All of it, of a detector that was not there before. Where one takes another's place,
    the other has told of the readings on the way: only what stands at the end is told.
    """
    last: dict[str, Finding] = {}
    for finding in candidate.found:
        if finding.detector in old:
            last[finding.key] = finding
    replaced = [
        replace(finding, state=FindingState.ONGOING if key in standing else FindingState.RAISED)
        for key, finding in last.items()
        if finding.state is not FindingState.CLEARED
    ]
    return [finding for finding in candidate.found if finding.detector not in old] + replaced


def _copied(table: Columns) -> Columns:
    return {name: column.copy() for name, column in table.items()}
