"""How far each device's clock is off, estimated from readings that came on time. Pure.

What can be seen is ``received_at − ts``: the way through the network, never less than
nothing, minus how far the clock is ahead. Of several messages the one with the least delay
says most of the clock (the clock filter of NTP, RFC 5905 §10); so each block of messages
gives its least delay, and the median over the last blocks forgets a single wrong time.
An estimate is off by the fastest way through the network, some milliseconds; for a device
that sends seldom and through a queue, by as much as the queue holds back at its best.
"""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime

import numpy as np
from numpy.typing import NDArray

from ingest.catalog import Catalog
from ingest.decode import Decoded
from ingest.message import Message
from telemetry.devices import DeviceClock
from telemetry.readings import Quality

_BLOCK = 8
"""Readings in a block, at least."""
_BLOCKS = 8
"""Blocks that are remembered."""


class ClockWatch:
    """The clock offsets of all devices, as arrays over the devices of the catalog."""

    def __init__(self, every_s: float) -> None:
        self._every_s = every_s
        self._catalog: Catalog | None = None
        self._device_ids: list[str] = []
        self._resize(0)

    def _resize(self, n: int) -> None:
        self._blocks: NDArray[np.float64] = np.full((n, _BLOCKS), np.nan)
        """Least delay of each of the last blocks, seconds, shape ``(n_devices, _BLOCKS)``; a ring."""
        self._least: NDArray[np.float64] = np.full(n, np.inf)
        self._in_block: NDArray[np.int64] = np.zeros(n, np.int64)
        self._n_blocks: NDArray[np.int64] = np.zeros(n, np.int64)
        self._n_readings: NDArray[np.int64] = np.zeros(n, np.int64)
        self._seen_us: NDArray[np.int64] = np.zeros(n, np.int64)
        self._due_s: NDArray[np.float64] = np.full(n, -np.inf)
        self._fresh: NDArray[np.bool_] = np.zeros(n, np.bool_)

    def observe(self, messages: Sequence[Message], decoded: Decoded, catalog: Catalog) -> None:
        """Learn from a batch that was committed: its readings that came on time with their own time."""
        if catalog is not self._catalog:
            self._follow(catalog)
        received = np.repeat(
            np.fromiter((m.received_at for m in messages), np.int64, len(messages)),
            np.diff(np.asarray(decoded.ends, np.int64), prepend=0),
        )
        readings = decoded.readings
        on_time = readings.qualities == Quality.GOOD
        devices = catalog.device_index[readings.stream_ids[on_time]]
        delays = (received - readings.times)[on_time] / 1e6
        least = np.full(len(self._least), np.inf)
        np.minimum.at(least, devices, delays)
        counts = np.bincount(devices, minlength=len(least))
        self._learn(np.flatnonzero(counts), least, counts)
        np.maximum.at(self._seen_us, devices, received[on_time])

    def _learn(self, heard: NDArray[np.intp], least: NDArray[np.float64], counts: NDArray[np.intp]) -> None:
        self._least[heard] = np.minimum(self._least[heard], least[heard])
        self._in_block[heard] += counts[heard]
        self._n_readings[heard] += counts[heard]
        self._fresh[heard] = True
        full = heard[self._in_block[heard] >= _BLOCK]
        self._blocks[full, self._n_blocks[full] % _BLOCKS] = self._least[full]
        self._n_blocks[full] += 1
        self._least[full], self._in_block[full] = np.inf, 0

    def _follow(self, catalog: Catalog) -> None:
        place = {device_id: i for i, device_id in enumerate(self._device_ids)}
        known = [(new, place[d]) for new, d in enumerate(catalog.device_ids) if d in place]
        new, old = (np.asarray(side, np.intp) for side in (zip(*known, strict=True) if known else ((), ())))
        names = ("_blocks", "_least", "_in_block", "_n_blocks", "_n_readings", "_seen_us", "_due_s", "_fresh")
        before = {name: getattr(self, name) for name in names}
        self._resize(len(catalog.device_ids))
        for name, array in before.items():
            getattr(self, name)[new] = array[old]
        self._catalog, self._device_ids = catalog, catalog.device_ids

    def due(self, now_s: float) -> list[DeviceClock]:
        """What is to be written down at a monotonic time: each device heard since, not too often."""
        due = np.flatnonzero(self._fresh & (self._due_s <= now_s))
        if not len(due):
            return []
        self._fresh[due], self._due_s[due] = False, now_s + self._every_s
        # Until the first block is full, its least delay so far has to do.
        first = np.where(self._n_blocks[due] == 0, self._least[due], np.nan)
        delays = np.column_stack((self._blocks[due], first))
        median = np.nanmedian(delays, axis=1)
        spread = np.nanmax(delays, axis=1) - np.nanmin(delays, axis=1)
        return [
            DeviceClock(
                self._device_ids[i],
                float(-median[k]),
                float(spread[k]),
                int(self._n_readings[i]),
                datetime.fromtimestamp(int(self._seen_us[i]) / 1e6, UTC),
            )
            for k, i in enumerate(due)
        ]
