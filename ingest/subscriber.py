"""The MQTT side: a persistent session whose messages are acknowledged by hand."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterable, Sequence

from paho.mqtt.client import Client, ConnectFlags, DisconnectFlags, MQTTMessage
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion
from paho.mqtt.packettypes import PacketTypes
from paho.mqtt.properties import Properties
from paho.mqtt.reasoncodes import ReasonCode
from paho.mqtt.subscribeoptions import SubscribeOptions

from ingest.inbox import Inbox
from ingest.message import Message, Reply
from ingest.receiver import Receiver
from telemetry.addresses import BrokerAddress
from telemetry.settings import Tls
from telemetry.topics import SUBSCRIPTIONS, may_answer

logger = logging.getLogger(__name__)

_SESSION_EXPIRY_S = 7 * 86_400
"""How long the broker keeps our queue while we are away."""

_LONGEST_CORRELATION = 64
"""Bytes; a device that needs more to know its message by gets no answer."""

_RETAIN_IF_NEW = 1
"""Retained status messages come once, not again at every reconnect."""


class Subscriber:
    """Feeds an inbox from the broker and acknowledges what the writer committed.

    paho reconnects by itself, with backoff from 1 to 5 s, and after twice ``keepalive_s`` of
    silence. Every connection is a new *session number*: an acknowledgement is sent only in the
    session its message came in, for a packet id means another message in the next one.
    """

    def __init__(
        self,
        mqtt_url: str,
        client_id: str,
        inbox: Inbox,
        in_flight: int,
        subscriptions: Sequence[str] = SUBSCRIPTIONS,
        tls: Tls | None = None,
        *,
        keepalive_s: int = 10,
        share: str = "",
    ) -> None:
        address = BrokerAddress.parse(mqtt_url)
        self._host, self._port = address.host, address.port
        self._inbox = inbox
        self._subscriptions = [f"$share/{share}/{topic}" if share else topic for topic in subscriptions]
        self._options = SubscribeOptions(qos=1, retainHandling=_RETAIN_IF_NEW)
        self._keepalive_s = keepalive_s
        self._in_flight = min(in_flight, 65_535)
        self._session = 0
        self.reconnects = 0
        """Connections lost since the start."""
        self._acking = threading.Lock()
        self.connected = threading.Event()
        client = Receiver(
            inbox.put_all,
            CallbackAPIVersion.VERSION2,
            client_id=client_id,
            protocol=MQTTProtocolVersion.MQTTv5,
        )
        if address.username:
            client.username_pw_set(address.username, address.password)
        if address.tls:
            trust = tls or Tls()
            client.tls_set(trust.ca or None, trust.client_certificate or None, trust.client_key or None)  # pyright: ignore[reportUnknownMemberType]
        client.reconnect_delay_set(min_delay=1, max_delay=5)
        client.on_connect = self._on_connect
        client.on_disconnect = self._on_disconnect
        client.on_message = self._on_message
        self._client = client

    def start(self) -> None:
        """Connect in the background; the broker may still be away."""
        properties = Properties(PacketTypes.CONNECT)
        properties.SessionExpiryInterval = _SESSION_EXPIRY_S
        properties.ReceiveMaximum = self._in_flight
        self._client.connect_async(
            self._host, self._port, keepalive=self._keepalive_s, clean_start=False, properties=properties
        )
        self._client.loop_start()

    def stop(self) -> None:
        """Leave; the session stays with the broker, and so does what was not acknowledged."""
        self._client.disconnect()
        self._client.loop_stop()

    def acknowledge(self, messages: Iterable[Message]) -> None:
        """Tell the broker that these are committed, and the devices that asked to be told."""
        with self._acking:
            mids = [m.mid for m in messages if m.qos and m.session == self._session]
            if mids:
                self._client.acknowledge(mids)
            if self.connected.is_set():
                for message in messages:
                    if message.reply is not None:
                        self._answer(message.reply)

    def publish(self, topic: str, payload: bytes) -> None:
        """Send a message to a device, once and without waiting (QoS 0); not while the broker is away."""
        if self.connected.is_set():
            self._client.publish(topic, payload)

    def _answer(self, reply: Reply) -> None:
        properties = Properties(PacketTypes.PUBLISH)
        properties.CorrelationData = reply.correlation
        # QoS 0: an answer that is lost makes the device send again, and that is answered again.
        self._client.publish(reply.topic, b"", properties=properties)

    def _on_connect(
        self, client: Client, _data: object, flags: ConnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        if reason.is_failure:
            logger.warning("the broker refused the connection: %s", reason)
            return
        client.subscribe([(topic, self._options) for topic in self._subscriptions])
        logger.info("connected to the broker; session %s", "resumed" if flags.session_present else "new")
        self.connected.set()

    def _on_disconnect(
        self, _client: Client, _data: object, _flags: DisconnectFlags, reason: ReasonCode, _properties: object
    ) -> None:
        with self._acking:
            self._session += 1
            self._client.session = self._session
        self.reconnects += self.connected.is_set()
        self.connected.clear()
        self._inbox.orphan()
        logger.warning("disconnected from the broker: %s", reason)

    def _on_message(self, _client: Client, _data: object, message: MQTTMessage) -> None:
        # Only messages with properties come this way; see `Receiver`.
        received_at = time.time_ns() // 1_000
        try:
            topic = message.topic
        except UnicodeDecodeError:
            topic = "(a topic that is not UTF-8)"
        payload, reply = bytes(message.payload), _reply(topic, message.properties)
        self._inbox.put(Message(topic, payload, received_at, message.qos, message.mid, self._session, reply))


def _reply(topic: str, properties: Properties | None) -> Reply | None:
    """The answer a message asks for, if it may have it."""
    asked = getattr(properties, "ResponseTopic", None)
    if asked is None or not may_answer(topic, asked):
        return None
    correlation = bytes(getattr(properties, "CorrelationData", b""))
    return Reply(asked, correlation) if len(correlation) <= _LONGEST_CORRELATION else None
