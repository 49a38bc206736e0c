"""A simulated city's forecasts: driven as live, with what came and what peers would have said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

import numpy as np
from msgspec import structs
from numpy.typing import NDArray

from analytics.columns import Columns
from analytics.decider import Decider
from analytics.detectors import DETECTORS, Setup
from analytics.detectors.forecast import Forecast
from analytics.forecasting.family import STEP_US
from analytics.roster import Rows
from analytics.times import HOUR, SECOND, micros
from benchmarks._city_history import Weeks, simulate
from device_sims.truth import Truth
from telemetry.alerts import Finding, FindingState
from telemetry.city import City, Threshold
from telemetry.detection import DetectorSpec

STEP_S = 300
LEARNT_DAYS = 7
PER_DAY = 86_400 // STEP_S
PER_STEP = STEP_US // (STEP_S * SECOND)
EVERY = 11
"""Forecasts looked at: one each 55 minutes, so that all minutes of the hour are."""
_TIDE_LATER = 10
"""The tide's day is 50 minutes longer than the sun's; in instants."""
_SETTLED = 12
"""Instants, one hour: what crosses its limit in these may have been beyond it before."""
CHANCES = (0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.97)
"""Operating points that are looked at besides the city's own; a warning ends at half of it."""
_SPEAKING = ("rain_gauge",)
"""Kinds that other kinds' forecasts listen to."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Quantity:
    """What is reported together: devices of ``kinds``, and of their metrics one.

    ``quick`` looks at quarters of an hour where the city's thresholds are about longer means;
    nobody is warned of those.
    """

    name: str
    kinds: tuple[str, ...]
    metric: str
    quick: bool = False


QUANTITIES = (
    Quantity("tide level", ("tide_gauge",), "water_level_m"),
    Quantity("street level", ("flood_gauge",), "water_level_m"),
    Quantity("load", ("feeder", "transformer"), "current_a"),
    Quantity("PM2.5, 24 h mean", ("air_station",), "pm2_5"),
    Quantity("PM2.5, quarter hour", ("air_station",), "pm2_5", quick=True),
)


def narrowed(city: City, quantity: Quantity) -> City:
    """The city with the devices that matter to ``quantity``, and its thresholds alone."""
    kinds = (*quantity.kinds, *_SPEAKING)
    devices = tuple(device for device in city.devices if device.kind in kinds)
    return replace(city, devices=devices, thresholds=tuple(_thresholds(city, quantity)))


def _thresholds(city: City, quantity: Quantity) -> Iterator[Threshold]:
    for threshold in city.thresholds:
        if threshold.metric == quantity.metric:
            yield replace(threshold, averaging_s=0.0) if quantity.quick else threshold


def spec(city: City, quantity: Quantity) -> DetectorSpec:
    """The city's own configuration for a quantity, whether it is on or off."""
    for one in city.detection.detector:
        kinds = {kind for selector in one.select for kind in selector.kind}
        if one.kind == "forecast" and kinds & set(quantity.kinds):
            # Where nobody is warned, one forecast an hour is enough.
            return structs.replace(one, params={"every_s": 3600.0}) if quantity.quick else one
    return DetectorSpec("forecast", "forecast")


