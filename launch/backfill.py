"""History for an empty store: what the simulated city would have sent in days past."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

import numpy as np
import psycopg
from numpy.typing import NDArray

from store import ledger
from store.devices import list_streams
from store.pool import connect
from store.readings import write_readings
from telemetry.readings import Readings

DAYS = 7
STEP_S = 300.0
"""One reading of each stream every five minutes: about 3.6 million for the city of the demo."""


class HistoryChunk(Protocol):
    """A piece of history: ``values`` has shape ``(n_times, n_keys)``, NaN where nothing was sent.

    ``times`` has shape ``(n_times,)``, microseconds since the epoch, UTC.
    """

    @property
    def keys(self) -> Sequence[tuple[str, str]]:
        """``(device_id, metric)`` of each column."""
        ...

    @property
    def times(self) -> NDArray[np.int64]:
        """When."""
        ...

    @property
    def values(self) -> NDArray[np.float64]:
        """What."""
        ...


@dataclass(frozen=True, slots=True)
class Written:
    """What a backfill did."""

    readings: int
    elapsed_s: float

    @property
    def per_second(self) -> float:
        """Readings a second."""
        return self.readings / self.elapsed_s if self.elapsed_s else 0.0


def flatten(chunk: HistoryChunk, stream_of: dict[tuple[str, str], int]) -> Readings:
    """A chunk's readings as columns, ordered by stream then time; unknown keys are left out.

    Ordering by stream keeps the inserts into the ``(stream_id, time)`` index local.
    """
    ids = np.array([stream_of.get(key, -1) for key in chunk.keys], dtype=np.int32)
    values = chunk.values.T
    present = ~np.isnan(values) & (ids >= 0)[:, None]
    stream_ids = np.broadcast_to(ids[:, None], values.shape)[present]
    times = np.broadcast_to(chunk.times[None, :], values.shape)[present]
    return Readings.of(stream_ids, times, values[present])


def write_history(
    database_url: str, chunks: Iterable[HistoryChunk], progress: Callable[[datetime, int], None]
) -> Written:
    """Write chunks, each in a transaction of its own; ``progress`` is told up to when and how many."""
    began, count = time.monotonic(), 0
    with connect(database_url, name="backfill") as conn:
        stream_of = {(s.device_id, s.metric): s.stream_id for s in list_streams(conn)}
        conn.commit()
        for chunk in chunks:
            readings = flatten(chunk, stream_of)
            with conn.transaction():
                fresh = write_readings(conn, readings)
                _account(conn, fresh, stream_of)
            count += len(fresh)
            if len(chunk.times):
                progress(datetime.fromtimestamp(int(chunk.times[-1]) / 1e6).astimezone(), count)
    return Written(count, time.monotonic() - began)


def _account(conn: psycopg.Connection, fresh: Readings, stream_of: Mapping[tuple[str, str], int]) -> None:
    """Enter history in the ledger too, so that it can be recounted as a whole."""
    device_of = {stream_id: device_id for (device_id, _), stream_id in stream_of.items()}
    entries: dict[str, ledger.Entry] = {}
    for stream_id, n in zip(*np.unique(fresh.stream_ids, return_counts=True), strict=True):
        entries.setdefault(device_of[int(stream_id)], ledger.Entry()).committed += int(n)
    ledger.add_entries(conn, "history", datetime.now(UTC).date(), entries)
