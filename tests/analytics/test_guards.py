"""A bad sensor raises its own alarm and none of the city's; what truly happens is told all the same."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import pytest

from analytics.blocks import join
from analytics.detectors.steps import fit_steps
from analytics.engine import Engine
from analytics.roster import Roster, Rows
from analytics.stages import make_pipeline
from analytics.times import moment
from telemetry.alerts import Finding, FindingState
from telemetry.detection.configuration import Configuration, DetectorSpec
from telemetry.quality import bad_spans
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, START, Commit

GAUGE, AIR_PM, AIR_NO2, FEEDER_KW, FEEDER_V = range(5)
DEVICES = (
    worlds.device("gauge-1", "tide_gauge", "water_level_m"),
    worlds.device("air-1", "air_station", "pm2_5", "no2"),
    worlds.device("feeder-1", "feeder", "active_power_kw", "voltage_v"),
)
LEVELS = {"no2": 40.0, "voltage_v": 220.0}


@pytest.fixture(autouse=True)
def usual_levels(monkeypatch: pytest.MonkeyPatch) -> None:
    for metric, level in LEVELS.items():
        monkeypatch.setitem(worlds._USUAL, metric, level)


def engine(kinds: Sequence[str] = ("jumps", "silence", "stuck", "limits", "seasonal")) -> Engine:
    """An engine that has learnt a quiet week of a gauge, an air station and a feeder."""
    who = worlds.roster(DEVICES)
    made = Engine(
        make_pipeline(worlds.city(devices=DEVICES), Configuration(tuple(DetectorSpec(k, k) for k in kinds)))
    )
    made.extend(list(who.streams), list(DEVICES))
    past = worlds.history(who, step=MINUTE)
    made.learn({s.name: s.detector.fit(made.roster, past) for s in made.pipeline.stages})
    return made


def told(feed: Sequence[Commit], made: Engine | None = None) -> list[Finding]:
    made = made or engine()
    found = [finding for commit in feed for finding in made.score_rows(commit.rows, commit.now)]
    return [finding for finding in found if finding.state is FindingState.RAISED]


def feed(stream: int, values: Sequence[float], n: int = 90) -> list[Commit]:
    return worlds.with_values(worlds.minutes(worlds.roster(DEVICES), n), stream, 20, values)


def level(minute: float) -> float:
    """The gauge's usual level in that minute."""
    return float(worlds.usual(worlds.roster(DEVICES), np.array([START + minute * MINUTE]), 2)[0, GAUGE])


def rules(found: Sequence[Finding]) -> set[str]:
    return {finding.rule for finding in found}


def test_spikes_of_a_gauge_raise_no_water_alarm() -> None:
    values = [1.9 if i % 9 == 0 else level(21 + i) for i in range(40)]
    assert rules(told(feed(GAUGE, values))) == {"spike"}


@pytest.mark.parametrize("every", [1, 5], ids=["each told", "a minute's together"])
def test_only_the_bad_readings_of_a_spiking_sensor_are_in_doubt(every: int) -> None:
    """Whenever they are told, one by one or several at once; those between them are good."""
    wild = {21: 1.9, 25: 1.9, 26: -0.4, 33: 1.9, 40: 1.9, 52: 1.9}
    values = [wild.get(i, level(i)) for i in range(21, 61)]
    commits = feed(GAUGE, values, n=200)
    made = engine()
    found = [
        finding
        for first in range(0, len(commits), every)
        for finding in made.score_rows(
            join([commit.rows for commit in commits[first : first + every]]), commits[first + every - 1].now
        )
        if finding.rule == "spike"
    ]
    assert [found[0].state, found[-1].state] == [FindingState.RAISED, FindingState.CLEARED]
    spans = {span for finding in found for span in bad_spans(finding)}
    bad = {
        minute
        for minute in range(1, 201)
        if any(start <= moment(START + minute * MINUTE) < end for start, end in spans)
    }
    assert bad == set(wild)


def test_impossible_levels_of_a_gauge_raise_no_water_alarm() -> None:
    assert rules(told(feed(GAUGE, [99.0] * 10))) == {"implausible"}


def test_a_stuck_sensor_raises_nothing_else_once_it_is_known() -> None:
    (only,) = told(feed(AIR_PM, [26.0] * 60))
    assert only.rule == "stuck"
    assert only.detail["lasted_s"] >= 15 * 60


def test_a_sensor_that_goes_back_and_forth_more_than_usual_is_noisy() -> None:
    """Three times its usual spread, which no single step would give away; over when it is quiet again."""
    shaken = np.random.default_rng(5).normal(28.0, 2.5, 50).tolist()
    made = engine()
    found = [
        one for commit in feed(AIR_PM, shaken, n=150) for one in made.score_rows(commit.rows, commit.now)
    ]
    noisy = [one for one in found if one.rule == "noisy"]
    assert [one.state for one in noisy] == [FindingState.RAISED, FindingState.CLEARED]
    assert noisy[0].detail["raise_at"] == 2.6
    assert 20 + 15 <= (noisy[0].at - moment(START)).total_seconds() / 60 <= 20 + 45


def test_what_goes_somewhere_is_not_noisy_however_fast() -> None:
    climbing = [28.0 + 3.0 * i for i in range(40)]
    assert "noisy" not in rules(told(feed(AIR_PM, climbing)))


