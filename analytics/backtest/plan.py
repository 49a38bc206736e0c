"""What a backtest is to do: one configuration over one stretch of history."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from analytics.times import DAY, HOUR, SECOND, micros
from telemetry.detection import Configuration, Selector
from telemetry.errors import ConfigError

WEEK_DAYS = 7.0
"""What live engines learn from, `analytics.history.WINDOW`."""


@dataclass(frozen=True, slots=True)
class Plan:
    """One run.

    Parameters
    ----------
    configuration
        The detectors.
    start, end
        What is scored, ``[start, end)``; both aware.
    select
        Streams that are scored: those any of these take, all where there are none. The
        others only keep the city's clock going.
    cadence_s
        Readings measured within one such step arrive together at its end, as a commit.
        0: the usual interval of the fastest stream, at least 5 s.
    train_days
        How much before ``start``, and later before each fit, detectors learn from.
    refit_h
        Hours between two fits. Live it is 1; a model of a week hardly changes in a day,
        and fitting is most of the work where it is done hourly.
    seed
        Of the random baseline in the metrics; detectors have their own in their parameters.
    """

    configuration: Configuration
    start: datetime
    end: datetime
    select: tuple[Selector, ...] = ()
    cadence_s: float = 0.0
    train_days: float = WEEK_DAYS
    refit_h: float = 24.0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            at: datetime = getattr(self, name)
            _require(at.tzinfo is not None, f"{name}: give the time with its zone")
        _require(self.start < self.end, f"start {self.start:%F %R} is not before end {self.end:%F %R}")
        _require(self.cadence_s >= 0, f"cadence_s: {self.cadence_s} is negative")
        _require(self.train_days > 0, f"train_days: {self.train_days} is not above 0")
        _require(self.refit_h > 0, f"refit_h: {self.refit_h} is not above 0")

    @property
    def train(self) -> timedelta:
        """`train_days` as a duration."""
        return timedelta(days=self.train_days)

    @property
    def train_us(self) -> int:
        """`train_days` in microseconds."""
        return round(self.train_days * DAY)

    @property
    def refits(self) -> list[int]:
        """When models are fitted after the start, microseconds, ascending."""
        step = max(round(self.refit_h * HOUR), SECOND)
        return list(range(micros(self.start) + step, micros(self.end), step))

    def setting(self, path: str, value: Any) -> Plan:
        """The plan with one parameter changed; ``path`` is ``detector.params.key``.

        Raises
        ------
        ConfigError
            There is no such detector, or its kind has no such parameter or value.
        """
        return replace(self, configuration=with_parameter(self.configuration, path, value))


def with_parameter(configuration: Configuration, path: str, value: Any) -> Configuration:
    """A configuration with one detector's parameter changed; see `Plan.setting`."""
    name, _, key = path.partition(".params.")
    _require(bool(name and key), f"{path!r}: say DETECTOR.params.KEY")
    if name not in {spec.name for spec in configuration.detector}:
        known = ", ".join(spec.name for spec in configuration.detector)
        raise ConfigError(f"{path}: there is no detector {name!r}", cure=f"one of {known}")
    specs = tuple(
        msgspec.structs.replace(spec, params={**spec.params, key: value}) if spec.name == name else spec
        for spec in configuration.detector
    )
    for spec in specs:
        spec.parameters()
    return msgspec.structs.replace(configuration, detector=specs)


def content_hash(configuration: Configuration) -> str:
    """The same for configurations that say the same: SHA-256 of its document, hexadecimal."""
    document = json.dumps(configuration.to_document(), sort_keys=True, separators=(",", ":"))
    return hashlib.sha256(document.encode()).hexdigest()


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message, cure="mend the backtest's options")
