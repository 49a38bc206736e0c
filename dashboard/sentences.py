"""An alert as a sentence: what happened, in the reader's language."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime, timedelta

from dashboard.details import instant
from dashboard.faults import fault_of, fault_sentence
from dashboard.languages import Language, mark
from dashboard.live.messages import AlertItem
from dashboard.live.states import is_silence
from dashboard.rule_sentences import told_of_rule
from dashboard.wording import amount
from telemetry.alerts import LIVE_STATUSES, Alert
from telemetry.city import City, Threshold
from telemetry.devices import Device
from telemetry.metrics import METRICS, Metric

_TEN_YEARS_S = 3.2e8

_PLATFORM: Mapping[str, str] = {
    "ingest_lag": mark("{service} is {value} s behind (limit {limit} s)"),
    "quarantine_rate": mark("{service} refuses {value} % of messages (limit {limit} %)"),
    "overflow": mark("{service} let go {value} messages that came too fast (QoS 0)"),
    "dropping": mark("{value} % of the expected messages are missing (limit {limit} %)"),
    "misdated": mark("{value} messages refused for their time (limit {limit}): the device's clock is wrong"),
    "detectors": mark("Version {value} of the detectors cannot be used; the one before it stays in force"),
}
"""By rule: what the platform tells of itself (`alerts.platform`)."""


def describe(alert: Alert, device: Device | None, city: City, languages: Mapping[str, Language]) -> AlertItem:
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
        acknowledged_by=alert.acknowledged_by,
        assignee=alert.assignee,
        verdict=str(alert.verdict) if alert.verdict else None,
        version=alert.version,
    )


def sentence(alert: Alert, threshold: Threshold | None, language: Language) -> str:
    """One line: what is wrong, and the value that shows it."""
    metric = METRICS.get(alert.metric)
    name = language.pick(metric.name_vi, metric.name_en) if metric else alert.metric
    if is_silence(alert):
        return language.t("No signal since {time}", time=language.time(_silent_since(alert)))
    own = _platform_sentence(alert, language) if alert.rule in _PLATFORM else told_of_rule(alert, language)
    if own is not None:
        return own
    fault = fault_of(alert)
    if fault is not None:
        return fault_sentence(alert, fault, name, metric, language)
    value = amount(language, alert.value, metric)
    if threshold is not None:
        return language.t(
            "{event}: {value} (limit {limit})",
            event=language.pick(threshold.name_vi, threshold.name_en),
            value=value,
            limit=amount(language, threshold.limit, metric),
        )
    return _range_sentence(alert, name, value, metric, language)


def _platform_sentence(alert: Alert, language: Language) -> str:
    """About CityOps itself, or messages it expected of a device."""
    return language.t(
        _PLATFORM[alert.rule],
        service=str(alert.detail.get("service", "ingest")),
        value=language.number(alert.value or 0.0),
        limit=language.number(alert.expected_high or 0.0),
    )


def find_threshold(alert: Alert, city: City) -> Threshold | None:
    """The threshold an alert is about, if it is about one that the city still has."""
    key = alert.detail.get("threshold")
    return next((threshold for threshold in city.thresholds if threshold.key == key), None)


def _range_sentence(alert: Alert, name: str, value: str, metric: Metric | None, language: Language) -> str:
    low, high = alert.expected_low, alert.expected_high
    # The unit stands once, at the end of the range.
    decimals = metric.decimals if metric else 2
    first = amount(language, low, metric) if low is None or high is None else language.number(low, decimals)
    return language.t(
        _range_message(alert),
        metric=name,
        value=value,
        low=first,
        high=amount(language, high, metric),
    )


def _range_message(alert: Alert) -> str:
    """Which sentence fits: the side the value is on, and the ends of the usual range that are known."""
    low, high, value = alert.expected_low, alert.expected_high, alert.value
    if value is not None and high is not None and value > high:
        if low is None:
            return mark("{metric} {value} unusually high for this hour (usual up to {high})")
        return mark("{metric} {value} unusually high for this hour (usual {low} to {high})")
    if value is not None and low is not None and value < low:
        if high is None:
            return mark("{metric} {value} unusually low for this hour (usual from {low})")
        return mark("{metric} {value} unusually low for this hour (usual {low} to {high})")
    return mark("{metric} {value} is unusual")


def _silent_since(alert: Alert) -> datetime:
    """When the last reading came."""
    heard = instant(alert.detail.get("heard_ms"))
    if heard is not None:
        return heard
    # What an older detector told says how long ago that was, when it told it.
    silent_s = alert.detail.get("silent_s")
    if not isinstance(silent_s, (int, float)) or not 0 <= silent_s < _TEN_YEARS_S:
        return alert.opened_at
    return alert.updated_at - timedelta(seconds=silent_s)


def _millis(moment: datetime) -> int:
    return round(moment.timestamp() * 1000)
