"""Two runs, or a shadow and the live configuration, side by side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import psycopg

from store import backtests, shadows
from telemetry.detection.episodes import Comparison, Episode, compare
from telemetry.errors import ConflictError

MOST = 500
"""Episodes that are told of each side; the rest are counted."""


@dataclass(frozen=True, slots=True)
class Figure:
    """One metric of both; the difference is the second less the first."""

    name: str
    first: float | None
    second: float | None

    @property
    def difference(self) -> float | None:
        """``None`` where either has none."""
        return None if self.first is None or self.second is None else self.second - self.first


@dataclass(frozen=True, slots=True)
class SideBySide:
    """What two configurations made of the same time, ``[start, end)``."""

    start: datetime
    end: datetime
    metrics: tuple[Figure, ...]
    both: int
    n_only_first: int
    n_only_second: int
    only_first: tuple[Episode, ...]
    only_second: tuple[Episode, ...]


def compare_runs(conn: psycopg.Connection, first_id: int, second_id: int) -> SideBySide:
    """Two backtests, where their times meet.

    Raises
    ------
    NotFoundError
        There is no such run.
    ConflictError
        One is not done, or their times do not meet.
    """
    first, second = backtests.get_run(conn, first_id), backtests.get_run(conn, second_id)
    for run in (first, second):
        if run.result is None:
            raise ConflictError(f"backtest {run.backtest_run_id} has no result: it is {run.status}")
    start, end = max(first.starts_at, second.starts_at), min(first.ends_at, second.ends_at)
    if start >= end:
        raise ConflictError(f"backtests {first_id} and {second_id} are of different times")
    found = compare(
        _within(backtests.list_episodes(conn, first_id), start, end),
        _within(backtests.list_episodes(conn, second_id), start, end),
        end,
    )
    return _side_by_side(start, end, _metrics(first.result), _metrics(second.result), found)


def compare_shadow(conn: psycopg.Connection, shadow_id: int, start: datetime, end: datetime) -> SideBySide:
    """The live configuration (first) and a shadow (second), of what began in ``[start, end)``."""
    live = shadows.list_live_episodes(conn, start, end)
    beside = shadows.list_episodes(conn, shadow_id, start, end)
    metrics = ({"episodes": len(live)}, {"episodes": len(beside)})
    return _side_by_side(start, end, *metrics, compare(live, beside, end))


def _side_by_side(
    start: datetime,
    end: datetime,
    first: Mapping[str, float | None],
    second: Mapping[str, float | None],
    found: Comparison,
) -> SideBySide:
    names = list(dict.fromkeys([*first, *second]))
    return SideBySide(
        start,
        end,
        tuple(Figure(name, first.get(name), second.get(name)) for name in names),
        len(found.both),
        len(found.only_first),
        len(found.only_second),
        found.only_first[:MOST],
        found.only_second[:MOST],
    )


def _metrics(result: dict[str, Any] | None) -> dict[str, float | None]:
    return dict((result or {}).get("metrics", {}))


def _within(episodes: Sequence[Episode], start: datetime, end: datetime) -> list[Episode]:
    return [one for one in episodes if start <= one.started_at < end]
