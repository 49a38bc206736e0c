"""Parameters of the subspace detector."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

import msgspec

from telemetry.alerts import Severity
from telemetry.detection.floors import Floor
from telemetry.detection.levels import Level, check_levels
from telemetry.detection.params import Positive, Share

_Count = Annotated[int, msgspec.Meta(ge=1, le=1000)]


class SubspaceParams(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the last hours of a stream look like none of its usual hours.

    A stream is read as means of ``step_s``; its last ``window_steps`` of them are laid
    over ``components`` shapes learnt from history. What of the newest ``recent_steps``
    the shapes leave over, squared and averaged, is the energy; the score is the energy
    as a multiple of the ``quantile`` of the stream's own history. ``trimmed`` is the
    share of the strangest windows that the shapes are not learnt from. A step whose own
    energy is ``disbelieved`` times the quantile is wild: later windows are laid over the
    shapes without it. (Leaving out milder ones too was tried: what then has to be guessed
    of a window doubles the false alarms.) Windows of which
    less than ``least_share`` was heard and believed say nothing, nor do streams with
    less than ``least_days`` of history. ``floors`` replace those of the table
    (`telemetry.detection.floors.FLOORS`), and let it speak of further metrics.
    """

    step_s: Positive = 300.0
    window_steps: Annotated[int, msgspec.Meta(ge=8, le=512)] = 96
    components: _Count = 8
    recent_steps: _Count = 6
    quantile: Annotated[float, msgspec.Meta(gt=0.5, lt=1)] = 0.99
    trimmed: Annotated[float, msgspec.Meta(ge=0, lt=0.5)] = 0.07
    disbelieved: Positive = 100.0
    least_share: Share = 0.5
    least_days: Positive = 2.0
    levels: Annotated[tuple[Level, ...], msgspec.Meta(min_length=1)] = (
        Level(Severity.MINOR, 8.0),
        Level(Severity.MAJOR, 30.0),
    )
    clear: Positive = 3.0
    floors: Mapping[str, Floor] = {}

    def __post_init__(self) -> None:
        check_levels(self.levels, self.clear)
        if not max(self.components, self.recent_steps) < self.window_steps:
            raise ValueError("components and recent_steps must be fewer than window_steps")
