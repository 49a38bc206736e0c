"""What the REST interface answers with. Times are epoch milliseconds, UTC, unless they say so."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

Millis = Annotated[int, Field(description="Epoch milliseconds, UTC")]


class Answer(BaseModel):
    """Base of every answer: built from domain objects, unknown fields are an error."""

    model_config = ConfigDict(from_attributes=True, extra="forbid")


class Problem(BaseModel):
    """What went wrong, in the manner of RFC 9457."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str
    code: Annotated[str, Field(description="Stable, for programs")] = ""
    said: Annotated[str, Field(description="``detail`` in the reader's language, as pages show it")] = ""


class Names(Answer):
    """A name in both languages."""

    vi: str
    en: str


class ZoneOut(Answer):
    """A part of the city."""

    code: str
    name: Names
    lat: float
    lon: float


class MetricOut(Answer):
    """A kind of measurement."""

    key: str
    domain: str
    unit: str
    decimals: int
    name: Names


class CityOut(Answer):
    """The city's profile, as a map needs it."""

    key: str
    name: Names
    timezone: str
    center: Annotated[tuple[float, float], Field(description="lat, lon")]
    bbox: Annotated[
        tuple[float, float, float, float], Field(description="lon_min, lat_min, lon_max, lat_max")
    ]
    attribution: str
    layers: Annotated[list[str], Field(description="Names for /api/v1/layers/{name}")]
    zones: list[ZoneOut]
    metrics: list[MetricOut]


class StreamOut(Answer):
    """One metric of one device."""

    stream_id: int
    device_id: str
    metric: str
    interval_s: float


class RegisteredStream(Answer):
    """One metric of the device it stands under."""

    stream_id: int
    metric: str
    interval_s: float


class RegisteredOut(Answer):
    """A field device as it was registered, with its streams."""

    device_id: str
    domain: str
    kind: str
    name: Names
    lat: float
    lon: float
    zone: str
    interval_s: float
    tags: dict[str, str]
    streams: list[RegisteredStream]


class LatestOut(Answer):
    """The newest reading of a stream. ``quality`` 0 is good; 1 late; 2 time of arrival."""

    stream_id: int
    device_id: str
    metric: str
    unit: str
    time: Millis
    value: float
    quality: int
    faults: Annotated[
        list[str], Field(description="What is the matter with the sensor; empty: nothing known")
    ] = []


class ClockOut(Answer):
    """How far a device's clock is off, as estimated; ``off`` where that is more than is tolerated."""

    offset_s: Annotated[float, Field(description="Positive: ahead of ours")]
    spread_s: float
    seen_at: Millis
    off: bool


class DeviceOut(Answer):
    """A field device and the state it shows."""

    device_id: str
    domain: str
    kind: str
    name: Names
    lat: float
    lon: float
    zone: str
    interval_s: float
    state: str
    tags: dict[str, str]
    streams: list[StreamOut]
    clock: Annotated[ClockOut | None, Field(description="Not known until the device sent its own time")]


class DeviceDetail(DeviceOut):
    """A device with its newest values and standing alerts."""

    latest: list[LatestOut]
    alerts: list[AlertOut]


class StateOut(Answer):
    """The city at an instant: the last reading of every stream that said something not too long before.

    Columns of equal length, ordered by stream.
    """

    at: Millis
    within_s: float
    stream_ids: list[int]
    times: list[int]
    values: list[float]
    qualities: list[int]
    faults: Annotated[
        list[list[str]], Field(description="What was the matter with the sensor then; empty: nothing known")
    ]


class FaultOut(Answer):
    """A time in which a stream's readings are not to be believed: what sensor health found.

    ``kind`` is ``silent``, ``stuck``, ``spike``, ``offset``, ``drift``, ``noisy``,
    ``implausible`` or ``clock``. It begins when the fault did, which may be before it was found.
    """

    kind: str
    start: Millis
    end: Annotated[Millis | None, Field(description="null while it lasts")]
    detector: str


