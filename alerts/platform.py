"""What the platform says of itself and of what no detector sees: ingest behind, messages refused or lost.

Pure: `PlatformWatch` is given what the processes reported and the time, and answers with
findings, which take the same way as any other: one alert a condition, opened once it has
lasted, resolved once it has been over for as long as `telemetry.settings.Platform` says.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from telemetry.alerts import Alert, Finding, FindingState, Severity
from telemetry.devices import Device
from telemetry.settings import Platform

DETECTOR: Final = "platform"
_MOST_DEVICES: Final = 50
"""Alerts for so many devices at most: where more lose messages, it is not the devices."""


@dataclass(frozen=True, slots=True)
class Vitals:
    """What one ingest process last said: ``age_s`` ago, counts since its start."""

    service: str
    pid: int
    age_s: float
    lag_s: float
    messages: int
    refused: int
    overflowed: int

    @classmethod
    def of(cls, service: str, pid: int, age_s: float, detail: Mapping[str, Any]) -> Vitals:
        """From a heartbeat; what it lacks is nought."""
        counts = (int(detail.get(name, 0)) for name in ("messages", "refused", "overflowed"))
        return cls(service, pid, age_s, float(detail.get("lag_s", 0.0)), *counts)


@dataclass(frozen=True, slots=True)
class Symptom:
    """One condition measured now: it begins at ``limit`` and ends below half of it."""

    key: str
    rule: str
    stream_id: int
    value: float
    limit: float
    severity: Severity
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


class PlatformWatch:
    """Conditions of the platform, with hysteresis and the time each has lasted."""

    def __init__(self, limits: Platform, standing: Iterable[Alert] = ()) -> None:
        self._limits = limits
        self._standing = {alert.key: _symptom(alert) for alert in standing if alert.detector == DETECTOR}
        self._since: dict[str, datetime] = {}
        self._past: dict[str, deque[tuple[datetime, Vitals]]] = {}
        self._counted: deque[tuple[datetime, Mapping[str, int]]] = deque()
        self._misdated: deque[tuple[datetime, Mapping[str, int]]] = deque()
        self._heard: datetime | None = None

    def observe(
        self, now: datetime, vitals: Sequence[Vitals], stream_id: int, *, unusable_version: int | None = None
    ) -> list[Finding]:
        """Findings about the ingest processes, told of the platform's own stream.

        ``unusable_version`` is one of the detectors' that was activated and cannot be used.
        """
        if vitals or self._heard is None:
            self._heard = now
        symptoms = [symptom for one in vitals for symptom in self._measure(now, one, stream_id)]
        if not vitals:  # stopped in order, and nobody started another: to a device it is the same
            symptoms.append(_absent(_seconds(self._heard, now), self._limits.lag_s, stream_id))
        if unusable_version is not None:
            symptoms.append(_unusable(unusable_version, stream_id))
        return self._decide(now, symptoms, prefix="platform:")

    def count_devices(
        self,
        now: datetime,
        messages: Mapping[str, int],
        devices: Sequence[Device],
        stream_of: Mapping[str, int],
    ) -> list[Finding]:
        """Findings about devices that send, and of whose messages too few arrive.

        ``messages`` are all that ever came from each, by the ledger. A device that is silent
        altogether is left to the silence detector.
        """
        self._counted.append((now, dict(messages)))
        limits = self._limits
        while len(self._counted) > 1 and _seconds(self._counted[1][0], now) >= limits.dropping_window_s:
            self._counted.popleft()
        began, before = self._counted[0]
        window_s = _seconds(began, now)
        if window_s < limits.dropping_window_s:
            return []
        symptoms: list[Symptom] = []
        for device in devices:
            expected, came = window_s / device.interval_s, messages.get(device.device_id, 0)
            arrived = came - before.get(device.device_id, came)
            if expected < 10 or not arrived or device.device_id not in stream_of:
                continue
            symptoms.append(
                Symptom(
                    f"dropping:{device.device_id}",
                    "dropping",
                    stream_of[device.device_id],
                    max(0.0, 100.0 * (1 - arrived / expected)),
                    limits.dropping_pct,
                    Severity.MINOR,
                    {"arrived": arrived, "expected": round(expected)},
                )
            )
        worst = sorted(symptoms, key=lambda symptom: -symptom.value)
        return self._decide(now, worst[:_MOST_DEVICES], prefix="dropping:")

    def count_misdated(
        self, now: datetime, refused: Mapping[str, int], stream_of: Mapping[str, int]
    ) -> list[Finding]:
        """Findings about devices whose messages are refused for their time, so that no detector sees them.

        ``refused`` are those since the last look, by device.
        """
        limits = self._limits
        self._misdated.append((now, dict(refused)))
        while _seconds(self._misdated[0][0], now) >= limits.dropping_window_s:
            self._misdated.popleft()
        total: Counter[str] = Counter()
        for _, counts in self._misdated:
            total.update(counts)
        symptoms = [
            Symptom(
                f"misdated:{device_id}",
                "misdated",
                stream_of[device_id],
                float(count),
                float(limits.misdated_least),
                Severity.MINOR,
                {"device_id": device_id},
            )
            for device_id, count in total.most_common()
            if device_id in stream_of
        ]
        return self._decide(now, symptoms[:_MOST_DEVICES], prefix="misdated:")

    def _measure(self, now: datetime, one: Vitals, stream_id: int) -> list[Symptom]:
        limits = self._limits
        first = self._remember(now, one)
        messages, refused = one.messages - first.messages, one.refused - first.refused
        enough = refused >= limits.quarantine_least
        pct = 100.0 * refused / messages if messages and enough else 0.0
        lag_s, lost = max(one.lag_s, one.age_s), float(one.overflowed - first.overflowed)

        def made(rule: str, value: float, limit: float, severity: Severity, **detail: Any) -> Symptom:
            key = f"platform:{rule}:{one.service}"
            return Symptom(key, rule, stream_id, value, limit, severity, {"service": one.service, **detail})

        return [
            made("ingest_lag", lag_s, limits.lag_s, Severity.MAJOR),
            made("quarantine_rate", pct, limits.quarantine_pct, Severity.MINOR, refused=refused),
            made("overflow", lost, 1.0, Severity.MINOR),
        ]

    def _remember(self, now: datetime, one: Vitals) -> Vitals:
        """What the process said a window ago; its counts start anew with the process."""
        past = self._past.setdefault(one.service, deque())
        if past and past[-1][1].pid != one.pid:
            past.clear()
        past.append((now, one))
        while len(past) > 1 and _seconds(past[1][0], now) >= self._limits.window_s:
            past.popleft()
        return past[0][1]

    def _decide(self, now: datetime, symptoms: Sequence[Symptom], *, prefix: str) -> list[Finding]:
        seen = {symptom.key: symptom for symptom in symptoms}
        for key, symptom in self._standing.items():
            if key.startswith(prefix) and key not in seen:
                seen[key] = _over(symptom)
        changed = (self._step(now, symptom) for symptom in seen.values())
        self._since = {k: at for k, at in self._since.items() if k in seen or not k.startswith(prefix)}
        return [finding for finding in changed if finding is not None]

    def _step(self, now: datetime, symptom: Symptom) -> Finding | None:
        stands = symptom.key in self._standing
        threshold = symptom.limit / 2 if stands else symptom.limit
        if (symptom.value >= threshold) is stands:
            self._since.pop(symptom.key, None)
            return None
        since = self._since.setdefault(symptom.key, now)
        if _seconds(since, now) < (self._limits.clear_s if stands else self._limits.hold_s):
            return None
        del self._since[symptom.key]
        if stands:
            del self._standing[symptom.key]
            return _finding(symptom, FindingState.CLEARED, now)
        self._standing[symptom.key] = symptom
        return _finding(symptom, FindingState.RAISED, now)

    @property
    def standing(self) -> Collection[str]:
        """Keys of the conditions that stand."""
        return self._standing.keys()


def _absent(seconds: float, limit: float, stream_id: int) -> Symptom:
    detail = {"service": "ingest", "absent": True}
    return Symptom(
        "platform:ingest_lag:ingest", "ingest_lag", stream_id, seconds, limit, Severity.MAJOR, detail
    )


def _unusable(version: int, stream_id: int) -> Symptom:
    detail = {"service": "analytics"}
    return Symptom("platform:detectors", "detectors", stream_id, float(version), 1.0, Severity.MINOR, detail)


def _finding(symptom: Symptom, state: FindingState, now: datetime) -> Finding:
    return Finding(
        symptom.key,
        state,
        DETECTOR,
        symptom.rule,
        symptom.stream_id,
        symptom.severity,
        now,
        value=symptom.value,
        expected_high=symptom.limit,
        detail=symptom.detail,
    )


def _symptom(alert: Alert) -> Symptom:
    limit = alert.expected_high or 0.0
    return Symptom(
        alert.key, alert.rule, alert.stream_id, alert.value or 0.0, limit, alert.severity, alert.detail
    )


def _over(symptom: Symptom) -> Symptom:
    """The same condition where nothing speaks of it any more."""
    return Symptom(
        symptom.key,
        symptom.rule,
        symptom.stream_id,
        0.0,
        max(symptom.limit, 1e-9),
        symptom.severity,
        symptom.detail,
    )


def _seconds(since: datetime, now: datetime) -> float:
    return (now - since).total_seconds()
