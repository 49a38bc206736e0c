"""Readings as a file: rows are read and sent in slices, so that no export fills the memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Annotated

import numpy as np
import psycopg
from fastapi import APIRouter, HTTPException, Query
from fastapi.responses import StreamingResponse

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.queries.explorer import LONGEST, MOST_STREAMS
from dashboard.queries.times import time_range
from dashboard.runtime import Runtime
from store import readings
from store.devices import get_stream
from telemetry.devices import Stream
from telemetry.metrics import METRICS
from telemetry.readings import Readings

router = APIRouter(tags=["devices"], responses=PROBLEMS)

_SLICE = timedelta(hours=12)
_HEAD = "time,device,metric,unit,value,quality\r\n"
StreamIds = Annotated[
    list[Annotated[int, Query(ge=0, le=2**31 - 1)]],
    Query(min_length=1, max_length=MOST_STREAMS, description="Stream ids; may stand more than once"),
]
TimeText = Annotated[str | None, Query(description="RFC 3339 with a zone, or epoch ms", max_length=40)]


@router.get(
    "/export.csv",
    response_class=StreamingResponse,
    responses={200: {"content": {"text/csv": {"schema": {"type": "string"}}}}},
)
async def export(
    runtime: RuntimeAccess, stream: StreamIds, start: TimeText = None, end: TimeText = None
) -> StreamingResponse:
    """Every stored reading of some streams as CSV, UTC; by stream, then by time."""
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
            if len(found):
                yield _lines(stream, found)
            at = until


def _lines(stream: Stream, found: Readings) -> str:
    metric = METRICS.get(stream.metric)
    fixed = f"{stream.device_id},{stream.metric},{metric.unit if metric else ''}"
    times = np.datetime_as_string(found.times.astype("datetime64[us]"), unit="ms")
    columns = zip(times.tolist(), found.values.tolist(), found.qualities.tolist(), strict=True)
    return "".join(f"{time}Z,{fixed},{value!r},{quality}\r\n" for time, value, quality in columns)
