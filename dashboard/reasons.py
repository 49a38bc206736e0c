"""Why an alert was opened, in one sentence: which look at the readings fired, how far, from where on.

Numbers come out of the finding's detail (`dashboard.details`). A sentence that lacks one of
its numbers is not said: an older detector did not write it down.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping

from dashboard.details import real, text
from dashboard.languages import Language, mark
from dashboard.wording import unit_name
from telemetry.alerts import Alert
from telemetry.metrics import METRICS

_MINUTE_S, _HOUR_S, _DAY_S = 60.0, 3600.0, 86_400.0


def reason(alert: Alert, language: Language) -> str:
    """One sentence; empty where nothing is known beyond the alert's own."""
    tell = _REASONS.get(alert.rule.partition(":")[0])
    return (tell(alert, language) or "") if tell else ""


def duration(seconds: float, language: Language) -> str:
    """``45 minutes``, ``2.5 hours``, in the coarsest unit that says it."""
    if seconds < 2 * _MINUTE_S:
        return language.t("{count} s", count=language.number(seconds))
    if seconds < 2 * _HOUR_S:
        return language.t("{count} min", count=language.number(seconds / _MINUTE_S))
    if seconds < 2 * _DAY_S:
        hours = seconds / _HOUR_S
        return language.t("{count} h", count=language.number(hours, 0 if hours == round(hours) else 1))
    return language.t("{count} days", count=language.number(seconds / _DAY_S, 1))


def _say(message: str, language: Language, **values: str | None) -> str | None:
    """The message, where every value is known."""
    return None if None in values.values() else language.t(message, **values)


def _limit(alert: Alert, language: Language) -> str | None:
    detail = alert.detail
    low = detail.get("direction") == "low"
    mean_s = real(detail.get("averaging_s")) or 0.0
    if mean_s > 0:
        message = (
            mark("The mean over {span} is {value}, below the limit {limit}; it ends above {clear}.")
            if low
            else mark("The mean over {span} is {value}, above the limit {limit}; it ends below {clear}.")
        )
    else:
        message = (
            mark("{value} is below the limit {limit}; it ends above {clear}.")
            if low
            else mark("{value} is above the limit {limit}; it ends below {clear}.")
        )
    return _say(
        message,
        language,
        span=duration(mean_s, language),
        value=_quantity(alert, alert.value, language),
        limit=_quantity(alert, detail.get("limit"), language),
        clear=_quantity(alert, detail.get("clear"), language),
    )


def _forecast(alert: Alert, language: Language) -> str | None:
    detail = alert.detail
    return _say(
        mark(
            "From the last readings, the limit {limit} is passed in {chance} % of the futures; "
            "warned from {at} %. Now: {value}."
        ),
        language,
        limit=_quantity(alert, detail.get("limit"), language),
        chance=_number(detail.get("probability"), language, times=100.0, decimals=0),
        at=_number(detail.get("raise_at"), language, times=100.0, decimals=0),
        value=_quantity(alert, alert.value, language),
    )


def _rate(alert: Alert, language: Language) -> str | None:
    over_s = real(alert.detail.get("over_s"))
    return _say(
        mark("It changed by {rate} an hour over the last {span}; told from {limit} an hour."),
        language,
        rate=_quantity(alert, alert.detail.get("per_h"), language),
        limit=_quantity(alert, alert.detail.get("limit_per_h"), language),
        span=None if over_s is None else duration(over_s, language),
    )


def _onset(alert: Alert, language: Language) -> str | None:
    strengths = {term: real(alert.detail.get(term)) or 0.0 for term in ONSET_TERMS}
    if max(strengths.values()) <= 0.0:
        return None
    most = max(strengths, key=lambda term: strengths[term])
    return _say(
        mark("Most telling: {term}. The change scores {score} of 1; told from {at}."),
        language,
        term=language.t(ONSET_TERMS[most]).lower(),
        score=_number(alert.detail.get("peak_score"), language, decimals=3),
        at=_number(alert.detail.get("raise_at"), language, decimals=3),
    )


def _seasonal(alert: Alert, language: Language) -> str | None:
    return _say(
        mark("At this hour of the week {expected} is usual; this is {z} spreads away, told from {at}."),
        language,
        expected=_quantity(alert, alert.detail.get("expected"), language),
        z=_number(_size(alert.detail.get("z")), language),
        at=_number(alert.detail.get("raise_at"), language),
    )


def _subspace(alert: Alert, language: Language) -> str | None:
    return _say(
        mark(
            "What the usual courses of this sensor cannot explain of its last hours "
            "is {times} times its usual size; told from {at} times."
        ),
        language,
        times=_number(alert.detail.get("peak_score"), language),
        at=_number(alert.detail.get("raise_at"), language),
    )


