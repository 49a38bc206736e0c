"""The receiver against paho's own reading: the same messages, wherever the stream is cut."""

from __future__ import annotations

import random
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from ingest.message import Message
from ingest.receiver import Receiver

RESPONSE_TOPIC = b"\x08\x00\x05reply"
V5 = {"protocol": MQTTProtocolVersion.MQTTv5}


def varint(n: int) -> bytes:
    out = bytearray()
    while True:
        n, digit = divmod(n, 128)
        out.append(digit | (0x80 if n else 0))
        if not n:
            return bytes(out)


def publish(
    topic: bytes, payload: bytes, mid: int = 0, *, first: int = 0x32, properties: bytes = b""
) -> bytes:
    ident = struct.pack("!H", mid) if first & 6 else b""
    rest = struct.pack("!H", len(topic)) + topic + ident + varint(len(properties)) + properties + payload
    return bytes([first]) + varint(len(rest)) + rest


PACKETS = [
    publish(b"city/traffic/a/telemetry", b'{"speed_kmh":1}', 1),
    publish(b"city/traffic/b/telemetry", b"", 513),
    publish(b"city/traffic/b/telemetry", b"x" * 100_000, 65_535, first=0x3B),
    publish(b"q0", b"none", first=0x30),
    publish(b"city/traffic/a/status", b"online", 7, first=0x33),
    publish(b"asks", b"told", 8, properties=RESPONSE_TOPIC),
    b"\xd0\x00",  # PINGRESP
    publish(b"city/traffic/a/telemetry", b"after", 9),
    publish(b"\xff\xfe", b"broken topic", 10),
    publish(b"t", b"y" * 130, 11),
]
WANTED = [
    ("city/traffic/a/telemetry", b'{"speed_kmh":1}', 1, 1),
    ("city/traffic/b/telemetry", b"", 1, 513),
    ("city/traffic/b/telemetry", b"x" * 100_000, 1, 65_535),
    ("q0", b"none", 0, 0),
    ("city/traffic/a/status", b"online", 1, 7),
    ("asks", b"told", 1, 8),
    ("city/traffic/a/telemetry", b"after", 1, 9),
    ("(a topic that is not UTF-8)", b"broken topic", 1, 10),
    ("t", b"y" * 130, 1, 11),
]  # fmt: skip


@contextmanager
def receiver(found: list[tuple[str, bytes, int, int]]) -> Iterator[tuple[Receiver, socket.socket]]:
    """A receiver on one end of a pair of sockets, and the other end."""

    def take(messages: list[Message]) -> None:
        found.extend((m.topic, m.payload, m.qos, m.mid) for m in messages)

    near, far = socket.socketpair()
    near.setblocking(False)
    client = Receiver(take, CallbackAPIVersion.VERSION2, **V5)
    client.on_message = lambda _client, _data, m: found.append((m.topic, bytes(m.payload), m.qos, m.mid))
    client._sock = near
    try:
        yield client, far
    finally:
        client._sock = None
        near.close()
        far.close()


@pytest.mark.parametrize("seed", range(8))
def test_messages_are_whole_and_in_order_wherever_the_stream_is_cut(seed: int):
    stream, rng = b"".join(PACKETS), random.Random(seed)
    found: list[tuple[str, bytes, int, int]] = []
    with receiver(found) as (client, far):
        at = 0
        while at < len(stream):
            n = rng.choice((1, 2, 3, 7, 50, 20_000, 60_000))
            far.sendall(stream[at : at + n])
            at += n
            assert client.loop_read() == 0
        assert client.loop_read() == 0
    assert found == WANTED


def test_paho_reads_the_same_from_the_same_bytes():
    found: list[tuple[bytes, int, int]] = []
    near, far = socket.socketpair()
    near.setblocking(False)
    client = Client(CallbackAPIVersion.VERSION2, manual_ack=True, **V5)
    client.on_message = lambda _client, _data, m: found.append((bytes(m.payload), m.qos, m.mid))
    client._sock = near
    for packet in PACKETS:
        far.sendall(packet)
        while len(found) < len(WANTED) and client.loop_read() == 0:
            try:
                near.recv(1, socket.MSG_PEEK)
            except BlockingIOError:
                break
    client._sock = None
    near.close()
    far.close()
    assert found == [row[1:] for row in WANTED]


def test_acknowledgements_go_out_together():
    with receiver([]) as (client, far):
        client.acknowledge([1, 513, 65_535])
        client.loop_write()
        assert far.recv(100) == b"\x40\x02\x00\x01\x40\x02\x02\x01\x40\x02\xff\xff"


@pytest.mark.parametrize(
    "packet",
    [b"\x32\xff\xff\xff\xff\x01", b"\x32\x03\x00\x50a", b"\xf3\x00", b"\x32\x05\x00\x01a\x00\x01"],
    ids=["length of five bytes", "topic past the end", "no such packet", "no properties"],
)
def test_what_is_no_mqtt_ends_the_connection_and_delivers_nothing(packet: bytes):
    found: list[tuple[str, bytes, int, int]] = []
    with receiver(found) as (client, far):
        far.sendall(packet + b"\x00" * 8)
        client.loop_read()
        gone = client._sock is None
        client._sock = None
    assert found == []
    assert gone


def test_half_a_packet_of_a_former_connection_is_forgotten():
    found: list[tuple[str, bytes, int, int]] = []
    with receiver(found) as (client, far):
        far.sendall(PACKETS[0][:10])
        client.loop_read()
        near, other = socket.socketpair()
        near.setblocking(False)
        former, client._sock = client._sock, near
        other.sendall(PACKETS[1])
        client.loop_read()
        client._sock = former
        near.close()
        other.close()
    assert found == WANTED[1:2]
