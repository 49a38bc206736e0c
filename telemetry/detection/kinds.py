"""The kinds of detector there are, by name, with the parameters each takes."""

from __future__ import annotations

import msgspec

from telemetry.detection.air_index import AirIndexParams
from telemetry.detection.forecast import ForecastParams
from telemetry.detection.params import LimitsParams, SeasonalParams, SilenceParams, StuckParams
from telemetry.detection.rates import RatesParams

KINDS: dict[str, type[msgspec.Struct]] = {
    "forecast": ForecastParams,
    "limits": LimitsParams,
    "rates": RatesParams,
    "seasonal": SeasonalParams,
    "silence": SilenceParams,
    "stuck": StuckParams,
    "vn_aqi": AirIndexParams,
}
"""Their makers stand under the same names in `analytics.detectors.DETECTORS`."""
