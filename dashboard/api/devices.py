"""Devices, streams and readings."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

from fastapi import APIRouter, HTTPException, Query, Request, Response
from msgspec.structs import asdict
from pydantic import Field, TypeAdapter

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.api.models import (
    AlertOut,
    ClockOut,
    CurveOut,
    CurvesOut,
    DeviceDetail,
    DeviceOut,
    FaultOut,
    LatestOut,
    Names,
    RegisteredOut,
    SeriesOut,
    StateOut,
    StreamOut,
)
from dashboard.live.messages import LiveReading
from dashboard.queries.devices import read_clocks, read_device, read_inventory
from dashboard.queries.series import Series, read_series
from dashboard.queries.times import LONGEST_SUMMED, parse_time, time_range
from dashboard.sentences import describe
from dashboard.static import pack
from store import quality
from store.devices import get_stream, list_streams
from store.series import Curves, read_curves
from store.state import read_state
from telemetry.devices import Device, DeviceClock, Stream
from telemetry.metrics import METRICS
from telemetry.quality import QualityInterval

router = APIRouter(tags=["devices"], responses=PROBLEMS)
_inventory = TypeAdapter(list[DeviceOut])

MOST_STREAMS = 100
"""In one answer of series."""
TimeText = Annotated[str | None, Query(description="RFC 3339 with a zone, or epoch ms", max_length=40)]


@router.get("/devices")
async def read_devices(runtime: RuntimeAccess, request: Request) -> list[DeviceOut]:
    """Every device with its streams and the state it shows, by device id."""
    inventory, clocks = await runtime.query(lambda conn: (read_inventory(conn), read_clocks(conn)))
    states, tolerance_s = runtime.picture.states(), runtime.settings.ingest.clock_tolerance_s
    rows = [
        device_out(device, streams, states, clock_out(clocks.get(device.device_id), tolerance_s))
        for device, streams in inventory
    ]
    body = await asyncio.to_thread(lambda: pack(_inventory.dump_json(rows), "application/json"))
    answer: Response = body.answer(request)
    return answer  # pyright: ignore[reportReturnType]  (packed already; the annotation is for OpenAPI)


@router.get("/catalogue")
async def read_catalogue(runtime: RuntimeAccess, request: Request) -> list[RegisteredOut]:
    """Every device with its streams as registered; what changes with time is in the snapshot.

    Its ETag changes only when a device or a stream does, so that a page which is opened
    again need not take it again.
    """
    answer: Response = (await asyncio.to_thread(runtime.packed_catalogue)).answer(request)
    return answer  # pyright: ignore[reportReturnType]  (packed already; the annotation is for OpenAPI)


@router.get("/devices/{device_id}")
async def read_one_device(device_id: str, runtime: RuntimeAccess) -> DeviceDetail:
    """One device with its newest values and standing alerts."""
    view, faults = await runtime.query(
        lambda conn: (read_device(conn, device_id), quality.list_intervals_at(conn, datetime.now(UTC)))
    )
    clock = clock_out(view.clock, runtime.settings.ingest.clock_tolerance_s)
    shown = device_out(view.device, view.streams, runtime.picture.states(), clock)
    newest = runtime.picture.latest([stream.stream_id for stream in view.streams])
    described = [describe(alert, view.device, runtime.city, runtime.languages) for alert in view.alerts]
    return DeviceDetail(
        **shown.model_dump(),
        latest=latest_out(view.streams, newest, kinds_of(faults)),
        alerts=[AlertOut(**asdict(item)) for item in described],
    )


@router.get("/streams")
async def read_streams(
    runtime: RuntimeAccess, device: Annotated[str | None, Query(max_length=64)] = None
) -> list[StreamOut]:
    """Every stream, or those of one device."""
    streams = await runtime.query(lambda conn: list_streams(conn, device))
    return [StreamOut.model_validate(stream) for stream in streams]


@router.get("/readings")
async def read_readings(
    runtime: RuntimeAccess,
    stream: Annotated[int, Query(description="Stream id", ge=0, le=2**31 - 1)],
    start: TimeText = None,
    end: TimeText = None,
    max_points: Annotated[int, Query(ge=2, le=10_000)] = 2_000,
) -> SeriesOut:
    """Readings of one stream; the last six hours where no range is given."""
    try:
        since, until = time_range(start, end, datetime.now(UTC))
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    series = await runtime.query(
        lambda conn: read_series(conn, get_stream(conn, stream), since, until, max_points)
    )
    return series_out(series)


@router.get("/series")
async def read_long_series(
    runtime: RuntimeAccess,
    stream: Annotated[
        list[Annotated[int, Field(ge=0, le=2**31 - 1)]],
        Query(description="Stream ids", min_length=1, max_length=MOST_STREAMS),
    ],
    start: TimeText = None,
    end: TimeText = None,
    points: Annotated[int, Query(ge=1, le=10_000, description="Of each stream, about")] = 1_000,
) -> CurvesOut:
    """Streams over a range of any length: readings where they are few, else means, from the rollups.

    The last six hours where no range is given. Up to what was stored last, however far the
    rollups are behind; where readings have been let go, as far back as rollups are kept.
    """
    try:
        since, until = time_range(start, end, datetime.now(UTC), LONGEST_SUMMED)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    wanted = list(dict.fromkeys(stream))
    streams, curves = await runtime.query(
        lambda conn: (
            [get_stream(conn, one) for one in wanted],
            read_curves(conn, wanted, since, until, points),
        )
    )
    return curves_out(streams, since, until, curves)


@router.get("/readings/latest")
async def read_latest(runtime: RuntimeAccess) -> list[LatestOut]:
    """The newest reading of every stream that has one."""
    streams, faults = await runtime.query(
        lambda conn: (list_streams(conn), quality.list_intervals_at(conn, datetime.now(UTC)))
    )
    return latest_out(streams, runtime.picture.latest(), kinds_of(faults))


@router.get("/state")
async def read_city_state(
    runtime: RuntimeAccess,
    at: TimeText = None,
    within_s: Annotated[
        float, Query(gt=0, le=86_400, description="A stream that said nothing for longer is left out")
    ] = 3_600.0,
) -> StateOut:
    """The whole city at an instant, now where none is given: the last reading of every stream by then."""
    try:
        moment = parse_time(at) if at else datetime.now(UTC)
        within = timedelta(seconds=within_s)
        _ = moment - within  # before the first year there is no time
    except (ValueError, OverflowError) as error:
        raise HTTPException(422, str(error)) from error
    found, faults = await runtime.query(
        lambda conn: (read_state(conn, moment, within), quality.list_intervals_at(conn, moment))
    )
    kinds = kinds_of(faults)
    return StateOut(
        at=round(moment.timestamp() * 1000),
        within_s=within_s,
        stream_ids=found.stream_ids.tolist(),
        times=(found.times // 1000).tolist(),
        values=found.values.tolist(),
        qualities=found.qualities.tolist(),
        faults=[kinds.get(stream_id, []) for stream_id in found.stream_ids.tolist()],
    )


def clock_out(clock: DeviceClock | None, tolerance_s: float) -> ClockOut | None:
    """A device's clock as the API shows it."""
    if clock is None:
        return None
    return ClockOut(
        offset_s=clock.offset_s,
        spread_s=clock.spread_s,
        seen_at=round(clock.seen_at.timestamp() * 1000),
        off=clock.is_off(tolerance_s),
    )


