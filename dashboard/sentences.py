"""An alert as a sentence: what happened, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from dashboard.languages import Language
from dashboard.live.messages import AlertItem
from dashboard.live.states import is_silence
from telemetry.alerts import LIVE_STATUSES, Alert
from telemetry.city import City, Threshold
from telemetry.devices import Device
from telemetry.metrics import METRICS, Metric


def describe(
    alert: Alert, device: Device | None, city: City, languages: Mapping[str, Language]
) -> AlertItem:
    """The alert as pages and clients show it, with its sentence in every language."""
    threshold = find_threshold(alert, city)
    return AlertItem(
        alert_id=alert.alert_id,
        key=alert.key,
        device_id=alert.device_id,
        stream_id=alert.stream_id,
        metric=alert.metric,
        domain=str(alert.domain),
        detector=alert.detector,
        rule=alert.rule,
        severity=str(alert.severity),
        status=str(alert.status),
        live=alert.status in LIVE_STATUSES,
        opened_at=_millis(alert.opened_at),
        updated_at=_millis(alert.updated_at),
        resolved_at=_millis(alert.resolved_at) if alert.resolved_at else None,
        value=alert.value,
        expected_low=alert.expected_low,
        expected_high=alert.expected_high,
        text={code: sentence(alert, threshold, language) for code, language in languages.items()},
        device_name={
            code: language.pick(device.name_vi, device.name_en) if device else alert.device_id
            for code, language in languages.items()
        },
        detail=dict(alert.detail),
    )


def sentence(alert: Alert, threshold: Threshold | None, language: Language) -> str:
    """One line: the metric, its value, and what is wrong with it."""
    metric = METRICS.get(alert.metric)
    name = language.pick(metric.name_vi, metric.name_en) if metric else alert.metric
    if is_silence(alert):
        since = _moment(alert.detail.get("last_at")) or alert.opened_at
        return language.t("{metric}: no signal since {time}", metric=name, time=language.time(since))
    value = _quantity(alert.value, metric, language)
    if "stuck" in (alert.rule, alert.detector):
        return language.t("{metric} stuck at {value}", metric=name, value=value)
    if threshold is not None:
        return _limit_sentence(name, value, threshold, metric, language)
    return _range_sentence(alert, name, value, metric, language)


def find_threshold(alert: Alert, city: City) -> Threshold | None:
    """The threshold an alert is about: its rule names the key, or its family and severity."""
    named = {alert.rule, str(alert.detail.get("threshold", ""))}
    family = [t for t in city.thresholds if t.key in named]
    if family:
        return family[0]
    same = [t for t in city.thresholds if t.family in named and t.metric == alert.metric]
    return next((t for t in same if t.severity is alert.severity), same[-1] if same else None)


def _limit_sentence(
    name: str, value: str, threshold: Threshold, metric: Metric | None, language: Language
) -> str:
    message = (
        "{metric} {value} above {limit_name} ({limit})"
        if threshold.direction == "high"
        else "{metric} {value} below {limit_name} ({limit})"
    )
    return language.t(
        message,
        metric=name,
        value=value,
        limit_name=language.pick(threshold.name_vi, threshold.name_en),
        limit=_quantity(threshold.limit, metric, language),
    )


def _range_sentence(alert: Alert, name: str, value: str, metric: Metric | None, language: Language) -> str:
    if alert.expected_low is None or alert.expected_high is None or alert.value is None:
        return language.t("{metric} {value} is unusual", metric=name, value=value)
    message = (
        "{metric} {value} unusually high for this hour (usual {low} to {high})"
        if alert.value > alert.expected_high
        else "{metric} {value} unusually low for this hour (usual {low} to {high})"
    )
    decimals = metric.decimals if metric else 2
    return language.t(
        message,
        metric=name,
        value=value,
        low=language.number(alert.expected_low, decimals),
        high=_quantity(alert.expected_high, metric, language),
    )


def _quantity(value: float | None, metric: Metric | None, language: Language) -> str:
    if value is None:
        return "–"
    return language.quantity(value, metric.decimals if metric else 2, metric.unit if metric else "")


def _moment(value: Any) -> datetime | None:
    """A time in a detail: epoch milliseconds or ISO 8601."""
    try:
        if isinstance(value, (int, float)):
            return datetime.fromtimestamp(value / 1000, UTC)
        moment = datetime.fromisoformat(value) if isinstance(value, str) else None
    except (ValueError, OverflowError, OSError):
        return None
    return moment if moment and moment.tzinfo else None


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
