"""The MQTT broker: one whose address was given, a private mosquitto, or rumqttd."""

from __future__ import annotations

import abc
import re
import subprocess
from dataclasses import replace
from functools import cached_property
from importlib import metadata
from pathlib import Path

import msgspec
from typing_extensions import override

from launch.engines.accounts import ACCOUNTS_FILE, Account, account_passwords, settle_accounts
from launch.engines.engine import Engine
from launch.engines.installed import MosquittoPrograms
from launch.engines.place import Place
from launch.engines.server import Server, accepts_connections
from launch.engines.surroundings import Surroundings
from launch.engines.template import write_config, write_private
from launch.engines.tiers import EngineInfo
from launch.engines.tls import listener_lines
from launch.processes import Identity
from telemetry.addresses import BrokerAddress, with_user, without_user
from telemetry.errors import EngineError


class Broker(Engine):
    """An MQTT 5 broker; its address is ``mqtt://[user:password@]host:port``."""

    @property
    def address(self) -> str:
        """Its address without user and password, fit to be shown and kept."""
        return without_user(self.url)

    def url_for(self, account: Account) -> str:
        """Its address for one of the platform's accounts; of a given broker, the one that was given."""
        del account
        return self.url


class GivenBroker(Broker):
    """A broker somebody else runs."""

    def __init__(self, url: str, info: EngineInfo) -> None:
        self.info = info
        self._url = url

    @property
    @override
    def url(self) -> str:
        return self._url

    @override
    def start(self) -> None:
        address = BrokerAddress.parse(self._url)
        if not accepts_connections(address.port, address.host):
            raise EngineError("the broker at MQTT_URL does not answer", cure="check MQTT_URL")

    @override
    def stop(self) -> None:
        """Not ours to stop."""


class PrivateBroker(Broker):
    """A broker process of ours, listening on loopback alone."""

    def __init__(self, info: EngineInfo, around: Surroundings, port: int) -> None:
        self.info = info
        self._around = around
        self._port = port
        self._server = Server(info.name, around.folder / "logs" / "broker.log", around.guard)

    @property
    @override
    def url(self) -> str:
        """The address of who may do everything there."""
        return self.url_for(Account.ADMIN)

    @property
    @override
    def address(self) -> str:
        return f"mqtt://127.0.0.1:{self._port}"

    @override
    def url_for(self, account: Account) -> str:
        return with_user(self.address, account.username, self.passwords[account])

    @cached_property
    def passwords(self) -> dict[Account, str]:
        """The platform's passwords at this broker, from its data folder."""
        return account_passwords(self._around.folder)

    @property
    @override
    def identity(self) -> Identity | None:
        return self._server.identity if self._server.is_alive else None

    @property
    @override
    def is_alive(self) -> bool:
        return self._server.is_alive

    @override
    def start(self) -> None:
        self._server.start(self._command(), lambda: accepts_connections(self._port), timeout_s=30.0)

    @override
    def stop(self) -> None:
        self._server.stop(grace_s=20.0)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._server.kill()

    @abc.abstractmethod
    def _command(self) -> list[str]:
        """Prepare the folder and give the command that starts the broker."""


class Mosquitto(PrivateBroker):
    """mosquitto, as installed or from the private root."""

    def __init__(
        self, info: EngineInfo, place: Place, programs: MosquittoPrograms, around: Surroundings, port: int
    ) -> None:
        super().__init__(info, around, port)
        self._place = place
        self._program = programs.broker
        self._plugin = programs.plugin

    @override
    def describe(self) -> EngineInfo:
        program = str(self._program)
        command = ["chroot", str(self._place.root), program] if self._place.root else [program]
        done = subprocess.run([*command, "-h"], capture_output=True, text=True, check=False)
        match = re.search(r"version (\S+)", done.stdout)
        return replace(self.info, version=f"mosquitto {match[1]}" if match else "mosquitto")

    @override
    def _command(self) -> list[str]:
        outer = self._place.settle(self._around.folder / "broker")
        if not outer.is_relative_to(self._around.folder):
            self.info = self.info.kept_in(outer)
        inner = self._place.inner(outer)
        config = outer / "mosquitto.conf"
        self._settle_accounts(outer)
        values = {"port": self._port, "folder": inner, "plugin": self._plugin}
        tls = listener_lines(self._around.settings, outer, inner, self._place.user)
        write_config("mosquitto/private.conf", config, self._place.user, tls=tls, **values)
        return self._place.command(outer, [str(self._program), "-c", str(inner / "mosquitto.conf")])

    def _settle_accounts(self, outer: Path) -> None:
        path = outer / ACCOUNTS_FILE
        before = path.read_bytes() if path.exists() else None
        settled = settle_accounts(before, self.passwords, self._around.settings)
        write_private(path, settled, self._place.user)


class WheelBroker(PrivateBroker):
    """rumqttd from the ``iotcore`` package, in a Python process of its own."""

    def __init__(self, info: EngineInfo, python: Path, around: Surroundings, port: int) -> None:
        super().__init__(info, around, port)
        self._python = python

    @override
    def describe(self) -> EngineInfo:
        return replace(self.info, version=f"rumqttd (iotcore {metadata.version('iotcore')})")

    @override
    def _command(self) -> list[str]:
        folder = self._around.folder / "broker"
        folder.mkdir(parents=True, exist_ok=True)
        accounts = {account.username: word for account, word in self.passwords.items()}
        write_private(folder / "accounts.json", msgspec.json.encode(accounts), None)
        options = ["--port", str(self._port), "--folder", str(folder)]
        return [str(self._python), "-m", "launch.engines.wheel_broker", *options]
