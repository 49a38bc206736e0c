"""What a forecast is made from, and the model that makes it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, fields

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float64]

FEATURES = 10
"""A constant, the residual, its trend within the quarter of an hour (how much less its newest five
minutes are), over a quarter, one hour and three, rain (of the last quarter of an hour, of the last
hour, and of the quarter beyond what sewers take), and by how much more is usual now than at the
step ahead."""
PERSISTENT = (1, FEATURES - 1)
"""The residual and that difference: with one of each a forecast is the last value."""
RAIN = slice(FEATURES - 4, FEATURES - 1)
"""Those three of it."""

_SEWER_MMPH = 20.0
"""Rain that streets still swallow, mm/h; K, the city profile's attention level."""
_RAIN_UNIT_MMPH = 10.0
_WET_MMPH = 1.0
_WET_LEVEL_M = 0.03
"""Water on a street this deep is from rain, even where no gauge nearby saw it."""

LEVELS = np.array([0.02, 0.05, 0.1, 0.25, 0.5, 0.75, 0.9, 0.95, 0.98])
"""The quantiles a forecast is made of."""


@dataclass(frozen=True, slots=True)
class Recent:
    """What was measured just before some forecasts, each array of shape ``(n,)`` or ``(n, T)``.

    ``residual`` (NaN: no forecast), that of the ``newest`` five minutes and those of `BEFORE`,
    ``quarter_ago``, ``hour_ago`` and ``hours_ago`` (NaN: unknown), are on the family's scale; ``rain``
    is of the last quarter of an hour and ``rain_hour`` of the last hour, mm/h.
    """

    residual: Floats
    newest: Floats
    quarter_ago: Floats
    hour_ago: Floats
    hours_ago: Floats
    rain: Floats
    rain_hour: Floats

    @classmethod
    def joined(cls, parts: Sequence[Recent]) -> Recent:
        """Those of several forecasts behind one another."""
        names = (field.name for field in fields(cls))
        return cls(*(np.concatenate([getattr(part, name) for part in parts]) for name in names))

    def matrix(self, scale: Floats, clip: Floats) -> Floats:
        """The features but the last, one axis more: shape ``(…, FEATURES - 1)``.

        ``scale`` and ``clip`` (what a residual counts for at most) fit the arrays here. The last
        one depends on the step ahead.
        """
        now, *ago = (
            np.clip(part, -clip, clip) / scale
            for part in (self.residual, self.newest, self.quarter_ago, self.hour_ago, self.hours_ago)
        )
        trends = [np.nan_to_num(now - then) for then in ago]
        rain, rain_hour = self.rain / _RAIN_UNIT_MMPH, self.rain_hour / _RAIN_UNIT_MMPH
        surplus = np.maximum(self.rain - _SEWER_MMPH, 0.0) / _RAIN_UNIT_MMPH
        return np.stack((np.ones_like(now), now, *trends, rain, rain_hour, surplus), axis=-1)

    def wet(self, rainy: NDArray[np.bool_], rises: NDArray[np.bool_]) -> NDArray[np.int64]:
        """1 where errors are those of wet hours, else 0.

        ``rainy``: rain matters; ``rises``: a residual above `_WET_LEVEL_M` is rain as well.
        """
        wet = rainy & (self.rain_hour >= _WET_MMPH)
        return (wet | (rises & (self.residual >= _WET_LEVEL_M))).astype(np.int64)
