"""Where history comes from: the store, or arrays in memory."""

from __future__ import annotations

from collections.abc import Generator, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Protocol, TypeVar

import numpy as np
import psycopg
from numpy.typing import NDArray

from analytics.times import SECOND, micros, moment
from store import devices, history
from store.labels import labels_between
from store.pool import connect
from store.readings import extent
from telemetry.devices import Device, Stream
from telemetry.labels import Label
from telemetry.readings import Readings

_SLICE_ROWS = 400_000
"""A day of a thousand streams: larger slices are read faster, and one is 10 MB."""
_Item = TypeVar("_Item")

_COLUMNS = ("stream_ids", "times", "values", "qualities")


@dataclass(frozen=True, slots=True)
class Steps:
    """Steps in which a city has readings: ``numbers`` (``time // step``), ascending, and ``counts``."""

    numbers: NDArray[np.int64]
    counts: NDArray[np.int64]

    @property
    def readings(self) -> int:
        """How many in all."""
        return int(self.counts.sum())


class Source(Protocol):
    """Readings of the past. Picklable, and small: a worker reads its own streams through it."""

    def streams(self) -> list[Stream]:
        """Every stream of the city."""
        ...

    def devices(self) -> list[Device]:
        """Every device of the city."""
        ...

    def readings(self, stream_ids: Sequence[int], start: int, end: int) -> Iterator[tuple[int, Readings]]:
        """Readings of some streams in ``[start, end)`` (microseconds), by time, slice after slice.

        Each slice comes with the time it reaches to.
        """
        ...

    def steps(self, start: int, end: int, step: int) -> Steps:
        """The steps of ``step`` microseconds in which any stream of the city has a reading."""
        ...

    def spacings(self, start: int, end: int) -> dict[int, float]:
        """How far apart the readings of each stream lie on average, seconds; by stream id."""
        ...

    def labels(self, start: datetime, end: datetime) -> list[Label]:
        """What is known to have happened between these times."""
        ...


@dataclass(frozen=True, slots=True)
class StoreSource:
    """The readings of a database.

    The address travels to the workers with its password: a cluster sees the database.
    """

    database_url: str

    def __repr__(self) -> str:
        return "StoreSource(…)"

    def streams(self) -> list[Stream]:
        """Every stream that is registered."""
        with self._connection() as conn:
            return devices.list_streams(conn)

    def devices(self) -> list[Device]:
        """Every device that is registered."""
        with self._connection() as conn:
            return devices.list_devices(conn)

    def readings(self, stream_ids: Sequence[int], start: int, end: int) -> Iterator[tuple[int, Readings]]:
        """Slices of the stored readings; each sees what was committed when it was read."""
        width = history.SliceWidth(_SLICE_ROWS)
        with self._connection() as conn:
            slices = history.slices(lambda: _lent(conn), stream_ids, moment(start), moment(end), width)
            for until, found in _ahead(slices):
                yield micros(until), found

    def steps(self, start: int, end: int, step: int) -> Steps:
        """Steps in which anything is stored."""
        with self._connection() as conn:
            return Steps(*history.busy_steps(conn, moment(start), moment(end), step))

    def spacings(self, start: int, end: int) -> dict[int, float]:
        """Of the stored readings."""
        with self._connection() as conn:
            return history.spacings(conn, moment(start), moment(end))

    def labels(self, start: datetime, end: datetime) -> list[Label]:
        """What is labelled, and operators' verdicts."""
        with self._connection() as conn:
            return labels_between(conn, start, end)

    def extent(self) -> tuple[datetime, datetime] | None:
        """Times of the oldest and the newest reading; ``None`` in an empty store."""
        with self._connection() as conn:
            return extent(conn)

    def _connection(self) -> psycopg.Connection:
        return connect(self.database_url, name="backtest", autocommit=True)


def _ahead(items: Iterator[_Item]) -> Iterator[_Item]:
    """The items, the next one fetched while the last is worked on."""
    with ThreadPoolExecutor(1, "ahead") as beside:
        coming = beside.submit(next, items, None)
        while (item := coming.result()) is not None:
            coming = beside.submit(next, items, None)
            yield item


@contextmanager
def _lent(conn: psycopg.Connection) -> Generator[psycopg.Connection]:
    yield conn


