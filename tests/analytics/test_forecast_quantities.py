"""Early warnings of load, dust and water on a street: before a crossing, and of no ordinary day."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.typing import NDArray

from analytics.forecasting import features
from analytics.forecasting.model import Model
from analytics.roster import Rows
from analytics.times import DAY, HOUR
from telemetry.alerts import Finding, FindingState
from telemetry.devices import Device
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, MONDAY

Floats = NDArray[np.float64]

TRANSFORMER = worlds.device("transformer-9", "transformer", "current_a", interval_s=300.0)
AIR = worlds.device("air-9", "air_station", "pm2_5", interval_s=300.0)
STREET = worlds.device("street-9", "flood_gauge", "water_level_m", interval_s=300.0)
RAIN = worlds.device("rain-9", "rain_gauge", "rain_mmph", interval_s=300.0)
WEEK = 7
TIMES = np.arange(MONDAY, MONDAY + (WEEK + 2) * DAY, 5 * MINUTE)
THEN = MONDAY + WEEK * DAY
DRY = np.zeros(len(TIMES))


def swing(weather: float) -> Floats:
    """Days about 1 that peak at 18:00, times what lasts for hours and what (sd ``weather``) for a day."""
    draw = np.random.default_rng(7)
    hour = (TIMES - MONDAY) / HOUR
    wander = np.interp(hour / 2.0, np.arange(120), draw.normal(0.0, 0.02, 120))
    wander += np.interp(hour / 22.0, np.arange(12), draw.normal(0.0, weather, 12))
    return (1.0 + 0.3 * np.cos((hour - 18.0) * np.pi / 12.0)) * np.exp(wander)


def pond(rain: Floats) -> Floats:
    """Metres on a street: what sewers leave of the rain gathers late and drains within the hour."""
    depth = np.zeros(len(rain))
    for i in range(7, len(rain)):
        depth[i] = 0.92 * depth[i - 1] + max(rain[i - 6] - 25.0, 0.0) * 4e-4
    return depth + np.abs(np.random.default_rng(3).normal(0.0, 0.002, len(rain)))


def storms(*hours: float, mmph: float) -> Floats:
    """Rain of an hour and a half from each of these hours after `MONDAY`."""
    since = (TIMES[:, None] - MONDAY) / HOUR - np.array(hours)
    return mmph * ((since >= 0) & (since < 1.5)).any(axis=1)


def told(
    device: Device, limit: float, values: Floats, rain: Floats, averaging_s: float = 0.0, **params: object
) -> list[Finding]:
    """What is told of the two days after a week that was learnt from."""
    metric = device.metrics[0]
    threshold = worlds.threshold(
        metric=metric, family="test", limit=limit, clear=0.95 * limit, averaging_s=averaging_s
    )
    stage = worlds.stage("forecast", where=worlds.city((threshold,)), **params)
    who = worlds.roster((device, RAIN))
    stage.extend(who)
    old = int((TIMES < THEN).sum())
    columns = np.stack((values, rain))
    streams = np.repeat([0, 1], old)
    past = Rows(streams, np.tile(TIMES[:old], 2), columns[:, :old].ravel())
    stage.detector.learn(stage.detector.fit(who, past))
    stage.detector.warm(past.take(np.argsort(past.times, kind="stable")), THEN)
    batches = zip(TIMES[old:].tolist(), columns[:, old:].T, strict=True)
    return [f for at, now in batches for f in stage.score(Rows(np.arange(2), np.full(2, at), now), at)]


def lead_min(found: list[Finding], crossed: int) -> float:
    """Minutes from the first warning to the crossing, microseconds."""
    raised = [f for f in found if f.state is FindingState.RAISED]
    assert raised, "nothing was warned of"
    return crossed / MINUTE - raised[0].at.timestamp() / 60.0


def first(values: Floats, limit: float) -> int:
    """When the limit is first passed after the week."""
    return int(TIMES[(TIMES >= THEN) & (values >= limit)][0])


GROWING = np.clip((TIMES - THEN) / (8.0 * HOUR), 0.0, 1.0)
"""From nothing at the end of the week to everything eight hours later."""
LOAD = 1000.0 * swing(0.02)
HOT = (1.0 + 0.15 * GROWING) * LOAD
AT_ONCE = {"warn_at": 0.7, "clear_at": 0.35, "min_duration_s": 0.0}


def test_an_overload_is_warned_of_before_the_peak() -> None:
    found = told(TRANSFORMER, 1400.0, HOT, DRY, **AT_ONCE)
    assert 15.0 <= lead_min(found, first(HOT, 1400.0)) <= 6.5 * 60.0


def test_an_ordinary_peak_is_not_warned_of() -> None:
    assert told(TRANSFORMER, 1500.0, LOAD, DRY, **AT_ONCE) == []


DUST = 30.0 * swing(0.2)
STILL = (1.0 + 0.9 * GROWING) * DUST
MEAN_24H = np.convolve(STILL, np.full(288, 1 / 288))[: len(STILL)]


def test_still_air_is_warned_of_before_the_mean_of_the_day_passes_its_limit() -> None:
    found = told(AIR, 45.0, STILL, DRY, averaging_s=86_400.0, warn_at=0.97)
    assert 20.0 <= lead_min(found, first(MEAN_24H, 45.0)) <= 6.5 * 60.0


def test_ordinary_dust_is_not_warned_of() -> None:
    assert told(AIR, 45.0, DUST, DRY, averaging_s=86_400.0, warn_at=0.97) == []


@pytest.fixture(scope="module")
def showers() -> Floats:
    return storms(15.0, 40.0, 64.0, 87.0, 112.0, 135.0, 160.0, mmph=60.0)


def test_rain_warns_of_water_that_is_not_on_the_street_yet(showers: Floats) -> None:
    rain = showers + storms(WEEK * 24 + 16.0, mmph=70.0)
    depth = pond(rain)
    found = told(STREET, 0.15, depth, rain, **AT_ONCE)
    assert 10.0 <= lead_min(found, first(depth, 0.15)) <= 90.0


def test_a_drizzle_warns_of_nothing(showers: Floats) -> None:
    rain = showers + storms(WEEK * 24 + 16.0, mmph=15.0)
    assert told(STREET, 0.15, pond(rain), rain, **AT_ONCE) == []


def test_more_rain_than_twice_what_was_seen_counts_as_that() -> None:
    model = Model.blank(1, 4)
    model.seen[:] = 2.0
    storm = np.full((1, features.FEATURES - 1), 9.0)
    bounded = model.within(np.zeros(1, np.int64), storm)
    assert (bounded[:, features.RAIN] == 4.0).all()
    assert bounded[0, : features.RAIN.start].tolist() == storm[0, : features.RAIN.start].tolist()
    assert (storm == 9.0).all(), "left as it was"