def device_out(
    device: Device, streams: Sequence[Stream], states: dict[str, str], clock: ClockOut | None
) -> DeviceOut:
    """A device as the API shows it."""
    return DeviceOut(
        device_id=device.device_id,
        domain=str(device.domain),
        kind=device.kind,
        name=Names(vi=device.name_vi, en=device.name_en),
        lat=device.lat,
        lon=device.lon,
        zone=device.zone,
        interval_s=device.interval_s,
        state=states.get(device.device_id, "unknown"),
        tags=dict(device.tags),
        streams=[StreamOut.model_validate(stream) for stream in streams],
        clock=clock,
    )


def kinds_of(faults: Sequence[QualityInterval]) -> dict[int, list[str]]:
    """The kinds of faults by stream."""
    kinds: dict[int, list[str]] = {}
    for fault in faults:
        kinds.setdefault(fault.stream_id, []).append(str(fault.kind))
    return kinds


def latest_out(
    streams: Sequence[Stream], newest: dict[int, LiveReading], faults: Mapping[int, list[str]]
) -> list[LatestOut]:
    """Newest readings with what they are of, and what is the matter with their sensors."""
    rows: list[LatestOut] = []
    for stream in streams:
        if stream.stream_id not in newest:
            continue
        _, time, value, flags = newest[stream.stream_id]
        metric = METRICS.get(stream.metric)
        rows.append(
            LatestOut(
                stream_id=stream.stream_id,
                device_id=stream.device_id,
                metric=stream.metric,
                unit=metric.unit if metric else "",
                time=time,
                value=value,
                quality=flags,
                faults=faults.get(stream.stream_id, []),
            )
        )
    return rows


def series_out(series: Series) -> SeriesOut:
    """A series as the API shows it: NaN is no JSON, so a gap is ``null``."""
    gaps = (series.qualities < 0).tolist()
    metric = METRICS.get(series.stream.metric)
    return SeriesOut(
        stream=StreamOut.model_validate(series.stream),
        unit=metric.unit if metric else "",
        start=round(series.start.timestamp() * 1000),
        end=round(series.end.timestamp() * 1000),
        readings=series.readings,
        downsampled=series.downsampled,
        times=series.times.tolist(),
        values=[None if gap else v for v, gap in zip(series.values.tolist(), gaps, strict=True)],
        qualities=[None if gap else q for q, gap in zip(series.qualities.tolist(), gaps, strict=True)],
        bad=series.bad.tolist(),
        faults=faults_out(series.faults),
    )


def faults_out(faults: Sequence[QualityInterval]) -> list[FaultOut]:
    """Quality intervals as the API shows them."""
    return [
        FaultOut(
            kind=str(fault.kind),
            start=round(fault.started_at.timestamp() * 1000),
            end=None if fault.ended_at is None else round(fault.ended_at.timestamp() * 1000),
            detector=fault.detector,
        )
        for fault in faults
    ]


def curves_out(streams: Sequence[Stream], start: datetime, end: datetime, curves: Curves) -> CurvesOut:
    """Curves as the API shows them, in the order of ``streams``."""
    made: list[CurveOut] = []
    for stream in streams:
        mine = curves.stream_ids == stream.stream_id
        metric = METRICS.get(stream.metric)
        made.append(
            CurveOut(
                stream=StreamOut.model_validate(stream),
                unit=metric.unit if metric else "",
                times=(curves.times[mine] // 1000).tolist(),
                means=curves.means[mine].tolist(),
                lows=curves.lows[mine].tolist(),
                highs=curves.highs[mine].tolist(),
                counts=curves.counts[mine].tolist(),
                gaps=curves.gaps[mine].tolist(),
                bad=curves.bad[mine].round(4).tolist(),
                faults=faults_out([one for one in curves.faults if one.stream_id == stream.stream_id]),
            )
        )
    return CurvesOut(
        start=round(start.timestamp() * 1000),
        end=round(end.timestamp() * 1000),
        step_s=None if curves.width is None else curves.width.total_seconds(),
        series=made,
    )
