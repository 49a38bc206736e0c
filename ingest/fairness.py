"""So that one device cannot crowd out the others: a token bucket each, looked at once a batch. Pure.

A device may be fast for a while (it sends what it kept while it had no link), not for ever.
What is beyond is not decoded: it costs a fraction of a good message, so a device at full
speed does not hold the others up.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from operator import attrgetter

import numpy as np
from numpy.typing import NDArray

from ingest.message import Message
from telemetry.errors import PayloadError
from telemetry.formats import Route

_MOST_TOPICS = 200_000
_topic_of = attrgetter("topic")


@dataclass(frozen=True, slots=True)
class Split:
    """A batch, parted: what is to be written, and what is beyond a device's rate, by device id."""

    fair: Sequence[Message]
    excess: dict[str, list[Message]] = field(default_factory=dict[str, list[Message]])


class _Places(dict[str, int]):
    """Topic → place of its device; asks for those it has not met."""

    def __init__(self, place_of: Callable[[str], int]) -> None:
        super().__init__()
        self._place_of = place_of

    def __missing__(self, topic: str) -> int:
        place = self[topic] = self._place_of(topic)
        return place


class Fairness:
    """The buckets of all devices, as arrays.

    A topic that names no device (a gateway's, a Sparkplug node's) has no bucket: what is
    left out there could be a birth that other messages need.

    Parameters
    ----------
    rate_per_s, burst
        Messages a second in the long run and at once; a rate of 0 lets everything through.
    route
        Where a topic leads; raises `PayloadError` where nowhere.
    """

    def __init__(self, rate_per_s: float, burst: int, route: Callable[[str], Route]) -> None:
        self._rate_per_us = rate_per_s / 1e6
        self._burst = float(max(burst, 1))
        self._route = route
        self._forget()

    def _forget(self) -> None:
        self._places = _Places(self._place)
        self._by_device: dict[str, int] = {}
        self._names: list[str] = [""]  # place 0: no bucket
        self._tokens: NDArray[np.float64] = np.array([np.inf])
        self._filled_us = 0

    def split(self, messages: Sequence[Message]) -> Split:
        """Part a batch and take its tokens; time is that of the messages' arrival."""
        if not self._rate_per_us or not messages:
            return Split(messages)
        if len(self._places) > _MOST_TOPICS:
            self._forget()
        places = np.fromiter(map(self._places.__getitem__, map(_topic_of, messages)), np.int64, len(messages))
        self._refill(max(messages[-1].received_at, self._filled_us))
        counts = np.bincount(places, minlength=len(self._tokens))
        over = np.flatnonzero(counts > self._tokens)
        room = np.floor(self._tokens[over])
        self._tokens -= np.minimum(counts, np.floor(self._tokens))
        if not len(over):
            return Split(messages)
        return self._part(messages, places, dict(zip(over.tolist(), room.tolist(), strict=True)))

    def _refill(self, now_us: int) -> None:
        added = (now_us - self._filled_us) * self._rate_per_us if self._filled_us else self._burst
        missing = len(self._names) - len(self._tokens)
        if missing:
            self._tokens = np.concatenate((self._tokens, np.full(missing, self._burst)))
        self._tokens[1:] = np.minimum(self._burst, self._tokens[1:] + added)
        self._filled_us = now_us

    def _part(self, messages: Sequence[Message], places: NDArray[np.int64], room: dict[int, float]) -> Split:
        excess = np.zeros(len(messages), np.bool_)
        for place, fits in room.items():
            excess[np.flatnonzero(places == place)[int(fits) :]] = True
        out: dict[str, list[Message]] = {}
        beyond: list[int] = np.flatnonzero(excess).tolist()
        owners: list[int] = places.tolist()
        for i in beyond:
            out.setdefault(self._names[owners[i]], []).append(messages[i])
        return Split([messages[i] for i in np.flatnonzero(~excess).tolist()], out)

    def _place(self, topic: str) -> int:
        try:
            device_id = self._route(topic).device_id
        except PayloadError:
            return 0
        if not device_id:
            return 0
        place = self._by_device.setdefault(device_id, len(self._names))
        if place == len(self._names):
            self._names.append(device_id)
        return place
