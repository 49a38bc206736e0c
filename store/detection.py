"""Versions of the detectors' configuration: written once, never changed, and a log of which is in force.

Every change is in the audit log, in the same transaction, and wakes those who ``LISTEN``
on `CHANNEL`. What a version says is decoded by the reader: a row edited by hand must not
keep anyone from seeing the others.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, cast

import msgspec
import psycopg
from psycopg.rows import class_row
from psycopg.types.json import Jsonb

from store import audit
from telemetry.detection import Configuration
from telemetry.detection.configuration import configuration_of
from telemetry.errors import ConfigError, ConflictError, NotFoundError

CHANNEL = "detection"
PROFILE = "profile:"
"""Authors that are a city's profile are called so, and then the city's key."""
MOST_REASON = 500

_COLUMNS = "version, document, digest, author, reason, based_on, created_at"
_LOCK = "LOCK TABLE detection_version IN SHARE ROW EXCLUSIVE MODE"
_ADD = f"""
INSERT INTO detection_version (version, document, digest, author, reason, based_on)
SELECT coalesce(max(version), 0) + 1, %(document)s, %(digest)s, %(author)s, %(reason)s, %(based_on)s
FROM detection_version RETURNING {_COLUMNS}"""
_ACTIVATE = "INSERT INTO detection_active (version, actor, reason) VALUES (%s, %s, %s)"
_NOTIFY = "SELECT pg_notify('detection', %s)"
_GET = f"SELECT {_COLUMNS} FROM detection_version WHERE version = %s"
_LIST = f"SELECT {_COLUMNS} FROM detection_version ORDER BY version DESC"
_ACTIVE = "SELECT version FROM detection_active ORDER BY detection_active_id DESC LIMIT 1"
_ACTIVATIONS = """
SELECT version, actor, reason, at FROM detection_active ORDER BY detection_active_id DESC LIMIT %s"""
_NAMES = """
SELECT DISTINCT jsonb_path_query(document, '$.detector[*].name') #>> '{}' FROM detection_version"""
_OF_PROFILE = f"""
SELECT {_COLUMNS} FROM detection_version WHERE author = %s ORDER BY version DESC LIMIT 1"""
_FORMER = """
SELECT version FROM detection_active GROUP BY version ORDER BY max(detection_active_id) DESC"""


@dataclass(frozen=True, slots=True)
class Version:
    """One configuration as it was written down; ``based_on`` is the version it was made from."""

    version: int
    document: dict[str, Any]
    digest: str
    author: str
    reason: str
    based_on: int | None
    created_at: datetime

    def configuration(self) -> Configuration:
        """What it says.

        Raises
        ------
        ConfigError
            It does not hold what was written down, or this software does not know a
            detector or a parameter of it; the message names the version and the key.
        """
        where = f"version {self.version} of the detectors"
        if digest_of(self.document) != self.digest:
            raise ConfigError(
                f"{where} was changed in the database since it was written",
                cure="activate another version, or apply the configuration anew",
            )
        try:
            return configuration_of(self.document)
        except ConfigError as error:
            cure = "activate another version, or apply a mended one"
            raise ConfigError(f"{where}: {error.message}", cure=cure) from error


@dataclass(frozen=True, slots=True)
class Activation:
    """From ``at`` on a version was in force."""

    version: int
    actor: str
    reason: str
    at: datetime


def digest_of(document: Mapping[str, Any]) -> str:
    """SHA-256 of a document in a canonical form, hexadecimal."""
    plain = msgspec.json.encode(_canonical(document), order="deterministic")
    return hashlib.sha256(plain).hexdigest()


def apply(
    conn: psycopg.Connection,
    configuration: Configuration,
    author: str,
    reason: str,
    *,
    based_on: int | None = None,
) -> Version:
    """Write a configuration down as a new version and put it in force.

    Parameters
    ----------
    based_on
        The version in force when the author began; where given, it must still be.

    Raises
    ------
    ConfigError
        No reason is given.
    ConflictError
        Another version came into force meanwhile, or the one in force says the same.
    """
    conn.execute(_LOCK)
    active = active_version(conn)
    if based_on is not None and based_on != active:
        raise ConflictError(f"version {active} is in force by now, and this was made from version {based_on}")
    document = configuration.to_document()
    if active is not None and _same(get_version(conn, active).document, document):
        raise ConflictError(f"version {active} is in force and says the same")
    made = _add(conn, document, author, reason, active)
    _put_in_force(conn, made.version, author, made.reason)
    audit.record(
        conn,
        author,
        "detection.apply",
        f"version {made.version}",
        {"reason": made.reason, "based_on": active},
    )
    return made


