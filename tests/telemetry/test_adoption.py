"""What a device must be, by what it sends."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from launch.config import load_city, load_settings
from telemetry.adoption import Guess, Heard, Wish, guess, make_device
from telemetry.city import City
from telemetry.devices import Device
from telemetry.errors import ConfigError
from telemetry.formats import Formats
from telemetry.metrics import Domain
from telemetry.settings import Format

T0 = 1_760_000_000_000_000
GUESSED = Guess(Domain.DRAINAGE, "flood_gauge", ("water_level_m",), 60.0, ())


@pytest.fixture(scope="module")
def city() -> City:
    return load_city(load_settings(environment={}))


def heard(body: object, topic: str = "city/environment/x/telemetry", after_s: float = 0) -> Heard:
    payload = body if isinstance(body, bytes) else json.dumps(body).encode()
    return Heard(T0 + round(after_s * 1e6), topic, payload)


def test_the_topic_tells_the_domain_the_payloads_the_rest(city: City) -> None:
    messages = [
        *(
            heard({"pm2_5": 9, "pm10": 20, "battery_pct": 80, "speed_kmh": 1}, after_s=58 * i)
            for i in range(5)
        ),
        heard(b"not json"),
        heard(b"online", "city/environment/x/status"),
    ]
    found = guess("x", messages, Formats(), city.devices)
    assert found == Guess(
        Domain.ENVIRONMENT, "air_station", ("pm2_5", "pm10", "battery_pct"), 60.0, ("speed_kmh",)
    )


def test_without_a_domain_in_the_topic_the_metrics_tell_it(city: City) -> None:
    formats = Formats((Format("packs", "senml_json"),))
    pack = [
        {"bn": "x/", "n": "voltage_v", "v": 230},
        {"n": "current_a", "v": 2},
        {"bn": "y/", "n": "co", "v": 1},
    ]
    found = guess("x", [heard(pack, "packs")], formats, city.devices)
    assert (found.domain, found.metrics, found.interval_s) == (
        Domain.ENERGY,
        ("voltage_v", "current_a"),
        30.0,
    )


def test_nothing_readable_is_no_guess(city: City) -> None:
    assert guess("x", [heard(b"\xff")], Formats(), city.devices) == Guess(None, "sensor", (), 60.0, ())
    with pytest.raises(ConfigError, match="which domain"):
        make_device("x", Guess(None, "sensor", (), 60.0, ()), Wish(), city)


def test_what_is_not_said_is_usual(city: City) -> None:
    device = make_device("x", GUESSED, Wish(), city)
    assert (device.name_vi, device.name_en, device.kind) == ("x", "x", "flood_gauge")
    assert (device.lat, device.lon) == city.center
    assert device.tags == {"position": "assumed"}
    assert device.zone in {zone.code for zone in city.zones}
    wish = Wish(name_vi="Trạm", lat=10.75, lon=106.67, zone="760", interval_s=5, metrics=("rain_mmph",))
    assert make_device("x", GUESSED, wish, city) == Device(
        "x", Domain.DRAINAGE, "flood_gauge", "Trạm", "Trạm", 10.75, 106.67, "760", 5, ("rain_mmph",)
    )


@pytest.mark.parametrize(
    ("name", "wish", "says"),
    [
        pytest.param("../x", Wish(), "no device id", id="name"),
        pytest.param("x", Wish(lat=1.0), "latitude and a longitude", id="half-a-place"),
        pytest.param("x", Wish(lat=91.0, lon=1.0), "no place", id="no-place"),
        pytest.param("x", Wish(lat=float("nan"), lon=1.0), "no place", id="nan"),
        pytest.param("x", Wish(zone="1"), "no zone", id="zone"),
        pytest.param("x", Wish(metrics=("speed_kmh",)), "not one of drainage", id="metric"),
        pytest.param("x", Wish(metrics=()), "no metric", id="no-metric"),
        pytest.param("x", Wish(interval_s=0.0), "interval", id="interval"),
        pytest.param("x", Wish(interval_s=float("inf")), "interval", id="infinite"),
        pytest.param("x", Wish(domain=Domain.DEVICE), "has no devices", id="domain"),
        pytest.param("x", Wish(name_vi="a\x00b"), "cannot be a name", id="control-character"),
        pytest.param("x", Wish(name_en="a" * 121), "cannot be a name", id="long-name"),
        pytest.param("x", Wish(kind="k\n"), "cannot be a kind", id="kind"),
    ],
)
def test_what_cannot_be_is_refused(city: City, name: str, wish: Wish, says: str) -> None:
    with pytest.raises(ConfigError, match=says):
        make_device(name, GUESSED, wish, replace(city))
