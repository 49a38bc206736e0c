"""A backtest sees what the live engine sees."""

from __future__ import annotations

from telemetry.detection.episodes import episodes_of
from analytics.backtest.play import Part, play
from analytics.backtest.sources import StoreSource
from tests.analytics.backtest import histories
from tests.analytics.towns import Town, make_town, town

__all__ = ["make_town", "town"]  # fixtures


def everything(source: object) -> Part:
    return Part(tuple(stream.stream_id for stream in source.streams()))


def live(town: Town) -> list[tuple[object, ...]]:
    """The anomalies of a live engine, batch after batch."""
    engine = town.engine()
    for commit in histories.eventful():
        town.commit(commit)
        engine.consume(town.conn)
    return town.conn.execute(
        """SELECT key, severity, started_at, ended_at, value, score, detail
        FROM anomaly ORDER BY started_at, key"""
    ).fetchall()


def test_live_and_backtest_find_the_same(town: Town) -> None:
    expected = live(town)
    source = StoreSource(town.url)
    world = histories.world()
    world = type(world)(world.city, source.streams(), source.devices())
    played = play(world, source, histories.plan(), everything(source))
    found = [
        (e.key, str(e.severity), e.started_at, e.ended_at, e.value, e.score, dict(e.detail))
        for e in episodes_of(played.findings)
    ]
    assert found == expected
    assert {key.split(":")[0] for key, *_ in expected} == {"limit", "seasonal", "silence", "stuck"}
    assert played.scored == sum(len(commit.rows) for commit in histories.eventful())
