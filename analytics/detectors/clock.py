"""Clock skew: a device whose readings bear times that cannot be when they were measured.

A sensor's health, not an event: the rule is ``clock``, the key one a device. What can be
seen is how far the time on a reading lay ahead of its commit: minus the way through the
network, plus how far the clock is ahead. Of several readings the most timely one says most
of the clock (the clock filter of NTP, RFC 5905 §10), and what all of the city share, be it
a backlog of ingest or a wrong clock of our own, is no device's fault.

A way that always holds readings back by as much looks the same as a clock that is behind;
either way their times are not to be believed. A device that works off what it kept is less
late from look to look, and is left alone meanwhile. What ingest refuses for its time, far
ahead or months behind, is not seen here: `alerts.platform` tells of it. History does not keep
when readings came, so over it nothing is found.
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
from telemetry.detection.health import ClockParams

_LEAST_DEVICES = 3
"""Fewer say nothing of what the city shares."""
_LOOKS = 2
"""So many in a row that find readings misplaced keep them from the others."""
_LONGEST_S = 1e9
_KEPT = ("look", "lead", "last", "first", "until", "run")


class Clock(Given):
    """Holds the most timely reading of each device, look after look, against the city's.

    Looks end at multiples of their length, whatever was heard when: how readings were cut
    into batches does not matter. ``lead``, the largest of the look under way, and ``last``,
    that of the one before, are in seconds. ``first`` and ``until`` are the times that the
    first of the latest readings in doubt and the last of all bear; ``run`` is how many looks
    have found readings misplaced.
    """

    def __init__(self, setup: Setup) -> None:
        self._setup = setup
        self._params: ClockParams = setup.params
        self._roster = Roster.of((), ())
        self._watched = np.empty(0, np.bool_)
        self._span_us = np.empty(0, np.int64)
        self._look, self._first, self._until, self._run = (np.empty(0, np.int64) for _ in range(4))
        self._lead, self._last = np.empty(0, np.float64), np.empty(0, np.float64)
        self._city_s = 0.0
        self._unfit = np.empty(0, np.bool_)

    def extend(self, roster: Roster) -> list[Term]:
        """Take up devices past those known; returns their terms."""
        known, n = len(self._look), len(roster.device_ids)
        interval_s = np.full(n, np.inf)
        np.minimum.at(interval_s, roster.device_of, roster.intervals_s)
        span_s = np.maximum(self._params.window_s, self._params.intervals * interval_s)
        self._span_us = (np.minimum(span_s, _LONGEST_S) * SECOND).astype(np.int64)
        self._look, self._run = grown(self._look, n, NEVER), grown(self._run, n, 0)
        self._first, self._until = grown(self._first, n, NEVER), grown(self._until, n, NEVER)
        self._lead, self._last = grown(self._lead, n, -np.inf), grown(self._last, n, np.nan)
        fresh = roster.streams[len(self._watched) :]
        watched = [self._setup.watches(roster, stream) for stream in fresh]
        self._watched = np.concatenate((self._watched, np.array(watched, np.bool_)))
        self._roster = roster
        speakers = roster.speakers(self._watched)
        return [self._term(place, speakers[place]) for place in range(known, n)]

    def warm(self, _rows: Rows, _now: int) -> None:
        """Nothing: of history it is not known when it came."""

    def score(self, rows: Rows, now: int) -> list[Scores]:
        """End the looks that are over, and take in how timely each device's readings are."""
        found = self.tick(now)
        self._unfit = np.zeros(len(rows), np.bool_)
        if rows.leads is None:
            return found
        mine = np.flatnonzero(self._watched[rows.streams] & ~np.isnan(rows.leads))
        devices, leads = self._roster.device_of[rows.streams[mine]], rows.leads[mine]
        far = np.abs(leads - self._city_s) > self._params.misplaced_s
        self._unfit[mine] = far & (self._run[devices] >= _LOOKS)
        most = np.full(len(self._lead), -np.inf)
        np.maximum.at(most, devices, leads)
        heard = np.flatnonzero(most > -np.inf)
        self._take_in(heard, most[heard], now)
        return found

    def unfit(self, rows: Rows) -> NDArray[np.bool_]:
        """Readings of another hour than they say; a value that is minutes off is as good as any."""
        assert len(rows) == len(self._unfit)
        return self._unfit

    def tick(self, now: int) -> list[Scores]:
        """The devices whose look has ended."""
        due = np.flatnonzero((self._look != NEVER) & (now // self._span_us > self._look))
        if not len(due):
            return []
        nearer_s = self._lead[due] - self._last[due]
        self._last[due] = self._lead[due]
        self._city_s = self._shared()
        scores = self._scores(due, nearer_s, now)
        self._look[due], self._lead[due] = NEVER, -np.inf
        return [scores]

    def state(self) -> Columns:
        """The looks under way, and what the ones before found."""
        heard = np.flatnonzero((self._look != NEVER) | ~np.isnan(self._last))
        kept = {name: getattr(self, f"_{name}")[heard] for name in _KEPT}
        device = np.array(self._roster.device_ids, np.str_)[heard]
        return {"device": device, "city": np.array([self._city_s]), **kept}

    def restore(self, state: Columns) -> None:
        """Take up a kept state."""
        source, target = match(state["device"], np.array(self._roster.device_ids, np.str_))
        for name in _KEPT:
            getattr(self, f"_{name}")[target] = state[name][source]
        self._city_s = float(state["city"][0])

    def _take_in(self, heard: NDArray[np.intp], lead: NDArray[np.float64], now: int) -> None:
        """The most timely reading of each device that was heard, and whether its time is in doubt."""
        self._look[heard] = now // self._span_us[heard]
        self._lead[heard] = np.maximum(self._lead[heard], lead)
        off = np.abs(lead - self._city_s) > self._params.tolerance_s
        time, first = now + np.round(lead * SECOND).astype(np.int64), self._first[heard]
        self._first[heard] = np.where(off, np.where(first == NEVER, time, first), NEVER)
        self._until[heard] = np.where(off, np.maximum(self._until[heard], time), self._until[heard])

    def _shared(self) -> float:
        """How far ahead the middle one of the devices is, seconds: below 0 where ingest is behind."""
        known = self._last[~np.isnan(self._last)]
        return float(np.median(known)) if len(known) >= _LEAST_DEVICES else 0.0

    def _scores(self, due: NDArray[np.intp], nearer_s: NDArray[np.float64], now: int) -> Scores:
        params = self._params
        offset_s = self._last[due] - self._city_s
        # What was kept for want of a link comes oldest first, less late from look to look. No clock gains so.
        catching_up = (offset_s < 0) & (nearer_s > params.tolerance_s)
        score = np.where(catching_up, np.nan, np.abs(offset_s) / params.tolerance_s)
        misplaced = (np.abs(offset_s) > params.misplaced_s) & ~catching_up
        self._run[due] = np.where(misplaced, np.minimum(self._run[due] + 1, _LOOKS), 0)
        first, until = (np.where(at[due] == NEVER, now, at[due]) for at in (self._first, self._until))
        nothing = np.full(len(due), np.nan)
        return Scores(
            terms=due.astype(np.int64),
            times=np.full(len(due), now, np.int64),
            scores=score,
            values=nothing,
            lows=nothing,
            highs=nothing,
            facts={
                "offset_s": offset_s,
                "allowed_s": np.full(len(due), params.tolerance_s),
                "city_s": np.full(len(due), self._city_s),
                "lasted_s": (now - first) / SECOND,
                "over_s": (now - until - 1) / SECOND,
            },
        )

    def _term(self, place: int, speaker: int) -> Term:
        device_id = self._roster.device_ids[place]
        return Term(
            key=f"clock:{device_id}",
            condition=f"clock:{device_id}",
            rule="clock",
            stream_id=int(self._roster.stream_ids[speaker]),
            severity=Severity.MINOR,
            raise_at=1.0,
            clear_at=self._params.clear_s / self._params.tolerance_s,
            min_duration_s=self._params.min_duration_s,
            detail={"device_id": device_id},
        )
