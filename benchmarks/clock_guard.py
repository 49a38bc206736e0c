"""Wrong clocks over hours of the simulated live stream: what is told, how soon, and what for nothing.

    python benchmarks/clock_guard.py [--hours 24] [--devices 600] [--seed 101]

The simulator's messages go through ingest's decoder and its rules of time into the engine with
the city's own configuration, at the moments they would have come, over a network with delays;
no broker and no database, so that a day takes minutes. Some devices' clocks are wrong from
some hour on, each in its own way; others only look so: within what is tolerated, behind a
slow link, or sending late what they kept. What ingest refuses for its time reaches no detector:
it is counted, and who is refused is told of by the watch of the platform.
"""

from __future__ import annotations

import argparse
import heapq
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import msgspec
import numpy as np
from rich.console import Console
from rich.progress import track
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alerts.platform import PlatformWatch
from analytics.engine import Engine
from analytics.stages import make_pipeline
from analytics.times import HOUR, SECOND, moment
from device_sims.live import LiveStream
from device_sims.options import SimOptions
from ingest.catalog import Catalog
from ingest.decode import decode_messages
from ingest.message import Message
from launch.config import load_city, load_settings
from telemetry.alerts import Finding, FindingState
from telemetry.devices import Stream
from telemetry.topics import telemetry_topic

_START_US = 1_773_040_000_000_000
"""In March 2026."""
_COMMIT_US = 20_000
_LASTS_H = 6.0
FROM_US = _START_US + 2 * HOUR
_CLOCK_RULES = frozenset(("clock", "misdated"))
RAISED = FindingState.RAISED
_SLOW_S, _LOST = 0.05, 2e-3
"""Mean way of a message, and the share of those that take some seconds."""


@dataclass(frozen=True, slots=True)
class Way:
    """What becomes of a device's time stamps and messages; seconds since the fault began go in."""

    name: str
    wrong: bool
    offset_s: Callable[[float], float] = lambda _: 0.0
    held_s: Callable[[float], float] = lambda _: 0.0


def _away(hours: float, catch_up: float) -> Callable[[float], float]:
    """Nothing passes for so long, and what was kept then comes oldest first, so many times as fast."""
    gone = hours * 3600.0

    def held_s(since: float) -> float:
        return max(0.0, gone - since * (1.0 - 1.0 / catch_up)) if since >= 0 else 0.0

    return held_s


