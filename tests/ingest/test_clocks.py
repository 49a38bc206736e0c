"""The estimate of a device's clock: robust, cheap, and written down now and then."""

from __future__ import annotations

import random
import time

import pytest

from ingest.catalog import Catalog
from ingest.clocks import ClockWatch
from ingest.decode import decode_messages
from ingest.message import Message
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain
from telemetry.settings import Ingest

NOW_US = 1_795_406_400_000_000
EVERY_S = 60.0


def device(device_id: str) -> Device:
    return Device(device_id, Domain.TRAFFIC, "loop", "Một", "One", 10.7, 106.7, "760", 10, ("speed_kmh",))


A, B, C = (device(name) for name in ("a", "b", "c"))
CATALOG = Catalog([A, B], [Stream(1, "a", "speed_kmh", 10), Stream(2, "b", "speed_kmh", 10)])
WIDER = Catalog([C, B, A], [Stream(1, "a", "speed_kmh", 10), Stream(2, "b", "speed_kmh", 10)])


def message(device_id: str, at_us: int, delay_s: float) -> Message:
    ts = (at_us - round(delay_s * 1e6)) / 1_000
    body = f'{{"ts": {ts}, "speed_kmh": 30}}'.encode()
    return Message(f"city/traffic/{device_id}/telemetry", body, at_us, 1, 1, 0)


def observe(watch: ClockWatch, messages: list[Message], catalog: Catalog = CATALOG) -> None:
    watch.observe(messages, decode_messages(messages, catalog, Ingest()), catalog)


def offsets(watch: ClockWatch, now_s: float = 0.0) -> dict[str, float]:
    return {clock.device_id: clock.offset_s for clock in watch.due(now_s)}


@pytest.mark.parametrize("ahead_s", [-120.0, -2.0, 0.0, 3.5, 300.0])
def test_the_offset_is_found_through_a_network_that_delays(ahead_s: float) -> None:
    rng = random.Random(1)
    watch = ClockWatch(EVERY_S)
    for i in range(200):
        delay_s = 0.02 + rng.expovariate(2.0)
        observe(watch, [message("a", NOW_US + i * 10_000_000, delay_s - ahead_s)])
    (clock,) = watch.due(0.0)
    assert clock.offset_s == pytest.approx(ahead_s, abs=0.2)
    assert clock.n_readings == 200
    assert round(clock.seen_at.timestamp() * 1e6) == NOW_US + 199 * 10_000_000


def test_single_wrong_times_change_nothing() -> None:
    watch = ClockWatch(EVERY_S)
    for i in range(64):
        delay_s = -400.0 if i in (5, 30) else 0.1
        observe(watch, [message("a", NOW_US + i * 1_000_000, delay_s)])
    (clock,) = watch.due(0.0)
    assert clock.offset_s == pytest.approx(-0.1, abs=0.01)
    assert clock.spread_s == pytest.approx(400.1, abs=0.01)


def test_a_clock_that_was_set_right_is_believed_after_some_blocks() -> None:
    watch = ClockWatch(EVERY_S)
    for i in range(128):
        observe(watch, [message("a", NOW_US + i * 1_000_000, 100.0 if i < 64 else 0.1)])
    assert offsets(watch) == {"a": pytest.approx(-0.1, abs=0.01)}


def test_late_and_undated_readings_say_nothing() -> None:
    watch = ClockWatch(EVERY_S)
    undated = Message("city/traffic/a/telemetry", b'{"speed_kmh": 3}', NOW_US, 1, 1, 0)
    observe(watch, [message("a", NOW_US, 4_000.0), undated, Message("city/x", b"", NOW_US, 1, 1, 0)])
    assert watch.due(0.0) == []


def test_an_estimate_is_due_once_heard_and_then_now_and_then() -> None:
    watch = ClockWatch(EVERY_S)
    observe(watch, [message("a", NOW_US, 1.0)])
    assert offsets(watch, 0.0) == {"a": pytest.approx(-1.0)}
    observe(watch, [message("a", NOW_US, 1.0), message("b", NOW_US, 2.0)])
    assert offsets(watch, 30.0) == {"b": pytest.approx(-2.0)}
    assert offsets(watch, 61.0) == {"a": pytest.approx(-1.0)}
    assert offsets(watch, 200.0) == {}  # nothing new was heard


def test_what_is_known_survives_a_change_of_the_registry() -> None:
    watch = ClockWatch(EVERY_S)
    observe(watch, [message("a", NOW_US, 1.0), message("b", NOW_US, 2.0)])
    observe(watch, [message("b", NOW_US, 5.0)], WIDER)
    assert offsets(watch) == {"a": pytest.approx(-1.0), "b": pytest.approx(-2.0)}


def test_a_batch_costs_little() -> None:
    watch = ClockWatch(EVERY_S)
    messages = [message("ab"[i % 2], NOW_US + i, 0.1) for i in range(20_000)]
    decoded = decode_messages(messages, CATALOG, Ingest())
    began, spent = time.process_time(), 0.0
    watch.observe(messages, decoded, CATALOG)
    spent = time.process_time() - began
    began = time.process_time()
    decode_messages(messages, CATALOG, Ingest())
    assert spent < time.process_time() - began
