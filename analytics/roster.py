"""Who is measured: streams in a dense order, so that state can be arrays."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.times import SECOND
from telemetry.devices import Device, Stream
from telemetry.readings import Quality, Readings


@dataclass(frozen=True, slots=True)
class Rows:
    """Readings of known streams as columns, each of shape ``(n,)``.

    ``streams`` int64, the stream's place in the roster; ``times`` int64, microseconds
    since the epoch, UTC; ``values`` float64 in the metric's unit. ``leads`` float64, how far
    the time on each lay ahead of its commit, seconds; NaN where the device told no time, and
    ``None`` where nothing kept says when readings came, as in history.
    """

    streams: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    leads: NDArray[np.float64] | None = None

    def __len__(self) -> int:
        return len(self.streams)

    def take(self, keep: NDArray[np.bool_] | NDArray[np.intp] | slice) -> Rows:
        """The rows that ``keep`` (a mask, an index or a stretch) names."""
        leads = None if self.leads is None else self.leads[keep]
        return Rows(self.streams[keep], self.times[keep], self.values[keep], leads)


def runs(streams: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Distinct streams of rows that are ordered by stream, and which of them each row is of.

    `numpy.unique` of rows in no order says the same; of a week's it takes ten times as long.
    """
    starts = np.flatnonzero(np.diff(streams, prepend=-1))
    counts = np.diff(np.append(starts, len(streams)))
    return streams[starts], np.repeat(np.arange(len(starts)), counts)


@dataclass(frozen=True, slots=True)
class Roster:
    """Streams and their devices. A stream keeps its place for good; new ones follow.

    ``stream_ids`` int32, ``intervals_s`` float64 and ``device_of`` int64 (place in
    ``device_ids``) have shape ``(n_streams,)``.
    """

    streams: tuple[Stream, ...]
    devices: Mapping[str, Device]
    device_ids: tuple[str, ...]
    stream_ids: NDArray[np.int32]
    intervals_s: NDArray[np.float64]
    device_of: NDArray[np.int64]
    places: NDArray[np.int64]
    """Stream id → place, −1 where there is none."""

    def __len__(self) -> int:
        return len(self.streams)

    @classmethod
    def of(cls, streams: Sequence[Stream], devices: Sequence[Device]) -> Roster:
        """A roster of these streams, in this order."""
        device_ids = tuple(dict.fromkeys(stream.device_id for stream in streams))
        rank = {device_id: i for i, device_id in enumerate(device_ids)}
        stream_ids = np.array([stream.stream_id for stream in streams], np.int32)
        places = np.full(int(stream_ids.max(initial=-1)) + 1, -1, np.int64)
        places[stream_ids] = np.arange(len(stream_ids))
        return cls(
            tuple(streams),
            {device.device_id: device for device in devices},
            device_ids,
            stream_ids,
            np.array([stream.interval_s for stream in streams], np.float64),
            np.array([rank[stream.device_id] for stream in streams], np.int64),
            places,
        )

    def extended(self, streams: Sequence[Stream], devices: Sequence[Device]) -> Roster:
        """The roster with the streams it did not know behind those it did."""
        known = {stream.stream_id for stream in self.streams}
        fresh = [stream for stream in streams if stream.stream_id not in known]
        return Roster.of([*self.streams, *fresh], [*self.devices.values(), *devices])

    def speakers(self, watched: NDArray[np.bool_]) -> list[int]:
        """By device, the place of the stream that speaks for it: its first ``watched`` one, if it has any."""
        order = np.argsort(~watched, kind="stable")
        _, first = np.unique(self.device_of[order], return_index=True)
        return order[first].tolist()

    def place(self, stream_ids: NDArray[np.int32]) -> NDArray[np.int64]:
        """Places of streams by id, −1 for a stranger."""
        places = np.full(len(stream_ids), -1, np.int64)
        known = (stream_ids >= 0) & (stream_ids < len(self.places))
        places[known] = self.places[stream_ids[known]]
        return places

    def knows_all(self, readings: Readings) -> bool:
        """Whether every reading is of a stream of this roster."""
        return bool((self.place(readings.stream_ids) >= 0).all())

    def rows(self, readings: Readings, now: int | None = None) -> Rows:
        """Readings of known, finite value by place; strangers are left out.

        With ``now`` (microseconds), when they were committed, a time ahead of it counts as
        ``now``: a device whose clock ran ahead once would otherwise seem late until the
        world caught up. How far it was ahead stays in ``leads``.
        """
        places = self.place(readings.stream_ids)
        keep = (places >= 0) & np.isfinite(readings.values)
        if now is None:
            return Rows(places[keep], readings.times[keep], readings.values[keep])
        leads = (readings.times - now) / SECOND
        leads[(readings.qualities & Quality.ARRIVAL_TIME) != 0] = np.nan
        return Rows(places[keep], np.minimum(readings.times, now)[keep], readings.values[keep], leads[keep])
