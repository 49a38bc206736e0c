"""``cityops score``: what a detector makes of a series in a file."""

from __future__ import annotations

import os
import sys
import tomllib
from collections.abc import Generator
from contextlib import contextmanager
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated, Any, TextIO

import typer
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from launch.console import err
from telemetry.errors import ConfigError

_STANDARD = Path("-")


def score(
    detector: Annotated[str, typer.Option(help="A kind of detector, as onset.")],
    source: Annotated[
        Path, typer.Option("--csv", help="A CSV file with timestamp,value; - is standard input.")
    ],
    output: Annotated[Path, typer.Option("--out", help="The file to write; - is standard output.")],
    settings: Annotated[
        list[str] | None, typer.Option("--set", help="A parameter as KEY=VALUE; may stand more than once.")
    ] = None,
    metric: Annotated[str, typer.Option(help="Which metric the values are of.")] = "active_power_kw",
) -> None:
    """Score a series row by row, each from what came before it.

    The output has the input's columns and `score`, 0 to 1; 0.5 is where the detector's
    mildest severity begins.
    """
    import numpy as np

    from analytics.scoring_files import LARGEST, make_detector, read_series, write_scores

    made = make_detector(detector, dict(_setting(text) for text in settings or ()), metric)
    with _opened(source) as lines:
        series = read_series(lines, str(source))
    _warn(int(np.isnan(series.values).sum()), "without a value, which score 0")
    _warn(int((np.abs(series.values) > LARGEST).sum()), f"beyond {LARGEST:g}, which count as that")
    _warn(series.late, "not later than one before, which are taken as just after it")
    columns = (TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeRemainingColumn())
    with Progress(*columns, console=err, transient=True) as bar:
        task = bar.add_task("rows", total=len(series.times))
        scores = made.score(series, lambda done: bar.update(task, completed=done))
    with _destination(output, source) as sink:
        write_scores(sink, series, scores)


def _warn(count: int, what: str) -> None:
    if count:
        err.print(f"{count:,} rows {what}", style="yellow")


def _setting(text: str) -> tuple[str, Any]:
    """A key and its value, read as TOML would; what TOML cannot read is a text."""
    key, equals, value = text.partition("=")
    if not equals or not key.strip():
        raise ConfigError(f"--set {text}: not KEY=VALUE", cure="as in --set quiet_readings=100")
    try:
        read: Any = tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        read = value
    return key.strip(), read


@contextmanager
def _opened(source: Path) -> Generator[TextIO]:
    if source == _STANDARD:
        if isinstance(sys.stdin, TextIOWrapper):
            sys.stdin.reconfigure(encoding="utf-8-sig", newline="")
        yield sys.stdin
        return
    if not source.is_file():
        raise ConfigError(f"{source}: no such file", cure="give a file that exists with --csv")
    with source.open(newline="", encoding="utf-8-sig") as lines:
        yield lines


@contextmanager
def _destination(output: Path, source: Path) -> Generator[TextIO]:
    """Where scores go; a file is there whole or not at all."""
    if output == _STANDARD:
        yield sys.stdout
        return
    if output.exists() and source != _STANDARD and output.samefile(source):
        raise ConfigError(f"{output}: is the input", cure="give another file with --out")
    if not output.parent.is_dir():
        raise ConfigError(f"{output.parent}: no such folder", cure="make it, or give another --out")
    partial = output.with_name(f".{output.name}.{os.getpid()}.part")
    try:
        with partial.open("w", newline="", encoding="utf-8") as sink:
            yield sink
        partial.replace(output)
    finally:
        partial.unlink(missing_ok=True)
