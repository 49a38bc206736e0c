"""Configurations of detectors: what may be written, what differs, and what looks like a mistake."""

from __future__ import annotations

import pytest

from telemetry.detection import Configuration, DetectorSpec, Selector, decode_configuration
from telemetry.detection.changes import Change, changes, unchanged
from telemetry.detection.configuration import configuration_of
from telemetry.detection.inspection import Doubt, examine, watched
from telemetry.detection.text import to_toml
from telemetry.devices import Device
from telemetry.errors import ConfigError
from telemetry.metrics import Domain

GAUGE = Device(
    "g-1",
    Domain.DRAINAGE,
    "tide_gauge",
    "g",
    "g",
    10.7,
    106.7,
    "760",
    60,
    ("water_level_m",),
    {"river": "SG"},
)
LOOP = Device("l-1", Domain.TRAFFIC, "loop", "l", "l", 10.7, 106.7, "765", 10, ("speed_kmh", "battery_pct"))
LEVELS = Selector(metric=("water_level_m",), tags={"river": ("SG", "DN")})
MANY = Configuration(
    (
        DetectorSpec("limits", "limits"),
        DetectorSpec("hang", "stuck", (LEVELS, Selector(domain=("traffic",))), {"least_repeats": 30}),
        DetectorSpec("silence", "silence", params={"least_s": 0.5}, enabled=False),
    )
)


@pytest.mark.parametrize("configuration", [MANY, Configuration()], ids=["many", "none"])
def test_what_is_written_reads_back(configuration: Configuration) -> None:
    assert decode_configuration(to_toml(configuration).encode()) == configuration


def test_it_is_written_as_people_write_it() -> None:
    text = to_toml(Configuration(MANY.detector[:2]))
    assert (
        text
        == """[[detector]]
name = "limits"
kind = "limits"

[[detector]]
name = "hang"
kind = "stuck"

[detector.params]
least_repeats = 30

[[detector.select]]
metric = ["water_level_m"]

[detector.select.tags]
river = ["SG", "DN"]

[[detector.select]]
domain = ["traffic"]
"""
    )


def test_changes_go_key_by_key() -> None:
    other = Configuration(
        (
            DetectorSpec("hang", "stuck", (LEVELS,), {"least_repeats": 30, "of_usual": 3}),
            DetectorSpec("silence", "silence", params={"least_s": 0.5}),
            DetectorSpec("usual", "seasonal"),
        )
    )
    found = {(change.detector, change.key): (change.before, change.after) for change in changes(MANY, other)}
    assert set(found) == {
        ("hang", "select"), ("hang", "params.of_usual"), ("silence", "enabled"),
        ("usual", ""), ("limits", ""),
    }  # fmt: skip
    assert found["hang", "params.of_usual"] == (None, 3)
    assert found["silence", "enabled"] == (False, True)
    assert found["limits", ""][1] is None
    assert changes(MANY, MANY) == []


def test_saying_the_default_changes_nothing_for_the_detector() -> None:
    plain, said = DetectorSpec("a", "stuck"), DetectorSpec("a", "stuck", params={"of_usual": 2.5})
    assert unchanged(plain, said)
    assert changes(Configuration((plain,)), Configuration((said,))) == [
        Change("a", "params.of_usual", None, 2.5)
    ]
    assert not unchanged(plain, DetectorSpec("b", "stuck"))
    assert not unchanged(plain, DetectorSpec("a", "stuck", (LEVELS,)))


def test_what_looks_like_a_mistake_is_told() -> None:
    odd = Configuration(
        (
            DetectorSpec("a", "stuck"),
            DetectorSpec("b", "stuck", params={"of_usual": 2.5}),
            DetectorSpec("c", "limits", (LEVELS, Selector(zone=("765",), metric=("water_level_m",)))),
            DetectorSpec("d", "limits", (Selector(device=("x-*",)),)),
        )
    )
    assert examine(odd, ["760", "765"], [GAUGE, LOOP]) == [
        Doubt("no_stream", "c", "select[1]"),
        Doubt("no_stream_at_all", "d"),
        Doubt("alike", "b", other="a"),
    ]
    assert examine(Configuration(), [], []) == [Doubt("none_enabled")]


def test_the_streams_of_a_detector() -> None:
    assert watched(MANY.detector[1], [GAUGE, LOOP]) == [
        (GAUGE, "water_level_m"), (LOOP, "speed_kmh"), (LOOP, "battery_pct"),
    ]  # fmt: skip


WRONG = {
    "a zone": ({"select": [{"zone": ["999"]}]}, "x: select[0].zone: there is no '999'"),
    "a tag": ({"select": [{"tags": {"road": ["a"]}}]}, "x: select[0].tags: there is no 'road'"),
}


@pytest.mark.parametrize(("keys", "says"), WRONG.values(), ids=WRONG)
def test_what_the_city_does_not_have_is_named(keys: dict[str, object], says: str) -> None:
    made = configuration_of({"detector": [{"name": "x", "kind": "stuck", **keys}]})
    with pytest.raises(ConfigError) as caught:
        examine(made, ["760"], [GAUGE])
    assert caught.value.message == says


deep: list[object] = []
for _ in range(500):
    deep = [deep]

UNUSABLE = {
    "infinite": ({"params": {"of_usual": float("inf")}}, "detector[0].params.of_usual"),
    "not a number": ({"params": {"of_usual": float("nan")}}, "detector[0].params.of_usual"),
    "enormous": ({"params": {"of_usual": 10**400}}, "detector[0].params.of_usual"),
    "deep": ({"params": {"of_usual": deep}}, "nested too deep"),
    "NUL": ({"select": [{"device": ["a\x00"]}]}, "detector[0].select[0].device[0]"),
    "NUL in a key": ({"params": {"\x00": 1}}, "NUL"),
    "taken": ({"name": "engine"}, "detector[0].name"),
}


@pytest.mark.parametrize(("keys", "says"), UNUSABLE.values(), ids=UNUSABLE)
def test_what_no_database_or_detector_could_use(keys: dict[str, object], says: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configuration_of({"detector": [{"name": "x", "kind": "stuck", **keys}]})
    assert says in caught.value.message
    with pytest.raises(ConfigError, match="detectors:"):
        decode_configuration(b"detector = " + b"[" * 100_000)
