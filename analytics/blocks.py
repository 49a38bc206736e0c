"""Blocks: many commits scored at once, with the findings that one after the other would give.

Live, an engine is called for every commit. Over history that is a call for every few
seconds of a month. A detector whose results do not depend on how readings were cut takes a
block of commits whole; one that goes by the time of commit (`CLOCKED`) is told each.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from analytics.detectors import CLOCKED
from analytics.engine import Engine
from analytics.roster import Rows
from analytics.stages import GuardStage, Stage
from telemetry.alerts import Finding


@dataclass(frozen=True, slots=True)
class Block:
    """Commits in order: rows, and which of them each commit brought.

    ``commits`` int64, shape ``(m,)``, microseconds, ascending; ``ends`` int64, shape
    ``(m,)``: the rows of commit ``i`` end before ``ends[i]``. A commit may bring none.
    """

    rows: Rows
    commits: NDArray[np.int64]
    ends: NDArray[np.int64]

    def __len__(self) -> int:
        return len(self.commits)

    def take(self, keep: NDArray[np.bool_]) -> Block:
        """The same commits with the rows that the mask ``keep`` names."""
        kept = np.concatenate(([0], np.cumsum(keep)))
        return Block(self.rows.take(keep), self.commits, kept[self.ends])

    def parts(self) -> Iterator[tuple[slice, int]]:
        """Each commit's rows and its time."""
        start = 0
        for now, end in zip(self.commits.tolist(), self.ends.tolist(), strict=True):
            yield slice(start, end), now
            start = end


def score_block(engine: Engine, block: Block) -> list[Finding]:
    """Findings of a block, by time; the engine then stands where the last commit left it.

    As `Engine.score_rows` for each commit, up to the order of findings of different keys.
    """
    if not len(block):
        return []
    findings: list[Finding] = []
    unfit = np.zeros(len(block.rows), np.bool_)
    ticks = _ticks(engine, block.commits)
    for guard in engine.pipeline.guards:
        findings += _guarded(guard, block, ticks, unfit)
    fit = block.take(~unfit) if unfit.any() else block
    for stage in engine.pipeline.watchers:
        findings += _watched(stage, fit, ticks)
    engine.counts.batches += len(block)
    engine.counts.scored += len(block.rows)
    engine.counts.unfit += len(block.rows) - len(fit.rows)
    engine.counts.findings += len(findings)
    return sorted(findings, key=lambda finding: finding.at)


def _guarded(
    guard: GuardStage, block: Block, ticks: Sequence[Sequence[int]], unfit: NDArray[np.bool_]
) -> list[Finding]:
    """Findings of a guard; what it finds unfit is marked in ``unfit``."""
    if guard.spec.kind not in CLOCKED:
        whole = guard.score(block.rows, int(block.commits[-1]))
        unfit |= guard.detector.unfit(block.rows)
        return whole
    findings: list[Finding] = []
    for (part, now), moments in zip(block.parts(), ticks, strict=True):
        rows = cut(block.rows, part)
        findings += [finding for moment in moments for finding in guard.tick(moment)]
        findings += guard.score(rows, now)
        unfit[part] |= guard.detector.unfit(rows)
    return findings


def _watched(stage: Stage, block: Block, ticks: Sequence[Sequence[int]]) -> list[Finding]:
    if stage.spec.kind not in CLOCKED:
        return stage.score(block.rows, int(block.commits[-1]))
    findings: list[Finding] = []
    for (part, now), moments in zip(block.parts(), ticks, strict=True):
        findings += [finding for moment in moments for finding in stage.tick(moment)]
        findings += stage.score(cut(block.rows, part), now)
    return findings


def cut(rows: Rows, part: slice) -> Rows:
    """A stretch of rows, without a copy."""
    return rows.take(part)


def _ticks(engine: Engine, commits: NDArray[np.int64]) -> list[list[int]]:
    """The moments that pass before each commit; the engine then stands at the last."""
    ticks: list[list[int]] = []
    for now in commits.tolist():
        ticks.append(engine.passing(now))
        engine.heard = max(engine.heard, now)
    return ticks


def join(rows: Sequence[Rows]) -> Rows:
    """Rows behind one another."""
    if not rows:
        return Rows(np.empty(0, np.int64), np.empty(0, np.int64), np.empty(0, np.float64))
    leads = [part.leads for part in rows if part.leads is not None]
    return Rows(
        np.concatenate([part.streams for part in rows]),
        np.concatenate([part.times for part in rows]),
        np.concatenate([part.values for part in rows]),
        np.concatenate(leads) if len(leads) == len(rows) else None,
    )
