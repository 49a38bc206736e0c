"""The kinds of detector there are, by name, with the parameters each takes."""

from __future__ import annotations

import msgspec

<<<<<<< HEAD
from telemetry.detection.health import JumpsParams
from telemetry.detection.params import LimitsParams, SeasonalParams, SilenceParams, StuckParams
=======
from telemetry.detection.params import LimitsParams, SilenceParams, StuckParams
from telemetry.detection.seasonal import SeasonalParams
from telemetry.detection.subspace import SubspaceParams
>>>>>>> state

KINDS: dict[str, type[msgspec.Struct]] = {
    "jumps": JumpsParams,
    "limits": LimitsParams,
    "seasonal": SeasonalParams,
    "silence": SilenceParams,
    "stuck": StuckParams,
    "subspace": SubspaceParams,
}
"""Their makers stand under the same names in `analytics.detectors.DETECTORS`."""
