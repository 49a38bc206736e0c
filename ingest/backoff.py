"""How long to wait before trying again."""

from __future__ import annotations

import random


def backoff_s(attempt: int, rng: random.Random, *, first_s: float = 0.1, most_s: float = 5.0) -> float:
    """Capped exponential backoff with full jitter, in seconds.

    ``attempt`` counts from 0. The jitter keeps many writers from coming back at once
    (M. Brooker, "Exponential Backoff And Jitter", 2015).
    """
    ceiling = min(most_s, first_s * 2 ** min(attempt, 30))
    return rng.uniform(ceiling / 2, ceiling)
