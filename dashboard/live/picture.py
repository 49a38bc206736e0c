"""The city as it is now: the newest reading of every stream, the live alerts, each device's state.

Fed by the tailer's thread, read by API threads; one lock. It never reads a clock:
``now_us`` and ``committed_us`` are microseconds since the epoch.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Mapping, Sequence
from threading import Lock

import numpy as np

from dashboard.live.catalogue import Catalogue
from dashboard.live.messages import AlertItem, Frame, LiveReading, Snapshot, Tiles
from dashboard.live.states import CODES, WORST_FIRST, device_state, tiles
from dashboard.live.values import NEVER, NewestValues
from telemetry.alerts import LIVE_STATUSES, Alert
from telemetry.devices import Device, Stream
from telemetry.readings import LatestReading, Readings, to_micros

RATE_WINDOW_S = 10
"""Readings a second are a mean over this time."""
RATES_KEPT = 90
"""Seconds of it that a snapshot tells."""

_NONE = -1
"""In the place of a state that was not told yet."""


class Picture:
    """See the module. ``describe`` makes an alert presentable; ``epoch`` names this run."""

    def __init__(self, epoch: str, describe: Callable[[Alert, Device | None], AlertItem]) -> None:
        self._epoch = epoch
        self._describe = describe
        self._lock = Lock()
        self._seq = 0
        self._feed = "down"
        self._catalogue = Catalogue([], [])
        self._values = NewestValues(self._catalogue)
        self._states = np.empty(0, np.int8)
        self._items: dict[int, tuple[Alert, AlertItem]] = {}
        self._live: dict[str, dict[int, Alert]] = {}
        self._changed_states: dict[str, str] = {}
        self._changed_alerts: dict[int, Alert] = {}
        self._faults: dict[int, list[str]] = {}
        self._changed_faults: dict[int, list[str]] = {}
        self._arrivals: deque[tuple[int, int]] = deque()

    def set_feed(self, *, up: bool) -> None:
        """Say whether the committed log is being read."""
        with self._lock:
            self._feed = "live" if up else "down"

    @property
    def catalogue(self) -> Catalogue:
        """The devices and streams there are."""
        return self._catalogue

    def set_catalogue(self, devices: Sequence[Device], streams: Sequence[Stream]) -> None:
        """Take the devices and streams there are; what was known of them stays."""
        before = self._catalogue
        if before.same_as(devices, streams):
            return
        made = Catalogue(devices, streams, before.version + 1)
        with self._lock:
            readings = self._values.readings()
            self._catalogue, self._values = made, NewestValues(made)
            self._values.apply(readings)
            kept = dict(zip(before.ids, self._states.tolist(), strict=True))
            self._states = np.asarray([kept.get(device_id, _NONE) for device_id in made.ids], np.int8)
            self._items = {}
            self._refresh(made.ids)

    def set_latest(self, latest: Sequence[LatestReading]) -> None:
        """Take the newest reading of every stream, as the store has it."""
        columns = zip(*((r.stream_id, to_micros(r.time), r.value, r.quality) for r in latest), strict=True)
        with self._lock:
            if latest:
                self._apply(Readings.of(*columns))

    def set_alerts(self, live: Sequence[Alert]) -> None:
        """Take the alerts that stand now, and mend what a missed change left wrong."""
        with self._lock:
            before = {alert.alert_id: alert for alert in self._standing()}
            if before.keys() - {alert.alert_id for alert in live}:
                self._seq += 1  # a gap: every client starts again from the snapshot
            touched = {alert.device_id for alert in (*before.values(), *live)}
            self._live = {}
            for alert in live:
                self._live.setdefault(alert.device_id, {})[alert.alert_id] = alert
                if before.get(alert.alert_id) != alert:
                    self._changed_alerts[alert.alert_id] = alert
            self._refresh(touched)

    def apply_alert(self, alert: Alert) -> None:
        """Fold one changed alert in."""
        with self._lock:
            standing = self._live.setdefault(alert.device_id, {})
            if alert.status in LIVE_STATUSES:
                standing[alert.alert_id] = alert
            else:
                standing.pop(alert.alert_id, None)
            self._changed_alerts[alert.alert_id] = alert
            self._refresh((alert.device_id,))

    def set_faults(self, standing: Mapping[int, list[str]]) -> None:
        """Take what is the matter with sensors now: kinds of fault by stream id."""
        with self._lock:
            for stream_id in self._faults.keys() | standing.keys():
                if self._faults.get(stream_id) != standing.get(stream_id):
                    self._changed_faults[stream_id] = standing.get(stream_id, [])
            self._faults = dict(standing)

    def apply_readings(self, readings: Readings, committed_us: int) -> bool:
        """Fold a committed batch in; ``False`` where it names a stream nobody told of."""
        with self._lock:
            self._arrivals.append((committed_us, len(readings)))
            return self._apply(readings)

    @property
    def seq(self) -> int:
        """The last frame's number."""
        return self._seq

    @property
    def changed(self) -> bool:
        """Whether the next frame has anything to tell."""
        return bool(
            self._values.changed or self._changed_alerts or self._changed_states or self._changed_faults
        )

    @property
    def feed_up(self) -> bool:
        """Whether the committed log is being read."""
        return self._feed == "live"

    def frame(self, now_us: int) -> Frame:
        """What changed since the frame before; counts as sent."""
        with self._lock:
            self._seq += 1
            made = Frame(
                seq=self._seq,
                at=now_us // 1000,
                feed=self._feed,
                catalogue=self._catalogue.version,
                readings=self._values.take_changed(),
                states=self._changed_states,
                alerts=self._described(self._changed_alerts.values()),
                tiles=self._tiles(now_us),
                faults=self._changed_faults,
            )
            self._changed_states, self._changed_alerts, self._changed_faults = {}, {}, {}
            return made

    def snapshot(self, now_us: int) -> Snapshot:
        """Everything there is, as of the frame ``seq``."""
        with self._lock:
            alerts = sorted(self._standing(), key=lambda alert: (alert.opened_at, alert.alert_id))
            return Snapshot(
                epoch=self._epoch,
                seq=self._seq,
                at=now_us // 1000,
                feed=self._feed,
                catalogue=self._catalogue.version,
                states=self._named_states(),
                readings=self._values.rows(),
                alerts=self._described(reversed(alerts)),
                tiles=self._tiles(now_us),
                rates=self._rates(now_us, RATES_KEPT),
                faults=self._faults,
            )

    def states(self) -> dict[str, str]:
        """Every device's state."""
        with self._lock:
            return self._named_states()

    def latest(self, stream_ids: Sequence[int] | None = None) -> dict[int, LiveReading]:
        """The newest reading of some streams, or of all, by stream id."""
        with self._lock:
            return {row[0]: row for row in self._values.rows(stream_ids)}

    def present(self, alerts: Iterable[Alert]) -> list[AlertItem]:
        """Alerts as the pages show them, whether they stand or not."""
        catalogue = self._catalogue
        return [self._describe(alert, catalogue.device(alert.device_id)) for alert in alerts]

    def _apply(self, readings: Readings) -> bool:
        first, known = self._values.apply(readings)
        ids = self._catalogue.ids
        positions: list[int] = first.tolist()
        self._refresh(ids[position] for position in positions)
        return known

    def _refresh(self, device_ids: Iterable[str]) -> None:
        times = self._values.device_times
        for device_id in device_ids:
            position = self._catalogue.position.get(device_id)
            if position is None:
                continue
            seen = bool(times[position] > NEVER)
            state = device_state(self._live.get(device_id, {}).values(), seen=seen)
            if self._states[position] != CODES[state]:
                self._states[position] = CODES[state]
                self._changed_states[device_id] = state

    def _named_states(self) -> dict[str, str]:
        return {
            device_id: WORST_FIRST[code]
            for device_id, code in zip(self._catalogue.ids, self._states.tolist(), strict=True)
        }

    def _standing(self) -> list[Alert]:
        return [alert for alerts in self._live.values() for alert in alerts.values()]

    def _described(self, alerts: Iterable[Alert]) -> list[AlertItem]:
        """Alerts as the pages show them; one that stands is put into words once."""
        items: list[AlertItem] = []
        for alert in alerts:
            kept = self._items.get(alert.alert_id)
            if kept is None or kept[0] != alert:
                kept = alert, self._describe(alert, self._catalogue.device(alert.device_id))
            if alert.status in LIVE_STATUSES:
                self._items[alert.alert_id] = kept
            else:
                self._items.pop(alert.alert_id, None)
            items.append(kept[1])
        return items

    def _tiles(self, now_us: int) -> Tiles:
        return tiles(
            self._catalogue,
            self._values.device_times,
            self._states,
            self._standing(),
            now_us=now_us,
            readings_per_s=self._rates(now_us, 1)[0],
        )

    def _rates(self, now_us: int, seconds: int) -> list[float]:
        """Readings a second, at the end of each of the last ``seconds`` seconds."""
        oldest = now_us - (RATES_KEPT + RATE_WINDOW_S) * 1_000_000
        while self._arrivals and self._arrivals[0][0] < oldest:
            self._arrivals.popleft()
        times = np.array([time for time, _ in self._arrivals], np.int64)
        sums = np.concatenate(([0], np.cumsum([n for _, n in self._arrivals], dtype=np.int64)))
        ends = now_us - np.arange(seconds - 1, -1, -1) * 1_000_000
        before = np.searchsorted(times, ends - RATE_WINDOW_S * 1_000_000, side="right")
        return ((sums[np.searchsorted(times, ends, side="right")] - sums[before]) / RATE_WINDOW_S).tolist()
