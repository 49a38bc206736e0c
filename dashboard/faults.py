"""Faults of sensors in the reader's language: their names, and an alert of one as a sentence."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from dashboard.details import real
from dashboard.languages import Language, mark
from dashboard.wording import amount
from telemetry.alerts import Alert
from telemetry.metrics import Metric
from telemetry.quality import RULES, Fault

NAMES: Final[dict[Fault, str]] = {
    Fault.SILENT: mark("silent"),
    Fault.STUCK: mark("stuck"),
    Fault.SPIKE: mark("spikes"),
    Fault.OFFSET: mark("offset"),
    Fault.DRIFT: mark("drift"),
    Fault.NOISY: mark("noisy"),
    Fault.IMPLAUSIBLE: mark("implausible"),
    Fault.CLOCK: mark("clock off"),
}
"""Short enough to stand in a chart."""

SENTENCES: Final[dict[Fault, str]] = {
    Fault.STUCK: mark("{metric} stuck at {value}"),
    Fault.SPIKE: mark("Sensor fault: {metric} leaps to wild values and back"),
    Fault.OFFSET: mark("Sensor fault: {metric} moved by itself from {before} to {value}"),
    Fault.DRIFT: mark("Sensor fault: {metric} {value} strays from its neighbours (expected {low} to {high})"),
    Fault.NOISY: mark("Sensor fault: {metric} is far noisier than usual"),
    Fault.IMPLAUSIBLE: mark("Sensor fault: {metric} reads {value}, which cannot be"),
    Fault.CLOCK: mark("The device's clock is off by {offset} (allowed: ±{allowed} s)"),
}
"""Silence has a sentence of its own, that says since when."""


def fault_of(alert: Alert) -> Fault | None:
    """The fault an alert is of; ``None`` where it is of an event in the city."""
    return RULES.get(alert.rule)


def fault_sentence(alert: Alert, fault: Fault, name: str, metric: Metric | None, language: Language) -> str:
    """One line about a sensor's fault; ``name`` is the metric's."""
    return language.t(
        SENTENCES[fault],
        metric=name,
        value=amount(language, alert.value, metric),
        before=amount(language, real(alert.detail.get("before")), metric),
        low=amount(language, alert.expected_low, metric),
        high=amount(language, alert.expected_high, metric),
        seconds=language.number(alert.value or 0.0),
        offset=_real_text(alert.detail.get("offset_s"), lambda seconds: offset_text(seconds, language)),
        allowed=_real_text(alert.detail.get("allowed_s"), language.number),
    )


def offset_text(offset_s: float, language: Language) -> str:
    """How far a clock is off, with its sign: ahead is positive."""
    size = abs(offset_s)
    sign = "" if size < 0.05 else "+" if offset_s > 0 else "\N{MINUS SIGN}"
    unit, scale = ("s", 1) if size < 600 else ("min", 60) if size < 36_000 else ("h", 3_600)
    return sign + language.quantity(size / scale, 1 if size < 10 else 0, unit)


def _real_text(value: object, tell: Callable[[float], str]) -> str:
    return tell(value) if isinstance(value, int | float) else "–"
