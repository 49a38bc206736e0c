"""Streams that leapt, until it is known whether they came back, stayed or others leapt too."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown
from analytics.roster import Roster
from analytics.rounds import NEVER
from analytics.times import SECOND
from telemetry.detection import DetectorSpec
from telemetry.detection.health import REFILLED, SWIFT, SWITCHED
from telemetry.devices import Device

CALM, LEAPT, OFF = 0, 1, 2
"""A stream's standing: as usual; its last reading leapt; off since a leap nobody shared."""

_NEAR = 0.35
"""Share of a leap within which a value has come back, or has stayed."""
_BACK = 0.5
"""Share of a leap that one the other way takes back at least when an offset ends."""
_AT_REST = 0.05
"""Share of the value before below which a lone sensor reads nothing: an outage, not an offset."""
_TOGETHER = 1.5
"""Usual intervals within which two leaps are one event."""
_STIRS = 0.3
"""Share of a leap at which another metric of the device bears witness."""
_STIRRED = 3.0
"""Usual intervals within which it does."""
_CELL_DEG = 0.15
"""Side of the squares, about 16 km, in which leaps of one metric on one kind of device are one
event: lamps that are switched say nothing of a feeder."""
_SECOND_THOUGHTS = 5.0
"""Usual intervals after a leap in which others may yet bear it out, or its going on."""

_KEPT = ("value", "before", "leap", "status", "leapt_at", "stirred_at")


@dataclass(frozen=True, slots=True)
class Steps:
    """One new reading of some streams: columns of shape ``(n,)``.

    ``delta`` is the change since the reading before (NaN: none), ``limit`` what is a leap
    on this stream (NaN: not known), ``blinks`` where it is one though it is smaller.
    """

    streams: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    delta: NDArray[np.float64]
    limit: NDArray[np.float64]
    blinks: NDArray[np.bool_]

    def take(self, rows: NDArray[np.intp]) -> Steps:
        """Some of them."""
        return Steps(
            self.streams[rows],
            self.times[rows],
            self.values[rows],
            self.delta[rows],
            self.limit[rows],
            self.blinks[rows],
        )


