"""How fast the engine scores: every reading of a simulated city, on one core.

    OMP_NUM_THREADS=1 python benchmarks/analytics_rate.py [--streams 20000] [--readings 600000]
        [--waiting 100]

Every stream of the Ho Chi Minh City profile and of its clones reports once a minute, spread
over it; the readings are cut into batches as ingest commits them and go through
`analytics.engine.Engine` with the city's own configuration, models learnt from days of
history. The limit to compare with is sorting the same batches by stream and time with NumPy:
whoever scores streams in order has to do at least that.
"""

from __future__ import annotations

import argparse
import os
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analytics.blocks import Block, join, score_commits
from analytics.engine import Engine
from analytics.roster import Rows
from analytics.stages import make_pipeline
from benchmarks._city_history import MINUTE_US
from benchmarks._stage import say
from benchmarks._way import machine
from device_sims import fleet
from device_sims.city_model import CityModel
from device_sims.options import SimOptions
from launch.config import load_city, load_settings
from telemetry.city import City
from telemetry.devices import Device, Stream
from telemetry.readings import Readings, to_micros

TARGET = 200_000
_INTERVAL_S = 60.0
_START = datetime(2026, 3, 9, 2, 0, tzinfo=UTC)
_HISTORY_DAYS = 3
_HISTORY_STEP_US = 15 * MINUTE_US
_MINUTES_AT_ONCE = 30
_STREAMS_AT_ONCE = 256
_SIZES = (200, 2_000, 20_000)


@dataclass(slots=True)
class Rate:
    """Seconds spent, as a whole and by what spent them."""

    readings: int = 0
    total_s: float = 0.0
    sort_s: float = 0.0
    parts_s: dict[str, float] = field(default_factory=dict[str, float])

    def per_reading(self, seconds: float) -> float:
        """Microseconds a reading."""
        return seconds / self.readings * 1e6


