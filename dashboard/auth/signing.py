"""Signing in and out: the checks, the limits and what is written of it."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum

from dashboard.runtime import Runtime
from store.audit import record
from store.passwords import LONGEST, check_password, hash_password, matches
from store.people import Credentials, find_credentials, set_own_password
from store.pool import Pool
from store.refusals import finish_refusals, note_refusal
from store.sessions import (
    begin_session,
    count_failures,
    end_session,
    forget_failures,
    forgive_failures,
    note_failure,
    prune_sessions,
)
from telemetry.errors import ConfigError
from telemetry.people import check_name
from telemetry.settings import SignIn


class Refusal(Enum):
    """Why a sign-in failed, as far as the one who tried is told."""

    WRONG = "wrong"
    """The name, the password, or both; a barred person too."""
    TOO_OFTEN = "too_often"


@dataclass(frozen=True, slots=True)
class Attempt:
    """What was sent to the sign-in page, and from where."""

    name: str
    password: str
    address: str


def sign_in(runtime: Runtime, attempt: Attempt) -> str | Refusal:
    """Check an attempt; the new session's token where it is right. Blocks: call it in a thread.

    A name that is no one's takes the same road as one that is someone's, at the same cost.
    """
    rules, now = runtime.settings.sign_in, datetime.now(UTC)
    name = _as_kept(attempt.name)
    if not may_try(runtime.pool, rules, name, attempt.address, now):
        return Refusal.TOO_OFTEN
    with runtime.pool.connection() as conn:
        found = find_credentials(conn, name)
    # No connection is held while the hash is computed.
    right = matches(found.password_hash if found else None, attempt.password[: LONGEST + 1])
    if found is None or not right:
        with runtime.pool.connection() as conn:
            record(conn, name, "sign_in.failed", "session", {"address": attempt.address})
        return Refusal.WRONG
    return _begin(runtime.pool, rules, found, attempt.address, now)


def change_password(runtime: Runtime, attempt: Attempt, wanted: str, token: str) -> int | Refusal:
    """Set a person's own password where they know the present one; how many sessions ended.

    That of ``token`` stays. A wrong password counts as at the sign-in page. Blocks.

    Raises
    ------
    ConfigError
        The new password cannot be used.
    """
    check_password(wanted, attempt.name)
    now = datetime.now(UTC)
    if not may_try(runtime.pool, runtime.settings.sign_in, attempt.name, attempt.address, now):
        return Refusal.TOO_OFTEN
    with runtime.pool.connection() as conn:
        found = find_credentials(conn, attempt.name)
    right = matches(found.password_hash if found else None, attempt.password[: LONGEST + 1])
    if not right:
        with runtime.pool.connection() as conn:
            record(conn, attempt.name, "password.failed", attempt.name, {"address": attempt.address})
        return Refusal.WRONG
    password_hash = hash_password(wanted)
    with runtime.pool.connection() as conn:
        forgive_failures(conn, attempt.name)
        ended = set_own_password(conn, attempt.name, password_hash, token)
        record(conn, attempt.name, "password.change", attempt.name, {"sessions_ended": ended})
    return ended


def sign_out(runtime: Runtime, name: str, token: str) -> None:
    """End a session. Blocks: call it in a thread."""
    with runtime.pool.connection() as conn:
        if end_session(conn, token):
            record(conn, name, "sign_out", "session")


def may_try(pool: Pool, rules: SignIn, name: str, address: str, now: datetime) -> bool:
    """Whether a password may be tried now, for a name and from an address. Blocks.

    The attempt is noted as a failure before it is checked: many at once then count each other.
    """
    since = now - timedelta(minutes=rules.window_min)
    with pool.connection() as conn:
        finish_refusals(conn, now)
        by_name, by_address = count_failures(conn, name, address, since)
        if by_name >= rules.failures_per_name or by_address >= rules.failures_per_address:
            note_refusal(conn, name if by_address < rules.failures_per_address else "?", address, now)
            return False
        note_failure(conn, name, address, now)
    with pool.connection() as conn:
        by_name, by_address = count_failures(conn, name, address, since)
        may = by_name <= rules.failures_per_name and by_address <= rules.failures_per_address
        if by_name == rules.failures_per_name:
            # The last try before the name is locked.
            record(conn, name, "sign_in.last_try", "session", {"address": address})
        if not may:
            note_refusal(conn, name if by_address <= rules.failures_per_address else "?", address, now)
    return may


def _begin(pool: Pool, rules: SignIn, found: Credentials, address: str, now: datetime) -> str:
    with pool.connection() as conn:
        forgive_failures(conn, found.name)
        forget_failures(conn, now - timedelta(minutes=rules.window_min))
        prune_sessions(conn, now, timedelta(hours=rules.idle_h))
        token = begin_session(conn, found.person_id, now, timedelta(hours=rules.lasts_h), address)
        record(conn, found.name, "sign_in", "session", {"address": address})
    return token


def _as_kept(name: str) -> str:
    try:
        return check_name(name)
    except ConfigError:
        # Not a name at all, maybe a password in the wrong field: it is written nowhere.
        return "?"
