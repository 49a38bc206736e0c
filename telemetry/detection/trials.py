"""Trials: what a backtest is told besides a configuration and a time."""

from __future__ import annotations

from typing import Annotated

import msgspec

from telemetry.detection.selectors import Selector


class TrialOptions(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Options of a backtest.

    Parameters
    ----------
    select
        Streams that are scored: those any of these take, all where there are none. The
        others only keep the city's clock going.
    cadence_s
        Readings measured within one such step arrive together at its end, as a commit.
        0: the usual interval of the fastest stream, at least 5 s.
    train_days
        How much before the start, and later before each fit, detectors learn from.
    refit_h
        Hours between two fits. Live it is 1; a model of a week hardly changes in a day,
        and fitting is most of the work where it is done hourly.
    seed
        Of the random baseline in the metrics; detectors have their own in their parameters.
    """

    select: tuple[Selector, ...] = ()
    cadence_s: Annotated[float, msgspec.Meta(ge=0, le=86_400)] = 0.0
    train_days: Annotated[float, msgspec.Meta(gt=0, le=400)] = 7.0
    refit_h: Annotated[float, msgspec.Meta(gt=0, le=10_000)] = 24.0
    seed: int = 0
