"""A device's state and the number tiles, from alerts and times. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from dashboard.live.messages import DomainTile, Tiles
from telemetry.alerts import Alert, Severity
from telemetry.devices import Device
from telemetry.metrics import CITY_DOMAINS

WORST_FIRST = ("critical", "major", "minor", "silent", "info", "unknown", "ok")
"""Every state, in the order in which a group of devices shows its worst."""

ONLINE_INTERVALS = 3
ONLINE_AT_LEAST_S = 150
"""A device is online while its newest reading is younger than three of its intervals,
and never less than this, so that one lost message does not show."""

_ONLINE_STATES = frozenset(WORST_FIRST) - {"silent", "unknown"}


def is_silence(alert: Alert) -> bool:
    """Whether an alert says that nothing arrives any more."""
    return alert.rule == "silence" or alert.key.startswith("silence:")


def device_state(live: Iterable[Alert], *, seen: bool) -> str:
    """The state a device shows.

    Silence comes before everything else: what its other alerts say is old by then, and
    nothing stale is shown as fresh. The alerts themselves stay in the feed.
    """
    severities: list[Severity] = []
    for alert in live:
        if is_silence(alert):
            return "silent"
        severities.append(alert.severity)
    if severities:
        return str(max(severities, key=lambda severity: severity.rank))
    return "ok" if seen else "unknown"


def worst(states: Iterable[str]) -> str:
    """The worst of some states, ``unknown`` where there is none."""
    found = set(states)
    return next((state for state in WORST_FIRST if state in found), "unknown")


def tiles(
    devices: Sequence[Device],
    device_times: NDArray[np.int64],
    states: Mapping[str, str],
    live: Iterable[Alert],
    *,
    now_us: int,
    readings_per_s: float,
) -> Tiles:
    """The number tiles; ``device_times`` is each device's newest reading (n_devices,), µs."""
    alerts = list(live)
    intervals = np.asarray([device.interval_s for device in devices])
    patience_us = np.maximum(intervals * ONLINE_INTERVALS, ONLINE_AT_LEAST_S) * 1e6
    recent = (device_times > now_us - patience_us).tolist()
    online = {
        device.device_id
        for device, heard in zip(devices, recent, strict=True)
        if heard and states.get(device.device_id) in _ONLINE_STATES
    }
    by_domain: dict[str, DomainTile] = {}
    for domain in CITY_DOMAINS:
        ids = [device.device_id for device in devices if device.domain is domain]
        by_domain[str(domain)] = DomainTile(
            devices=len(ids),
            online=sum(device_id in online for device_id in ids),
            alerts=sum(alert.domain is domain for alert in alerts),
            worst=worst(states.get(device_id, "unknown") for device_id in ids),
        )
    return Tiles(
        devices=len(devices),
        online=len(online),
        silent=sum(state == "silent" for state in states.values()),
        readings_per_s=round(readings_per_s, 1),
        alerts=len(alerts),
        by_severity={str(s): sum(alert.severity is s for alert in alerts) for s in Severity},
        by_domain=by_domain,
    )
