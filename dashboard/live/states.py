"""A device's state and the number tiles, from alerts and times. Pure."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterable

import numpy as np
from numpy.typing import NDArray

from dashboard.live.catalogue import Catalogue
from dashboard.live.messages import DomainTile, Tiles
from telemetry.alerts import Alert, Severity
from telemetry.metrics import CITY_DOMAINS

WORST_FIRST = ("critical", "major", "minor", "silent", "info", "unknown", "ok")
"""Every state, in the order in which a group of devices shows its worst."""

CODES = {state: code for code, state in enumerate(WORST_FIRST)}
"""A state's place in `WORST_FIRST`: the smaller, the worse."""

_OFFLINE = (CODES["silent"], CODES["unknown"])


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
    return WORST_FIRST[min((CODES[state] for state in states), default=CODES["unknown"])]


def tiles(
    catalogue: Catalogue,
    device_times: NDArray[np.int64],
    states: NDArray[np.int8],
    live: Collection[Alert],
    *,
    now_us: int,
    readings_per_s: float,
) -> Tiles:
    """The number tiles.

    ``device_times`` is each device's newest reading in µs, ``states`` each device's place in
    `WORST_FIRST`; both of shape ``(n_devices,)``.
    """
    online = (device_times > now_us - catalogue.patience_us) & ~np.isin(states, _OFFLINE)
    domains = Counter(alert.domain for alert in live)
    severities = Counter(alert.severity for alert in live)
    by_domain: dict[str, DomainTile] = {}
    for place, domain in enumerate(CITY_DOMAINS):
        of_domain = catalogue.domains == place
        n = int(of_domain.sum())
        by_domain[str(domain)] = DomainTile(
            devices=n,
            online=int(online[of_domain].sum()),
            alerts=domains[domain],
            worst=WORST_FIRST[int(states[of_domain].min())] if n else "unknown",
        )
    return Tiles(
        devices=len(catalogue.devices),
        online=int(online.sum()),
        silent=int((states == CODES["silent"]).sum()),
        readings_per_s=round(readings_per_s, 1),
        alerts=len(live),
        by_severity={str(s): severities[s] for s in Severity},
        by_domain=by_domain,
    )
