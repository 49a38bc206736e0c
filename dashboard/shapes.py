"""Sentences of what is strange in its course, or in how sensors go together."""

from __future__ import annotations

from dashboard.details import real, rows, text
from dashboard.languages import Language, mark
from dashboard.wording import unit_name
from telemetry.alerts import Alert
from telemetry.metrics import METRICS, Metric

_MOST = 100


def course_sentence(alert: Alert, language: Language) -> str | None:
    """A value off its usual course; `None` where what was expected is missing."""
    metric = METRICS.get(alert.metric)
    if metric is None or None in (alert.value, alert.expected_low, alert.expected_high):
        return None
    return language.t(
        "{metric} {value} is off its usual course (expected {low} to {high})",
        metric=language.pick(metric.name_vi, metric.name_en),
        **_amounts(metric, (alert.value, alert.expected_low, alert.expected_high), language),
    )


def group_sentence(alert: Alert, language: Language) -> str | None:
    """How many sensors, and which gives most to it; `None` where its picture is missing."""
    found = rows(alert.detail.get("contributions"), _MOST)
    most = found[0] if found else dict[str, object]()
    metric = METRICS.get(text(most.get("metric")))
    numbers = tuple(real(most.get(name)) for name in ("value", "expected_low", "expected_high"))
    heard, device = real(alert.detail.get("members_heard")) or len(found), text(most.get("device_id"))
    if metric is None or None in numbers or not device:
        return None
    # The alert stands under its device's name; a number is said only of another one.
    message = (
        mark("{count} sensors are unusual together, mostly: {metric} {value} (expected {low} to {high})")
        if device == alert.device_id
        else mark(
            "{count} sensors are unusual together, mostly: "
            "{metric} {value} at {device} (expected {low} to {high})"
        )
    )
    return language.t(
        message,
        count=language.number(heard),
        device=device,
        metric=language.pick(metric.name_vi, metric.name_en),
        **_amounts(metric, numbers, language),
    )


def _amounts(metric: Metric, numbers: tuple[float | None, ...], language: Language) -> dict[str, str]:
    value, low, high = (number or 0.0 for number in numbers)
    return {
        "value": language.quantity(value, metric.decimals, unit_name(language, metric.unit)),
        "low": language.number(low, metric.decimals),
        "high": language.quantity(high, metric.decimals, unit_name(language, metric.unit)),
    }
