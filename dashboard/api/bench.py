"""The bench: configurations tried on history, and beside the live one. For engineers.

A backtest is asked for here and done by the bench process; how far it is and what came of
it are read again and again until it has ended.
"""

from __future__ import annotations

from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.api.detection import ConfigurationIn
from dashboard.api.models import Answer, Millis, Problem
from dashboard.auth.access import EngineerAccess
from dashboard.queries import bench as queries
from store import backtests, shadows
from store.backtests import BacktestRun
from store.comparing import SideBySide, compare_runs, compare_shadow
from store.shadows import Shadow
from telemetry.detection import Configuration
from telemetry.detection.episodes import Episode
from telemetry.errors import ConfigError
from telemetry.readings import to_micros

_NO_NUL = r"^[^\x00]*$"
_ID = 2**63 - 1
_MOST_VERSION = 2**31 - 1

router = APIRouter(tags=["bench"], responses=PROBLEMS)

RunId = Annotated[int, Path(ge=1, le=_ID, description="Of a backtest")]
ShadowId = Annotated[int, Path(ge=1, le=_ID, description="Of a shadow")]
Wanted = Annotated[int, Query(ge=1, le=_ID)]
Name = Annotated[str, Field(max_length=120, pattern=_NO_NUL)]
Reason = Annotated[str, Field(min_length=1, max_length=500, pattern=_NO_NUL)]
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "It has ended, or another is there already"}
}


class BacktestOut(Answer):
    """A run and how far it is; ``result`` holds metrics, report and timings once it is done.

    ``result.report.scores`` has VUS-PR and NAB of all detectors, each, and the baselines.
    """

    backtest_run_id: int
    family_id: Annotated[int | None, Field(description="The first run of the sweep it belongs to")]
    point: Annotated[dict[str, Any], Field(description="Parameters by which it differs in its sweep")]
    name: str
    author: str
    reason: str
    version: int | None
    digest: Annotated[str, Field(description="Of the configuration, SHA-256")]
    start: Millis
    end: Millis
    options: dict[str, Any]
    status: Annotated[str, Field(description="queued, running, done, failed or cancelled")]
    progress: Annotated[float, Field(description="0 to 1")]
    readings: int
    requested_at: Millis
    began_at: Millis | None
    ended_at: Millis | None
    error: str
    result: dict[str, Any] | None


class EpisodeOut(Answer):
    """A condition on a stream from its start to its end; without an end it still stood."""

    key: str
    detector: str
    rule: str
    stream_id: int
    severity: str
    start: Millis
    end: Millis | None
    value: float | None
    expected_low: float | None
    expected_high: float | None
    score: float | None


class FigureOut(Answer):
    """One metric of both; the difference is the second less the first."""

    name: str
    first: float | None
    second: float | None
    difference: float | None


class ComparisonOut(Answer):
    """What two configurations made of the same time; at most 500 episodes of each side are told."""

    start: Millis
    end: Millis
    metrics: list[FigureOut]
    both: int
    n_only_first: int
    n_only_second: int
    only_first: list[EpisodeOut]
    only_second: list[EpisodeOut]


class ShadowOut(Answer):
    """A configuration that runs, or ran, beside the live one."""

    shadow_id: int
    version: int | None
    digest: str
    author: str
    reason: str
    started_at: Millis
    stopped_at: Millis | None
    stopped_by: str | None
    grades: Annotated[
        dict[str, dict[str, float | None]] | None,
        Field(description="`live` and `shadow` against the labels of its time, by the bench process"),
    ]
    graded_at: Millis | None


class CandidateIn(ConfigurationIn):
    """A configuration as TOML or as a document, or a version of it; none is the one in force."""

    version: Annotated[int | None, Field(ge=1, le=_MOST_VERSION)] = None

    def candidate(self) -> Configuration | None:
        """What it says, ``None`` where a version is meant."""
        given = [one for one in (self.toml, self.document, self.version) if one is not None]
        if len(given) > 1:
            raise ConfigError("toml, document, version: give one of them")
        return None if self.toml is None and self.document is None else self.decoded()


