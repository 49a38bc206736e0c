"""Detectors: each scores every stream at once. `DETECTORS` is all of them."""

from __future__ import annotations

from collections.abc import Callable

from analytics.detectors.air_index import AirQuality
from analytics.detectors.base import Detector, Guard, Setup, Together
from analytics.detectors.clock import Clock
from analytics.detectors.drift import Drift
from analytics.detectors.forecast import Forecast
from analytics.detectors.groups import Groups
from analytics.detectors.jumps import Jumps
from analytics.detectors.limits import Limits
from analytics.detectors.onset import Onset
from analytics.detectors.rates import Rates
from analytics.detectors.seasonal import Seasonal
from analytics.detectors.silence import Silence
from analytics.detectors.stuck import Stuck
from analytics.detectors.subspace import Subspace

GUARDS: dict[str, Callable[[Setup], Guard]] = {
    "clock": Clock,
    "drift": Drift,
    "jumps": Jumps,
    "silence": Silence,
    "stuck": Stuck,
}
"""Detectors of sensor health by kind; they score first and say which readings are unfit."""

DETECTORS: dict[str, Callable[[Setup], Detector]] = {
    "forecast": Forecast,
    "groups": Groups,
    "limits": Limits,
    "rates": Rates,
    "onset": Onset,
    "seasonal": Seasonal,
    "subspace": Subspace,
    "vn_aqi": AirQuality,
}
"""Detectors of what happens in the city, by kind; they see the readings that are fit."""

CLOCKED: frozenset[str] = frozenset({"clock", "drift", "silence"})
"""Kinds whose results depend on when readings were committed, and on the passing of time.

All others see the readings alone, so that many commits may be scored at once."""

TOGETHER: frozenset[str] = frozenset({"forecast", "groups", "vn_aqi"})
"""Kinds that look at several streams together, and so at the order among them; see `Together`."""

__all__ = ["CLOCKED", "DETECTORS", "GUARDS", "TOGETHER", "Detector", "Guard", "Setup", "Together"]