class Town:
    """A simulated city of so many streams, and an engine that learnt its days."""

    def __init__(self, n_streams: int) -> None:
        self.city = load_city(load_settings(Path(os.devnull), environment={}))
        self.model, self.devices, keys = _model(self.city, n_streams)
        self.streams = [Stream(i + 1, device, metric, _INTERVAL_S) for i, (device, metric) in enumerate(keys)]
        start = to_micros(_START)
        self._next_minute = start
        self.engine = Engine(make_pipeline(self.city, self.city.detection))
        self.engine.extend(self.streams, self.devices)
        past = np.arange(start - _HISTORY_DAYS * 96 * _HISTORY_STEP_US, start, _HISTORY_STEP_US)
        for rows in self._history(past):
            for stage in self.engine.pipeline.stages:
                stage.detector.warm(rows, start)
                stage.detector.learn(stage.detector.fit(self.engine.roster, rows))

    def readings(self, n: int) -> Readings:
        """The next ``n`` readings of the city in the order they are sent."""
        minutes = -(-n // len(self.streams))
        times = self._next_minute + MINUTE_US * np.arange(minutes)
        self._next_minute += MINUTE_US * minutes
        values = self._sampled(times)
        when, stream = np.nonzero(~np.isnan(values.T))
        spread = np.random.default_rng(1).permutation(len(self.streams)) * MINUTE_US // len(self.streams)
        sent = times[when] + spread[stream]
        order = np.argsort(sent, kind="stable")[:n]
        ids = self.engine.roster.stream_ids[stream[order]]
        return Readings.of(ids, sent[order], values[stream[order], when[order]])

    def _history(self, times: NDArray[np.int64]) -> Iterator[Rows]:
        """What the streams said at these times, by stream and time, some streams at once."""
        values = self._sampled(times)
        for first in range(0, len(values), _STREAMS_AT_ONCE):
            block = values[first : first + _STREAMS_AT_ONCE]
            stream, when = np.nonzero(~np.isnan(block))
            yield Rows(stream.astype(np.int64) + first, times[when], block[stream, when].astype(float))

    def _sampled(self, times: NDArray[np.int64]) -> NDArray[np.float32]:
        """Shape ``(n_streams, n_times)``, NaN where nothing is said."""
        values = np.empty((len(self.streams), len(times)), np.float32)
        for first in range(0, len(times), _MINUTES_AT_ONCE):
            part = slice(first, first + _MINUTES_AT_ONCE)
            values[:, part] = self.model.sample(times[part]).T[: len(self.streams)]
        return values


def _model(city: City, n_streams: int) -> tuple[CityModel, list[Device], Sequence[tuple[str, str]]]:
    """A city model with at least so many streams, its devices, and that many streams."""
    streams_a_device = sum(len(device.metrics) for device in city.devices) / len(city.devices)
    count = round(n_streams / streams_a_device * 1.02) + 1
    own = [replace(device, interval_s=_INTERVAL_S) for device in fleet.devices(city, count)]
    model = CityModel(city, SimOptions(devices=count, seed=5, scenario="calm"), own)
    return model, own, model.keys[:n_streams]


def batches(readings: Readings, size: int) -> Iterator[tuple[Readings, int]]:
    """Batches of so many readings with the moment each is committed."""
    for first in range(0, len(readings), size):
        part = readings.take(np.arange(first, min(first + size, len(readings))))
        yield part, int(part.times.max()) + 50_000


def measure(engine: Engine, readings: Readings, size: int) -> Rate:
    """Score readings in batches of ``size``."""
    rate = Rate(len(readings))
    cut = list(batches(readings, size))
    for part, _ in cut:
        began = time.perf_counter()
        np.lexsort((part.times, part.stream_ids))
        rate.sort_s += time.perf_counter() - began
    began = time.perf_counter()
    for part, now in cut:
        engine.score(part, now)
    rate.total_s = time.perf_counter() - began
    return rate


def measure_waiting(engine: Engine, readings: Readings, size: int, waiting: int) -> Rate:
    """Score the same batches as analytics does where so many wait at once."""
    rate, cut = Rate(len(readings)), list(batches(readings, size))
    began = time.perf_counter()
    for first in range(0, len(cut), waiting):
        some = cut[first : first + waiting]
        rows = [engine.roster.rows(part, now) for part, now in some]
        block = Block(join(rows), np.array([now for _, now in some]), np.cumsum(list(map(len, rows))))
        for piece in block.orderly():
            score_commits(engine, piece)
    rate.total_s = time.perf_counter() - began
    return rate


def by_part(engine: Engine, readings: Readings, size: int) -> Rate:
    """The same, with a watch on every detector and decider: a little slower for it."""
    rate = Rate(len(readings))

    def watched(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
        def timed(*told: Any) -> Any:
            began = time.perf_counter()
            result = call(*told)
            rate.parts_s[name] = rate.parts_s.get(name, 0.0) + time.perf_counter() - began
            return result

        return timed

    watches = [(stage, stage.detector, stage.decider) for stage in engine.pipeline.stages]
    restore: list[tuple[Any, str]] = []
    for stage, detector, decider in watches:
        for of, attribute, name in (
            (detector, "score", f"{stage.name} scores"),
            (detector, "tick", f"{stage.name} ticks"),
            (decider, "decide", f"{stage.name} decides"),
        ):
            setattr(of, attribute, watched(name, getattr(of, attribute)))
            restore.append((of, attribute))
    began = time.perf_counter()
    for part, now in batches(readings, size):
        engine.score(part, now)
    rate.total_s = time.perf_counter() - began
    for of, attribute in restore:
        delattr(of, attribute)
    rate.parts_s["frame"] = rate.total_s - sum(rate.parts_s.values())
    return rate


def main() -> None:
    """Measure by batch size, then by detector."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--streams", type=int, default=20_000)
    parser.add_argument("--readings", type=int, default=600_000, help="in each measurement")
    parser.add_argument("--waiting", type=int, default=100, help="batches that wait behind a backlog")
    told = parser.parse_args()
    say(f"simulating and learning {_HISTORY_DAYS} days of {told.streams:,} streams")
    town = Town(told.streams)
    measure(town.engine, town.readings(100_000), 2_000)
    print(f"{machine()}; {told.streams:,} streams, {len(town.engine.pipeline.stages)} detectors, one core")
    print(
        f"{'readings a batch':<18}{'readings/s':>12}{'µs a reading':>14}{'sort, µs':>10}{'ours / sort':>13}"
    )
    for size in _SIZES:
        rate = measure(town.engine, town.readings(told.readings), size)
        print(
            f"{size:<18,}{rate.readings / rate.total_s:12,.0f}{rate.per_reading(rate.total_s):14.2f}"
            f"{rate.per_reading(rate.sort_s):10.3f}{rate.total_s / rate.sort_s:13.1f}"
        )
    for size in _SIZES[:2]:
        rate = measure_waiting(town.engine, town.readings(told.readings), size, told.waiting)
        print(
            f"{size:<18,}{rate.readings / rate.total_s:12,.0f}{rate.per_reading(rate.total_s):14.2f}"
            f"   {told.waiting} waiting"
        )
    print(f"target: {TARGET:,} readings/s; findings: {town.engine.counts.findings}")
    for size in _SIZES[:2]:
        rate = by_part(town.engine, town.readings(told.readings), size)
        print(f"\nµs a reading, {size:,} a batch")
        for name, seconds in rate.parts_s.items():
            print(f"  {name:<28}{rate.per_reading(seconds):8.3f}")


if __name__ == "__main__":
    main()
