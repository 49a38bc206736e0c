"""Labels: what truly happened, as detectors are held against it.

Everyone may read them; engineers write them and take their own back, administrators any.
A verdict on an alert is a label too, and is changed where it was given.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime
from typing import Annotated, Any

import psycopg
from fastapi import APIRouter, Depends, HTTPException, Path, Query, Response
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.api.models import Answer, Millis, Problem
from dashboard.auth.access import EngineerAccess, ViewerAccess
from dashboard.queries.labels import may_take_back
from dashboard.queries.times import parse_time
from store import labels
from store.devices import list_devices
from store.labels import LabelSearch
from telemetry.errors import ConfigError
from telemetry.label_rows import MOST_BYTES, contradictions, read_labels, write_labels
from telemetry.labels import KIND, MOST_DEVICES, MOST_NOTE, Label, LabelSource, Meaning
from telemetry.people import Identity
from telemetry.readings import to_micros

_NO_NUL = r"^[^\x00]*$"
_ID = 2**63 - 1
_LATEST_MS = 4_102_444_800_000
"""The year 2100: later times are slips of a pen."""
_SHOWN_FAULTS = 20

router = APIRouter(prefix="/labels", tags=["labels"], responses=PROBLEMS)

Word = Annotated[str, Field(max_length=64, pattern=_NO_NUL)]
Words = Annotated[list[Annotated[str, Query(max_length=64, pattern=_NO_NUL)]] | None, Query(max_length=200)]
TimeText = Annotated[str | None, Query(description="RFC 3339 with a zone, or epoch ms", max_length=40)]
Moment = Annotated[int, Field(ge=0, le=_LATEST_MS, description="Epoch milliseconds, UTC")]
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "The same is labelled already"}
}
_CSV: dict[int | str, dict[str, Any]] = {200: {"content": {"text/csv": {"schema": {"type": "string"}}}}}


class LabelOut(Answer):
    """One event or fault. ``label_id`` is null for a verdict, whose ``alert_id`` stands instead.

    ``is_own`` tells whether whoever asks may take it back.
    """

    label_id: int | None
    alert_id: int | None
    kind: str
    devices: list[str]
    metrics: list[str]
    start: Millis
    end: Millis
    meaning: Meaning
    is_sensor_fault: bool
    source: LabelSource
    author: str
    note: str
    is_own: bool


class LabelIn(BaseModel):
    """A label to be drawn. Without metrics, any metric of the devices may show it."""

    model_config = ConfigDict(extra="forbid")

    kind: Annotated[str, Field(pattern=rf"^{KIND.pattern}$")]
    devices: Annotated[list[Word], Field(min_length=1, max_length=MOST_DEVICES)]
    metrics: Annotated[list[Word], Field(max_length=100)] = []
    start: Moment
    end: Moment
    meaning: Meaning = Meaning.HAPPENED
    is_sensor_fault: bool = False
    note: Annotated[str, Field(max_length=MOST_NOTE, pattern=_NO_NUL)] = ""


class FileIn(BaseModel):
    """A CSV file of labels, as the export writes it."""

    model_config = ConfigDict(extra="forbid")

    csv: Annotated[str, Field(max_length=MOST_BYTES)]
    name: Annotated[str, Field(max_length=200, pattern=_NO_NUL)] = "a file"


class TakenOut(Answer):
    """How many labels of a file were new, and how many known."""

    added: int
    known: int


class DeletedOut(Answer):
    """The label that was taken back."""

    label_id: int


def _filters(
    start: TimeText = None,
    end: TimeText = None,
    device: Words = None,
    kind: Words = None,
    source: Annotated[list[LabelSource] | None, Query()] = None,
) -> LabelSearch:
    """The filters of a request."""
    try:
        since, until = (parse_time(text) if text else None for text in (start, end))
    except ValueError as error:
        raise HTTPException(422, str(error)) from error
    return LabelSearch(since, until, device or None, kind or None, source or None)


Filters = Annotated[LabelSearch, Depends(_filters)]


@router.get("")
async def show_labels(
    runtime: RuntimeAccess,
    identity: ViewerAccess,
    response: Response,
    filters: Filters,
    offset: Annotated[int, Query(ge=0, le=1_000_000)] = 0,
    limit: Annotated[int, Query(ge=1, le=1_000)] = 200,
) -> list[LabelOut]:
    """Labels and verdicts that match every filter, newest first; ``X-Total-Count`` is their number."""
    search = replace(filters, newest_first=True, offset=offset, limit=limit)

    def ask(conn: psycopg.Connection) -> tuple[int, list[Label]]:
        return labels.count_labels(conn, search), labels.list_labels(conn, search)

    total, found = await runtime.query(ask)
    response.headers["X-Total-Count"] = str(total)
    return [_out(label, identity) for label in found]


@router.get("/export", response_class=Response, responses=_CSV)
async def export_labels(runtime: RuntimeAccess, _: EngineerAccess, filters: Filters) -> Response:
    """Labels and verdicts as CSV, by their start; times are UTC."""
    found = await runtime.query(lambda conn: labels.list_labels(conn, filters))
    headers = {
        "Content-Disposition": 'attachment; filename="cityops-labels.csv"',
        "Cache-Control": "no-store",
    }
    return Response(write_labels(found), media_type="text/csv; charset=utf-8", headers=headers)


@router.post("", responses=_CONFLICT)
async def draw_label(runtime: RuntimeAccess, identity: EngineerAccess, body: LabelIn) -> LabelOut:
    """Keep a label; its author is whoever is signed in."""
    start, end = (datetime.fromtimestamp(millis / 1_000, UTC) for millis in (body.start, body.end))
    given = {"devices": body.devices, "metrics": body.metrics, "start": start, "end": end}

    def work(conn: psycopg.Connection) -> Label:
        for column, said in contradictions(given, _known(conn)):
            raise ConfigError(f"{column}: {said}")
        return labels.add_label(
            conn,
            Label(
                body.kind,
                tuple(dict.fromkeys(body.devices)),
                start,
                end,
                tuple(dict.fromkeys(body.metrics)),
                is_sensor_fault=body.is_sensor_fault,
                meaning=body.meaning,
                source=LabelSource.DRAWN,
                author=identity.name,
                note=body.note.strip(),
            ),
        )

    return _out(await runtime.query(work), identity)


@router.post("/import")
async def take_file(runtime: RuntimeAccess, identity: EngineerAccess, body: FileIn) -> TakenOut:
    """Take every label of a CSV file, or none; ``detail`` names the line and column of each fault."""
    try:
        content = body.csv.encode()
    except UnicodeEncodeError as error:
        raise HTTPException(422, "csv: not valid text") from error

    def work(conn: psycopg.Connection) -> TakenOut:
        found, faults = read_labels(content, _known(conn), identity.name)
        if faults:
            raise ConfigError("; ".join(map(str, faults[:_SHOWN_FAULTS])))
        added = labels.add_labels(conn, found, identity.name, body.name)
        return TakenOut(added=added, known=len(found) - added)

    return await runtime.query(work)


@router.delete("/{label_id}")
async def take_back(
    runtime: RuntimeAccess, identity: EngineerAccess, label_id: Annotated[int, Path(ge=1, le=_ID)]
) -> DeletedOut:
    """Take a label back: one's own, or any as an administrator. The audit log keeps it."""

    def work(conn: psycopg.Connection) -> None:
        if not may_take_back(labels.get_label(conn, label_id), identity):
            raise HTTPException(403, "this label is another's: its author or an administrator takes it back")
        labels.delete_label(conn, label_id, identity.name)

    await runtime.query(work)
    return DeletedOut(label_id=label_id)


def _known(conn: psycopg.Connection) -> dict[str, tuple[str, ...]]:
    return {device.device_id: device.metrics for device in list_devices(conn)}


def _out(label: Label, identity: Identity) -> LabelOut:
    return LabelOut(
        label_id=label.label_id,
        alert_id=label.alert_id,
        kind=label.kind,
        devices=list(label.device_ids),
        metrics=list(label.metrics),
        start=to_micros(label.start) // 1_000,
        end=to_micros(label.end) // 1_000,
        meaning=label.meaning,
        is_sensor_fault=label.is_sensor_fault,
        source=label.source,
        author=label.author,
        note=label.note,
        is_own=may_take_back(label, identity),
    )
