"""Alarms, and which of them an operator would be told of: a fixed refractory that does not chain."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Alarm:
    """A condition that began on a device.

    ``ended_at`` is ``None`` where it still stood at the end. ``is_health`` tells the word of
    a detector of sensor health.
    """

    device_id: str
    metric: str
    at: datetime
    ended_at: datetime | None = None
    detector: str = ""
    rule: str = ""
    is_health: bool = False


def told(alarms: Iterable[Alarm], refractory_s: float) -> list[Alarm]:
    """Alarms in order of time, less those within ``refractory_s`` of the last told of their device.

    The refractory runs from an alarm that is told and is not lengthened by those it drops:
    with one that chains, a detector that alarms without end would count as one alarm.
    """
    last: dict[str, datetime] = {}
    kept: list[Alarm] = []
    for alarm in sorted(alarms, key=lambda alarm: (alarm.at, alarm.device_id, alarm.detector, alarm.rule)):
        before = last.get(alarm.device_id)
        if before is not None and (alarm.at - before).total_seconds() < refractory_s:
            continue
        last[alarm.device_id] = alarm.at
        kept.append(alarm)
    return kept
