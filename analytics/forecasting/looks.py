"""What forecasts are made from, seen when each is due and forecast together later.

A forecast of three gauges costs as much as one of three hundred, and none of them changes what
the next one sees. So a detector looks, reading after reading, and forecasts many looks at once.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.forecasting.features import Recent

Floats = NDArray[np.float64]

_MOST = 512
"""Rows forecast at once, unless a single look has more: some 30 MB."""


@dataclass(frozen=True, slots=True)
class Look:
    """What forecasts of ``rows`` made at ``times``, both ``(n,)``, go by: what came up to then.

    ``aged`` ``(n, longest)``: means of the last steps, newest first, of rows whose trailing mean is
    forecast; NaN elsewhere.
    """

    rows: NDArray[np.int64]
    times: NDArray[np.int64]
    recent: Recent
    aged: Floats


@dataclass(frozen=True, slots=True)
class Watch:
    """A look, and the terms that wait for its forecasts.

    Each ``(m,)``: ``terms``, ``of`` (the row of the look a term is about), ``values``, and ``crossed``,
    where the threshold is passed already.
    """

    look: Look
    terms: NDArray[np.int64]
    of: NDArray[np.int64]
    values: Floats
    crossed: NDArray[np.bool_]


def batches(watches: Sequence[Watch]) -> Iterator[list[Watch]]:
    """Watches in order, as many together as are forecast at once."""
    some: list[Watch] = []
    rows = 0
    for watch in watches:
        if some and rows + len(watch.look.rows) > _MOST:
            yield some
            some, rows = [], 0
        some.append(watch)
        rows += len(watch.look.rows)
    if some:
        yield some


def joined(watches: Sequence[Watch]) -> Watch:
    """Several behind one another."""
    if len(watches) == 1:
        return watches[0]
    looks = [watch.look for watch in watches]
    starts = np.cumsum([0, *(len(look.rows) for look in looks[:-1])]).tolist()
    return Watch(
        Look(
            np.concatenate([look.rows for look in looks]),
            np.concatenate([look.times for look in looks]),
            Recent.joined([look.recent for look in looks]),
            np.concatenate([look.aged for look in looks]),
        ),
        np.concatenate([watch.terms for watch in watches]),
        np.concatenate([watch.of + start for watch, start in zip(watches, starts, strict=True)]),
        np.concatenate([watch.values for watch in watches]),
        np.concatenate([watch.crossed for watch in watches]),
    )
