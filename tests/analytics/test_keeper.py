"""Memory kept beside the loop: as of one place in the logs, and only by who has the shard."""

from __future__ import annotations

import numpy as np

from analytics.keeper import Keeper
from analytics.live import CONSUMER, LiveEngine
from analytics.memory import Models
from analytics.shards import Shard
from analytics.times import HOUR, SECOND
from store.snapshots import list_consumers, load_snapshot
from store.steps import list_steps
from tests.analytics.test_engine import consume_all, eventful
from tests.analytics.towns import Town, make_town, town
from tests.analytics.worlds import wait_for

__all__ = ["make_town", "town"]  # fixtures


def remembered(engine: LiveEngine) -> dict[str, list[object]]:
    tables = {**engine.kept(), **{f"model {name}": model for name, model in engine.learnt().items()}}
    return {
        f"{t}/{name}": column.tolist() for t, columns in tables.items() for name, column in columns.items()
    }


def same(one: LiveEngine, other: LiveEngine) -> None:
    for name, column in remembered(one).items():
        np.testing.assert_equal(remembered(other)[name], column, err_msg=name)


def feed_to(town: Town, engine: LiveEngine, first: int, last: int) -> int:
    town.commit_all(eventful()[first:last])
    consume_all(town, engine)
    return eventful()[last - 1].now


def test_what_happens_while_memory_is_kept_is_replayed(town: Town) -> None:
    engine = town.engine()
    feed_to(town, engine, 0, 20)
    memory = engine.memory(models=False)
    feed_to(town, engine, 20, 45)
    assert memory.follow(town.conn, engine.kept_at) is not None
    kept = load_snapshot(town.conn, CONSUMER)
    assert kept is not None
    assert kept.offsets == {"ingest-1": 20}
    assert sum(len(step.seqs) for step in list_steps(town.conn, CONSUMER)) == 25
    same(town.engine(), engine)


def test_who_had_the_shard_before_can_no_longer_write(town: Town) -> None:
    engine = town.engine()
    feed_to(town, engine, 0, 20)
    memory = engine.memory(models=True)
    successor = town.engine()
    feed_to(town, successor, 20, 30)
    steps = list_steps(town.conn, CONSUMER)
    assert memory.follow(town.conn, engine.kept_at) is None
    kept = load_snapshot(town.conn, CONSUMER)
    assert kept is not None
    assert kept.saved_at == successor.kept_at
    assert list_steps(town.conn, CONSUMER) == steps


def fresh_models(engine: LiveEngine, now: int) -> Models:
    usual = engine.core.models()["seasonal"]
    return Models({"seasonal": {**usual, "median": usual["median"] + 1.0}}, now)


def test_models_come_into_use_with_a_step(town: Town) -> None:
    engine = town.engine()
    now = feed_to(town, engine, 0, 20)
    models = fresh_models(engine, now)
    assert models.keep_fresh(town.conn, engine.shard, engine.kept_at)
    engine.take_up(town.conn, models)
    feed_to(town, engine, 20, 45)
    assert [step.learnt for step in list_steps(town.conn, CONSUMER)].count(True) == 1
    resumed = town.engine()
    assert resumed.fitted == now
    same(resumed, engine)
    assert Shard().fresh not in list_consumers(town.conn)


def test_models_offered_are_used_and_kept(town: Town) -> None:
    engine, keeper = town.engine(), Keeper(town.url)
    now = feed_to(town, engine, 0, 20)
    keeper.offer(fresh_models(engine, now).by_detector, now + 1)

    def done() -> bool:
        keeper.poll(town.conn, engine, engine.saved)
        return engine.fitted == now + 1 and not engine.unkept

    wait_for(done)
    feed_to(town, engine, 20, 45)
    resumed = town.engine()
    assert resumed.fitted == now + 1
    same(resumed, engine)


def test_memory_is_kept_every_half_minute(town: Town) -> None:
    engine, keeper = town.engine(), Keeper(town.url)
    now = feed_to(town, engine, 0, 20)
    engine.save(town.conn, now)
    first = engine.kept_at
    keeper.poll(town.conn, engine, now + 29 * SECOND)
    keeper.close()
    assert engine.kept_at == first
    keeper.poll(town.conn, engine, now + 30 * SECOND)
    keeper.close()
    keeper.poll(town.conn, engine, now + 31 * SECOND)
    assert engine.kept_at != first
    same(town.engine(), engine)


def test_a_change_kept_meanwhile_is_not_undone(town: Town) -> None:
    engine, keeper = town.engine(), Keeper(town.url)
    now = feed_to(town, engine, 0, 20)
    memory, before = engine.memory(models=False), engine.kept_at
    feed_to(town, engine, 20, 30)
    engine.save(town.conn, now)  # as a swap of detectors does
    assert memory.follow(town.conn, before) is None
    keeper.poll(town.conn, engine, now + HOUR)
    keeper.close()
    keeper.poll(town.conn, engine, now + HOUR)
    same(town.engine(), engine)
