"""The onset detector on a folder of labelled series, by the NAB score.

    python benchmarks/nab.py PATH [--set KEY=VALUE …] [--detail] [--stress]

PATH holds CSV files (``timestamp,value``) in folders and ``windows.json``: file to list of
``[start, end]``, as the Numenta Anomaly Benchmark lays them out. Each file is scored as
`cityops score` does it. The threshold is the best one for all of them together; beside
it stand thresholds chosen without the series they are used on, and detectors that cannot
know. With ``--stress`` the same threshold also scores relatives of the series (noisier,
thinned, bent …). Then the cost of a reading, on 20,000 streams.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
import tomllib
from collections.abc import Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
from rich.progress import track

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analytics.detectors import DETECTORS, Setup
from analytics.evaluation.nab import (
    PROFILES,
    STANDARD,
    Profile,
    ScoredSeries,
    at_threshold,
    cross_validated,
    optimum,
    probation,
)
from analytics.roster import Roster, Rows
from analytics.scoring_files import make_detector, read_series
from analytics.times import SECOND, micros
from benchmarks._relatives import RELATIVES, Readings, relative
from telemetry.city import City
from telemetry.detection import DetectorSpec
from telemetry.devices import Device, Stream
from telemetry.metrics import Domain

KIND = "onset"
TARGETS = {"standard": 75.0, "reward_low_FP_rate": 67.0}
TARGET_US = 10.0
_STREAMS = 20_000
_METRIC = "active_power_kw"
_RANDOM_SEEDS = 10
_HALVES = 25


def scored(
    path: Path, name: str, windows: Sequence[Sequence[str]], params: Mapping[str, Any], kind: str = ""
) -> ScoredSeries:
    """A file, or a relative of it, through the detector. Windows before its first row are left out."""
    with (path / name).open(newline="", encoding="utf-8-sig") as lines:
        series = read_series(lines, name)
    if kind:
        one = relative(kind, name, Readings(series.times, series.values))
        series = replace(series, times=one.times, values=one.values)
    scores = make_detector(KIND, params, _METRIC).score(series)
    edges = np.array([[_micros(first), _micros(last)] for first, last in windows], np.int64).reshape(-1, 2)
    rows = np.column_stack((
        np.searchsorted(series.times, edges[:, 0]),
        np.searchsorted(series.times, edges[:, 1], side="right") - 1,
    ))  # fmt: skip
    return ScoredSeries(name, scores, [(first, last) for first, last in rows.tolist() if first < last])


def random_scores(series: Sequence[ScoredSeries], seed: int) -> list[ScoredSeries]:
    """The same series with uniform scores."""
    chance = np.random.default_rng(seed)
    return [replace(one, scores=chance.random(len(one.scores))) for one in series]


def periodic_scores(series: Sequence[ScoredSeries], alarms: int) -> list[ScoredSeries]:
    """The same series with this many alarms in all, evenly behind probation."""
    every = sum(len(one.scores) - probation(len(one.scores)) for one in series) / max(alarms, 1)
    result: list[ScoredSeries] = []
    for one in series:
        scores = np.zeros(len(one.scores))
        scores[np.arange(probation(len(scores)) + every / 2, len(scores), every).astype(int)] = 1.0
        result.append(replace(one, scores=scores))
    return result


def flat_scores(series: Sequence[ScoredSeries], score: float) -> list[ScoredSeries]:
    """The same series with one score everywhere."""
    return [replace(one, scores=np.full(len(one.scores), score)) for one in series]


def other_halves(series: Sequence[ScoredSeries], profile: Profile) -> list[float]:
    """Scores where each half's threshold is the optimum of the other half; of random halves, one by one."""
    chance = np.random.default_rng(0)
    scores: list[float] = []
    for _ in range(_HALVES):
        order = chance.permutation(len(series)).tolist()
        halves = [[series[i] for i in part] for part in (order[::2], order[1::2])]
        scores.append(cross_validated(halves, profile))
    return scores


def microseconds_per_reading(params: Mapping[str, Any], rounds: int = 60) -> float:
    """On `_STREAMS` streams that have warmed up; the median round."""
    names = [f"device-{i}" for i in range(_STREAMS)]
    devices = [Device(n, Domain.ENERGY, "meter", n, n, 0.0, 0.0, "", 300.0, (_METRIC,), {}) for n in names]
    roster = Roster.of([Stream(i, n, _METRIC, 300.0) for i, n in enumerate(names)], devices)
    detector = DETECTORS[KIND](Setup(_NOWHERE, DetectorSpec(KIND, KIND, params=params)))
    detector.extend(roster)
    chance = np.random.default_rng(1)
    level, everyone = chance.uniform(10, 100, _STREAMS), np.arange(_STREAMS)
    took: list[float] = []
    for i in range(400):
        at = 1_767_546_000_000_000 + i * 300 * SECOND
        values = level * (1 + 0.2 * np.sin(2 * np.pi * i / 288)) + chance.normal(0, 2, _STREAMS)
        began = time.perf_counter()
        detector.score(Rows(everyone, np.full(_STREAMS, at), values), at)
        took.append(time.perf_counter() - began)
    return float(np.median(took[-rounds:])) / _STREAMS * 1e6


