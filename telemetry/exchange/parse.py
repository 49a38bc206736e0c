"""Files of readings as blocks of columns, each row numbered; what cannot be read says why.

Bounded memory: a CSV file is read in pieces of some megabytes, Arrow by its batches,
Parquet in batches of its row groups. Nothing in a file is believed: every cell is checked.
"""

from __future__ import annotations

# pyarrow tells no types, and the stubs on PyPI are of another version.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeArgument=false, reportAttributeAccessIssue=false
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray
from pyarrow import csv, ipc, parquet

from telemetry.errors import ConfigError, PayloadError
from telemetry.exchange import FileFormat
from telemetry.payloads import plausible_us, rfc3339_us
from telemetry.readings import Quality

_BLOCK_BYTES = 4 * 1024 * 1024
_BLOCK_ROWS = 65_536
_MAX_BATCH_ROWS = 4_000_000
"""An Arrow batch is decoded whole; one with more rows was made to fill the memory."""
_NEEDED = ("time", "device_id", "metric", "value")
_OPTIONAL = ("unit", "quality")
_KNOWN_QUALITY = sum(Quality)
_CALLED = {FileFormat.CSV: "a CSV", FileFormat.PARQUET: "a Parquet", FileFormat.ARROW: "an Arrow"}
_EPOCH_MS = 15
"""Digits of an epoch time in milliseconds at most; a cell of nothing else is one."""


@dataclass(frozen=True, slots=True)
class Fault:
    """A row that cannot be used: its number, a short key, a sentence, and what was there."""

    number: int
    reason: str
    detail: str
    text: str
    device_id: str = ""


@dataclass(frozen=True, slots=True)
class Block:
    """Rows that could be read, as columns of shape ``(n,)``.

    ``numbers`` are lines of a CSV file (the header is line 1), rows from 1 of others.
    ``devices``, ``metrics`` and ``units`` are codes into the lists of names beside them.
    ``qualities`` is -1 where the file says nothing.
    """

    numbers: NDArray[np.int64]
    times: NDArray[np.int64]
    values: NDArray[np.float64]
    qualities: NDArray[np.int32]
    devices: NDArray[np.int32]
    metrics: NDArray[np.int32]
    units: NDArray[np.int32]
    device_names: list[str]
    metric_names: list[str]
    unit_names: list[str]
    faults: list[Fault]
    n_rows: int
    """Rows of the file that this block stands for, faults among them."""


def parse(path: Path, file_format: FileFormat) -> Iterator[Block]:
    """A file's rows, block by block, in order.

    Raises
    ------
    ConfigError
        The file is not of this format, broken, or lacks a column.
    """
    try:
        yield from _PARSERS[file_format](path)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, pa.ArrowTypeError, pa.ArrowKeyError) as error:
        reason = (str(error).splitlines() or ["unreadable"])[0][:300]
        raise ConfigError(
            f"{path}: not {_CALLED[file_format]} file that can be read: {reason}",
            cure="check the file, or say what it is with --format",
        ) from error


def _parse_csv(path: Path) -> Iterator[Block]:
    broken: list[Fault] = []

    def note(row: csv.InvalidRow) -> str:
        detail = f"{row.actual_columns} columns, not {row.expected_columns}"
        broken.append(Fault(row.number or 0, "columns", detail, str(row.text)[:1000]))
        return "skip"

    with path.open("rb") as handle:
        header = handle.readline(_BLOCK_BYTES)
    names = [name.strip().strip('"') for name in header.decode("utf-8-sig", "replace").strip().split(",")]
    _require(names, path)
    reader = csv.open_csv(
        path,
        # One thread: only then are rows that are skipped numbered.
        csv.ReadOptions(use_threads=False, block_size=_BLOCK_BYTES, column_names=names, skip_rows=1),
        csv.ParseOptions(invalid_row_handler=note, ignore_empty_lines=False),
        csv.ConvertOptions(
            column_types=dict.fromkeys(names, pa.binary()),
            include_columns=[name for name in (*_NEEDED, *_OPTIONAL) if name in names],
        ),
    )
    line, skipped = 2, 0
    for batch in reader:
        fresh, skipped = broken[skipped:], len(broken)
        numbers = _numbered(line, len(batch), {fault.number for fault in fresh})
        line += len(batch) + len(fresh)
        yield _block(batch, numbers, fresh)
    if skipped < len(broken):
        yield _block(_NO_ROWS, np.empty(0, np.int64), broken[skipped:])


