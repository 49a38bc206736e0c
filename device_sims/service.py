"""The simulator as a process: publish what is due, and write the ground truth beside it."""

from __future__ import annotations

import logging
import os
import threading
import time

from device_sims import truth
from device_sims.live import LiveStream
from device_sims.options import SimOptions
from device_sims.publisher import Publisher
from telemetry.city import City
from telemetry.errors import ConfigError
from telemetry.settings import Settings

_TICK_S = 0.25
_REPORT_S = 60.0
_CONNECT_S = 30.0

_log = logging.getLogger(__name__)


def run(settings: Settings, city: City, options: SimOptions, stop: threading.Event) -> None:
    """Publish the simulated city to the broker until ``stop`` is set.

    Raises
    ------
    ConfigError
        Where there is no broker's address, or it or an option cannot be used.
    """
    if settings.mqtt_url is None:
        raise ConfigError("the simulator needs a broker", cure="set MQTT_URL")
    if options.rate is not None and options.rate <= 0:
        raise ConfigError(f"a rate of {options.rate} messages/s", cure="give a rate above 0")
    stream = LiveStream(city, options, time.time())
    publisher = Publisher(settings.mqtt_url, stream.fleet, f"cityops-sim-{os.getpid()}", settings.tls)
    try:
        if publisher.wait_connected(_CONNECT_S, stop):
            publisher.announce(b"online")
        _log.info("simulating %d devices, %.0f messages/s", len(stream.fleet), stream.rota.rate)
        _publish(stream, publisher, settings, stop)
    finally:
        publisher.close()


def _publish(stream: LiveStream, publisher: Publisher, settings: Settings, stop: threading.Event) -> None:
    path = settings.data_path / truth.FILE
    sent, report_s = 0, time.monotonic() + _REPORT_S
    while not stop.is_set():
        wall_s = time.time()
        truth.append(path, stream.begun(wall_s))
        for place, payload in stream.messages(wall_s):
            sent += publisher.send(place, payload)
            if stop.is_set():
                break
        if time.monotonic() >= report_s:
            _log.info("%d messages published", sent)
            report_s += _REPORT_S
        stop.wait(max(0.0, _TICK_S - (time.time() - wall_s)))
