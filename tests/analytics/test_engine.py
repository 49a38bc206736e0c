"""The engine on a real store: each committed reading scored once, whatever dies."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import numpy as np
import psycopg
import pytest

from analytics import recovery
from analytics.live import CONSUMER, MODELS, LiveEngine
from analytics.recovery import start
from analytics.roster import Rows
from analytics.times import HOUR, SECOND, micros, moment
from store.alerts import list_alerts, list_events, list_live
from store.anomalies import list_standing
from store.batches import heads, prune
from store.devices import list_streams, upsert_devices
from store.locks import try_lock
from store.offsets import get_offsets
from store.pool import connect
from store.quality import list_intervals
from store.series import read_curves
from store.snapshots import load_snapshot, save_snapshot
from telemetry.alerts import AlertStatus, Severity
from telemetry.detection import Configuration, DetectorSpec
from telemetry.quality import Fault
from tests.analytics import worlds
from tests.analytics.towns import Town, make_town, town
from tests.analytics.worlds import MINUTE, START, Commit

__all__ = ["make_town", "town"]  # fixtures

GAUGE, ROAD, AIR, FEEDER, ROAD_2 = range(5)
N = 90


def eventful() -> list[Commit]:
    feed = worlds.minutes(worlds.roster(), N)
    feed = worlds.with_values(feed, GAUGE, 12, [1.45, 1.52, 1.7, 1.7, 1.58, 1.5, 1.4, 1.2])
    feed = worlds.with_values(feed, ROAD, 14, [6.0 + 0.1 * (i % 7) for i in range(30)])
    feed = worlds.with_values(feed, FEEDER, 20, [118.5] * 30)
    return worlds.without(feed, AIR, 30, 50)


def consume_all(town: Town, engine: LiveEngine) -> None:
    while engine.consume(town.conn):
        pass


def test_all_detectors_find_their_own(town: Town) -> None:
    engine = town.engine()
    town.commit_all(eventful())
    consume_all(town, engine)
    rules = {alert.rule for alert in list_alerts(town.conn)}
    assert rules == {"limit:tide", "seasonal", "silence", "stuck"}
    assert all(alert.status is AlertStatus.RESOLVED for alert in list_alerts(town.conn))
    assert get_offsets(town.conn, CONSUMER) == heads(town.conn) == {"ingest-1": N}
    assert engine.counts.scored == sum(len(commit.rows) for commit in eventful())
    assert engine.gaps == engine.counts.strangers == 0


def timely(feed: list[Commit]) -> list[Commit]:
    """The feed, of which for most of the time the feeder's clock is some four minutes behind."""
    behind = np.where(np.arange(len(feed[0].rows)) == FEEDER, -250, 0) * SECOND
    return [
        replace(c, rows=replace(c.rows, times=c.rows.times + behind)) if 15 <= i < 70 else c
        for i, c in enumerate(feed)
    ]


@pytest.mark.parametrize("crashes", [[], [17, 27, 28, 44, 77]], ids=["calm", "stormy"])
def test_a_wrong_clock_is_told_and_marks_all_the_device_says(
    make_town: Callable[[], Town], monkeypatch: pytest.MonkeyPatch, crashes: list[int]
) -> None:
    """From what was committed when, whoever dies: the alert, and the interval of the times in doubt."""
    clock = DetectorSpec("clock", "clock")
    monkeypatch.setattr(worlds, "PLAIN", Configuration((*worlds.PLAIN.detector, clock)))
    here, feed = make_town(), timely(worlds.minutes(worlds.roster(), N))
    engine = here.engine()
    for i, commit in enumerate(feed):
        here.commit(commit)
        engine.consume(here.conn)
        if i in crashes:
            if i % 2:
                engine.save(here.conn, commit.now)
            engine = here.engine()
    (alert,) = list_alerts(here.conn)
    assert (alert.rule, alert.severity, alert.status) == ("clock", Severity.MINOR, AlertStatus.RESOLVED)
    assert [moment(time).minute for time in (micros(alert.opened_at), micros(alert.resolved_at))] == [30, 15]
    stream = int(here.ids[FEEDER])
    (interval,) = list_intervals(here.conn, [stream], moment(START), moment(START + 2 * HOUR))
    assert interval.kind is Fault.CLOCK
    assert interval.detail["offset_s"] == pytest.approx(-250, abs=1)
    curves = read_curves(here.conn, [stream], moment(START), moment(feed[-1].now + SECOND), 1_000)
    wrong = curves.bad > 0
    committed = {int(c.rows.times[FEEDER]) for c in feed[15:70]}
    assert committed <= set(curves.times[wrong].tolist())
    assert wrong.sum() <= len(committed) + 10


CRASHES = {
    "every few batches": [7, 13, 14, 22, 33, 41, 47, 58, 71],
    "once, long after the snapshot": [60],
    "in the middle of everything": [32],
}