def _groups(alert: Alert, language: Language) -> str | None:
    chart = text(alert.detail.get("chart"))
    message = {
        "mewma": mark(
            "Its {count} sensors lie together too far from their usual levels: "
            "{times} times the limit, told from {at} times."
        ),
        "spe": mark(
            "Its {count} sensors no longer move together as they usually do: "
            "{times} times the limit, told from {at} times."
        ),
    }.get(chart)
    return message and _say(
        message,
        language,
        count=_number(alert.detail.get("members_heard"), language, decimals=0),
        times=_number(alert.detail.get("peak_score"), language),
        at=_number(alert.detail.get("raise_at"), language),
    )


def _air(alert: Alert, language: Language) -> str | None:
    return _say(
        mark("The hourly index is {index}; told from {limit}, where this category begins."),
        language,
        index=_number(alert.detail.get("index"), language, decimals=0),
        limit=_number(alert.detail.get("limit"), language, decimals=0),
    )


def _silence(alert: Alert, language: Language) -> str | None:
    return _say(
        mark("Nothing has come for {span}, though the city is heard; {allowed} are allowed for."),
        language,
        span=_span(alert.detail.get("silent_s"), language),
        allowed=_span(alert.detail.get("allowed_s"), language),
    )


def _stuck(alert: Alert, language: Language) -> str | None:
    usual_s = real(alert.detail.get("usual_s"))
    return _say(
        mark("The very same value {count} times in a row, for {span}; usual is {usual} at most.")
        if usual_s
        else mark("The very same value {count} times in a row, for {span}."),
        language,
        count=_number(alert.detail.get("repeats"), language, decimals=0),
        span=_span(alert.detail.get("lasted_s"), language),
        usual=_span(usual_s, language) if usual_s else "",
    )


def _spike(alert: Alert, language: Language) -> str | None:
    return _say(
        mark("It leapt away and came back several times; from one reading to the next {step} is usual."),
        language,
        step=_quantity(alert, alert.detail.get("usual_step"), language, fine=True),
    )


def _offset(alert: Alert, language: Language) -> str | None:
    return _say(
        mark("In one step it went from {before} to {value} and stayed; a usual step is {step}."),
        language,
        before=_quantity(alert, alert.detail.get("before"), language),
        value=_quantity(alert, alert.value, language),
        step=_quantity(alert, alert.detail.get("usual_step"), language, fine=True),
    )


def _noisy(alert: Alert, language: Language) -> str | None:
    return _say(
        mark(
            "It goes back and forth {times} times as much as usual (a step is {step}); told from {at} times."
        ),
        language,
        times=_number(alert.detail.get("peak_score"), language),
        at=_number(alert.detail.get("raise_at"), language),
        step=_quantity(alert, alert.detail.get("usual_step"), language, fine=True),
    )


def _drift(alert: Alert, language: Language) -> str | None:
    return _say(
        mark("It lies {z} spreads off its usual value, its neighbours {around}; told from {at}."),
        language,
        z=_number(_size(alert.detail.get("z")), language),
        around=_number(alert.detail.get("neighbours_z"), language),
        at=_number(alert.detail.get("raise_at"), language),
    )


def _implausible(_: Alert, language: Language) -> str:
    return language.t("Such a value lies outside of what there can be: the sensor is at fault, not the city.")


def _size(value: object) -> float | None:
    number = real(value)
    return None if number is None else abs(number)


def _span(value: object, language: Language) -> str | None:
    seconds = real(value)
    return None if seconds is None else duration(max(0.0, seconds), language)


def _number(value: object, language: Language, *, times: float = 1.0, decimals: int = 1) -> str | None:
    number = real(value)
    return None if number is None else language.number(times * number, decimals)


def _quantity(alert: Alert, value: object, language: Language, *, fine: bool = False) -> str | None:
    number, metric = real(value), METRICS.get(alert.metric)
    if number is None:
        return None
    decimals, unit = (metric.decimals, unit_name(language, metric.unit)) if metric else (2, "")
    return language.quantity(number, max(decimals, _least_decimals(number) if fine else 0), unit)


def _least_decimals(number: float) -> int:
    """Decimals that show something of a small number."""
    return min(4, max(0, 1 - math.floor(math.log10(abs(number))))) if 0 < abs(number) < 1 else 0


ONSET_TERMS: Mapping[str, str] = {
    "value": mark("A level not seen before"),
    "residual": mark("A leap from the last readings"),
    "shock": mark("A leap beyond the usual unrest"),
    "season": mark("Odd for this hour of the week"),
}
"""The looks at a reading that the detector of sudden changes takes."""

_REASONS: Mapping[str, Callable[[Alert, Language], str | None]] = {
    "drift": _drift,
    "forecast": _forecast,
    "groups": _groups,
    "implausible": _implausible,
    "limit": _limit,
    "noisy": _noisy,
    "offset": _offset,
    "onset": _onset,
    "rate": _rate,
    "seasonal": _seasonal,
    "silence": _silence,
    "spike": _spike,
    "stuck": _stuck,
    "subspace": _subspace,
    "vn_aqi": _air,
}
"""By the first word of the rule."""
