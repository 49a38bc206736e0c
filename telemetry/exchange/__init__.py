"""Readings as files that other programs read: CSV, Parquet and Arrow, written and read in pieces.

The modules that need pyarrow (`columns`, `encode`, `parse`) are imported where they are
used: a service which never exports need not load it.
"""

from __future__ import annotations

from enum import StrEnum
from pathlib import PurePath

from telemetry.errors import ConfigError

__all__ = ["COLUMNS", "FileFormat", "format_of"]

COLUMNS = ("time", "device_id", "metric", "unit", "value", "quality", "faults")
"""The columns of every format, in this order. Times are UTC, values in ``unit``.

``quality`` says how a reading came (`telemetry.readings.Quality`), ``faults`` what was the matter
with its sensor then (`telemetry.quality.Fault`, separated by spaces), as far as it was known when
the file was made. A reader that knows the others finds them where they were; files without it are
read as before.
"""


class FileFormat(StrEnum):
    """How readings are written into a file."""

    CSV = "csv"
    PARQUET = "parquet"
    ARROW = "arrow"
    """Arrow IPC, as a stream."""

    @property
    def media_type(self) -> str:
        """The content type over HTTP (IANA, where registered)."""
        return {
            FileFormat.CSV: "text/csv; charset=utf-8",
            FileFormat.PARQUET: "application/vnd.apache.parquet",
            FileFormat.ARROW: "application/vnd.apache.arrow.stream",
        }[self]


_ENDINGS = {
    ".csv": FileFormat.CSV,
    ".parquet": FileFormat.PARQUET,
    ".pq": FileFormat.PARQUET,
    ".arrow": FileFormat.ARROW,
    ".arrows": FileFormat.ARROW,
    ".ipc": FileFormat.ARROW,
}


def format_of(name: str) -> FileFormat:
    """The format that a file's ending says; `ConfigError` where it says none."""
    found = _ENDINGS.get(PurePath(name).suffix.lower())
    if found is None:
        raise ConfigError(f"the name {name!r} does not say the format", cure="--format csv, parquet or arrow")
    return found
