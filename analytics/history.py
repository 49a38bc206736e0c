"""History in slices: what detectors warm up and learn from, never all in memory at once."""

from __future__ import annotations

import itertools
import threading
from collections.abc import Callable, Iterable, Iterator, Sequence
from datetime import timedelta

import numpy as np
import psycopg

from analytics.blocks import join
from analytics.columns import Columns
from analytics.detectors import GUARDS
from analytics.roster import Roster, Rows
from analytics.stages import Stage
from analytics.ties import parts
from analytics.times import moment
from store.quality import read_spans
from store.readings import read_range
from telemetry.quality import FLAGS, Fault

WINDOW = timedelta(days=7)
"""A whole week, so that every time of the week has been seen."""

SLICE = 128
"""Streams read at once: a week at 30-second readings of these is some 60 MB."""
_TOGETHER_ROWS = 2_500_000
"""As many readings."""

_FALSE = sum(FLAGS[f] for f in (Fault.STUCK, Fault.SPIKE, Fault.OFFSET, Fault.DRIFT, Fault.IMPLAUSIBLE))
"""Faults in which a value is not what was to be measured: live, the guards keep such readings back."""

Sift = Callable[[Rows], Rows]
"""Leaves those of some readings that are to be believed."""


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
    warm(stages, roster, going_on, now, sifted(conn, roster, now))


def sifted(conn: psycopg.Connection, roster: Roster, now: int) -> Sift:
    """What to leave out of the week before ``now``: readings in intervals of bad quality, as known now."""
    end = moment(now)
    spans = read_spans(conn, roster.stream_ids.tolist(), end - WINDOW, end)
    false = (spans.kinds & _FALSE) != 0
    places, starts, ends = roster.place(spans.stream_ids)[false], spans.starts[false], spans.ends[false]

    def sift(rows: Rows) -> Rows:
        # A stream's readings stand together, in the order of time.
        edges = np.flatnonzero(np.diff(rows.streams, prepend=-1, append=-1))
        block = dict(zip(rows.streams[edges[:-1]].tolist(), itertools.pairwise(edges.tolist()), strict=True))
        keep = np.ones(len(rows), np.bool_)
        for place, *span in zip(places.tolist(), starts.tolist(), ends.tolist(), strict=True):
            if place in block:
                first, last = block[place]
                begin, end = first + np.searchsorted(rows.times[first:last], span)
                keep[begin:end] = False
        return rows if keep.all() else rows.take(keep)

    return sift


def whole(rows: Rows) -> Rows:
    """All of them: where nothing is known of their quality."""
    return rows


def warm(stages: Sequence[Stage], roster: Roster, past: Iterable[Rows], now: int, sift: Sift = whole) -> None:
    """`warm_up` from history at hand, some streams at a time.

    Warming goes through time step by step and costs as much for a few streams as for many, so that
    slices of coarse history are taken together.
    """
    for some in _batches(past):
        for stage, own in _heard(stages, _together(some), sift):
            stage.detector.warm(own, now)
        for rows in some:
            for stage, own in _heard(stages, rows, sift):
                stage.detector.learn(stage.detector.fit(roster, own))


def _batches(past: Iterable[Rows]) -> Iterator[list[Rows]]:
    """Slices, as many together as hold `_TOGETHER_ROWS` readings."""
    some: list[Rows] = []
    for rows in past:
        if some and sum(map(len, some)) + len(rows) > _TOGETHER_ROWS:
            yield some
            some = []
        some.append(rows)
    if some:
        yield some


def _together(some: Sequence[Rows]) -> Rows:
    """Slices as one, ordered by stream and time."""
    if len(some) == 1:
        return some[0]
    rows = join(some)
    return rows.take(np.argsort(rows.streams, kind="stable"))


def fit_all(
    conn: psycopg.Connection, stages: Sequence[Stage], roster: Roster, now: int, stop: threading.Event
) -> dict[str, Columns]:
    """Fresh models by detector; changes no stage. Ends early, with what there is, on ``stop``."""
    going_on = itertools.takewhile(lambda _: not stop.is_set(), slices(conn, stages, roster, now))
    return fit(stages, roster, going_on, sifted(conn, roster, now))


def fit(
    stages: Sequence[Stage], roster: Roster, past: Iterable[Rows], sift: Sift = whole
) -> dict[str, Columns]:
    """`fit_all` from history at hand, some streams at a time."""
    models: dict[str, list[Columns]] = {}
    for rows in past:
        for stage, own in _heard(stages, rows, sift):
            model = stage.detector.fit(roster, own)
            if model:
                models.setdefault(stage.name, []).append(model)
    return {name: _joined(found) for name, found in models.items()}


def _heard(stages: Sequence[Stage], rows: Rows, sift: Sift) -> Iterator[tuple[Stage, Rows]]:
    """What of ``rows`` each stage is to hear: a guard all, the others what is believed, as they do live."""
    good = sift(rows)
    for stage in stages:
        yield stage, rows if stage.spec.kind in GUARDS else good


def _joined(models: Sequence[Columns]) -> Columns:
    return {column: np.concatenate([model[column] for model in models]) for column in models[0]}