class Leaps:
    """What each stream said last, and how it stands."""

    def __init__(self, settle_s: float) -> None:
        self._settle_us = settle_s * SECOND
        self.value, self.before, self.leap = (np.empty(0, np.float64) for _ in range(3))
        self.status = np.empty(0, np.int8)
        self.leapt_at, self.stirred_at = np.empty(0, np.int64), np.empty(0, np.int64)
        self._interval_us = np.empty(0, np.float64)
        self.witnessed = np.empty(0, np.bool_)
        self._untold, self._refilled = np.empty(0, np.bool_), np.empty(0, np.bool_)
        self._device, self._area = np.empty(0, np.int64), np.empty(0, np.int64)

    def extend(self, roster: Roster, doubted: NDArray[np.bool_]) -> None:
        """Make room for the streams of ``roster``; ``doubted`` are those that can leap.

        A stream is witnessed where its device has another doubted one. Of a lone stream
        of what can change swiftly itself, and of what is switched, no leap is an offset.
        """
        per_device = np.bincount(roster.device_of, doubted, minlength=len(roster.device_ids))
        self.witnessed = doubted & (per_device[roster.device_of] > 1)
        swift = np.array([stream.metric in SWIFT for stream in roster.streams], np.bool_)
        switched = np.array([stream.metric in SWITCHED for stream in roster.streams], np.bool_)
        self._untold = swift & ~self.witnessed | switched
        self._refilled = np.array([stream.metric in REFILLED for stream in roster.streams], np.bool_)
        n = len(roster)
        self.value, self.before = grown(self.value, n, np.nan), grown(self.before, n, np.nan)
        self.leap, self.status = grown(self.leap, n, 0.0), grown(self.status, n, CALM)
        self.leapt_at, self.stirred_at = grown(self.leapt_at, n, NEVER), grown(self.stirred_at, n, NEVER)
        self._interval_us = roster.intervals_s * SECOND
        self._device, self._area = roster.device_of, _areas(roster)

    def delta(self, streams: NDArray[np.int64], values: NDArray[np.float64]) -> NDArray[np.float64]:
        """The change since each stream's last value."""
        return values - self.value[streams]

    def forget(self, streams: NDArray[np.int64]) -> None:
        """What was before a long gap is nothing to go by."""
        self.status[streams], self.value[streams] = CALM, np.nan

    def follow(self, steps: Steps) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
        """Take in readings, one a stream; returns how they stand, and which came back from a spike."""
        status = self.status[steps.streams]
        with np.errstate(invalid="ignore"):
            size = np.abs(steps.delta)
            leaps, stirs = (size > steps.limit) | steps.blinks, size > _STIRS * steps.limit
        spiked = np.zeros(len(status), np.bool_)
        odd = np.flatnonzero((status != CALM) | leaps)
        if len(odd):
            some = steps.take(odd)
            status[odd], spiked[odd] = self._judge(some, status[odd])
            self.status[some.streams] = status[odd]
        self.value[steps.streams] = steps.values
        self.stirred_at[steps.streams[stirs]] = steps.times[stirs]
        return status, spiked

    def state(self) -> Columns:
        """All of it, by stream."""
        return {name: getattr(self, name).copy() for name in _KEPT}

    def restore(self, state: Columns, source: NDArray[np.intp], target: NDArray[np.intp]) -> None:
        """Take up kept rows."""
        for name in _KEPT:
            getattr(self, name)[target] = state[name][source]

    def _judge(self, steps: Steps, was: NDArray[np.int8]) -> tuple[NDArray[np.int8], NDArray[np.bool_]]:
        streams, values = steps.streams, steps.values
        before, leap = self.before[streams], self.leap[streams]
        # A blink, smaller than what is a leap elsewhere, is its own measure.
        limit = np.where(np.abs(leap) > steps.limit, steps.limit, _NEAR * np.abs(leap))
        near = np.fmax(limit, _NEAR * np.abs(leap))
        moved = values - before
        back = np.abs(moved) <= near
        further = (moved - leap) * np.sign(leap) > near
        stays = np.abs(moved - leap) <= near
        first = was == LEAPT
        elsewhere = first & ~back & ~stays & ~further
        since_us = steps.times - np.where(was == CALM, steps.times, self.leapt_at[streams])
        early = since_us <= _SECOND_THOUGHTS * self._interval_us[streams]
        shared = self._borne_out(steps, (was != CALM) & early)
        borne_out = shared | further & early
        borne_out |= (np.abs(values) <= _AT_REST * np.abs(before)) & ~self.witnessed[streams]
        borne_out |= self._untold[streams] | self._refilled[streams] & (leap > 0)
        counter = (np.abs(steps.delta) > limit) & (steps.delta * leap < 0)
        over = counter & (np.abs(steps.delta) >= _BACK * np.abs(leap)) | (since_us > self._settle_us)
        after = np.where(was == OFF, np.where(borne_out | over, CALM, OFF), LEAPT)
        after = np.where(first & (back | borne_out & ~elsewhere), CALM, after)
        after = np.where(first & stays & ~back & ~borne_out, OFF, after).astype(np.int8)
        self._begin(steps, was, elsewhere)
        return after, first & (back | elsewhere) & ~shared

    def _begin(self, steps: Steps, was: NDArray[np.int8], elsewhere: NDArray[np.bool_]) -> None:
        """Remember what fresh leaps leapt from; one that went on elsewhere leapt from where it first did."""
        fresh = was == CALM
        streams = steps.streams[fresh]
        self.before[streams], self.leap[streams] = (steps.values - steps.delta)[fresh], steps.delta[fresh]
        again = steps.streams[elsewhere]
        self.leap[again] = steps.values[elsewhere] - self.before[again]
        either = fresh | elsewhere
        self.leapt_at[steps.streams[either]] = steps.times[either]

    def _borne_out(self, steps: Steps, asked: NDArray[np.bool_]) -> NDArray[np.bool_]:
        """Whose leap something else of the device, or the same metric nearby, shared."""
        found = np.zeros(len(asked), np.bool_)
        rows = np.flatnonzero(asked)
        if len(rows):
            some = steps.take(rows)
            found[rows] = self._shared(some, self._device, self.stirred_at, _STIRRED)
            found[rows] |= self._shared(some, self._area, self.leapt_at, _TOGETHER)
        return found

    def _shared(
        self, steps: Steps, group: NDArray[np.int64], moved_at: NDArray[np.int64], intervals: float
    ) -> NDArray[np.bool_]:
        """Whether another stream of the group moved about when each of these leapt.

        What moved in the very instant that is judged is not known yet: whether it stands in
        this batch or in the next must not matter.
        """
        streams, now = steps.streams, steps.times
        window = (intervals * self._interval_us[streams]).astype(np.int64)
        low = self.leapt_at[streams] - window
        high = np.minimum(self.leapt_at[streams] + window, now - 1)
        begin, end = int(low.min()), int(high.max())
        span = end - begin + 2
        moved = np.flatnonzero((moved_at >= begin) & (moved_at <= end))
        keys = np.sort(group[moved] * span + (moved_at[moved] - begin))
        own = group[streams] * span - begin
        count = np.searchsorted(keys, own + high, "right") - np.searchsorted(keys, own + low, "left")
        itself = (moved_at[streams] >= low) & (moved_at[streams] <= high)
        return count > itself


def _areas(roster: Roster) -> NDArray[np.int64]:
    """The number of each stream's area: streams of one see the same."""
    numbers: dict[tuple[str, ...], int] = {}
    areas = np.empty(len(roster), np.int64)
    for place, stream in enumerate(roster.streams):
        device = roster.devices.get(stream.device_id)
        key = (stream.metric,) if device is None else _area(device, stream.metric)
        areas[place] = numbers.setdefault(key, len(numbers))
    return areas


def _area(device: Device, metric: str) -> tuple[str, ...]:
    """Metric, kind of device and square of the map. Lamps that are switched say nothing of a feeder."""
    square = (math.floor(device.lat / _CELL_DEG), math.floor(device.lon / _CELL_DEG))
    return metric, device.kind, *map(str, square)


def ties(spec: DetectorSpec, devices: Sequence[Device]) -> list[list[str]]:
    """Ids of devices that may bear out each other's leaps, area by area."""
    areas: dict[tuple[str, ...], list[str]] = {}
    for device in devices:
        for metric in device.metrics:
            if spec.watches(device, metric):
                areas.setdefault(_area(device, metric), []).append(device.device_id)
    return list(areas.values())