@pytest.mark.parametrize("crashes", CRASHES.values(), ids=CRASHES)
def test_crashes_change_nothing(make_town: Callable[[], Town], crashes: list[int]) -> None:
    feed = eventful()
    calm, stormy = make_town(), make_town()
    engine = calm.engine()
    for commit in feed:
        calm.commit(commit)
        engine.consume(calm.conn)
    engine = stormy.engine()
    for first, after in pairwise([0, *crashes, N]):
        for i in range(first, after):
            stormy.commit(feed[i])
            engine.consume(stormy.conn)
            if i % 10 == 5 and len(crashes) > 1:
                engine.save(stormy.conn, feed[i].now)
        engine = stormy.engine()  # the one before is gone without a word
    assert stormy.anomalies() == calm.anomalies()
    assert stormy.happenings() == calm.happenings()
    assert len(calm.anomalies()) >= 4


def die_inside(town: Town, engine: LiveEngine, doomed: psycopg.Connection) -> None:
    """Score everything there is and lose the connection before the commit."""
    with doomed.transaction():
        assert engine.consume(doomed) == 20
        town.conn.execute("SELECT pg_terminate_backend(%s)", (doomed.info.backend_pid,))
        doomed.execute("SELECT 1")


def test_dying_inside_the_transaction_takes_everything_back(town: Town) -> None:
    engine = town.engine()
    town.commit_all(eventful()[:20])
    before = town.anomalies()
    with connect(town.url, name="test", autocommit=True) as doomed, pytest.raises(psycopg.OperationalError):
        die_inside(town, engine, doomed)
    assert town.anomalies() == before == []
    assert get_offsets(town.conn, CONSUMER) == {}
    consume_all(town, town.engine())
    keys = [row[0] for row in town.anomalies()]
    assert len(keys) == len(set(keys)) > 0
    assert get_offsets(town.conn, CONSUMER) == {"ingest-1": 20}


def test_history_and_log_meet_without_a_gap(town: Town) -> None:
    """What was committed before the first start is history; what comes after is scored."""
    town.commit_all(eventful()[:14])
    engine = town.engine(now=eventful()[13].now)
    assert town.anomalies() == []
    for commit in eventful()[14:16]:
        town.commit(commit)
    consume_all(town, engine)
    assert [row[0] for row in town.anomalies()] == [f"limit:{town.ids[GAUGE]}:tide:high"]
    assert engine.counts.batches == 2


def test_a_pruned_log_means_warming_up_again(town: Town) -> None:
    feed = eventful()
    engine = town.engine()
    town.commit_all(feed[:16])
    consume_all(town, engine)
    assert len(list_live(town.conn)) == 1
    town.commit_all(feed[16:40])
    prune(town.conn, moment(feed[30].now))
    engine = town.engine(now=feed[39].now)
    assert engine.offsets == {"ingest-1": 40}
    assert [anomaly.rule for anomaly in list_standing(town.conn)] == ["limit:tide"]
    town.commit(feed[40])
    consume_all(town, engine)
    assert list_live(town.conn) == [], "the gauge is back to normal, which ends what stood"


@pytest.mark.parametrize("state", [b"", b"PK\x03\x04 rubbish", "models"], ids=["empty", "damaged", "other"])
def test_a_snapshot_that_cannot_be_used_is_left_aside(town: Town, state: bytes | str) -> None:
    engine = town.engine()
    town.commit_all(eventful()[:5])
    consume_all(town, engine)
    if isinstance(state, str):
        learnt = load_snapshot(town.conn, MODELS)
        assert learnt is not None
        state = learnt.state
    save_snapshot(town.conn, CONSUMER, engine.offsets, state)
    engine = town.engine(now=eventful()[4].now)
    town.commit(eventful()[12])
    consume_all(town, engine)
    assert len(list_live(town.conn)) == 1


def test_devices_registered_under_way(town: Town) -> None:
    engine = town.engine()
    fresh = worlds.device("gauge-9", "tide_gauge", "water_level_m")
    with town.conn.transaction():
        upsert_devices(town.conn, [fresh])
    (stream,) = list_streams(town.conn, "gauge-9")
    town.ids = np.append(town.ids, stream.stream_id)
    feed = worlds.minutes(worlds.roster(), 2)
    rows = Rows(np.array([5]), feed[0].rows.times[:1], np.array([2.0]))
    town.commit(Commit(rows, feed[0].now))
    consume_all(town, engine)
    (alert,) = list_live(town.conn)
    assert alert.device_id == "gauge-9"
    engine = town.engine()
    assert len(engine.core.roster) == 6


def test_readings_nobody_knows_are_counted_and_passed(town: Town) -> None:
    engine = town.engine()
    town.ids = np.append(town.ids, [9_999])
    feed = worlds.minutes(worlds.roster(), 1)
    town.commit(Commit(Rows(np.array([5, 0]), np.array([START, START]), np.array([1.0, 2.0])), feed[0].now))
    consume_all(town, engine)
    assert (engine.counts.strangers, engine.counts.scored) == (1, 1)
    assert len(list_live(town.conn)) == 1


