"""Asking for backtests and shadows, in the words of the interface."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import msgspec
import psycopg

from store import backtests, detection, shadows
from store.backtests import BacktestRun, Request
from store.comparing import SideBySide, compare_runs, compare_shadow
from store.shadows import Shadow
from telemetry.city import City
from telemetry.detection import Configuration
from telemetry.detection.trials import points_of, trial_options, with_parameter
from telemetry.errors import ConfigError, ConflictError, NotFoundError

_RUNS, _SHADOWS = 50, 5

MOST_WAITING = 500
"""Runs in the queue: past it, somebody's loop asks."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """A configuration or the number of a version, over ``[start, end)``, for every point of a grid."""

    configuration: Configuration | None
    version: int | None
    start: datetime
    end: datetime
    options: Mapping[str, Any]
    grid: Mapping[str, Sequence[Any]]
    name: str
    reason: str


def ask(conn: psycopg.Connection, city: City, wanted: Wanted, author: str) -> list[BacktestRun]:
    """Put runs into the queue.

    Raises
    ------
    ConfigError
        Naming what cannot be.
    NotFoundError
        There is no such version.
    ConflictError
        Too many wait already.
    """
    if wanted.start >= wanted.end:
        raise ConfigError("start: it is not before end")
    options = msgspec.to_builtins(trial_options(wanted.options))
    configuration, version = chosen(conn, city, wanted.configuration, wanted.version)
    base = Request({}, "", wanted.start, wanted.end, author, options, wanted.name, wanted.reason, version)
    points = points_of(wanted.grid)
    if backtests.count_waiting(conn) + len(points) > MOST_WAITING:
        raise ConflictError(f"{MOST_WAITING} backtests wait already")
    return backtests.request_runs(conn, [_at(base, configuration, point) for point in points])


def begin_shadow(
    conn: psycopg.Connection,
    city: City,
    configuration: Configuration | None,
    version: int | None,
    author: str,
    reason: str,
) -> Shadow:
    """Let a configuration run beside the live one."""
    found, number = chosen(conn, city, configuration, version)
    document = found.to_document()
    return shadows.start(conn, document, detection.digest_of(document), author, reason, number)


def chosen(
    conn: psycopg.Connection, city: City, configuration: Configuration | None, version: int | None
) -> tuple[Configuration, int | None]:
    """The configuration that is meant, and the version it is; the one in force where none is named."""
    if configuration is not None:
        configuration.check([zone.code for zone in city.zones])
        return configuration, None
    number = version or detection.active_version(conn)
    if number is None:
        return city.detection, None
    return detection.get_version(conn, number).configuration(), number


def _at(base: Request, configuration: Configuration, point: Mapping[str, Any]) -> Request:
    for path, value in point.items():
        configuration = with_parameter(configuration, path, value)
    document = configuration.to_document()
    return replace(base, configuration=document, digest=detection.digest_of(document), point=dict(point))


@dataclass(frozen=True, slots=True)
class Picture:
    """What the page shows: the newest runs, and shadows with how they compare with what ran live."""

    runs: list[BacktestRun]
    shadows: list[tuple[Shadow, SideBySide]]


Pair = tuple[BacktestRun, BacktestRun, SideBySide]


def read_bench(conn: psycopg.Connection) -> Picture:
    """The newest runs and shadows."""
    now = datetime.now(UTC)
    found = [
        (one, compare_shadow(conn, one.shadow_id, one.started_at, one.stopped_at or now))
        for one in shadows.list_shadows(conn, _SHADOWS)
    ]
    return Picture(backtests.list_runs(conn, _RUNS), found)


def read_done(conn: psycopg.Connection, number: str | None) -> BacktestRun | None:
    """A run that has a result; ``None`` where there is none of this number."""
    try:
        run = backtests.get_run(conn, int(number or ""))
    except (ValueError, OverflowError, psycopg.DataError, NotFoundError):
        return None
    return None if run.result is None else run


def read_pair(conn: psycopg.Connection, first: str | None, second: str | None) -> Pair | None:
    """Two runs side by side; ``None`` where they are not two that can be compared."""
    try:
        one, other = int(first or ""), int(second or "")
        found = compare_runs(conn, one, other)
        return backtests.get_run(conn, one), backtests.get_run(conn, other), found
    except (ValueError, OverflowError, psycopg.DataError, NotFoundError, ConflictError):
        return None
