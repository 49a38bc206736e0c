"""Stretches of road, ladders of the map's layers, the tiles' hours: pure."""

from __future__ import annotations

import math
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest

from dashboard.queries.history import standing
from dashboard.queries.map_layers import LOAD_STEPS, SPEED_STEPS, map_layers, rated, water_steps
from dashboard.queries.segments import LEAST_M, REACH_M, cut_segments, make_line, road_lines
from store.alert_spans import AlertSpan
from telemetry.city import City
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain
from telemetry.readings import to_micros

EAST_M = 111_320.0 * math.cos(math.radians(10.0))
ROAD = [(106.0, 10.0), (106.0 + 1_000 / EAST_M, 10.0), (106.0 + 2_000 / EAST_M, 10.0)]


def detector(
    name: str, at_m: float, direction: str | None = None, *, road: str = "r", off_m: float = 5
) -> Device:
    tags = {"road": road} | ({"dir": direction} if direction else {})
    lon, lat = 106.0 + at_m / EAST_M, 10.0 + off_m / 111_320
    return Device(
        name, Domain.TRAFFIC, "traffic_detector", name, name, lat, lon, "z", 10, ("speed_kmh",), tags
    )


def length_m(points: tuple[tuple[float, float], ...]) -> float:
    return make_line(points).along_m[-1]


def test_a_foot_is_the_nearest_place_on_the_line():
    line = make_line(ROAD)
    along, off = line.foot(106.0 + 1_500 / EAST_M, 10.0 + 40 / 111_320)
    assert along == pytest.approx(1_500, abs=1)
    assert off == pytest.approx(40, abs=0.5)
    assert line.foot(105.9, 10.0)[0] == 0


def test_neighbours_share_the_road_at_the_middle_between_them():
    made = {
        s.device_id: s
        for s in cut_segments({"r": [make_line(ROAD)]}, [detector("a", 400), detector("b", 1_200)])
    }
    assert length_m(made["a"].points) == pytest.approx(800, abs=2)
    assert length_m(made["b"].points) == pytest.approx(1_200, abs=2)
    assert made["a"].points[-1] == pytest.approx(made["b"].points[0])
    assert ROAD[1] in made["b"].points  # the corner between is kept
    assert not made["a"].sided


def test_directions_do_not_share_and_run_as_their_traffic_does():
    made = {
        s.device_id: s
        for s in cut_segments({"r": [make_line(ROAD)]}, [detector("a", 500, "a"), detector("b", 500, "b")])
    }
    assert made["a"].points == made["b"].points[::-1]
    assert made["b"].points[0] == ROAD[0]
    assert made["a"].sided
    assert made["b"].sided


def test_no_device_speaks_for_more_than_its_reach_and_doubles_are_left_out():
    long_road = [(106.0, 10.0), (106.0 + 20_000 / EAST_M, 10.0)]
    alone = cut_segments({"r": [make_line(long_road)]}, [detector("a", 9_000)])
    assert length_m(alone[0].points) == pytest.approx(2 * REACH_M, abs=2)
    near = [detector("a", 500), detector("b", 500), detector("c", 500 + LEAST_M / 2)]
    assert {s.device_id for s in cut_segments({"r": [make_line(ROAD)]}, near)} == {"a", "c"}


def test_a_device_without_a_known_road_has_no_stretch():
    assert cut_segments({"r": [make_line(ROAD)]}, [detector("a", 500, road="elsewhere")]) == []


def test_of_several_lines_of_a_road_the_nearest_is_taken():
    far = [(lon, lat + 0.05) for lon, lat in ROAD]
    (made,) = cut_segments({"r": [make_line(far), make_line(ROAD)]}, [detector("a", 500)])
    assert {lat for _, lat in made.points} == {10.0}


def inventory(city: City) -> list[tuple[Device, list[Stream]]]:
    made, number = [], 0
    for device in city.devices:
        streams = []
        for metric in device.metrics:
            number += 1
            streams.append(Stream(number, device.device_id, metric, device.interval_s))
        made.append((device, streams))
    return made


def test_every_detector_of_a_mapped_road_has_a_stretch_and_every_desk_a_layer(city: City):
    layers = map_layers(city, inventory(city))
    known = road_lines(city)
    expected = {d.device_id for d in city.devices if d.kind == "traffic_detector" and d.tags["road"] in known}
    drawn = {gauge.device_id for gauge in layers.gauges["traffic"] if len(gauge.points) > 1}
    assert expected - drawn == set()
    assert {g.device_id for g in layers.gauges["water"]} >= set(city.alarm_levels)
    assert len(layers.gauges["air"]) == sum(device.kind == "air_station" for device in city.devices)
    feeders = {device.device_id for device in city.devices if device.kind == "feeder"}
    assert feeders <= {gauge.device_id for gauge in layers.gauges["load"]}
    assert all(
        gauge.ladder in layers.ladders for key in ("traffic", "water", "load") for gauge in layers.gauges[key]
    )


@pytest.mark.parametrize(
    ("device_id", "signs", "limits"),
    [
        ("level-phu-an", ["", "I", "II", "III"], [1.4, 1.5, 1.6]),
        ("level-thu-dau-mot", ["", "III"], [1.6]),
        ("flood-to-ngoc-van", ["", "", "!", "!!", "!!!"], [0.1, 0.15, 0.3, 0.5]),
        ("canal-kenh-nhieu-loc-thi-nghe-01", [""], []),
    ],
)
def test_water_stands_against_the_limits_of_its_own_gauge(
    city: City, device_id: str, signs: list[str], limits: list[float]
):
    device = next(device for device in city.devices if device.device_id == device_id)
    steps = water_steps(city, device)
    assert [step.sign for step in steps] == signs
    assert [step.at for step in steps[1:]] == limits


def test_load_is_a_share_of_the_rating(city: City):
    by_id = {device.device_id: device for device in city.devices}
    assert rated(by_id["feeder-ben-thanh-471"]) == ("current_a", 600.0)
    metric, amperes = rated(by_id["transformer-ben-thanh-1"]) or ("", 0.0)
    assert (metric, round(amperes, 1)) == ("current_a", 1519.3)
    assert rated(by_id["substation-500kv-phu-lam"]) == ("active_power_kw", 900_000.0)
    assert rated(by_id["air-quan-1"]) is None


@pytest.mark.parametrize("steps", [SPEED_STEPS, LOAD_STEPS], ids=["speed", "load"])
def test_ladders_rise_and_start_below_everything(steps):
    limits = [step.at for step in steps]
    assert limits[0] == -math.inf
    assert limits == sorted(set(limits))


def test_alerts_stand_from_their_opening_to_their_end():
    t0 = datetime(2026, 11, 1, tzinfo=UTC)
    hour = timedelta(hours=1)
    spans = [
        AlertSpan(t0, t0 + 2 * hour, silence=False, device_id="a"),
        AlertSpan(t0 + hour, None, silence=False, device_id="b"),
    ]
    times = np.asarray([to_micros(t0 + k * hour) for k in (-1, 0, 1, 2, 3)], np.int64)
    assert standing(spans, times).tolist() == [0, 1, 2, 1, 1]
    assert standing([], times).tolist() == [0] * 5
