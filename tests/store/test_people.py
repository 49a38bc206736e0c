from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from store import api_keys, audit, people, refusals, sessions
from telemetry.errors import ConfigError, NotFoundError
from telemetry.people import Identity, RightsError, Role, Scope, check_name

NOW = datetime(2026, 11, 23, 8, tzinfo=UTC)
IDLE = timedelta(hours=12)


def add(conn: psycopg.Connection, name: str = "lan", role: Role = Role.OPERATOR) -> people.Person:
    return people.add_person(conn, name, role, "hash")


def begin(conn: psycopg.Connection, person: people.Person) -> str:
    return sessions.begin_session(conn, person.person_id, NOW, timedelta(hours=72), "127.0.0.1")


def test_a_name_is_taken_once(conn: psycopg.Connection):
    assert add(conn).role is Role.OPERATOR
    with pytest.raises(RightsError, match="already"):
        add(conn, role=Role.VIEWER)
    with pytest.raises(NotFoundError):
        people.get_person(conn, "hoa")


def test_the_first_administrator_is_made_once(conn: psycopg.Connection):
    first = people.add_first_administrator(conn, "admin", "hash")
    assert first is not None
    assert first.role is Role.ADMINISTRATOR
    assert people.add_first_administrator(conn, "other", "hash") is None


def test_the_last_administrator_stays(conn: psycopg.Connection):
    add(conn, "admin", Role.ADMINISTRATOR)
    for change in (
        lambda: people.disable_person(conn, "admin"),
        lambda: people.set_role(conn, "admin", Role.ENGINEER),
    ):
        with pytest.raises(RightsError, match="only administrator"):
            change()
    add(conn, "second", Role.ADMINISTRATOR)
    assert people.disable_person(conn, "admin").disabled_at is not None
    with pytest.raises(RightsError, match="only administrator"):
        people.disable_person(conn, "second")


def test_a_session_is_found_by_its_token_and_kept_as_a_hash(conn: psycopg.Connection):
    token = begin(conn, add(conn))
    found = sessions.find_session(conn, token, NOW, IDLE)
    assert found is not None
    assert (found.name, found.role) == ("lan", Role.OPERATOR)
    assert sessions.find_session(conn, token + "x", NOW, IDLE) is None
    kept = conn.execute("SELECT token_hash FROM session").fetchall()
    assert token.encode() not in kept[0][0]


@pytest.mark.parametrize(
    ("later", "used", "holds"),
    [
        (timedelta(hours=11), None, True),
        (timedelta(hours=13), None, False),
        (timedelta(hours=13), timedelta(hours=5), True),
        (timedelta(hours=73), timedelta(hours=72), False),
    ],
    ids=["in use", "idle", "used between", "too old"],
)
def test_a_session_ends_by_itself(conn: psycopg.Connection, later, used, holds):
    token = begin(conn, add(conn))
    if used is not None:
        conn.execute("UPDATE session SET seen_at = %s", (NOW + used,))
    assert (sessions.find_session(conn, token, NOW + later, IDLE) is not None) == holds
    assert sessions.prune_sessions(conn, NOW + later, IDLE) == (not holds)


def test_use_is_noted_now_and_then(conn: psycopg.Connection):
    token = begin(conn, add(conn))
    for later, noted in ((timedelta(seconds=5), NOW), (timedelta(minutes=5), NOW + timedelta(minutes=5))):
        found = sessions.find_session(conn, token, NOW + later, IDLE)
        assert found is not None
        sessions.touch_session(conn, token, found, NOW + later)
        assert conn.execute("SELECT seen_at FROM session").fetchall()[0][0] == noted


@pytest.mark.parametrize("end", ["disable", "password", "sign out"])
def test_sessions_end_with_the_rights_they_came_from(conn: psycopg.Connection, end: str):
    token = begin(conn, add(conn))
    if end == "disable":
        people.disable_person(conn, "lan")
    elif end == "password":
        people.set_password(conn, "lan", "other")
    else:
        assert sessions.end_session(conn, token)
    assert sessions.find_session(conn, token, NOW, IDLE) is None
    assert not sessions.end_session(conn, token)


def test_failures_count_by_name_and_address_within_their_time(conn: psycopg.Connection):
    for minute, name, address in ((0, "lan", "a"), (20, "lan", "b"), (21, "hoa", "a")):
        sessions.note_failure(conn, name, address, NOW + timedelta(minutes=minute))
    assert sessions.count_failures(conn, "lan", "a", NOW - timedelta(minutes=1)) == (2, 2)
    assert sessions.count_failures(conn, "lan", "a", NOW + timedelta(minutes=10)) == (1, 1)
    sessions.forgive_failures(conn, "lan")
    sessions.forget_failures(conn, NOW + timedelta(minutes=21))
    assert sessions.count_failures(conn, "lan", "a", NOW) == (0, 1)


