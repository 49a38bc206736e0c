"""Which day a desk shows: the last 24 hours, or a day of the calendar, kept in the address."""

from __future__ import annotations

from datetime import date, datetime, time, timedelta
from zoneinfo import ZoneInfo

import dash_mantine_components as dmc
from babel.dates import format_date

from dashboard.components.desk import picker
from dashboard.languages import Language

LAST = "last"
_OFFERED = 14
_DAY = timedelta(days=1)


def day_picker(identity: str, asked: str | None, now: datetime, language: Language) -> dmc.Select:
    """The last 24 hours, the last two weeks' days, and the day that the address asks for."""
    today = now.astimezone(language.zone).date()
    days = [today - back * _DAY for back in range(_OFFERED)]
    wanted = _parsed(asked)
    if wanted is not None and wanted not in days and wanted < today:
        days.append(wanted)
    options = [{"value": LAST, "label": language.t("Last 24 hours")}]
    options += [{"value": day.isoformat(), "label": day_name(day, language)} for day in days]
    shown = wanted.isoformat() if wanted is not None and wanted in days else LAST
    return picker(identity, options, shown, language.t("Day"))


def day_end(asked: str | None, now: datetime, zone: ZoneInfo) -> datetime:
    """Where the 24 hours shown end: now, or the midnight that ends the day asked for."""
    wanted = _parsed(asked)
    if wanted is None or wanted > now.astimezone(zone).date():
        return now
    return datetime.combine(wanted + _DAY, time(), zone).astimezone(now.tzinfo)


def day_label(asked: str | None, language: Language) -> str:
    """What the 24 hours shown are called."""
    wanted = _parsed(asked)
    return language.t("Last 24 hours") if wanted is None else day_name(wanted, language)


def day_name(day: date, language: Language) -> str:
    """A day with its weekday: ``Th 2 23/11`` in Vietnamese."""
    return format_date(day, "EEE dd/MM", locale=language.locale)


def _parsed(asked: str | None) -> date | None:
    try:
        day = date.fromisoformat(asked or "")
    except ValueError:
        return None
    return day if date(2000, 1, 1) <= day <= date(2100, 1, 1) else None
