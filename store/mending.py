"""What people do with quarantine. Every change is in the audit log, in the same transaction."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import psycopg

from store import audit, devices, inbox, ledger, quarantine, replays
from telemetry.devices import Device
from telemetry.errors import ConflictError, NotFoundError

PEOPLE = "people"
"""Who enters what was dropped in the ledger, beside the ingest processes."""

_SHOWN = 2_000
"""Characters of a mended payload that the audit log keeps."""

# Registering is rare; two who adopt the same device at once must not both do it.
_LOCK = "LOCK TABLE device IN SHARE ROW EXCLUSIVE MODE"


@dataclass(frozen=True, slots=True)
class Adopted:
    """A device that was in the inbox: how many messages are on their way, and by which request."""

    device: Device
    waiting: int
    replay_request_id: int


def adopt(conn: psycopg.Connection, actor: str, device: Device) -> Adopted:
    """Register a device that waits in the inbox, and ask for its messages to be replayed.

    Raises
    ------
    ConflictError
        The device is registered already.
    NotFoundError
        Nothing waits under its name.
    """
    conn.execute(_LOCK)
    if _is_registered(conn, device.device_id):
        raise ConflictError(f"device {device.device_id!r} is registered already")
    waiting = inbox.waiting_ids(conn, device.device_id)
    if not waiting:
        raise NotFoundError("device in the inbox", device.device_id)
    devices.upsert_devices(conn, [device])
    number = replays.request_replay(conn, actor, waiting)
    detail = {"domain": str(device.domain), "metrics": list(device.metrics), "waiting": len(waiting)}
    audit.record(conn, actor, "device.adopt", device.device_id, detail)
    return Adopted(device, len(waiting), number)


def ask_replay(
    conn: psycopg.Connection,
    actor: str,
    quarantine_ids: Sequence[int],
    *,
    topic: str | None = None,
    payload: bytes | None = None,
    dry_run: bool = False,
) -> int:
    """Ask for messages to be tried again, as they are or mended; the request's id.

    Raises
    ------
    NotFoundError
        A message that is to be mended is not in quarantine.
    """
    mended = topic is not None or payload is not None
    if mended and quarantine.find_message(conn, quarantine_ids[0]) is None:
        raise NotFoundError("message in quarantine", quarantine_ids[0])
    number = replays.request_replay(
        conn, actor, quarantine_ids, topic=topic, payload=payload, dry_run=dry_run
    )
    if not dry_run:
        detail: dict[str, object] = {"messages": len(quarantine_ids), "first": list(quarantine_ids[:20])}
        if topic is not None:
            detail["topic"] = topic
        if payload is not None:
            detail["payload"] = payload.decode(errors="backslashreplace").replace("\x00", "\\x00")[:_SHOWN]
        audit.record(conn, actor, "quarantine.replay", f"replay {number}", detail)
    return number


def drop(conn: psycopg.Connection, actor: str, quarantine_ids: Sequence[int], now: datetime) -> int:
    """Throw messages away for good, and count them; how many there were."""
    gone = quarantine.remove(conn, quarantine_ids)
    entries = {account: ledger.Entry(dropped=n) for account, n in gone.items()}
    ledger.add_entries(conn, PEOPLE, now.date(), entries)
    dropped = sum(gone.values())
    if dropped:
        detail = {"messages": dropped, "first": list(quarantine_ids[:20])}
        audit.record(conn, actor, "quarantine.drop", "quarantine", detail)
    return dropped


def _is_registered(conn: psycopg.Connection, device_id: str) -> bool:
    try:
        devices.get_device(conn, device_id)
    except NotFoundError:
        return False
    return True
