"""Another configuration comes into force while readings are scored: nothing is told twice or lost."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import psycopg
import pytest

from analytics.candidate import Candidate, make_candidate, swap
from analytics.live import CONSUMER, LiveEngine
from analytics.reconfigure import Reconfigurer
from analytics.versions import read
from store import detection
from store.alerts import list_alerts, list_events, list_live
from store.anomalies import list_standing
from store.offsets import get_offsets
from store.pool import connect
from telemetry.alerts import AlertStatus
from telemetry.detection import Configuration, DetectorSpec, Selector
from tests.analytics import worlds
from tests.analytics.towns import Town, make_town, town
from tests.analytics.worlds import START, Commit, wait_for

__all__ = ["make_town", "town"]  # fixtures

GAUGE, ROAD, AIR, FEEDER, ROAD_2 = range(5)
N = 70
LEVELS = Selector(metric=("water_level_m",))

LIMITS = DetectorSpec("limits", "limits")
SEASONAL = DetectorSpec("seasonal", "seasonal")
SILENCE = DetectorSpec("silence", "silence")
STUCK = DetectorSpec("stuck", "stuck")
EAGER = DetectorSpec("stuck", "stuck", params={"least_repeats": 5})
MORE = DetectorSpec("levels", "limits", (LEVELS,))

CHANGED = Configuration((SILENCE, EAGER, LIMITS, MORE))
"""Seasonal gone, stuck changed, another one for levels; silence and limits stay."""


def eventful() -> list[Commit]:
    feed = worlds.minutes(worlds.roster(), N)
    feed = worlds.with_values(feed, GAUGE, 12, [1.45, 1.52, 1.7, 1.7, 1.58, 1.5, 1.4, 1.2])
    feed = worlds.with_values(feed, GAUGE, 36, [1.45, 1.52, 1.7, 1.7, 1.58, 1.5, 1.4, 1.2])
    feed = worlds.with_values(feed, ROAD, 14, [6.0 + 0.1 * (i % 7) for i in range(40)])
    feed = worlds.with_values(feed, FEEDER, 20, [118.5] * 40)
    return worlds.without(feed, AIR, 30, 50)


FEED = eventful()


def consume_all(town: Town, engine: LiveEngine) -> None:
    while engine.consume(town.conn):
        pass


def put(town: Town, engine: LiveEngine, first: int, after: int) -> None:
    """Commit and score some of the feed, one by one."""
    for commit in FEED[first:after]:
        town.commit(commit)
        engine.consume(town.conn)


def apply(town: Town, configuration: Configuration) -> int:
    with town.conn.transaction():
        return detection.apply(town.conn, configuration, "lan", "to see").version


def begin(town: Town, engine: LiveEngine, version: int, i: int) -> Candidate:
    """A candidate that is warmed from history up to commit ``i``."""
    candidate = make_candidate(engine, worlds.city(), read(town.conn, version))
    with connect(town.url, name="test", autocommit=True) as beside:
        candidate.warm(beside, lambda: FEED[i].now, threading.Event())
    return candidate


def put_in(town: Town, engine: LiveEngine, candidate: Candidate, i: int) -> None:
    candidate.catch_up(town.conn, engine)
    assert candidate.fits(engine)
    swap(town.conn, engine, candidate, FEED[i].now)


def names(engine: LiveEngine) -> list[str]:
    return [stage.name for stage in engine.core.pipeline.stages]


WARMED = 32


def undisturbed(town: Town, change: int = 40) -> None:
    """Warmed up at `WARMED`, put in at ``change``."""
    engine = town.engine()
    put(town, engine, 0, WARMED)
    version = apply(town, CHANGED)
    candidate = begin(town, engine, version, WARMED - 1)
    put(town, engine, WARMED, change)
    put_in(town, engine, candidate, change - 1)
    put(town, engine, change, N)


def test_a_change_takes_effect_between_two_batches(town: Town) -> None:
    undisturbed(town)
    engine = town.engine()
    assert names(engine) == ["silence", "stuck", "limits", "levels"]
    assert engine.version == 2
    assert get_offsets(town.conn, CONSUMER) == {"ingest-1": N}
    found = {(key.split(":")[0], detail["version"]) for key, *_, detail in town.anomalies()}
    assert found == {
        ("limit", 1),
        ("levels/limit", 2),
        ("seasonal", 1),
        ("silence", 1),
        ("stuck", 2),
    }


def test_what_is_no_longer_watched_is_ended(town: Town) -> None:
    engine = town.engine()
    put(town, engine, 0, WARMED)
    assert "seasonal" in {anomaly.detector for anomaly in list_standing(town.conn)}
    candidate = begin(town, engine, apply(town, CHANGED), WARMED - 1)
    put_in(town, engine, candidate, WARMED - 1)
    assert "seasonal" not in {anomaly.detector for anomaly in list_standing(town.conn)}
    (alert,) = [one for one in list_alerts(town.conn) if one.detector == "seasonal"]
    assert alert.status is AlertStatus.RESOLVED
    last = list_events(town.conn, alert.alert_id)[-1]
    assert (last.kind, last.detail["reason"]) == ("resolved", "no longer watched")


def test_a_detector_that_watches_less_lets_go(town: Town) -> None:
    engine = town.engine()
    put(town, engine, 0, 16)
    assert [alert.rule for alert in list_live(town.conn)] == ["limit:tide"]
    elsewhere = DetectorSpec("limits", "limits", (Selector(metric=("pm2_5",)),))
    candidate = begin(town, engine, apply(town, Configuration((elsewhere,))), 15)
    put_in(town, engine, candidate, 15)
    assert list_live(town.conn) == []


def test_what_stays_keeps_its_memory(town: Town) -> None:
    engine = town.engine()
    put(town, engine, 0, WARMED)
    before = {stage.name: stage for stage in engine.core.pipeline.stages}
    candidate = begin(town, engine, apply(town, CHANGED), WARMED - 1)
    put_in(town, engine, candidate, WARMED - 1)
    stayed = [stage.name for stage in engine.core.pipeline.stages if before.get(stage.name) is stage]
    assert stayed == ["silence", "limits"]


def test_a_new_detector_misses_nothing_while_it_warms_up(town: Town) -> None:
    """The flood at 36 comes after the history it learns from and is over before it is put in."""
    engine = town.engine()
    put(town, engine, 0, WARMED)
    candidate = begin(town, engine, apply(town, CHANGED), WARMED - 1)
    put(town, engine, WARMED, 50)
    put_in(town, engine, candidate, 49)
    theirs, ours = (
        [row[1:5] for row in town.anomalies() if str(row[0]).startswith(f"{prefix}{town.ids[GAUGE]}:")]
        for prefix in ("limit:", "levels/limit:")
    )
    assert len(theirs) == 2
    assert ours == theirs[1:], "as if it had been there: the same start, end and severity"


def test_a_candidate_waits_for_an_engine_that_is_behind(town: Town) -> None:
    engine = town.engine()
    put(town, engine, 0, 10)
    town.commit_all(FEED[10:20])
    candidate = begin(town, engine, apply(town, CHANGED), 19)
    assert not candidate.reached_by(get_offsets(town.conn, CONSUMER))
    consume_all(town, engine)
    assert candidate.reached_by(get_offsets(town.conn, CONSUMER))
    put_in(town, engine, candidate, 19)
    put(town, engine, 20, N)
    keys = [row[0] for row in town.anomalies() if str(row[0]).startswith("levels/")]
    assert len(keys) == 1, "the first flood is history to it"


def die_in_swap(town: Town, engine: LiveEngine, candidate: Candidate, doomed: psycopg.Connection) -> None:
    """All of the change is done and the connection is lost before its commit."""
    with doomed.transaction():
        swap(doomed, engine, candidate, FEED[WARMED - 1].now)
        town.conn.execute("SELECT pg_terminate_backend(%s)", (doomed.info.backend_pid,))
        doomed.execute("SELECT 1")


POINTS = ("before", "written", "warming", "inside", "after", "later")
STORMS = {point: {point} for point in POINTS} | {"all of them": set(POINTS)}


@pytest.mark.parametrize("storm", STORMS.values(), ids=STORMS)
def test_crashes_around_a_change_leave_no_trace(make_town: Callable[[], Town], storm: set[str]) -> None:
    # Who dies in the change begins it anew from a later history: with the same end, it begins there.
    change = WARMED if "inside" in storm else 40
    calm, stormy = make_town(), make_town()
    undisturbed(calm, change)

    def maybe(point: str, engine: LiveEngine, version: int) -> LiveEngine:
        """The engine before is gone without a word."""
        engine = stormy.engine() if point in storm else engine
        assert engine.version == version, "what is replayed was scored with this one"
        return engine

    engine = stormy.engine()
    put(stormy, engine, 0, 25)
    engine = maybe("before", engine, 1)
    put(stormy, engine, 25, WARMED)
    version = apply(stormy, CHANGED)
    engine = maybe("written", engine, 1)
    candidate = begin(stormy, engine, version, WARMED - 1)
    if "warming" in storm:
        engine = maybe("warming", engine, 1)
        candidate = begin(stormy, engine, version, WARMED - 1)
    put(stormy, engine, WARMED, change)
    if "inside" in storm:
        before = stormy.anomalies()
        with connect(stormy.url, name="test", autocommit=True) as doomed, pytest.raises(psycopg.Error):
            die_in_swap(stormy, engine, candidate, doomed)
        assert stormy.anomalies() == before
        engine = maybe("inside", engine, 1)
        candidate = begin(stormy, engine, version, WARMED - 1)
    put_in(stormy, engine, candidate, change - 1)
    engine = maybe("after", engine, 2)
    put(stormy, engine, change, 55)
    engine = maybe("later", engine, 2)
    put(stormy, engine, 55, N)
    assert stormy.anomalies() == calm.anomalies()
    assert stormy.happenings() == calm.happenings()
    assert len(calm.anomalies()) >= 6


@dataclass
class Worker:
    """The loop of analytics with a clock of the world's."""

    town: Town
    engine: LiveEngine
    changes: Reconfigurer
    i: int

    def step(self) -> None:
        """One minute more, and one round of the loop."""
        self.town.commit(FEED[self.i])
        self.i += 1
        self.engine.consume(self.town.conn)
        self.poll()

    def poll(self) -> None:
        self.changes.poll(self.town.conn, self.engine, woken=True)

    def until_version(self, version: int) -> None:
        def there() -> bool:
            self.poll()
            return self.engine.version == version

        wait_for(there)