class SeriesOut(Answer):
    """Readings of one stream, as columns of equal length.

    A ``null`` value marks a gap: more than three intervals without a reading. Where
    there were more readings than asked for, those that carry the shape were kept
    (MinMaxLTTB) and ``downsampled`` says so.
    """

    stream: StreamOut
    unit: str
    start: Millis
    end: Millis
    readings: Annotated[int, Field(description="How many readings the range holds")]
    downsampled: bool
    times: list[int]
    values: list[float | None]
    qualities: list[int | None]
    bad: Annotated[list[bool], Field(description="Whether a point lies in one of the faults")]
    faults: Annotated[list[FaultOut], Field(description="Of the sensor, in the time shown")]


class CurveOut(Answer):
    """One stream over a range, as columns of equal length, by time."""

    stream: StreamOut
    unit: str
    times: Annotated[
        list[int], Field(description="Epoch ms, UTC: of the reading, or where the stretch begins")
    ]
    means: list[float]
    lows: list[float]
    highs: list[float]
    counts: Annotated[list[int], Field(description="How many readings a point stands for")]
    gaps: Annotated[
        list[bool], Field(description="Whether readings are missing between a point and the one before")
    ]
    bad: Annotated[list[float], Field(description="Share of the point, 0 to 1, that lies inside the faults")]
    faults: Annotated[list[FaultOut], Field(description="Of the sensor, in the time shown")]


class CurvesOut(Answer):
    """Streams over a range, in the order asked for.

    With a ``step_s`` each point stands for a stretch of so many seconds; the first may begin
    before ``start`` and the last end after ``end``. Without, each point is a reading.
    """

    start: Millis
    end: Millis
    step_s: float | None
    series: list[CurveOut]


class AlertOut(Answer):
    """An alert. ``text`` is its sentence by language."""

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
    opened_at: Millis
    updated_at: Millis
    resolved_at: Millis | None
    value: float | None
    expected_low: float | None
    expected_high: float | None
    text: dict[str, str]
    device_name: dict[str, str]
    detail: dict[str, Any]
    acknowledged_by: str | None
    assignee: str | None
    verdict: str | None
    version: Annotated[int, Field(description="Send it with an action: 409 where someone was faster")]


class AlertEventOut(Answer):
    """One change of an alert: who, when, what."""

    alert_event_id: int
    at: Millis
    actor: str
    kind: str
    detail: dict[str, Any]


class AlertDetailOut(AlertOut):
    """An alert with its life, oldest change first."""

    events: list[AlertEventOut]


class AssigneeOut(Answer):
    """Someone who may work on alerts."""

    name: str


class RefusedOut(Answer):
    """An alert that a bulk action left as it was, and why."""

    alert_id: int
    status: int
    detail: str
    said: Annotated[str, Field(description="``detail`` in the reader's language")] = ""


class BulkOut(Answer):
    """What a bulk action did."""

    done: list[AlertOut]
    refused: list[RefusedOut]


class DomainTileOut(Answer):
    """A domain in numbers."""

    devices: int
    online: int
    alerts: int
    worst: str


class TilesOut(Answer):
    """The number tiles."""

    devices: int
    online: int
    silent: int
    readings_per_s: float
    alerts: int
    by_severity: dict[str, int]
    by_domain: dict[str, DomainTileOut]


class SnapshotOut(Answer):
    """Where a client of ``/ws/live`` starts: frames with a greater ``seq`` go on from it."""

    epoch: str
    seq: int
    at: Millis
    feed: str
    catalogue: int
    states: dict[str, str]
    readings: Annotated[
        list[tuple[int, int, float, int]], Field(description="stream id, epoch ms, value, quality")
    ]
    alerts: list[AlertOut]
    tiles: TilesOut
    rates: Annotated[list[float], Field(description="Readings a second, one a second, oldest first")]
    faults: Annotated[
        dict[int, list[str]],
        Field(description="By stream, what is the matter with its sensor; those that are well are left out"),
    ]


DeviceDetail.model_rebuild()
