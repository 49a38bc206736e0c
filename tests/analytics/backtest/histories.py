"""History for backtests: the small city of `worlds`, as arrays and in a database."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from analytics.backtest.plan import Plan
from analytics.backtest.play import World
from analytics.backtest.sources import ArraySource
from analytics.blocks import join
from analytics.roster import Roster, Rows
from analytics.times import moment
from telemetry.detection import Configuration, DetectorSpec
from telemetry.detection.configuration import DEFAULT
from telemetry.detection.trials import TrialOptions
from telemetry.labels import Label
from telemetry.readings import Readings
from tests.analytics import worlds
from tests.analytics.worlds import MINUTE, START, Commit

N = 90
GAUGE, ROAD, AIR, FEEDER, ROAD_2 = range(5)

EVERY = DEFAULT
"""Every kind once: what the live engine of `worlds.city` runs."""
PLAIN = Configuration(tuple(DetectorSpec(kind, kind) for kind in ("silence", "stuck", "limits", "seasonal")))


def eventful(n: int = N) -> list[Commit]:
    """Something for every detector of `PLAIN`."""
    feed = worlds.minutes(worlds.roster(), n)
    feed = worlds.with_values(feed, GAUGE, 12, [1.45, 1.52, 1.7, 1.7, 1.58, 1.5, 1.4, 1.2])
    feed = worlds.with_values(feed, ROAD, 14, [6.0 + 0.1 * (i % 7) for i in range(30)])
    feed = worlds.with_values(feed, FEEDER, 20, [118.5] * 30)
    return worlds.without(feed, AIR, 30, 50)


def source(feed: Sequence[Commit], who: Roster | None = None, labels: Sequence[Label] = ()) -> ArraySource:
    """The quiet week and the feed, as arrays."""
    who = who or worlds.roster()
    return source_of(join([worlds.history(who), *(commit.rows for commit in feed)]), who, labels)


def source_of(rows: Rows, who: Roster | None = None, labels: Sequence[Label] = ()) -> ArraySource:
    """Any rows as arrays."""
    who = who or worlds.roster()
    order = np.lexsort((rows.streams, rows.times))
    columns = Readings.of(who.stream_ids[rows.streams[order]], rows.times[order], rows.values[order])
    return ArraySource(who.streams, tuple(who.devices.values()), columns, tuple(labels))


def world(who: Roster | None = None) -> World:
    """The small city."""
    who = who or worlds.roster()
    return World(worlds.city(), who.streams, tuple(who.devices.values()))


def plan(minutes: int = N, **options: Any) -> Plan:
    """The feed's time, commits a second after each reading, as `worlds.minutes` has them."""
    wanted = TrialOptions(**{"cadence_s": 1.0, **options})
    return Plan(PLAIN, moment(START), moment(START + (minutes + 1) * MINUTE), wanted)


def label(kind: str, device: str, first: int, last: int, *, is_fault: bool = False) -> Label:
    """Something that happened from minute ``first`` to ``last`` of a feed."""
    start, end = (moment(START + at * MINUTE) for at in (first, last))
    return Label(kind, (device,), start, end, is_sensor_fault=is_fault)


LABELS = (
    label("flood", "gauge-1", 12, 20),
    label("accident", "road-1", 14, 44),
    label("stuck", "feeder-1", 20, 50, is_fault=True),
    label("dropout", "air-1", 30, 50, is_fault=True),
)
