"""Sentences of alerts whose rule says more than a value and its limit: forecasts, air, rates, onsets.

What they say stands in the alert's detail, which a detector wrote: every field is checked for
what it should be, since an old or another version may have written it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from dashboard.details import instant, real, text
from dashboard.languages import Language, mark
from dashboard.shapes import course_sentence, group_sentence
from dashboard.wording import AIR_CATEGORIES, unit_name
from telemetry.alerts import Alert
from telemetry.metrics import METRICS

_TIMES = ("likely", "earliest", "latest")


def told_of_rule(alert: Alert, language: Language) -> str | None:
    """The sentence of an alert by the first word of its rule; ``None`` where that says nothing of its own."""
    tell = _BY_RULE.get(alert.rule.partition(":")[0])
    return tell(alert, language) if tell else None


def _forecast_sentence(alert: Alert, language: Language) -> str:
    """What may come, how likely within how long, and when if it does."""
    detail = alert.detail
    likely, earliest, latest = (_clock(detail.get(f"{name}_ms"), language) for name in _TIMES)
    within_min = real(detail.get("within_min"))
    return language.t(
        _forecast_message(within=within_min is not None, between=bool(earliest and latest)),
        event=language.pick(text(detail.get("name_vi")), text(detail.get("name_en"))),
        time=likely or "–",
        earliest=earliest,
        latest=latest,
        hours=language.number((within_min or 0.0) / 60.0, 2 if (within_min or 0.0) % 60.0 else 0),
        chance=language.number(100.0 * (real(detail.get("probability")) or 0.0)),
    )


def _forecast_message(*, within: bool, between: bool) -> str:
    """Which sentence fits what is known."""
    if within and between:
        return mark(
            "Forecast: {event}, {chance} % chance within {hours} h; if so, about {time}"
            " (80 %: {earliest}–{latest})"
        )
    if between:
        return mark("Forecast: {event}, {chance} % chance; if so, about {time} (80 %: {earliest}–{latest})")
    return mark("Forecast: {event}, {chance} % chance; if so, about {time}")


def _air_sentence(alert: Alert, language: Language) -> str:
    """The index of a station, its category and what makes it."""
    category, dominant = text(alert.detail.get("category")), text(alert.detail.get("dominant"))
    pollutant = METRICS.get(dominant)
    return language.t(
        "Air quality index (VN_AQI) {index}: {category}, mostly {pollutant}",
        index=language.number(real(alert.detail.get("index")) or 0.0),
        category=language.t(AIR_CATEGORIES[category]).lower() if category in AIR_CATEGORIES else "–",
        pollutant=language.pick(pollutant.name_vi, pollutant.name_en) if pollutant else dominant or "–",
    )


def _rate_sentence(alert: Alert, language: Language) -> str:
    """How fast a value changes, in its unit an hour."""
    metric = METRICS.get(alert.metric)
    detail = alert.detail
    unit = f"{unit_name(language, metric.unit)}/h" if metric else "/h"
    decimals = metric.decimals if metric else 2
    rate, limit = real(detail.get("per_h")), real(detail.get("limit_per_h"))
    return language.t(
        "{event}: {value} (limit {limit})",
        event=language.pick(text(detail.get("name_vi")), text(detail.get("name_en"))),
        value="–" if rate is None else language.quantity(rate, decimals, unit),
        limit="–" if limit is None else language.quantity(limit, decimals, unit),
    )


def _onset_sentence(alert: Alert, language: Language) -> str | None:
    """A sudden change, or a level never seen; what is odd for its hour is told as that."""
    terms = {term: real(alert.detail.get(term)) or 0.0 for term in _ONSETS}
    message = _ONSETS[max(terms, key=lambda term: terms[term])]
    low, high, value = alert.expected_low, alert.expected_high, alert.value
    if not message or low is None or high is None or value is None:
        return None
    metric = METRICS.get(alert.metric)
    decimals, unit = (metric.decimals, unit_name(language, metric.unit)) if metric else (2, "")
    return language.t(
        message,
        metric=language.pick(metric.name_vi, metric.name_en) if metric else alert.metric,
        value=language.quantity(value, decimals, unit),
        low=language.number(low, decimals),
        high=language.quantity(high, decimals, unit),
    )


def _clock(millis: object, language: Language) -> str:
    """A time of a detail on the city's clock; empty where there is none."""
    moment = instant(millis)
    return language.time(moment) if moment else ""


_SUDDEN = mark("{metric} changed suddenly to {value} (expected {low} to {high})")
_ONSETS: Mapping[str, str] = {
    "value": mark("{metric} {value}: a level not seen here before (usual {low} to {high})"),
    "residual": _SUDDEN,
    "shock": _SUDDEN,
    "season": "",
}
"""By the term that fired; empty: the sentence of a value that is odd for its hour."""

_BY_RULE: Mapping[str, Callable[[Alert, Language], str | None]] = {
    "forecast": _forecast_sentence,
    "groups": group_sentence,
    "onset": _onset_sentence,
    "rate": _rate_sentence,
    "subspace": course_sentence,
    "vn_aqi": _air_sentence,
}