_NO_ROWS = pa.record_batch({name: pa.array([], pa.binary()) for name in _NEEDED})


def _numbered(first: int, n: int, without: set[int]) -> NDArray[np.int64]:
    """The lines of ``n`` rows from ``first`` on, past those that were no rows."""
    lines = np.arange(first, first + n + len(without), dtype=np.int64)
    return lines[~np.isin(lines, list(without))][:n] if without else lines


def _parse_arrow(path: Path) -> Iterator[Block]:
    with pa.memory_map(str(path)) as source:
        magic = source.read(6)
        source.seek(0)
        if magic == b"ARROW1":  # the format with an index at its end
            reader = ipc.open_file(source)
            yield from _typed(
                reader.schema.names, map(reader.get_batch, range(reader.num_record_batches)), path
            )
        else:
            stream = ipc.open_stream(source)
            yield from _typed(stream.schema.names, iter(stream), path)


def _parse_parquet(path: Path) -> Iterator[Block]:
    with parquet.ParquetFile(path) as file:
        names = file.schema_arrow.names
        _require(names, path)
        columns = [name for name in (*_NEEDED, *_OPTIONAL) if name in names]
        yield from _typed(names, file.iter_batches(_BLOCK_ROWS, columns=columns), path)


def _typed(names: Sequence[str], batches: Iterator[pa.RecordBatch], path: Path) -> Iterator[Block]:
    _require(names, path)
    first = 1
    for batch in batches:
        if len(batch) > _MAX_BATCH_ROWS:
            raise ConfigError(f"{path}: a batch of {len(batch):,} rows", cure="write it in smaller batches")
        for offset in range(0, len(batch), _BLOCK_ROWS):
            part = batch.slice(offset, _BLOCK_ROWS)
            yield _block(part, np.arange(first, first + len(part), dtype=np.int64), [])
            first += len(part)


def _require(names: Sequence[str], path: Path) -> None:
    missing = [name for name in _NEEDED if name not in names]
    if missing or len(set(names)) < len(names):
        what = f"no column {missing[0]!r}" if missing else "two columns of one name"
        raise ConfigError(
            f"{path}: {what}; there are {', '.join(map(repr, names[:12]))}",
            cure=f"the columns are {', '.join(_NEEDED)}, and if wanted {', '.join(_OPTIONAL)}",
        )


def _block(batch: pa.RecordBatch, numbers: NDArray[np.int64], broken: Sequence[Fault]) -> Block:
    n, faults = len(batch), list(broken)
    bad = np.zeros(n, np.bool_)
    column = dict(zip(batch.schema.names, batch.columns, strict=True))

    def refuse(index: int, reason: str, detail: str) -> None:
        if not bad[index]:
            bad[index] = True
            faults.append(Fault(int(numbers[index]), reason, detail, _row_text(batch, index)))

    times = _cells(column["time"], _times, _one_time, refuse, np.int64)
    values = _cells(column["value"], _floats, _one_float, refuse, np.float64)
    qualities = np.full(n, -1, np.int32)
    if "quality" in column:
        qualities = _cells(column["quality"], _shorts, _one_short, refuse, np.int32)
    devices, device_names = _names(column["device_id"], "device", refuse)
    metrics, metric_names = _names(column["metric"], "metric", refuse)
    units, unit_names = np.full(n, -1, np.int32), list[str]()
    if "unit" in column:
        units, unit_names = _names(column["unit"], "unit", refuse)
    good = ~bad
    return Block(
        numbers[good],
        times[good],
        values[good],
        qualities[good],
        devices[good],
        metrics[good],
        units[good],
        device_names,
        metric_names,
        unit_names,
        faults,
        n + len(broken),
    )


_Refuse = Callable[[int, str, str], None]


