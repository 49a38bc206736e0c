"""Streams that leapt, until it is known whether they came back, stayed or others leapt too."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown
from analytics.roster import Roster
from analytics.rounds import NEVER
from analytics.times import SECOND
from telemetry.detection.health import SWIFT

CALM, LEAPT, OFF = 0, 1, 2
"""A stream's standing: as usual; its last reading leapt; off since a leap nobody shared."""

_NEAR = 0.35
"""Share of a leap within which a value has come back, or has stayed."""
_BACK = 0.5
"""Share of a leap that one the other way takes back at least when an offset ends."""
_AT_REST = 0.05
"""Share of the value before below which a device reads nothing: an outage, not an offset."""
_TOGETHER = 1.5
"""Usual intervals within which two leaps are one event."""
_SECOND_THOUGHTS = 5.0
"""Usual intervals after a leap in which others may yet bear it out, or its going on."""

_KEPT = ("value", "before", "leap", "status", "leapt_at")


@dataclass(frozen=True, slots=True)
class Steps:
    """One new reading of some streams: columns of shape ``(n,)``.

    ``delta`` is the change since the reading before (NaN: none), ``limit`` what is a leap
    on this stream (NaN: not known).
    """

    streams: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    delta: NDArray[np.float64]
    limit: NDArray[np.float64]

    def take(self, rows: NDArray[np.intp]) -> Steps:
        """Some of them."""
        return Steps(
            self.streams[rows], self.times[rows], self.values[rows], self.delta[rows], self.limit[rows]
        )


class Leaps:
    """What each stream said last, and how it stands."""

    def __init__(self, settle_s: float) -> None:
        self._settle_us = settle_s * SECOND
        self.value, self.before, self.leap = (np.empty(0, np.float64) for _ in range(3))
        self.status = np.empty(0, np.int8)
        self.leapt_at = np.empty(0, np.int64)
        self._interval_us = np.empty(0, np.float64)
        self.witnessed = np.empty(0, np.bool_)
        self._untold = np.empty(0, np.bool_)
        self._groups: tuple[NDArray[np.int64], NDArray[np.int64]] = (np.empty(0, np.int64),) * 2

    def extend(self, roster: Roster, doubted: NDArray[np.bool_]) -> None:
        """Make room for the streams of ``roster``; ``doubted`` are those that can leap.

        A stream is witnessed where its device has another doubted one. Of a lone stream
        of what can change swiftly itself, no leap is an offset.
        """
        per_device = np.bincount(roster.device_of, doubted, minlength=len(roster.device_ids))
        self.witnessed = doubted & (per_device[roster.device_of] > 1)
        swift = np.array([stream.metric in SWIFT for stream in roster.streams], np.bool_)
        self._untold = swift & ~self.witnessed
        n = len(roster)
        self.value, self.before = grown(self.value, n, np.nan), grown(self.before, n, np.nan)
        self.leap, self.status = grown(self.leap, n, 0.0), grown(self.status, n, CALM)
        self.leapt_at = grown(self.leapt_at, n, NEVER)
        self._interval_us = roster.intervals_s * SECOND
        self._groups = roster.device_of, _zones_of_metrics(roster)

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
            leaps = np.abs(steps.delta) > steps.limit
        spiked = np.zeros(len(status), np.bool_)
        odd = np.flatnonzero((status != CALM) | leaps)
        if len(odd):
            some = steps.take(odd)
            status[odd], spiked[odd] = self._judge(some, status[odd])
            self.status[some.streams] = status[odd]
        self.value[steps.streams] = steps.values
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
        near = np.fmax(steps.limit, _NEAR * np.abs(leap))
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
        borne_out |= np.abs(values) <= _AT_REST * np.abs(before)
        borne_out |= self._untold[streams]
        counter = (np.abs(steps.delta) > steps.limit) & (steps.delta * leap < 0)
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
        """Whose leap another metric of the device, or the metric nearby, shared."""
        found = np.zeros(len(asked), np.bool_)
        rows = np.flatnonzero(asked)
        if len(rows) == 0:
            return found
        streams = steps.streams[rows]
        at, window = self.leapt_at[streams], (_TOGETHER * self._interval_us[streams]).astype(np.int64)
        begin, end = (at - window).min(), (at + window).max()
        # Leaps of the very instant that is judged are not known yet: whether they stand in
        # this batch or in the next must not matter.
        others = np.flatnonzero((self.leapt_at >= begin) & (self.leapt_at <= end))
        for group in self._groups:
            span = int(end - begin + 1)
            keys = np.sort(group[others] * span + (self.leapt_at[others] - begin))
            own, low, high = group[streams] * span, at - window - begin, at + window - begin
            limit = np.minimum(high, steps.times[rows] - 1 - begin)
            count = np.searchsorted(keys, own + np.clip(limit, -1, span - 1), "right") - np.searchsorted(
                keys, own + np.maximum(low, 0), "left"
            )
            found[rows] |= count > 1  # itself is one
        return found


def _zones_of_metrics(roster: Roster) -> NDArray[np.int64]:
    """The number of each stream's metric and zone: streams near each other that see the same."""
    numbers: dict[tuple[str, str], int] = {}
    groups = np.empty(len(roster), np.int64)
    for place, stream in enumerate(roster.streams):
        device = roster.devices.get(stream.device_id)
        key = (stream.metric, device.zone if device else "")
        groups[place] = numbers.setdefault(key, len(numbers))
    return groups
