"""Scoring a file: one series in a CSV, through one detector, strictly causal.

The detector sees the file as it would see the stream live: row after row, and where it
learns models, once a day from the days before. A file's first rows therefore score the
same whatever follows them.
"""

from __future__ import annotations

import csv
import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, TextIO

import numpy as np
from numpy.typing import NDArray

from analytics.detectors import DETECTORS, GUARDS, Detector, Setup
from analytics.roster import Roster, Rows
from analytics.scores import Scores, Term
from analytics.times import DAY, SECOND, micros
from telemetry.city import City
from telemetry.detection import DetectorSpec
from telemetry.devices import Device, Stream
from telemetry.errors import ConfigError
from telemetry.metrics import METRICS

COLUMNS = ("timestamp", "value")
_NO_VALUE = frozenset(("", "na", "n/a", "null", "none"))
"""How files say that there is no value, besides NaN."""

_INTERVAL_ROWS = 20
"""First rows, from which the usual interval is told; none of them is scored."""
_USUAL_INTERVAL_S = 60.0
LARGEST = 1e18
"""Beyond it a value counts as this much: detectors remember, and square, in single precision."""
_PIECE = 2_000
"""Rows between two reports of progress."""
_MODEL_DAYS = 28
_STREAM = 1


@dataclass(frozen=True, slots=True)
class Series:
    """A file's rows: its header, every row's text, times (microseconds, ascending) and values.

    A value is NaN where the row has none. ``late`` counts rows that are not later than all before.
    """

    header: Sequence[str]
    rows: Sequence[Sequence[str]]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    late: int = 0


def read_series(source: TextIO, name: str) -> Series:
    """The series of a CSV file with the columns ``timestamp`` and ``value``; others are kept as they are.

    Timestamps are ISO 8601, UTC where they name no zone. A row that is not later than the
    one before it is taken as just after it: a file's order is the order it came in. A value
    that is blank, not a number or infinite is none: a device could not have sent it.

    Raises
    ------
    ConfigError
        With the line: a missing column, a time or a value that cannot be read.
    """
    lines = csv.reader(source, strict=True)
    try:
        header = [column.strip() for column in next(lines, list[str]())]
        places = [_place(header, column, name) for column in COLUMNS]
        rows, times, values = list[list[str]](), list[int](), list[float]()
        for row in lines:
            if not row:
                continue
            where = f"{name}, line {lines.line_num}"
            if len(row) != len(header):
                raise _bad(f"{where}: {len(row)} fields under a header of {len(header)}")
            rows.append(row)
            times.append(_time(row[places[0]], where))
            values.append(_value(row[places[1]], where))
    except UnicodeDecodeError as error:
        raise _bad(f"{name}, behind line {lines.line_num}: not UTF-8 text") from error
    except csv.Error as error:
        raise _bad(f"{name}, line {lines.line_num + 1}: {error}") from error
    given = np.array(times, np.int64)
    late = int(np.count_nonzero(given[1:] <= np.maximum.accumulate(given)[:-1]))
    steps = np.arange(len(given))
    ascending = np.maximum.accumulate(given - steps) + steps
    return Series(header, rows, ascending, np.array(values, np.float64), late)


def write_scores(sink: TextIO, series: Series, scores: NDArray[np.float64]) -> None:
    """The file's rows with the column ``score`` behind."""
    lines = csv.writer(sink, lineterminator="\n")
    lines.writerow([*series.header, "score"])
    lines.writerows([*row, f"{score:.9g}"] for row, score in zip(series.rows, scores.tolist(), strict=True))


def make_detector(kind: str, params: Mapping[str, Any], metric: str) -> FileDetector:
    """A detector for the one series of a file.

    Raises
    ------
    ConfigError
        An unknown kind, metric or parameter, by name, or a kind that says nothing of a
        single series of this metric.
    """
    makers: dict[str, Callable[[Setup], Detector]] = {**GUARDS, **DETECTORS}
    if kind not in makers:
        raise ConfigError(f"there is no detector {kind!r}", cure=f"one of {', '.join(sorted(makers))}")
    if metric not in METRICS:
        raise ConfigError(f"there is no metric {metric!r}", cure=f"one of {', '.join(sorted(METRICS))}")
    spec = DetectorSpec(kind, kind, params=params)
    spec.parameters()
    return FileDetector(makers[kind], spec, metric)


