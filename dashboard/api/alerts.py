"""Alerts, and the snapshot that a client of the live feed starts from."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

import msgspec
from fastapi import APIRouter, Query, Request, Response
from msgspec.structs import asdict

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.api.models import AlertOut, SnapshotOut
from dashboard.sentences import describe
from dashboard.static import PackedFile, pack
from store.alerts import list_alerts
from store.devices import list_devices
from telemetry.alerts import AlertStatus
from telemetry.metrics import Domain

router = APIRouter(responses=PROBLEMS)


@router.get("/alerts", tags=["alerts"])
async def read_alerts(
    runtime: RuntimeAccess,
    status: Annotated[list[AlertStatus] | None, Query(description="May stand more than once")] = None,
    domain: Domain | None = None,
    device: Annotated[str | None, Query(max_length=64)] = None,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> list[AlertOut]:
    """Alerts that match every filter given, newest first."""
    found = await runtime.query(
        lambda conn: list_alerts(conn, statuses=status, domain=domain, device_id=device, limit=limit)
    )
    devices = {item.device_id: item for item in await runtime.query(list_devices)} if found else {}
    items = (describe(a, devices.get(a.device_id), runtime.city, runtime.languages) for a in found)
    return [AlertOut(**asdict(item)) for item in items]


@router.get("/snapshot", tags=["live"])
async def read_snapshot(runtime: RuntimeAccess, request: Request) -> SnapshotOut:
    """Everything a client needs after it connects to ``/ws/live``."""

    def make() -> PackedFile:
        snapshot = runtime.picture.snapshot(time.time_ns() // 1000)
        return pack(msgspec.json.encode(snapshot), "application/json", "no-store")

    answer: Response = (await asyncio.to_thread(make)).answer(request)
    return answer  # pyright: ignore[reportReturnType]  (packed already; the annotation is for OpenAPI)
