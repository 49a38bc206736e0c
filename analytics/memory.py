"""What a live engine remembers at one place in the logs, and how it is written down.

Whoever holds the shard's lock writes through the connection that holds it. What is written
beside the loop goes through another one, which outlives a lost lock: it first makes sure that
the snapshot it follows is still the last. Whoever takes a shard on saves one before anything
else, so that an owner of before can no longer write.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

import psycopg

from analytics.columns import Columns, pack, unpack
from analytics.engine import VERSION, numbers
from analytics.shards import Shard
from store import snapshots, steps

_OWN = "engine"


@dataclass(frozen=True, slots=True)
class Memory:
    """State, and with it models where they are to be kept too, as of some offsets."""

    shard: Shard
    offsets: Mapping[str, int]
    stepped: int
    """The last step that it holds."""
    state: Mapping[str, Columns]
    learnt: Mapping[str, Columns] | None = None

    def save(self, conn: psycopg.Connection) -> datetime:
        """Keep it, in one transaction, by whoever holds the lock; returns when."""
        state, learnt = self._packed()
        with conn.transaction():
            return self._write(conn, state, learnt, last=None)

    def follow(self, conn: psycopg.Connection, before: datetime | None) -> datetime | None:
        """Keep it if what was kept at ``before`` still is the last; ``None`` where it is not."""
        state, learnt = self._packed()
        with conn.transaction():
            if not snapshots.hold_snapshot(conn, self.shard.consumer, before):
                return None
            return self._write(conn, state, learnt, last=self.stepped)

    def _packed(self) -> tuple[bytes, bytes | None]:
        return pack(self.state), None if self.learnt is None else pack(self.learnt)

    def _write(
        self, conn: psycopg.Connection, state: bytes, learnt: bytes | None, last: int | None
    ) -> datetime:
        saved_at = snapshots.save_snapshot(conn, self.shard.consumer, self.offsets, state)
        if learnt is not None:
            snapshots.save_snapshot(conn, self.shard.models, self.offsets, learnt)
            snapshots.forget_snapshot(conn, self.shard.fresh)
        steps.forget_steps(conn, self.shard.consumer, last)
        return saved_at


@dataclass(frozen=True, slots=True)
class Models:
    """What was learnt, by detector, and when (microseconds, 0 for never)."""

    by_detector: Mapping[str, Columns]
    fitted: int

    def tables(self) -> dict[str, Columns]:
        """As a snapshot holds them."""
        return {**self.by_detector, _OWN: numbers(version=VERSION, fitted=self.fitted)}

    @classmethod
    def of(cls, tables: Mapping[str, Columns]) -> Models:
        """What `tables` gave; `ValueError` where another version kept it."""
        if _OWN not in tables or int(tables[_OWN]["version"][0]) != VERSION:
            raise ValueError("kept by another version")
        learnt = {name: table for name, table in tables.items() if name != _OWN}
        return cls(learnt, int(tables[_OWN]["fitted"][0]))

    def keep_fresh(self, conn: psycopg.Connection, shard: Shard, before: datetime | None) -> bool:
        """Keep them for the step that will take them up, if the snapshot of ``before`` is the last."""
        content = pack(self.tables())
        with conn.transaction():
            if not snapshots.hold_snapshot(conn, shard.consumer, before):
                return False
            snapshots.save_snapshot(conn, shard.fresh, {}, content)
        return True

    @classmethod
    def fresh(cls, conn: psycopg.Connection, shard: Shard) -> Models:
        """What `keep_fresh` kept; `ValueError` where it is gone."""
        kept = snapshots.load_snapshot(conn, shard.fresh)
        return cls.of(unpack(kept.state if kept else b""))
