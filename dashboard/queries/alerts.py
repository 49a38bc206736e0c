"""One alert with all that its page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from dashboard.queries.charts import ChartData, read_chart
from store.alert_search import AlertSearch, search_alerts
from store.alerts import get_alert, list_events
from store.devices import get_device
from telemetry.alerts import Alert, AlertEvent
from telemetry.city import City
from telemetry.devices import Device
from telemetry.errors import NotFoundError

_BEFORE = timedelta(hours=3)
_AFTER = timedelta(hours=1)
_LONGEST = timedelta(hours=48)
_POINTS = 1_500
_EARLIER = 12


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert, its device, its life, the signal around it, and those before it on its stream."""

    alert: Alert
    device: Device
    events: list[AlertEvent]
    chart: ChartData
    earlier: list[Alert]


def read_alert_view(conn: psycopg.Connection, city: City, alert_id: int, now: datetime) -> AlertView:
    """`NotFoundError` where there is no such alert."""
    alert = get_alert(conn, alert_id)
    if alert is None:
        raise NotFoundError("alert", alert_id)
    start = alert.opened_at - _BEFORE
    end = min(now, (alert.resolved_at or now) + _AFTER, start + _LONGEST)
    between = (start, max(end, start + _AFTER))
    search = AlertSearch(stream_id=alert.stream_id, before=alert.opened_at, limit=_EARLIER)
    return AlertView(
        alert=alert,
        device=get_device(conn, alert.device_id),
        events=list_events(conn, alert_id),
        chart=read_chart(conn, city, alert.device_id, alert.stream_id, between, _POINTS),
        earlier=search_alerts(conn, search)[1],
    )
