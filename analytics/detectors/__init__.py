"""Detectors: each scores every stream at once. `DETECTORS` is all of them."""

from __future__ import annotations

from collections.abc import Callable

from analytics.detectors.base import Detector, Guard, Setup
from analytics.detectors.drift import Drift
from analytics.detectors.jumps import Jumps
from analytics.detectors.limits import Limits
from analytics.detectors.seasonal import Seasonal
from analytics.detectors.silence import Silence
from analytics.detectors.stuck import Stuck
from analytics.detectors.subspace import Subspace

GUARDS: dict[str, Callable[[Setup], Guard]] = {
    "drift": Drift,
    "jumps": Jumps,
    "silence": Silence,
    "stuck": Stuck,
}
"""Detectors of sensor health by kind; they score first and say which readings are unfit."""

DETECTORS: dict[str, Callable[[Setup], Detector]] = {
    "limits": Limits,
    "seasonal": Seasonal,
    "subspace": Subspace,
}
"""Detectors of what happens in the city, by kind; they see the readings that are fit."""

__all__ = ["DETECTORS", "GUARDS", "Detector", "Guard", "Setup"]
