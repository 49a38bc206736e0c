"""The platform's own accounts at a broker of ours: their passwords, and mosquitto's file of accounts.

mosquitto's dynamic-security plugin keeps accounts and rights in a JSON file that it reads
when it starts and rewrites at every change. Before each start, the platform's accounts in
it are brought up to date; those of devices are left as they are.
"""

from __future__ import annotations

import base64
import hashlib
import os
import secrets
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path
from typing import Any

import msgspec

from telemetry.access import SERVICE_PREFIX, Grants, ingest_grants, simulator_grants
from telemetry.errors import EngineError
from telemetry.formats import Formats
from telemetry.settings import Settings

FOLDER = "mqtt"
"""Where in the data folder the passwords are, a file each, readable by its owner alone."""

_ITERATIONS = 101
"""What mosquitto 2.0 itself takes; the passwords are random, so guessing gains nothing."""
_NOTHING = {
    "publishClientSend": False,
    "publishClientReceive": False,
    "subscribe": False,
    "unsubscribe": True,
}


ACCOUNTS_FILE = "dynamic-security.json"


class Account(StrEnum):
    """Who of the platform signs in at the broker."""

    ADMIN = "admin"
    """Makes and removes accounts; may do everything."""
    INGEST = "ingest"
    SIMULATOR = "simulator"
    """A gateway: one account for a few connections that speak for hundreds of simulated devices."""

    @property
    def username(self) -> str:
        """Its name at the broker."""
        return f"{SERVICE_PREFIX}{self}"


def account_passwords(folder: Path) -> dict[Account, str]:
    """The accounts' passwords from the data folder, made where they are not there yet."""
    place = folder / FOLDER
    place.mkdir(mode=0o700, parents=True, exist_ok=True)
    return {account: _password(place / account) for account in Account}


def has_accounts(folder: Path) -> bool:
    """Whether a broker of ours has run on the data folder."""
    return (folder / FOLDER / Account.ADMIN).exists()


def account_password(folder: Path, account: Account) -> str:
    """One password; `EngineError` where the data folder has none."""
    try:
        return (folder / FOLDER / account).read_text(encoding="ascii").strip()
    except OSError as error:
        raise EngineError(
            f"the password of {account.username} cannot be read: {error.strerror}",
            cure="run it as the user who runs CityOps, with its --data-dir",
        ) from error


def _password(path: Path) -> str:
    if not path.exists():
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as handle:
            handle.write(secrets.token_urlsafe(24) + "\n")
    return path.read_text(encoding="ascii").strip()


def service_grants(settings: Settings) -> dict[Account, Grants]:
    """What the accounts beside the administrator's may do, with the formats as they are set."""
    subscriptions = Formats(settings.ingest.formats).subscriptions
    return {Account.INGEST: ingest_grants(subscriptions), Account.SIMULATOR: simulator_grants()}


def acls(grants: Grants) -> list[dict[str, Any]]:
    """Rights in the plugin's words."""
    kinds = {
        "publishClientSend": grants.publish,
        # What a shared subscription delivers has the topic it was published on.
        "publishClientReceive": tuple(t for t in grants.receive if not t.startswith("$share/")),
        "subscribePattern": grants.receive,
    }
    return [
        {"acltype": kind, "topic": topic, "priority": 0, "allow": True}
        for kind, topics in kinds.items()
        for topic in dict.fromkeys(topics)
    ]


_ADMIN_GRANTS = Grants(("#", "$CONTROL/#"), ("#", "$CONTROL/#", "$SYS/#", "$share/#"))


def settle_accounts(before: bytes | None, passwords: Mapping[Account, str], settings: Settings) -> bytes:
    """The plugin's file with the platform's accounts as they should be; ``before`` is what is there.

    Raises
    ------
    EngineError
        Where what is there cannot be read: the devices' accounts are in it, so it is not thrown away.
    """
    try:
        document: dict[str, Any] = msgspec.json.decode(before, type=dict[str, Any]) if before else {}
    except msgspec.DecodeError as error:
        raise EngineError(
            f"the broker's file of accounts is damaged: {error}",
            cure="put back a copy of broker/dynamic-security.json, or remove it and rotate every device",
        ) from error
    ours = {account.username for account in Account}
    rights = {Account.ADMIN: _ADMIN_GRANTS, **service_grants(settings)}
    clients = [c for c in document.get("clients", []) if c.get("username") not in ours]
    roles = [r for r in document.get("roles", []) if r.get("rolename") not in ours]
    for account in Account:
        name = account.username
        clients.append({"username": name, "roles": [{"rolename": name}], **_hashed(passwords[account])})
        roles.append({"rolename": name, "acls": acls(rights[account])})
    settled = {**document, "defaultACLAccess": _NOTHING, "clients": clients, "roles": roles}
    return msgspec.json.encode(settled)


def _hashed(password: str) -> dict[str, Any]:
    salt = secrets.token_bytes(12)
    hashed = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, _ITERATIONS)
    return {
        "password": base64.b64encode(hashed).decode(),
        "salt": base64.b64encode(salt).decode(),
        "iterations": _ITERATIONS,
    }
