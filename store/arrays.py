"""NumPy arrays to and from PostgreSQL arrays, in the binary format, without a Python loop.

A one-dimensional array travels as a header (dimensions, null flag, element type,
length, lower bound) and then ``(length, value)`` pairs, all big-endian; with a fixed
element size that is one structured NumPy array. Source: PostgreSQL ``arrayfuncs.c``,
``array_send`` and ``array_recv``.
"""

from __future__ import annotations

import struct
from typing import ClassVar

import numpy as np
import psycopg
from numpy.typing import NDArray
from psycopg.abc import Buffer
from psycopg.adapt import Dumper, Loader
from psycopg.pq import Format

_HEADER = struct.Struct("!iiIii")

EPOCH_2000 = 946_684_800_000_000
"""2000-01-01 in microseconds since 1970: PostgreSQL counts its timestamps from there."""


class PgArray:
    """An array on its way into a query parameter of a PostgreSQL array type."""

    __slots__ = ("data",)
    element_oid: ClassVar[int]
    array_oid: ClassVar[int]
    dtype: ClassVar[str]

    def __init__(self, data: NDArray[np.generic]) -> None:
        self.data = data

    def wire(self) -> bytes:
        """The array in PostgreSQL's binary format."""
        n = len(self.data)
        if n == 0:
            return _HEADER.pack(0, 0, self.element_oid, 0, 0)[:12]
        cells = np.empty(n, dtype=[("size", ">i4"), ("value", self.dtype)])
        cells["size"] = np.dtype(self.dtype).itemsize
        cells["value"] = self.data
        return _HEADER.pack(1, 0, self.element_oid, n, 1) + cells.tobytes()


class Int2(PgArray):
    """``smallint[]``."""

    element_oid, array_oid, dtype = 21, 1005, ">i2"


class Int4(PgArray):
    """``integer[]``."""

    element_oid, array_oid, dtype = 23, 1007, ">i4"


class Int8(PgArray):
    """``bigint[]``."""

    element_oid, array_oid, dtype = 20, 1016, ">i8"


class Float8(PgArray):
    """``double precision[]``."""

    element_oid, array_oid, dtype = 701, 1022, ">f8"


class Timestamptz(PgArray):
    """``timestamptz[]`` from microseconds since 1970."""

    element_oid, array_oid, dtype = 1184, 1185, ">i8"

    def __init__(self, data: NDArray[np.int64]) -> None:
        super().__init__(data - EPOCH_2000)


_KINDS: tuple[type[PgArray], ...] = (Int2, Int4, Int8, Float8, Timestamptz)


class _PgArrayDumper(Dumper):
    format = Format.BINARY

    def dump(self, obj: PgArray) -> bytes:
        return obj.wire()


class _PgArrayLoader(Loader):
    format = Format.BINARY
    dtype: ClassVar[str] = ""
    origin: ClassVar[int] = 0

    def load(self, data: Buffer) -> NDArray[np.generic]:
        raw = bytes(data)
        dimensions, has_null = struct.unpack_from("!ii", raw)
        if dimensions == 0:
            return np.empty(0, dtype=np.dtype(self.dtype).newbyteorder("="))
        if dimensions != 1 or has_null:
            raise ValueError("only one-dimensional arrays without NULL are read here")
        cells = np.frombuffer(raw, dtype=[("size", ">i4"), ("value", self.dtype)], offset=_HEADER.size)
        return cells["value"].astype(np.dtype(self.dtype).newbyteorder("=")) + self.origin


def _loader(kind: type[PgArray]) -> type[Loader]:
    class KindLoader(_PgArrayLoader):
        dtype = kind.dtype
        origin = EPOCH_2000 if kind is Timestamptz else 0

    return KindLoader


def _dumper(kind: type[PgArray]) -> type[Dumper]:
    class KindDumper(_PgArrayDumper):
        oid = kind.array_oid

    return KindDumper


_ADAPTERS = [(kind, _dumper(kind), _loader(kind)) for kind in _KINDS]


def register_arrays(conn: psycopg.Connection) -> None:
    """Teach one connection to send `PgArray` and to read number arrays as NumPy.

    Reading applies to binary results only (``cursor(binary=True)``), so that the
    ordinary text results of small queries stay plain Python lists.
    """
    for kind, dumper, loader in _ADAPTERS:
        conn.adapters.register_dumper(kind, dumper)
        conn.adapters.register_loader(kind.array_oid, loader)
