"""The MQTT broker: one whose address was given, a private mosquitto, or rumqttd."""

from __future__ import annotations

import abc
import re
import subprocess
from dataclasses import replace
from importlib import metadata
from pathlib import Path
from urllib.parse import urlsplit

from typing_extensions import override

from launch.engines.engine import Engine
from launch.engines.place import Place
from launch.engines.server import Server, accepts_connections
from launch.engines.surroundings import Surroundings
from launch.engines.template import write_config
from launch.engines.tiers import EngineInfo
from launch.processes import Identity
from telemetry.errors import EngineError


class Broker(Engine):
    """An MQTT 5 broker; its address is ``mqtt://[user:password@]host:port``."""


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
        parts = urlsplit(self._url)
        if not parts.hostname or not accepts_connections(parts.port or 1883, parts.hostname):
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
        return f"mqtt://127.0.0.1:{self._port}"

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
        self, info: EngineInfo, place: Place, program: Path, around: Surroundings, port: int
    ) -> None:
        super().__init__(info, around, port)
        self._place = place
        self._program = program

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
        write_config("mosquitto/private.conf", config, self._place.user, port=self._port, folder=inner)
        return self._place.command(outer, [str(self._program), "-c", str(inner / "mosquitto.conf")])


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
        options = ["--port", str(self._port), "--folder", str(folder)]
        return [str(self._python), "-m", "launch.engines.wheel_broker", *options]
