"""``cityops export`` and ``cityops import``: readings to files and back."""

from __future__ import annotations

import csv
import hashlib
import os
import sys
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal, Self

import psycopg
import typer
from rich.progress import (
    BarColumn,
    Progress,
    SpinnerColumn,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
)

from launch.addresses import with_addresses
from launch.console import err, say
from telemetry.errors import ConfigError, NotFoundError
from telemetry.exchange import FileFormat, format_of
from telemetry.metrics import METRICS, Domain
from telemetry.settings import Settings

app = typer.Typer()

FormatName = Literal["csv", "parquet", "arrow"]
Names = Annotated[list[str] | None, typer.Option(help="May stand more than once; all if not given.")]
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


@app.command()
def export(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--out", help="The file to write; - is standard output.")],
    file_format: Annotated[
        FormatName | None, typer.Option("--format", help="As the file's ending says, if not given.")
    ] = None,
    device: Names = None,
    domain: Names = None,
    metric: Names = None,
    zone: Names = None,
    start: Annotated[str | None, typer.Option(help="RFC 3339 with a zone; the oldest reading.")] = None,
    end: Annotated[str | None, typer.Option(help="RFC 3339 with a zone, itself left out; now.")] = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write stored readings into a CSV, Parquet or Arrow file, with times in UTC."""
    from store.history import select_streams
    from store.pool import connect
    from store.readings import extent

    kind = FileFormat(file_format) if file_format else format_of(output.name)
    selection = _selection(device, domain, metric, zone)
    settings = with_addresses(_settings(context), broker=False)
    with connect(settings.database_url or "", name="export", autocommit=True) as conn:
        streams = select_streams(conn, selection)
        if not streams:
            raise ConfigError(
                "no stream fits what was asked for", cure="see the devices with their metrics at /devices"
            )
        _all_found("device", device, {stream.device_id for stream in streams})
        known = extent(conn)
        since = _moment(start, "--start") if start else known[0] if known else datetime.now(UTC)
        until = _moment(end, "--end") if end else datetime.now(UTC)
        if since >= until:
            raise ConfigError("--start is not before --end", cure="give a range that is not empty")
        ids = None if selection.is_everything else [stream.stream_id for stream in streams]
        with destination(output, force=force) as sink, _progress("readings") as bar:
            count = _write(conn, kind, streams, ids, (since, until), sink, bar)
    err.print(f"{count:,} readings of {len(streams):,} streams in {output}", markup=False)


def _write(
    conn: psycopg.Connection,
    kind: FileFormat,
    streams: Sequence[Any],
    ids: Sequence[int] | None,
    between: tuple[datetime, datetime],
    sink: BinaryIO,
    bar: Callable[[float, int], None],
) -> int:
    from contextlib import nullcontext

    from store.history import slices
    from store.quality import read_spans
    from telemetry.exchange.columns import NamedStreams
    from telemetry.exchange.encode import encode

    named, count = NamedStreams(streams), 0
    start, end = between
    spans = read_spans(conn, ids, start, end)

    def batches() -> Iterator[Any]:
        nonlocal count
        for until, found in slices(lambda: nullcontext(conn), ids, start, end):
            count += len(found)
            bar((until - start) / (end - start), count)
            if len(found):
                yield named.batch(found, spans.flags(found))

    sink.writelines(encode(kind, batches()))
    return count


@app.command(name="import")
def import_history(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="A file as `cityops export` writes it.")],
    file_format: Annotated[
        FormatName | None, typer.Option("--format", help="As the file's ending says, if not given.")
    ] = None,
    any_age: Annotated[
        bool, typer.Option("--any-age", help="Take readings however old; else ingest.oldest_days holds.")
    ] = False,
    rejects: Annotated[
        Path | None, typer.Option(help="Where rows that are refused go; FILE.rejects.csv if not given.")
    ] = None,
    again: Annotated[bool, typer.Option("--again", help="Also a file that is in already.")] = False,
) -> None:
    """Take a file of readings into the store, by the checks that hold for messages.

    What is stored already stays as it is. After an interruption the same command goes on
    where it stopped. Exit code 1 if rows were refused.
    """
    from ingest.catalog import load_catalog
    from ingest.history import HistoryWriter
    from store import imports
    from store.pool import connect
    from telemetry.exchange.parse import parse

    kind = FileFormat(file_format) if file_format else format_of(file.name)
    if not file.is_file():
        raise ConfigError(f"{file}: no such file", cure="give a file that exists")
    settings = with_addresses(_settings(context), broker=False)
    digest = _digest(file)
    with connect(settings.database_url or "", name="import") as conn:
        done = _begin(conn, digest, file, again=again)
        if done is None:
            return
        catalog = load_catalog(conn)
        conn.commit()
        writer = HistoryWriter(conn, catalog, settings.ingest, digest, any_age=any_age)
        target = rejects or file.with_name(f"{file.name}.rejects.csv")
        with _Rejects(target, go_on=done > 0) as kept, _progress("rows") as bar:
            totals = _take_all(writer, parse(file, kind), done, kept, bar)
        with conn.transaction():
            imports.finish_import(conn, digest)
    _report(file, totals, target)


def _take_all(
    writer: Any,
    blocks: Iterable[Any],
    done: int,
    kept: _Rejects,
    bar: Callable[[float, int], None],
) -> dict[str, int]:
    """Take block after block; ``done`` rows were taken in before."""
    totals, rows = {"committed": 0, "duplicates": 0, "refused": 0}, 0
    for block in blocks:
        rows += block.n_rows
        if rows <= done:
            writer.skip(block)
            continue
        taken = writer.take(block, datetime.now(UTC))
        kept.add(taken.faults)
        totals["committed"] += taken.committed
        totals["duplicates"] += taken.duplicates
        totals["refused"] += len(taken.faults)
        bar(0.0, rows)
    return totals


def _begin(conn: psycopg.Connection, digest: str, file: Path, *, again: bool) -> int | None:
    """How many rows were taken in before; ``None`` where the file is in, whole."""
    from store import imports

    with conn.transaction():
        known = imports.find_import(conn, digest)
        if known is not None and known.finished_at is not None and not again:
            say(
                f"{file} is in already, since {known.finished_at:%Y-%m-%d %H:%M} UTC: "
                f"{known.committed:,} readings stored, {known.duplicates:,} known before, "
                f"{known.refused:,} rows refused. --again takes it again"
            )
            return None
        if known is None or known.finished_at is not None:
            imports.begin_import(conn, digest, file.name)
            return 0
    say(f"Going on after row {known.rows_done:,}")
    return known.rows_done


def _report(file: Path, totals: dict[str, int], target: Path) -> None:
    say(
        f"{file}: {totals['committed']:,} readings stored, {totals['duplicates']:,} known already, "
        f"{totals['refused']:,} rows refused"
    )
    if totals["refused"]:
        say(f"What was refused, and why, is in {target}")
        raise typer.Exit(1)


class _Rejects:
    """The file of rows that were refused; made when the first one is."""

    def __init__(self, path: Path, *, go_on: bool) -> None:
        self._path = path
        self._mode: Literal["a", "w"] = "a" if go_on else "w"
        self._handle: Any = None

    def __enter__(self) -> Self:
        if self._mode == "w":
            self._path.unlink(missing_ok=True)
        return self

    def __exit__(self, *_: object) -> None:
        if self._handle is not None:
            self._handle.close()

    def add(self, faults: Sequence[Any]) -> None:
        """Write rows down with why they are here."""
        if not faults:
            return
        if self._handle is None:
            is_new = not self._path.exists()
            self._handle = self._path.open(self._mode, encoding="utf-8", newline="")
            if is_new:
                csv.writer(self._handle).writerow(("row", "reason", "detail", "content"))
        rows = ((f.number, f.reason, _harmless(f.detail), _harmless(f.text)) for f in faults)
        csv.writer(self._handle).writerows(rows)
        self._handle.flush()


def _harmless(text: str) -> str:
    """A cell that no spreadsheet takes for a formula (OWASP, CSV injection)."""
    return f"'{text}" if text.startswith(_FORMULA) else text


def _selection(
    device: Sequence[str] | None,
    domain: Sequence[str] | None,
    metric: Sequence[str] | None,
    zone: Sequence[str] | None,
) -> Any:
    from store.history import Selection

    for name in domain or ():
        if name not in set(Domain):
            raise ConfigError(f"no domain {name!r}", cure=f"one of {', '.join(map(str, Domain))}")
    for name in metric or ():
        if name not in METRICS:
            raise ConfigError(f"no metric {name!r}", cure=f"one of {', '.join(METRICS)}")
    chosen = [tuple(names) if names else None for names in (device, domain, metric, zone)]
    return Selection(*chosen)


def _all_found(kind: str, asked: Sequence[str] | None, found: set[str]) -> None:
    for name in asked or ():
        if name not in found:
            raise NotFoundError(kind, name)


def _moment(text: str, option: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigError(
            f"{option} {text!r} is not a time with a zone", cure="such as 2026-01-31T00:00:00+07:00"
        )
    return moment.astimezone(UTC)


@contextmanager
def destination(path: Path, *, force: bool) -> Generator[BinaryIO]:
    """The file under another name until it is whole; standard output for ``-``."""
    if str(path) == "-":
        yield sys.stdout.buffer
        sys.stdout.buffer.flush()
        return
    if path.exists() and not force:
        raise ConfigError(f"{path} is there already", cure="choose another name, or replace it with --force")
    making = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with making.open("xb") as handle:
            yield handle
        making.replace(path)
    finally:
        making.unlink(missing_ok=True)


@contextmanager
def _progress(unit: str) -> Generator[Callable[[float, int], None]]:
    """A bar on standard error: the part that is done (0 where unknown), and a count."""
    columns = (
        SpinnerColumn(),
        TextColumn("{task.fields[count]}"),
        BarColumn(),
        TaskProgressColumn(),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("", total=None, count=f"0 {unit}")

        def advance(part: float, count: int) -> None:
            bar.update(task, total=1.0 if part else None, completed=part, count=f"{count:,} {unit}")

        yield advance


def _digest(path: Path) -> str:
    with path.open("rb") as handle:
        return hashlib.file_digest(handle, "sha256").hexdigest()


def _settings(context: typer.Context) -> Settings:
    assert isinstance(context.obj, Settings)
    return context.obj
