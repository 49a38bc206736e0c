"""``cityops labels``: what truly happened, as detectors are held against it."""

from __future__ import annotations

import sys
from collections.abc import Callable, Generator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

import msgspec
import psycopg
import typer
from rich.markup import escape
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.table import Column, Table

from launch.console import err, out, say
from launch.replays import database
from telemetry.device_rows import Fault
from telemetry.errors import ConfigError
from telemetry.label_rows import COLUMNS, read_labels, write_labels
from telemetry.labels import Label, LabelSource
from telemetry.settings import Settings

ACTOR = "command line"
_SHOWN_FAULTS = 50

app = typer.Typer(help="What truly happened: labels that detectors are held against.", no_args_is_help=True)

Devices = Annotated[list[str] | None, typer.Option("--device", help="May be given again; all if not given.")]
Kinds = Annotated[list[str] | None, typer.Option("--kind", help="May be given again; all if not given.")]
Sources = Annotated[
    list[LabelSource] | None, typer.Option("--source", help="May be given again; all if not given.")
]
Since = Annotated[str | None, typer.Option("--from", help="RFC 3339 with a zone.")]
Until = Annotated[str | None, typer.Option("--to", help="RFC 3339 with a zone, itself left out.")]
Note = Annotated[str, typer.Option(help="What there is to say about it.")]


@app.command(name="list")
def list_all(
    context: typer.Context,
    device: Devices = None,
    kind: Kinds = None,
    source: Sources = None,
    start: Since = None,
    end: Until = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most, the newest first.")] = 100,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show labels, and the verdicts of operators on alerts."""
    from store.labels import count_labels, list_labels

    search = _search(device, kind, source, start, end, newest_first=True, limit=limit)
    with database(context) as conn:
        found, total = list_labels(conn, search), count_labels(conn, search)
    if as_json:
        print(msgspec.json.format(msgspec.json.encode(found), indent=2).decode())
        return
    when = Column("From", no_wrap=True)
    table = Table("Id", "Kind", when, "Lasts", Column("Devices", overflow="fold"), "Meaning", "Source")
    for label in found:
        number = f"alert {label.alert_id}" if label.label_id is None else str(label.label_id)
        table.add_row(
            number, escape(label.kind), f"{label.start.astimezone():%Y-%m-%d %H:%M}", _length(label),
            escape(_devices(label)), label.meaning, label.source,
        )  # fmt: skip
    out.print(table)
    say(f"{len(found)} of {total:,} labels")


@app.command()
def add(
    context: typer.Context,
    kind: Annotated[str, typer.Option(help="What it was: flood, accident, stuck, … one word.")],
    device: Annotated[list[str], typer.Option("--device", help="May be given again.")],
    start: Annotated[str, typer.Option("--from", help="RFC 3339 with a zone.")],
    end: Annotated[str, typer.Option("--to", help="RFC 3339 with a zone.")],
    metric: Annotated[list[str] | None, typer.Option(help="May be given again; any if not given.")] = None,
    meaning: Annotated[str, typer.Option(help="happened, nuisance or nothing.")] = "happened",
    sensor_fault: Annotated[bool, typer.Option("--sensor-fault", help="A sensor's fault, no event.")] = False,
    note: Note = "",
) -> None:
    """Label a time of one or more devices."""
    from dataclasses import replace

    from store.labels import add_label

    given = (kind, " ".join(device), " ".join(metric or ()), start, end, meaning, str(sensor_fault).lower())
    with database(context) as conn:
        labels, faults = read_labels(_row(given, note), _known(conn), ACTOR)
        if faults:
            raise ConfigError(
                "; ".join(f"{fault.column}: {fault.message}" for fault in faults), cure="see `labels add -h`"
            )
        made = add_label(conn, replace(labels[0], source=LabelSource.DRAWN))
    say(f"Label {made.label_id}: {made.kind}")


@app.command()
def delete(
    context: typer.Context, label_id: Annotated[int, typer.Argument(metavar="ID", min=1, max=2**62)]
) -> None:
    """Take a label back. It is kept out of sight, and the audit log says who did it."""
    from store.labels import delete_label

    with database(context) as conn:
        delete_label(conn, label_id, ACTOR)
    say(f"Label {label_id} is taken back")


@app.command(name="import")
def import_csv(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="CSV as `labels export` writes it; - is standard input.")],
) -> None:
    """Take labels from a CSV file, all of them or none; those that are known already stay as they are."""
    from store.labels import add_labels

    content = _content(file)
    with database(context) as conn:
        labels, faults = read_labels(content, _known(conn), ACTOR)
        if faults:
            _refuse(file, faults)
        with _progress("Labels", len(labels)) as tell:
            added = add_labels(conn, labels, ACTOR, file.name, tell)
    say(f"{added:,} labels taken in, {len(labels) - added:,} were known")


