"""Silence: a device from which nothing comes though the rest of the city is heard.

A sensor's health, not an event: the rule is ``silence``, the key one a device.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from analytics.columns import Columns, grown, match
from analytics.detectors.base import Given, Setup
from analytics.roster import Roster, Rows
from analytics.rounds import NEVER
from analytics.scores import Scores, Term
from analytics.times import SECOND
from telemetry.alerts import Severity
from telemetry.detection.params import SilenceParams

_LEAST_PAUSE_S = 5.0
_LONGEST_S = 1e9
"""As good as never, and whole microseconds of it fit into 64 bits."""


class Silence(Given):
    """Watches the time since each device was last heard, on a clock that stops with the city.

    The clock advances from batch to batch, by at most one usual interval of the fastest
    device: where nothing at all comes for longer, ingest or the broker is down and no
    device is to blame. Such stalls are counted. What matters is arrival, not the time
    written on a reading; a device never heard is not missed.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: SilenceParams = setup.params
        self.stalls = 0
        self._roster = Roster.of((), ())
        self._clock = 0
        self._now = NEVER
        self._heard: NDArray[np.int64] = np.empty(0, np.int64)
        self._limit_us: NDArray[np.int64] = np.empty(0, np.int64)
        self._pause_us = 0
        self._watched: NDArray[np.bool_] = np.empty(0, np.bool_)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up devices past those known; returns their terms."""
        known = len(self._limit_us)
        interval_s = np.full(len(roster.device_ids), np.inf)
        np.minimum.at(interval_s, roster.device_of, roster.intervals_s)
        self._limit_us = self._allowed_us(interval_s)
        fastest_s = float(interval_s.min(initial=np.inf)) if len(roster) else _LEAST_PAUSE_S
        self._pause_us = round(max(fastest_s, _LEAST_PAUSE_S) * SECOND)
        self._heard = grown(self._heard, len(roster.device_ids), NEVER)
        fresh = roster.streams[len(self._watched) :]
        watched = [self._setup.watches(roster, stream) for stream in fresh]
        self._watched = np.concatenate((self._watched, np.array(watched, np.bool_)))
        self._roster = roster
        return self._terms(known)

    def warm(self, rows: Rows, _now: int) -> None:
        """Devices with history are expected, from this moment on."""
        self._heard[self._heard_in(rows)] = self._clock

    def score(self, rows: Rows, now: int) -> list[Scores]:
        """Devices heard in this batch are well."""
        self._advance(now)
        devices = np.unique(self._heard_in(rows))
        self._heard[devices] = self._clock
        return [self._scores(devices, np.zeros(len(devices)), now)]

    def tick(self, now: int) -> list[Scores]:
        """Devices overdue at ``now``."""
        if self._now == NEVER:
            return []
        clock = self._clock + min(max(0, now - self._now), self._pause_us)
        devices = np.flatnonzero((self._heard != NEVER) & (clock - self._heard >= self._limit_us))
        return [self._scores(devices, (clock - self._heard[devices]) / self._limit_us[devices], now)]

    def state(self) -> Columns:
        """How long ago, on the city's clock, each device was heard."""
        heard = np.flatnonzero(self._heard != NEVER)
        return {
            "device": np.array(self._roster.device_ids, np.str_)[heard],
            "quiet": self._clock - self._heard[heard],
            "clock": np.array([self._now, self.stalls], np.int64),
        }

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        source, target = match(state["device"], np.array(self._roster.device_ids, np.str_))
        self._heard[target] = self._clock - state["quiet"][source]
        self._now, self.stalls = (int(value) for value in state["clock"])

    def counts(self) -> dict[str, int]:
        """How often the whole city fell silent."""
        return {"city_stalls": self.stalls}

    def unfit(self, rows: Rows) -> NDArray[np.bool_]:
        """None: what is heard is no worse for having been missed."""
        return np.zeros(len(rows), np.bool_)

    def _heard_in(self, rows: Rows) -> NDArray[np.int64]:
        """The devices of the watched streams among these."""
        return self._roster.device_of[rows.streams[self._watched[rows.streams]]]

    def _allowed_us(self, interval_s: NDArray[np.float64]) -> NDArray[np.int64]:
        params = self._params
        allowed_s = np.maximum(params.intervals * interval_s, params.least_s)
        return (np.minimum(allowed_s, _LONGEST_S) * SECOND).astype(np.int64)

    def _advance(self, now: int) -> None:
        if self._now != NEVER:
            passed = max(0, now - self._now)
            self._clock += min(passed, self._pause_us)
            self.stalls += passed > 2 * self._pause_us
        self._now = max(self._now, now)

    def _scores(self, devices: NDArray[np.intp], score: NDArray[np.float64], now: int) -> Scores:
        twice = np.repeat(devices, 2)
        nothing = np.full(len(twice), np.nan)
        limit_s = self._limit_us[twice] / SECOND
        silent_s = np.repeat(score, 2) * limit_s
        return Scores(
            terms=(devices[:, None] * 2 + np.arange(2)).ravel(),
            times=np.full(len(twice), now, np.int64),
            scores=np.repeat(score, 2),
            values=nothing,
            lows=nothing,
            highs=nothing,
            facts={
                "silent_s": silent_s,
                "allowed_s": limit_s,
                "heard_ms": np.floor(now / 1e3 - 1e3 * silent_s),
            },
        )

    def _terms(self, known: int) -> list[Term]:
        speakers = self._roster.speakers(self._watched)
        terms: list[Term] = []
        for place in range(known, len(self._roster.device_ids)):
            device_id = self._roster.device_ids[place]
            stream_id = int(self._roster.stream_ids[speakers[place]])
            for severity, times in ((Severity.MINOR, 1.0), (Severity.MAJOR, self._params.major_times)):
                terms.append(
                    Term(
                        key=f"silence:{device_id}:{severity}",
                        condition=f"silence:{device_id}",
                        rule="silence",
                        stream_id=stream_id,
                        severity=severity,
                        raise_at=times,
                        clear_at=1.0,
                        detail={"device_id": device_id},
                    )
                )
        return terms
