"""Seasonal: a value far from what is usual on this stream at this time of the week.

The score is a robust z: distance from the band of the neighbouring half-hours' medians,
in robust spreads, clipped and smoothed over a few readings.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.detectors.base import Setup, rows_of
from analytics.roster import Roster, Rows
from analytics.rounds import Forward
from analytics.scores import Scores, Term
from analytics.seasons import (
    DAY_KINDS,
    SLOT_US,
    SLOTS,
    day_kind,
    fit_seasons,
    least_spreads,
    slot_of,
)
from analytics.times import DAY, SECOND, to_local
from telemetry.detection.floors import SEASONAL, with_own
from telemetry.detection.seasonal import SeasonalParams, Step
from telemetry.devices import Stream
from telemetry.metrics import METRICS, Bad

_UNWATCHED = -1


_DIRECTIONS = {Bad.HIGH: 1.0, Bad.LOW: -1.0, Bad.BOTH: 0.0, Bad.NEITHER: 0.0}


class Seasonal:
    """Robust z against each stream's own week. Silent until a model was learnt."""

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: SeasonalParams = setup.params
        self._steps = self._params.steps
        self._floor_of = with_own(SEASONAL, self._params.floors)
        self._zone = ZoneInfo(setup.city.timezone)
        self._roster = Roster.of((), ())
        self._forward = Forward()
        self._z = np.empty(0, np.float64)
        self._tau_us = np.empty(0, np.float64)
        self._term = np.empty(0, np.int64)
        self._direction = np.empty(0, np.float64)
        self._floors = np.empty((0, 2), np.float64)
        self._median = np.empty((0, DAY_KINDS, SLOTS), np.float32)
        self._spread = np.empty((0, DAY_KINDS, SLOTS), np.float32)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up streams past those known; returns their terms."""
        fresh = roster.streams[len(self._roster) :]
        watched = self._watched(roster, fresh)
        n_terms = (self._term >= 0).sum() * len(self._steps)
        term = np.where(watched, n_terms + (np.cumsum(watched) - 1) * len(self._steps), _UNWATCHED)
        directions = [_DIRECTIONS[METRICS[s.metric].bad] if s.metric in METRICS else 0.0 for s in fresh]
        self._term = np.concatenate((self._term, term))
        self._direction = np.concatenate((self._direction, np.array(directions, np.float64)))
        self._tau_us = roster.intervals_s * self._params.smoothed_intervals * SECOND
        n = len(roster)
        self._z = grown(self._z, n, np.nan)
        self._median, self._spread = grown(self._median, n, np.nan), grown(self._spread, n, np.nan)
        self._forward.extend(n)
        self._roster = roster
        taken = [stream for stream, takes in zip(fresh, watched.tolist(), strict=True) if takes]
        return [_term(stream, step, self._params) for stream in taken for step in self._steps]

    def warm(self, _rows: Rows, _now: int) -> None:
        """Nothing: smoothing settles within a few readings."""

    def fit(self, roster: Roster, rows: Rows) -> Columns:
        """The usual week of the watched streams among these."""
        own = rows_of(roster, rows, lambda stream: self._watches(roster, stream))
        seasons = fit_seasons(own, self._zone)
        floors = [self._floor_of[roster.streams[int(i)].metric] for i in seasons.streams]
        bounds = np.array([(floor.least, floor.share) for floor in floors], np.float64).reshape(-1, 2)
        params = self._params
        least = least_spreads(seasons.median, seasons.spread, bounds, params.of_typical, params.of_range)
        return {
            "stream": roster.stream_ids[seasons.streams],
            "median": seasons.median,
            "spread": np.maximum(seasons.spread, least).astype(np.float32),
        }

    def learn(self, model: Columns) -> None:
        """Take up the usual weeks of these streams."""
        source, target = match(model["stream"], self._roster.stream_ids)
        self._median[target] = model["median"][source]
        self._spread[target] = model["spread"][source]

    def score(self, rows: Rows, _now: int) -> list[Scores]:
        """The smoothed z of each watched reading."""
        return [self._round(part) for part in self._forward.rounds(rows.take(self._term[rows.streams] >= 0))]

    def tick(self, _now: int) -> list[Scores]:
        """Nothing: a value speaks when it comes."""
        return []

    def state(self) -> Columns:
        """The smoothed z and each stream's last time."""
        return {**self._forward.state(self._roster), "z": self._z.copy()}

    def models(self) -> Columns:
        """The usual weeks."""
        known = np.flatnonzero(~np.isnan(self._median).all(axis=(1, 2)))
        return {
            "stream": self._roster.stream_ids[known],
            "median": self._median[known],
            "spread": self._spread[known],
        }

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        source, target = self._forward.restore(state, self._roster)
        self._z[target] = state["z"][source]

    def counts(self) -> dict[str, int]:
        """None."""
        return {}

    def _watched(self, roster: Roster, streams: Sequence[Stream]) -> NDArray[np.bool_]:
        return np.array([self._watches(roster, stream) for stream in streams], np.bool_)

    def _watches(self, roster: Roster, stream: Stream) -> bool:
        return stream.metric in self._floor_of and self._setup.watches(roster, stream)

    def _round(self, rows: Rows) -> Scores:
        expected, low, high, spread = self._usual(rows)
        beyond = np.where(rows.values > high, rows.values - high, np.minimum(rows.values - low, 0.0))
        clip_z = self._params.clip_z
        z = self._smoothed(rows, np.clip(beyond / spread, -clip_z, clip_z))
        direction = self._direction[rows.streams]
        scores = np.where(direction == 0.0, np.abs(z), direction * z)
        margin = self._params.least_z * spread
        twice = np.repeat(np.arange(len(rows)), len(self._steps))
        return Scores(
            terms=(self._term[rows.streams][:, None] + np.arange(len(self._steps))).ravel(),
            times=rows.times[twice],
            scores=scores[twice],
            values=rows.values[twice],
            lows=np.where(direction <= 0, low - margin, np.nan)[twice],
            highs=np.where(direction >= 0, high + margin, np.nan)[twice],
            facts={"expected": expected[twice], "spread": spread[twice], "z": z[twice]},
        )

    def _usual(self, rows: Rows) -> tuple[NDArray[np.float64], ...]:
        """Expected value, the band of the neighbouring medians and the spread, each ``(n,)``."""
        local = to_local(rows.times, self._zone)
        kind, slot = day_kind(local), local % DAY // SLOT_US
        before, share = slot_of(local)
        streams, after = rows.streams, (before + 1) % SLOTS
        median, spread = self._median, self._spread
        around = median[streams[:, None], kind[:, None], (slot[:, None] + np.array([-1, 0, 1])) % SLOTS]
        expected = (1 - share) * median[streams, kind, before] + share * median[streams, kind, after]
        scale = np.fmax(spread[streams, kind, before], spread[streams, kind, after])
        around = np.concatenate((around, expected[:, None]), axis=1).astype(np.float64)
        low, high = np.fmin.reduce(around, axis=1), np.fmax.reduce(around, axis=1)
        return expected.astype(np.float64), low, high, scale.astype(np.float64)

    def _smoothed(self, rows: Rows, z: NDArray[np.float64]) -> NDArray[np.float64]:
        before, tau = self._z[rows.streams], self._tau_us[rows.streams]
        apart = self._forward.apart(rows)
        fresh = np.isnan(before) | (
            apart > tau * (self._params.gap_intervals / self._params.smoothed_intervals)
        )
        smooth = np.where(fresh, z, before - np.expm1(-apart / tau) * (z - before))
        self._z[rows.streams] = smooth
        return smooth


def _term(stream: Stream, step: Step, params: SeasonalParams) -> Term:
    return Term(
        key=f"seasonal:{stream.stream_id}:{step.severity}",
        condition=f"seasonal:{stream.stream_id}",
        rule="seasonal",
        stream_id=stream.stream_id,
        severity=step.severity,
        raise_at=step.z,
        clear_at=params.clear_z,
        min_duration_s=step.min_duration_s,
        hold_s=params.hold_s,
        gap_s=params.gap_intervals * stream.interval_s,
        step=params.worth_telling_z,
    )
