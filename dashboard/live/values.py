"""The newest reading of every stream, as arrays over stream ids."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from dashboard.live.catalogue import Catalogue
from dashboard.live.messages import LiveReading
from telemetry.readings import Readings

NEVER = np.iinfo(np.int64).min
"""The time of a reading that has not come."""


class NewestValues:
    """Newest time (µs), value and quality by stream id, and newest time by device position."""

    def __init__(self, catalogue: Catalogue) -> None:
        size = max((stream.stream_id for stream in catalogue.streams), default=0) + 1
        self._time = np.full(size, NEVER, np.int64)
        self._value = np.zeros(size)
        self._quality = np.zeros(size, np.int16)
        self._changed = np.zeros(size, np.bool_)
        self._device = np.full(size, -1, np.intp)
        for stream in catalogue.streams:
            self._device[stream.stream_id] = catalogue.position.get(stream.device_id, -1)
        self.device_times: NDArray[np.int64] = np.full(len(catalogue.devices), NEVER, np.int64)

    def apply(self, readings: Readings) -> tuple[NDArray[np.intp], bool]:
        """Fold readings in.

        Returns the positions of devices heard of for the first time, and whether every
        reading was of a known stream.
        """
        known = (readings.stream_ids >= 0) & (readings.stream_ids < len(self._time))
        known[known] = self._device[readings.stream_ids[known]] >= 0
        fresh = _last_of_each(readings.take(known))
        fresh = fresh.take(fresh.times > self._time[fresh.stream_ids])
        ids = fresh.stream_ids
        self._time[ids], self._value[ids], self._quality[ids] = fresh.times, fresh.values, fresh.qualities
        self._changed[ids] = True
        devices = self._device[ids]
        first = np.unique(devices[self.device_times[devices] == NEVER])
        np.maximum.at(self.device_times, devices, fresh.times)
        return first, bool(known.all())

    def readings(self) -> Readings:
        """Everything known, as readings: what another instance can start from."""
        ids = np.flatnonzero(self._time > NEVER)
        return Readings.of(ids, self._time[ids], self._value[ids], self._quality[ids])

    def rows(self, stream_ids: Sequence[int] | None = None) -> list[LiveReading]:
        """The newest reading of some streams, or of all; those without one are left out."""
        if stream_ids is None:
            return self._rows(np.flatnonzero(self._time > NEVER))
        ids = np.asarray([i for i in stream_ids if 0 <= i < len(self._time)], np.intp)
        return self._rows(ids[self._time[ids] > NEVER])

    @property
    def changed(self) -> bool:
        """Whether anything is newer than at the last `take_changed`."""
        return bool(self._changed.any())

    def take_changed(self) -> list[LiveReading]:
        """What is newer than at the last call."""
        ids = np.flatnonzero(self._changed)
        self._changed[ids] = False
        return self._rows(ids)

    def _rows(self, ids: NDArray[np.intp]) -> list[LiveReading]:
        columns = (ids, self._time[ids] // 1000, self._value[ids], self._quality[ids])
        return list(zip(*(column.tolist() for column in columns), strict=True))


def _last_of_each(readings: Readings) -> Readings:
    order = np.lexsort((readings.times, readings.stream_ids))
    ids = readings.stream_ids[order]
    last = np.ones(len(ids), np.bool_)
    last[:-1] = ids[1:] != ids[:-1]
    return readings.take(order[last])
