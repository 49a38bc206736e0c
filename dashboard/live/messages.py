"""What the live feed sends: frames, and the snapshot a client starts from."""

from __future__ import annotations

from typing import Any

import msgspec

LiveReading = tuple[int, int, float, int]
"""(stream id, epoch milliseconds, value, quality flags)."""


class AlertItem(msgspec.Struct, frozen=True):
    """An alert as the pages show it. ``text`` is the sentence by language code."""

    alert_id: int
    key: str
    device_id: str
    stream_id: int
    metric: str
    domain: str
    detector: str
    rule: str
    severity: str
    status: str
    live: bool
    opened_at: int
    """Epoch milliseconds, as every time here."""
    updated_at: int
    resolved_at: int | None
    value: float | None
    expected_low: float | None
    expected_high: float | None
    text: dict[str, str]
    device_name: dict[str, str]
    detail: dict[str, Any]
    acknowledged_by: str | None
    assignee: str | None
    verdict: str | None
    version: int


class DomainTile(msgspec.Struct, frozen=True):
    """A domain in numbers. ``worst`` is the worst state among its devices."""

    devices: int
    online: int
    alerts: int
    worst: str


class Tiles(msgspec.Struct, frozen=True):
    """The number tiles."""

    devices: int
    online: int
    silent: int
    readings_per_s: float
    alerts: int
    by_severity: dict[str, int]
    by_domain: dict[str, DomainTile]


class Frame(msgspec.Struct, frozen=True):
    """What changed since the frame before. ``seq`` rises by one a frame.

    ``catalogue`` rises when devices were added or changed; ``feed`` says whether the
    server reads the committed log (``live``) or cannot (``down``). ``faults`` are the streams
    whose sensors are in doubt since, or are no longer: the kinds of fault, none where it is over.
    """

    seq: int
    at: int
    feed: str
    catalogue: int
    readings: list[LiveReading]
    states: dict[str, str]
    alerts: list[AlertItem]
    tiles: Tiles
    faults: dict[int, list[str]]


class Snapshot(msgspec.Struct, frozen=True):
    """Everything a client needs after it connects: frames after ``seq`` go on from it.

    ``epoch`` names this run of the server; where it changes, ``seq`` starts again.
    """

    epoch: str
    seq: int
    at: int
    feed: str
    catalogue: int
    states: dict[str, str]
    readings: list[LiveReading]
    alerts: list[AlertItem]
    tiles: Tiles
    rates: list[float]
    """Readings a second over the last minute and a half, oldest first."""
    faults: dict[int, list[str]]
    """What is the matter with sensors, by stream; those that are well are left out."""