class FileDetector:
    """Scores whole series, each as the only stream of a city."""

    def __init__(self, make: Callable[[Setup], Detector], spec: DetectorSpec, metric: str) -> None:
        self._make = make
        self._spec = spec
        self._metric = metric
        if not self._fresh(_USUAL_INTERVAL_S)[2]:
            raise ConfigError(
                f"{spec.kind} says nothing of {metric} in a file",
                cure="choose another --detector or --metric",
            )

    def score(
        self, series: Series, progress: Callable[[int], None] = lambda _done: None
    ) -> NDArray[np.float64]:
        """A score in [0, 1] for every row, 0 while the detector warms up and where there is no value.

        0.5 is where the mildest severity of the detector begins.
        """
        there = np.flatnonzero(~np.isnan(series.values))
        readings = replace(series, times=series.times[there], values=series.values[there])
        scores = np.zeros(len(series.times))
        scores[there] = self._scored(readings, lambda done: progress(int(there[done - 1]) + 1))
        progress(len(scores))
        return scores

    def _scored(self, series: Series, progress: Callable[[int], None]) -> NDArray[np.float64]:
        first = series.times[:_INTERVAL_ROWS]
        interval_s = float(np.median(np.diff(first))) / SECOND if len(first) > 1 else _USUAL_INTERVAL_S
        detector, roster, terms = self._fresh(max(interval_s, 1e-3))
        limits = np.array([term.raise_at for term in terms])
        scores = np.zeros(len(series.times))
        for piece in _pieces(series.times):
            rows = _rows(series, piece)
            _refit(detector, roster, series, piece)
            for found in detector.score(rows, int(rows.times[-1])):
                _enter(scores, series.times, found, limits)
            progress(piece.stop)
        scores[:_INTERVAL_ROWS] = 0.0
        return scores

    def _fresh(self, interval_s: float) -> tuple[Detector, Roster, list[Term]]:
        device = Device(
            "file",
            METRICS[self._metric].domain,
            "file",
            "",
            "",
            0.0,
            0.0,
            "",
            interval_s,
            (self._metric,),
            {},
        )
        detector = self._make(Setup(_NOWHERE, self._spec))
        roster = Roster.of([Stream(_STREAM, "file", self._metric, interval_s)], [device])
        return detector, roster, detector.extend(roster)


def _pieces(times: NDArray[np.int64]) -> Iterator[slice]:
    """Rows in order, no piece longer than `_PIECE` or over midnight."""
    midnights = np.flatnonzero(np.diff(times // DAY)) + 1
    first = 0
    for last in (*midnights.tolist(), len(times)):
        while first < last:
            end = min(first + _PIECE, last)
            yield slice(first, end)
            first = end


def _refit(detector: Detector, roster: Roster, series: Series, piece: slice) -> None:
    """Models from the days before, on the first piece of a day."""
    start = piece.start
    if start == 0 or series.times[start] // DAY == series.times[start - 1] // DAY:
        return
    since = int(np.searchsorted(series.times, series.times[start] - _MODEL_DAYS * DAY))
    model = detector.fit(roster, _rows(series, slice(since, start)))
    if model:
        detector.learn(model)


def _rows(series: Series, part: slice) -> Rows:
    times = series.times[part]
    return Rows(np.zeros(len(times), np.int64), times, np.clip(series.values[part], -LARGEST, LARGEST))


def _enter(
    scores: NDArray[np.float64], times: NDArray[np.int64], found: Scores, limits: NDArray[np.float64]
) -> None:
    """Put a round's scores where they belong, the highest of a row's terms."""
    known = found.scores > 0  # not where NaN
    ratio = found.scores[known] / np.maximum(limits[found.terms[known]], 1e-12)
    rows = np.searchsorted(times, found.times[known])
    np.maximum.at(scores, rows, ratio / (1.0 + ratio))


def _place(header: Sequence[str], column: str, name: str) -> int:
    if column not in header:
        there = ", ".join(header) or "nothing"
        raise _bad(f"{name}: no column {column!r} in its first line, which has {there}")
    return header.index(column)


def _time(text: str, where: str) -> int:
    try:
        at = datetime.fromisoformat(text.strip())
    except ValueError as error:
        raise _bad(f"{where}: timestamp {text[:40]!r} is not an ISO 8601 time") from error
    return micros(at if at.tzinfo else at.replace(tzinfo=UTC))


def _value(text: str, where: str) -> float:
    """NaN where there is none."""
    if text.strip().lower() in _NO_VALUE:
        return math.nan
    try:
        value = float(text)
    except ValueError as error:
        raise _bad(f"{where}: value {text[:40]!r} is not a number") from error
    return value if math.isfinite(value) else math.nan


def _bad(message: str) -> ConfigError:
    return ConfigError(
        message, cure="a CSV file in UTF-8 with the columns timestamp and value, ISO 8601 and a number"
    )


_NOWHERE = City(
    key="file",
    name_vi="",
    name_en="",
    timezone="UTC",
    center=(0.0, 0.0),
    bbox=(0.0, 0.0, 0.0, 0.0),
    attribution="",
    zones=(),
    devices=(),
    thresholds=(),
    alarm_levels={},
    layers={},
    sim={},
)
"""A city for a file: its clock is UTC, and it has no thresholds."""
