"""Playing history: the findings are those of the live engine, however it is cut."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from analytics import blocks
from analytics.backtest import play as playing
from analytics.backtest.plan import Plan
from analytics.backtest.play import Cancelled, Part, World, play
from analytics.backtest.sources import ArraySource, Source, StoreSource
from analytics.times import micros, moment
from telemetry.alerts import Finding
from telemetry.detection.episodes import episodes_of
from telemetry.detection.trials import TrialOptions
from tests.analytics import worlds
from tests.analytics.backtest import histories
from tests.analytics.backtest.histories import N
from tests.analytics.towns import Town, make_town, town
from tests.analytics.worlds import DAY, MINUTE, START

__all__ = ["make_town", "town"]  # fixtures


def whole(source: Source) -> Part:
    return Part(tuple(stream.stream_id for stream in source.streams()))


def played(source: ArraySource, plan: Plan) -> list[Finding]:
    return play(histories.world(), source, plan, whole(source)).findings


@pytest.fixture
def feed() -> ArraySource:
    return histories.source(histories.eventful())


def test_live_and_backtest_find_the_same(town: Town) -> None:
    """Readings committed a second after each was measured, live and with steps of a second."""
    engine = town.engine()
    for commit in histories.eventful():
        town.commit(commit)
        engine.consume(town.conn)
    live = town.conn.execute(
        """SELECT key, severity, started_at, ended_at, value, score, detail - 'version'
        FROM anomaly ORDER BY started_at, key"""
    ).fetchall()
    source = StoreSource(town.url)
    world = World(worlds.city(), source.streams(), source.devices())
    plan = replace(histories.plan(), configuration=worlds.city().detection)
    found = play(world, source, plan, whole(source))
    assert [
        (e.key, str(e.severity), e.started_at, e.ended_at, e.value, e.score, dict(e.detail))
        for e in episodes_of(found.findings)
    ] == live
    assert {row[0].split(":")[0] for row in live} >= {"limit", "seasonal", "silence", "stuck"}
    assert found.scored == sum(len(commit.rows) for commit in histories.eventful())


@pytest.mark.parametrize("rows", [1, 7, 64], ids=lambda rows: f"blocks of {rows}")
def test_blocks_change_nothing(feed: ArraySource, rows: int, monkeypatch: pytest.MonkeyPatch) -> None:
    expected = played(feed, histories.plan())
    monkeypatch.setattr(playing, "_BLOCK_ROWS", rows)
    assert played(feed, histories.plan()) == expected
    assert len(expected) > 8


def test_coarser_steps_only_tell_of_silence_later(feed: ArraySource) -> None:
    """A step is how late readings arrive, so silence alone, which goes by that, may differ."""
    fine, coarse = (played(feed, histories.plan(cadence_s=s)) for s in (1.0, 20.0))
    assert [f for f in fine if f.rule != "silence"] == [f for f in coarse if f.rule != "silence"]
    late = [
        (b.at - a.at).total_seconds()
        for a, b in zip(*([f for f in found if f.rule == "silence"] for found in (fine, coarse)), strict=True)
    ]
    assert len(late) >= 2
    assert all(0 <= seconds <= 20 for seconds in late)


def test_what_comes_later_changes_nothing_before(feed: ArraySource) -> None:
    """Causal: scoring, and learning each half hour, look at the past alone."""
    plan = histories.plan(refit_h=0.5)
    cut = START + 47 * MINUTE
    before = [finding for finding in played(feed, plan) if micros(finding.at) < cut]
    columns = feed.columns
    wild = np.where(columns.times >= cut, 1e3, columns.values)
    changed = replace(feed, columns=replace(columns, values=wild))
    assert [finding for finding in played(changed, plan) if micros(finding.at) < cut] == before
    assert len(before) > 4


def test_fitting_goes_on_through_a_run() -> None:
    """A road whose usual speed changes for good alarms, and is learnt within the week after."""
    who = worlds.roster()
    days = 9
    times = np.arange(START - 7 * DAY, START + days * DAY, 5 * MINUTE)
    values = worlds.usual(who, times, seed=4)
    values[times >= START + DAY, 1] *= 0.3
    columns = worlds.Rows(
        np.tile(np.arange(len(who)), len(times)), np.repeat(times, len(who)), values.ravel()
    )
    source = histories.source_of(columns)

    def every(refit_h: float) -> Plan:
        wanted = TrialOptions(cadence_s=60.0, refit_h=refit_h)
        return Plan(histories.PLAIN, moment(START), moment(START + days * DAY), wanted)

    def standing(plan: Plan) -> list[str]:
        found = episodes_of(play(histories.world(), source, plan, whole(source)).findings)
        return [episode.key for episode in found if episode.rule == "seasonal" and episode.ended_at is None]

    assert standing(every(24.0 * days)) == ["seasonal:12"]
    assert standing(every(24.0)) == []


def test_others_keep_the_clock_going(feed: ArraySource) -> None:
    """A device's silence is told though nothing of its own part of the city is heard."""
    steps = feed.steps(START, START + (N + 1) * MINUTE, 1_000_000).numbers
    air = Part((feed.of_streams[histories.AIR].stream_id,), steps)
    alone = play(histories.world(), feed, histories.plan(), air)
    expected = [f for f in played(feed, histories.plan()) if f.key == "silence:air-1"]
    assert alone.findings == expected
    assert len(expected) >= 2
    deaf = play(histories.world(), feed, histories.plan(), Part(air.stream_ids))
    assert deaf.findings != expected


def test_a_run_can_be_cancelled(feed: ArraySource, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(playing, "_BLOCK_ROWS", 8)
    reached: list[int] = []

    def tell(at: int, _n: int) -> None:
        reached.append(at)
        if at >= START + 10 * MINUTE:
            raise Cancelled

    with pytest.raises(Cancelled):
        play(histories.world(), feed, histories.plan(), whole(feed), tell)
    assert reached[-1] < START + 14 * MINUTE


def test_a_month_goes_by_in_blocks(feed: ArraySource) -> None:
    """The block's rows and commits belong together."""
    rows = blocks.Rows(np.array([0, 1, 0, 1]), np.array([10, 11, 25, 39]), np.array([1.0, 2.0, 3.0, 4.0]))
    block = blocks.Block(rows, np.array([20, 30, 40]), np.array([2, 3, 4]))
    assert [(part.stop - part.start, now) for part, now in block.parts()] == [(2, 20), (1, 30), (1, 40)]
    fit = block.take(np.array([False, True, False, True]))
    assert [(part.stop - part.start, now) for part, now in fit.parts()] == [(1, 20), (0, 30), (1, 40)]
