"""Forecasts of many streams at once: what is expected, what is recent, and how far off that was.

``value(t + h) = base(t + h) + recent``: the base is the tide's formula, the stream's usual
day or nothing; what is recent (the residual of the last quarter of an hour, its trend, the
rain nearby) is carried forward by coefficients fitted for every step ahead. The spread is
the empirical one of the errors such forecasts made on days they were not fitted on.
"""

from __future__ import annotations
