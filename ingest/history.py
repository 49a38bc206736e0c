"""Rows of files into the store, by the rules that hold for messages."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import datetime

import numpy as np
import psycopg
from numpy.typing import NDArray

from ingest.catalog import Catalog, Channel
from store import imports, ledger
from store.readings import write_readings
from telemetry.errors import PayloadError
from telemetry.exchange.parse import Block, Fault
from telemetry.metrics import METRICS
from telemetry.readings import Quality, Readings
from telemetry.settings import Ingest
from telemetry.units import convert

INGESTOR = "import"
"""Under what name the ledger accounts for files; what it refused is in files of rejects."""

_DAY_US = 86_400_000_000
_EARLIEST_US, _LATEST_US = 946_684_800_000_000, 4_102_444_800_000_000
"""2000 and 2100: a time outside them is no time of a reading, whatever the limits are."""


@dataclass(frozen=True, slots=True)
class Checked:
    """What a block holds: readings that are good, and rows that are not."""

    readings: Readings
    faults: list[Fault]
    devices: Counter[str]
    """Rows by known device; ``""`` for those of none."""


@dataclass(frozen=True, slots=True)
class Taken:
    """What became of a block's rows."""

    committed: int
    duplicates: int
    faults: list[Fault]


def check(block: Block, catalog: Catalog, limits: Ingest, now_us: int, *, any_age: bool) -> Checked:
    """The rules of live messages for a block of rows; with ``any_age`` no row is too old. Pure."""
    pairs = _Pairs(block, catalog)
    faults = list(block.faults)
    bad = np.zeros(len(block.times), np.bool_)

    def refuse(which: NDArray[np.bool_], reason: str, say: str) -> None:
        fresh: list[int] = np.flatnonzero(which & ~bad).tolist()
        faults.extend(_fault(block, index, reason, pairs.sentence(say, index)) for index in fresh)
        bad[which] = True

    for reason in ("device", "metric", "unit"):
        refuse(pairs.wrong(reason), reason, "{problem}")
    values = block.values * pairs.factor + pairs.offset
    refuse(~((values >= pairs.low) & (values <= pairs.high)), "range", "{metric} = {value:g} is impossible")
    age_us = now_us - block.times
    sane = (block.times >= _EARLIEST_US) & (block.times <= _LATEST_US)
    refuse(~sane | (age_us < -limits.future_tolerance_s * 1e6), "time", "the time is in the future, or none")
    if not any_age:
        too_old = age_us > limits.oldest_days * _DAY_US
        refuse(too_old, "time", f"older than {limits.oldest_days:g} days; --any-age takes it all the same")
    late = np.where(age_us > limits.late_after_s * 1e6, int(Quality.LATE), int(Quality.GOOD))
    qualities = np.where(block.qualities >= 0, block.qualities, late)
    good = ~bad
    readings = Readings.of(pairs.stream_ids[good], block.times[good], values[good], qualities[good])
    return Checked(readings, faults, _count_devices(block, catalog))


def _fault(block: Block, index: int, reason: str, detail: str) -> Fault:
    device, metric = (
        block.device_names[int(block.devices[index])],
        block.metric_names[int(block.metrics[index])],
    )
    moment = np.datetime64(int(block.times[index]), "us")
    text = f"{moment}Z,{device},{metric},{float(block.values[index])!r}"
    return Fault(int(block.numbers[index]), reason, detail, text, device)


def _count_devices(block: Block, catalog: Catalog) -> Counter[str]:
    counts: Counter[str] = Counter()
    for code, n in enumerate(np.bincount(block.devices, minlength=len(block.device_names))):
        if n:
            name = block.device_names[code]
            counts[name if catalog.find(name) else ""] += int(n)
    counts[""] += len(block.faults)
    return +counts


