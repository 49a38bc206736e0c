"""Labels as CSV: there and back, and every fault with its line and column."""

from __future__ import annotations

import csv
import io
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from telemetry.label_rows import COLUMNS, MOST_BYTES, read_labels, write_labels
from telemetry.labels import Label, LabelSource, Meaning, without_echoes

DEVICES = {"gauge-1": ("water_level_m",), "loop-1": ("speed_kmh", "flow_vph")}
START = datetime(2026, 6, 1, 1, 2, 3, 500_000, UTC)
HOSTILE = Label(
    "flood", ("gauge-1", "loop-1"), START, START + timedelta(hours=2), ("speed_kmh",),
    is_sensor_fault=True, meaning=Meaning.NUISANCE, source=LabelSource.IMPORTED, author="an",
    note='=HYPERLINK("http://evil"),\r\n"quoted"',
)  # fmt: skip


def read(text: str) -> tuple[list[Label], list[str]]:
    labels, faults = read_labels(text.encode(), DEVICES, "an")
    return labels, [str(fault) for fault in faults]


def test_a_file_reads_back_as_it_was_written() -> None:
    labels, faults = read(write_labels([HOSTILE, replace(HOSTILE, note="-1", kind="stuck")]))
    assert faults == []
    assert labels[0] == HOSTILE
    assert labels[1].note == "-1"


@pytest.mark.parametrize("note", ["=1+1", "+1", "-1", "@SUM(A1)", "\tx", "\rx"])
def test_no_cell_is_a_formula(note: str) -> None:
    rows = list(csv.reader(io.StringIO(write_labels([replace(HOSTILE, note=note)]), newline="")))
    assert tuple(rows[0]) == COLUMNS
    assert rows[1][-1] == f"'{note}"


def test_few_columns_in_any_order_are_enough() -> None:
    labels, faults = read(
        "start,end,devices,kind\n2026-06-01T07:00+07:00,2026-06-01T01:00Z,gauge-1,flood\n\n"
    )
    assert faults == []
    (label,) = labels
    assert (label.start, label.end) == (datetime(2026, 6, 1, tzinfo=UTC), datetime(2026, 6, 1, 1, tzinfo=UTC))
    assert (label.meaning, label.source, label.author) == (Meaning.HAPPENED, LabelSource.IMPORTED, "an")


GOOD = "flood,gauge-1,2026-06-01T00:00Z,2026-06-01T01:00Z,,,,"
HEAD = "kind,devices,start,end,metrics,meaning,sensor_fault,note"


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("kind,devices,start\n", "line 1, column end: this column is missing"),
        (HEAD + ",colour\n", "line 1, column colour: no such column"),
        (HEAD + ",kind\n", "line 1, column kind: this column stands twice"),
        (f"{HEAD}\n{GOOD}\nflood,gauge-1\n", "line 3: 2 columns, expected 8"),
        (f"{HEAD}\n{GOOD.replace('flood', '<b>')}\n", "line 2, column kind"),
        (f"{HEAD}\n{GOOD.replace('gauge-1', 'ghost')}\n", "line 2, column devices: no device 'ghost'"),
        (f"{HEAD}\n{GOOD.replace('gauge-1', '')}\n", "line 2, column devices: names 0 devices"),
        (f"{HEAD}\n{GOOD.replace('00:00Z', '00:00')}\n", "column start: '2026-06-01T00:00' is not a time"),
        (f"{HEAD}\n{GOOD.replace('01:00Z', '01:00+07:00')}\n", "line 2, column end: ends at"),
        (f"{HEAD}\n{GOOD.replace('01T01', '01T25')}\n", "line 2, column end"),
        (f"{HEAD}\n{GOOD.replace('2026-06-01T01', '2028-06-01T01')}\n", "longer than 366 days"),
        (f"{HEAD}\n{GOOD.replace('2026-06-01T00:00Z', '0001-01-01T00:00+07:00')}\n", "beyond the calendar"),
        (f"{HEAD}\n{GOOD[:-3]}speed_kmh,,,\n", "line 2, column metrics: 'speed_kmh' is measured by none"),
        (f"{HEAD}\n{GOOD[:-3]}water_level_m speed,,,\n", "line 2, column metrics: no metric 'speed'"),
        (f"{HEAD}\n{GOOD[:-2]}perhaps,,\n", "line 2, column meaning: 'perhaps' is not one of"),
        (f"{HEAD}\n{GOOD[:-1]}maybe,\n", "line 2, column sensor_fault: 'maybe'"),
        (f"{HEAD}\n{GOOD}{'x' * 501}\n", "line 2, column note: has 501 characters"),
        (f'{HEAD}\n{GOOD}"open\n', "line 2: "),
    ],
)  # fmt: skip
def test_a_fault_is_told_with_its_place(text: str, said: str) -> None:
    _, faults = read(text)
    assert any(said in fault for fault in faults), faults


def test_an_event_may_show_on_more_metrics_than_its_devices_have() -> None:
    labels, faults = read(f"{HEAD}\n{GOOD[:-3]}water_level_m rain_mmph,,,\n")
    assert faults == []
    assert labels[0].metrics == ("water_level_m", "rain_mmph")


def test_every_fault_is_told_not_only_the_first() -> None:
    _, faults = read(f"{HEAD}\n{GOOD.replace('flood', '?')}\n{GOOD}\n{GOOD.replace('gauge-1', 'ghost')}\n")
    assert [fault.split(":")[0] for fault in faults] == ["line 2, column kind", "line 4, column devices"]


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"kind\n\xff", "line 2: not UTF-8"), (b"x" * (MOST_BYTES + 1), "larger"), (b"", "missing")],
    ids=["not text", "too large", "empty"],
)
def test_what_is_no_table_is_told(content: bytes, said: str) -> None:
    labels, faults = read_labels(content, DEVICES, "an")
    assert labels == []
    assert said in str(faults[0])


def test_a_verdict_that_tells_again_of_a_label_is_left_out() -> None:
    drawn = replace(HOSTILE, meaning=Meaning.HAPPENED)
    told = replace(
        drawn, source=LabelSource.VERDICT, device_ids=("loop-1",), start=START + timedelta(hours=1)
    )
    elsewhere = replace(told, device_ids=("other",))
    denied = replace(told, meaning=Meaning.NOTHING)
    assert without_echoes([drawn, told, elsewhere, denied]) == [drawn, elsewhere, denied]
    assert without_echoes([told]) == [told]


def test_what_a_label_says_is_its_digest() -> None:
    same = replace(HOSTILE, device_ids=("loop-1", "gauge-1"), author="x", note="", source=LabelSource.DRAWN)
    assert same.digest == HOSTILE.digest
    assert replace(HOSTILE, kind="leak").digest != HOSTILE.digest
    assert replace(HOSTILE, end=HOSTILE.end + timedelta(seconds=1)).digest != HOSTILE.digest
