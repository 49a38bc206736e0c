"""A table of devices that somebody made: every row is checked, every fault is told with its place."""

from __future__ import annotations

import csv
import io
import math
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, fields
from typing import Any

from telemetry.devices import DEVICE_ID, Device
from telemetry.metrics import CITY_DOMAINS, METRICS, Domain

COLUMNS = tuple(item.name for item in fields(Device))
MOST_BYTES = 16 * 1024 * 1024
_LONGEST = 200


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with one field; ``column`` is empty where it is the whole line."""

    line: int
    column: str
    message: str

    def __str__(self) -> str:
        where = f"line {self.line}" + (f", column {self.column}" if self.column else "")
        return f"{where}: {self.message}"


def read_devices(content: bytes, zones: Collection[str]) -> tuple[list[Device], list[Fault]]:
    """Devices of a CSV file with the columns of ``cities/<city>/devices.csv``, and all that is wrong."""
    if len(content) > MOST_BYTES:
        return [], [Fault(1, "", f"the file is larger than {MOST_BYTES // 2**20} MiB")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return [], [Fault(line, "", "not UTF-8: save the file with that encoding")]
    reader = csv.reader(io.StringIO(text), strict=True)
    devices: list[Device] = []
    faults: list[Fault] = []
    lines: dict[str, int] = {}
    try:
        header = next(reader, list[str]())
        if tuple(header) != COLUMNS:
            return [], [Fault(1, "", f"columns are {', '.join(header)}; expected {', '.join(COLUMNS)}")]
        for row in reader:
            if row:
                found, wrong = _read_row(row, reader.line_num, zones)
                first = lines.setdefault(row[0], reader.line_num)
                if first != reader.line_num:
                    wrong.append(
                        Fault(reader.line_num, "device_id", f"{row[0]!r} is on line {first} already")
                    )
                faults += wrong
                devices += [found] if found else []
    except csv.Error as error:
        faults.append(Fault(reader.line_num, "", str(error)))
    return devices, faults


def check_device(
    values: Mapping[str, str], line: int, zones: Collection[str]
) -> tuple[Device | None, list[Fault]]:
    """One device from its texts by column, or what is wrong with them."""
    read: dict[str, Any] = {}
    faults: list[Fault] = []
    for column in COLUMNS:
        try:
            read[column] = _READERS[column](values[column].strip())
        except ValueError as error:
            faults.append(Fault(line, column, str(error)))
    if "zone" in read and read["zone"] not in zones:
        faults.append(Fault(line, "zone", f"{read['zone']!r} is no zone of the city"))
    if "domain" in read:
        faults += [
            Fault(line, "metrics", f"{metric!r} is no metric of {read['domain']}")
            for metric in read.get("metrics", ())
            if METRICS[metric].domain not in (read["domain"], Domain.DEVICE)
        ]
    return (None if faults else Device(**read)), faults


def _read_row(row: list[str], line: int, zones: Collection[str]) -> tuple[Device | None, list[Fault]]:
    if len(row) != len(COLUMNS):
        return None, [Fault(line, "", f"{len(row)} columns, expected {len(COLUMNS)}")]
    return check_device(dict(zip(COLUMNS, row, strict=True)), line, zones)


def _device_id(text: str) -> str:
    if DEVICE_ID.fullmatch(text) is None:
        raise ValueError(f"{text[:80]!r} is not 1 to 64 of A–Z a–z 0–9 _ . -")
    return text


def _domain(text: str) -> Domain:
    found = next((domain for domain in CITY_DOMAINS if str(domain) == text), None)
    if found is None:
        raise ValueError(f"{text[:80]!r} is not one of {', '.join(map(str, CITY_DOMAINS))}")
    return found


def _text(text: str) -> str:
    if not text or len(text) > _LONGEST or not text.isprintable():
        raise ValueError(f"needs 1 to {_LONGEST} printable characters")
    return text


def _number(low: float, high: float) -> Callable[[str], float]:
    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{text[:80]!r} is no number") from None
        if not math.isfinite(value) or not low <= value <= high:
            raise ValueError(f"{text[:80]} is not from {low:g} to {high:g}")
        return value

    return read


def _metrics(text: str) -> tuple[str, ...]:
    names = tuple(dict.fromkeys(text.split()))
    unknown = [name for name in names if name not in METRICS]
    if unknown or not names:
        raise ValueError(f"no metric {', '.join(map(repr, unknown))}" if unknown else "is empty")
    return names


def _tags(text: str) -> dict[str, str]:
    tags: dict[str, str] = {}
    for pair in filter(None, text.split(";")):
        name, equals, value = pair.partition("=")
        if not name or not equals:
            raise ValueError(f"{pair[:80]!r} is not name=value")
        tags[name] = value
    return tags


_READERS: dict[str, Callable[[str], Any]] = {
    "device_id": _device_id,
    "domain": _domain,
    "kind": _text,
    "name_vi": _text,
    "name_en": _text,
    "lat": _number(-90, 90),
    "lon": _number(-180, 180),
    "zone": str,
    "interval_s": _number(0.001, 86_400),
    "metrics": _metrics,
    "tags": _tags,
}
