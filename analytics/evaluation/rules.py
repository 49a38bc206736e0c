"""When an alarm is right: matching alarms with labels.

1. A label that says something happened is one event, whatever the number of its devices.
2. It is found when an alarm on one of its devices, and on one of its metrics where it names
   some, begins between its start and its end and ``grace_s`` more: what it did may show only
   then. Which detector alarms does not matter; whether it was told *as what it is* (a fault
   by a detector of sensor health, an event by another) is counted apart. An alarm without a
   metric speaks of its whole device.
3. An alarm is right when it begins in that time of any label of its device, of whatever
   metric, or in the ``aftermath_s`` after it, while things return to what is usual.
4. An alarm counts neither way inside a nuisance, and where it began at most ``lead_s`` before
   a label and still stood when that began: it is no false alarm, and it cannot have known.
5. Every other alarm is false. What a label calls *nothing* changes nothing: an alarm there is
   false without it.
"""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from analytics.evaluation.alarms import Alarm
from telemetry.labels import Label, Meaning


@dataclass(frozen=True, slots=True)
class Rules:
    """The numbers of the rules above, seconds; a shift is ``shift_h`` hours."""

    grace_s: float = 1_800.0
    aftermath_s: float = 7_200.0
    lead_s: float = 1_800.0
    refractory_s: float = 1_800.0
    shift_h: float = 8.0


@dataclass(frozen=True, slots=True)
class Found:
    """What became of one label: how long after its start the first alarm came, ``None`` for never.

    ``as_such`` is whether an alarm of the right sort was among them.
    """

    label: Label
    delay_s: float | None
    as_such: bool


@dataclass(frozen=True, slots=True)
class Matched:
    """Labels with what became of them, and the alarms that were told, right and false."""

    found: tuple[Found, ...]
    right: tuple[Alarm, ...]
    false: tuple[Alarm, ...]


def match(alarms: Sequence[Alarm], labels: Sequence[Label], rules: Rules) -> Matched:
    """Match alarms that were told (see `analytics.evaluation.alarms.told`) with labels."""
    by_device: dict[str, list[Alarm]] = {}
    for alarm in sorted(alarms, key=lambda alarm: alarm.at):
        by_device.setdefault(alarm.device_id, []).append(alarm)
    happened = [label for label in labels if label.meaning is Meaning.HAPPENED]
    nuisances = [label for label in labels if label.meaning is Meaning.NUISANCE]
    found = tuple(_found(label, by_device, rules.grace_s) for label in happened)
    right = _inside(by_device, happened, rules.grace_s + rules.aftermath_s)
    ignored = _inside(by_device, nuisances, rules.grace_s) | _before(by_device, happened, rules.lead_s)
    return Matched(
        found,
        tuple(alarm for alarm in alarms if id(alarm) in right),
        tuple(alarm for alarm in alarms if id(alarm) not in right and id(alarm) not in ignored),
    )


def _found(label: Label, by_device: dict[str, list[Alarm]], grace_s: float) -> Found:
    hits = [
        alarm
        for device in label.device_ids
        for alarm in _within(by_device.get(device, []), label, grace_s)
        if not label.metrics or not alarm.metric or alarm.metric in label.metrics
    ]
    if not hits:
        return Found(label, None, as_such=False)
    first = min(alarm.at for alarm in hits)
    as_such = any(alarm.is_health == label.is_sensor_fault for alarm in hits)
    return Found(label, (first - label.start).total_seconds(), as_such)


def _inside(by_device: dict[str, list[Alarm]], labels: Sequence[Label], after_s: float) -> set[int]:
    """Identities of the alarms within these labels on their own devices."""
    return {
        id(alarm)
        for label in labels
        for device in label.device_ids
        for alarm in _within(by_device.get(device, []), label, after_s)
    }


def _before(by_device: dict[str, list[Alarm]], labels: Sequence[Label], lead_s: float) -> set[int]:
    """Identities of the alarms that began shortly before a label of their device and stood into it."""
    found: set[int] = set()
    for label in labels:
        since = label.start - timedelta(seconds=lead_s)
        for alarms in (by_device.get(device, []) for device in label.device_ids):
            near = alarms[bisect_left(alarms, since, key=_at) : bisect_left(alarms, label.start, key=_at)]
            found.update(
                id(alarm) for alarm in near if alarm.ended_at is None or alarm.ended_at >= label.start
            )
    return found


def _within(alarms: list[Alarm], label: Label, after_s: float) -> list[Alarm]:
    """The alarms, ordered by time, that begin in the label's time and ``after_s`` more."""
    end = label.end + timedelta(seconds=after_s)
    return alarms[bisect_left(alarms, label.start, key=_at) : bisect_right(alarms, end, key=_at)]


def _at(alarm: Alarm) -> datetime:
    return alarm.at
