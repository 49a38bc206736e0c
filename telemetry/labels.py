"""Labels: what truly happened, on which devices, from when to when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


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

    def __post_init__(self) -> None:
        if self.end < self.start:
            raise ValueError(f"a label that ends at {self.end} before it starts at {self.start}")
