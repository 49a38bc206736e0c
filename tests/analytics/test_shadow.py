"""A shadow finds what the live engine would, without alerting, across crashes."""

from __future__ import annotations

from collections.abc import Callable
from itertools import pairwise

import psycopg
import pytest

from analytics import shadow as shadowing
from analytics.shadow import ShadowEngine
from analytics.times import moment
from store import shadows
from store.alerts import list_alerts
from store.batches import heads
from store.comparing import compare_shadow
from store.offsets import get_offsets
from store.shadows import Shadow
from telemetry.detection import Configuration, DetectorSpec
from tests.analytics import worlds
from tests.analytics.backtest import histories
from tests.analytics.backtest.histories import PLAIN, N
from tests.analytics.towns import Town, make_town, town
from tests.analytics.worlds import START

__all__ = ["make_town", "town"]  # fixtures

PATIENT = Configuration(
    tuple(
        DetectorSpec("silence", "silence", params={"intervals": 60.0}) if spec.name == "silence" else spec
        for spec in PLAIN.detector
    )
)
"""As the live one, but slow to miss a device."""


def begin(town: Town, configuration: Configuration = PLAIN) -> Shadow:
    return shadows.start(town.conn, configuration.to_document(), "abc", "an", "to see")


def engine(town: Town, shadow: Shadow, now: int = START) -> ShadowEngine:
    return shadowing.start(town.conn, shadow, worlds.city(), now)


def consume_all(town: Town, shadow: ShadowEngine) -> None:
    while shadow.consume(town.conn):
        pass


def found(town: Town, table: str = "shadow_anomaly") -> list[tuple[object, ...]]:
    rows = town.conn.execute(
        f"""SELECT key, severity, started_at, ended_at, updated_at, value, score, detail - 'version'
        FROM {table} ORDER BY started_at, key"""  # type: ignore[arg-type]
    )
    return rows.fetchall()


def test_the_same_configuration_finds_the_same_and_alerts_nobody(town: Town) -> None:
    live = town.engine()
    shadow = engine(town, begin(town))
    town.commit_all(histories.eventful())
    consume_all(town, shadow)
    assert list_alerts(town.conn) == []
    while live.consume(town.conn):
        pass
    assert found(town) == found(town, "anomaly")
    assert len(found(town)) >= 4
    assert get_offsets(town.conn, shadow.shard.consumer) == heads(town.conn)


def test_another_configuration_is_compared_with_the_live_one(town: Town) -> None:
    live = town.engine()
    made = begin(town, PATIENT)
    shadow = engine(town, made)
    feed = histories.eventful()
    town.commit_all(feed)
    consume_all(town, shadow)
    while live.consume(town.conn):
        pass
    span = (moment(START), moment(feed[-1].now))
    sides = compare_shadow(town.conn, made.shadow_id, *span)
    assert [one.rule for one in sides.only_first] == ["silence"]
    assert (sides.n_only_second, sides.both) == (0, len(found(town)))


@pytest.mark.parametrize("crashes", [[7, 33, 41, 71], [60]], ids=["often", "once"])
def test_crashes_change_nothing(make_town: Callable[[], Town], crashes: list[int]) -> None:
    calm, stormy = make_town(), make_town()
    feed = histories.eventful()
    shadow = engine(calm, begin(calm, PLAIN))
    for commit in feed:
        calm.commit(commit)
        shadow.consume(calm.conn)
    made = begin(stormy, PLAIN)
    shadow = engine(stormy, made)
    for first, after in pairwise([0, *crashes, N]):
        for i in range(first, after):
            stormy.commit(feed[i])
            shadow.consume(stormy.conn)
            if i % 10 == 5:
                shadow.save(stormy.conn, feed[i].now)
        shadow = engine(stormy, made)  # the one before is gone without a word
    assert found(stormy) == found(calm)


def test_a_broken_shadow_does_not_hurt_the_live_engine(town: Town) -> None:
    live = town.engine()
    made = begin(town)
    shadow = engine(town, made)
    town.commit_all(histories.eventful()[:30])
    town.conn.execute("ALTER TABLE shadow_anomaly ADD CHECK (score < 0) NOT VALID")
    with pytest.raises(psycopg.errors.CheckViolation):
        consume_all(town, shadow)
    while live.consume(town.conn):
        pass
    assert len(list_alerts(town.conn)) >= 2
    assert get_offsets(town.conn, shadow.shard.consumer) == {}


def test_a_stopped_shadow_leaves_its_findings_and_no_memory(town: Town) -> None:
    made = begin(town)
    shadow = engine(town, made)
    town.commit_all(histories.eventful()[:30])
    consume_all(town, shadow)
    shadows.stop(town.conn, made.shadow_id, "an")
    kept = town.conn.execute("SELECT consumer FROM consumer_snapshot").fetchall()
    assert kept == []
    assert get_offsets(town.conn, shadow.shard.consumer) == {}
    assert found(town)
