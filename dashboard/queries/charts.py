"""All that the chart of one stream shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import psycopg

from dashboard.queries.series import Series, read_series
from store.anomalies import list_anomalies
from store.devices import get_device, list_streams
from telemetry.alerts import Anomaly
from telemetry.city import City, Threshold
from telemetry.errors import NotFoundError


@dataclass(frozen=True, slots=True)
class ChartData:
    """A series, the limits that watch its stream, and the anomalies in its time.

    What stands yet reaches ``until``: the view's end, or now where that is still to come.
    """

    series: Series
    thresholds: list[Threshold]
    anomalies: list[Anomaly]
    until: datetime


def read_chart(
    conn: psycopg.Connection,
    city: City,
    device_id: str,
    stream_id: int,
    between: tuple[datetime, datetime],
    max_points: int,
    now: datetime | None = None,
) -> ChartData:
    """Data of one of a device's streams; `NotFoundError` where it has no such stream.

    ``now`` is given where the time asked for reaches beyond it.
    """
    device = get_device(conn, device_id)
    stream = next((s for s in list_streams(conn, device_id) if s.stream_id == stream_id), None)
    if stream is None:
        raise NotFoundError("stream", stream_id)
    return ChartData(
        series=read_series(conn, stream, *between, max_points),
        thresholds=[t for t in city.thresholds if t.applies_to(device, stream.metric)],
        anomalies=list_anomalies(conn, stream_id, *between),
        until=min(between[1], now or between[1]),
    )
