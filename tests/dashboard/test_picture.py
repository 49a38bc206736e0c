"""The live picture: pure, fed by hand."""

from __future__ import annotations

from datetime import UTC, datetime

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dashboard.languages import load_languages
from dashboard.live.catalogue import Catalogue
from dashboard.live.hub import MAX_BEHIND, Hub
from dashboard.live.picture import Picture
from dashboard.live.states import device_state, worst
from dashboard.live.values import NewestValues
from dashboard.sentences import describe
from telemetry.alerts import Alert, AlertStatus, Severity
from telemetry.city import City
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain
from telemetry.readings import Readings

NOW = 1_800_000_000_000_000


def device(name: str) -> Device:
    return Device(name, Domain.TRAFFIC, "x", name, name, 10.0, 106.0, "760", 30.0, ("speed_kmh",))


def alert(
    number: int, device_id: str = "a", severity: Severity = Severity.MINOR, rule: str = "limit:x"
) -> Alert:
    at = datetime(2026, 1, 1, tzinfo=UTC)
    return Alert(
        number, f"k{number}", device_id, 1, "speed_kmh", Domain.TRAFFIC, "limits", rule, severity,
        AlertStatus.OPEN, at, at, None, 3.0, None, None, {},
    )  # fmt: skip


@pytest.fixture
def picture(city: City) -> Picture:
    languages = load_languages(city.timezone)
    made = Picture("e", lambda item, owner: describe(item, owner, city, languages))
    made.set_catalogue(
        [device("a"), device("b")], [Stream(1, "a", "speed_kmh", 30), Stream(4, "b", "speed_kmh", 30)]
    )
    made.frame(NOW)
    return made


