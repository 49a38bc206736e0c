"""The desks: traffic, drainage, environment, energy; their numbers, and their pages in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from dashboard.figures.air_course import air_course
from dashboard.figures.load import frequency_curve, load_curve
from dashboard.figures.road_week import day_against_usual, heat_map
from dashboard.figures.tide_curve import tide_curve
from dashboard.languages import load_languages
from dashboard.queries import drainage, energy, environment, traffic, usual
from store.readings import write_readings
from telemetry import tide
from telemetry.city import City
from telemetry.readings import Readings, to_micros
from tests.dashboard.conftest import AIR, GAUGE, Town
from tests.fix_browser import visit

ROAD = "dien_bien_phu"
LANGUAGES = load_languages("Asia/Ho_Chi_Minh")
NOW = datetime(2026, 11, 24, 3, 0, tzinfo=UTC)  # a Tuesday, 10:00 in the city


@pytest.fixture(scope="module")
def past(town: Town) -> datetime:
    """Eight days of one road's speed, 20 km/h but 40 by night, and now 10; and of one feeder."""
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    device = next(d for d in town.city.devices if d.tags.get("road") == ROAD)
    feeder = next(d for d in town.city.devices if d.kind == energy.FEEDER)
    steps = np.arange(1, 8 * 96) * 900
    times = [to_micros(now) - int(step) * 1_000_000 for step in steps]
    speeds = np.where(steps <= 1800, 10.0, 20.0)
    rows = [
        (town.stream(device.device_id, "speed_kmh"), speeds),
        (town.stream(feeder.device_id, energy.POWER), speeds),
    ]
    with town.conn.transaction():
        for stream, values in rows:
            write_readings(town.conn, Readings.of([stream] * len(times), times, values))
    return now


def test_a_week_is_compared_with_days_of_its_kind():
    zone = LANGUAGES["vi"].zone
    kind = usual.kinds(NOW, zone)
    assert kind.shape == (8, 96)
    assert (kind[-1] == 0).all()  # Monday 10:00 to Tuesday 10:00
    values = np.where(kind == 0, 30.0, 90.0)
    values[0] = np.nan
    assert (usual.usual(values, kind) == 30.0).all()
    assert [usual.day_kind(NOW + timedelta(days=n), zone) for n in range(7)] == [0, 0, 0, 0, 1, 2, 0]


@pytest.mark.parametrize(
    ("speed", "level"), [(50, "A"), (34, "B"), (30, "C"), (20, "D"), (16, "E"), (14, "F")]
)
def test_level_of_service(speed: float, level: str):
    assert traffic.level_of_service(speed, 50.0) == level
    assert traffic.level_of_service(float("nan"), 50.0) == ""


@pytest.mark.parametrize(
    ("power", "dark", "state"),
    [(9.0, True, "lit"), (5.0, True, "lit"), (0.1, True, "failing"), (9.0, False, "burning"),
     (0.0, False, "off"), (0.0, None, "changing"), (None, True, "unknown")],
)  # fmt: skip
def test_lamps_against_the_sun(power: float | None, dark: bool | None, state: str):
    assert energy.lamp_state(power, 10.0, dark=dark) == state


@pytest.mark.parametrize(("hour", "dark"), [(0, True), (5.7, None), (12, False), (17.5, None), (20, True)])
def test_dark_by_the_city_clock(city: City, hour: float, dark: bool | None):
    zone = LANGUAGES["vi"].zone
    moment = datetime(2026, 11, 24, tzinfo=zone) + timedelta(hours=hour)
    assert energy.is_dark(city, moment, zone) is dark


def test_a_slow_road_comes_first_against_its_usual(town: Town, past: datetime):
    zone = LANGUAGES["vi"].zone
    roads = traffic.read_roads(town.conn, town.city)
    found = traffic.read_now(town.conn, roads, past, zone)
    assert len(found) == len({d.tags["road"] for d in town.city.devices if "road" in d.tags})
    assert (found[0].road.key, found[0].road.name_vi) == (ROAD, "Điện Biên Phủ")
    assert found[0].speed == pytest.approx(10.0)
    assert found[0].usual_speed == pytest.approx(20.0) or np.isnan(found[0].usual_speed)
    week = traffic.read_week(town.conn, found[0].road, past, zone)
    assert np.nanmean(week.speed[:-1]) == pytest.approx(20.0)
    assert np.isnan(week.flow).all()
    for language in LANGUAGES.values():
        chart = day_against_usual(week, week.speed, "km/h", 1, language)
        assert len(chart["data"][1]["y"]) == 96
        assert chart["data"][1]["y"][-1] == pytest.approx(10.0)
        assert len(heat_map(week, language)["data"][0]["z"][0]) == 24


