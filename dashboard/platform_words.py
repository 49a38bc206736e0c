"""The words of the platform's own pages: what services say of themselves, what people did.

Each table maps a key to a message id, as those of `dashboard.wording`.
"""

from __future__ import annotations

from typing import Final

from dashboard.languages import Language, mark

SERVICE_FACTS: Final[dict[str, str]] = {
    "lag_s": mark("lag, s"),
    "state": mark("state"),
    "scored": mark("readings scored"),
    "batches": mark("batches"),
    "streams": mark("streams"),
    "findings": mark("findings"),
    "standing": mark("standing"),
    "log_gaps": mark("gaps in the log"),
    "strangers": mark("unknown streams"),
    "city_stalls": mark("stalls of the city"),
    "url": mark("address"),
    "feed": mark("live feed"),
    "sockets": mark("open pages"),
    "broker": mark("broker"),
    "refused": mark("refused"),
    "waiting": mark("waiting"),
    "messages": mark("messages"),
    "committed": mark("readings stored"),
    "duplicates": mark("duplicates"),
    "overflowed": mark("overflowed"),
    "ingestor": mark("name"),
    "pending": mark("not done yet"),
    "most_waiting": mark("waiting at most"),
    "broker_losses": mark("broker lost, times"),
    "database_losses": mark("database lost, times"),
    "beyond_rate": mark("beyond the rate"),
    "fast_devices": mark("devices too fast"),
    "unfit": mark("doubtful readings"),
    "groups": mark("groups of sensors"),
    "configuration": mark("version of the detectors"),
    "configuration_next": mark("version to come"),
    "done": mark("runs done"),
    "shadow": mark("shadow"),
    "shards": mark("parts of the city"),
}
"""What services say of themselves in their heartbeats."""

SERVICE_STATES: Final[dict[str, str]] = {
    "connected": mark("connected"),
    "away": mark("away"),
    "waiting": mark("waiting"),
    "warming": mark("warming up"),
    "scoring": mark("scoring"),
    "refreshing": mark("summing up"),
    "expiring": mark("letting old readings go"),
    "resting": mark("resting"),
    "waiting for the database": mark("waiting for the database"),
    "waiting for another to end": mark("waiting for another to end"),
}
"""States in their heartbeats; another word is shown as it is."""

AUDIT_ACTIONS: Final[dict[str, str]] = {
    "sign_in": mark("signed in"),
    "sign_in.failed": mark("failed to sign in"),
    "sign_in.last_try": mark("one try to sign in left"),
    "sign_in.refused": mark("refused: too many tries to sign in"),
    "sign_out": mark("signed out"),
    "session.end_others": mark("signed out everywhere else"),
    "password.change": mark("changed a password"),
    "password.failed": mark("gave a wrong password"),
    "person.add": mark("added a person"),
    "person.role": mark("changed a role"),
    "person.disable": mark("disabled a person"),
    "person.enable": mark("enabled a person"),
    "person.reset": mark("made a new password"),
    "key.add": mark("made an API key"),
    "key.revoke": mark("revoked an API key"),
    "device.add": mark("registered a device"),
    "device.adopt": mark("adopted a device"),
    "device.rotate": mark("changed a device's password"),
    "device.revoke": mark("shut out a device"),
    "gateway.add": mark("added a gateway"),
    "gateway.revoke": mark("shut out a gateway"),
    "quarantine.replay": mark("replayed messages"),
    "quarantine.drop": mark("dropped messages"),
    "backtest.request": mark("asked for backtests"),
    "backtest.cancel": mark("stopped a backtest"),
    "shadow.start": mark("started a shadow"),
    "shadow.stop": mark("stopped a shadow"),
    "detection.activate": mark("put detectors in force"),
    "detection.apply": mark("changed the detectors"),
    "detection.offer": mark("offered detectors"),
    "label.add": mark("drew a label"),
    "label.import": mark("imported labels"),
    "label.delete": mark("deleted a label"),
}
"""What the audit log says of who did it, by the entry's action."""

AUDIT_FACTS: Final[dict[str, str]] = {
    "address": mark("address"),
    "attempts": mark("tries"),
    "role": mark("role"),
    "first": mark("the first"),
    "sessions": mark("sessions"),
    "sessions_ended": mark("sessions ended"),
    "reason": mark("reason"),
    "based_on": mark("made from"),
    "instead_of": mark("instead of"),
    "version": mark("version"),
    "label": mark("for"),
    "scopes": mark("scopes"),
    "topics": mark("topics"),
    "runs": mark("runs"),
    "domain": mark("domain"),
    "metrics": mark("measurements"),
    "messages": mark("messages"),
    "kind": mark("kind"),
    "devices": mark("devices"),
    "meaning": mark("meaning"),
    "start": mark("from"),
    "end": mark("until"),
    "author": mark("author"),
    "added": mark("added"),
    "known": mark("known"),
}
"""Names of what stands in an entry's detail; another is shown as it is."""

AUDIT_NAMES: Final[dict[str, str]] = {"command line": mark("command line"), "session": mark("session")}
"""Actors and objects that are no names of people or things."""


def audit_words(language: Language) -> dict[str, dict[str, str]]:
    """The words of the audit log, for the page's script."""
    tables = {"actions": AUDIT_ACTIONS, "facts": AUDIT_FACTS, "names": AUDIT_NAMES}
    return {
        name: {key: language.t(message) for key, message in table.items()} for name, table in tables.items()
    }
