import contextlib
import os
import socket

import pytest

from launch.ports import claim_port, free_port
from telemetry.errors import EngineError


def test_a_free_port_is_given_back():
    port = free_port()
    assert claim_port(port, "127.0.0.1", what="the broker", option="--mqtt-port") == port


def test_zero_takes_any_free_one():
    assert claim_port(0, "127.0.0.1", what="the broker", option="--mqtt-port") > 0


def test_a_port_in_use_says_whose_it_is_and_how_to_change_it():
    with contextlib.closing(socket.create_server(("127.0.0.1", 0))) as server:
        port = server.getsockname()[1]
        with pytest.raises(EngineError) as caught:
            claim_port(port, "127.0.0.1", what="the broker", option="--mqtt-port")
    assert f"port {port} for the broker is in use" in caught.value.message
    assert f"(pid {os.getpid()})" in caught.value.message
    assert "--mqtt-port" in caught.value.cure
    assert "CITYOPS_MQTT_PORT" in caught.value.cure
