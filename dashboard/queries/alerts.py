"""One alert with all that its page shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

import psycopg

from dashboard.details import instant, real, reals
from dashboard.queries.charts import ChartData, read_chart
from dashboard.queries.companions import Companion, read_companions
from dashboard.queries.deviations import Deviations, read_deviations
from store.alert_search import AlertSearch, search_alerts
from store.alerts import get_alert, list_events
from store.devices import get_device
from telemetry.alerts import Alert, AlertEvent
from telemetry.city import City
from telemetry.devices import Device
from telemetry.errors import NotFoundError

_BEFORE = timedelta(hours=3)
_SLOW = {"drift": timedelta(hours=24), "subspace": timedelta(hours=6)}
"""What takes its time is seen only in a longer view."""
_LASTED = ("lasted_s", "silent_s", "averaging_s")
_AFTER = timedelta(hours=1)
_LONGEST = timedelta(hours=48)
_TOLD = frozenset(("opened", "refreshed", "escalated", "returned"))
_POINTS = 1_500
_EARLIER = 12


@dataclass(frozen=True, slots=True)
class AlertView:
    """An alert, its device, its life, the signal around it, and those before it on its stream.

    ``companions`` are the sensors that its finding names beside its own, ``deviations`` what a
    drift was told by, where enough of the past is there.
    """

    alert: Alert
    device: Device
    events: list[AlertEvent]
    chart: ChartData
    earlier: list[Alert]
    companions: list[Companion]
    deviations: Deviations | None

    @property
    def told_at(self) -> datetime:
        """The moment that the alert's value and detail are of."""
        told = (event.at for event in self.events if event.kind in _TOLD)
        return max(told, default=self.alert.opened_at)


def read_alert_view(conn: psycopg.Connection, city: City, alert_id: int, now: datetime) -> AlertView:
    """`NotFoundError` where there is no such alert."""
    alert = get_alert(conn, alert_id)
    if alert is None:
        raise NotFoundError("alert", alert_id)
    between, zone = _around(alert, now), ZoneInfo(city.timezone)
    chart = read_chart(conn, city, alert.device_id, alert.stream_id, between, _POINTS, now)
    companions = read_companions(conn, alert, between)
    search = AlertSearch(stream_id=alert.stream_id, before=alert.opened_at, limit=_EARLIER)
    return AlertView(
        alert=alert,
        device=get_device(conn, alert.device_id),
        events=list_events(conn, alert_id),
        chart=chart,
        earlier=search_alerts(conn, search)[1],
        companions=companions,
        deviations=read_deviations(conn, chart.series.stream, companions, chart.until, zone)
        if alert.rule == "drift" and companions
        else None,
    )


def _around(alert: Alert, now: datetime) -> tuple[datetime, datetime]:
    """The time to show: from before what was found began, to a while after it ended.

    Of an early warning as long as its forecast reaches, so that what came can be held against it.
    """
    lasted_s = max(0.0, *(real(alert.detail.get(name)) or 0.0 for name in _LASTED))
    long = timedelta(seconds=min(lasted_s, _LONGEST.total_seconds() / 2))
    start = alert.opened_at - max(_SLOW.get(alert.rule, _BEFORE), 1.2 * long)
    forecast_until = instant(max(reals(alert.detail.get("times_ms")), default=None)) or start
    end = min(now, max((alert.resolved_at or now) + _AFTER, forecast_until), start + _LONGEST)
    return start, max(end, alert.opened_at + _AFTER)