class SelectIn(BaseModel):
    """Streams: those that fit every list; an empty one asks for nothing."""

    model_config = ConfigDict(extra="forbid")

    domain: list[str] = []
    metric: list[str] = []
    zone: list[str] = []
    device: Annotated[list[str], Field(description="Shell patterns, level-*")] = []
    kind: list[str] = []
    tags: dict[str, list[str]] = {}


class OptionsIn(BaseModel):
    """How it is done; as `cityops backtest` explains."""

    model_config = ConfigDict(extra="forbid")

    select: Annotated[list[SelectIn], Field(max_length=100)] = []
    cadence_s: Annotated[float, Field(ge=0, le=86_400)] = 0.0
    train_days: Annotated[float, Field(gt=0, le=400)] = 7.0
    refit_h: Annotated[float, Field(ge=0.1, le=10_000)] = 72.0
    seed: Annotated[int, Field(ge=0, le=2**31)] = 0


class BacktestIn(CandidateIn):
    """What to try, over which time, and for which values of which parameters."""

    start: datetime
    end: datetime
    options: OptionsIn = OptionsIn()
    sweep: Annotated[
        dict[str, list[float | bool | str]],
        Field(max_length=8, description="Values by detector.params.key; a run for every combination"),
    ] = Field(default_factory=dict)
    name: Name = ""
    reason: Annotated[str, Field(max_length=500, pattern=_NO_NUL)] = ""


class ShadowIn(CandidateIn):
    """What to run beside the live configuration, and why."""

    reason: Reason


@router.post("/backtests", responses=_CONFLICT)
async def ask(runtime: RuntimeAccess, identity: EngineerAccess, body: BacktestIn) -> list[BacktestOut]:
    """Ask for a backtest, or for a sweep; the bench process does them one after another."""
    for at in (body.start, body.end):
        if at.tzinfo is None:
            raise ConfigError("start, end: give the times with their zone")
    wanted = queries.Wanted(
        body.candidate(), body.version, body.start, body.end, body.options.model_dump(), body.sweep,
        body.name, body.reason,
    )  # fmt: skip
    made = await runtime.query(lambda conn: queries.ask(conn, runtime.city, wanted, identity.name))
    return [_run(one) for one in made]


@router.get("/backtests")
async def read_runs(
    runtime: RuntimeAccess,
    _: EngineerAccess,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    family: Annotated[int | None, Query(ge=1, le=_ID, description="Of this sweep alone")] = None,
) -> list[BacktestOut]:
    """The runs that are kept, newest first."""
    return [_run(one) for one in await runtime.query(lambda conn: backtests.list_runs(conn, limit, family))]


@router.get("/backtests/compare", responses=_CONFLICT)
async def compare(runtime: RuntimeAccess, _: EngineerAccess, first: Wanted, second: Wanted) -> ComparisonOut:
    """Two runs side by side, and what only one of them found."""
    return _comparison(await runtime.query(lambda conn: compare_runs(conn, first, second)))


@router.get("/backtests/{backtest_run_id}")
async def read_run(backtest_run_id: RunId, runtime: RuntimeAccess, _: EngineerAccess) -> BacktestOut:
    """How far a run is, and what came of it."""
    return _run(await runtime.query(lambda conn: backtests.get_run(conn, backtest_run_id)))


