"""What a backtest is to do: one configuration over one stretch of history."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any

import msgspec

from analytics.times import HOUR, SECOND, micros
from telemetry.detection import Configuration
from telemetry.detection.trials import TrialOptions, trial_options, with_parameter
from telemetry.errors import ConfigError

_AS_USUAL = TrialOptions()
_CURE = "mend the backtest's options"


@dataclass(frozen=True, slots=True)
class Plan:
    """One run: ``[start, end)``, both aware, is scored; ``options`` say how.

    Raises
    ------
    ConfigError
        It cannot be, by the key that is wrong.
    """

    configuration: Configuration
    start: datetime
    end: datetime
    options: TrialOptions = _AS_USUAL

    def __post_init__(self) -> None:
        for name in ("start", "end"):
            at: datetime = getattr(self, name)
            _require(at.tzinfo is not None, f"{name}: give the time with its zone")
        _require(self.start < self.end, f"start {self.start:%F %R} is not before end {self.end:%F %R}")
        trial_options(msgspec.to_builtins(self.options))

    @property
    def train(self) -> timedelta:
        """How much history is learnt from."""
        return timedelta(days=self.options.train_days)

    @property
    def train_us(self) -> int:
        """`train` in microseconds."""
        return self.train // timedelta(microseconds=1)

    @property
    def refits(self) -> list[int]:
        """When models are fitted after the start, microseconds, ascending."""
        step = max(round(self.options.refit_h * HOUR), SECOND)
        return list(range(micros(self.start) + step, micros(self.end), step))

    def setting(self, path: str, value: Any) -> Plan:
        """The plan with one parameter changed; ``path`` is ``detector.params.key``.

        Raises
        ------
        ConfigError
            There is no such detector, or its kind has no such parameter or value.
        """
        return replace(self, configuration=with_parameter(self.configuration, path, value))


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message, cure=_CURE)