def test_a_key_acts_for_its_person_within_its_scopes(conn: psycopg.Connection):
    add(conn, role=Role.ENGINEER)
    until = NOW + timedelta(days=1)
    made, secret = api_keys.add_key(conn, "lan", "kiosk", [Scope.READ, Scope.OPERATE], NOW, until)
    assert secret.startswith("cok_")
    assert secret.startswith(made.hint)
    who = api_keys.find_identity(conn, secret, NOW)
    assert who == Identity("lan", Role.ENGINEER, "key", frozenset({Scope.READ, Scope.OPERATE}))
    assert [who.allows(role) for role in Role] == [True, True, False, False]
    assert api_keys.get_key(conn, made.api_key_id).last_used_at == NOW
    assert api_keys.find_identity(conn, secret, until) is None
    people.set_role(conn, "lan", Role.VIEWER)
    demoted = api_keys.find_identity(conn, secret, NOW)
    assert demoted is not None
    assert not demoted.allows(Role.OPERATOR)
    assert api_keys.revoke_key(conn, made.api_key_id, NOW).revoked_at == NOW
    assert api_keys.find_identity(conn, secret, NOW) is None
    assert [key.label for key in api_keys.list_keys(conn)] == ["kiosk"]


def test_a_key_ends_with_its_person(conn: psycopg.Connection):
    add(conn)
    _, secret = api_keys.add_key(conn, "lan", "x", [Scope.READ], NOW, NOW + timedelta(days=1))
    people.disable_person(conn, "lan")
    assert api_keys.find_identity(conn, secret, NOW) is None
    with pytest.raises(NotFoundError):
        api_keys.add_key(conn, "hoa", "x", [Scope.READ], NOW, NOW)


def test_the_audit_log_is_read_newest_first_in_pages(conn: psycopg.Connection):
    for number in range(5):
        audit.record(conn, "lan", "test.do", str(number), {"n": number})
    newest = audit.list_entries(conn, limit=2)
    assert [entry.object for entry in newest] == ["4", "3"]
    assert newest[0].detail == {"n": 4}
    older = audit.list_entries(conn, before=newest[-1].audit_entry_id)
    assert [entry.object for entry in older] == ["2", "1", "0"]


@pytest.mark.parametrize("statement", ["UPDATE audit_entry SET actor = 'x'", "DELETE FROM audit_entry"])
def test_the_audit_log_cannot_be_rewritten(conn: psycopg.Connection, statement: str):
    audit.record(conn, "lan", "test.do", "x")
    conn.commit()
    with pytest.raises(psycopg.errors.InsufficientPrivilege, match="append-only"):
        conn.execute(statement)
    conn.rollback()
    assert len(audit.list_entries(conn)) == 1


@pytest.mark.parametrize("name", ["", "a", "-a", "a b", "a\x00b", "<b>", "x" * 33, "nguyễn"])
def test_a_name_that_cannot_be_is_refused(name: str):
    with pytest.raises(ConfigError):
        check_name(name)


def test_a_name_is_kept_in_lower_case():
    assert check_name(" Lan.Nguyen ") == "lan.nguyen"


def test_ones_own_new_password_ends_the_other_sessions(conn: psycopg.Connection):
    person = add(conn)
    here, elsewhere = begin(conn, person), begin(conn, person)
    strangers = begin(conn, add(conn, "hoa"))
    shown = sessions.list_sessions(conn, "lan", here, NOW, IDLE)
    assert [session.current for session in shown] == [True, False]
    assert sessions.list_sessions(conn, "lan", here, NOW + timedelta(hours=13), IDLE) == []
    assert people.set_own_password(conn, "lan", "other", here) == 1
    assert sessions.find_session(conn, here, NOW, IDLE) is not None
    assert sessions.find_session(conn, elsewhere, NOW, IDLE) is None
    assert sessions.find_session(conn, strangers, NOW, IDLE) is not None
    assert sessions.end_sessions(conn, "lan", keep=here) == 0


def test_who_may_be_given_work(conn: psycopg.Connection):
    for name, role in (
        ("b", Role.OPERATOR),
        ("a", Role.ADMINISTRATOR),
        ("v", Role.VIEWER),
        ("x", Role.ENGINEER),
    ):
        add(conn, name, role)
    people.disable_person(conn, "x")
    assert people.list_active(conn, Role.OPERATOR) == ["a", "b"]


def test_a_flood_of_refusals_is_a_few_entries(conn: psycopg.Connection):
    for second in range(150):
        refusals.note_refusal(conn, "lan", "10.0.0.9", NOW + timedelta(seconds=second))
    refusals.note_refusal(conn, "?", "10.0.0.9", NOW)
    refusals.finish_refusals(conn, NOW + timedelta(minutes=10))
    refusals.finish_refusals(conn, NOW + timedelta(minutes=20))
    told = [entry for entry in audit.list_entries(conn) if entry.action == "sign_in.refused"]
    assert [entry.detail["attempts"] for entry in told if entry.actor == "lan"] == [29, 60, 60, 1]
    assert [entry.detail for entry in told if entry.actor == "?"] == [{"address": "10.0.0.9", "attempts": 1}]
