"""Forecasts of the simulated city against persistence and seasonal-naive, and their early warnings.

    python benchmarks/forecast.py [--seed 11 --seed 12] [--days 14] [--start 2025-11-01]

Every day the detector learns from the seven days before, as it does live, and goes on through
the very code that runs live. Seeds 1–3 were used for tuning; report others.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from analytics.columns import Columns
from analytics.decider import Decider
from analytics.detectors import DETECTORS, Setup
from analytics.detectors.forecast import Forecast
from analytics.forecasting.family import STEP_US
from analytics.forecasting.features import LEVELS
from analytics.times import HOUR, SECOND, micros
from benchmarks._city_history import Weeks, simulate
from launch.config import load_city, load_settings
from telemetry.alerts import Finding, FindingState
from telemetry.city import City
from telemetry.detection import DetectorSpec

KINDS = ("tide_gauge", "flood_gauge", "rain_gauge", "feeder", "transformer", "air_station")
STEP_S = 300
LEARNT_DAYS = 7
PER_DAY = 86_400 // STEP_S
PER_STEP = STEP_US // (STEP_S * SECOND)
EVERY = 6
"""Forecasts looked at: one each half hour."""
HOURS = (0.25, 0.5, 1.0, 2.0, 3.0, 4.0, 6.0)
GRACE_US = HOUR // 2
"""A crossing this long after the horizon still makes its warning right."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Seen:
    """Forecasts and what came of them, for rows of a bank; ``quantiles`` ``(n, steps, levels)``."""

    group: NDArray[np.str_]
    quantiles: Floats
    came: Floats
    persistence: Floats
    naive: Floats
    naive_errors: Floats
    persistence_errors: Floats


def spec(city: City) -> DetectorSpec:
    """The city's own configuration of the forecast."""
    found = [one for one in city.detection.detector if one.kind == "forecast"]
    return found[0] if found else DetectorSpec("forecast", "forecast")


def learnt(detector: Forecast, weeks: Weeks, end: int) -> Columns:
    """A model from the week before instant ``end``, all streams at once."""
    rows = list(weeks.history(end - LEARNT_DAYS * PER_DAY, end, len(weeks.values)))
    return detector.fit(weeks.roster, rows[0])


def steps_of(weeks: Weeks, stream: int, averaging: int) -> tuple[Floats, Floats]:
    """Means of quarters of an hour ending at each instant, and what is forecast of them, ``(T,)``."""
    values = weeks.values[stream].astype(np.float64)
    mean = trailing(values, PER_STEP)
    return mean, trailing(values, averaging * PER_STEP) if averaging else mean


def trailing(values: Floats, length: int) -> Floats:
    """The mean of the last ``length`` values up to each, NaN where fewer than three quarters are there."""
    known = np.isfinite(values)
    total = np.cumsum(np.where(known, values, 0.0))
    count = np.cumsum(known).astype(np.float64)
    total[length:], count[length:] = total[length:] - total[:-length], count[length:] - count[:-length]
    count[: length - 1] = 0
    return np.where(count >= 0.75 * length, total / np.maximum(count, 1.0), np.nan)


def pinball(quantiles: Floats, came: Floats) -> Floats:
    """The mean pinball loss over `LEVELS`."""
    off = came[..., None] - quantiles
    return np.maximum(LEVELS * off, (LEVELS - 1.0) * off).mean(axis=-1)


