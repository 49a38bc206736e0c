"""Any configuration over any history, through the engine that runs live."""

from __future__ import annotations

from analytics.backtest.bench import Progress, backtest, sweep
from analytics.backtest.plan import Plan
from analytics.backtest.play import Cancelled
from analytics.backtest.results import Run, Sweep
from analytics.backtest.sources import ArraySource, Source, StoreSource
from telemetry.detection.trials import TrialOptions

__all__ = [
    "ArraySource",
    "Cancelled",
    "Plan",
    "Progress",
    "Run",
    "Source",
    "StoreSource",
    "Sweep",
    "TrialOptions",
    "backtest",
    "sweep",
]
