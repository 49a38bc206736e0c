"""The broker process of the last tier: rumqttd behind one port for MQTT 3.1.1 and 5.

rumqttd wants a port for each protocol version. Devices know one address, so this
process reads the version from a client's first packet and passes the bytes on to the
right one. Run as ``python -m launch.engines.wheel_broker --port P --folder F``.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import logging
import os
from pathlib import Path
from string import Template

from launch.engines.place import host_user
from launch.engines.template import write_private
from launch.ports import free_port

IN_FLIGHT = 100
"""Unacknowledged messages a subscriber is sent at most: fixed in rumqttd, which does not
look at Receive Maximum. Tried with iotcore 0.4.0."""
MAX_HEAD = 32
"""Bytes within which a CONNECT packet must have said its protocol version."""
HEAD_TIMEOUT_S = 10.0
CHUNK_BYTES = 256 * 1024

_CONNECT = 0x10
_MQTT_5 = 5

_CONFIG = Template("""\
id = 0
[router]
id = 0
max_connections = 10000
max_outgoing_packet_count = 20000
max_segment_size = 104857600
max_segment_count = 10
[v4.1]
name = "v4"
listen = "127.0.0.1:$v4"
next_connection_delay_ms = 1
[v4.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 20000
dynamic_filters = true
[v4.1.connections.auth]
$auth
[v5.1]
name = "v5"
listen = "127.0.0.1:$v5"
next_connection_delay_ms = 1
[v5.1.connections]
connection_timeout_ms = 60000
max_payload_size = 1048576
max_inflight_count = 20000
dynamic_filters = true
[v5.1.connections.auth]
$auth
""")


def protocol_level(head: bytes) -> int | None:
    """The protocol level (4: MQTT 3.1.1, 5: MQTT 5) of a CONNECT packet's first bytes.

    ``None`` where more bytes are needed.

    Raises
    ------
    ValueError
        Where this is no CONNECT packet.
    """
    if head and head[0] != _CONNECT:
        raise ValueError("not a CONNECT packet")
    # MQTT 5, 2.1.4: the remaining length takes one to four bytes, the last below 128.
    length_bytes = next((n for n, byte in enumerate(head[1:5], 1) if byte < 0x80), None)
    if length_bytes is None:
        if len(head) >= 5:
            raise ValueError("remaining length is malformed")
        return None
    name_at = 1 + length_bytes
    if len(head) < name_at + 2:
        return None
    level_at = name_at + 2 + int.from_bytes(head[name_at : name_at + 2])
    if level_at >= MAX_HEAD:
        raise ValueError("protocol name is malformed")
    return head[level_at] if len(head) > level_at else None


async def _read_head(reader: asyncio.StreamReader) -> tuple[bytes, int]:
    head = b""
    while (level := protocol_level(head)) is None:
        more = await reader.read(4096)
        if not more:
            raise ValueError("closed before CONNECT")
        head += more
    return head, level


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Copy until either end closes; ``drain`` holds back a sender that is too fast."""
    try:
        while data := await reader.read(CHUNK_BYTES):
            writer.write(data)
            await writer.drain()
    except OSError:
        pass
    finally:
        writer.close()


async def _serve_client(
    reader: asyncio.StreamReader, writer: asyncio.StreamWriter, ports: dict[bool, int]
) -> None:
    try:
        async with asyncio.timeout(HEAD_TIMEOUT_S):
            head, level = await _read_head(reader)
        inner_reader, inner_writer = await asyncio.open_connection(
            "127.0.0.1", ports[level == _MQTT_5], limit=CHUNK_BYTES
        )
    except (ValueError, OSError, TimeoutError):
        writer.close()
        return
    inner_writer.write(head)
    await asyncio.gather(_pass_on(reader, inner_writer), _pass_on(inner_reader, writer))


async def _serve(port: int, ports: dict[bool, int]) -> None:
    server = await asyncio.start_server(
        lambda r, w: _serve_client(r, w, ports), "127.0.0.1", port, limit=CHUNK_BYTES
    )
    async with server:
        await server.serve_forever()


def _drop_rights() -> None:
    """Stop being root, once everything only root may read has been read."""
    user = host_user("mosquitto")
    if user is not None:
        os.setgroups([])
        os.setgid(user.gid)
        os.setuid(user.uid)


def main() -> None:
    """Serve until told to stop."""
    parser = argparse.ArgumentParser(prog="python -m launch.engines.wheel_broker")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--folder", type=Path, required=True)
    options = parser.parse_args()
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    # rumqttd wraps every packet in an error-level span: its log is noise.
    logging.getLogger("rumqttd").setLevel(logging.CRITICAL)

    from iotcore.iotcore import IotCoreBroker

    ports = {False: free_port(), True: free_port()}
    config = options.folder / "rumqttd.toml"
    accounts: dict[str, str] = json.loads((options.folder / "accounts.json").read_bytes())
    auth = "\n".join(f'{name} = "{word}"' for name, word in accounts.items())
    text = _CONFIG.substitute(v4=ports[False], v5=ports[True], auth=auth)
    write_private(config, text.encode(), None)
    broker = IotCoreBroker(config_path=str(config))
    _drop_rights()
    broker.start()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_serve(options.port, ports))


if __name__ == "__main__":
    main()
