"""What an analytics process says of itself in its heartbeat."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence

from analytics.times import SECOND
from analytics.work import Work


def vitals(works: Sequence[Work], now: int) -> dict[str, object]:
    """Counts of all its shards together; the lag and the configuration of the one furthest behind."""
    if not works:
        return {"state": "waiting", "lag_s": 0.0}
    total: Counter[str] = Counter()
    for work in works:
        total.update(_counts(work))
    said: dict[str, object] = {
        "state": "scoring",
        "lag_s": round(max(work.lag_us(now) for work in works) / SECOND, 3),
        **total,
    }
    if works[0].shard.of > 1:
        said["shards"] = " ".join(str(work.shard) for work in works)
    for work in sorted(works, key=lambda work: -work.engine.version):
        said |= work.changes.vitals(work.engine)
    return said


def _counts(work: Work) -> dict[str, int]:
    engine, counts = work.engine, work.engine.counts
    stages = engine.core.pipeline.stages
    return {
        "scored": counts.scored,
        "batches": counts.batches,
        "findings": counts.findings,
        "strangers": counts.strangers,
        "unfit": counts.unfit,
        "log_gaps": engine.gaps,
        "standing": sum(len(stage.decider.standing()) for stage in stages),
        "streams": len(engine.core.roster),
        **{k: v for stage in stages for k, v in stage.detector.counts().items()},
    }
