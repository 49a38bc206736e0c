"""Blocks: many commits scored at once, with the findings that one after the other would give.

A call costs the same for ten readings as for a thousand, and history, or what waits in the
log, is many small commits. A detector whose results do not depend on how readings were cut
takes a block of commits whole; one that goes by the time of commit (`CLOCKED`) is told each;
and one that looks at several streams together (`TOGETHER`) takes as much as comes in order.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import cast

import numpy as np
from numpy.typing import NDArray

from analytics.detectors import CLOCKED, TOGETHER, Together
from analytics.engine import Engine
from analytics.roster import Rows
from analytics.rounds import NEVER
from analytics.stages import GuardStage, Stage
from telemetry.alerts import Finding

_MOST_TURNS = 24
"""In one call: what a detector keeps of the recent past has to reach back over them, and an hour more."""


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

    def pieces(self, firsts: Sequence[int]) -> Iterator[Block]:
        """The block cut before each of these commits, ascending and not 0."""
        first, row = 0, 0
        for after in (*firsts, len(self)):
            end = int(self.ends[after - 1])
            yield Block(
                cut(self.rows, slice(row, end)), self.commits[first:after], self.ends[first:after] - row
            )
            first, row = after, end

    def orderly(self) -> Iterator[Block]:
        """Pieces in each of which no stream goes back in time from one commit to the next.

        What is late is left out by detectors that have seen a later reading, and in a piece
        with that one it would come first.
        """
        order = np.argsort(self.rows.streams, kind="stable")
        streams, times = self.rows.streams[order], self.rows.times[order]
        back = (streams[1:] == streams[:-1]) & (times[1:] <= times[:-1])
        if not back.any():
            return iter((self,))
        late = np.searchsorted(self.ends, order[1:][back], side="right")
        firsts = np.union1d(late, late + 1)
        return self.pieces(firsts[(firsts > 0) & (firsts < len(self))].tolist())

    def in_turn(self, turns: NDArray[np.int64]) -> Iterator[Block]:
        """Pieces in which turns (of rows, `NEVER` for none) go forward from commit to commit."""
        firsts: list[int] = []
        least = most = NEVER
        for commit, (part, _) in enumerate(self.parts()):
            own = turns[part]
            own = own[own != NEVER]
            if not len(own):
                continue
            low, high = int(own.min()), int(own.max())
            if most != NEVER and (low < most or high - least > _MOST_TURNS):
                firsts.append(commit)
                least, most = low, high
            else:
                least, most = low if most == NEVER else least, max(most, high)
        return self.pieces(firsts)


def score_block(engine: Engine, block: Block) -> list[Finding]:
    """Findings of a block, by time; the engine then stands where the last commit left it.

    As `Engine.score_rows` for each commit, up to the order of findings of different keys.
    """
    return sorted(score_commits(engine, block), key=lambda finding: finding.at)


def score_commits(engine: Engine, block: Block) -> list[Finding]:
    """`score_block`, with the findings as they came: those of one key are in order."""
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
    return findings


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
    findings: list[Finding] = []
    if stage.spec.kind not in CLOCKED:
        for piece in _pieces(stage, block):
            findings += stage.score(piece.rows, int(piece.commits[-1]))
        return findings
    for (part, now), moments in zip(block.parts(), ticks, strict=True):
        findings += [finding for moment in moments for finding in stage.tick(moment)]
        findings += stage.score(cut(block.rows, part), now)
    return findings


def _pieces(stage: Stage, block: Block) -> Iterator[Block]:
    """What a stage may be told at once."""
    if stage.spec.kind not in TOGETHER:
        return iter((block,))
    return block.in_turn(cast("Together", stage.detector).turns(block.rows))


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
