"""A city of devices that publishes as fast as it is told, in a process that costs little.

All messages are encoded beforehand, as one matrix of bytes: a row a device. What changes
from one message to the next (the time and the packet id) is written into copies of many
rows at once. QoS 1: a message counts when the broker has acknowledged it.

    python benchmarks/_publisher.py PLAN.npz --host … --port … --n 100000 [--rate 20000]

Prints one line of JSON at the end.
"""

from __future__ import annotations

import argparse
import json
import socket
import struct
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

_TS_DIGITS = 13
_MOST_IDS = 60_000
_TICK_S = 0.01
_PUBACK_BYTES = 4
"""MQTT 3.1.1; the publishers are plain devices."""


@dataclass(frozen=True)
class Plan:
    """Packets of equal length, shape ``(n_devices, length)``, and where each one's packet id is.

    ``stamps`` has the columns where each row's times begin, shape ``(n_devices, n_times)``.
    """

    packets: NDArray[np.uint8]
    id_at: NDArray[np.int64]
    stamps: NDArray[np.int64]
    readings: int
    """Readings in each message."""

    def save(self, path: Path) -> None:
        np.savez(path, packets=self.packets, id_at=self.id_at, stamps=self.stamps, readings=self.readings)

    @classmethod
    def load(cls, path: Path) -> Plan:
        with np.load(path) as kept:
            return cls(kept["packets"], kept["id_at"], kept["stamps"], int(kept["readings"]))


def make_plan(topics: list[str], objects: list[list[str]], readings: int) -> Plan:
    """Packets that publish to each topic: an object, or an array where there are several.

    An object is the text of its fields, ``"speed_kmh":40.0,"flow_vph":300``; a ``ts`` comes last.
    """
    bodies = [_body(fields) for fields in objects]
    longest = max(len(topic) + len(body) for topic, body in zip(topics, bodies, strict=True))
    packets, id_at, stamps = [], [], []
    for topic, body in zip(topics, bodies, strict=True):
        name, payload = topic.encode(), body
        payload = b" " * (longest - len(name) - len(payload)) + payload
        rest = struct.pack("!H", len(name)) + name + b"\x00\x00" + payload
        packet = b"\x32" + _varint(len(rest)) + rest  # PUBLISH, QoS 1
        packets.append(np.frombuffer(packet, np.uint8))
        id_at.append(len(packet) - len(payload) - 2)
        stamps.append([i + 5 for i in _positions(packet, b'"ts":')])
    return Plan(np.vstack(packets), np.asarray(id_at), np.asarray(stamps), readings)


def _body(objects: list[str]) -> bytes:
    filled = [f'{{{fields},"ts":{"0" * _TS_DIGITS}}}' for fields in objects]
    return (filled[0] if len(filled) == 1 else f"[{','.join(filled)}]").encode()


def _positions(text: bytes, what: bytes) -> list[int]:
    found, at = [], text.find(what)
    while at >= 0:
        found.append(at)
        at = text.find(what, at + 1)
    return found


def _varint(n: int) -> bytes:
    out = bytearray()
    while True:
        n, digit = divmod(n, 128)
        out.append(digit | (0x80 if n else 0))
        if not n:
            return bytes(out)


class Publisher:
    """One connection that publishes for every device of a plan, in turn."""

    def __init__(self, plan: Plan, sock: socket.socket, window: int) -> None:
        self._plan = plan
        self._socket = sock
        self._window = min(window, _MOST_IDS - 1)
        self.sent = self._acked_bytes = self._last_ms = 0

    @property
    def acked(self) -> int:
        return self._acked_bytes // _PUBACK_BYTES

    def send(self, n: int) -> None:
        """Publish the next ``n`` messages, stamped with the time of now."""
        while n > 0:
            part = min(n, 500)
            room = self._window - (self.sent - self.acked) >= part
            if room:
                self._socket.sendall(self._encode(part))
                self.sent += part
                n -= part
            self._take_acks(wait=not room)

    def _encode(self, n: int) -> bytes:
        plan = self._plan
        numbers = self.sent + np.arange(n)
        rows = numbers % len(plan.packets)
        block = plan.packets[rows]
        each = np.arange(n)
        ids = numbers % _MOST_IDS + 1
        block[each, plan.id_at[rows]] = ids >> 8
        block[each, plan.id_at[rows] + 1] = ids & 255
        # Two readings of a device never have the same time.
        now_ms = self._last_ms = max(time.time_ns() // 1_000_000, self._last_ms + 1)
        n_times = plan.stamps.shape[1]
        for k in range(n_times):
            digits = np.frombuffer(b"%013d" % (now_ms - 1000 * (n_times - 1 - k)), np.uint8)
            columns = plan.stamps[rows, k][:, None] + np.arange(_TS_DIGITS)
            block[each[:, None], columns] = digits
        return block.tobytes()

    def _take_acks(self, *, wait: bool) -> None:
        self._socket.settimeout(30.0 if wait else 0.0)
        try:
            got = self._socket.recv(262_144)
            if not got:
                raise SystemExit("the broker closed the connection")
            self._acked_bytes += len(got)
        except BlockingIOError:
            pass
        finally:
            self._socket.settimeout(30.0)

    def drain(self) -> None:
        while self.acked < self.sent:
            self._take_acks(wait=True)


def connect(host: str, port: int, user: str, password: str) -> socket.socket:
    sock = socket.create_connection((host, port), 10)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    fields = [b"bench-publisher", *([user.encode(), password.encode()] if user else [])]
    flags = 0x02 | (0xC0 if user else 0)
    head = b"\x00\x04MQTT\x04" + bytes([flags]) + struct.pack("!H", 0)
    rest = head + b"".join(struct.pack("!H", len(field)) + field for field in fields)
    sock.sendall(b"\x10" + _varint(len(rest)) + rest)
    answer = sock.recv(4)
    if answer[:1] != b"\x20" or answer[3:] != b"\x00":
        raise SystemExit(f"the broker refused: {answer!r}")
    return sock


def main() -> None:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("plan", type=Path)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--user", default="")
    parser.add_argument("--password", default="")
    parser.add_argument("--n", type=int, required=True)
    parser.add_argument("--rate", type=float, default=0.0, help="messages a second; 0: as fast as it goes")
    parser.add_argument("--window", type=int, default=5_000, help="messages the broker has not acknowledged")
    told = parser.parse_args()
    sock = connect(told.host, told.port, told.user, told.password)
    publisher = Publisher(Plan.load(told.plan), sock, told.window)
    began = time.time()
    if told.rate:
        while publisher.sent < told.n:
            due = min(told.n, int((time.time() - began + _TICK_S) * told.rate))
            publisher.send(due - publisher.sent)
            time.sleep(max(0.0, began + publisher.sent / told.rate - time.time()))
    else:
        publisher.send(told.n)
    publisher.drain()
    json.dump({"began": began, "ended": time.time(), "sent": publisher.sent}, sys.stdout)


if __name__ == "__main__":
    main()
