"""Quality intervals: when the readings of a stream were not to be believed, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, cast

import numpy as np
from numpy.typing import NDArray

from telemetry.alerts import Finding
from telemetry.readings import Readings, to_micros


class Fault(StrEnum):
    """What is the matter with a sensor."""

    SILENT = "silent"
    """Nothing comes."""
    STUCK = "stuck"
    """It repeats itself."""
    SPIKE = "spike"
    """Single wild values."""
    OFFSET = "offset"
    """Off by a jump of its own."""
    DRIFT = "drift"
    """It strays from its neighbours."""
    NOISY = "noisy"
    """Far more unrest than usual."""
    IMPLAUSIBLE = "implausible"
    """Values that cannot be."""
    CLOCK = "clock"
    """Its clock is off."""


RULES: Mapping[str, Fault] = {
    "silence": Fault.SILENT,
    "stuck": Fault.STUCK,
    "spike": Fault.SPIKE,
    "offset": Fault.OFFSET,
    "drift": Fault.DRIFT,
    "noisy": Fault.NOISY,
    "implausible": Fault.IMPLAUSIBLE,
    "clock": Fault.CLOCK,
    "misdated": Fault.CLOCK,
}
"""The rules of sensor health (`telemetry.alerts.Finding.rule`): faults of a sensor, no events."""

OF_DEVICE = frozenset((Fault.SILENT, Fault.CLOCK))
"""Faults that all streams of a device share."""

_LONGEST_S = 366 * 86_400.0
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_US = 4_102_444_800_000_000
"""2100."""


@dataclass(frozen=True, slots=True)
class QualityInterval:
    """Readings of a stream in ``[started_at, ended_at)`` (``None``: still) are not to be believed.

    ``score`` is the highest the detector gave; higher is stranger.
    """

    stream_id: int
    kind: Fault
    started_at: datetime
    ended_at: datetime | None
    detector: str
    score: float | None = None
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


def began(finding: Finding) -> datetime:
    """When the fault of a finding began: before it was found, where the detector says for how long."""
    for fact in ("lasted_s", "silent_s"):
        seconds = finding.detail.get(fact)
        if isinstance(seconds, int | float) and 0 < seconds < _LONGEST_S:
            return finding.at - timedelta(seconds=seconds)
    return finding.at


def ended(finding: Finding) -> datetime:
    """When the fault of a finding that clears ended, by the times on its readings."""
    seconds = finding.detail.get("over_s")
    if isinstance(seconds, int | float) and abs(seconds) < _LONGEST_S:
        return finding.at - timedelta(seconds=seconds)
    return finding.at


def bad_spans(finding: Finding) -> list[tuple[datetime, datetime]]:
    """When single readings of a fault were bad: each from the first to the next good one.

    From ``bad_us`` of the detail, pairs of microseconds since the epoch; none where the fault
    lasts, or where that is no such list.
    """
    spans = finding.detail.get("bad_us")
    if not isinstance(spans, list):
        return []
    pairs = [pair for pair in cast("list[object]", spans) if _is_span(pair)]
    return [(_moment(begin), _moment(end)) for begin, end in cast("list[tuple[int, int]]", pairs)]


def _is_span(pair: object) -> bool:
    match pair:
        case [int(begin), int(end)]:
            return 0 <= begin <= end < _LAST_US
        case _:
            return False


def _moment(micros: int) -> datetime:
    return _EPOCH + timedelta(microseconds=micros)


@dataclass(frozen=True, slots=True)
class Spans:
    """Quality intervals as columns of shape ``(n,)``, by start: what marks readings in bulk.

    ``kinds`` int16, one of `FLAGS`; ``starts`` and ``ends`` int64, microseconds, the end left out.
    """

    stream_ids: NDArray[np.int32]
    kinds: NDArray[np.int16]
    starts: NDArray[np.int64]
    ends: NDArray[np.int64]

    def flags(self, readings: Readings) -> NDArray[np.int16]:
        """Of each reading, the faults it lies in, `FLAGS` added up; shape ``(n,)``."""
        found = np.zeros(len(readings), np.int16)
        if not len(readings):
            return found
        first, last = int(readings.times.min()), int(readings.times.max())
        touching = np.flatnonzero((self.starts <= last) & (self.ends > first))
        touching = touching[np.isin(self.stream_ids[touching], readings.stream_ids)]
        for place in touching.tolist():
            inside = (readings.times >= self.starts[place]) & (readings.times < self.ends[place])
            found[inside & (readings.stream_ids == self.stream_ids[place])] |= self.kinds[place]
        return found


FLAGS: Mapping[Fault, int] = {fault: 1 << place for place, fault in enumerate(Fault)}
"""Faults as bits, where many readings are marked at once; only within a process."""


def fault_names(flags: int) -> str:
    """The faults of `FLAGS` added up, separated by spaces; empty for none."""
    return " ".join(fault for fault, flag in FLAGS.items() if flags & flag)


def bad_shares(
    intervals: Iterable[QualityInterval],
    stream_ids: NDArray[np.int32],
    times: NDArray[np.int64],
    width_us: int,
) -> NDArray[np.float64]:
    """What share of each point lies inside bad intervals, shape ``(n,)``, 0 … 1.

    A point of stream ``stream_ids`` stands for ``[times, times + width_us)``, microseconds; a
    single reading (``width_us`` 0) is inside or not.
    """
    shares = np.zeros(len(stream_ids))
    for stream_id, spans in _united(intervals).items():
        mine = np.flatnonzero(stream_ids == stream_id)
        inside = np.zeros(len(mine), np.int64)
        for start, end in spans:
            if width_us == 0:
                inside += (times[mine] >= start) & (times[mine] < end)
            else:
                first, last = np.maximum(times[mine], start), np.minimum(times[mine] + width_us, end)
                inside += np.maximum(last - first, 0)
        shares[mine] = inside / max(width_us, 1)
    return shares


def _united(intervals: Iterable[QualityInterval]) -> dict[int, list[tuple[int, int]]]:
    """Spans of each stream, microseconds, those that touch joined: two faults at once count once."""
    forever = np.iinfo(np.int64).max
    spans: dict[int, list[tuple[int, int]]] = {}
    for one in sorted(intervals, key=lambda one: one.started_at):
        start = to_micros(one.started_at)
        end = forever if one.ended_at is None else to_micros(one.ended_at)
        mine = spans.setdefault(one.stream_id, [])
        if mine and start <= mine[-1][1]:
            mine[-1] = (mine[-1][0], max(end, mine[-1][1]))
        else:
            mine.append((start, end))
    return spans
