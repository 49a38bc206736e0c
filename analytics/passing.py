"""When time passes for the detectors: at moments that depend on the log alone.

Were it whenever somebody looks, an engine that was down for a while would find other things
than one that was not.
"""

from __future__ import annotations

import numpy as np

from analytics.times import HOUR, SECOND

TICK_US = 10 * SECOND
"""Time passes in steps of this while readings come."""
_QUIET_TICK_US = 60 * SECOND
_STILL_TICK_US = 600 * SECOND
"""The longer nothing comes, the less there is to find."""


def moments(heard: int, after: int, before: int) -> list[int]:
    """Moments in ``(after, before)`` at which detectors look at the clock, in order.

    Parameters
    ----------
    heard
        The moment of the last batch; the moments thin out a minute and an hour after it.
    after, before
        Microseconds since the epoch, both left out.
    """
    spans = (
        (TICK_US, after, heard + _QUIET_TICK_US),
        (_QUIET_TICK_US, max(after, heard + _QUIET_TICK_US), heard + HOUR),
        (_STILL_TICK_US, max(after, heard + HOUR), before),
    )
    found: list[int] = []
    for step, begin, end in spans:
        first = (begin // step + 1) * step
        last = min(end, before - 1)
        if first <= last:
            found += np.arange(first, last + 1, step).tolist()
    return found
