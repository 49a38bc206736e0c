"""Times as people and programs give them: RFC 3339 or epoch milliseconds."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

LONGEST = timedelta(days=31)
"""Raw readings are read for at most this long at once."""
LONGEST_SUMMED = timedelta(days=3_660)
"""Of rollups, more may be asked for."""
DEFAULT = timedelta(hours=6)
_UNREADABLE = "{!r} is not a time: RFC 3339 with a zone, or epoch milliseconds"


def parse_time(text: str) -> datetime:
    """An aware UTC time.

    Raises
    ------
    ValueError
        It is neither epoch milliseconds nor RFC 3339 with a zone.
    """
    try:
        if text.lstrip("-").isdigit():
            return datetime.fromtimestamp(int(text) / 1000, UTC)
        # A "+" in a query string arrives as a space.
        moment = datetime.fromisoformat(text.strip().replace(" ", "+") if "T" in text else text)
    except (ValueError, OverflowError, OSError) as error:
        raise ValueError(_UNREADABLE.format(text[:40])) from error
    if moment.tzinfo is None:
        raise ValueError(_UNREADABLE.format(text[:40]))
    return moment.astimezone(UTC)


def time_range(
    start: str | None, end: str | None, now: datetime, longest: timedelta = LONGEST
) -> tuple[datetime, datetime]:
    """The range asked for; the last six hours where nothing is said.

    Raises
    ------
    ValueError
        A time cannot be read, the range is empty, or longer than ``longest``.
    """
    until = parse_time(end) if end else now
    since = parse_time(start) if start else until - DEFAULT
    if since >= until:
        raise ValueError("start is not before end")
    if until - since > longest:
        raise ValueError(f"the range is longer than {longest.days} days")
    return since, until
