"""Backtests and shadows as rows: claimed once, given back, cancelled, compared."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import psycopg
import pytest

from store import audit, backtests, shadows
from store.backtests import MOST_ATTEMPTS, Request
from store.comparing import compare_runs, compare_shadow
from telemetry.alerts import Finding, FindingState, Severity
from telemetry.detection.episodes import Episode
from telemetry.errors import ConflictError, NotFoundError

START = datetime(2026, 5, 1, tzinfo=UTC)
ASKED = Request({"detector": []}, "abc", START, START + timedelta(days=2), "an", reason="why")
NOW = timedelta(seconds=-1)  # a clock may stand still between two statements


def episode(
    key: str, hour: float, hours: float | None = 1.0, stream_id: int = 7, rule: str = "stuck"
) -> Episode:
    at = START + timedelta(hours=hour)
    end = None if hours is None else at + timedelta(hours=hours)
    return Episode(key, "stuck", rule, stream_id, Severity.MINOR, at, end, 1.5, None, 2.5, 3.0)


def asked(conn: psycopg.Connection, n: int = 1, **changes: object) -> list[int]:
    with conn.transaction():
        runs = backtests.request_runs(conn, [replace(ASKED, **changes)] * n)
    return [run.backtest_run_id for run in runs]


def done(conn: psycopg.Connection, *episodes: Episode, **metrics: float) -> int:
    (one,) = asked(conn)
    backtests.begin(conn, one, "w")
    with conn.transaction():
        assert backtests.finish(conn, one, "w", {"metrics": metrics}, episodes)
    return one


def test_a_request_waits_is_begun_once_and_is_done(conn: psycopg.Connection) -> None:
    (one,) = asked(conn)
    assert backtests.count_waiting(conn)
    with conn.transaction():
        (run,) = backtests.begin_next(conn, "w")
    assert run is not None
    assert (run.backtest_run_id, run.status, run.attempts, run.worker) == (one, "running", 1, "w")
    assert backtests.begin_next(conn, "other") == []
    assert backtests.note(conn, one, "w", 0.5, 10)
    assert not backtests.note(conn, one, "other", 0.6, 11), "it is not theirs"
    found = [episode("stuck:7", 1), episode("stuck:8", 2, None, 8)]
    with conn.transaction():
        assert not backtests.finish(conn, one, "other", {}, [])
        assert backtests.finish(conn, one, "w", {"metrics": {"f1": 0.5}}, found)
    kept = backtests.get_run(conn, one)
    assert (kept.status, kept.progress, kept.result) == ("done", 1.0, {"metrics": {"f1": 0.5}})
    assert backtests.list_episodes(conn, one) == found
    assert not backtests.count_waiting(conn)
    assert audit.list_entries(conn)[0].action == "backtest.request"


def test_what_is_attended_is_not_taken_by_a_worker(conn: psycopg.Connection) -> None:
    (one,) = asked(conn, attended=True)
    assert not backtests.count_waiting(conn)
    assert backtests.begin_next(conn, "w") == []
    assert backtests.begin(conn, one, "me").status == "running"
    with pytest.raises(ConflictError):
        backtests.begin(conn, one, "another")


def test_of_a_sweep_several_are_begun_at_once(conn: psycopg.Connection) -> None:
    (alone,), family = asked(conn), asked(conn, 4)
    with conn.transaction():
        begun = [backtests.begin_next(conn, "w", most=3) for _ in range(4)]
    assert [[run.backtest_run_id for run in runs] for runs in begun] == [[alone], family[:3], family[3:], []]


def test_a_sweep_is_a_family(conn: psycopg.Connection) -> None:
    ids = asked(conn, 3)
    (alone,) = asked(conn)
    family = backtests.list_runs(conn, family_id=ids[0])
    assert [run.backtest_run_id for run in family] == ids[::-1]
    assert backtests.get_run(conn, alone).family_id is None
    assert len(backtests.list_runs(conn)) == 4


def test_a_dead_workers_run_waits_again_and_fails_in_the_end(conn: psycopg.Connection) -> None:
    (one,) = asked(conn)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert backtests.begin(conn, one, "w").attempts == attempt
        assert backtests.recover(conn) == [], "it was seen just now"
        assert backtests.recover(conn, NOW) == [one]
    run = backtests.get_run(conn, one)
    assert run.status == "failed"
    assert "ended without a word: w" in run.error
    assert backtests.recover(conn, NOW) == []


def test_a_worker_known_to_be_dead_is_not_waited_for(conn: psycopg.Connection) -> None:
    one, other = asked(conn, 2)
    backtests.begin(conn, one, "dead")
    backtests.begin(conn, other, "alive")
    assert backtests.recover(conn, worker="dead") == [one]
    assert backtests.get_run(conn, other).status == "running"


def test_one_at_a_terminal_is_not_begun_again(conn: psycopg.Connection) -> None:
    (one,) = asked(conn, attended=True)
    backtests.begin(conn, one, "terminal")
    assert backtests.recover(conn, NOW) == [one]
    assert backtests.get_run(conn, one).status == "failed"


def test_a_worker_that_has_to_stop_gives_its_run_back(conn: psycopg.Connection) -> None:
    (one,) = asked(conn)
    backtests.begin(conn, one, "w")
    backtests.give_back(conn, one, "w")
    run = backtests.get_run(conn, one)
    assert (run.status, run.attempts) == ("queued", 0)


def test_cancelling(conn: psycopg.Connection) -> None:
    waiting, running, dead = asked(conn, 3)
    assert backtests.cancel(conn, waiting, "an").status == "cancelled"
    with pytest.raises(ConflictError, match="it is cancelled"):
        backtests.cancel(conn, waiting, "an")
    with pytest.raises(NotFoundError):
        backtests.cancel(conn, 10**6, "an")
    backtests.begin(conn, running, "w")
    assert backtests.cancel(conn, running, "an").status == "running"
    assert not backtests.note(conn, running, "w", 0.1, 1), "which is how its worker learns of it"
    backtests.stop(conn, running, "w")
    assert backtests.get_run(conn, running).status == "cancelled"
    backtests.begin(conn, dead, "w")
    backtests.cancel(conn, dead, "an")
    backtests.recover(conn, NOW)
    assert backtests.get_run(conn, dead).status == "cancelled"


def test_runs_side_by_side(conn: psycopg.Connection) -> None:
    first = done(conn, episode("a", 1), episode("b", 5), episode("c", 9, None), f1=0.5, alarms=3)
    second = done(conn, episode("x", 1.5), episode("b", 5, 1, 8), episode("c", 12), f1=0.75)
    found = compare_runs(conn, first, second)
    assert (found.both, found.n_only_first, found.n_only_second) == (2, 1, 1)
    assert [one.key for one in found.only_first] == ["b"]
    assert found.only_second[0].stream_id == 8
    assert {row.name: row.difference for row in found.metrics} == {"f1": 0.25, "alarms": None}
    (waiting,) = asked(conn)
    with pytest.raises(ConflictError, match="queued"):
        compare_runs(conn, first, waiting)


def test_one_shadow_at_a_time(conn: psycopg.Connection) -> None:
    with conn.transaction():
        one = shadows.start(conn, {"detector": []}, "abc", "an", "to see", 3)
    assert shadows.running(conn) == one
    with pytest.raises(ConflictError, match="stop it first"):
        shadows.start(conn, {"detector": []}, "abc", "binh", "me too")
    assert shadows.stop(conn, one.shadow_id, "binh").stopped_by == "binh"
    assert shadows.running(conn) is None
    with pytest.raises(ConflictError):
        shadows.stop(conn, one.shadow_id, "binh")
    with pytest.raises(NotFoundError):
        shadows.stop(conn, 10**6, "binh")
    assert [entry.action for entry in audit.list_entries(conn)] == ["shadow.stop", "shadow.start"]


def test_a_shadows_findings(conn: psycopg.Connection) -> None:
    shadow = shadows.start(conn, {"detector": []}, "abc", "an", "to see").shadow_id

    def told(state: FindingState, hour: float, severity: Severity = Severity.MINOR) -> None:
        at = START + timedelta(hours=hour)
        finding = Finding("stuck:7", state, "stuck", "stuck", 7, severity, at, 1.0, score=hour)
        shadows.apply_findings(conn, shadow, [finding, finding])

    told(FindingState.RAISED, 1)
    told(FindingState.ONGOING, 2, Severity.MAJOR)
    (standing,) = shadows.list_standing(conn, shadow)
    assert (standing.severity, standing.score, standing.ended_at) == (Severity.MAJOR, 2.0, None)
    told(FindingState.CLEARED, 3)
    told(FindingState.RAISED, 5)
    day = (START, START + timedelta(days=1))
    assert len(shadows.list_episodes(conn, shadow, *day)) == 2
    found = compare_shadow(conn, shadow, *day)
    assert (found.both, found.n_only_first, found.n_only_second) == (0, 0, 2)
