"""One transaction a flush: readings, log, account, quarantine. Then, and only then, the acks."""

from __future__ import annotations

import logging
from collections.abc import Generator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from ingest.catalog import Catalog, load_catalog
from ingest.clocks import ClockWatch
from ingest.decode import Decoded, decode_messages
from ingest.message import Message
from store import batches, devices, inbox, ledger, quarantine, readings
from store.quarantine import Refusal
from telemetry.formats import Formats
from telemetry.readings import Readings
from telemetry.settings import Ingest

__all__ = ["PERMANENT", "Flushed", "Writer"]

logger = logging.getLogger(__name__)

_MIB = 2**20
PERMANENT = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError)


@dataclass(frozen=True, slots=True)
class Flushed:
    """What one flush did: deliveries, readings stored, readings known already, refusals."""

    messages: int
    committed: int
    duplicates: int
    refused: int


class Writer:
    """Writes one ingestor's messages through one connection.

    The connection must be this writer's alone, and out of a transaction between calls.
    """

    def __init__(
        self,
        conn: psycopg.Connection,
        ingestor: str,
        limits: Ingest,
        formats: Formats | None = None,
        clocks: ClockWatch | None = None,
    ) -> None:
        self.formats = formats or Formats(limits.formats)
        self.limits = limits
        self._clocks = clocks or ClockWatch(limits.clock_every_s)
        self.conn = conn
        self.ingestor = ingestor
        self._strangers = 0
        with conn.transaction():
            self._seq = batches.heads(conn).get(ingestor, 0)
            self._registry = devices.registry_version(conn)
            self.catalog: Catalog = load_catalog(conn)

    def write(self, messages: Sequence[Message]) -> Flushed:
        """Commit a batch; when this returns, every message in it may be acknowledged.

        A message that the store itself refuses for good is found by halving the batch
        and goes to quarantine; the others are not held up by it.

        Raises
        ------
        psycopg.OperationalError
            The database is away; nothing of the batch may be acknowledged.
        """
        # What the codecs remember goes back with the transaction, and with a second decoding.
        before = self.formats.snapshot()
        try:
            return self._write(messages, before)
        except BaseException:
            self.formats.restore(before)
            raise

    def _write(self, messages: Sequence[Message], before: Sequence[object]) -> Flushed:
        decoded = self.decode(messages)
        try:
            flushed = self._commit(decoded)
        except PERMANENT as error:
            if len(messages) == 1:
                return self._commit(_refused(messages[0], decoded, error))
        else:
            self._clocks.observe(messages, decoded, self.catalog)
            return flushed
        self.formats.restore(before)
        middle = len(messages) // 2
        first, second = self.write(messages[:middle]), self.write(messages[middle:])
        return Flushed(
            first.messages + second.messages,
            first.committed + second.committed,
            first.duplicates + second.duplicates,
            first.refused + second.refused,
        )

    def refuse(self, excess: Mapping[str, Sequence[Message]]) -> Flushed:
        """Commit what came beyond devices' rates, undecoded, with the reason ``rate``.

        The newest are kept, as many as quarantine keeps of a device; the others are counted
        as quarantined and evicted at once, which is where they would have ended.

        Raises
        ------
        psycopg.OperationalError
            The database is away; nothing of it may be acknowledged.
        """
        refusals: list[Refusal] = []
        entries: dict[str, ledger.Entry] = {}
        for named, messages in excess.items():
            device_id = named if self.catalog.find(named) else ""
            distinct = {(m.topic, m.payload): m for m in messages}
            kept = list(distinct.values())[-self.limits.quarantine_per_device :]
            refusals += [_beyond_rate(message, device_id, named) for message in kept]
            entry = entries.setdefault(device_id, ledger.Entry())
            entry.messages += len(messages)
            entry.quarantined += len(distinct) - len(kept)
            entry.evicted += len(distinct) - len(kept)
            entry.requarantined += len(messages) - len(distinct)
        with self.transaction():
            self._put_refusals(refusals, entries)
            ledger.add_entries(self.conn, self.ingestor, datetime.now(UTC).date(), entries)
        n = sum(map(len, excess.values()))
        return Flushed(n, 0, 0, n)

    def decode(self, messages: Sequence[Message]) -> Decoded:
        """Decode a batch; where it names a stranger, against the registry as it is now."""
        before = self.formats.snapshot()
        decoded = decode_messages(messages, self.catalog, self.limits, self.formats)
        if decoded.strangers and self._registry_changed():
            self.formats.restore(before)
            decoded = decode_messages(messages, self.catalog, self.limits, self.formats)
        return decoded

    @contextmanager
    def transaction(self, *, rollback: bool = False) -> Generator[None]:
        """A transaction, or one inside it, that the place in the log goes back with."""
        seq = self._seq
        try:
            with self.conn.transaction(force_rollback=rollback):
                yield
        except BaseException:
            self._seq = seq
            raise
        if rollback:
            self._seq = seq

    def keep(self, decoded: Decoded, entries: dict[str, ledger.Entry], *, old: bool = False) -> Readings:
        """Store what was decoded, enter it in the log and the account; what was new of the readings.

        Inside `transaction`. The refusals are not kept here. Statuses that are ``old`` count
        only for devices that have none.
        """
        offered = decoded.readings
        fresh = readings.write_readings(self.conn, offered)
        if len(fresh):
            batches.append_batch(self.conn, self.ingestor, self._seq + 1, fresh)
            self._seq += 1
        if decoded.statuses:
            devices.set_statuses(self.conn, decoded.statuses, old=old)
        stored = self.catalog.count_by_device(fresh.stream_ids)
        for device_id, n in self.catalog.count_by_device(offered.stream_ids).items():
            entry = entries.setdefault(device_id, ledger.Entry())  # one message may speak for many
            entry.committed = stored.get(device_id, 0)
            entry.duplicates = n - entry.committed
        return fresh

    def _registry_changed(self) -> bool:
        with self.conn.transaction():
            registry = devices.registry_version(self.conn)
            if registry == self._registry:
                return False
            self._registry, self.catalog = registry, load_catalog(self.conn)
        logger.info("the registry changed: %d devices", len(self.catalog))
        return True

    def _commit(self, decoded: Decoded) -> Flushed:
        entries = {device_id: ledger.Entry(messages=n) for device_id, n in decoded.messages.items()}
        with self.transaction():
            fresh = self.keep(decoded, entries)
            self._put_refusals(decoded.refusals, entries)
            ledger.add_entries(self.conn, self.ingestor, datetime.now(UTC).date(), entries)
        n_messages = sum(decoded.messages.values())
        return Flushed(n_messages, len(fresh), len(decoded.stream_ids) - len(fresh), len(decoded.refusals))

    def _put_refusals(self, refusals: list[Refusal], entries: dict[str, ledger.Entry]) -> None:
        news: set[str] = set()
        for refusal, new in zip(refusals, quarantine.put_refusals(self.conn, refusals), strict=True):
            entry = entries[refusal.device_id]
            entry.quarantined += new
            entry.requarantined += not new
            if new:
                news.add(refusal.claimed or refusal.device_id)
        if not news:
            return
        limits = self.limits
        size = int(limits.quarantine_device_mib * _MIB)
        self._evicted(quarantine.evict(self.conn, sorted(news), limits.quarantine_per_device, size), entries)
        # Names can be invented; counting all that wait for each of them would be work for the asking.
        self._strangers += sum(self.catalog.find(name) is None for name in news)
        if self._strangers > limits.inbox_names // 5:
            self._strangers = 0
            size = int(limits.inbox_mib * _MIB)
            self._evicted(inbox.trim(self.conn, limits.inbox_names, size), entries)

    def _evicted(self, gone: dict[str, int], entries: dict[str, ledger.Entry]) -> None:
        for device_id, n in gone.items():
            entries.setdefault(device_id, ledger.Entry()).evicted += n


def _beyond_rate(message: Message, device_id: str, claimed: str) -> Refusal:
    return Refusal(
        at=datetime.fromtimestamp(message.received_at / 1e6, UTC),
        device_id=device_id,
        topic=message.topic,
        payload=message.payload,
        reason="rate",
        detail=f"{'the device' if claimed else 'the topic'} sends more than its rate",
        claimed=claimed,
    )


def _refused(message: Message, decoded: Decoded, error: psycopg.Error) -> Decoded:
    (device_id,) = decoded.messages
    refusal = Refusal(
        at=datetime.fromtimestamp(message.received_at / 1e6, UTC),
        device_id=device_id,
        topic=message.topic,
        payload=message.payload,
        reason="store",
        detail=str(error).splitlines()[0][:200],
    )
    return Decoded(messages=decoded.messages, refusals=[refusal], refused=[0])
