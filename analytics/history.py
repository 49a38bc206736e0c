"""History in slices: what detectors warm up and learn from, never all in memory at once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Iterable, Iterator, Sequence
from datetime import timedelta

import numpy as np
import psycopg

from analytics.columns import Columns
from analytics.roster import Roster, Rows
from analytics.stages import Stage
from analytics.ties import parts
from analytics.times import moment
from store.readings import read_range

WINDOW = timedelta(days=7)
"""A whole week, so that every time of the week has been seen."""

SLICE = 128
"""Streams read at once: a week at 30-second readings of these is some 60 MB."""


def slices(conn: psycopg.Connection, stages: Sequence[Stage], roster: Roster, now: int) -> Iterator[Rows]:
    """The week before ``now`` (microseconds), ordered by stream and time, some streams at a time.

    What one of the stages looks at together comes together.
    """
    end = moment(now)
    for places in parts([stage.spec for stage in stages], roster, SLICE):
        ids = roster.stream_ids[places].tolist()
        rows = roster.rows(read_range(conn, ids, end - WINDOW, end))
        if len(rows):
            yield rows


def warm_up(
    conn: psycopg.Connection,
    stages: Sequence[Stage],
    roster: Roster,
    now: int,
    stop: threading.Event | None = None,
) -> None:
    """Bring stages that know nothing to where history leaves them at ``now``; ends early on ``stop``."""
    going_on = itertools.takewhile(
        lambda _: stop is None or not stop.is_set(), slices(conn, stages, roster, now)
    )
    warm(stages, roster, going_on, now)


def warm(stages: Sequence[Stage], roster: Roster, past: Iterable[Rows], now: int) -> None:
    """`warm_up` from history at hand, some streams at a time."""
    for rows in past:
        for stage in stages:
            stage.detector.warm(rows, now)
            stage.detector.learn(stage.detector.fit(roster, rows))


def fit_all(
    conn: psycopg.Connection, stages: Sequence[Stage], roster: Roster, now: int, stop: threading.Event
) -> dict[str, Columns]:
    """Fresh models by detector; changes no stage. Ends early, with what there is, on ``stop``."""
    return fit(
        stages, roster, itertools.takewhile(lambda _: not stop.is_set(), slices(conn, stages, roster, now))
    )


def fit(stages: Sequence[Stage], roster: Roster, past: Iterable[Rows]) -> dict[str, Columns]:
    """`fit_all` from history at hand, some streams at a time."""
    models: dict[str, list[Columns]] = {}
    for rows in past:
        for stage in stages:
            model = stage.detector.fit(roster, rows)
            if model:
                models.setdefault(stage.name, []).append(model)
    return {name: _joined(found) for name, found in models.items()}


def _joined(models: Sequence[Columns]) -> Columns:
    return {column: np.concatenate([model[column] for model in models]) for column in models[0]}
