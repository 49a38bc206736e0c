"""Record batches as the bytes of a file, piece by piece. Pure: bytes come out, nothing is opened."""

from __future__ import annotations

# pyarrow tells no types, and the stubs on PyPI are of another version.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeArgument=false, reportAttributeAccessIssue=false
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from pyarrow import csv, ipc, parquet

from telemetry.exchange import FileFormat
from telemetry.exchange.columns import SCHEMA

_GROUP_ROWS = 131_072
"""Rows of a Parquet row group at least: smaller ones make files large and slow to read."""


def encode(file_format: FileFormat, batches: Iterable[Any]) -> Iterator[bytes]:
    """A file's bytes in pieces; one batch is held at once, for Parquet one row group.

    CSV needs no guard against spreadsheet formulas: a cell is a time, a number, a unit or a
    metric of ours, or a device id, and those begin with a letter or a digit.
    """
    return _ENCODERS[file_format](batches)


def _csv(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    yield (",".join(SCHEMA.names) + "\r\n").encode()
    options = csv.WriteOptions(include_header=False, quoting_style="needed", eol="\r\n")
    for batch in batches:
        sink = io.BytesIO()
        csv.write_csv(_as_text(batch), sink, options)
        yield sink.getvalue()


def _as_text(batch: pa.RecordBatch) -> pa.Table:
    columns = dict(zip(batch.schema.names, batch.columns, strict=True))
    columns["time"] = pc.strftime(columns["time"], format="%Y-%m-%dT%H:%M:%SZ")
    names = {name: column.cast(pa.string()) for name, column in columns.items() if name in _NAMES}
    return pa.table({**columns, **names})


_NAMES = ("device_id", "metric", "unit", "faults")


def _arrow(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    drain = _Drain()
    with ipc.new_stream(drain, SCHEMA) as writer:
        for batch in batches:
            writer.write_batch(batch)
            yield drain.take()
    yield drain.take()


def _parquet(batches: Iterable[pa.RecordBatch]) -> Iterator[bytes]:
    drain = _Drain()
    with parquet.ParquetWriter(drain, SCHEMA, compression="zstd") as writer:
        for table in _row_groups(batches):
            writer.write_table(table, row_group_size=len(table))
            yield drain.take()
    yield drain.take()


def _row_groups(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    for batch in batches:
        waiting.append(batch)
        if sum(map(len, waiting)) >= _GROUP_ROWS:
            yield pa.Table.from_batches(waiting, SCHEMA)
            waiting = []
    if waiting:
        yield pa.Table.from_batches(waiting, SCHEMA)


class _Drain(io.RawIOBase):
    """A file that only grows, and whose new bytes are taken away as they come."""

    def __init__(self) -> None:
        super().__init__()
        self._pieces: list[bytes] = []
        self._length = 0

    def writable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._length

    def write(self, data: object) -> int:
        piece = bytes(memoryview(data))  # pyright: ignore[reportArgumentType]
        self._pieces.append(piece)
        self._length += len(piece)
        return len(piece)

    def take(self) -> bytes:
        pieces, self._pieces = self._pieces, []
        return b"".join(pieces)


_ENCODERS: dict[FileFormat, Callable[[Iterable[pa.RecordBatch]], Iterator[bytes]]] = {
    FileFormat.CSV: _csv,
    FileFormat.PARQUET: _parquet,
    FileFormat.ARROW: _arrow,
}
