"""So that one sender cannot crowd out the others: a token bucket each, looked at once a batch. Pure.

A device, or a gateway, may be fast for a while (it sends what it kept while it had no link), not for ever.
What is beyond is not decoded: it costs a fraction of a good message, so one at full speed
does not hold the others up.
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
class Allowance:
    """Messages a second in the long run, and at once; a rate of 0 lets everything through."""

    rate_per_s: float
    burst: int


@dataclass(frozen=True, slots=True)
class Split:
    """A batch, parted: what is to be written, and what is beyond a rate, by device id.

    The id is empty for topics that name no device.
    """

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
    """The buckets of all senders, as arrays.

    A topic that names no device (a gateway's, a Sparkplug node's) has a bucket of its own
    with a gateway's allowance, for it speaks for many; topics that lead nowhere share one.

    Parameters
    ----------
    device, gateway
        What a device may send, and a topic that names none.
    route
        Where a topic leads; raises `PayloadError` where nowhere.
    """

    def __init__(self, device: Allowance, gateway: Allowance, route: Callable[[str], Route]) -> None:
        self._allowances = (device, gateway)
        self._route = route
        self._forget()

    def _forget(self) -> None:
        self._places = _Places(self._place)
        self._by_sender: dict[tuple[bool, str], int] = {}
        self._names: list[str] = []
        self._is_gateway: list[bool] = []
        self._tokens: NDArray[np.float64] = np.empty(0)
        self._bursts: NDArray[np.float64] = np.empty(0)
        self._per_us: NDArray[np.float64] = np.empty(0)
        self._filled_us = 0

    def split(self, messages: Sequence[Message]) -> Split:
        """Part a batch and take its tokens; time is that of the messages' arrival."""
        if not messages or not any(allowance.rate_per_s for allowance in self._allowances):
            return Split(messages)
        if len(self._places) > _MOST_TOPICS:
            self._forget()
        places = np.fromiter(map(self._places.__getitem__, map(_topic_of, messages)), np.int64, len(messages))
        self._refill(max(messages[-1].received_at, self._filled_us))
        counts = np.bincount(places, minlength=len(self._tokens))
        whole = np.floor(self._tokens)
        over = np.flatnonzero(counts > whole)
        room = whole[over]
        self._tokens -= np.minimum(counts, whole)
        if not len(over):
            return Split(messages)
        return self._part(messages, places, dict(zip(over.tolist(), room.tolist(), strict=True)))

    def _refill(self, now_us: int) -> None:
        fresh = [self._allowances[is_gateway] for is_gateway in self._is_gateway[len(self._tokens) :]]
        if fresh:
            bursts = [float(max(a.burst, 1)) if a.rate_per_s else np.inf for a in fresh]
            self._bursts = np.append(self._bursts, bursts)
            self._per_us = np.append(self._per_us, [a.rate_per_s / 1e6 for a in fresh])
            self._tokens = np.append(self._tokens, bursts)
        added = (now_us - self._filled_us) * self._per_us if self._filled_us else 0.0
        self._tokens = np.minimum(self._bursts, self._tokens + added)
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
            sender = (False, device_id) if device_id else (True, topic)
        except PayloadError:
            sender = (True, "")
        place = self._by_sender.setdefault(sender, len(self._names))
        if place == len(self._names):
            is_gateway, name = sender
            self._names.append("" if is_gateway else name)
            self._is_gateway.append(is_gateway)
        return place
