"""Giving devices their accounts: registry, audit log and broker change together, or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec
import psycopg

from launch.dynsec import Control, grant_commands, revoke_commands
from store import audit, device_access, inbox, replays
from store.devices import get_device, upsert_devices
from telemetry.access import GATEWAY_PREFIX, Grants, check_account_name, device_grants, gateway_grants
from telemetry.addresses import without_user
from telemetry.devices import DEVICE_ID, Device
from telemetry.errors import CityOpsError, ConfigError, ConflictError, EngineError, NotFoundError
from telemetry.formats import Formats
from telemetry.settings import Settings

ACTOR = "command line"


@dataclass(frozen=True, slots=True)
class Credentials:
    """What a device is set up with. The client id is fixed: the broker takes no other."""

    device_id: str
    username: str
    client_id: str
    password: str = field(repr=False)
    broker: str
    publish: tuple[str, ...]
    receive: tuple[str, ...]


def _nothing(_count: int) -> None:
    pass


@dataclass(frozen=True, slots=True)
class Provisioner:
    """Both ends of an account: the registry and the broker."""

    conn: psycopg.Connection
    settings: Settings
    mqtt_url: str
    actor: str = ACTOR

    def add(self, devices: Sequence[Device], told: Callable[[int], None] = _nothing) -> list[Credentials]:
        """Register devices and give those an account that have none; what waits of them is replayed.

        Raises
        ------
        ConfigError
            Where a device may not be called so.
        EngineError
            Where the broker makes no accounts; nothing is changed then.
        """
        for device in devices:
            check_account_name(device.device_id, self.settings.ingestor)
        with self.conn.transaction():
            upsert_devices(self.conn, devices)
            if waiting := inbox.waiting_ids(self.conn, *(device.device_id for device in devices)):
                replays.request_replay(self.conn, self.actor, waiting)
            active = {a.device_id for a in device_access.list_access(self.conn) if a.is_active}
            fresh = [device for device in devices if device.device_id not in active]
            device_access.grant(self.conn, [device.device_id for device in fresh])
            for device in fresh:
                audit.record(self.conn, self.actor, "device.add", device.device_id)
            made = [self._credentials(device) for device in fresh]
            self._apply(fresh, made, told)
        return made

    def rotate(self, device_id: str) -> Credentials:
        """Give a device a new password and its rights as they are now, and cut off who holds the old one."""
        with self.conn.transaction():
            device = get_device(self.conn, device_id)
            check_account_name(device_id, self.settings.ingestor)
            if not device_access.rotate(self.conn, device_id):
                device_access.grant(self.conn, [device_id])
            audit.record(self.conn, self.actor, "device.rotate", device_id)
            made = self._credentials(device)
            with Control(self.mqtt_url, self.settings.tls) as control:
                control.run(self._commands(device, made))
        return made

    def revoke(self, device_id: str) -> None:
        """Take a device's account away and cut it off. Its readings stay.

        Raises
        ------
        ConflictError
            Where it has none.
        """
        with self.conn.transaction():
            get_device(self.conn, device_id)
            if not device_access.revoke(self.conn, device_id):
                raise ConflictError(f"{device_id!r} has no account")
            audit.record(self.conn, self.actor, "device.revoke", device_id)
            with Control(self.mqtt_url, self.settings.tls) as control:
                control.run(revoke_commands(device_id))

    def add_gateway(self, name: str, topics: Sequence[str]) -> Credentials:
        """Make the account of a gateway, or make it anew, with these topics and a new password.

        Raises
        ------
        ConfigError
            Where the name or a topic cannot be one.
        EngineError
            Where the broker makes no accounts.
        """
        username = _gateway(name)
        grants = gateway_grants(topics, Formats(self.settings.ingest.formats).subscriptions)
        made = self._made(username, grants)
        with self.conn.transaction():
            audit.record(self.conn, self.actor, "gateway.add", username, {"topics": list(grants.publish)})
            with Control(self.mqtt_url, self.settings.tls) as control:
                control.run(grant_commands(username, made.password, grants))
        return made

    def revoke_gateway(self, name: str) -> None:
        """Take a gateway's account away and cut it off; `NotFoundError` where there is none."""
        username = _gateway(name)
        with self.conn.transaction():
            audit.record(self.conn, self.actor, "gateway.revoke", username)
            with Control(self.mqtt_url, self.settings.tls) as control:
                try:
                    control.run([{"command": "getClient", "username": username}])
                except EngineError as error:
                    if "not found" not in str(error).lower():
                        raise
                    raise NotFoundError("gateway", name) from error
                control.run(revoke_commands(username))

    def _apply(
        self, devices: Sequence[Device], made: Sequence[Credentials], told: Callable[[int], None]
    ) -> None:
        if not devices:
            return
        groups = [self._commands(d, c) for d, c in zip(devices, made, strict=True)]
        with Control(self.mqtt_url, self.settings.tls) as control:
            try:
                control.run_all(groups, told)
            except BaseException:
                undo = [revoke_commands(device.device_id) for device in devices]
                with contextlib.suppress(CityOpsError):
                    control.run_all(undo, _nothing)
                raise

    def _credentials(self, device: Device) -> Credentials:
        return self._made(device.device_id, device_grants(device, self.settings.ingest.formats))

    def _made(self, name: str, grants: Grants) -> Credentials:
        from store.passwords import generate_password

        broker = without_user(self.mqtt_url)
        return Credentials(name, name, name, generate_password(), broker, grants.publish, grants.receive)

    def _commands(self, device: Device, made: Credentials) -> list[dict[str, object]]:
        grants = device_grants(device, self.settings.ingest.formats)
        return grant_commands(device.device_id, made.password, grants)


def _gateway(name: str) -> str:
    if DEVICE_ID.fullmatch(name) is None or DEVICE_ID.fullmatch(GATEWAY_PREFIX + name) is None:
        raise ConfigError(f"{name!r} is no name of a gateway", cure="use up to 48 of A–Z a–z 0–9 _ . -")
    return GATEWAY_PREFIX + name


def write_credentials(path: Path, made: Sequence[Credentials]) -> None:
    """Write credentials as JSON to a file that was reserved by `reserve`."""
    path.write_bytes(msgspec.json.format(msgspec.json.encode(list(made)), indent=2) + b"\n")


def reserve(path: Path) -> None:
    """Make the file, readable by its owner alone, before there is something to write.

    Raises
    ------
    ConfigError
        Where it is there already or cannot be made: passwords are shown once, so nothing may fail later.
    """
    try:
        os.close(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600))
    except OSError as error:
        raise ConfigError(
            f"{path}: {error.strerror}", cure="name a new file in a folder you may write to"
        ) from error