class Run:
    """One quantity of one simulated stretch of days, driven through the detector."""

    def __init__(self, city: City, quantity: Quantity, weeks: Weeks) -> None:
        self.quantity = quantity
        self.city = narrowed(city, quantity)
        self.weeks = only(weeks, self.city)
        self.first = LEARNT_DAYS * PER_DAY
        self.days = (len(weeks.times) - self.first) // PER_DAY
        self.detector = Forecast(Setup(self.city, spec(city, quantity)))
        self.terms = [replace(term, condition=term.key) for term in self.detector.extend(self.weeks.roster)]
        points = [(term.raise_at, term.clear_at) for term in self.terms[:1]] + [(c, c / 2) for c in CHANCES]
        self.deciders = [self._decider(*point) for point in points]

    def _decider(self, raise_at: float, clear_at: float) -> Decider:
        decider = Decider("forecast")
        decider.extend([replace(term, raise_at=raise_at, clear_at=clear_at) for term in self.terms])
        return decider

    def drive(self) -> tuple[list[list[Finding]], list[tuple[int, Floats]]]:
        """Findings by decider (the city's own, then one at each of `CHANCES`), and some forecasts.

        With each forecast comes the instant it was made at.
        """
        weeks, bank = self.weeks, self.detector.bank
        self.detector.warm(rows_of(weeks, self.first - PER_DAY - 1, self.first), int(weeks.times[self.first]))
        found: list[list[Finding]] = [[] for _ in self.deciders]
        fans: list[tuple[int, Floats]] = []
        rows = np.arange(len(bank))
        for instant in range(self.first, len(weeks.times)):
            if (instant - self.first) % PER_DAY == 0:
                self.detector.learn(learnt(self.detector, weeks, instant))
            scores = self.detector.score(rows_of(weeks, instant, instant + 1), int(weeks.times[instant]))
            for findings, decider in zip(found, self.deciders, strict=True):
                findings.extend(decider.decide(scores))
            if instant % EVERY == 0:
                # A reading stands for the time around it, so a step ends half an interval after it.
                moment = np.full(len(rows), weeks.times[instant] + STEP_S * SECOND // 2)
                fans.append((instant, bank.forecast(bank.look(rows, moment)).quantiles))
        return found, fans

    def seen(self, fans: Sequence[tuple[int, Floats]]) -> Iterator[tuple[Floats, Floats, Floats, Floats]]:
        """By stream: quantiles, what came, persistence and seasonal-naive, ``(n, steps, …)``.

        What came is NaN where a sensor was at fault.
        """
        places = self.detector.bank.places
        instants = np.array([instant for instant, _ in fans], np.int64)
        well = healthy(self.weeks)
        for row, stream in enumerate(places.streams.tolist()):
            quantiles = np.stack([quantiles[row] for _, quantiles in fans]).astype(np.float64)
            aim = aimed_at(well[stream], int(places.averaging[row]))
            said = aimed_at(self.weeks.values[stream], int(places.averaging[row]))
            ahead = instants[:, None] + PER_STEP * np.arange(1, quantiles.shape[1] + 1, dtype=np.int64)
            inside = ahead < len(aim)
            ahead = np.minimum(ahead, len(aim) - 1)
            came = np.where(inside, aim[ahead], np.nan)
            persistence = np.broadcast_to(said[instants][:, None], came.shape)
            naive = said[ahead - PER_DAY - (_TIDE_LATER if places.stations[row] else 0)]
            yield quantiles, came, persistence, naive

    def faults(self) -> Mapping[str, list[tuple[int, int]]]:
        """By term's key: from when to when its sensor was at fault, microseconds."""
        streams = self.weeks.roster.streams
        return {
            term.key: [
                (round(truth.start_s * 1e6), round(truth.end_s * 1e6))
                for truth in self.weeks.truths
                if truth.is_sensor_fault and streams[term.stream_id].device_id in truth.device_ids
            ]
            for term in self.terms
        }

    def crossings(self) -> Mapping[str, list[int]]:
        """By term's key: when it was first reached, microseconds.

        Readings of sensors at fault are left out: what they cross is nothing to warn of. So is
        what was beyond its limit from the beginning.
        """
        limits = DETECTORS["limits"](Setup(self.city, DetectorSpec("limits", "limits")))
        decider = Decider("limits")
        decider.extend(
            [replace(t, condition=t.key, min_duration_s=0.0) for t in limits.extend(self.weeks.roster)]
        )
        weeks = replace(self.weeks, values=healthy(self.weeks))
        limits.warm(rows_of(weeks, 0, self.first), int(weeks.times[self.first]))
        crossed: dict[str, list[int]] = {}
        for instant in range(self.first, len(weeks.times)):
            for finding in decider.decide(limits.score(rows_of(weeks, instant, instant + 1), 0)):
                if finding.state is FindingState.RAISED and instant >= self.first + _SETTLED:
                    key = finding.key.replace("limit:", "forecast:", 1)
                    crossed.setdefault(key, []).append(micros(finding.at))
        return crossed


def simulated(city: City, seed: int, start: datetime, days: int) -> Weeks:
    """All devices that any quantity looks at, from a week before ``start``'s first day on."""
    kinds = {kind for quantity in QUANTITIES for kind in (*quantity.kinds, *_SPEAKING)}
    devices = tuple(device for device in city.devices if device.kind in kinds)
    return simulate(replace(city, devices=devices), seed, len(devices), start, LEARNT_DAYS + days, STEP_S)


def only(weeks: Weeks, city: City) -> Weeks:
    """The streams of the devices of ``city`` alone, numbered anew."""
    names = {device.device_id for device in city.devices}
    places = [i for i, stream in enumerate(weeks.roster.streams) if stream.device_id in names]
    metrics = {threshold.metric for threshold in city.thresholds} | {"rain_mmph"}
    places = [i for i in places if weeks.roster.streams[i].metric in metrics]
    streams = [replace(weeks.roster.streams[old], stream_id=new) for new, old in enumerate(places)]
    devices = tuple(device for device in weeks.devices if device.device_id in names)
    return replace(
        weeks, devices=devices, roster=type(weeks.roster).of(streams, devices), values=weeks.values[places]
    )


def healthy(weeks: Weeks) -> NDArray[np.float32]:
    """The values with those of sensors at fault taken out, ``(n_streams, n_times)``."""
    values = weeks.values.copy()
    faults: list[Truth] = [truth for truth in weeks.truths if truth.is_sensor_fault]
    for place, stream in enumerate(weeks.roster.streams):
        for fault in faults:
            if stream.device_id in fault.device_ids and stream.metric in fault.metrics:
                within = (weeks.times >= fault.start_s * 1e6) & (weeks.times <= fault.end_s * 1e6)
                values[place, within] = np.nan
    return values


def rows_of(weeks: Weeks, first: int, last: int) -> Rows:
    """Readings of the instants ``first`` … ``last`` (exclusive), in the order of time."""
    readings = weeks.readings(first, last)
    return Rows(readings.stream_ids.astype(np.int64), readings.times, readings.values)


def learnt(detector: Forecast, weeks: Weeks, end: int) -> Columns:
    """A model from the week before instant ``end``, all streams at once."""
    rows = rows_of(weeks, end - LEARNT_DAYS * PER_DAY, end)
    return detector.fit(weeks.roster, rows.take(np.lexsort((rows.times, rows.streams))))


def aimed_at(values: NDArray[np.float32], averaging: int) -> Floats:
    """What is forecast, at each instant: quarters of an hour, or means of ``averaging`` of them."""
    return trailing(values.astype(np.float64), max(averaging, 1) * PER_STEP)


def trailing(values: Floats, length: int) -> Floats:
    """The mean of the last ``length`` values up to each, NaN where fewer than three quarters are there."""
    known = np.isfinite(values)
    total = np.cumsum(np.where(known, values, 0.0))
    count = np.cumsum(known).astype(np.float64)
    total[length:], count[length:] = total[length:] - total[:-length], count[length:] - count[:-length]
    count[: length - 1] = 0
    return np.where(count >= 0.75 * length, total / np.maximum(count, 1.0), np.nan)


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


GRACE_US = HOUR // 2
"""A crossing this long after the horizon still makes its warning right."""


def timed(
    findings: Sequence[Finding], crossed: Mapping[str, Sequence[int]], within_us: int
) -> tuple[int, int]:
    """How many warnings came true, and of how many the crossing was in the interval they told."""
    right = inside = 0
    for finding in findings:
        begun = micros(finding.at)
        ahead = [at for at in crossed.get(finding.key, ()) if begun < at <= begun + within_us]
        if finding.state is FindingState.RAISED and ahead:
            right += 1
            earliest, latest = (finding.detail[name] * 1000 for name in ("earliest_ms", "latest_ms"))
            inside += earliest <= ahead[0] <= latest
    return right, inside


def judged(
    crossed: Sequence[int],
    spans: Sequence[tuple[int, int]],
    faulty: Sequence[tuple[int, int]],
    within_us: int,
) -> list[float]:
    """Crossings, those warned of, warnings, false ones, those of a sensor at fault; then leads in minutes."""
    leads = [
        (at - max(begun for begun, _ in before)) / 60e6
        for at in crossed
        if (before := [span for span in spans if span[0] < at <= span[1] + GRACE_US])
    ]
    false = [begun for begun, _ in spans if not any(begun < at <= begun + within_us for at in crossed)]
    broken = [begun for begun in false if any(first <= begun <= last + GRACE_US for first, last in faulty)]
    return [len(crossed), len(leads), len(spans), len(false), len(broken), *leads]
