"""The kinds of detector there are, by name, with the parameters each takes."""

from __future__ import annotations

import msgspec

from telemetry.detection.air_index import AirIndexParams
from telemetry.detection.forecast import ForecastParams
from telemetry.detection.groups import GroupsParams
from telemetry.detection.health import ClockParams, DriftParams, JumpsParams
from telemetry.detection.onset import OnsetParams
from telemetry.detection.params import LimitsParams, SilenceParams, StuckParams
from telemetry.detection.rates import RatesParams
from telemetry.detection.seasonal import SeasonalParams
from telemetry.detection.subspace import SubspaceParams

KINDS: dict[str, type[msgspec.Struct]] = {
    "clock": ClockParams,
    "forecast": ForecastParams,
    "groups": GroupsParams,
    "drift": DriftParams,
    "jumps": JumpsParams,
    "limits": LimitsParams,
    "rates": RatesParams,
    "onset": OnsetParams,
    "seasonal": SeasonalParams,
    "silence": SilenceParams,
    "stuck": StuckParams,
    "subspace": SubspaceParams,
    "vn_aqi": AirIndexParams,
}
"""Their makers stand under the same names in `analytics.detectors.DETECTORS`."""
