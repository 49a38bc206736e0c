"""The work on one shard: its engine, the models fitted for it and the changes of its configuration."""

from __future__ import annotations

import logging
from datetime import UTC, datetime

import psycopg

from analytics import recovery
from analytics.keeper import Keeper
from analytics.live import LiveEngine
from analytics.reconfigure import Reconfigurer
from analytics.refit import Refitter
from analytics.registered import Register
from analytics.shards import Shard
from analytics.ties import torn
from analytics.times import SECOND, micros
from store.devices import list_devices
from telemetry.city import City

_log = logging.getLogger(__name__)

_APART_US = 20 * SECOND
"""The shards of a process do not fit their models all at once."""


class Work:
    """A shard from taking it on to giving it back; its lock is the caller's.

    A work whose database failed it must be thrown away after `close`: its memory may be
    ahead of what was committed.
    """

    def __init__(
        self, conn: psycopg.Connection, database_url: str, city: City, shard: Shard, now: int
    ) -> None:
        self.shard = shard
        self.engine: LiveEngine = recovery.start(conn, city, now, shard)
        self.changes = Reconfigurer(database_url, city, _wall_clock)
        self._register = Register(city)
        self._keeper = Keeper(database_url)
        self._refitter = Refitter(database_url, now + (shard.number - 1) * _APART_US)
        self._behind = False
        _log.info("at work on shard %s, %d streams", shard, len(self.engine.core.roster))
        if shard.number == 1 < shard.of:
            specs = [stage.spec for stage in self.engine.core.pipeline.stages]
            if apart := torn(specs, list_devices(conn), shard.of):
                _log.warning("%d shards take apart what %s compare", shard.of, ", ".join(apart))

    def step(self, conn: psycopg.Connection, now: int, *, woken: bool) -> bool:
        """Score what is new and do what is due; whether there was anything new."""
        self._behind = self.engine.consume(conn) > 0
        if self._register.poll(conn, self.engine, now):
            self.changes.begin_again()
        self.changes.poll(conn, self.engine, woken=woken)
        fitted = self._refitter.poll(self.engine, now)
        if fitted:
            self._keeper.offer(fitted, now)
        self._keeper.poll(conn, self.engine, now)
        return self._behind

    def close(self) -> None:
        """Give up what goes on in threads."""
        self.changes.close()
        self._refitter.close()
        self._keeper.close()

    def end(self, conn: psycopg.Connection, now: int) -> None:
        """Stop in order: memory is kept for whoever takes the shard on next."""
        self.close()
        self.engine.save(conn, now)

    def lag_us(self, now: int) -> int:
        """How long ago was committed what it scored last, 0 where nothing waits."""
        return max(0, now - self.engine.last_commit) if self._behind else 0


def _wall_clock() -> int:
    return micros(datetime.now(UTC))
