"""The engine: readings in, findings out. It knows no database and no clock.

Live, `analytics.live` feeds it what was committed; a backtest feeds it history. Both see
the same findings, for the same readings in the same order.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np

from analytics import stages
from analytics.columns import Columns
from analytics.passing import moments
from analytics.roster import Roster, Rows
from analytics.rounds import NEVER
from analytics.stages import Pipeline
from telemetry.alerts import Finding
from telemetry.devices import Device, Stream
from telemetry.readings import Readings

VERSION = 5
"""Of the layout of what is kept; another one is not read, and detectors warm up from history."""

_OWN = "engine"


@dataclass(slots=True)
class Counts:
    """What an engine has done since it started."""

    batches: int = 0
    scored: int = 0
    strangers: int = 0
    """Readings of streams nobody knows; a device was removed under way."""
    unfit: int = 0
    """Readings that sensor health kept from the other detectors."""
    findings: int = 0


@dataclass(slots=True)
class Engine:
    """Detectors over the streams of a roster, and the moment they stand at."""

    pipeline: Pipeline
    roster: Roster = field(default_factory=lambda: Roster.of((), ()))
    ticked: int = NEVER
    """How far time has passed for the detectors, microseconds."""
    heard: int = NEVER
    """The moment of the newest batch, or before there was one of the start, microseconds."""
    counts: Counts = field(default_factory=Counts)

    def score(self, readings: Readings, now: int) -> list[Finding]:
        """Findings of the time that passed until ``now`` (microseconds) and of readings committed then.

        Readings of streams the roster lacks are counted and left out; `extend` first.
        """
        rows = self.roster.rows(readings, now)
        findings = self.score_rows(rows, now)
        self.counts.batches += 1
        self.counts.strangers += len(readings) - len(rows)
        return findings

    def score_rows(self, rows: Rows, now: int) -> list[Finding]:
        """`score`, of rows."""
        findings = self._pass(now)
        self.heard = max(self.heard, now)
        unfit = np.zeros(len(rows), np.bool_)
        for guard in self.pipeline.guards:
            findings += guard.score(rows, now)
            unfit |= guard.detector.unfit(rows)
        fit = rows.take(~unfit) if unfit.any() else rows
        for stage in self.pipeline.watchers:
            findings += stage.score(fit, now)
        self.counts.scored += len(rows)
        self.counts.unfit += len(rows) - len(fit)
        self.counts.findings += len(findings)
        return findings

    def tick(self, now: int) -> list[Finding]:
        """Findings of the passing of time alone, up to ``now`` (microseconds)."""
        findings = self._pass(now)
        self.counts.findings += len(findings)
        return findings

    def _pass(self, now: int) -> list[Finding]:
        """Let time pass to ``now``, moment by moment."""
        findings: list[Finding] = []
        for moment in self.passing(now):
            for stage in self.pipeline.stages:
                findings += stage.tick(moment)
        return findings

    def passing(self, now: int) -> list[int]:
        """Moments until ``now`` at which detectors are to look at the clock; it has then passed."""
        if now <= self.ticked:
            return []
        if self.ticked == NEVER:
            self.heard = now
        found = moments(self.heard, max(self.ticked, self.heard - 1), now)
        self.ticked = now - 1
        return found

    def extend(self, streams: list[Stream], devices: list[Device]) -> None:
        """Take up the streams among these that are new."""
        roster = self.roster.extended(streams, devices)
        if len(roster) > len(self.roster):
            self.roster = roster
            for stage in self.pipeline.stages:
                stage.extend(roster)

    def learn(self, fitted: Mapping[str, Columns]) -> None:
        """Use models by detector, as `models` gives or `analytics.history.fit_all` makes them."""
        stages.learn(self.pipeline.stages, fitted)

    def state(self) -> dict[str, Columns]:
        """What changes with readings, by table."""
        return {
            **stages.states(self.pipeline.stages),
            _OWN: numbers(version=VERSION, ticked=self.ticked, heard=self.heard),
        }

    def models(self) -> dict[str, Columns]:
        """What was learnt, by detector."""
        return stages.models(self.pipeline.stages)

    def restore(self, state: Mapping[str, Columns]) -> None:
        """Take up a kept state; `ValueError` where another version kept it."""
        if _OWN not in state or int(state[_OWN]["version"][0]) != VERSION:
            raise ValueError("kept by another version")
        self.ticked, self.heard = (int(state[_OWN][name][0]) for name in ("ticked", "heard"))
        stages.restore(self.pipeline.stages, state)


def numbers(**values: int) -> Columns:
    """A table of one row."""
    return {name: np.array([value], np.int64) for name, value in values.items()}
