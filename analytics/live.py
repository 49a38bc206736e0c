"""The engine on the log of committed readings: each is scored exactly once.

One transaction holds what a batch led to: anomalies, alert changes, the offset and the step,
by which a replay does the same in the same order. Memory runs ahead of the database only
inside it, so a live engine whose transaction failed must be thrown away;
`analytics.recovery.start` makes the next one from the last snapshot.
"""

from __future__ import annotations

import heapq
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from itertools import takewhile

import numpy as np
import psycopg
from numpy.typing import NDArray

from alerts.apply import apply_findings
from analytics.blocks import Block, join, score_commits
from analytics.columns import Columns, grown
from analytics.engine import Counts, Engine, numbers
from analytics.memory import Memory, Models
from analytics.rounds import NEVER
from analytics.shards import Shard
from analytics.times import SECOND, micros
from store import anomalies, batches, devices, offsets, steps
from store.steps import Step
from telemetry.alerts import Anomaly, Finding
from telemetry.readings import Batch, Readings

CONSUMER = Shard().consumer
MODELS = Shard().models

_CONFIGURATION = "configuration"
_STREAMS = "streams"
_BATCHES_AT_ONCE = 256
_READINGS_AT_ONCE = 32_768
"""Of each log. What is scored at once is committed at once, and alerts wait for it."""
_SETTLED_US = 2 * SECOND
"""So long after it was stamped, an entry of a log is seen by everyone. Time without entries
passes that much later, or it would pass before what was committed in it."""


