"""Labels: what truly happened, on which devices, from when to when."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import StrEnum

KIND = re.compile(r"[A-Za-z0-9][A-Za-z0-9_.:-]{0,63}")
LONGEST = timedelta(days=366)
MOST_DEVICES = 1_000
MOST_NOTE = 500
HEALTH_KINDS = frozenset({"clock", "drift", "jumps", "silence", "stuck"})
"""Kinds of detector that speak of sensors: what they tell is a sensor's fault, not an event."""


class LabelSource(StrEnum):
    """Where a label comes from."""

    TRUTH = "truth"
    """The simulator's own account of what it did."""
    VERDICT = "verdict"
    """What an operator found an alert to have been."""
    DRAWN = "drawn"
    """Marked on a chart by an engineer."""
    IMPORTED = "imported"
    """From a file."""


class Meaning(StrEnum):
    """What a label says of its time."""

    HAPPENED = "happened"
    """Something did happen: it is to be found."""
    NUISANCE = "nuisance"
    """Something that is not worth telling: alarms here count neither way."""
    NOTHING = "nothing"
    """Nothing happened: an alarm here was false."""


@dataclass(frozen=True, slots=True)
class Label:
    """One event or fault.

    One label is one event however many devices show it: a flood over twelve gauges is found
    when one of them alarms. Without ``metrics`` any metric of the devices may show it.
    ``end`` is when the cause ends; ``is_sensor_fault`` tells a sensor's failure from an
    event in the city.
    """

    kind: str
    device_ids: tuple[str, ...]
    start: datetime
    end: datetime
    metrics: tuple[str, ...] = ()
    is_sensor_fault: bool = False
    meaning: Meaning = Meaning.HAPPENED
    source: LabelSource = LabelSource.TRUTH
    author: str = ""
    note: str = ""
    label_id: int | None = None
    alert_id: int | None = None
    """The alert whose verdict this is."""

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a label that ends at {self.end} before it starts at {self.start}")

    @property
    def digest(self) -> str:
        """SHA-256 of what the label says, hexadecimal; who says so and why is left out."""
        times = (moment.astimezone(UTC).isoformat() for moment in (self.start, self.end))
        whole = (
            self.kind,
            " ".join(sorted(self.device_ids)),
            " ".join(sorted(self.metrics)),
            *times,
            str(self.is_sensor_fault),
            str(self.meaning),
        )
        return hashlib.sha256("\n".join(whole).encode()).hexdigest()

    def shares_time_with(self, other: Label) -> bool:
        """Whether both speak of some device at the same time."""
        together = self.start <= other.end and other.start <= self.end
        return together and not set(self.device_ids).isdisjoint(other.device_ids)


def without_echoes(labels: Iterable[Label]) -> list[Label]:
    """The labels, less verdicts that tell again of what another label tells.

    An operator who finds an alert true during a flood that is labelled speaks of that
    flood: counted apart, every alert of it would be an event more.
    """
    given = list(labels)
    firm = [one for one in given if one.source is not LabelSource.VERDICT]
    by_device: dict[str, list[Label]] = {}
    for one in firm:
        for device_id in one.device_ids:
            by_device.setdefault(device_id, []).append(one)

    def is_echo(verdict: Label) -> bool:
        others = (other for device_id in verdict.device_ids for other in by_device.get(device_id, ()))
        return any(other.meaning is verdict.meaning and verdict.shares_time_with(other) for other in others)

    return [one for one in given if one.source is not LabelSource.VERDICT or not is_echo(one)]
