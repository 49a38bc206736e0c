"""Is it alive, is it ready, how is it doing."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import psycopg
import psycopg_pool
from fastapi import APIRouter, Response
from prometheus_client import CONTENT_TYPE_LATEST, CollectorRegistry, Metric, generate_latest
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from prometheus_client.process_collector import ProcessCollector
from prometheus_client.registry import Collector
from pydantic import BaseModel

from dashboard.api.access import RuntimeAccess
from dashboard.runtime import Runtime
from dashboard.vitals import read_vitals, service_metrics
from store.migrate import pending

router = APIRouter(tags=["health"])


class Health(BaseModel):
    """The process answers."""

    status: Literal["ok"] = "ok"


class Readiness(BaseModel):
    """Whether each thing the pages need is there."""

    ready: bool
    database: bool
    migrated: bool
    feed: bool


@router.get("/healthz")
async def healthz() -> Health:
    """The process is up and its loop turns."""
    return Health()


@router.get("/readyz", responses={503: {"model": Readiness, "description": "Something is missing"}})
async def readyz(runtime: RuntimeAccess, response: Response) -> Readiness:
    """The database answers, the schema is up to date and the live feed follows it."""
    try:
        missing = await runtime.query(pending, patience_s=2.0)
        database, migrated = True, not missing
    except (psycopg.Error, psycopg_pool.PoolTimeout):
        database = migrated = False
    feed = runtime.picture.feed_up
    ready = database and migrated and feed
    response.status_code = 200 if ready else 503
    return Readiness(ready=ready, database=database, migrated=migrated, feed=feed)


def metrics_router(runtime: Runtime) -> APIRouter:
    """``/metrics`` of one app, in its own registry."""
    registry = CollectorRegistry()
    registry.register(_LiveCollector(runtime))
    ProcessCollector(registry=registry)
    made = APIRouter(include_in_schema=False)

    @made.get("/metrics")
    async def metrics() -> Response:
        await _ask(runtime)
        return Response(generate_latest(registry), headers={"Content-Type": CONTENT_TYPE_LATEST})

    return made


async def _ask(runtime: Runtime) -> None:
    """What the processes last said; where the database is away, that is told by ``cityops_database_up``."""
    try:
        found = await runtime.query(read_vitals, patience_s=2.0)
    except (psycopg.Error, psycopg_pool.PoolTimeout):
        found = None
    runtime.vitals = found


class _LiveCollector(Collector):
    """Reads the live feed's counts when it is scraped."""

    def __init__(self, runtime: Runtime) -> None:
        self.runtime = runtime

    def collect(self) -> Iterator[Metric]:
        """The metric families, as Prometheus asks for them."""
        runtime, tailer = self.runtime, self.runtime.tailer
        yield GaugeMetricFamily("cityops_live_sockets", "Open sockets.", len(runtime.hub))
        yield GaugeMetricFamily("cityops_live_feed_up", "1 while the log is read.", runtime.picture.feed_up)
        yield CounterMetricFamily("cityops_live_skipped_frames", "Frames missed.", runtime.hub.skipped)
        yield CounterMetricFamily("cityops_live_frames", "Frames made.", tailer.frames if tailer else 0)
        yield CounterMetricFamily("cityops_live_batches", "Batches read.", tailer.batches if tailer else 0)
        yield from service_metrics(runtime.vitals)
        states = GaugeMetricFamily("cityops_devices", "Devices by state.", labels=["state"])
        shown = list(runtime.picture.states().values())
        for state in sorted(set(shown)):
            states.add_metric([state], shown.count(state))
        yield states
