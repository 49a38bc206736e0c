"""Readings as a file: rows are read and sent in slices, so that no export fills the memory."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any, Literal

import numpy as np
import psycopg
from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse
from numpy.typing import NDArray

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.auth.access import EngineerAccess
from dashboard.queries.explorer import LONGEST, MOST_STREAMS
from dashboard.queries.times import parse_time, time_range
from dashboard.runtime import Runtime
from store import history, quality, readings
from store.devices import get_stream
from telemetry.devices import Stream
from telemetry.exchange import FileFormat
from telemetry.metrics import METRICS, Domain
from telemetry.quality import fault_names
from telemetry.readings import Readings

router = APIRouter(tags=["devices"], responses=PROBLEMS)

_SLICE = timedelta(hours=12)
_HEAD = "time,device,metric,unit,value,quality,faults\r\n"
StreamIds = Annotated[
    list[Annotated[int, Query(ge=0, le=2**31 - 1)]],
    Query(min_length=1, max_length=MOST_STREAMS, description="Stream ids; may stand more than once"),
]
TimeText = Annotated[str | None, Query(description="RFC 3339 with a zone, or epoch ms", max_length=40)]

DeviceIds = Annotated[
    list[Annotated[str, Query(max_length=64)]] | None, Query(max_length=1_000, description="All if not given")
]
Words = Annotated[list[Annotated[str, Query(max_length=64)]] | None, Query(max_length=100)]
_BINARY: dict[str, Any] = {"schema": {"type": "string", "format": "binary"}}


@router.get(
    "/export",
    response_class=StreamingResponse,
    responses={200: {"content": {kind.media_type.partition(";")[0]: _BINARY for kind in FileFormat}}},
)
async def export_history(
    runtime: RuntimeAccess,
    _: EngineerAccess,
    file_format: Annotated[Literal["csv", "parquet", "arrow"], Query(alias="format")] = "csv",
    device: DeviceIds = None,
    domain: Annotated[list[Domain] | None, Query(max_length=20)] = None,
    metric: Words = None,
    zone: Words = None,
    start: TimeText = None,
    end: TimeText = None,
) -> StreamingResponse:
    """Stored readings of any streams and any length of time as a file, by time; times are UTC.

    From the oldest reading until now, where nothing is said. The file is made while it is
    sent: a connection that breaks leaves it without its end.
    """
    chosen = [tuple(map(str, names)) if names else None for names in (device, domain, metric, zone)]
    selection = history.Selection(*chosen)

    def look(conn: psycopg.Connection) -> tuple[list[Stream], tuple[datetime, datetime] | None]:
        return history.select_streams(conn, selection), readings.extent(conn)

    streams, extent = await runtime.query(look)
    if not streams:
        raise HTTPException(404, "no stream fits what was asked for")
    now = datetime.now(UTC)
    try:
        until = parse_time(end) if end else now
        since = parse_time(start) if start else extent[0] if extent else until - _SLICE
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    if since >= until:
        raise HTTPException(422, "start is not before end")
    kind = FileFormat(file_format)
    ids = None if selection.is_everything else [stream.stream_id for stream in streams]
    name = f"cityops-{since:%Y%m%dT%H%M}-{until:%Y%m%dT%H%M}.{kind}"
    pieces = await asyncio.to_thread(_pieces, runtime, kind, streams, ids, (since, until))
    return StreamingResponse(
        pieces,
        media_type=kind.media_type,
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _pieces(
    runtime: Runtime,
    kind: FileFormat,
    streams: Sequence[Stream],
    ids: Sequence[int] | None,
    between: tuple[datetime, datetime],
) -> Iterator[bytes]:
    # pyarrow is large: a dashboard from which nothing is exported goes without.
    from telemetry.exchange.columns import NamedStreams  # noqa: PLC0415
    from telemetry.exchange.encode import encode  # noqa: PLC0415

    named = NamedStreams(streams)
    with runtime.pool.connection(timeout=30) as conn:
        spans = quality.read_spans(conn, ids, *between)
    found = history.slices(lambda: runtime.pool.connection(timeout=30), ids, *between)
    return encode(kind, (named.batch(part, spans.flags(part)) for _, part in found if len(part)))


@router.get(
    "/export.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export(
    runtime: RuntimeAccess, stream: StreamIds, start: TimeText = None, end: TimeText = None
) -> StreamingResponse:
    """Every stored reading of some streams as CSV, UTC; by stream, then by time.

    ``faults`` is what was the matter with the sensor, as far as it is known now.
    """
    try:
        between = time_range(start, end, datetime.now(UTC), LONGEST)
    except ValueError as error:
        raise HTTPException(422, str(error)) from error

    def known(conn: psycopg.Connection) -> list[Stream]:
        return [get_stream(conn, stream_id) for stream_id in dict.fromkeys(stream)]

    streams = await runtime.query(known)
    name = f"cityops-{between[0]:%Y%m%dT%H%M}-{between[1]:%Y%m%dT%H%M}.csv"
    # A plain generator: Starlette runs each step in a thread.
    return StreamingResponse(
        _rows(runtime, streams, *between),
        media_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"', "Cache-Control": "no-store"},
    )


def _rows(runtime: Runtime, streams: Sequence[Stream], start: datetime, end: datetime) -> Iterator[str]:
    yield _HEAD
    for stream in streams:
        at = start
        while at < end:
            until = min(at + _SLICE, end)
            # A connection for one slice alone: a slow reader keeps none from the pages.
            with runtime.pool.connection(timeout=30) as conn:
                found = readings.read_range(conn, [stream.stream_id], at, until)
                flags = quality.read_spans(conn, [stream.stream_id], at, until).flags(found)
            if len(found):
                yield _lines(stream, found, flags)
            at = until


def _lines(stream: Stream, found: Readings, flags: NDArray[np.int16]) -> str:
    metric = METRICS.get(stream.metric)
    fixed = f"{stream.device_id},{stream.metric},{metric.unit if metric else ''}"
    times = np.datetime_as_string(found.times.astype("datetime64[us]"), unit="ms")
    faults = map(fault_names, flags.tolist())
    columns = zip(times.tolist(), found.values.tolist(), found.qualities.tolist(), faults, strict=True)
    return "".join(f"{time}Z,{fixed},{value!r},{came},{fault}\r\n" for time, value, came, fault in columns)
