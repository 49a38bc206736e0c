"""Accounts at a running mosquitto, through its dynamic-security plugin: changes take effect at once."""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Sequence
from types import TracebackType
from typing import Any, Self

import msgspec
from paho.mqtt.client import Client, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.reasoncodes import ReasonCode

from launch.engines.accounts import acls
from telemetry.access import Grants
from telemetry.addresses import BrokerAddress
from telemetry.errors import EngineError
from telemetry.settings import Tls

TOPIC = "$CONTROL/dynamic-security/v1"
RESPONSE = f"{TOPIC}/response"
CHUNK = 25
"""Devices in one request: mosquitto 2.0 writes its whole file at each change, so a request takes a while."""
_PATIENCE_S = 60.0
_CURE = "MQTT_URL needs mosquitto 2 with its dynamic-security plugin, and a user with the role admin"

Command = dict[str, Any]


def grant_commands(device_id: str, password: str, grants: Grants) -> list[Command]:
    """Make an account, or make it anew: who is signed in with it is cut off.

    The account is held to the device's id as its client id, for a session at the broker
    belongs to whoever names it.
    """
    role = f"device:{device_id}"
    return [
        *revoke_commands(device_id),
        {"command": "createRole", "rolename": role, "acls": acls(grants)},
        {
            "command": "createClient",
            "username": device_id,
            "password": password,
            "clientid": device_id,
            "roles": [{"rolename": role}],
        },
    ]


def revoke_commands(device_id: str) -> list[Command]:
    """Remove an account with its rights, and cut off who is signed in with it."""
    return [
        {"command": "deleteClient", "username": device_id},
        {"command": "deleteRole", "rolename": f"device:{device_id}"},
    ]


class Control:
    """A connection to the plugin, for one request after another. Use it as a context."""

    def __init__(self, url: str, tls: Tls) -> None:
        self._address = BrokerAddress.parse(url)
        self._answers: queue.Queue[bytes] = queue.Queue()
        self._ready = threading.Event()
        self._refusal = ""
        client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
        if self._address.username:
            client.username_pw_set(self._address.username, self._address.password)
        if self._address.tls:
            client.tls_set(tls.ca or None, tls.client_certificate or None, tls.client_key or None)  # pyright: ignore[reportUnknownMemberType]
        client.on_connect = self._connected
        client.on_subscribe = self._subscribed
        client.on_publish = self._published
        client.on_message = self._received
        self._client = client

    def __enter__(self) -> Self:
        where = f"{self._address.host}:{self._address.port}"
        try:
            self._client.connect(self._address.host, self._address.port)
        except OSError as error:
            raise EngineError(f"the broker at {where} does not answer: {error}", cure="start it") from error
        self._client.loop_start()
        answered = self._ready.wait(10.0)
        if self._refusal or not answered:
            self.__exit__(None, None, None)
            raise EngineError(
                f"the broker at {where} makes no accounts for us: {self._refusal or 'no answer'}", cure=_CURE
            )
        return self

    def __exit__(
        self, _kind: type[BaseException] | None, _error: BaseException | None, _trace: TracebackType | None
    ) -> None:
        self._client.disconnect()
        self._client.loop_stop()

    def run(self, commands: Sequence[Command]) -> None:
        """Run commands in order; removing what is not there is no error.

        Raises
        ------
        EngineError
            Where the plugin refuses one, or there is none.
        """
        self._client.publish(TOPIC, msgspec.json.encode({"commands": list(commands)}), 1)
        try:
            answer = self._answers.get(timeout=_PATIENCE_S)
        except queue.Empty:
            raise EngineError("the broker did not answer about its accounts", cure=_CURE) from None
        if not answer:
            raise EngineError(f"the broker makes no accounts for us: {self._refusal}", cure=_CURE)
        for response in msgspec.json.decode(answer)["responses"]:
            command, error = response.get("command", ""), response.get("error")
            if error and not (command.startswith("delete") and "not found" in error.lower()):
                raise EngineError(f"the broker refused {command}: {error}", cure="see the broker's log")

    def run_all(self, groups: Sequence[Sequence[Command]], told: Callable[[int], None]) -> None:
        """Run the commands of many devices in requests of a bearable size; ``told(n)`` after each."""
        for start in range(0, len(groups), CHUNK):
            part = groups[start : start + CHUNK]
            self.run([command for group in part for command in group])
            told(len(part))

    def _connected(
        self, client: Client, _data: object, _flags: object, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self._refuse(str(reason))
        else:
            client.subscribe(RESPONSE, 1)

    def _subscribed(
        self, _client: Client, _data: object, _mid: int, reasons: list[ReasonCode], _properties: object
    ) -> None:
        if any(reason.is_failure for reason in reasons):
            self._refuse("its user may not change them")
        self._ready.set()

    def _published(
        self, _client: Client, _data: object, _mid: int, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            self._refuse(str(reason))
            self._answers.put(b"")

    def _refuse(self, why: str) -> None:
        self._refusal = why
        self._ready.set()

    def _received(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        if message.topic == RESPONSE:
            self._answers.put(bytes(message.payload))
