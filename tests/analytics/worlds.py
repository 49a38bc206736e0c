"""A small city and what its sensors say, for the tests of analytics."""

from __future__ import annotations

import functools
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from analytics.columns import pack, unpack
from analytics.detectors import GUARDS
from analytics.roster import Roster, Rows
from analytics.stages import Stage, make_guard, make_watcher
from analytics.times import DAY, SECOND
from launch.config import load_city, load_settings
from telemetry.alerts import Finding, FindingState, Severity
from telemetry.city import City, Threshold
from telemetry.detection import Configuration, DetectorSpec
from telemetry.devices import Device, Stream
from telemetry.metrics import METRICS

MINUTE = 60 * SECOND
MONDAY = 1_767_546_000_000_000
"""2026-01-05 00:00 in Ho Chi Minh City (2026-01-04 17:00 UTC)."""
START = MONDAY + 7 * DAY + 10 * 60 * MINUTE
"""The Monday after, 10:00 local: one week of history lies before it."""

_USUAL = {
    "speed_kmh": 40.0,
    "water_level_m": 0.8,
    "pm2_5": 25.0,
    "active_power_kw": 120.0,
    "battery_pct": 90.0,
}


def threshold(**changes: object) -> Threshold:
    """A threshold on the water level, changed as the test needs."""
    plain = Threshold(
        key="bd1",
        family="tide",
        metric="water_level_m",
        direction="high",
        severity=Severity.MINOR,
        limit=1.4,
        clear=1.35,
        min_duration_s=0.0,
        source="Decision 05/2020/QĐ-TTg",
        confidence="V",
        name_vi="Báo động 1",
        name_en="Alarm level 1",
    )
    return replace(plain, **changes)


def stage(kind: str, *, where: City | None = None, name: str = "", **params: object) -> Stage:
    """A stage of this kind of detector, knowing no stream yet."""
    make = make_guard if kind in GUARDS else make_watcher
    return make(where or city(), DetectorSpec(name or kind, kind, params=params))


LADDER = (
    threshold(),
    threshold(key="bd2", severity=Severity.MAJOR, limit=1.5, clear=1.45, name_en="Alarm level 2"),
    threshold(key="bd3", severity=Severity.CRITICAL, limit=1.6, clear=1.55, name_en="Alarm level 3"),
)


PLAIN = Configuration(tuple(DetectorSpec(kind, kind) for kind in ("silence", "stuck", "limits", "seasonal")))
"""What the town's engine runs: a kind that is added must not change what these tests expect."""


def city(thresholds: Sequence[Threshold] = LADDER, devices: Sequence[Device] = ()) -> City:
    """A city of nothing but devices and thresholds."""
    return City(
        key="test",
        name_vi="Thử",
        name_en="Test",
        timezone="Asia/Ho_Chi_Minh",
        center=(10.78, 106.70),
        bbox=(106.5, 10.6, 106.9, 10.9),
        attribution="",
        zones=(),
        devices=tuple(devices),
        thresholds=tuple(thresholds),
        alarm_levels={},
        layers={},
        sim={},
        detection=PLAIN,
    )


@functools.cache
def city_by_default() -> City:
    """The same with all that Ho Chi Minh City's profile runs from the first start on."""
    return replace(city(), detection=load_city(load_settings(None, {})).detection)


def device(device_id: str, kind: str, *metrics: str, interval_s: float = 60.0, **tags: str) -> Device:
    """A device somewhere in the city."""
    domain = METRICS[metrics[0]].domain
    return Device(
        device_id, domain, kind, device_id, device_id, 10.78, 106.7, "760", interval_s, metrics, tags
    )


DEVICES = (
    device("gauge-1", "tide_gauge", "water_level_m"),
    device("road-1", "traffic_counter", "speed_kmh"),
    device("air-1", "air_station", "pm2_5"),
    device("feeder-1", "feeder", "active_power_kw"),
    device("road-2", "traffic_counter", "speed_kmh"),
)


def roster(devices: Sequence[Device] = DEVICES, first_id: int = 11) -> Roster:
    """The streams of these devices, ids from ``first_id``."""
    pairs = [(one, metric) for one in devices for metric in one.metrics]
    streams = [
        Stream(first_id + i, one.device_id, metric, one.interval_s) for i, (one, metric) in enumerate(pairs)
    ]
    return Roster.of(streams, devices)