def test_two_ingestors(town: Town) -> None:
    engine = town.engine()
    feed = eventful()
    halves = [(np.isin(commit.rows.streams, [GAUGE, AIR]), commit) for commit in feed]
    for mask, commit in halves:
        town.commit(Commit(commit.rows.take(mask), commit.now), "ingest-1")
        town.commit(Commit(commit.rows.take(~mask), commit.now), "ingest-2")
    town_seqs = heads(town.conn)
    consume_all(town, engine)
    assert get_offsets(town.conn, CONSUMER) == town_seqs
    assert {alert.rule for alert in list_alerts(town.conn)} == {"limit:tide", "seasonal", "silence", "stuck"}


def test_alerts_whose_threshold_was_removed_are_ended(town: Town) -> None:
    engine = town.engine()
    town.commit_all(eventful()[:16])
    consume_all(town, engine)
    assert len(list_live(town.conn)) == 1
    start(town.conn, worlds.city(thresholds=()), eventful()[15].now)
    assert list_live(town.conn) == []
    (alert,) = list_alerts(town.conn)
    assert alert.status is AlertStatus.RESOLVED
    assert [event.kind for event in list_events(town.conn, alert.alert_id)][-1] == "resolved"


def test_ticks_without_batches(town: Town) -> None:
    engine = town.engine()
    feed = worlds.without(worlds.minutes(worlds.roster(), 6), AIR, 2, 6)
    town.commit_all(feed[:5])
    consume_all(town, engine)
    engine.tick(town.conn, feed[4].now + 5 * SECOND)
    assert list_standing(town.conn) == [], "time without entries passes once they would be seen"
    engine.tick(town.conn, feed[4].now + 30 * SECOND)
    assert [anomaly.key for anomaly in list_standing(town.conn)] == ["silence:air-1"]


@pytest.mark.parametrize("crash", [False, True], ids=["alive", "killed"])
def test_a_finding_between_batches_is_told_once(make_town: Callable[[], Town], crash: bool) -> None:
    feed = worlds.without(worlds.minutes(worlds.roster(), 8), AIR, 2, 7)
    calm, stormy = make_town(), make_town()
    engine = calm.engine()
    for commit in feed:
        calm.commit(commit)
        consume_all(calm, engine)
    engine = stormy.engine()
    for i, commit in enumerate(feed):
        stormy.commit(commit)
        consume_all(stormy, engine)
        for later_s in (11, 20, 33) if i < 7 else ():
            engine.tick(stormy.conn, commit.now + later_s * SECOND)
            engine = stormy.engine() if crash else engine
    assert stormy.anomalies() == calm.anomalies()
    assert stormy.happenings() == calm.happenings()
    assert [row[1] for row in calm.happenings()] == ["opened", "resolved"]


def test_logs_are_retraced_in_the_order_they_were_taken(town: Town) -> None:
    """Both logs hold readings of one stream, and the later entry was seen first."""
    engine = town.engine()
    early, late = worlds.minutes(worlds.roster(), 2)
    town.commit(late, "ingest-2")
    consume_all(town, engine)
    town.commit(early, "ingest-1")
    consume_all(town, engine)
    again = town.engine()
    for name, table in engine.core.state().items():
        for column, values in table.items():
            np.testing.assert_array_equal(again.core.state()[name][column], values, f"{name} {column}")


def test_a_start_that_died_while_warming_misses_nothing(
    make_town: Callable[[], Town], monkeypatch: pytest.MonkeyPatch
) -> None:
    def die(*_: object) -> None:
        raise psycopg.OperationalError("gone")

    calm, stormy = make_town(), make_town()
    engine = calm.engine()
    with monkeypatch.context() as patched:
        patched.setattr(recovery, "warm_up", die)
        with pytest.raises(psycopg.OperationalError):
            stormy.engine()
    calm.commit_all(eventful()[:20])
    stormy.commit_all(eventful()[:20])
    consume_all(calm, engine)
    consume_all(stormy, stormy.engine(now=eventful()[19].now))
    assert stormy.anomalies() == calm.anomalies() != []
    assert stormy.happenings() == calm.happenings()


def test_fresh_models_survive_a_restart(town: Town) -> None:
    engine = town.engine()
    fitted = {"stuck": {"stream": town.ids.astype(np.int32), "usual_s": np.full(5, 7_200.0)}}
    engine.learn(town.conn, fitted, START + MINUTE)
    again = town.engine(now=START + 2 * MINUTE)
    assert again.fitted == START + MINUTE
    (stuck,) = [stage for stage in again.core.pipeline.stages if stage.name == "stuck"]
    assert stuck.detector.models()["usual_s"].tolist() == [7_200.0] * 5


def test_a_lock_has_one_holder(town: Town) -> None:
    with connect(town.url, name="a", autocommit=True) as first:
        assert try_lock(first, "analytics")
        assert not try_lock(town.conn, "analytics")
    worlds.wait_for(lambda: try_lock(town.conn, "analytics"))  # the server notices a little later