@router.get("/backtests/{backtest_run_id}/episodes")
async def read_episodes(
    backtest_run_id: RunId,
    runtime: RuntimeAccess,
    _: EngineerAccess,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> list[EpisodeOut]:
    """What a run found, by start."""

    def read(conn: psycopg.Connection) -> list[Episode]:
        backtests.get_run(conn, backtest_run_id)
        return backtests.list_episodes(conn, backtest_run_id, limit)

    return [_episode(one) for one in await runtime.query(read)]


@router.post("/backtests/{backtest_run_id}/cancel", responses=_CONFLICT)
async def cancel(backtest_run_id: RunId, runtime: RuntimeAccess, identity: EngineerAccess) -> BacktestOut:
    """Stop a run: at once where it waits, soon where it is under way."""
    return _run(await runtime.query(lambda conn: backtests.cancel(conn, backtest_run_id, identity.name)))


@router.get("/shadows")
async def read_shadows(
    runtime: RuntimeAccess, _: EngineerAccess, limit: Annotated[int, Query(ge=1, le=500)] = 50
) -> list[ShadowOut]:
    """The shadows there were, newest first; the one that runs has no end."""
    return [_shadow(one) for one in await runtime.query(lambda conn: shadows.list_shadows(conn, limit))]


@router.post("/shadows", responses=_CONFLICT)
async def begin_shadow(runtime: RuntimeAccess, identity: EngineerAccess, body: ShadowIn) -> ShadowOut:
    """Let a configuration score what is committed from now on; it alerts nobody. One at a time."""
    candidate = body.candidate()
    return _shadow(
        await runtime.query(
            lambda conn: queries.begin_shadow(
                conn, runtime.city, candidate, body.version, identity.name, body.reason
            )
        )
    )


@router.post("/shadows/{shadow_id}/stop", responses=_CONFLICT)
async def stop_shadow(shadow_id: ShadowId, runtime: RuntimeAccess, identity: EngineerAccess) -> ShadowOut:
    """End a shadow; what it found is kept."""
    return _shadow(await runtime.query(lambda conn: shadows.stop(conn, shadow_id, identity.name)))


@router.get("/shadows/{shadow_id}/comparison")
async def read_comparison(
    shadow_id: ShadowId,
    runtime: RuntimeAccess,
    _: EngineerAccess,
    days: Annotated[float, Query(gt=0, le=400, description="The last days of it")] = 400.0,
) -> ComparisonOut:
    """What ran live (first) and the shadow (second) found at the same time."""

    def read(conn: psycopg.Connection) -> SideBySide:
        shadow = shadows.get(conn, shadow_id)
        end = shadow.stopped_at or datetime.now(UTC)
        return compare_shadow(conn, shadow_id, max(shadow.started_at, end - timedelta(days=days)), end)

    return _comparison(await runtime.query(read))


def _millis(at: datetime) -> int:
    return to_micros(at) // 1_000


def _maybe(at: datetime | None) -> int | None:
    return None if at is None else _millis(at)


def _run(run: BacktestRun) -> BacktestOut:
    return BacktestOut(
        **{name: getattr(run, name) for name in _PLAIN},
        start=_millis(run.starts_at),
        end=_millis(run.ends_at),
        requested_at=_millis(run.requested_at),
        began_at=_maybe(run.began_at),
        ended_at=_maybe(run.ended_at),
    )


_TIMES = {"start", "end", "requested_at", "began_at", "ended_at"}
_PLAIN = tuple(name for name in BacktestOut.model_fields if name not in _TIMES)


def _episode(one: Episode) -> EpisodeOut:
    facts = asdict(one)
    for name in ("detail", "started_at", "ended_at"):
        del facts[name]
    return EpisodeOut(**facts, start=_millis(one.started_at), end=_maybe(one.ended_at))


def _comparison(found: SideBySide) -> ComparisonOut:
    return ComparisonOut(
        start=_millis(found.start),
        end=_millis(found.end),
        metrics=[FigureOut.model_validate(one) for one in found.metrics],
        both=found.both,
        n_only_first=found.n_only_first,
        n_only_second=found.n_only_second,
        only_first=[_episode(one) for one in found.only_first],
        only_second=[_episode(one) for one in found.only_second],
    )


def _shadow(one: Shadow) -> ShadowOut:
    return ShadowOut(
        shadow_id=one.shadow_id,
        version=one.version,
        digest=one.digest,
        author=one.author,
        reason=one.reason,
        started_at=_millis(one.started_at),
        stopped_at=_maybe(one.stopped_at),
        stopped_by=one.stopped_by,
        grades=one.grades,
        graded_at=_maybe(one.graded_at),
    )
