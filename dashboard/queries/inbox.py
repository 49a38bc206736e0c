"""What waits to be registered, with what it seems to be."""

from __future__ import annotations

import psycopg

from store.devices import list_devices
from store.inbox import Waiting, find_waiting, list_waiting, sample_messages
from telemetry.adoption import SAMPLES, Guess, guess
from telemetry.errors import NotFoundError
from telemetry.formats import Formats
from telemetry.settings import Settings

_GLIMPSE = 8
"""Messages looked at for each device of a list."""


def read_inbox(conn: psycopg.Connection, settings: Settings, limit: int) -> list[tuple[Waiting, Guess]]:
    """The devices that wait, the one that was heard last first."""
    found = list_waiting(conn, limit)
    guesses = _guesses(conn, [waiting.name for waiting in found], settings, _GLIMPSE)
    return [(waiting, guesses[waiting.name]) for waiting in found]


def read_waiting(conn: psycopg.Connection, settings: Settings, name: str) -> tuple[Waiting, Guess]:
    """One device that waits, looked at more closely; `NotFoundError` where none of that name does."""
    waiting = find_waiting(conn, name)
    if waiting is None:
        raise NotFoundError("device in the inbox", name)
    return waiting, _guesses(conn, [name], settings, SAMPLES)[name]


def _guesses(conn: psycopg.Connection, names: list[str], settings: Settings, each: int) -> dict[str, Guess]:
    if not names:
        return {}
    peers, heard = list_devices(conn), sample_messages(conn, names, each)
    return {name: guess(name, heard[name], Formats(settings.ingest.formats), peers) for name in names}
