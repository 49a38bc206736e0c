"""The default detectors on simulated weeks: what is found, how soon, and what is told for nothing.

    python benchmarks/city_detection.py [--seeds 103 104] [--days 14] [--devices 600] [--step 60]

A week is learnt from, then ``--days`` are scored through the bench, every reading each
``--step`` seconds. Seeds from 103 on were not used in development. The goal is a recall of
0.95 for floods, outages, stuck and silent sensors and of 0.85 for everything together, at
no more than 0.01 false alarms per stream-day.

Labels are the simulator's own account. It does not list a limit that is passed by nature
(heavy rain that floods nothing, a spring tide, a transformer in the evening peak): where
the sensor is well, the alarm is true, and nothing that had to be found; such stretches are
labelled as counting neither way, from the readings themselves.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
import numpy as np
from numpy.typing import NDArray
from rich.console import Console
from rich.table import Table

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analytics.backtest import ArraySource, Run, backtest
from analytics.evaluation import Report, Row
from analytics.times import moment
from benchmarks._city_history import Weeks, simulate
from benchmarks._way import machine
from launch.config import load_city, load_settings
from telemetry.city import City, Threshold
from telemetry.detection.trials import TrialOptions
from telemetry.labels import Label, Meaning

START = datetime(2026, 6, 1, tzinfo=UTC)
"""In the rainy season: storms flood streets."""
LEARN_DAYS = 7
GOALS = {"flood": 0.95, "outage": 0.95, "stuck": 0.95, "dropout": 0.95, "all": 0.85}
MOST_FALSE = 0.01
_MERGED = timedelta(minutes=30)


def labels_of(weeks: Weeks, city: City) -> list[Label]:
    """The simulator's account, and stretches beyond a limit on sensors that are well."""
    told = [
        Label(
            truth.kind,
            truth.device_ids,
            truth.start,
            truth.end,
            truth.metrics,
            is_sensor_fault=truth.is_sensor_fault,
        )
        for truth in weeks.truths
    ]
    return told + list(_beyond_limits(weeks, city, [label for label in told if label.is_sensor_fault]))


def _beyond_limits(weeks: Weeks, city: City, faults: Sequence[Label]) -> Iterator[Label]:
    for place, stream in enumerate(weeks.roster.streams):
        device = weeks.roster.devices[stream.device_id]
        watching = [t for t in city.thresholds if t.applies_to(device, stream.metric)]
        own = [fault for fault in faults if device.device_id in fault.device_ids]
        for threshold in watching:
            beyond = _beyond(weeks, weeks.values[place], threshold)
            for start, end in _stretches(weeks.times, beyond):
                if not any(fault.start < end + _MERGED and fault.end > start - _MERGED for fault in own):
                    yield Label("limit", (device.device_id,), start, end, meaning=Meaning.NUISANCE)


def _beyond(weeks: Weeks, values: NDArray[np.float32], threshold: Threshold) -> NDArray[np.bool_]:
    """Where the value, or its trailing mean, is at or beyond the limit."""
    looked_at = np.nan_to_num(values.astype(np.float64))
    width = round(threshold.averaging_s / max(1.0, float(np.diff(weeks.times[:2])[0]) / 1e6))
    if width > 1:
        total = np.cumsum(np.concatenate((np.zeros(width), looked_at)))
        looked_at = (total[width:] - total[:-width]) / width
    return looked_at >= threshold.limit if threshold.direction == "high" else looked_at <= threshold.limit


def _stretches(times: NDArray[np.int64], mask: NDArray[np.bool_]) -> Iterator[tuple[datetime, datetime]]:
    edge = np.flatnonzero(np.diff(mask.astype(np.int8), prepend=0, append=0))
    for first, last in edge.reshape(-1, 2).tolist():
        yield moment(int(times[first])), moment(int(times[last - 1]))


def run_seed(city: City, seed: int, told: argparse.Namespace) -> tuple[Run, Report, list[Label]]:
    """One seed's backtest, and the labels its report is held against."""
    weeks = simulate(city, seed, told.devices, START, LEARN_DAYS + told.days, told.step)
    readings = weeks.readings(0, len(weeks.times))
    labels = labels_of(weeks, city)
    source = ArraySource(weeks.roster.streams, weeks.devices, readings, labels)
    begin = START + timedelta(days=LEARN_DAYS)
    options = TrialOptions(train_days=LEARN_DAYS, cadence_s=float(told.step))
    run = backtest(
        city.detection, source, city, begin, begin + timedelta(days=told.days), options=options, workers=1
    )
    assert run.report is not None
    return run, run.report, labels