def main() -> None:
    """Score, compare, print."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("path", type=Path)
    parser.add_argument("--set", action="append", default=[], metavar="KEY=VALUE")
    parser.add_argument("--detail", action="store_true", help="what became of each series")
    parser.add_argument("--stress", action="store_true", help="relatives of the series too")
    parser.add_argument("--workers", type=int, default=1)
    told = parser.parse_args()
    settings: list[str] = told.set
    params = tomllib.loads("\n".join(settings))
    labels: dict[str, list[list[str]]] = json.loads((told.path / "windows.json").read_text())
    kinds = ["", *(RELATIVES if told.stress else ())]
    with ProcessPoolExecutor(told.workers) as pool:
        jobs = [
            pool.submit(scored, told.path, name, found, params, kind)
            for kind in kinds
            for name, found in labels.items()
        ]
        done = [job.result() for job in track(jobs, "Scoring", transient=True)]
    series, *families = (done[first : first + len(labels)] for first in range(0, len(done), len(labels)))
    if told.detail:
        _print_detail(series)
    _print_scores(series)
    _print_families(series, dict(zip(kinds[1:], families, strict=True)))
    print(f"{microseconds_per_reading(params):.2f} µs a reading on {_STREAMS:,} streams, one core "
          f"(target ≤ {TARGET_US:g})")  # fmt: skip


def _print_scores(series: Sequence[ScoredSeries]) -> None:
    ours = [optimum(series, profile) for profile in PROFILES]
    alarms = ours[0].found + ours[0].false
    print(f"{len(series)} series, {ours[0].windows} windows")
    print(f"{'':34}" + "".join(f"{profile.name:>21}" for profile in PROFILES))
    _print_row(f"{KIND}, threshold optimised", [one.score for one in ours])
    _print_row("  threshold", [one.threshold for one in ours], digits=4)
    _print_row("  windows found", [float(one.found) for one in ours], digits=0)
    _print_row("  alarms outside", [float(one.false) for one in ours], digits=0)
    one_by_one = [[one] for one in series]
    folders = [list(group) for _, group in groupby(series, key=lambda one: one.name.split("/")[0])]
    _print_row("  threshold of the other series", [cross_validated(one_by_one, p) for p in PROFILES])
    _print_row("  threshold of the other folders", [cross_validated(folders, p) for p in PROFILES])
    halves = [other_halves(series, p) for p in PROFILES]
    _print_row("  threshold of another half, mean", [float(np.mean(scores)) for scores in halves])
    _print_row("  of the halves, the worst tenth", [float(np.percentile(scores, 10)) for scores in halves])
    _print_row("never", [at_threshold(flat_scores(series, 0.0), p, 0.5).score for p in PROFILES])
    _print_row("always", [at_threshold(flat_scores(series, 1.0), p, 0.5).score for p in PROFILES])
    _print_row("random, threshold optimised", [_random(series, p) for p in PROFILES])
    _print_row("periodic, as many alarms", [
        at_threshold(periodic_scores(series, alarms), p, 0.5).score for p in PROFILES
    ])  # fmt: skip
    for result, profile in zip(ours, PROFILES, strict=True):
        if profile.name in TARGETS:
            print(f"{profile.name}: {result.score:.1f} (target {TARGETS[profile.name]:g})")


def _print_families(series: Sequence[ScoredSeries], families: Mapping[str, Sequence[ScoredSeries]]) -> None:
    thresholds = [optimum(series, profile).threshold for profile in PROFILES]
    everyone = [
        [at_threshold(family, p, at).score for p, at in zip(PROFILES, thresholds, strict=True)]
        for family in families.values()
    ]
    for kind, scores in zip(families, everyone, strict=True):
        _print_row(f"relatives: {kind}", scores)
    if everyone:
        _print_row("relatives, mean", np.mean(everyone, axis=0).tolist())


def _random(series: Sequence[ScoredSeries], profile: Profile) -> float:
    return float(np.mean([optimum(random_scores(series, s), profile).score for s in range(_RANDOM_SEEDS)]))


def _print_row(name: str, numbers: Sequence[float], digits: int = 1) -> None:
    print(f"{name:34}" + "".join(f"{number:21.{digits}f}" for number in numbers))


def _print_detail(series: Sequence[ScoredSeries]) -> None:
    threshold = optimum(series, STANDARD).threshold
    for one in series:
        alarms = np.flatnonzero(one.scores >= threshold)
        alarms = alarms[alarms >= probation(len(one.scores))]
        inside = [alarms[(alarms >= first) & (alarms <= last)] for first, last in one.windows]
        places = [
            f"{(found[0] - first) / max(last - first, 1):.2f}" if len(found) else "missed"
            for found, (first, last) in zip(inside, one.windows, strict=True)
        ]
        print(f"{one.name:58} {' '.join(places) or '-':30} {len(alarms) - sum(map(len, inside)):3} outside")


def _micros(text: str) -> int:
    return micros(datetime.fromisoformat(text).replace(tzinfo=UTC))


_NOWHERE = City("", "", "", "UTC", (0.0, 0.0), (0.0, 0.0, 0.0, 0.0), "", (), (), (), {}, {}, {})


if __name__ == "__main__":
    main()