@dataclass(frozen=True)
class ArraySource:
    """Readings in memory, such as a simulated city's.

    Parameters
    ----------
    of_streams, of_devices
        Those of the city.
    columns
        The readings, by time.
    of_labels
        What is known to have happened.
    """

    of_streams: Sequence[Stream]
    of_devices: Sequence[Device]
    columns: Readings
    of_labels: Sequence[Label] = ()

    def __post_init__(self) -> None:
        if len(self.columns) and (np.diff(self.columns.times) < 0).any():
            raise ValueError("the readings are not in the order of time")

    def streams(self) -> list[Stream]:
        """Those given."""
        return list(self.of_streams)

    def devices(self) -> list[Device]:
        """Those given."""
        return list(self.of_devices)

    def readings(self, stream_ids: Sequence[int], start: int, end: int) -> Iterator[tuple[int, Readings]]:
        """Slices of the arrays."""
        wanted = _mask_of(stream_ids, self.of_streams)
        first, last = np.searchsorted(self.columns.times, [start, end]).tolist()
        for at in range(first, last, _SLICE_ROWS):
            until = min(at + _SLICE_ROWS, last)
            part = _cut(self.columns, at, until)
            yield int(part.times[-1]), part.take(wanted[part.stream_ids])
        yield end, _cut(self.columns, 0, 0)

    def steps(self, start: int, end: int, step: int) -> Steps:
        """Steps in which any stream has a reading."""
        first, last = np.searchsorted(self.columns.times, [start, end]).tolist()
        numbers = self.columns.times[first:last] // step
        starts = np.flatnonzero(np.diff(numbers, prepend=-1))
        return Steps(numbers[starts], np.diff(np.append(starts, len(numbers))))

    def spacings(self, start: int, end: int) -> dict[int, float]:
        """Of the arrays."""
        first, last = np.searchsorted(self.columns.times, [start, end]).tolist()
        part = _cut(self.columns, first, last)
        counts = np.bincount(part.stream_ids, minlength=1)
        earliest, latest = np.zeros(len(counts), np.int64), np.zeros(len(counts), np.int64)
        latest[part.stream_ids] = part.times  # of several the last stays
        earliest[part.stream_ids[::-1]] = part.times[::-1]
        several = np.flatnonzero(counts > 1)
        apart_s = (latest - earliest)[several] / SECOND / (counts[several] - 1)
        return dict(zip(several.tolist(), apart_s.tolist(), strict=True))

    def labels(self, start: datetime, end: datetime) -> list[Label]:
        """Those given that touch the time."""
        return [label for label in self.of_labels if label.start < end and label.end > start]

    def kept_in(self, folder: Path) -> MappedSource:
        """The same on disk, for processes of this machine to share."""
        for name in _COLUMNS:
            np.save(folder / f"{name}.npy", getattr(self.columns, name))
        return MappedSource(tuple(self.of_streams), tuple(self.of_devices), folder, tuple(self.of_labels))


@dataclass(frozen=True)
class MappedSource:
    """An `ArraySource` in a folder, of which each process maps what it reads."""

    of_streams: Sequence[Stream]
    of_devices: Sequence[Device]
    folder: Path
    of_labels: Sequence[Label] = ()

    def streams(self) -> list[Stream]:
        """Those it was made of."""
        return list(self.of_streams)

    def devices(self) -> list[Device]:
        """Those it was made of."""
        return list(self.of_devices)

    def readings(self, stream_ids: Sequence[int], start: int, end: int) -> Iterator[tuple[int, Readings]]:
        """Slices of the arrays."""
        return self._mapped().readings(stream_ids, start, end)

    def steps(self, start: int, end: int, step: int) -> Steps:
        """Steps in which any stream has a reading."""
        return self._mapped().steps(start, end, step)

    def spacings(self, start: int, end: int) -> dict[int, float]:
        """Of the arrays."""
        return self._mapped().spacings(start, end)

    def labels(self, start: datetime, end: datetime) -> list[Label]:
        """Those given that touch the time."""
        return [label for label in self.of_labels if label.start < end and label.end > start]

    def _mapped(self) -> ArraySource:
        # As plain arrays: `numpy.memmap` slows every small step of what is made from it.
        columns = [np.asarray(np.load(self.folder / f"{name}.npy", mmap_mode="r")) for name in _COLUMNS]
        return _Sorted(self.of_streams, self.of_devices, Readings(*columns))


class _Sorted(ArraySource):
    def __post_init__(self) -> None:
        """It was checked when it was written."""


def _mask_of(stream_ids: Sequence[int], streams: Sequence[Stream]) -> NDArray[np.bool_]:
    """Whether a stream is wanted, by id."""
    most = max((stream.stream_id for stream in streams), default=-1)
    mask = np.zeros(most + 1, np.bool_)
    mask[np.asarray(stream_ids, np.int64)] = True
    return mask


def _cut(readings: Readings, first: int, last: int) -> Readings:
    return Readings(*(getattr(readings, name)[first:last] for name in _COLUMNS))
