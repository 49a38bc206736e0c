"""How fast a value changes: the slope itself, and limits on it."""

from __future__ import annotations

import numpy as np
import pytest

from analytics.detectors.slopes import RecentSlopes
from analytics.stages import Stage
from analytics.times import SECOND
from telemetry.detection import DetectorSpec
from telemetry.errors import ConfigError
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, START

GAUGE, FEEDER = 0, 3
ONE = np.zeros(1, np.int64)


def slope_of(values: list[float], step_us: int = MINUTE) -> float:
    slopes = RecentSlopes()
    slopes.add_windows(np.array([1]), np.array([600.0]), np.array([step_us / SECOND]))
    for place, value in enumerate(values):
        slopes.add(ONE, np.array([START + place * step_us]), np.array([value]))
    return float(slopes.per_h(ONE, np.array([START + (len(values) - 1) * step_us]))[0])


@pytest.mark.parametrize("per_minute", [0.01, -0.02, 0.0])
def test_the_slope_of_a_straight_line(per_minute: float) -> None:
    assert slope_of([1.0 + per_minute * i for i in range(30)]) == pytest.approx(60 * per_minute, abs=1e-9)


def test_a_slow_stream_gets_wider_buckets() -> None:
    assert slope_of([0.1 * i for i in range(8)], 5 * MINUTE) == pytest.approx(1.2)


def test_one_wild_reading_makes_less_of_a_slope_than_a_rise() -> None:
    quiet = [1.0] * 29
    risen = slope_of([*quiet, *(1.0 + 0.02 * i for i in range(1, 11))])
    assert abs(slope_of([*quiet, 1.2])) < 0.8 * risen


def test_a_silence_leaves_no_slope_across_it() -> None:
    slopes = RecentSlopes()
    slopes.add_windows(np.array([1]), np.array([600.0]), np.array([60.0]))
    for minute in (0, 1, 2, 60):
        slopes.add(ONE, np.array([START + minute * MINUTE]), np.array([float(minute)]))
    assert np.isnan(slopes.per_h(ONE, np.array([START + 60 * MINUTE])))[0]


RISE = {
    "key": "rise", "family": "level_rise", "metric": "water_level_m", "per_h": 0.3, "clear_per_h": 0.1,
    "name_vi": "Dâng nhanh", "name_en": "Rising fast",
}  # fmt: skip


def stage(*rates: dict[str, object]) -> Stage:
    made = worlds.stage("rates", rates=[{**RISE, **rate} for rate in rates])
    made.extend(worlds.roster())
    return made


def test_a_rise_begins_ends_and_says_how_fast() -> None:
    values = [0.8] * 20 + [0.8 + 0.01 * i for i in range(20)] + [1.0] * 20
    feed = worlds.with_values(worlds.minutes(worlds.roster(), 60), GAUGE, 0, values)
    found = worlds.flat(worlds.drive(stage({}), feed))
    assert [str(finding.state) for finding in found][:: len(found) - 1] == ["raised", "cleared"]
    first = found[0]
    assert (first.key, first.rule) == ("rate:11:level_rise:rise", "rate:level_rise")
    assert first.detail["per_h"] >= 0.3
    assert (first.detail["limit_per_h"], first.detail["confidence"]) == (0.3, "K")


def test_a_fall_is_another_matter_than_a_rise() -> None:
    falling = [120.0 - 2.0 * i for i in range(30)]
    feed = worlds.with_values(worlds.minutes(worlds.roster(), 30), FEEDER, 0, falling)
    fall = {"key": "shed", "family": "ramp", "metric": "active_power_kw", "per_h": 100.0, "clear_per_h": 50.0}
    found = worlds.flat(worlds.drive(stage({**fall, "direction": "fall"}), feed))
    assert found[0].key == "rate:14:ramp:fall"
    assert worlds.flat(worlds.drive(stage(fall), feed)) == []


@pytest.mark.parametrize(
    ("rate", "named"),
    [({"metric": "depth"}, "depth"), ({"clear_per_h": 2.0}, "clear_per_h"), ({"per_h": 0.0}, "per_h"),
     ({"colour": "red"}, "colour")],
    ids=["metric", "clear", "nought", "stranger"],
)  # fmt: skip
def test_what_is_wrong_is_named(rate: dict[str, object], named: str) -> None:
    with pytest.raises(ConfigError, match=named):
        DetectorSpec("r", "rates", params={"rates": [{**RISE, **rate}]}).parameters()


def test_a_key_stands_once() -> None:
    with pytest.raises(ConfigError, match="rise stands twice"):
        DetectorSpec("r", "rates", params={"rates": [RISE, RISE]}).parameters()
