"""History for backtests: the small city of `worlds`, as arrays and in a database."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from analytics.backtest.plan import Plan
from analytics.backtest.play import World
from analytics.backtest.sources import ArraySource
from analytics.roster import Roster, Rows
from analytics.times import moment
from telemetry.detection import Configuration, DetectorSpec
from telemetry.readings import Readings
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, START, Commit

N = 90
GAUGE, ROAD, AIR, FEEDER, ROAD_2 = range(5)

PLAIN = Configuration(tuple(DetectorSpec(kind, kind) for kind in ("silence", "stuck", "limits", "seasonal")))


def eventful(n: int = N) -> list[Commit]:
    """Something for every detector of `PLAIN`."""
    feed = worlds.minutes(worlds.roster(), n)
    feed = worlds.with_values(feed, GAUGE, 12, [1.45, 1.52, 1.7, 1.7, 1.58, 1.5, 1.4, 1.2])
    feed = worlds.with_values(feed, ROAD, 14, [6.0 + 0.1 * (i % 7) for i in range(30)])
    feed = worlds.with_values(feed, FEEDER, 20, [118.5] * 30)
    return worlds.without(feed, AIR, 30, 50)


def source(feed: Sequence[Commit], who: Roster | None = None) -> ArraySource:
    """The quiet week and the feed, as arrays."""
    who = who or worlds.roster()
    parts: list[Rows] = [worlds.history(who), *(commit.rows for commit in feed)]
    streams, times, values = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("streams", "times", "values")
    )
    order = np.lexsort((streams, times))
    columns = Readings.of(who.stream_ids[streams[order]], times[order], values[order])
    return ArraySource(who.streams, tuple(who.devices.values()), columns)


def world(who: Roster | None = None) -> World:
    """The small city."""
    who = who or worlds.roster()
    return World(worlds.city(), who.streams, tuple(who.devices.values()))


def plan(minutes: int = N, **changes: object) -> Plan:
    """The feed's time, commits a second after each reading, as `worlds.minutes` has them."""
    options = {"configuration": PLAIN, "cadence_s": 1.0, **changes}
    return Plan(start=moment(START), end=moment(START + (minutes + 1) * MINUTE), **options)  # type: ignore[arg-type]