@pytest.fixture
def worker(town: Town) -> Iterator[Worker]:
    engine = town.engine()
    put(town, engine, 0, 20)
    changes = Reconfigurer(town.url, worlds.city(), lambda: FEED[made.i - 1].now)
    made = Worker(town, engine, changes, 20)
    yield made
    changes.close()


def test_the_process_notices_and_scoring_never_stops(town: Town, worker: Worker) -> None:
    apply(town, CHANGED)
    worker.step()
    assert worker.changes.vitals(worker.engine) == {"configuration": 1, "configuration_next": 2}
    while worker.engine.version == 1 and worker.i < N:
        worker.step()
        assert get_offsets(town.conn, CONSUMER) == {"ingest-1": worker.i}
    worker.until_version(2)
    assert worker.changes.vitals(worker.engine) == {"configuration": 2}
    assert names(worker.engine) == ["silence", "stuck", "limits", "levels"]


def test_only_less_needs_no_history(town: Town, worker: Worker) -> None:
    apply(town, Configuration((LIMITS,)))
    worker.poll()
    assert (worker.engine.version, names(worker.engine)) == (2, ["limits"])


def test_a_later_decision_overtakes_one_under_way(town: Town, worker: Worker) -> None:
    apply(town, CHANGED)
    worker.poll()
    apply(town, Configuration((STUCK,)))
    worker.until_version(3)
    assert names(worker.engine) == ["stuck"]