def test_a_device_is_unknown_until_its_first_reading(picture: Picture):
    assert picture.states() == {"a": "unknown", "b": "unknown"}
    assert picture.apply_readings(Readings.of([1], [NOW], [20.0]), NOW)
    frame = picture.frame(NOW)
    assert frame.states == {"a": "ok"}
    assert frame.readings == [(1, NOW // 1000, 20.0, 0)]
    assert frame.tiles.online == 1


def test_an_older_reading_changes_nothing(picture: Picture):
    picture.apply_readings(Readings.of([1], [NOW], [20.0]), NOW)
    picture.frame(NOW)
    picture.apply_readings(Readings.of([1], [NOW - 1], [5.0]), NOW)
    assert not picture.changed
    assert picture.latest([1])[1][2] == 20.0


def test_doubts_about_sensors_are_told_when_they_begin_and_end(picture: Picture):
    picture.set_faults({1: ["stuck"], 4: ["silent"]})
    assert picture.changed
    assert picture.frame(NOW).faults == {1: ["stuck"], 4: ["silent"]}
    picture.set_faults({1: ["noisy", "stuck"], 4: ["silent"]})
    assert picture.frame(NOW).faults == {1: ["noisy", "stuck"]}
    picture.set_faults({4: ["silent"]})
    assert picture.frame(NOW).faults == {1: []}
    assert not picture.changed
    assert picture.frame(NOW).faults == {}
    assert picture.snapshot(NOW).faults == {4: ["silent"]}


def test_an_unknown_stream_is_told(picture: Picture):
    assert not picture.apply_readings(Readings.of([99, 2, -5], [NOW] * 3, [1.0] * 3), NOW)


def test_new_devices_keep_what_is_known_of_the_others(picture: Picture):
    picture.apply_readings(Readings.of([1], [NOW], [20.0]), NOW)
    before = picture.frame(NOW).catalogue
    streams = [
        Stream(1, "a", "speed_kmh", 30),
        Stream(4, "b", "speed_kmh", 30),
        Stream(9, "c", "speed_kmh", 30),
    ]
    picture.set_catalogue([device("a"), device("b"), device("c")], streams)
    assert picture.states() == {"a": "ok", "b": "unknown", "c": "unknown"}
    assert picture.frame(NOW).catalogue == before + 1
    picture.set_catalogue([device("a"), device("b"), device("c")], streams)
    assert picture.frame(NOW).catalogue == before + 1


def test_an_alert_that_went_unseen_makes_every_client_start_again(picture: Picture):
    picture.set_alerts([alert(1), alert(2)])
    seq = picture.frame(NOW).seq
    picture.set_alerts([alert(2)])
    assert picture.frame(NOW).seq == seq + 2
    assert [item.alert_id for item in picture.snapshot(NOW).alerts] == [2]


def test_a_device_goes_offline_when_its_readings_grow_old(picture: Picture):
    picture.apply_readings(Readings.of([1], [NOW], [20.0]), NOW)
    assert picture.frame(NOW + 149_000_000).tiles.online == 1
    assert picture.frame(NOW + 151_000_000).tiles.online == 0


def test_readings_a_second_are_a_mean_over_ten_seconds(picture: Picture):
    for second in range(20):
        moment = NOW + second * 1_000_000
        picture.apply_readings(Readings.of([1] * 5, [moment + i for i in range(5)], [1.0] * 5), moment)
    now = NOW + 19_000_000
    assert picture.frame(now).tiles.readings_per_s == 5.0
    rates = picture.snapshot(now).rates
    assert len(rates) == 90
    assert rates[-1] == 5.0
    assert rates[0] == 0.0
    assert picture.frame(now + 10_000_000).tiles.readings_per_s == 0.0


@pytest.mark.parametrize(
    ("alerts", "seen", "state"),
    [
        ([], False, "unknown"),
        ([], True, "ok"),
        ([alert(1), alert(2, severity=Severity.CRITICAL)], True, "critical"),
        ([alert(1, severity=Severity.CRITICAL), alert(2, rule="silence")], True, "silent"),
        ([alert(1, severity=Severity.INFO)], False, "info"),
    ],
    ids=["nothing", "readings", "worst", "silence-first", "alert-unseen"],
)
def test_state_of_a_device(alerts: list[Alert], seen: bool, state: str):
    assert device_state(alerts, seen=seen) == state


def test_worst_of_a_group():
    assert worst(["ok", "minor", "silent"]) == "minor"
    assert worst([]) == "unknown"


@given(
    st.lists(
        st.lists(st.tuples(st.sampled_from([1, 4, 7]), st.integers(0, 50), st.integers(0, 9)), max_size=20),
        max_size=8,
    )
)
def test_newest_values_are_those_of_a_plain_loop(rounds: list[list[tuple[int, int, int]]]):
    streams = [Stream(i, "a" if i < 5 else "b", "m", 30) for i in (1, 4, 7)]
    values = NewestValues(Catalogue([device("a"), device("b")], streams))
    plain: dict[int, tuple[int, int]] = {}
    for rows in rounds:
        unique = list({(stream, time): (stream, time, value) for stream, time, value in rows}.values())
        values.apply(Readings.of(*(zip(*unique, strict=True) if unique else ([], [], []))))
        for stream, time, value in unique:
            if stream not in plain or time > plain[stream][0]:
                plain[stream] = (time, value)
    found = values.readings()
    assert {
        int(s): (int(t), int(v)) for s, t, v in zip(found.stream_ids, found.times, found.values, strict=True)
    } == plain
    newest_a = max((time for stream, (time, _) in plain.items() if stream < 5), default=None)
    assert newest_a is None or values.device_times[0] == newest_a
    assert isinstance(values.device_times, np.ndarray)


def test_a_slow_socket_misses_frames_and_the_others_do_not():
    hub = Hub()
    with hub.join() as slow, hub.join() as quick:
        for number in range(MAX_BEHIND + 3):
            hub.publish(str(number))
            assert quick.get_nowait() == str(number)
        assert slow.qsize() == MAX_BEHIND
        assert hub.skipped == 3
        hub.close()
        assert slow.get_nowait() is None
    assert len(hub) == 0
