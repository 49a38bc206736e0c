"""Scoring a file: what it reads, refuses and writes, and that it never looks ahead."""

from __future__ import annotations

import io
from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from analytics.scoring_files import Series, make_detector, read_series, write_scores
from telemetry.errors import ConfigError

_METRIC = "active_power_kw"
KINDS = ["onset", "seasonal", "stuck"]


def document(values: list[float], step_s: float = 300.0) -> str:
    start = datetime(2026, 3, 2, tzinfo=UTC)
    times = [start + timedelta(seconds=i * step_s) for i in range(len(values))]
    return "timestamp,value\n" + "".join(
        f"{at:%Y-%m-%d %H:%M:%S},{value}\n" for at, value in zip(times, values, strict=True)
    )


def series(text: str) -> Series:
    return read_series(io.StringIO(text), "in.csv")


def week(seed: int = 1, n: int = 8 * 48) -> list[float]:
    """Eight days of half hours with two odd readings."""
    chance = np.random.default_rng(seed)
    values = 100 + 20 * np.sin(2 * np.pi * np.arange(n) / 48) + chance.normal(0, 1, n)
    values[n - 30] += 200
    values[n - 12 :] = 77.0
    return values.tolist()


@pytest.mark.parametrize("kind", KINDS)
@settings(max_examples=4, deadline=None)
@given(cut=st.integers(1, 8 * 48 - 1), seed=st.integers(1, 3))
def test_a_prefix_scores_the_same(kind: str, cut: int, seed: int) -> None:
    lines = document(week(seed), 1800.0).splitlines(keepends=True)
    detector = make_detector(kind, {}, _METRIC)
    whole = detector.score(series("".join(lines)))
    part = detector.score(series("".join(lines[: cut + 1])))
    assert part.tolist() == whole[:cut].tolist()


@pytest.mark.parametrize("kind", ["onset", "seasonal"])
def test_the_odd_reading_scores_highest(kind: str) -> None:
    scores = make_detector(kind, {}, _METRIC).score(series(document(week(), 1800.0)))
    assert ((scores >= 0) & (scores <= 1)).all()
    assert int(scores.argmax()) in range(8 * 48 - 30, 8 * 48 - 26)
    assert scores.max() > 0.5


def test_every_row_has_a_score_and_keeps_its_columns() -> None:
    text = "id,value,timestamp\n" + "".join(
        f"x{i},{i % 5},2026-01-0{1 + i // 24}T{i % 24:02}:00:00Z\n" for i in range(48)
    )
    read = series(text)
    out = io.StringIO()
    write_scores(out, read, np.full(len(read.rows), 1 / 3))
    lines = out.getvalue().splitlines()
    assert lines[:2] == ["id,value,timestamp,score", "x0,0,2026-01-01T00:00:00Z,0.333333333"]
    assert len(lines) == 49


def test_times_that_stand_still_or_go_back_follow_the_file() -> None:
    text = "timestamp,value\n" + "".join(f"2026-01-01 {hour:02}:00:00,1\n" for hour in (0, 1, 1, 0, 2))
    times = series(text).times
    assert (np.diff(times) > 0).all()
    assert times[4] - times[0] == 2 * 3600 * 1_000_000
    assert series(text).late == 2


def test_zones_are_understood() -> None:
    times = series("timestamp,value\n2026-01-01 00:00:00,1\n2026-01-01T08:00:00+07:00,1\n").times
    assert np.diff(times) == 3600 * 1_000_000


@pytest.mark.parametrize(
    "text", ["timestamp,value\n", "timestamp,value\n2026-01-01,1\n"], ids=["none", "one"]
)
def test_short_files(text: str) -> None:
    read = series(text)
    assert make_detector("onset", {}, _METRIC).score(read).tolist() == [0.0] * len(read.rows)


@pytest.mark.parametrize("blank", ["", " ", "NaN", "inf", "-Infinity", "1e999", "null", "N/A"])
def test_a_row_without_a_value_is_as_if_it_had_not_come(blank: str) -> None:
    lines = document(week(), 1800.0).splitlines(keepends=True)
    detector = make_detector("onset", {}, _METRIC)
    scores = detector.score(series("".join(lines)))
    holes = [1, 100, 300, len(lines)]
    for place in holes:
        lines.insert(place, f"2026-03-02,{blank}\n")
    holed = detector.score(series("".join(lines)))
    places = np.array(holes) - 1
    assert (holed[places] == 0).all()
    assert np.delete(holed, places).tolist() == scores.tolist()


@pytest.mark.parametrize("kind", ["onset", "seasonal", "subspace"])
@pytest.mark.parametrize("factor", [1e-20, 1e15, 1e300], ids=str)
def test_values_of_any_size(kind: str, factor: float) -> None:
    values = (np.array(week()) * factor).tolist()
    scores = make_detector(kind, {}, _METRIC).score(series(document(values, 1800.0)))
    assert ((scores >= 0) & (scores <= 1)).all()


def test_one_reading_beyond_all_measure_is_odd_and_harms_no_other() -> None:
    values = week()
    values[200] = 1e39
    scores = make_detector("onset", {}, _METRIC).score(series(document(values, 1800.0)))
    assert scores[200] > 0.6
    assert ((scores >= 0) & (scores <= 1)).all()


def test_a_table_program_s_file_reads_the_same() -> None:
    """CRLF, spaces behind the comma, and quotes."""
    plain = document(week(), 1800.0)
    other = plain.replace("timestamp,value", '"timestamp", value').replace("\n", "\r\n")
    assert series(other).values.tolist() == series(plain).values.tolist()


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "no column 'timestamp'.*nothing"),
        ("timestamp,speed\n2026-01-01,1\n", "no column 'value'.*timestamp, speed"),
        ("timestamp,value\n2026-01-01,1\n2026-01-02,12k\n", "line 3: value '12k' is not a number"),
        ("timestamp,value\nyesterday,1\n", "line 2: timestamp 'yesterday'"),
        ("timestamp,value\n2026-01-01\n", "line 2: 1 fields"),
        ('timestamp,value\n2026-01-01,"1\n', "unexpected end"),
    ],
    ids=["empty", "column", "value", "time", "fields", "quote"],
)
def test_what_cannot_be_read_is_named(text: str, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        series(text)


@pytest.mark.parametrize(
    ("kind", "params", "metric", "message"),
    [
        ("onsett", {}, _METRIC, "no detector 'onsett'"),
        ("onset", {"loud": 1}, _METRIC, "loud"),
        ("onset", {"minor_at": "high"}, _METRIC, "minor_at"),
        ("onset", {}, "speed", "no metric 'speed'"),
        ("limits", {}, _METRIC, "limits says nothing of active_power_kw"),
    ],
)
def test_what_cannot_be_used_is_named(
    kind: str, params: dict[str, object], metric: str, message: str
) -> None:
    with pytest.raises(ConfigError, match=message) as caught:
        make_detector(kind, params, metric)
    assert caught.value.cure


def test_progress_is_told() -> None:
    told: list[int] = []
    make_detector("stuck", {}, _METRIC).score(series(document(week(), 1800.0)), told.append)
    assert told[-1] == 8 * 48
    assert told == sorted(told)