@app.command()
def export(
    context: typer.Context,
    output: Annotated[Path, typer.Option("--out", help="The file to write; - is standard output.")],
    device: Devices = None,
    kind: Kinds = None,
    source: Sources = None,
    start: Since = None,
    end: Until = None,
    force: Annotated[bool, typer.Option("--force", help="Replace a file that is there.")] = False,
) -> None:
    """Write labels and verdicts into a CSV file, times in UTC."""
    from launch.transfer import destination
    from store.labels import list_labels

    with database(context) as conn:
        found = list_labels(conn, _search(device, kind, source, start, end))
    with destination(output, force=force) as sink:
        sink.write(write_labels(found).encode())
    err.print(f"{len(found):,} labels in {output}", markup=False)


@app.command(name="import-truth")
def import_truth(
    context: typer.Context,
    file: Annotated[
        Path | None,
        typer.Argument(help="The simulator's ground truth; that of the data folder if not given."),
    ] = None,
) -> None:
    """Take the simulator's own account of what it did as labels; again is harmless."""
    assert isinstance(context.obj, Settings)
    from device_sims.truth import FILE

    path = file or context.obj.data_path / FILE
    if not path.is_file():
        raise ConfigError(f"{path}: no such file", cure="name the simulator's ground truth")
    with database(context) as conn:
        added, known = take_truth(conn, path)
    say(f"{added:,} labels taken in, {known:,} were known")


def take_truth(conn: psycopg.Connection, path: Path) -> tuple[int, int]:
    """The simulator's account as labels: how many were new, and how many known.

    Raises
    ------
    ConfigError
        It is not such an account.
    """
    from device_sims.truth import read
    from store.labels import add_labels

    try:
        truths = read(path)
    except (OSError, UnicodeDecodeError, msgspec.MsgspecError) as error:
        raise ConfigError(f"{path}: {error}", cure="name the simulator's ground truth") from error
    labels = [
        Label(
            truth.kind, truth.device_ids, truth.start, truth.end, truth.metrics,
            is_sensor_fault=truth.is_sensor_fault, source=LabelSource.TRUTH, author="simulator",
        )
        for truth in truths
    ]  # fmt: skip
    with _progress("Ground truth", len(labels)) as tell:
        added = add_labels(conn, labels, "simulator", path.name, tell)
    return added, len(labels) - added


def _search(
    device: Sequence[str] | None,
    kind: Sequence[str] | None,
    source: Sequence[LabelSource] | None,
    start: str | None,
    end: str | None,
    **page: Any,
) -> Any:
    from store.labels import LabelSearch

    times = (_moment(start, "--from"), _moment(end, "--to"))
    return LabelSearch(*times, device or None, kind or None, source or None, **page)


def _moment(text: str | None, option: str) -> datetime | None:
    if text is None:
        return None
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ConfigError(
            f"{option} {text!r} is not a time with a zone", cure="such as 2026-01-31T00:00:00+07:00"
        )
    return moment.astimezone(UTC)


def _known(conn: psycopg.Connection) -> dict[str, tuple[str, ...]]:
    from store.devices import list_devices

    return {device.device_id: device.metrics for device in list_devices(conn)}


def _row(given: Sequence[str], note: str) -> bytes:
    """What was said at the command line as the file it could have been."""
    import csv
    import io

    sink = io.StringIO()
    writer = csv.writer(sink)
    writer.writerow([*COLUMNS[:7], "note"])
    writer.writerow([*given, note])
    return sink.getvalue().encode(errors="surrogateescape")


def _content(file: Path) -> bytes:
    try:
        return sys.stdin.buffer.read() if str(file) == "-" else file.read_bytes()
    except OSError as error:
        raise ConfigError(f"{file}: {error.strerror}", cure="name a file that can be read") from error


def _refuse(file: Path, faults: Sequence[Fault]) -> None:
    shown = "\n".join(map(str, faults[:_SHOWN_FAULTS]))
    more = f"\nand {len(faults) - _SHOWN_FAULTS:,} more" if len(faults) > _SHOWN_FAULTS else ""
    raise ConfigError(
        f"{file}: no label was taken in\n{shown}{more}", cure="mend these lines, then import again"
    )


def _length(label: Label) -> str:
    minutes = round((label.end - label.start).total_seconds() / 60)
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest:02} min" if hours else f"{rest} min"


def _devices(label: Label) -> str:
    first, *others = label.device_ids
    return f"{first} and {len(others)} more" if others else first


@contextmanager
def _progress(what: str, total: int) -> Generator[Callable[[int], None]]:
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task(what, total=total)
        yield lambda done: bar.update(task, completed=done)
