"""The engine: committed readings in, findings out, each reading scored exactly once.

One transaction holds what a batch led to: anomalies, alert changes and the offset. Memory
runs ahead of the database only inside it, so an engine whose transaction failed must be
thrown away; `analytics.recovery.start` makes the next one from the last snapshot.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import psycopg

from alerts.apply import apply_findings
from analytics import stages
from analytics.columns import Columns, pack
from analytics.roster import Roster
from analytics.rounds import NEVER
from analytics.stages import Stage
from analytics.times import SECOND, micros
from store import batches, devices, offsets, snapshots
from telemetry.alerts import Finding
from telemetry.readings import Batch

CONSUMER = "analytics"
MODELS = "analytics-models"
"""Models are large and change hourly; their snapshot is apart from the state's."""

VERSION = 1
"""Of the snapshot's layout; another one is not read, and detectors warm up from history."""

_OWN = "engine"
_TICK_US = SECOND
_BATCHES_AT_ONCE = 32


@dataclass(slots=True)
class Counts:
    """What an engine has done since it started."""

    batches: int = 0
    scored: int = 0
    strangers: int = 0
    """Readings of streams nobody knows; a device was removed under way."""
    findings: int = 0
    gaps: int = 0
    """Log entries that were gone before they were read."""


@dataclass(slots=True)
class Engine:
    """Detectors with the offsets their state stands at."""

    pipeline: list[Stage]
    roster: Roster
    offsets: dict[str, int]
    ticked: int = NEVER
    fitted: int = 0
    """When the models in use were fitted, 0 for never."""
    saved: int = NEVER
    last_commit: int = NEVER
    counts: Counts = field(default_factory=Counts)

    def consume(self, conn: psycopg.Connection) -> int:
        """Score what was committed past the offsets, in one transaction.

        Returns the number of batches, 0 where nothing new is there.
        """
        with conn.transaction():
            fresh = self._read(conn, batches.heads(conn))
            if not fresh:
                return 0
            findings = [finding for batch in fresh for finding in self.score(conn, batch)]
            apply_findings(conn, findings)
            self.counts.findings += len(findings)
            for ingestor in {batch.ingestor for batch in fresh}:
                offsets.set_offset(conn, CONSUMER, ingestor, self.offsets[ingestor])
        return len(fresh)

    def score(self, conn: psycopg.Connection, batch: Batch) -> list[Finding]:
        """Move memory past one batch; returns its findings and those of the time it was committed."""
        now = micros(batch.committed_at)
        if not self.roster.knows_all(batch.readings):
            self.reload(conn)
        rows = self.roster.rows(batch.readings, now)
        findings = [finding for stage in self.pipeline for finding in stage.score(rows, now)]
        if now - max(self.ticked, 0) >= _TICK_US:
            findings += self._tick(now)
            self.ticked = now
        self.offsets[batch.ingestor] = batch.seq
        self.last_commit = max(self.last_commit, now)
        self.counts.batches += 1
        self.counts.scored += len(rows)
        self.counts.strangers += len(batch.readings) - len(rows)
        return findings

    def tick(self, conn: psycopg.Connection, now: int) -> None:
        """Let time pass where no batch says so, in its own transaction.

        Moves nothing that a replay would need: the log's own times drive the rest.
        """
        findings = self._tick(now)
        if findings:
            with conn.transaction():
                apply_findings(conn, findings)
            self.counts.findings += len(findings)

    def learn(self, conn: psycopg.Connection, fitted: Mapping[str, Columns], now: int) -> None:
        """Use fresh models and keep them, with the state they came to, for a restart."""
        stages.learn(self.pipeline, fitted)
        self.fitted = now
        self.save(conn, now, models=True)

    def save(self, conn: psycopg.Connection, now: int, *, models: bool = False) -> None:
        """Keep memory and the offsets it stands at, in one transaction."""
        tables = stages.states(self.pipeline)
        tables[_OWN] = _numbers(version=VERSION, ticked=self.ticked)
        with conn.transaction():
            if models:
                learnt = stages.models(self.pipeline)
                learnt[_OWN] = _numbers(version=VERSION, fitted=self.fitted)
                snapshots.save_snapshot(conn, MODELS, self.offsets, pack(learnt))
            snapshots.save_snapshot(conn, CONSUMER, self.offsets, pack(tables))
        self.saved = now

    def restore(self, state: Mapping[str, Columns], learnt: Mapping[str, Columns]) -> None:
        """Take up kept state and models; `ValueError` where another version kept them."""
        for kept in (state, learnt):
            if _OWN not in kept or int(kept[_OWN]["version"][0]) != VERSION:
                raise ValueError("kept by another version")
        self.ticked = int(state[_OWN]["ticked"][0])
        self.fitted = int(learnt[_OWN]["fitted"][0])
        stages.learn(self.pipeline, learnt)
        stages.restore(self.pipeline, state)

    def reload(self, conn: psycopg.Connection) -> None:
        """Take up devices and streams registered since."""
        roster = self.roster.extended(devices.list_streams(conn), devices.list_devices(conn))
        if len(roster) > len(self.roster):
            self.roster = roster
            for stage in self.pipeline:
                stage.extend(roster)

    def replay(self, conn: psycopg.Connection, until: Mapping[str, int]) -> int:
        """Move memory past batches whose results were committed before, up to these offsets.

        Returns how many they were. Their findings are suppressed.
        """
        counts, replayed = self.counts, 0
        self.counts = Counts()
        while fresh := self._read(conn, until):
            replayed += len(fresh)
            for batch in fresh:
                self.score(conn, batch)
        self.counts = counts
        return replayed

    def _read(self, conn: psycopg.Connection, until: Mapping[str, int]) -> list[Batch]:
        """What comes next of every log, merged by time of commit; each log stays in order."""
        logs: list[list[Batch]] = []
        for ingestor, head in sorted(until.items()):
            offset = self.offsets.get(ingestor, 0)
            if head > offset:
                entries = batches.read_after(conn, ingestor, offset, min(_BATCHES_AT_ONCE, head - offset))
                self._count_gaps(offset, entries)
                logs.append(entries)
        return list(heapq.merge(*logs, key=lambda batch: batch.committed_at))

    def _count_gaps(self, offset: int, entries: list[Batch]) -> None:
        for batch in entries:
            self.counts.gaps += batch.seq - offset - 1
            offset = batch.seq

    def _tick(self, now: int) -> list[Finding]:
        return [finding for stage in self.pipeline for finding in stage.tick(now)]


def _numbers(**values: int) -> Columns:
    return {name: np.array([value], np.int64) for name, value in values.items()}