class _Pairs:
    """What each row's device, metric and unit stand for, looked up once for each combination."""

    def __init__(self, block: Block, catalog: Catalog) -> None:
        self._block = block
        n_metrics, n_units = len(block.metric_names) + 1, len(block.unit_names) + 1
        keys = (block.devices.astype(np.int64) * n_metrics + block.metrics) * n_units + block.units + 1
        unique, row = np.unique(keys, return_inverse=True)
        self._row: NDArray[np.intp] = row
        kinds: list[int] = unique.tolist()
        found = [
            _look_up(
                block.device_names[key // n_units // n_metrics],
                block.metric_names[key // n_units % n_metrics],
                block.unit_names[key % n_units - 1] if key % n_units else None,
                catalog,
            )
            for key in kinds
        ]
        self._found = found
        self.stream_ids = np.asarray([one.channel.stream_id for one in found], np.int32)[self._row]
        self.low = self._spread([one.channel.low for one in found])
        self.high = self._spread([one.channel.high for one in found])
        self.factor = self._spread([one.factor for one in found])
        self.offset = self._spread([one.offset for one in found])

    def _spread(self, column: list[float]) -> NDArray[np.float64]:
        return np.asarray(column, np.float64)[self._row]

    def wrong(self, reason: str) -> NDArray[np.bool_]:
        """Rows whose combination has this problem."""
        return np.asarray([one.reason == reason for one in self._found], np.bool_)[self._row]

    def sentence(self, say: str, index: int) -> str:
        """What is wrong with a row, in words."""
        metric = self._block.metric_names[int(self._block.metrics[index])]
        problem = self._found[int(self._row[index])].problem
        return say.format(problem=problem, metric=metric, value=self._block.values[index])


_NOTHING = Channel(0, -np.inf, np.inf)


@dataclass(frozen=True, slots=True)
class _Meaning:
    """A combination's channel, or its problem; values become ``value × factor + offset``."""

    channel: Channel = _NOTHING
    factor: float = 1.0
    offset: float = 0.0
    reason: str = ""
    problem: str = ""


def _look_up(device_id: str, metric: str, unit: str | None, catalog: Catalog) -> _Meaning:
    known = catalog.find(device_id)
    if known is None:
        return _Meaning(reason="device", problem=f"no device {device_id[:64]!r} is registered")
    channel = known.channels.get(metric)
    if channel is None:
        return _Meaning(reason="metric", problem=f"the device has no metric {metric[:64]!r}")
    own = METRICS[metric].unit
    if unit is None or unit in ("", own):
        return _Meaning(channel)
    try:
        zero, one = convert(0.0, unit, own), convert(1.0, unit, own)
    except PayloadError as error:
        return _Meaning(channel, reason="unit", problem=error.message)
    return _Meaning(channel, one - zero, zero)


class HistoryWriter:
    """Takes the blocks of one file in; each is a transaction with its account and its place."""

    def __init__(
        self, conn: psycopg.Connection, catalog: Catalog, limits: Ingest, digest: str, *, any_age: bool
    ) -> None:
        self._conn = conn
        self._catalog = catalog
        self._limits = limits
        self._digest = digest
        self._any_age = any_age
        self._rows_done = 0

    def skip(self, block: Block) -> None:
        """Pass a block by that was taken in before."""
        self._rows_done += block.n_rows

    def take(self, block: Block, now: datetime) -> Taken:
        """Store what is good of a block. Duplicates are stored once; the first one stays."""
        now_us = round(now.timestamp() * 1e6)
        checked = check(block, self._catalog, self._limits, now_us, any_age=self._any_age)
        offered = checked.readings
        with self._conn.transaction():
            fresh = write_readings(self._conn, offered)
            taken = Taken(len(fresh), len(offered) - len(fresh), checked.faults)
            self._account(checked, fresh, now)
            imports.advance_import(
                self._conn,
                self._digest,
                rows_done=self._rows_done + block.n_rows,
                committed=taken.committed,
                duplicates=taken.duplicates,
                refused=len(taken.faults),
            )
        self._rows_done += block.n_rows
        return taken

    def _account(self, checked: Checked, fresh: Readings, now: datetime) -> None:
        entries = {device_id: ledger.Entry(messages=n) for device_id, n in checked.devices.items()}
        stored = self._catalog.count_by_device(fresh.stream_ids)
        for device_id, n in self._catalog.count_by_device(checked.readings.stream_ids).items():
            entries[device_id].committed = stored.get(device_id, 0)
            entries[device_id].duplicates = n - stored.get(device_id, 0)
        for fault in checked.faults:
            known = fault.device_id if self._catalog.find(fault.device_id) else ""
            entries[known].quarantined += 1
        ledger.add_entries(self._conn, INGESTOR, now.date(), entries)
