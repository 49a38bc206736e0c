"""One transaction a flush: readings, log, account, quarantine. Then, and only then, the acks."""

from __future__ import annotations

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg

from ingest.catalog import Catalog, load_catalog
from ingest.clocks import ClockWatch
from ingest.decode import Decoded, decode_messages
from ingest.message import Message
from store import batches, devices, ledger, quarantine, readings
from store.quarantine import Refusal
from telemetry.formats import Formats
from telemetry.readings import Readings
from telemetry.settings import Ingest

logger = logging.getLogger(__name__)

_PERMANENT = (psycopg.DataError, psycopg.IntegrityError, psycopg.ProgrammingError)


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
        self._formats = formats or Formats(limits.formats)
        self._clocks = clocks or ClockWatch(limits.clock_every_s)
        self._conn = conn
        self._ingestor = ingestor
        self._limits = limits
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
        before = self._formats.snapshot()
        try:
            return self._write(messages, before)
        except BaseException:
            self._formats.restore(before)
            raise

    def _write(self, messages: Sequence[Message], before: Sequence[object]) -> Flushed:
        decoded = decode_messages(messages, self.catalog, self._limits, self._formats)
        if decoded.strangers and self._registry_changed():
            self._formats.restore(before)
            decoded = decode_messages(messages, self.catalog, self._limits, self._formats)
        try:
            flushed = self._commit(decoded)
        except _PERMANENT as error:
            if len(messages) == 1:
                return self._commit(_refused(messages[0], decoded, error))
        else:
            self._clocks.observe(messages, decoded, self.catalog)
            return flushed
        self._formats.restore(before)
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
            kept = list(distinct.values())[-self._limits.quarantine_per_device :]
            refusals += [_beyond_rate(message, device_id) for message in kept]
            entry = entries.setdefault(device_id, ledger.Entry())
            entry.messages += len(messages)
            entry.quarantined += len(distinct) - len(kept)
            entry.evicted += len(distinct) - len(kept)
            entry.requarantined += len(messages) - len(distinct)
        with self._conn.transaction():
            self._put_refusals(refusals, entries)
            ledger.add_entries(self._conn, self._ingestor, datetime.now(UTC).date(), entries)
        n = sum(map(len, excess.values()))
        return Flushed(n, 0, 0, n)

    def _registry_changed(self) -> bool:
        with self._conn.transaction():
            registry = devices.registry_version(self._conn)
            if registry == self._registry:
                return False
            self._registry, self.catalog = registry, load_catalog(self._conn)
        logger.info("the registry changed: %d devices", len(self.catalog))
        return True

    def _commit(self, decoded: Decoded) -> Flushed:
        conn, offered = self._conn, decoded.readings
        with conn.transaction():
            fresh = readings.write_readings(conn, offered)
            if len(fresh):
                batches.append_batch(conn, self._ingestor, self._seq + 1, fresh)
            if decoded.statuses:
                devices.set_statuses(conn, decoded.statuses)
            self._account(decoded, offered, fresh)
        if len(fresh):
            self._seq += 1
        n_messages = sum(decoded.messages.values())
        return Flushed(n_messages, len(fresh), len(offered) - len(fresh), len(decoded.refusals))

    def _account(self, decoded: Decoded, offered: Readings, fresh: Readings) -> None:
        entries = {device_id: ledger.Entry(messages=n) for device_id, n in decoded.messages.items()}
        stored = self.catalog.count_by_device(fresh.stream_ids)
        for device_id, n in self.catalog.count_by_device(offered.stream_ids).items():
            entry = entries.setdefault(device_id, ledger.Entry())  # one message may speak for many
            entry.committed = stored.get(device_id, 0)
            entry.duplicates = n - entry.committed
        self._put_refusals(decoded.refusals, entries)
        ledger.add_entries(self._conn, self._ingestor, datetime.now(UTC).date(), entries)

    def _put_refusals(self, refusals: list[Refusal], entries: dict[str, ledger.Entry]) -> None:
        for refusal, new in zip(refusals, quarantine.put_refusals(self._conn, refusals), strict=True):
            entry = entries[refusal.device_id]
            entry.quarantined += new
            entry.requarantined += not new
        for device_id in {refusal.device_id for refusal in refusals}:
            keep = self._limits.quarantine_per_device
            entries[device_id].evicted += quarantine.evict(self._conn, device_id, keep)


def _beyond_rate(message: Message, device_id: str) -> Refusal:
    return Refusal(
        at=datetime.fromtimestamp(message.received_at / 1e6, UTC),
        device_id=device_id,
        topic=message.topic,
        payload=message.payload,
        reason="rate",
        detail="the device sends more than its rate",
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
    return Decoded(messages=decoded.messages, refusals=[refusal])