class Run:
    """One seed: the city's weeks, driven through the detector."""

    def __init__(self, city: City, seed: int, start: datetime, days: int) -> None:
        devices = tuple(device for device in city.devices if device.kind in KINDS)
        self.city = replace(city, devices=devices)
        self.weeks = simulate(self.city, seed, len(devices), start, LEARNT_DAYS + days, STEP_S)
        self.first = LEARNT_DAYS * PER_DAY
        self.detector = Forecast(Setup(self.city, spec(city)))
        self.terms = [replace(term, condition=term.key) for term in self.detector.extend(self.weeks.roster)]
        self.decider = Decider("forecast")
        self.decider.extend(self.terms)

    def drive(self) -> tuple[list[Finding], list[tuple[int, Floats]]]:
        """Findings, and the forecasts of every half hour with the instant they were made at."""
        weeks, bank = self.weeks, self.detector.bank
        self.detector.warm(weeks.rows(self.first - PER_DAY - 1, self.first), int(weeks.times[self.first]))
        found: list[Finding] = []
        fans: list[tuple[int, Floats]] = []
        rows = np.arange(len(bank))
        for instant in range(self.first, len(weeks.times)):
            if (instant - self.first) % PER_DAY == 0:
                self.detector.learn(learnt(self.detector, weeks, instant))
            scores = self.detector.score(weeks.rows(instant, instant + 1), int(weeks.times[instant]))
            found += self.decider.decide(scores)
            if instant % EVERY == 0:
                # A reading stands for the time around it, so a step ends half an interval after it.
                moment = np.full(len(rows), weeks.times[instant] + STEP_S * SECOND // 2)
                fans.append((instant, bank.forecast(rows, moment).quantiles.astype(np.float32)))
        return found, fans

    def seen(
        self, fans: Sequence[tuple[int, Floats]]
    ) -> Iterator[tuple[str, Floats, Floats, Floats, Floats]]:
        """By stream: group, quantiles, what came, persistence and seasonal-naive, ``(n, steps, …)``."""
        places = self.detector.bank.places
        instants = np.array([instant for instant, _ in fans])
        for row, stream in enumerate(places.streams.tolist()):
            quantiles = np.stack([quantiles[row] for _, quantiles in fans]).astype(np.float64)
            _, aim = steps_of(self.weeks, stream, int(places.averaging[row]))
            ahead = instants[:, None] + PER_STEP * np.arange(1, quantiles.shape[1] + 1)
            inside = ahead < len(aim)
            came = np.where(inside, aim[np.minimum(ahead, len(aim) - 1)], np.nan)
            # The tide's day is 50 minutes longer than the sun's.
            day = PER_DAY + (10 if places.stations[row] else 0)
            yield (
                str(places.groups[row]),
                quantiles,
                came,
                np.broadcast_to(aim[instants][:, None], came.shape),
                aim[np.minimum(ahead, len(aim) - 1) - day],
            )

    def crossings(self) -> dict[str, list[int]]:
        """By term's key: when its threshold was crossed, as the limits would say, microseconds."""
        spec_ = DetectorSpec("limits", "limits")
        limits = DETECTORS["limits"](Setup(self.city, spec_))
        decider = Decider("limits")
        decider.extend(
            [replace(t, condition=t.key, min_duration_s=0.0) for t in limits.extend(self.weeks.roster)]
        )
        weeks = self.weeks
        limits.warm(weeks.rows(0, self.first), int(weeks.times[self.first]))
        crossed: dict[str, list[int]] = {}
        for instant in range(self.first, len(weeks.times)):
            for finding in decider.decide(limits.score(weeks.rows(instant, instant + 1), 0)):
                if finding.state is FindingState.RAISED:
                    key = finding.key.replace("limit:", "forecast:", 1)
                    crossed.setdefault(key, []).append(micros(finding.at))
        return crossed


def quality(runs: Sequence[Run], fans: Sequence[list[tuple[int, Floats]]]) -> None:
    """Errors by horizon, as ratios."""
    parts: dict[str, list[tuple[Floats, ...]]] = {}
    for run, made in zip(runs, fans, strict=True):
        for group, *arrays in run.seen(made):
            parts.setdefault(group, []).append(tuple(arrays))
    print(
        "\n| what | h ahead | MAE | to persistence | to seasonal-naive "
        "| pinball, to persistence's | in 80 % |"
    )
    print("|---|---|---|---|---|---|---|")
    for group, arrays in sorted(parts.items()):
        quantiles, came, persistence, naive = (np.concatenate([a[i] for a in arrays]) for i in range(4))
        for hour in HOURS:
            step = round(hour * 4) - 1
            q, y, p, n = quantiles[:, step], came[:, step], persistence[:, step], naive[:, step]
            good = np.isfinite(q).all(axis=1) & np.isfinite(y) & np.isfinite(p) & np.isfinite(n)
            if not good.any():
                continue
            q, y, p, n = q[good], y[good], p[good], n[good]
            mae = np.abs(y - q[:, 4]).mean()
            spread = np.quantile(y - p, LEVELS)  # the best spread persistence could have had
            ratio = pinball(q, y).mean() / pinball(p[:, None] + spread, y).mean()
            inside = ((y >= q[:, 2]) & (y <= q[:, 6])).mean()
            to = [mae / np.abs(y - other).mean() for other in (p, n)]
            print(
                f"| {group} | {hour:g} | {mae:.3f} | {to[0]:.2f} | {to[1]:.2f} | {ratio:.2f} | {inside:.2f} |"
            )


def warnings(runs: Sequence[Run], found: Sequence[list[Finding]], days: int) -> None:
    """Early warnings against crossings."""
    within_us = round(runs[0].detector.params.within_min * 60 * SECOND) + GRACE_US
    tallies: dict[str, list[list[float]]] = {}
    for run, findings in zip(runs, found, strict=True):
        crossed = run.crossings()
        spans = standing(findings)
        for term in run.terms:
            tally = tallies.setdefault(f"{term.rule} {term.severity}", [])
            tally.append(judged(crossed.get(term.key, []), spans.get(term.key, []), within_us))
    print(
        "\n| what | streams | crossings | warned of | median lead, min "
        "| warnings | false | false per stream-day |"
    )
    print("|---|---|---|---|---|---|---|---|")
    for name, tally in sorted(tallies.items()):
        crossings, warned, raised, false = (sum(t[i] for t in tally) for i in range(4))
        leads = [lead for t in tally for lead in t[4:]]
        middle = f"{np.median(leads):.0f}" if leads else "–"
        share = f"{warned / crossings:.2f}" if crossings else "–"
        print(
            f"| {name} | {len(tally)} | {crossings:.0f} | {share} | {middle} | {raised:.0f} | {false:.0f} "
            f"| {false / len(tally) / days:.4f} |"
        )


def standing(findings: Sequence[Finding]) -> dict[str, list[tuple[int, int]]]:
    """By key: from when to when warnings stood."""
    spans: dict[str, list[tuple[int, int]]] = {}
    begun: dict[str, int] = {}
    for finding in findings:
        if finding.state is FindingState.RAISED:
            begun[finding.key] = micros(finding.at)
        elif finding.state is FindingState.CLEARED:
            spans.setdefault(finding.key, []).append((begun.pop(finding.key), micros(finding.at)))
    for key, at in begun.items():
        spans.setdefault(key, []).append((at, np.iinfo(np.int64).max))
    return spans


def judged(crossed: Sequence[int], spans: Sequence[tuple[int, int]], within_us: int) -> list[float]:
    """Crossings, those warned of, warnings, false ones, and then the lead times in minutes."""
    leads = [
        (at - max(begun for begun, _ in before)) / 60e6
        for at in crossed
        if (before := [span for span in spans if span[0] < at <= span[1] + GRACE_US])
    ]
    right = [any(begun < at <= begun + within_us for at in crossed) for begun, _ in spans]
    return [len(crossed), len(leads), len(spans), len(spans) - sum(right), *leads]


def main() -> None:
    """Simulate, drive and report."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--seed", type=int, action="append", default=None)
    parser.add_argument("--days", type=int, default=14)
    parser.add_argument("--start", default="2025-11-01")
    options = parser.parse_args()
    city = load_city(load_settings())
    start = datetime.fromisoformat(options.start).replace(tzinfo=UTC)
    seeds = options.seed or [11, 12]
    runs = [Run(city, seed, start, options.days) for seed in seeds]
    driven = [run.drive() for run in runs]
    quality(runs, [fans for _, fans in driven])
    warnings(runs, [findings for findings, _ in driven], options.days * len(seeds))


if __name__ == "__main__":
    main()
