"""The bench process and its children, on a real database."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from analytics.backtest import record
from analytics.backtest.bench import Progress
from analytics.backtest.chores import Chores
from analytics.backtest.play import Cancelled
from analytics.backtest.record import carry_out, plan_of, request_of
from analytics.backtest.worker import Bench, Child
from store import backtests, labels, shadows
from telemetry.detection import Configuration, DetectorSpec, Selector
from telemetry.errors import ConfigError
from telemetry.labels import Label
from tests.analytics import worlds
from tests.analytics.backtest import histories
from tests.analytics.towns import Town, make_town, town
from tests.analytics.worlds import wait_for

__all__ = ["make_town", "town"]  # fixtures

PLAN = histories.plan(select=(Selector(metric=("water_level_m",)),))
SLEEPER = [sys.executable, "-c", "import sys; sys.stdin.read()"]


def ask(conn: psycopg.Connection, n: int = 1, *, attended: bool = False) -> list[int]:
    with conn.transaction():
        runs = backtests.request_runs(conn, [request_of(PLAN, "an", name="try", attended=attended)] * n)
    return [run.backtest_run_id for run in runs]


def test_a_plan_is_kept_as_it_was(town: Town) -> None:
    (one,) = ask(town.conn)
    assert plan_of(backtests.get_run(town.conn, one)) == PLAN


def test_an_option_nobody_knows_is_named(town: Town) -> None:
    (one,) = ask(town.conn)
    town.conn.execute("""UPDATE backtest_run SET options = '{"refit_h": 24, "speed": 3}'""")
    with pytest.raises(ConfigError, match="speed"):
        plan_of(backtests.get_run(town.conn, one))


def test_runs_are_carried_out_and_kept(town: Town) -> None:
    town.commit_all(histories.eventful())
    ids = ask(town.conn, 2)
    runs = [backtests.begin(town.conn, one, "w") for one in ids]
    carry_out(town.url, runs, worlds.city(), "w")
    for one in ids:
        kept = backtests.get_run(town.conn, one)
        assert kept.status == "done"
        assert kept.result is not None
        assert kept.result["metrics"]["episodes"] == 1
        (episode,) = backtests.list_episodes(town.conn, one)
        assert episode.rule == "limit:tide"


def test_a_run_that_cannot_be_done_says_why(town: Town) -> None:
    (one,) = ask(town.conn)
    run = backtests.begin(town.conn, one, "w")
    with pytest.raises(ConfigError):
        carry_out(town.url, [run], worlds.city(), "w", scheduler="nowhere://")
    kept = backtests.get_run(town.conn, one)
    assert kept.status == "failed"
    assert "no Dask scheduler answers at nowhere://" in kept.error


def test_a_run_is_told_to_stop_by_its_row(town: Town, monkeypatch: pytest.MonkeyPatch) -> None:
    """The first time it says how far it is."""
    town.commit_all(histories.eventful())
    (one,) = ask(town.conn)
    run = backtests.begin(town.conn, one, "w")
    backtests.cancel(town.conn, one, "an")
    with pytest.raises(Cancelled):
        carry_out(town.url, [run], worlds.city(), "w")
    assert backtests.get_run(town.conn, one).status == "cancelled"


@pytest.fixture
def bench() -> Iterator[Bench]:
    made = Bench(Child([*SLEEPER]), Child([*SLEEPER]))
    yield made
    made.stop()


def test_a_child_is_started_when_there_is_something_to_do(town: Town, bench: Bench) -> None:
    bench.look(town.conn)
    assert not bench.backtest.is_running
    ask(town.conn)
    bench.look(town.conn)
    assert bench.backtest.is_running
    bench.stop()
    assert not bench.backtest.is_running


def test_what_a_killed_child_left_waits_again(town: Town, bench: Bench) -> None:
    (one,) = ask(town.conn)
    bench.look(town.conn)
    name, process = bench.backtest.name, bench.backtest.process
    assert process is not None
    backtests.begin(town.conn, one, name)
    os.kill(process.pid, signal.SIGKILL)
    process.wait(10)
    bench.look(town.conn)
    assert backtests.get_run(town.conn, one).status == "queued"
    assert bench.backtest.is_running, "another has been started for it"
    assert bench.backtest.name != name


def test_the_shadows_process_lives_as_long_as_the_shadow(town: Town, bench: Bench) -> None:
    bench.look(town.conn)
    assert not bench.shadow.is_running
    configuration = Configuration((DetectorSpec("limits", "limits"),)).to_document()
    shadow = shadows.start(town.conn, configuration, "abc", "an", "to see")
    bench.look(town.conn)
    assert bench.shadow.is_running
    shadows.stop(town.conn, shadow.shadow_id, "an")
    bench.look(town.conn)
    assert not bench.shadow.is_running


def test_shadows_are_graded_and_old_runs_forgotten(town: Town) -> None:
    """Against labels of its time, by the bench process; not again at once."""
    (old,) = ask(town.conn)
    backtests.cancel(town.conn, old, "an")
    shadow = shadows.start(town.conn, histories.PLAIN.to_document(), "abc", "an", "to see")
    chores, now = Chores(worlds.city(), 30), datetime.now(UTC)
    chores.look(town.conn, now)
    assert shadows.get(town.conn, shadow.shadow_id).grades is None, "there are no labels"
    event = Label("flood", ("gauge-1",), now, now + timedelta(minutes=5), author="an")
    with town.conn.transaction():
        labels.add_label(town.conn, event)
    chores.look(town.conn, now + timedelta(minutes=1))
    assert shadows.get(town.conn, shadow.shadow_id).grades is None, "not yet again"
    chores.look(town.conn, now + timedelta(days=31))
    grades = shadows.get(town.conn, shadow.shadow_id).grades
    assert grades is not None
    assert (grades["live"]["recall"], grades["shadow"]["recall"]) == (0.0, 0.0)
    assert backtests.list_runs(town.conn) == []


def test_a_child_that_fails_again_and_again_is_waited_for_longer() -> None:
    child = Child([sys.executable, "-c", "raise SystemExit(3)"])
    pauses: list[float] = []
    for _ in range(3):
        child.not_before = 0.0
        child.start()
        wait_for(child.ended)
        pauses.append(child.not_before - time.monotonic())
    assert pauses[0] <= 0.0 < pauses[1] <= 1.0 < pauses[2] <= 3.0
    child.start()
    assert not child.is_running, "not yet"


def test_children_end_with_their_parent(town: Town) -> None:
    """However it ends: their standard input closes."""
    child = Child(SLEEPER)
    child.start()
    process = child.process
    assert process is not None
    assert process.stdin is not None
    process.stdin.close()
    wait_for(lambda: process.poll() is not None)


def test_progress_is_written_down(town: Town) -> None:
    (one,) = ask(town.conn)
    run = backtests.begin(town.conn, one, "w")
    keeper = record._Keeper(town.conn, [run], "w", None)
    keeper.note(Progress(0.25, 1_000))
    kept = backtests.get_run(town.conn, one)
    assert (kept.progress, kept.readings) == (0.25, 1_000)
    assert threading.active_count() >= 1
