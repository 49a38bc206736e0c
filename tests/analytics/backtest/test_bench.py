"""The bench: runs, sweeps, and the same findings however the work is split."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import msgspec
import numpy as np
import psutil
import pytest
from distributed import LocalCluster

from analytics import ties
from analytics.backtest import (
    ArraySource,
    Cancelled,
    Plan,
    Progress,
    Run,
    StoreSource,
    Sweep,
    backtest,
    sweep,
)
from analytics.backtest import cluster as spreading
from analytics.backtest.bench import execute
from analytics.backtest.pictures import picture
from analytics.backtest.play import play
from analytics.backtest.shards import split
from analytics.backtest.sources import Steps
from analytics.times import micros
from store.detection import digest_of
from telemetry.detection import Configuration, DetectorSpec, Selector
from telemetry.detection.trials import TrialOptions
from telemetry.errors import ConfigError
from tests.analytics import worlds
from tests.analytics.backtest import histories
from tests.analytics.backtest.histories import EVERY, LABELS, PLAIN
from tests.analytics.towns import Town, make_town, town

__all__ = ["make_town", "town"]  # fixtures

PLAN = histories.plan()
SPAN = {"start": PLAN.start, "end": PLAN.end, "options": PLAN.options}
CITY = worlds.city()


@pytest.fixture(scope="module")
def feed() -> ArraySource:
    return histories.source(histories.eventful(), labels=LABELS)


@pytest.fixture(scope="module")
def run(feed: ArraySource) -> Run:
    return backtest(PLAIN, feed, CITY, **SPAN, workers=1)


@pytest.fixture(scope="module")
def cluster() -> Iterator[str]:
    """A Dask cluster of two processes, as one that others run."""
    options = {"threads_per_worker": 1, "memory_limit": 0, "silence_logs": 50, **spreading.LOOPBACK}
    with LocalCluster(n_workers=2, **options) as made:
        yield made.scheduler_address


def test_a_run_tells_what_it_found(run: Run) -> None:
    assert {episode.rule for episode in run.episodes} == {"limit:tide", "seasonal", "silence", "stuck"}
    metrics = run.metrics()
    assert (metrics["recall"], metrics["false_alarms"]) == (1.0, 0)
    assert metrics["episodes"] == len(run.episodes)
    assert [row["kind"] for row in run.to_rows()][-4:] == ["never", "always", "random", "periodic"]
    document = run.to_document()
    assert document["report"]["baselines"]["never"]["recall"] == 0.0
    assert document["counts"]["silence silence"] == 1
    assert "<table>" in run._repr_html_()


def test_scores_over_time_stand_beside_what_cannot_know(run: Run) -> None:
    assert run.report is not None
    scores = run.report.scores
    assert set(scores) == {
        "this",
        "silence",
        "stuck",
        "limits",
        "seasonal",
        "never",
        "always",
        "random",
        "periodic",
    }
    guesses = ("never", "always", "random", "periodic")
    for measure in ("vus_pr", "nab_standard", "nab_low_fp", "nab_low_fn"):
        assert scores["this"][measure] > max(0.0, *(scores[name][measure] for name in guesses)), measure
    assert scores["never"]["nab_standard"] == 0.0
    assert run.metrics()["vus_pr"] == scores["this"]["vus_pr"]


def test_without_labels_only_alarms_are_counted(feed: ArraySource) -> None:
    found = backtest(PLAIN, replace(feed, of_labels=()), CITY, **SPAN, workers=1)
    assert found.report is None
    assert set(found.metrics()) == {"episodes", "per_stream_day"}


def digest(configuration: Configuration) -> str:
    return digest_of(configuration.to_document())


def test_the_configuration_is_known_by_what_it_says() -> None:
    changed = PLAN.setting("stuck.params.least_repeats", 20.0).configuration
    assert digest(changed) != digest(PLAIN)
    assert digest(msgspec.json.decode(msgspec.json.encode(PLAIN), type=Configuration)) == digest(PLAIN)


@pytest.mark.parametrize(
    ("path", "value", "why"),
    [
        ("stuck.least_repeats", 20, "say DETECTOR.params.KEY"),
        ("stick.params.least_repeats", 20, "there is no detector 'stick'"),
        ("stuck.params.least_repeat", 20, "least_repeat"),
        ("stuck.params.least_repeats", "many", "least_repeats"),
        ("stuck.params.least_repeats", 1, "least_repeats"),
    ],
)
def test_what_cannot_be_set_is_named(path: str, value: object, why: str) -> None:
    with pytest.raises(ConfigError, match=why):
        PLAN.setting(path, value)


def parts_agree(feed: ArraySource, plan: Plan, least: int) -> int:
    """Play parts and the whole; how many findings both have."""
    world = histories.world()
    steps = feed.steps(micros(plan.start), micros(plan.end), world.cadence(plan))
    parts = split(world, plan, steps, least)
    assert sorted(i for part in parts for i in part.stream_ids) == [s.stream_id for s in world.streams]
    assert len(parts) == least
    findings = [finding for part in parts for finding in play(world, feed, plan, part).findings]
    (whole,) = split(world, plan, steps, 1)
    assert sorted(findings, key=repr) == sorted(play(world, feed, plan, whole).findings, key=repr)
    return len(findings)


@pytest.mark.parametrize("least", [2, 5], ids=lambda n: f"{n} parts")
def test_parts_find_what_the_whole_finds(feed: ArraySource, least: int) -> None:
    """Each device by itself, in the extreme: the city's clock is the whole city's."""
    parts_agree(feed, PLAN, least)


def test_parts_find_what_the_whole_finds_of_every_kind(feed: ArraySource) -> None:
    """Domain by domain, for kinds that see several devices."""
    assert parts_agree(feed, replace(PLAN, configuration=EVERY), 2) > 10


def apart(plan: Plan) -> list[set[int]]:
    """As many parts as there can be."""
    parts = split(histories.world(), plan, Steps(np.array([1]), np.array([1])), 5)
    return [set(part.stream_ids) for part in parts]


def test_tied_devices_stay_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """Those of a group; and a whole domain for a kind of which nothing is known."""
    assert {12, 15} not in apart(PLAN)
    kind = DetectorSpec("groups", "groups", params={"group_by": ("kind",)})
    assert {12, 15} in apart(replace(PLAN, configuration=Configuration((kind,))))
    monkeypatch.setattr(ties, "ALONE", ties.ALONE - {"limits"})
    assert {12, 15} in apart(PLAN)


def test_selected_streams_alone(feed: ArraySource, run: Run) -> None:
    options = TrialOptions((Selector(kind=("air_station",)),), cadence_s=1.0)
    found = backtest(PLAIN, feed, CITY, PLAN.start, PLAN.end, options=options, workers=1)
    assert found.episodes == tuple(one for one in run.episodes if one.key == "silence:air-1")
    assert (found.streams, found.devices) == (1, 1)


def test_other_processes_find_the_same(feed: ArraySource, run: Run) -> None:
    told: list[Progress] = []
    found = backtest(PLAIN, feed, CITY, **SPAN, workers=2, progress=told.append)
    assert found.episodes == run.episodes
    assert found.scored == run.scored
    assert found.metrics() == run.metrics()
    assert found.report is not None
    assert run.report is not None
    assert found.report.scores == run.report.scores
    assert 0.0 < told[-1].share <= 1.0


def test_a_cluster_finds_the_same_in_a_database(town: Town, run: Run, cluster: str) -> None:
    town.commit_all(histories.eventful())
    source = StoreSource(town.url)
    here = backtest(PLAIN, source, CITY, **SPAN, workers=1)
    there = backtest(PLAIN, source, CITY, **SPAN, scheduler=cluster)
    assert there.episodes == here.episodes
    assert len(here.episodes) == len(run.episodes)
    assert town.url not in repr(source)


def test_a_cluster_can_be_told_to_stop(feed: ArraySource, cluster: str) -> None:
    """And is free for the next run."""

    def watch(_: Progress) -> None:
        raise Cancelled

    with pytest.raises(Cancelled):
        backtest(PLAIN, feed, CITY, **SPAN, scheduler=cluster, progress=watch)
    assert backtest(PLAIN, feed, CITY, **SPAN, scheduler=cluster).episodes


def test_processes_listen_on_this_machine_alone(feed: ArraySource) -> None:
    """And two backtests at once are no trouble."""
    heard: list[set[str]] = []

    def listeners() -> set[str]:
        family = [psutil.Process(), *psutil.Process().children(recursive=True)]
        found = [c for process in family for c in process.net_connections("inet") if c.status == "LISTEN"]
        return {connection.laddr.ip for connection in found}

    with spreading._cluster(1, None), spreading._cluster(1, None):
        heard.append(listeners())
    assert heard == [{"127.0.0.1"}]


def test_a_cluster_that_is_not_there_is_named(feed: ArraySource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spreading, "_REACH_S", 0.5)
    with pytest.raises(ConfigError, match=r"no Dask scheduler answers at 127\.0\.0\.1:1"):
        backtest(PLAIN, feed, CITY, **SPAN, scheduler="127.0.0.1:1")


def test_a_sweep_is_sorted(feed: ArraySource, cluster: str) -> None:
    grid = {"stuck.params.least_repeats": [15, 40], "silence.params.intervals": [3.0, 60.0]}
    found = sweep(PLAIN, grid, feed, CITY, **SPAN, scheduler=cluster)
    assert [run.point for run in found.runs] == [
        {"stuck.params.least_repeats": r, "silence.params.intervals": i}
        for r in (15, 40)
        for i in (3.0, 60.0)
    ]
    best, *_, worst = found.sorted_by("recall")
    assert best.point == {"stuck.params.least_repeats": 15, "silence.params.intervals": 3.0}
    assert worst.point == {"stuck.params.least_repeats": 40, "silence.params.intervals": 60.0}
    assert (best.metrics()["recall"], worst.metrics()["recall"]) == (1.0, 0.5)
    assert found.to_rows("recall")[0]["recall"] == 1.0
    (bars,) = picture(found, "recall").data
    assert [bars.x[0], bars.x[-1]] == [1.0, 0.5]
    one = Sweep(tuple(replace(run, point={"a.params.b": i}) for i, run in enumerate(found.runs[::-1])))
    (curve,) = picture(one, "recall").data
    assert list(curve.x) == [0, 1, 2, 3]
    assert not picture(Sweep(()), "recall").data[0].x


def test_a_sweep_of_too_many_runs_is_refused(feed: ArraySource) -> None:
    grid = {"stuck.params.least_repeats": list(range(2, 32)), "silence.params.intervals": list(range(1, 31))}
    with pytest.raises(ConfigError, match="900 runs"):
        sweep(PLAIN, grid, feed, CITY, **SPAN)
    with pytest.raises(ConfigError, match="0 runs"):
        sweep(PLAIN, {"stuck.params.least_repeats": []}, feed, CITY, **SPAN)


def test_a_plan_that_cannot_be(feed: ArraySource) -> None:
    with pytest.raises(ConfigError, match="not before"):
        Plan(PLAIN, PLAN.end, PLAN.start)
    with pytest.raises(ConfigError, match="zone"):
        Plan(PLAIN, PLAN.start.replace(tzinfo=None), PLAN.end)
    with pytest.raises(ConfigError, match="refit_h"):
        Plan(PLAIN, PLAN.start, PLAN.end, TrialOptions(refit_h=0))
    assert execute([PLAN], feed, CITY, ["again"], workers=1)[0].name == "again"


def test_the_guides_example_runs(town: Town) -> None:
    town.commit_all(histories.eventful())
    guide = (Path(__file__).parents[3] / "docs" / "backtests.md").read_text()
    code = guide.partition("```python\n")[2].partition("```")[0]
    names = {"url": town.url, "city": CITY, "start": PLAN.start, "end": PLAN.end}
    exec(code, names)
    run, best = names["run"], names["best"]
    assert isinstance(run, Run)
    assert run.counts() == {"limits limit:tide": 1}
    assert isinstance(best, Run)
    assert set(best.point) == {"stuck.params.least_repeats"}
