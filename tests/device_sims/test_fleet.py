"""Which devices a run has, when they speak, and what they say."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest

from device_sims import truth
from device_sims.city_model import CityModel
from device_sims.fleet import devices, originals
from device_sims.live import LiveStream
from device_sims.options import SimOptions
from device_sims.pace import REPLAY_S, Clock, Rota
from telemetry.city import City
from telemetry.devices import DEVICE_ID
from telemetry.errors import ConfigError
from telemetry.payloads import decode
from tests.device_sims.times import second

START_S = second("2026-11-23 08:00")


@pytest.mark.parametrize("count", [None, 1, 60, 609, 1500])
def test_a_fleet_has_as_many_as_wanted(city: City, count: int | None) -> None:
    fleet = devices(city, count)
    assert len(fleet) == (count or len(city.devices))
    assert len({device.device_id for device in fleet}) == len(fleet)
    assert all(DEVICE_ID.fullmatch(device.device_id) for device in fleet)
    for device, place in zip(fleet, originals(fleet, city), strict=True):
        assert device.metrics == city.devices[place].metrics


def test_clones_are_load_devices(city: City) -> None:
    extra = devices(city, 1500)[len(city.devices) :]
    assert all(device.device_id.startswith("load-") for device in extra)


@pytest.mark.parametrize("count", [0, -1, 10**9])
def test_an_impossible_fleet_is_refused(city: City, count: int) -> None:
    with pytest.raises(ConfigError):
        devices(city, count)


def test_each_device_speaks_once_an_interval_spread_over_it(city: City) -> None:
    rota = Rota(city.devices, 7, None)
    marks = np.arange(START_S, START_S + 60.01, 0.25)
    turns = [rota.due(a, b) for a, b in itertools.pairwise(marks.tolist())]
    who = np.concatenate([turn[0] for turn in turns])
    counts = np.bincount(who, minlength=len(city.devices))
    expected = np.array([60 / device.interval_s for device in city.devices])
    assert np.abs(counts - expected).max() <= 1
    per_second = [len(turn[0]) for turn in turns]
    assert max(per_second) < 3 * np.mean(per_second)


def test_a_rate_is_kept_whatever_the_window(city: City) -> None:
    rota = Rota(city.devices, 7, 5_000.0)
    assert rota.rate == pytest.approx(5_000)
    who, when = rota.due(START_S, START_S + 2.0)
    assert len(who) == pytest.approx(10_000, abs=len(city.devices))
    assert (np.diff(when) >= 0).all()
    assert when[0] > START_S
    assert when[-1] <= START_S + 2.0


def test_a_fast_clock_begins_a_day_back_and_never_passes_now() -> None:
    clock = Clock(START_S, speed=100.0)
    assert clock.now_s(START_S) == START_S - REPLAY_S
    assert clock.now_s(START_S + 10) == START_S - REPLAY_S + 1000
    assert clock.now_s(START_S + 5000) == START_S + 5000
    assert Clock(START_S).now_s(START_S + 3) == START_S + 3


def test_messages_carry_the_models_values_at_their_own_time(city: City) -> None:
    stream = LiveStream(city, SimOptions(), START_S)
    model = CityModel(city, SimOptions(), live_start_s=START_S)
    columns = {key: place for place, key in enumerate(model.keys)}
    seen = 0
    for place, payload in itertools.islice(stream.messages(START_S + 3.0), 40):
        (sample,) = decode(payload)
        assert sample.time is not None
        row = model.sample(np.array([sample.time], dtype=np.int64))[0]
        device = city.devices[place]
        for metric, value in sample.values.items():
            assert value == row[columns[device.device_id, metric]]
        seen += 1
    assert seen == 40


def test_a_device_that_dropped_out_is_silent(city: City) -> None:
    stream = LiveStream(city, SimOptions(), START_S)
    dropped = {t.device_ids[0] for t in stream.begun(START_S) if t.kind == truth.DROPOUT}
    assert dropped
    spoke = {
        city.devices[place].device_id for k in range(1, 5) for place, _ in stream.messages(START_S + 10 * k)
    }
    assert not spoke & dropped
    assert len(spoke) >= len(city.devices) - 3


def test_a_wrong_clock_stands_on_what_a_device_sends_and_in_the_truth(city: City) -> None:
    stream, slot_s = LiveStream(city, SimOptions(), START_S), 240.0
    schedule = CityModel(city, SimOptions(), live_start_s=START_S).schedule
    clock = next(t for t in schedule.overlapping(START_S, START_S + 12 * slot_s) if t.kind == truth.CLOCK)
    stream.begun(START_S)
    assert clock in stream.begun(clock.start_s + 1)
    at_s, off_us = clock.start_s + 400.0, clock.number("offset_s") * 1e6
    list(stream.messages(at_s - 50.0))
    seen = 0
    for place, payload in stream.messages(at_s):
        stamp = decode(payload)[0].time
        assert stamp is not None
        own = city.devices[place].device_id in clock.device_ids
        assert abs(stamp - at_s * 1e6 - (off_us if own else 0)) < 55e6
        seen += own
    assert seen


def test_no_message_is_sent_twice_or_with_a_time_already_used(city: City) -> None:
    stream = LiveStream(city, SimOptions(devices=700, rate=4_000.0), START_S)
    seen: set[tuple[int, int]] = set()
    for k in range(1, 9):
        for place, payload in stream.messages(START_S + 0.25 * k):
            stamp = decode(payload)[0].time
            assert stamp is not None
            assert (place, stamp) not in seen
            seen.add((place, stamp))
    assert len(seen) == pytest.approx(8_000, rel=0.1)


def test_after_a_pause_it_skips_instead_of_catching_up(city: City) -> None:
    stream = LiveStream(city, SimOptions(), START_S)
    assert len(list(stream.messages(START_S + 86_400))) < 300


def test_a_replay_sends_a_day_in_its_time(city: City) -> None:
    stream = LiveStream(city, SimOptions(devices=20, speed=200.0), START_S)
    stamps = [
        decode(payload)[0].time or 0
        for k in range(1, 5)
        for _, payload in stream.messages(START_S + 0.25 * k)
    ]
    assert len(stamps) == pytest.approx(20 * 200 / 10, rel=0.3)
    assert max(stamps) / 1e6 <= START_S - REPLAY_S + 200


def test_truth_is_told_once_as_it_begins(city: City, tmp_path: Path) -> None:
    stream = LiveStream(city, SimOptions(), START_S)
    path = tmp_path / "deep" / truth.FILE
    told = [t for k in range(0, 1200, 7) for t in stream.begun(START_S + k)]
    truth.append(path, told)
    truth.append(path, told[:2])
    got = truth.read(path)
    assert len({repr(t) for t in told}) == len(told)
    assert got == told
    assert [t.start for t in got[6:]] == sorted(t.start for t in got[6:])


def test_a_missing_truth_file_is_empty(tmp_path: Path) -> None:
    assert truth.read(tmp_path / "none.jsonl") == []