WAYS = (
    Way("45 s ahead", True, lambda _: 45.0),
    Way("500 s ahead", True, lambda _: 500.0),
    Way("45 s behind", True, lambda _: -45.0),
    Way("half an hour behind", True, lambda _: -1_800.0),
    Way("7 h behind", True, lambda _: -25_200.0),
    Way("7 h ahead", True, lambda _: 25_200.0),
    Way("reset to 1970", True, lambda _: -_START_US / 1e6),
    Way("reset to 2000", True, lambda _: 946_684_800.0 - _START_US / 1e6),
    Way("back to the start of the year", True, lambda _: -68.0 * 86_400.0),
    Way("20 s a day, from 28 s on", True, lambda since: 28.0 + since * 20.0 / 86_400.0),
    Way("600 s a day", True, lambda since: 20.0 + since * 600.0 / 86_400.0),
    Way("another time at each start", True, lambda since: (-90.0, 200.0, -4_000.0)[int(since // 2_400) % 3]),
    Way("20 s ahead", False, lambda _: 20.0),
    Way("20 s behind", False, lambda _: -20.0),
    Way("5 s a day", False, lambda since: 5.0 * since / 86_400.0),
    Way("slow link", False, held_s=lambda since: 12.0 + 10.0 * np.sin(since)),
    Way("away for an hour, then all at once", False, held_s=_away(1.0, 60.0)),
    Way("away for an hour, caught up in an hour", False, held_s=_away(1.0, 2.0)),
    Way("sends each half hour what it kept", False, held_s=lambda since: 1_800.0 - since % 1_800.0),
)


class Feed:
    """The simulator's messages in the order they come, with clocks and ways as `WAYS` says."""

    def __init__(self, stream: LiveStream, ways: dict[int, Way], from_us: int, seed: int) -> None:
        self.stream = stream
        self._ways, self._from_us = ways, from_us
        self._random = np.random.default_rng(seed)
        self._topics = [telemetry_topic(device.domain, device.device_id) for device in stream.fleet]
        self._under_way: list[tuple[int, int, Message]] = []
        self._n = 0

    def until(self, now: int) -> Iterator[Message]:
        """What has come by then."""
        for place, payload in self.stream.messages(now / 1e6):
            self._send(place, payload)
        while self._under_way and self._under_way[0][0] <= now:
            yield heapq.heappop(self._under_way)[2]

    def _send(self, place: int, payload: bytes) -> None:
        document = msgspec.json.decode(payload)
        at = int(document["ts"]) * 1_000
        delay_s = self._random.exponential(3.0 if self._random.random() < _LOST else _SLOW_S)
        way, since = self._ways.get(place), (at - self._from_us) / 1e6
        if way is not None and 0 <= since < _LASTS_H * 3600.0:
            document["ts"] += round(way.offset_s(since) * 1e3)
            delay_s += way.held_s(since)
            payload = msgspec.json.encode(document)
        came = at + round(delay_s * SECOND)
        self._n += 1
        message = Message(self._topics[place], payload, came, 1, 0, 0)
        heapq.heappush(self._under_way, (came, self._n, message))


class Town:
    """A simulated city with some wrong clocks, and what watches it."""

    def __init__(self, told: argparse.Namespace) -> None:
        settings = load_settings(Path(os.devnull), environment={})
        city = load_city(settings)
        options = SimOptions(devices=told.devices, seed=told.seed, scenario="none")
        stream = LiveStream(city, options, _START_US / 1e6)
        pairs = [(device, metric) for device in stream.fleet for metric in device.metrics]
        streams = [
            Stream(i, device.device_id, metric, device.interval_s) for i, (device, metric) in enumerate(pairs)
        ]
        self._limits, self._catalog = settings.ingest, Catalog(stream.fleet, streams)
        self._engine = Engine(make_pipeline(city, city.detection))
        self._engine.extend(streams, list(stream.fleet))
        self._watch = PlatformWatch(settings.platform)
        self._speaker = {one.device_id: one.stream_id for one in reversed(streams)}
        self.devices = [device.device_id for device in stream.fleet]
        self.device_of = {one.stream_id: one.device_id for one in streams}
        order: list[int] = np.random.default_rng(told.seed).permutation(len(stream.fleet)).tolist()
        each = max(1, len(order) // (2 * len(WAYS)))
        ways = {place: WAYS[i // each] for i, place in enumerate(order[: each * len(WAYS)])}
        self.way_of = {stream.fleet[place].device_id: way for place, way in ways.items()}
        self.feed = Feed(stream, ways, FROM_US, told.seed)
        self._refused: Counter[str] = Counter()

    def second(self, now: int) -> list[Finding]:
        """What one second led to."""
        decoded = decode_messages(list(self.feed.until(now)), self._catalog, self._limits)
        self._refused.update(one.device_id for one in decoded.refusals if one.reason == "time")
        found = self._engine.score(decoded.readings, now + _COMMIT_US)
        if now // SECOND % 60 == 0:
            found += self._watch.count_misdated(moment(now), self._refused, self._speaker)
            self._refused.clear()
        return found


def run(told: argparse.Namespace) -> tuple[Town, list[Finding]]:
    """Drive the hours, with a bar."""
    town = Town(told)
    seconds = range(_START_US, round(_START_US + told.hours * HOUR), SECOND)
    return town, [finding for now in track(seconds, "seconds") for finding in town.second(now)]


def by_way(town: Town, found: Sequence[Finding]) -> Table:
    """Who was told of, how soon, how long after it was over, and what else was told of them."""
    table = Table(title="Clocks", title_justify="left")
    for name in ("what", "devices", "told", "delay, median", "over after", "also told"):
        table.add_column(name, justify="left" if name in ("what", "also told") else "right")
    for way in (*WAYS, None):
        own = [one for one in town.devices if town.way_of.get(one) is way]
        of_them = [one for one in found if town.device_of[one.stream_id] in set(own)]
        clocks = [one for one in of_them if one.rule in _CLOCK_RULES]
        first = {town.device_of[one.stream_id]: one for one in reversed(clocks) if one.state is RAISED}
        ends = {town.device_of[one.stream_id]: one for one in clocks if one.state is FindingState.CLEARED}
        others = Counter(one.rule for one in of_them if one.state is RAISED and one.rule not in _CLOCK_RULES)
        table.add_row(
            way.name if way else "nothing",
            str(len(own)),
            str(len(first)),
            _minutes(one.at.timestamp() - FROM_US / 1e6 for one in first.values()),
            _minutes(one.at.timestamp() - FROM_US / 1e6 - _LASTS_H * 3600 for one in ends.values()),
            ", ".join(f"{rule} {count}" for rule, count in others.most_common()),
        )
    return table


def _minutes(seconds: Iterable[float]) -> str:
    known = list(seconds)
    return f"{np.median(known) / 60:.0f} min" if known else ""


def main() -> None:
    """Run and print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--devices", type=int, default=600)
    parser.add_argument("--seed", type=int, default=101)
    told = parser.parse_args()
    town, found = run(told)
    Console(width=150).print(by_way(town, found))


if __name__ == "__main__":
    main()
