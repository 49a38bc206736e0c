"""What a codec is: bytes in, samples out, and `PayloadError` for all else."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from typing import Protocol

from telemetry.errors import PayloadError
from telemetry.payloads import MAX_BYTES, MAX_KEY_LENGTH, Sample

MAX_RECORDS = 2_000
"""Records, metrics or array elements in one message; as many as objects in CityOps JSON."""


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a message came.

    ``device_id`` is what its topic says, empty where the topic says nothing of it;
    ``received_at`` is microseconds since the epoch.
    """

    topic: str
    device_id: str
    received_at: int


@dataclass(frozen=True, slots=True)
class DeviceSample(Sample):
    """A sample that says whose it is, for formats in which the topic alone does not.

    ``incidental`` holds what a network adds of its own accord (signal strength, frame
    count): stored where the device is registered with the metric, and no fault where it
    is not. ``from_arrival`` says that ``time`` was reckoned from the time of arrival.
    ``status`` is ``online``, ``offline`` or empty. ``problems`` are the fields that cannot be
    used; the others are good all the same.
    """

    device_id: str
    incidental: Mapping[str, float] = field(default_factory=dict[str, float])
    from_arrival: bool = False
    status: str = ""
    problems: list[PayloadError] = field(default_factory=list[PayloadError])


class Codec(Protocol):
    """One format on one topic pattern."""

    def decode(self, payload: bytes, arrival: Arrival) -> list[DeviceSample]:
        """Decode one message; an empty list is one that carries no reading, by its kind.

        Raises
        ------
        PayloadError
            And nothing else, whatever the bytes.
        """
        ...


def check_usable(samples: Sequence[DeviceSample]) -> None:
    """`PayloadError`, the first problem, where nothing of a message can be used."""
    if any(sample.values or sample.status for sample in samples):
        return
    for sample in samples:
        for problem in sample.problems:
            device_id = problem.device_id or sample.device_id
            raise PayloadError(problem.reason, problem.args[0], device_id=device_id) from problem


def check_size(payload: bytes) -> None:
    """`PayloadError` where a payload is larger than any honest message."""
    if len(payload) > MAX_BYTES:
        raise PayloadError("size", f"payload of {len(payload)} bytes, at most {MAX_BYTES}")


def check_count(n: int, what: str) -> None:
    """`PayloadError` where a message holds more than `MAX_RECORDS` of something."""
    if n > MAX_RECORDS:
        raise PayloadError("shape", f"{n} {what}, at most {MAX_RECORDS}")


def is_number(value: object) -> bool:
    """Whether a decoded value is a number, or a truth value that can be one."""
    return isinstance(value, bool | int | float | Decimal)


def number(name: str, value: object) -> float:
    """A decoded value as a finite float; true is 1 and false 0.

    Raises
    ------
    PayloadError
        With ``reason`` ``value``: not a number, not finite, or too large.
    """
    shown = name[:MAX_KEY_LENGTH]
    if not isinstance(value, bool | int | float | Decimal):
        raise PayloadError("value", f"{shown!r} is not a number")
    try:
        result = float(value)
    except (OverflowError, ValueError) as error:
        raise PayloadError("value", f"{shown!r} is too large a number") from error
    if not math.isfinite(result):
        raise PayloadError("value", f"{shown!r} is not finite")
    return result
