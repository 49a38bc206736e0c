"""The engine on the log of committed readings: each is scored exactly once.

One transaction holds what a batch led to: anomalies, alert changes and the offset. Memory
runs ahead of the database only inside it, so a live engine whose transaction failed must
be thrown away; `analytics.recovery.start` makes the next one from the last snapshot.
"""

from __future__ import annotations

import heapq
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import psycopg

from alerts.apply import apply_findings
from analytics.columns import Columns, pack
from analytics.engine import VERSION, Counts, Engine, numbers
from analytics.rounds import NEVER
from analytics.times import micros
from store import batches, devices, offsets, snapshots
from telemetry.alerts import Finding
from telemetry.readings import Batch

CONSUMER = "analytics"
MODELS = "analytics-models"
"""Models are large and change hourly; their snapshot is apart from the state's."""

_OWN = "engine"
_CONFIGURATION = "configuration"
_BATCHES_AT_ONCE = 32


@dataclass(slots=True)
class LiveEngine:
    """An engine with the offsets its state stands at."""

    core: Engine
    offsets: dict[str, int]
    version: int = 0
    """Of the configuration that its pipeline was made from, 0 for none in the store."""
    fitted: int = 0
    """When the models in use were fitted, 0 for never."""
    saved: int = NEVER
    last_commit: int = NEVER
    gaps: int = 0
    """Log entries that were gone before they were read."""

    @property
    def counts(self) -> Counts:
        """What the engine has done since it started."""
        return self.core.counts

    def consume(self, conn: psycopg.Connection) -> int:
        """Score what was committed past the offsets, in one transaction.

        Returns the number of batches, 0 where nothing new is there.
        """
        with conn.transaction():
            fresh = self.read(conn, batches.heads(conn))
            if not fresh:
                return 0
            findings = [finding for batch in fresh for finding in self.score(conn, batch)]
            apply_findings(conn, findings)
            for ingestor in {batch.ingestor for batch in fresh}:
                offsets.set_offset(conn, CONSUMER, ingestor, self.offsets[ingestor])
        return len(fresh)

    def score(self, conn: psycopg.Connection, batch: Batch) -> list[Finding]:
        """Move memory past one batch; returns its findings and those of the time it was committed."""
        now = micros(batch.committed_at)
        if not self.core.roster.knows_all(batch.readings):
            self.reload(conn)
        findings = self.core.score(batch.readings, now)
        self.offsets[batch.ingestor] = batch.seq
        self.last_commit = max(self.last_commit, now)
        return self.signed(findings)

    def tick(self, conn: psycopg.Connection, now: int) -> None:
        """Let time pass where no batch says so, in its own transaction.

        Moves nothing that a replay would need: the log's own times drive the rest.
        """
        findings = self.core.tick(now)
        if findings:
            with conn.transaction():
                apply_findings(conn, self.signed(findings))
            self.counts.findings += len(findings)

    def learn(self, conn: psycopg.Connection, fitted: Mapping[str, Columns], now: int) -> None:
        """Use fresh models and keep them, with the state they came to, for a restart."""
        self.core.learn(fitted)
        self.fitted = now
        self.save(conn, now, models=True)

    def save(self, conn: psycopg.Connection, now: int, *, models: bool = False) -> None:
        """Keep memory and the offsets it stands at, in one transaction."""
        state = pack({**self.core.state(), _CONFIGURATION: numbers(version=self.version)})
        with conn.transaction():
            if models:
                learnt = {**self.core.models(), _OWN: numbers(version=VERSION, fitted=self.fitted)}
                snapshots.save_snapshot(conn, MODELS, self.offsets, pack(learnt))
            snapshots.save_snapshot(conn, CONSUMER, self.offsets, state)
        self.saved = now

    def restore(self, state: Mapping[str, Columns], learnt: Mapping[str, Columns]) -> None:
        """Take up kept state and models; `ValueError` where another version kept them."""
        if _OWN not in learnt or int(learnt[_OWN]["version"][0]) != VERSION:
            raise ValueError("kept by another version")
        self.fitted = int(learnt[_OWN]["fitted"][0])
        self.core.learn(learnt)
        self.core.restore(state)

    def signed(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings with the version of the configuration that made them."""
        return [replace(one, detail={**one.detail, "version": self.version}) for one in findings]

    def reload(self, conn: psycopg.Connection) -> None:
        """Take up devices and streams registered since."""
        self.core.extend(devices.list_streams(conn), devices.list_devices(conn))

    def replay(self, conn: psycopg.Connection, until: Mapping[str, int]) -> int:
        """Move memory past batches whose results were committed before, up to these offsets.

        Returns how many they were. Their findings are suppressed.
        """
        counts, replayed = self.core.counts, 0
        self.core.counts = Counts()
        while fresh := self.read(conn, until):
            replayed += len(fresh)
            for batch in fresh:
                self.score(conn, batch)
        self.core.counts = counts
        return replayed

    def read(self, conn: psycopg.Connection, until: Mapping[str, int]) -> list[Batch]:
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
            self.gaps += batch.seq - offset - 1
            offset = batch.seq


def version_of(state: Mapping[str, Columns]) -> int | None:
    """The version of the configuration that a kept state is of; ``None`` where it does not say."""
    kept = state.get(_CONFIGURATION)
    return None if kept is None else int(kept["version"][0])
