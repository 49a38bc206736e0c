"""The desks: traffic, drainage, environment, energy; their numbers, and their pages in a real browser."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import numpy as np
import pytest

from dashboard.components.air import noise_rows
from dashboard.components.days import day_end, day_label, day_picker
from dashboard.components.power import lamps_of
from dashboard.figures.air_course import air_course
from dashboard.figures.load import frequency_curve, load_curve, load_said
from dashboard.figures.road_week import day_against_usual, day_said, heat_map
from dashboard.figures.tide_curve import next_high, tide_curve, tide_said
from dashboard.figures.voltage import voltage_chart, voltage_said
from dashboard.figures.water_history import flood_chart, flood_said, rain_chart, rain_said
from dashboard.languages import load_languages
from dashboard.queries import drainage, energy, environment, traffic, usual
from dashboard.screenshots import wait_until_ready
from store.readings import write_readings
from telemetry import tide
from telemetry.city import City
from telemetry.devices import Stream
from telemetry.readings import Readings, to_micros
from tests.dashboard.conftest import AIR, GAUGE, Town
from tests.fix_browser import complaints, visit

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
        chart = day_against_usual(week, week.speed, "km/h", 1, "today", language)
        assert len(chart["data"][0]["y"]) == 96
        assert chart["data"][0]["y"][-1] == pytest.approx(10.0)
        cells = heat_map(week, language)["data"][0]
        assert len(cells["z"][0]) == 24
        assert len(cells["y"]) == len(cells["z"])
        assert all(any(value is not None for value in day) for day in cells["z"])
    said = day_said(week, week.speed, "Speed", "km/h", 1, LANGUAGES["en"])
    assert "newest 10.0\N{NO-BREAK SPACE}km/h" in said


def test_another_day_ends_at_its_midnight_and_nonsense_is_now():
    zone = LANGUAGES["vi"].zone
    end = day_end("2026-11-20", NOW, zone)
    assert end == datetime(2026, 11, 20, 17, 0, tzinfo=UTC)  # midnight in the city
    assert [day_end(text, NOW, zone) for text in (None, "last", "<script>", "2027-01-01")] == [NOW] * 4
    picker = day_picker("x-day", "2026-03-02", NOW, LANGUAGES["en"])
    assert picker.value == "2026-03-02"
    assert picker.data[-1] == {"value": "2026-03-02", "label": "Mon 02/03"}
    assert day_label("2026-11-22", LANGUAGES["vi"]) == "CN 22/11"


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
    assert [line["name"] for line in figure["data"]] == [
        "BĐ1 1,40 m", "BĐ2 1,50 m", "BĐ3 1,60 m", "Triều thiên văn", "Thực đo",
    ]  # fmt: skip
    assert [line["y"][0] for line in figure["data"][:3]] == [1.4, 1.5, 1.6]
    peak = next_high(curve)
    assert peak is not None
    around = curve.astronomic[np.abs(curve.ahead_times - peak[0]) <= 3_600_000_000]
    assert peak[1] == around.max()
    assert LANGUAGES["vi"].number(peak[1], 2) in tide_said(curve, LANGUAGES["vi"])
    assert drainage.read_tide(town.conn, town.city, "nobody", now, timedelta(hours=1)) is None


def test_load_is_laid_over_the_day_and_the_week_before(town: Town, past: datetime):
    feeder = next(d for d in town.city.devices if d.kind == energy.FEEDER)
    load = energy.read_load(town.conn, feeder.device_id, past)
    assert load is not None
    assert load.last_day[-1] == pytest.approx(10.0)
    assert np.nanmean(load.day_before) == pytest.approx(20.0)
    assert len(load_curve(load, "today", LANGUAGES["en"])["data"]) == 3
    assert "against the day before" in load_said(load, LANGUAGES["en"])
    assert energy.read_load(town.conn, "nobody", past) is None


def test_a_frequency_nobody_measures_has_its_limits(town: Town):
    times, values = energy.read_frequency(town.conn, NOW)
    limits = [limit for limit in town.city.thresholds if limit.metric == energy.FREQUENCY]
    figure = frequency_curve(times, values, limits, LANGUAGES["vi"])
    assert len(figure["layout"]["shapes"]) == 4


def test_rain_and_floods_are_told_by_step(town: Town):
    now = datetime.now(UTC).replace(second=0, microsecond=0)
    rain = [d for d in town.city.devices if d.kind == "rain_gauge"][:2]
    flood = next(d for d in town.city.devices if d.kind == "flood_gauge")
    steps = [now - timedelta(minutes=minute) for minute in range(1, 31)]
    for moment in steps:  # half an hour at 12 and 6 mm/h; water that rises to 0.3 m
        depth = 0.3 - 0.009 * steps.index(moment)
        streams = [town.stream(d.device_id, "rain_mmph") for d in rain]
        streams.append(town.stream(flood.device_id, "water_level_m"))
        town.commit(streams, [12.0, 6.0, depth], moment)
    fell = drainage.read_rain(town.conn, now, 24)
    rows = {gear.device.device_id: np.nansum(fell.values[n]) for n, gear in enumerate(fell.gear)}
    assert [rows[d.device_id] for d in rain] == pytest.approx([6.0, 3.0])
    deep = drainage.read_floods(town.conn, now, 24)
    assert [gear.device.device_id for gear in deep.gear] == [flood.device_id]
    assert np.nanmax(deep.values) == pytest.approx(0.3)
    for language in LANGUAGES.values():
        assert len(rain_chart(fell, language)["data"]) == 2
        assert flood_chart(deep, language)["data"][0]["name"] == language.pick(flood.name_vi, flood.name_en)
        assert language.number(6.0, 1) in rain_said(fell, language)
        assert language.number(0.3, 2) in flood_said(deep, language)


def test_voltage_is_told_by_level_and_an_outage_is_no_voltage(town: Town):
    now = datetime.now(UTC)
    feeders = [d for d in town.city.devices if d.kind == energy.FEEDER][:3]
    streams = [town.stream(d.device_id, energy.VOLTAGE) for d in feeders]
    nominal = energy.nominal_v(feeders[0])
    town.commit(streams, [nominal * 1.02, nominal * 0.97, 0.0], now - timedelta(minutes=3))
    band = next(b for b in energy.read_voltage(town.conn, now) if b.nominal_v == nominal)
    assert band.high[-1] == pytest.approx(0.02)
    assert band.low[-1] == pytest.approx(-0.03)
    limits = energy.voltage_limits(town.city.thresholds)
    assert list(limits) == [-0.1, -0.05, 0.05, 0.1]
    assert len(voltage_chart([band], limits, LANGUAGES["vi"])["data"]) == 3
    assert "+2,0" in voltage_said([band], LANGUAGES["vi"])


def test_an_old_reading_counts_for_nothing(town: Town):
    now = datetime.now(UTC)
    stream = Stream(1, "d", "active_power_kw", 30.0)
    cabinet = energy.Unit(
        next(d for d in town.city.devices if d.kind == energy.CABINET), {energy.POWER: stream}
    )
    ms = round(now.timestamp() * 1000)
    assert lamps_of(cabinet, {1: (1, ms - 60_000, 0.0, 0)}, now, dark=True) == "failing"
    assert lamps_of(cabinet, {1: (1, ms - 600_000, 0.0, 0)}, now, dark=True) == "unknown"


def test_a_noise_limit_that_is_no_law_is_called_a_proposal(town: Town):
    meter = next(d for d in town.city.devices if d.kind == environment.NOISE_METER)
    station = environment.Station(meter, {})
    told = str(noise_rows([station], town.city.thresholds, {}, {}, LANGUAGES["en"])[0])
    assert "a proposal" in told
    assert "QCVN" not in told


@pytest.mark.parametrize("face", ["dark", "light"])
@pytest.mark.parametrize(
    ("path", "place", "said"),
    [
        (f"/traffic?road={ROAD}&day=2026-11-20&lang=vi", "traffic-speed", "Các tuyến chậm nhất hiện nay"),
        (f"/drainage?gauge={GAUGE}&range=72&lang=en", "drainage-tide", "Tidal gates"),
        (f"/environment?station={AIR}&lang=vi", "environment-course", "Tiếng ồn"),
        ("/energy?feeder=%3Cscript%3E&lang=en", "energy-frequency", "Street lamps"),
    ],
    ids=["traffic", "drainage", "environment", "energy"],
)
def test_each_desk_opens_clean_and_is_accessible(
    browser: Any, town: Town, past: datetime, path: str, place: str, said: str, face: str
):
    with visit(browser, town.url + "/healthz") as page:
        page.context.add_cookies([{"name": "theme", "value": face, "url": town.url}])
        page.goto(town.url + path)
        page.wait_for_selector(f"#{place} .js-plotly-plot .main-svg")
        page.wait_for_selector(".desk .skeleton", state="detached")
        wait_until_ready(page)
        assert said.upper() in page.locator(".desk").inner_text().upper()
        assert complaints(page, colours_alone=face == "light") == []
        captions = page.locator("figure figcaption").all()
        assert captions
        for caption in captions:
            assert len(caption.inner_text()) > 20  # what the chart shows, and how old it is
        assert page.locator("figure .figure__chart").count() == page.locator("figcaption .as-of").count()


def test_a_choice_is_kept_in_the_address_and_values_are_live(browser: Any, town: Town):
    stream = town.stream(AIR, "no2")
    with visit(browser, town.url + "/environment?lang=en") as page:
        page.click(f'[data-choose="environment-station"][data-value="{AIR}"]')
        page.wait_for_selector(f'.desk__row--chosen[data-value="{AIR}"]')
        page.wait_for_url(f"**station={AIR}*")
        page.wait_for_selector(f'[data-stream-id="{stream}"]')
        town.commit([stream], [43.2])
        page.locator(f'[data-stream-id="{stream}"] .value__number', has_text="43.2").wait_for()
