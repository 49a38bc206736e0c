"""Messages in quarantine, through the very same checks once more; each out of it exactly once.

A message leaves quarantine in the transaction that stores its readings, and a request shrinks
in that transaction too: whoever is killed half way goes on where it stopped. A message is judged
as of the time it first came, so what waited for its device a week is no older for it.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import psycopg

from ingest.message import Message
from ingest.writer import PERMANENT, Writer
from store import ledger, quarantine, replays
from store.quarantine import MAX_PAYLOAD, Quarantined
from store.replays import Outcome, ReplayRequest
from telemetry.readings import to_micros

CHUNK = 500
"""Messages in one transaction: what devices send now waits no longer than for these."""


class Replayer:
    """Does requests through a writer, in whose log the readings then are."""

    def __init__(self, writer: Writer, chunk: int = CHUNK) -> None:
        self._writer = writer
        self._chunk = chunk

    def do_some(self) -> bool:
        """Do a part of the oldest request that no other process has; whether there was one."""
        writer = self._writer
        with writer.transaction():
            request = replays.take_request(writer.conn)
            if request is None:
                return False
            tried = request.quarantine_ids[: self._chunk]
            outcome = Outcome()
            # What is tried for the sake of trying leaves nothing, whatever came of it.
            with writer.formats.aside(), writer.transaction(rollback=request.dry_run):
                self._try(tried, request, outcome)
            replays.note_outcome(writer.conn, request.replay_request_id, len(tried), outcome)
        return True

    def _try(self, quarantine_ids: Sequence[int], request: ReplayRequest, outcome: Outcome) -> None:
        found = quarantine.lock_messages(self._writer.conn, quarantine_ids)
        outcome.gone += len(quarantine_ids) - len(found)
        whole: list[Quarantined] = []
        for row in found:
            if row.cut and request.payload is None:
                outcome.refuse(row.quarantine_id, "size", f"only its first {MAX_PAYLOAD} bytes were kept")
            else:
                whole.append(row)
        if whole:
            self._settle(whole, request, outcome)

    def _settle(self, rows: Sequence[Quarantined], request: ReplayRequest, outcome: Outcome) -> None:
        before = self._writer.formats.snapshot()
        try:
            with self._writer.transaction():
                done = self._store(rows, request)
        except PERMANENT as error:
            self._writer.formats.restore(before)
            if len(rows) == 1:
                outcome.refuse(rows[0].quarantine_id, "store", _first_line(error))
                return
            middle = len(rows) // 2
            self._settle(rows[:middle], request, outcome)
            self._settle(rows[middle:], request, outcome)
            return
        outcome.replayed += done.replayed
        outcome.readings += done.readings
        outcome.duplicates += done.duplicates
        for refusal in done.refusals:
            outcome.refuse(refusal["quarantine_id"], refusal["reason"], refusal["detail"])

    def _store(self, rows: Sequence[Quarantined], request: ReplayRequest) -> Outcome:
        writer, done = self._writer, Outcome()
        decoded = writer.decode([_message(row, request) for row in rows])
        entries: dict[str, ledger.Entry] = {}
        fresh = writer.keep(decoded, entries, old=True)
        again = dict(zip(decoded.refused, decoded.refusals, strict=True))
        for place, refusal in again.items():
            row = rows[place]
            done.refusals.append(
                {"quarantine_id": row.quarantine_id, "reason": refusal.reason, "detail": refusal.detail}
            )
            if request.topic is None and request.payload is None:
                quarantine.restate(writer.conn, row.quarantine_id, refusal)
        left = [row.quarantine_id for place, row in enumerate(rows) if place not in again]
        for account, n in quarantine.remove(writer.conn, left).items():
            entries.setdefault(account, ledger.Entry()).replayed += n
        ledger.add_entries(writer.conn, writer.ingestor, datetime.now(UTC).date(), entries)
        done.replayed, done.readings = len(left), len(fresh)
        done.duplicates = len(decoded.stream_ids) - len(fresh)
        return done


def _message(row: Quarantined, request: ReplayRequest) -> Message:
    topic = row.topic if request.topic is None else request.topic
    payload = row.payload if request.payload is None else request.payload
    return Message(topic, payload, to_micros(row.first_at), qos=0, mid=0, session=0)


def _first_line(error: psycopg.Error) -> str:
    return str(error).splitlines()[0][:200]
