"""Alarms against labels: each rule by an example, and what baselines get."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from io import StringIO

import pytest
from rich.console import Console

from analytics.detectors import GUARDS
from analytics.evaluation import Alarm, Rules, evaluate, tables
from analytics.evaluation.alarms import told
from analytics.evaluation.report import Report
from telemetry.labels import HEALTH_KINDS, Label, Meaning

START = datetime(2026, 6, 1, tzinfo=UTC)
END = START + timedelta(days=2)
DEVICES = ("gauge-1", "gauge-2", "road-1", "air-1")
RULES = Rules(grace_s=1_800, aftermath_s=3_600, refractory_s=1_800)


def at(minutes: float) -> datetime:
    return START + timedelta(minutes=minutes)


def alarm(device: str, minutes: float, *, metric: str = "m", health: bool = False) -> Alarm:
    return Alarm(device, metric, at(minutes), detector="d", rule="r", is_health=health)


def label(kind: str, devices: tuple[str, ...], first: float, last: float, **more: object) -> Label:
    return Label(kind, devices, at(first), at(last), **more)


FLOOD = label("flood", ("gauge-1", "gauge-2"), 100, 200)
STUCK = label("stuck", ("air-1",), 500, 600, is_sensor_fault=True)


def report(alarms: list[Alarm], labels: list[Label]) -> Report:
    return evaluate(alarms, labels, START, END, DEVICES, n_streams=10, rules=RULES)


def test_one_event_on_several_devices_is_found_once_by_any_of_them() -> None:
    result = report([alarm("gauge-2", 130), alarm("gauge-1", 135)], [FLOOD])
    (flood, total) = result.rows
    assert (flood.kind, flood.labels, flood.found, flood.delay_median_s) == ("flood", 1, 1, 1_800)
    assert total.recall == 1.0
    assert (result.summary.alarms, result.summary.false_alarms, result.summary.precision) == (2, 0, 1.0)


@pytest.mark.parametrize(
    ("minutes", "found", "false"),
    [(69, 0, 1), (99, 0, 0), (100, 1, 0), (200, 1, 0), (230, 1, 0), (231, 0, 0), (290, 0, 0), (291, 0, 1)],
    ids=[
        "long before",
        "before",
        "at its start",
        "at its end",
        "in grace",
        "in aftermath",
        "its end",
        "after all",
    ],
)
def test_when_an_alarm_is_right(minutes: float, found: int, false: int) -> None:
    result = report([alarm("gauge-1", minutes)], [FLOOD])
    assert (result.rows[0].found, result.summary.false_alarms) == (found, false)


def test_an_alarm_that_ended_before_its_event_is_false() -> None:
    over = Alarm("gauge-1", "m", at(90), at(99))
    into = Alarm("gauge-1", "m", at(90), at(100))
    assert report([over], [FLOOD]).summary.false_alarms == 1
    assert report([into], [FLOOD]).summary == replace(
        report([], [FLOOD]).summary, recall=0.0
    )  # neither right nor false


def test_another_metric_finds_nothing_and_is_not_false() -> None:
    named = label("drift", ("air-1",), 100, 200, metrics=("pm2_5", "pm10"))
    other = report([alarm("air-1", 130, metric="no2")], [named])
    assert (other.summary.recall, other.summary.false_alarms) == (0.0, 0)
    for metric in ("pm10", ""):
        assert report([alarm("air-1", 130, metric=metric)], [named]).summary.recall == 1.0


def test_an_alarm_on_another_device_is_false_and_finds_nothing() -> None:
    result = report([alarm("road-1", 130)], [FLOOD])
    assert (result.summary.recall, result.summary.precision, result.summary.f1) == (0.0, 0.0, 0.0)
    assert result.false_by == {"d r": 1}


def test_told_as_what_it_is() -> None:
    by_event = report([alarm("air-1", 510)], [STUCK])
    by_health = report([alarm("air-1", 510, health=True)], [STUCK])
    assert (by_event.rows[0].recall, by_event.rows[0].as_such) == (1.0, 0.0)
    assert (by_health.rows[0].recall, by_health.rows[0].as_such) == (1.0, 1.0)


def test_the_refractory_does_not_chain() -> None:
    every_ten = [alarm("gauge-1", minutes) for minutes in range(0, 100, 10)]
    assert [a.at for a in told(every_ten, 1_800)] == [at(0), at(30), at(60), at(90)]
    assert len(told([*every_ten, alarm("gauge-2", 5)], 1_800)) == 5


def test_a_nuisance_counts_neither_way() -> None:
    nuisance = label("flood", ("gauge-1",), 300, 320, meaning=Meaning.NUISANCE)
    result = report([alarm("gauge-1", 310)], [FLOOD, nuisance])
    assert (result.summary.alarms, result.summary.false_alarms, result.rows[-1].labels) == (0, 0, 1)
    nothing = label("flood", ("gauge-1",), 300, 320, meaning=Meaning.NOTHING)
    assert report([alarm("gauge-1", 310)], [nothing]).summary.false_alarms == 1


def test_labels_at_the_edge_are_held_against_nobody() -> None:
    before = Label("flood", ("gauge-1",), START - timedelta(hours=1), at(10))
    result = report([alarm("gauge-1", 5)], [before])
    assert (result.rows[-1].labels, result.summary.false_alarms, result.summary.recall) == (0, 0, None)


def test_rates_are_per_stream_day_and_shift() -> None:
    result = report([alarm("road-1", minutes) for minutes in (0, 600, 1_200, 1_800)], [])
    assert result.summary.false_per_stream_day == 4 / (10 * 2)
    assert result.summary.alerts_per_shift == 4 / 6
    outside = [alarm("road-1", -5), alarm("road-1", 2 * 1_440), alarm("elsewhere", 10)]
    assert report(outside, []).summary.alarms == 0


def test_baselines_cannot_know() -> None:
    labels = [label("flood", ("gauge-1",), 60 * h, 60 * h + 20) for h in range(1, 40, 4)]
    alarms = [alarm("gauge-1", 60 * h + 2) for h in range(1, 40, 4)]
    result = report(alarms, labels)
    assert result.summary.f1 == 1.0
    assert list(result.baselines) == ["never", "always", "random", "periodic"]
    assert result.baselines["never"].recall == 0.0
    assert result.baselines["never"].precision is None
    always = result.baselines["always"]
    assert always.recall == 1.0
    assert always.false_per_stream_day > 1
    for name in ("random", "periodic"):
        assert (result.baselines[name].f1 or 0.0) < 0.5
        assert result.baselines[name].alarms <= len(alarms)
    assert report(alarms, labels) == result  # the random one is seeded


def test_kinds_that_speak_of_sensors_are_known() -> None:
    assert set(GUARDS) <= HEALTH_KINDS


def test_a_report_is_a_table() -> None:
    sink = Console(file=StringIO(), width=140)
    for table in tables(report([alarm("gauge-2", 130), alarm("road-1", 5)], [FLOOD, STUCK])):
        sink.print(table)
    text = sink.file.getvalue()
    assert all(name in text for name in ("flood", "stuck", "never", "always", "random", "periodic", "d r"))
    flood = next(line for line in text.splitlines() if "flood" in line)
    assert [cell.strip() for cell in flood.split("│")[1:-1]] == [
        "flood",
        "1",
        "1",
        "1.000",
        "1.000",
        "30 min",
        "30 min",
    ]


def test_a_report_is_json() -> None:
    document = json.loads(json.dumps(report([alarm("gauge-1", 130)], [FLOOD]).to_document()))
    assert document["rows"][0]["kind"] == "flood"
    assert document["start"] == "2026-06-01T00:00:00+00:00"