def usual(who: Roster, times: NDArray[np.int64], seed: int) -> NDArray[np.float64]:
    """What each stream shows on a quiet day, shape ``(n_times, n_streams)``: a daily swing and noise."""
    level = np.array([_USUAL[stream.metric] for stream in who.streams])
    hour = ((times - MONDAY) % DAY) / (60 * MINUTE)
    swing = 1.0 + 0.2 * np.sin(2 * np.pi * (hour - 8.0) / 24.0)
    noise = np.random.default_rng(seed).normal(0.0, 0.02, (len(times), len(who)))
    return level * (swing[:, None] + noise)


def history(who: Roster, until: int = START, days: int = 7, step: int = 5 * MINUTE) -> Rows:
    """Quiet history up to ``until``, ordered by stream and time."""
    times = np.arange(until - days * DAY, until, step)
    values = usual(who, times, seed=1)
    streams = np.repeat(np.arange(len(who)), len(times))
    return Rows(streams, np.tile(times, len(who)), values.T.ravel())


@dataclass(frozen=True, slots=True)
class Commit:
    """Rows committed at one moment."""

    rows: Rows
    now: int


def minutes(who: Roster, n: int, start: int = START, seed: int = 2, step: int = MINUTE) -> list[Commit]:
    """``n`` quiet minutes (or longer steps): every stream once in each, committed a second later."""
    times = start + step * np.arange(1, n + 1)
    values = usual(who, times, seed)
    everyone = np.arange(len(who))
    return [
        Commit(Rows(everyone.copy(), np.full(len(who), time), row.copy()), int(time) + SECOND)
        for time, row in zip(times, values, strict=True)
    ]


def with_values(feed: Sequence[Commit], stream: int, first: int, values: Sequence[float]) -> list[Commit]:
    """The feed with a stream's values from minute ``first`` on replaced."""
    changed = list(feed)
    for i, value in enumerate(values, first):
        rows = changed[i].rows
        changed[i] = replace(
            changed[i], rows=replace(rows, values=np.where(rows.streams == stream, value, rows.values))
        )
    return changed


def live(commit: Commit, offsets_s: NDArray[np.float64] | float = 0.0) -> Commit:
    """The commit as it is live, where it is known when readings came.

    ``offsets_s`` is how far the clock is ahead that each row's time was taken from.
    """
    times = commit.rows.times + np.round(np.multiply(offsets_s, SECOND)).astype(np.int64)
    leads = (times - commit.now) / SECOND
    return Commit(replace(commit.rows, times=np.minimum(times, commit.now), leads=leads), commit.now)


def without(feed: Sequence[Commit], stream: int, first: int, last: int) -> list[Commit]:
    """The feed with a stream silent in minutes ``first`` to ``last``, the latter excluded."""
    return [
        replace(commit, rows=commit.rows.take(commit.rows.streams != stream)) if first <= i < last else commit
        for i, commit in enumerate(feed)
    ]


def drive(stage: Stage, feed: Sequence[Commit]) -> list[list[Finding]]:
    """The findings of each commit, with the tick that follows it."""
    return [stage.score(commit.rows, commit.now) + stage.tick(commit.now) for commit in feed]


def flat(found: Sequence[Sequence[Finding]]) -> list[Finding]:
    """All findings in order."""
    return [finding for part in found for finding in part]


def story(findings: Sequence[Finding]) -> list[tuple[FindingState, Severity]]:
    """States and severities in order."""
    return [(finding.state, finding.severity) for finding in findings]


def carried_over(old: Stage, new: Stage) -> Stage:
    """``new`` with what ``old`` remembers, through the bytes of a snapshot."""
    tables = unpack(pack({"s": old.detector.state(), "d": old.decider.state(), "m": old.detector.models()}))
    if "m" in tables:
        new.detector.learn(tables["m"])
    new.detector.restore(tables["s"])
    new.decider.restore(tables["d"])
    return new


def wait_for(condition: Callable[[], bool], deadline_s: float = 60.0) -> None:
    """Until it holds; fails after a deadline."""
    deadline = time.monotonic() + deadline_s
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.01)
