"""paho's client, with a road of its own for what comes ten thousand times a second.

paho reads a packet in three system calls and more, and calls for each of its messages
through several objects: 35 µs a message, more than all that ingest does with it. Here what
the socket has is read at once, and plain PUBLISH packets in it (MQTT 5, QoS 0 or 1, without
properties) become messages directly. Everything else goes to paho's own handlers, packet by
packet and in order: connecting, subscribing, pings, and messages with properties.

This overrides `Client.loop_read`, and uses parts of paho that are not public: the version
is held to 2.2 in ``pyproject.toml``, and tests run it against a real broker.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
from paho.mqtt.client import Client
from paho.mqtt.enums import MQTTErrorCode
from paho.mqtt.exception import MalformedPacket
from paho.mqtt.packettypes import PacketTypes
from typing_extensions import override

from ingest.message import Message

_CHUNK = 256 * 1024
_PLAIN = {0x30: 0, 0x31: 0, 0x38: 0, 0x39: 0, 0x32: 1, 0x33: 1, 0x3A: 1, 0x3B: 1}
"""First byte of a PUBLISH of QoS 0 or 1, with and without RETAIN and DUP → its QoS."""
_LONGEST = 268_435_455
"""Bytes a packet can have (MQTT 5.0 §1.5.5)."""
_NO_MQTT = MQTTErrorCode.MQTT_ERR_PROTOCOL
_MOST_TOPICS = 100_000
_PUBACK = PacketTypes.PUBACK << 4
_BROKEN_TOPIC = "(a topic that is not UTF-8)"


class Receiver(Client):
    """A client whose messages come in lists, and are acknowledged in lists.

    ``deliver`` is called in the network thread. ``session`` is written into every message.
    """

    def __init__(self, deliver: Callable[[list[Message]], None], *args: Any, **options: Any) -> None:
        super().__init__(*args, manual_ack=True, **options)
        self.session = 0
        self._deliver = deliver
        self._source: object = None
        self._rest = b""
        self._topics: dict[bytes, str] = {}

    @override
    def loop_read(self, max_packets: int = 1) -> MQTTErrorCode:
        """Take what the socket has, and handle every packet that is whole."""
        source = self._sock
        if source is None:
            return MQTTErrorCode.MQTT_ERR_NO_CONN
        if source is not self._source:  # half a packet of a former connection is worth nothing
            self._source, self._rest = source, b""
        try:
            data = self._sock_recv(_CHUNK)
        except BlockingIOError:
            return MQTTErrorCode.MQTT_ERR_SUCCESS
        except OSError:
            data = b""
        if not data:
            return self._loop_rc_handle(MQTTErrorCode.MQTT_ERR_CONN_LOST)
        with self._msgtime_mutex:
            self._last_bytes_received = time.monotonic()
        code = self._take(self._rest + data if self._rest else data)
        return self._loop_rc_handle(code) if code else code

    def acknowledge(self, mids: Sequence[int]) -> None:
        """Queue a PUBACK for each packet id, as one write."""
        packets = np.empty((len(mids), 4), np.uint8)
        packets[:, 0], packets[:, 1] = _PUBACK, 2
        packets[:, 2:] = np.asarray(mids, ">u2").view(np.uint8).reshape(-1, 2)
        self._packet_queue(_PUBACK, packets.tobytes(), 0, 0)

    def _take(self, data: bytes) -> MQTTErrorCode:
        """Handle whole packets and keep the rest."""
        at, end, now, session = 0, len(data), time.time_ns() // 1_000, self.session
        found: list[Message] = []
        topics, plain = self._topics, _PLAIN
        while end - at >= 2:
            first, length, body = data[at], data[at + 1], at + 2
            if length > 127:
                length, body = _length(data, at + 1)
                if length > _LONGEST:
                    return _NO_MQTT  # what came before was not acknowledged, and comes again
            stop = body + length
            if stop > end:
                break
            qos = plain.get(first)
            if qos is not None and length > 4:
                start = body + 2 + (data[body] << 8 | data[body + 1])
                payload = start + 2 * qos
                if payload < stop and not data[payload]:
                    name = data[body + 2 : start]
                    mid = data[start] << 8 | data[start + 1] if qos else 0
                    topic = topics.get(name) or self._topic(name)
                    found.append(Message(topic, data[payload + 1 : stop], now, qos, mid, session))
                    at = stop
                    continue
            code = self._hand_over(found, first, data[body:stop])
            found = []
            if code:
                return code
            at = stop
        self._rest = data[at:]
        if found:
            self._deliver(found)
        return MQTTErrorCode.MQTT_ERR_SUCCESS

    def _topic(self, name: bytes) -> str:
        if len(self._topics) >= _MOST_TOPICS:
            self._topics.clear()
        try:
            topic = name.decode()
        except UnicodeDecodeError:
            topic = _BROKEN_TOPIC
        self._topics[name] = topic
        return topic

    def _hand_over(self, before: list[Message], first: int, body: bytes) -> MQTTErrorCode:
        """Deliver what came before a packet, and let paho handle it as if it had read it itself."""
        if before:
            self._deliver(before)
        self._in_packet["command"] = first
        self._in_packet["packet"] = bytearray(body)
        self._in_packet["remaining_length"] = len(body)
        self._in_packet["pos"] = 0
        try:
            return self._packet_handle()
        except MalformedPacket:
            return _NO_MQTT
        finally:
            self._in_packet["command"] = 0
            self._in_packet["packet"] = bytearray()


def _length(data: bytes, at: int) -> tuple[int, int]:
    """A variable byte integer and where what follows it begins: past all where more bytes must come.

    MQTT 5.0 §1.5.5. A fifth byte is an error: then the length is one that no packet has.
    """
    value = 0
    for place in range(4):
        if at + place >= len(data):
            return 0, len(data) + 1
        digit = data[at + place]
        value |= (digit & 127) << (7 * place)
        if digit < 128:
            return value, at + place + 1
    return _LONGEST + 1, at + 4
