"""What a simulation run is told."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

Scenario = Literal["demo", "calm", "none"]
"""``demo``: daily events and faults, and a burst of them at a live start, then one
every few minutes. ``calm``: only the daily ones. ``none``: nothing ever goes wrong."""


@dataclass(frozen=True, slots=True)
class SimOptions:
    """Options of one run.

    ``devices`` None means the city's own, a smaller number a selection, a larger one
    the city's own and clones. ``rate`` is messages per second in all, None means each
    device's own interval. ``speed`` above 1 replays the last day that many times
    faster until it has caught up with the clock.
    """

    devices: int | None = None
    rate: float | None = None
    seed: int = 7
    speed: float = 1.0
    scenario: Scenario = "demo"