def _cells(
    column: pa.Array,
    quick: Callable[[pa.Array], pa.Array],
    one: Callable[[Any], Any],
    refuse: _Refuse,
    dtype: Any,
) -> NDArray[Any]:
    """A column as numbers: all at once, or where that fails cell by cell to learn which ones."""
    try:
        whole = quick(column)
        if whole.null_count == 0:
            return whole.to_numpy(zero_copy_only=False).astype(dtype)
    except (pa.ArrowInvalid, pa.ArrowNotImplementedError, UnicodeDecodeError):
        pass
    found = np.zeros(len(column), dtype)
    for index, cell in enumerate(column.to_pylist()):
        try:
            found[index] = one(cell)
        except PayloadError as error:
            refuse(index, error.reason, error.message)
    return found


def _times(column: pa.Array) -> pa.Array:
    text = column.cast(pa.string()) if pa.types.is_binary(column.type) else column
    if pa.types.is_timestamp(text.type) and text.type.tz is None:
        raise pa.ArrowInvalid("no zone")
    if pa.types.is_integer(text.type):
        raise pa.ArrowInvalid("epoch times are looked at one by one")
    return text.cast(pa.timestamp("us", tz="UTC"), safe=False).cast(pa.int64())


def _one_time(cell: Any) -> int:
    if isinstance(cell, bytes):
        cell = cell.decode("utf-8", "replace")
    if isinstance(cell, str):
        text = cell.strip()
        if text.isdecimal() and text.isascii() and len(text) <= _EPOCH_MS:
            return plausible_us(int(text) * 1_000)
        return rfc3339_us(text.replace(" ", "T", 1))
    if isinstance(cell, int):
        return plausible_us(cell * 1_000)
    if getattr(cell, "tzinfo", None) is not None:
        return plausible_us(cell.timestamp() * 1e6)
    raise PayloadError("time", "no time with a zone; write RFC 3339 such as 2026-01-31T12:00:00Z")


def _floats(column: pa.Array) -> pa.Array:
    text = column.cast(pa.string()) if pa.types.is_binary(column.type) else column
    return text.cast(pa.float64())


def _one_float(cell: Any) -> float:
    try:
        return float(cell.decode("ascii") if isinstance(cell, bytes) else cell)
    except (ValueError, TypeError, OverflowError, UnicodeDecodeError) as error:
        shown = "nothing" if cell in (None, b"") else repr(cell)[:40]
        raise PayloadError("value", f"the value is {shown}, not a number") from error


def _shorts(column: pa.Array) -> pa.Array:
    text = column.cast(pa.string()) if pa.types.is_binary(column.type) else column
    whole = text.cast(pa.int32())
    if len(whole) and (pc.min(whole).as_py() < 0 or pc.max(whole).as_py() > _KNOWN_QUALITY):
        raise pa.ArrowInvalid("flags that are not known")
    return whole


def _one_short(cell: Any) -> int:
    if cell in (None, b"", ""):
        return -1
    try:
        flags = int(cell)
    except (ValueError, TypeError) as error:
        raise PayloadError("quality", f"the quality is {cell!r:.40}, not a number") from error
    if not 0 <= flags <= _KNOWN_QUALITY:
        raise PayloadError("quality", f"the quality is {flags}, not 0 to {_KNOWN_QUALITY}")
    return flags


def _names(column: pa.Array, reason: str, refuse: _Refuse) -> tuple[NDArray[np.int32], list[str]]:
    coded = column if pa.types.is_dictionary(column.type) else column.dictionary_encode()
    codes = coded.indices.fill_null(-1).to_numpy(zero_copy_only=False).astype(np.int32)
    for index in np.flatnonzero(codes < 0):
        refuse(int(index), reason, f"no {reason} is named")
    words = [
        w.decode("utf-8", "replace") if isinstance(w, bytes) else str(w) for w in coded.dictionary.to_pylist()
    ]
    return codes, words


def _row_text(batch: pa.RecordBatch, index: int) -> str:
    cells = (column[index].as_py() for column in batch.columns)
    shown = (cell.decode("utf-8", "replace") if isinstance(cell, bytes) else str(cell) for cell in cells)
    return ",".join(shown)[:1000]


_PARSERS: dict[FileFormat, Callable[[Path], Iterator[Block]]] = {
    FileFormat.CSV: _parse_csv,
    FileFormat.PARQUET: _parse_parquet,
    FileFormat.ARROW: _parse_arrow,
}