def keep(path: Path, run: Run, labels: Sequence[Label]) -> None:
    """Write what was found and what was true, to be asked why without another run."""
    path.parent.mkdir(parents=True, exist_ok=True)
    document = {"report": run.report, "labels": labels, "episodes": run.episodes}
    path.write_bytes(msgspec.json.encode(document, enc_hook=str))


def by_kind(reports: Sequence[Report]) -> Table:
    """What became of the labels of each kind, over all seeds."""
    table = Table(title="Found", title_justify="left")
    for name in ("kind", "labels", "recall", "goal", "told as such", "delay, median", "p90 of a seed"):
        table.add_column(name, justify="left" if name == "kind" else "right")
    for kind in [row.kind for row in max((report.rows for report in reports), key=len)]:
        rows = [row for report in reports for row in report.rows if row.kind == kind]
        count, found = sum(row.labels for row in rows), sum(row.found for row in rows)
        such = sum((row.as_such or 0.0) * row.labels for row in rows)
        goal = GOALS.get(kind)
        table.add_row(
            kind,
            f"{count}",
            f"{found / count:.2f}" if count else "",
            "" if goal is None else f"{goal:.2f}",
            f"{such / count:.2f}" if count else "",
            _minutes(rows, "delay_median_s"),
            _minutes(rows, "delay_p90_s"),
        )
    return table


def _minutes(rows: Sequence[Row], name: str) -> str:
    delays = [getattr(row, name) for row in rows if getattr(row, name) is not None]
    return f"{np.median(delays) / 60:.1f} min" if delays else ""


def summaries(reports: Sequence[Report]) -> Table:
    """The detectors beside those that cannot know."""
    table = Table(title="All together", title_justify="left")
    for name in ("", "recall", "precision", "F1", "false / stream-day", "alerts / shift"):
        table.add_column(name, justify="right")
    names = ["detectors", *reports[0].baselines]
    for name in names:
        each = [report.summary if name == "detectors" else report.baselines[name] for report in reports]
        means = [
            np.mean([getattr(one, field) or 0.0 for one in each])
            for field in ("recall", "precision", "f1", "false_per_stream_day", "alerts_per_shift")
        ]
        table.add_row(name, *(f"{mean:.2f}" for mean in means[:3]), f"{means[3]:.4f}", f"{means[4]:.1f}")
    return table


def main() -> None:
    """Run all seeds and print the tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--seeds", type=int, nargs="+", default=[103, 104])
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--devices", type=int, default=600)
    parser.add_argument("--step", type=int, default=60)
    parser.add_argument("--keep", type=Path, help="folder for each seed's labels and episodes, as JSON")
    told, console = parser.parse_args(), Console(width=120)
    city = load_city(load_settings(None, {}))
    reports: list[Report] = []
    for seed in told.seeds:
        run, report, labels = run_seed(city, seed, told)
        reports.append(report)
        if told.keep is not None:
            keep(told.keep / f"city_{seed}.json", run, labels)
        total, summary = report.rows[-1], report.summary
        console.print(
            f"seed {seed}: {run.scored:,} readings of {report.n_streams} streams; "
            f"{total.found} of {total.labels} found, {summary.false_alarms} false alarms"
        )
    console.print(f"{machine()}; {told.devices} devices, {told.days} days, a reading each {told.step} s")
    console.print(by_kind(reports))
    console.print(summaries(reports))
    false = np.mean([report.summary.false_per_stream_day for report in reports])
    console.print(f"false alarms / limit of {MOST_FALSE}: {false / MOST_FALSE:.2f}")
    told_for_nothing: dict[str, int] = {}
    for report in reports:
        for name, count in report.false_by.items():
            told_for_nothing[name] = told_for_nothing.get(name, 0) + count
    worst = sorted(told_for_nothing.items(), key=lambda item: -item[1])
    console.print("false by detector and rule: " + ", ".join(f"{name} {count}" for name, count in worst))


if __name__ == "__main__":
    main()