@dataclass(slots=True)
class LiveEngine:
    """An engine with the offsets its state stands at."""

    core: Engine
    offsets: dict[str, int]
    version: int = 0
    """Of the configuration that its pipeline was made from, 0 for none in the store."""
    shard: Shard = field(default_factory=Shard)
    """The part of the city it scores."""
    foreign: NDArray[np.bool_] = field(default_factory=lambda: np.zeros(0, np.bool_))
    """By stream id: whether another shard scores it."""
    fitted: int = 0
    """When the models in use were fitted, 0 for never."""
    saved: int = NEVER
    """When memory was last kept, or began to be."""
    kept_at: datetime | None = None
    """Of the snapshot that is the last as far as it knows, by the database's clock."""
    stepped: int = 0
    """The number of the last step since it was made."""
    unkept: bool = False
    """Whether models are in use that no snapshot holds yet."""
    last_commit: int = NEVER
    registered: tuple[int, int] = (0, 0)
    """The version of the register of streams when it was last read."""
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
        return self.consume_until(conn, batches.heads(conn))

    def consume_until(self, conn: psycopg.Connection, until: Mapping[str, int]) -> int:
        """`consume`, at most up to these offsets."""
        fresh = self.read(conn, until)
        if not fresh:
            return 0
        with conn.transaction():
            step = self.step(fresh, self.meet(conn, fresh))
            findings = self.score_all(fresh)
            self.tell(conn, findings)
            for ingestor in {batch.ingestor for batch in fresh}:
                offsets.set_offset(conn, self.shard.consumer, ingestor, self.offsets[ingestor])
            self.stepped = steps.add_step(conn, self.shard.consumer, step)
        return len(fresh)

    def tell(self, conn: psycopg.Connection, findings: Sequence[Finding]) -> None:
        """Write findings down, in the transaction of what they are of."""
        apply_findings(conn, findings)

    def score(self, batch: Batch) -> list[Finding]:
        """Move memory past one batch; returns its findings and those of the time until it."""
        now = micros(batch.committed_at)
        findings = self.core.score(self.own(batch.readings), now)
        self.offsets[batch.ingestor] = batch.seq
        self.last_commit = max(self.last_commit, now)
        return self.signed(findings)

    def score_all(self, entries: Sequence[Batch]) -> list[Finding]:
        """`score` of several, faster than one by one; the findings of one key are in order."""
        if len(entries) == 1:
            return self.score(entries[0])
        commits = np.array([micros(entry.committed_at) for entry in entries], np.int64)
        readings = [self.own(entry.readings) for entry in entries]
        rows = [self.core.roster.rows(*each) for each in zip(readings, commits.tolist(), strict=True)]
        block = Block(join(rows), commits, np.cumsum([len(part) for part in rows]))
        findings = [one for piece in block.orderly() for one in score_commits(self.core, piece)]
        self.core.counts.strangers += sum(map(len, readings)) - len(block.rows)
        self.offsets |= {entry.ingestor: entry.seq for entry in entries}
        self.last_commit = max(self.last_commit, int(commits.max()))
        return self.signed(findings)

    def own(self, readings: Readings) -> Readings:
        """The readings of this shard's streams, and of streams nobody has taken note of."""
        if self.shard.of == 1:
            return readings
        ids = readings.stream_ids
        keep = (ids < 0) | (ids >= len(self.foreign))
        keep[~keep] = ~self.foreign[ids[~keep]]
        return readings if keep.all() else readings.take(keep)

    def meet(self, conn: psycopg.Connection, entries: Sequence[Batch]) -> list[int]:
        """Take note of the streams that entries speak of for the first time; returns which."""
        if all(self.core.roster.knows_all(self.own(entry.readings)) for entry in entries):
            return []
        registered = devices.registry_version(conn)
        if registered == self.registered:  # readings of streams that are gone
            return []
        self.registered = registered
        return self.reload(conn)

    def tick(self, conn: psycopg.Connection, now: int) -> None:
        """Let time pass where no batch says so; ``now`` by the clock that stamps the log.

        What it led to is in a transaction of its own, with a step of its own.
        """
        self.pass_time(conn, now - _SETTLED_US)

    def pass_time(self, conn: psycopg.Connection, until: int) -> None:
        """Let time pass up to ``until``, as `tick` does."""
        findings = self.core.tick(until)
        if findings:
            with conn.transaction():
                self.tell(conn, self.signed(findings))
                self.stepped = steps.add_step(conn, self.shard.consumer, self.step())

    def learn(self, conn: psycopg.Connection, fitted: Mapping[str, Columns], now: int) -> None:
        """Use fresh models and keep them, with the state they came to, for a restart."""
        self.use(Models(fitted, now))
        self.save(conn, now, models=True)

    def take_up(self, conn: psycopg.Connection, fresh: Models) -> None:
        """Use models that are kept as fresh, in a step of its own."""
        with conn.transaction():
            step = replace(self.step(), learnt=True)
            self.stepped = steps.add_step(conn, self.shard.consumer, step)
        self.use(fresh)
        self.saved = NEVER

    def use(self, models: Models) -> None:
        """Let the detectors go by these models."""
        self.core.learn(models.by_detector)
        self.fitted, self.unkept = models.fitted, True

    def save(self, conn: psycopg.Connection, now: int, *, models: bool = False) -> None:
        """Keep memory and the offsets it stands at, in one transaction; `analytics.keeper` does it beside."""
        models = models or self.unkept
        self.kept_at = self.memory(models=models).save(conn)
        self.saved, self.unkept = now, False

    def memory(self, *, models: bool) -> Memory:
        """What it remembers now, as copies that stay what they are."""
        learnt = self.learnt() if models else None
        return Memory(self.shard, dict(self.offsets), self.stepped, self.kept(), learnt)

    def kept(self) -> dict[str, Columns]:
        """Memory by table, as a snapshot holds it."""
        streams: Columns = {"own": self.core.roster.stream_ids, "foreign": np.flatnonzero(self.foreign)}
        return {
            **self.core.state(),
            _CONFIGURATION: numbers(version=self.version),
            _STREAMS: streams,
        }

    def learnt(self) -> dict[str, Columns]:
        """Models by detector, as a snapshot holds them."""
        return Models(self.core.models(), self.fitted).tables()

    def restore(self, state: Mapping[str, Columns], learnt: Mapping[str, Columns]) -> None:
        """Take up kept state and models; `ValueError` where another version kept them."""
        models = Models.of(learnt)
        self.fitted = models.fitted
        self.core.learn(models.by_detector)
        self.core.restore(state)

    def signed(self, findings: Sequence[Finding]) -> list[Finding]:
        """The findings with the version of the configuration that made them."""
        return [replace(one, detail={**one.detail, "version": self.version}) for one in findings]

    def reload(self, conn: psycopg.Connection, only: Collection[int] | None = None) -> list[int]:
        """Take note of streams registered since, of all or of ``only`` these; returns which.

        A stream stays in the shard it was in when it was first taken note of.
        """
        found = {device.device_id: device for device in devices.list_devices(conn)}
        noted = {*self.core.roster.stream_ids.tolist(), *np.flatnonzero(self.foreign).tolist()}
        fresh = [
            stream
            for stream in devices.list_streams(conn)
            if stream.stream_id not in noted and (only is None or stream.stream_id in only)
        ]
        own = [stream for stream in fresh if self.shard.holds(found.get(stream.device_id))]
        self.core.extend(own, list(found.values()))
        ids = [stream.stream_id for stream in fresh]
        self._set_foreign(np.setdiff1d(np.array(ids, np.int64), self.core.roster.stream_ids))
        return ids

    def enrol(self, conn: psycopg.Connection, state: Mapping[str, Columns]) -> None:
        """Take note of the streams that a kept state is of, in its order."""
        kept = state[_STREAMS]
        streams = {stream.stream_id: stream for stream in devices.list_streams(conn)}
        own = [streams[stream_id] for stream_id in kept["own"].tolist() if stream_id in streams]
        self.core.extend(own, devices.list_devices(conn))
        self._set_foreign(kept["foreign"])

    def _set_foreign(self, ids: NDArray[np.int64]) -> None:
        self.foreign = grown(self.foreign, int(ids.max(initial=-1)) + 1, False)
        self.foreign[ids] = True

    def standing(self, conn: psycopg.Connection) -> list[Anomaly]:
        """What stands in the store of this shard's streams."""
        found = anomalies.list_standing(conn)
        if self.shard.of == 1:
            return found
        ids = np.array([anomaly.stream_id for anomaly in found], np.int32)
        own = self.core.roster.place(ids) >= 0
        return [anomaly for anomaly, is_own in zip(found, own.tolist(), strict=True) if is_own]

    def step(self, entries: Sequence[Batch] = (), met: Sequence[int] = ()) -> Step:
        """What is about to be done, as it will be written down."""
        ticked = None if self.core.ticked == NEVER else self.core.ticked
        return Step(ticked, met, [entry.ingestor for entry in entries], [entry.seq for entry in entries])

    def read(self, conn: psycopg.Connection, until: Mapping[str, int]) -> list[Batch]:
        """What comes next of every log, merged by time of commit; each log stays in order.

        No log gets ahead of another: behind a backlog its sensors would seem silent.
        """
        logs: list[list[Batch]] = []
        ends: list[datetime] = []
        for ingestor, head in sorted(until.items()):
            offset = self.offsets.get(ingestor, 0)
            if head > offset:
                limit = min(_BATCHES_AT_ONCE, head - offset)
                entries = batches.read_after(conn, ingestor, offset, limit, _READINGS_AT_ONCE)
                logs.append(entries)
                if entries and entries[-1].seq < head:
                    ends.append(entries[-1].committed_at)
        merged = list(heapq.merge(*logs, key=lambda batch: batch.committed_at))
        if ends:
            last = min(ends)
            merged = list(takewhile(lambda batch: batch.committed_at <= last, merged))
        self._count_gaps(merged)
        return merged

    def _count_gaps(self, entries: Sequence[Batch]) -> None:
        read = dict(self.offsets)
        for batch in entries:
            self.gaps += batch.seq - read.get(batch.ingestor, 0) - 1
            read[batch.ingestor] = batch.seq


def version_of(state: Mapping[str, Columns]) -> int | None:
    """The version of the configuration that a kept state is of; ``None`` where it does not say."""
    kept = state.get(_CONFIGURATION)
    return None if kept is None else int(kept["version"][0])
