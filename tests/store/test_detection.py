"""Versions of the detectors' configuration: written once, in force from a moment on."""

from __future__ import annotations

import psycopg
import pytest

from store import audit, detection
from telemetry.detection import Configuration, decode_configuration
from telemetry.errors import ConfigError, ConflictError, NotFoundError

ONE = decode_configuration(b'[[detector]]\nname = "limits"\nkind = "limits"\n')
TWO = decode_configuration(
    b'[[detector]]\nname = "stuck"\nkind = "stuck"\nparams = { least_repeats = 3e1 }\n'
    b'select = [{ metric = ["pm2_5"], tags = { river = ["Saigon"] } }]\n'
)


def of(conn: psycopg.Connection) -> Configuration:
    active = detection.active_version(conn)
    assert active is not None
    return detection.get_version(conn, active).configuration()


def test_what_is_applied_is_in_force_and_reads_back(conn: psycopg.Connection) -> None:
    assert detection.active_version(conn) is None
    detection.apply(conn, ONE, "lan", "first")
    made = detection.apply(conn, TWO, "lan", "  levels\nhang ", based_on=1)
    assert (made.version, made.based_on, made.author, made.reason) == (2, 1, "lan", "levels hang")
    assert of(conn) == TWO
    assert [version.version for version in detection.list_versions(conn)] == [2, 1]
    assert [entry.action for entry in audit.list_entries(conn)] == ["detection.apply"] * 2


def test_a_former_version_comes_back(conn: psycopg.Connection) -> None:
    detection.apply(conn, ONE, "lan", "first")
    detection.apply(conn, TWO, "lan", "second")
    detection.activate(conn, 1, "hoa", "the second missed a flood")
    assert of(conn) == ONE
    last = detection.list_activations(conn)[0]
    assert (last.version, last.actor, last.reason) == (1, "hoa", "the second missed a flood")
    assert detection.former_versions(conn) == [1, 2]
    with pytest.raises(ConflictError, match="already"):
        detection.activate(conn, 1, "hoa", "again")
    with pytest.raises(NotFoundError):
        detection.activate(conn, 9, "hoa", "there is none")


def test_who_was_slower_is_told(conn: psycopg.Connection) -> None:
    detection.apply(conn, ONE, "lan", "first")
    detection.apply(conn, TWO, "lan", "second")
    with pytest.raises(ConflictError, match="version 2 is in force by now"):
        detection.apply(conn, ONE, "hoa", "mine", based_on=1)
    with pytest.raises(ConflictError, match="says the same"):
        detection.apply(conn, TWO, "hoa", "mine")


@pytest.mark.parametrize("reason", ["", " \n ", "x" * 501, "a\x00b"], ids=["empty", "blank", "long", "nul"])
def test_a_change_needs_a_reason(conn: psycopg.Connection, reason: str) -> None:
    with pytest.raises(ConfigError, match="reason"):
        detection.apply(conn, ONE, "lan", reason)
    assert detection.list_versions(conn) == []


@pytest.mark.parametrize("table", ["detection_version", "detection_active"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET reason = 'other'", "DELETE FROM {}"])
def test_nothing_is_rewritten(conn: psycopg.Connection, table: str, statement: str) -> None:
    detection.apply(conn, ONE, "lan", "first")
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        conn.execute(statement.format(table))  # pyright: ignore[reportArgumentType]


def test_a_version_edited_by_hand_is_known(conn: psycopg.Connection) -> None:
    detection.apply(conn, TWO, "lan", "first")
    conn.execute("ALTER TABLE detection_version DISABLE TRIGGER detection_version_append_only")
    conn.execute("""UPDATE detection_version SET document = '{"detector": []}'""")
    conn.execute("ALTER TABLE detection_version ENABLE TRIGGER detection_version_append_only")
    with pytest.raises(ConfigError, match="version 1 of the detectors was changed"):
        of(conn)


def test_the_profile_is_the_first_version(conn: psycopg.Connection) -> None:
    made = detection.offer_profile(conn, ONE, "hcmc")
    assert made is not None
    assert (made[0].version, made[0].author, made[1]) == (1, "profile:hcmc", True)
    assert detection.offer_profile(conn, ONE, "hcmc") is None
    assert of(conn) == ONE


def test_a_changed_profile_is_in_force_while_nobody_decided_otherwise(conn: psycopg.Connection) -> None:
    detection.offer_profile(conn, ONE, "hcmc")
    made = detection.offer_profile(conn, TWO, "hcmc")
    assert made is not None
    assert made[1]
    assert of(conn) == TWO


def test_a_changed_profile_is_only_offered_over_an_engineers_version(conn: psycopg.Connection) -> None:
    detection.offer_profile(conn, ONE, "hcmc")
    mine = detection.apply(conn, Configuration(), "lan", "quiet for the works")
    made = detection.offer_profile(conn, TWO, "hcmc")
    assert made is not None
    assert (made[0].version, made[1]) == (3, False)
    assert detection.active_version(conn) == mine.version
    assert detection.offer_profile(conn, TWO, "hcmc") is None


def test_going_back_to_the_profile_by_hand_is_a_decision_too(conn: psycopg.Connection) -> None:
    detection.offer_profile(conn, ONE, "hcmc")
    detection.apply(conn, TWO, "lan", "try")
    detection.activate(conn, 1, "lan", "back")
    made = detection.offer_profile(conn, Configuration(), "hcmc")
    assert made is not None
    assert not made[1]