def activate(conn: psycopg.Connection, version: int, actor: str, reason: str) -> Version:
    """Put a version that is written down in force: an offered one, or a former one again.

    Raises
    ------
    NotFoundError
        There is no such version.
    ConfigError
        No reason is given, or the version cannot be used.
    ConflictError
        It is in force already.
    """
    conn.execute(_LOCK)
    chosen, before = get_version(conn, version), active_version(conn)
    chosen.configuration()
    if version == before:
        raise ConflictError(f"version {version} is in force already")
    said = _checked(reason)
    _put_in_force(conn, version, actor, said)
    audit.record(
        conn, actor, "detection.activate", f"version {version}", {"reason": said, "instead_of": before}
    )
    return chosen


def offer_profile(
    conn: psycopg.Connection, configuration: Configuration, city: str
) -> tuple[Version, bool] | None:
    """Write down what a city's profile says where that is new.

    The first version of all comes into force, and so does a later one as long as no
    person has decided otherwise; over a person's version it is only offered.

    Returns
    -------
    The version and whether it came into force; ``None`` where it was known.
    """
    conn.execute(_LOCK)
    author, document, active = PROFILE + city, configuration.to_document(), active_version(conn)
    last = conn.cursor(row_factory=class_row(Version)).execute(_OF_PROFILE, (author,)).fetchone()
    if last is not None and _same(last.document, document):
        return None
    reason = "as the city's profile has it" if last is None else "the city's profile has changed"
    made = _add(conn, document, author, reason, None if last is None else last.version)
    newest = next(iter(list_activations(conn, 1)), None)
    in_force = newest is None or (newest.actor == author and newest.version == (last and last.version))
    if in_force:
        _put_in_force(conn, made.version, author, reason)
    audit.record(
        conn, author, "detection.offer", f"version {made.version}", {"in_force": in_force, "active": active}
    )
    return made, in_force


def active_version(conn: psycopg.Connection) -> int | None:
    """The number of the version in force; ``None`` before the first."""
    row = conn.execute(_ACTIVE).fetchone()
    return None if row is None else int(row[0])


def get_version(conn: psycopg.Connection, version: int) -> Version:
    """One version; `NotFoundError` where there is none."""
    with conn.cursor(row_factory=class_row(Version)) as cursor:
        found = cursor.execute(_GET, (version,)).fetchone()
    if found is None:
        raise NotFoundError("version of the detectors", version)
    return found


def list_versions(conn: psycopg.Connection) -> list[Version]:
    """Every version, the newest first."""
    with conn.cursor(row_factory=class_row(Version)) as cursor:
        return cursor.execute(_LIST).fetchall()


def list_activations(conn: psycopg.Connection, limit: int = 100) -> list[Activation]:
    """Which version came into force when and why, the last first."""
    with conn.cursor(row_factory=class_row(Activation)) as cursor:
        return cursor.execute(_ACTIVATIONS, (limit,)).fetchall()


def former_versions(conn: psycopg.Connection) -> list[int]:
    """Versions that are or were in force, the last first."""
    return [int(row[0]) for row in conn.execute(_FORMER)]


def detector_names(conn: psycopg.Connection) -> set[str]:
    """Every name that a detector ever had."""
    return {str(row[0]) for row in conn.execute(_NAMES)}


def listen(conn: psycopg.Connection) -> None:
    """Listen for versions that come into force; the connection must be in autocommit."""
    conn.execute(f"LISTEN {CHANNEL}")


def _add(
    conn: psycopg.Connection, document: dict[str, Any], author: str, reason: str, based_on: int | None
) -> Version:
    row = {
        "document": Jsonb(document),
        "digest": digest_of(document),
        "author": author,
        "reason": _checked(reason),
        "based_on": based_on,
    }
    with conn.cursor(row_factory=class_row(Version)) as cursor:
        made = cursor.execute(_ADD, row).fetchone()
    assert made is not None  # an aggregate always answers
    return made


def _put_in_force(conn: psycopg.Connection, version: int, actor: str, reason: str) -> None:
    conn.execute(_ACTIVATE, (version, actor, reason))
    conn.execute(_NOTIFY, (str(version),))


def _same(one: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    return digest_of(one) == digest_of(other)


def _canonical(value: Any) -> Any:
    """Whole numbers as integers: the database does not tell 1e3 from 1000."""
    if isinstance(value, Mapping):
        return {key: _canonical(inner) for key, inner in cast("Mapping[str, Any]", value).items()}
    if isinstance(value, list | tuple):
        return [_canonical(inner) for inner in cast("Sequence[Any]", value)]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def _checked(reason: str) -> str:
    said = " ".join(reason.split())
    if not said or len(said) > MOST_REASON or "\x00" in said:
        raise ConfigError(
            f"a change of the detectors needs a reason, of at most {MOST_REASON} characters",
            cure="say in a sentence why it is made",
        )
    return said