def test_air_is_indexed_and_has_a_course(town: Town):
    now = datetime.now(UTC)
    found = environment.read_air(town.conn, now)
    assert len(found) == sum(d.kind == "air_station" for d in town.city.devices)
    index = found[0].index
    assert found[0].device.device_id == AIR
    assert index is not None
    assert index.dominant == "pm2_5"
    assert 50 < index.value < 75  # 25 to 35 µg/m³
    course = environment.read_course(town.conn, found[0], now)
    assert course.indices[-1] == index
    assert course.indices[0] is None
    bars = air_course(course, LANGUAGES["en"])["data"][0]
    assert bars["y"][-1] == index.value


def test_the_tide_is_seen_and_foretold(town: Town):
    now = datetime.now(UTC)
    curve = drainage.read_tide(town.conn, town.city, GAUGE, now, timedelta(hours=24))
    assert curve is not None
    assert 36 <= len(curve.observed) <= 37  # six hours
    assert len(curve.ahead_times) == 60 * 6
    station = tide.stations(town.city)["phu_an"]
    assert curve.astronomic.tolist() == tide.level_m(station, curve.ahead_times).tolist()
    figure = tide_curve(curve, LANGUAGES["vi"])
    assert [a["text"] for a in figure["layout"]["annotations"]] == [
        "BĐ1 1,40 m", "BĐ2 1,50 m", "BĐ3 1,60 m", "hiện tại",
    ]  # fmt: skip
    assert drainage.read_tide(town.conn, town.city, "nobody", now, timedelta(hours=1)) is None


def test_load_is_laid_over_the_day_and_the_week_before(town: Town, past: datetime):
    feeder = next(d for d in town.city.devices if d.kind == energy.FEEDER)
    load = energy.read_load(town.conn, feeder.device_id, past)
    assert load is not None
    assert load.last_day[-1] == pytest.approx(10.0)
    assert np.nanmean(load.day_before) == pytest.approx(20.0)
    assert len(load_curve(load, LANGUAGES["en"])["data"]) == 3
    assert energy.read_load(town.conn, "nobody", past) is None


def test_a_frequency_nobody_measures_has_its_limits(town: Town):
    times, values = energy.read_frequency(town.conn, NOW)
    limits = [limit for limit in town.city.thresholds if limit.metric == energy.FREQUENCY]
    figure = frequency_curve(times, values, limits, LANGUAGES["vi"])
    assert len(figure["layout"]["shapes"]) == 4


@pytest.mark.parametrize(
    ("path", "place", "said"),
    [
        (f"/traffic?road={ROAD}&lang=vi", "traffic-speed", "Các tuyến chậm nhất hiện nay"),
        (f"/drainage?gauge={GAUGE}&range=72&lang=en", "drainage-tide", "Tidal gates"),
        (f"/environment?station={AIR}&lang=vi", "environment-course", "Tiếng ồn"),
        ("/energy?feeder=%3Cscript%3E&lang=en", "energy-frequency", "Street lamps"),
    ],
)
def test_each_desk_opens_clean(browser: Any, town: Town, past: datetime, path: str, place: str, said: str):
    with visit(browser, town.url + path) as page:
        page.wait_for_selector(f"#{place} .js-plotly-plot .main-svg")
        page.wait_for_selector(".desk .skeleton", state="detached")
        assert said.upper() in page.locator(".desk").inner_text().upper()


def test_a_choice_is_kept_in_the_address_and_values_are_live(browser: Any, town: Town):
    stream = town.stream(AIR, "no2")
    with visit(browser, town.url + "/environment?lang=en") as page:
        page.click(f'[data-choose="environment-station"][data-value="{AIR}"]')
        page.wait_for_selector(f'.desk__row--chosen[data-value="{AIR}"]')
        page.wait_for_url(f"**station={AIR}*")
        page.wait_for_selector(f'[data-stream-id="{stream}"]')
        town.commit([stream], [43.2])
        page.locator(f'[data-stream-id="{stream}"] .value__number', has_text="43.2").wait_for()