def test_an_offset_of_one_of_a_stations_metrics_is_the_sensors() -> None:
    found = told(feed(AIR_PM, [120.0 + i % 3 for i in range(60)]))
    assert rules(found) == {"offset"}
    assert found[0].detail["before"] == pytest.approx(28, abs=5)
    assert found[0].at.minute == 23  # it leapt at 21; the reading after bears it out, the next one tells


@pytest.mark.parametrize("rise_m", [0.01, 0.05, 0.1])
def test_a_flood_is_told_without_delay(rise_m: float) -> None:
    """With guards the alarm comes in the very minute in which it comes without any."""
    values = [level(21) + rise_m * i for i in range(70)]
    with_guards = [f for f in told(feed(GAUGE, values)) if f.rule.startswith("limit:")]
    without = [f for f in told(feed(GAUGE, values), engine(["limits"])) if f.rule.startswith("limit:")]
    assert without
    assert [(f.key, f.at) for f in with_guards] == [(f.key, f.at) for f in without]


@pytest.mark.parametrize(
    ("values", "told_as"),
    [([0.0 if i % 9 == 0 else 40.0 for i in range(40)], {"spike"}), ([0.0] * 40, {"offset"})],
    ids=["now and then", "for good"],
)
def test_what_drops_to_nothing_is_wrong_however_little_it_was(values: list[float], told_as: set[str]) -> None:
    """By night a station's gas is less than what a minute by day may change it by."""
    made = engine(["jumps"])
    jumps = made.pipeline.guards[0].detector
    model = {name: column.copy() for name, column in jumps.models().items()}
    model["large"][AIR_NO2] = model["zigzag"][AIR_NO2] = 60.0
    jumps.learn(model)
    assert rules(told(feed(AIR_NO2, values), made)) == told_as
    model["zeros"][AIR_NO2] = 0.02
    again = engine(["jumps"])
    again.pipeline.guards[0].detector.learn(model)
    assert rules(told(feed(AIR_NO2, values), again)) == set(), "where nothing is usual it says nothing"


def test_a_tide_that_crosses_its_datum_is_no_drop_to_nothing() -> None:
    made = engine(["jumps"])
    values = [0.004 * (i % 2) for i in range(90)]
    assert rules(told(worlds.with_values(feed(GAUGE, []), GAUGE, 0, values), made)) == set()


def test_a_flood_that_leaps_is_told_by_the_next_reading() -> None:
    found = told(feed(GAUGE, [1.9 + 0.01 * i for i in range(60)]))
    limit = next(f for f in found if f.rule == "limit:tide")
    assert limit.at.minute == 22


def test_an_outage_is_no_fault_of_the_sensors() -> None:
    dark = feed(FEEDER_KW, [0.0] * 40)
    dark = worlds.with_values(dark, FEEDER_V, 20, [0.0] * 40)
    made = engine()
    assert {"offset", "spike", "stuck"}.isdisjoint(rules(told(dark, made)))
    assert made.counts.unfit <= 4  # the first reading of either metric, down and up again


def test_what_two_metrics_of_a_device_see_is_no_fault() -> None:
    cloud = feed(AIR_PM, [120.0 + i % 3 for i in range(40)])
    cloud = worlds.with_values(cloud, AIR_NO2, 20, [190.0 + i % 3 for i in range(40)])
    found = told(cloud)
    assert {"offset", "spike"}.isdisjoint(rules(found))
    assert "seasonal" in rules(found)


@pytest.mark.parametrize("kind", ["jumps", "stuck"])
def test_unfit_does_not_hang_on_how_readings_are_cut(kind: str) -> None:
    commits = feed(GAUGE, [1.9 if i % 9 == 0 else level(21 + i) for i in range(30)])
    commits = worlds.with_values(commits, AIR_PM, 30, [120.0] * 30)

    def marks(cut: int) -> list[tuple[int, int]]:
        made = engine([kind])
        guard = made.pipeline.guards[0].detector
        found: list[tuple[int, int]] = []
        for first in range(0, len(commits), cut):
            parts = [commit.rows for commit in commits[first : first + cut]]
            rows = Rows(
                *(np.concatenate([getattr(p, c) for p in parts]) for c in ("streams", "times", "values"))
            )
            order = np.random.default_rng(cut).permutation(len(rows))
            rows = rows.take(order)
            guard.score(rows, commits[min(first + cut, len(commits)) - 1].now)
            bad = guard.unfit(rows)
            found += zip(rows.streams[bad].tolist(), rows.times[bad].tolist(), strict=True)
        return sorted(found)

    assert marks(1)
    assert marks(1) == marks(7) == marks(len(commits))


def test_spikes_in_the_week_learnt_from_do_not_teach_that_they_are_usual() -> None:
    calm = np.cumsum(np.random.default_rng(1).normal(0, 0.02, 2_000))
    spoiled = calm.copy()
    spoiled[::25] += 5.0
    times = np.arange(2_000) * MINUTE

    def large(values: np.ndarray) -> float:
        return float(fit_steps(Rows(np.zeros(2_000, np.int64), times, values))[1]["large"][0])

    assert large(spoiled) < 3 * large(calm)


def test_roster_is_what_the_tests_say() -> None:
    who: Roster = worlds.roster(DEVICES)
    assert [s.metric for s in who.streams] == [
        "water_level_m", "pm2_5", "no2", "active_power_kw", "voltage_v",
    ]  # fmt: skip
