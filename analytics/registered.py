"""What is registered of streams and devices that are known already, and changes under way.

Detectors take up a stream once, with its interval, its place and what it belongs to. Where one
of these changes, the engine is made anew from its own memory, as a restart would make it.
"""

from __future__ import annotations

import logging

import psycopg

from alerts.apply import apply_findings
from analytics import recovery, stages
from analytics.live import LiveEngine
from analytics.times import SECOND
from store import devices
from telemetry.city import City
from telemetry.devices import Device

_log = logging.getLogger(__name__)

_LOOK_US = 10 * SECOND


class Register:
    """Notices what was registered anew of an engine's streams, and lets it go by that."""

    def __init__(self, city: City) -> None:
        self._city = city
        self._looked = 0
        self._digest: tuple[int, ...] = ()

    def poll(self, conn: psycopg.Connection, engine: LiveEngine, now: int) -> bool:
        """Look every ten seconds; whether the engine's detectors were made anew.

        To be called between two batches. As with `LiveEngine.consume`, an engine whose
        transaction failed must be thrown away.
        """
        if now - self._looked < _LOOK_US:
            return False
        self._looked = now
        digest = devices.registry_digest(conn)
        if digest == self._digest:
            return False
        changed = _changed(conn, engine)
        if changed:
            renew(conn, engine, self._city, now)
            _log.info("registered otherwise: %s", ", ".join(changed[:10]))
        self._digest = digest
        return bool(changed)


def renew(conn: psycopg.Connection, engine: LiveEngine, city: City, now: int) -> None:
    """Make an engine's detectors anew, for its streams as they are registered now, with its memory.

    One transaction with a snapshot: a replay never crosses such a change.
    """
    kept, learnt = engine.kept(), engine.learnt()
    made = recovery.blank(city, recovery.chosen(conn, city, engine.version), engine.shard)
    with conn.transaction():
        made.enrol(conn, kept)
        made.restore(kept, learnt)
        made.core.counts = engine.core.counts
        engine.core, engine.foreign = made.core, made.foreign
        gone = stages.adopt(engine.core.pipeline, engine.standing(conn), now)
        apply_findings(conn, engine.signed(gone))
        engine.save(conn, now, models=True)


def _changed(conn: psycopg.Connection, engine: LiveEngine) -> list[str]:
    """Devices of which something that detectors go by is registered otherwise than the engine knows."""
    roster = engine.core.roster
    streams = {stream.stream_id: stream for stream in devices.list_streams(conn)}
    found = {device.device_id: device for device in devices.list_devices(conn)}
    of_streams = {one.device_id for one in roster.streams if streams.get(one.stream_id, one) != one}
    own = (found.get(device_id) for device_id in roster.device_ids)
    of_devices = {one.device_id for one in own if one and _seen(one) != _seen(roster.devices[one.device_id])}
    return sorted(of_streams | of_devices)


def _seen(device: Device) -> tuple[object, ...]:
    """What detectors go by of a device: not its names."""
    return (device.domain, device.kind, device.zone, device.lat, device.lon, dict(device.tags))
