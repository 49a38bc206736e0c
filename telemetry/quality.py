"""Quality intervals: when the readings of a stream were not to be believed, and why."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telemetry.alerts import Finding
from telemetry.readings import to_micros


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
}
"""The rules of sensor health (`telemetry.alerts.Finding.rule`): faults of a sensor, no events."""

OF_DEVICE = frozenset((Fault.SILENT, Fault.CLOCK))
"""Faults that all streams of a device share."""

_LONGEST_S = 366 * 86_400.0


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
