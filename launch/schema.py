"""Bringing a database up to this version: the schema, then the city's devices."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import psycopg

from telemetry.city import City
from telemetry.devices import Device
from telemetry.settings import Settings

_log = logging.getLogger(__name__)

FRESH = timedelta(minutes=10)
"""History is continued where the newest reading is older than this."""


def prepare_database(database_url: str, city: City, settings: Settings | None = None) -> list[str]:
    """Migrate, apply what is set of the store, register the devices; names of the migrations applied now."""
    from store.migrate import migrate
    from store.pool import connect
    from store.retention import apply_policies

    applied = migrate(database_url)
    if settings is not None:
        with connect(database_url, name="setup") as conn:
            apply_policies(conn, settings.store, settings.ingest.oldest_days)
    register(database_url, city.devices)
    offer_detectors(database_url, city)
    return applied


def offer_detectors(database_url: str, city: City) -> None:
    """Write down what the city's profile says of its detectors, where that is new."""
    from store.detection import offer_profile
    from store.pool import connect

    with connect(database_url, name="setup") as conn:
        offered = offer_profile(conn, city.detection, city.key)
    if offered is not None and offered[1]:
        _log.info("the city profile's detectors are in force, as version %d", offered[0].version)
    elif offered is not None:
        _log.warning(
            "the city profile's detectors have changed; they are offered as version %d, and what was "
            "decided stays in force: see `cityops detectors list`",
            offered[0].version,
        )


def register(database_url: str, devices: Sequence[Device]) -> None:
    """Make devices and their streams known, or update what is known of them."""
    from store.devices import upsert_devices
    from store.pool import connect

    with connect(database_url, name="setup") as conn:
        upsert_devices(conn, devices)


def history_gap(database_url: str, now: datetime, days: int) -> tuple[datetime, datetime] | None:
    """The time to fill with history: from the newest reading, at most ``days`` back, until now.

    ``None`` where readings are fresh. A backfill that was interrupted goes on where it stopped.
    """
    from store.pool import connect
    from store.readings import extent

    with connect(database_url, name="setup") as conn:
        known = extent(conn)
    start = now - timedelta(days=days)
    if known is not None:
        start = max(start, known[1].astimezone(UTC))
    return None if now - start < FRESH else (start, now)


def committed(database_url: str) -> int:
    """Readings committed since the store began, by the ledger; 0 where it cannot be asked."""
    from store.ledger import totals
    from store.pool import connect

    try:
        with connect(database_url, name="setup") as conn:
            return totals(conn).committed
    except psycopg.Error:
        return 0
