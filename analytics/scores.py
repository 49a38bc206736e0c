"""What passes from scoring to deciding: terms, and how each stands at a moment."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from telemetry.alerts import Severity


@dataclass(frozen=True, slots=True)
class Term:
    """One reason to raise a condition: a bound on a score that higher is stranger.

    ``condition`` is the finding's key; terms of one condition are steps of its
    severity. The term begins when the score has been at least ``raise_at`` for
    ``min_duration_s`` and ends when it has been below ``clear_at`` for ``hold_s``. A
    silence longer than ``gap_s`` starts the wait anew. ``step`` is the least rise of
    the score worth telling again; ``retell_s`` is after how long the term is told again
    though it is no worse. A condition keeps the worst severity it reached, unless its
    terms are ``eases``: then it falls with them. ``key`` is unique within its detector.
    """

    key: str
    condition: str
    rule: str
    stream_id: int
    severity: Severity
    raise_at: float
    clear_at: float
    min_duration_s: float = 0.0
    hold_s: float = 0.0
    gap_s: float = float("inf")
    step: float = float("inf")
    retell_s: float = float("inf")
    eases: bool = False
    detail: Mapping[str, Any] = field(default_factory=dict[str, Any])


@dataclass(frozen=True, slots=True)
class Scores:
    """How some terms stand, as columns of shape ``(n,)``; a term comes at most once.

    ``terms`` int64, the place in the order the detector gave its terms; ``times``
    int64, microseconds; ``scores`` float64, higher is stranger, NaN while warming up.
    ``values``, ``lows`` and ``highs`` (NaN: none) are in the stream's unit; ``facts``
    are further columns for the finding's detail: numbers, words, or rows of numbers
    (``(n, k)``) for its picture.
    """

    terms: NDArray[np.int64]
    times: NDArray[np.int64]
    scores: NDArray[np.float64]
    values: NDArray[np.float64]
    lows: NDArray[np.float64]
    highs: NDArray[np.float64]
    facts: Mapping[str, NDArray[Any]] = field(default_factory=dict[str, NDArray[Any]])

    pictures: Mapping[int, Mapping[str, Any]] = field(default_factory=dict[int, Mapping[str, Any]])
    """By row, more for the finding's detail, of JSON types; only of rows worth a finding."""
    news: NDArray[np.bool_] | None = None
    """Rows with something new to tell though they are no worse; ``None``: none."""
    about: Mapping[int, int] = field(default_factory=dict[int, int])
    """By row, the id of the stream it is about, where that is not the term's."""

    def __len__(self) -> int:
        return len(self.terms)