def test_a_change_taken_back_before_it_is_in_changes_nothing(town: Town, worker: Worker) -> None:
    stages = worker.engine.core.pipeline.stages
    apply(town, CHANGED)
    worker.poll()
    with town.conn.transaction():
        detection.activate(town.conn, 1, "lan", "no")
    worker.poll()
    worker.step()
    assert worker.engine.core.pipeline.stages is not None
    assert [id(stage) for stage in worker.engine.core.pipeline.stages] == [id(stage) for stage in stages]
    assert worker.changes.vitals(worker.engine) == {"configuration": 1}


def spoil(town: Town, version: int, document: str = '{"detector": []}') -> None:
    """What someone with the rights of the owner may do."""
    town.conn.execute("ALTER TABLE detection_version DISABLE TRIGGER USER")
    town.conn.execute("UPDATE detection_version SET document = %s WHERE version = %s", (document, version))


def test_a_version_spoilt_by_hand_leaves_the_last_good_one_at_work(town: Town, worker: Worker) -> None:
    spoil(town, apply(town, CHANGED))
    worker.step()
    said = worker.changes.vitals(worker.engine)
    assert said["configuration"] == 1
    assert "version 2 of the detectors was changed in the database" in str(said["configuration_fault"])
    worker.step()
    restarted = town.engine(now=FEED[worker.i].now)
    assert restarted.version == 1
    with town.conn.transaction():
        detection.activate(town.conn, 1, "lan", "2 is spoilt")
    worker.poll()
    assert worker.changes.vitals(worker.engine) == {"configuration": 1}


def test_a_first_start_passes_over_a_spoilt_version(town: Town) -> None:
    with town.conn.transaction():
        detection.apply(town.conn, Configuration((LIMITS,)), "lan", "first")
        detection.apply(town.conn, CHANGED, "lan", "second")
    spoil(town, 2, "[1, 2]")
    engine = town.engine()
    assert (engine.version, names(engine)) == (1, ["limits"])


def test_models_of_a_detector_that_was_replaced_are_not_taken_up(town: Town, worker: Worker) -> None:
    from analytics.refit import Refitter
    from analytics.times import HOUR

    refitter = Refitter(town.url, START)
    assert refitter.poll(worker.engine, START + 2 * HOUR) == {}
    apply(town, Configuration((EAGER, SEASONAL)))
    worker.until_version(2)
    fitted: dict[str, object] = {}

    def ended() -> bool:
        fitted.update(refitter.poll(worker.engine, START + 2 * HOUR))
        return bool(fitted)

    wait_for(ended)
    assert set(fitted) == {"seasonal"}
    refitter.close()
