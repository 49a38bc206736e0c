"""Labels as a CSV file: every row is checked, every fault is told with its line and column."""

from __future__ import annotations

import csv
import io
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from telemetry.device_rows import Fault
from telemetry.labels import KIND, LONGEST, MOST_DEVICES, MOST_NOTE, Label, LabelSource, Meaning
from telemetry.metrics import METRICS

COLUMNS = (
    "kind", "devices", "metrics", "start", "end", "meaning", "sensor_fault", "source", "author", "note",
)  # fmt: skip
"""Devices and metrics are separated by spaces; times are RFC 3339 with a zone."""
NEEDED = ("kind", "devices", "start", "end")
"""The others may be missing. ``source`` and ``author`` are not taken over: a label from a file is imported,
by whoever did so."""
MOST_BYTES = 16 * 1024 * 1024
_FORMULA = ("=", "+", "-", "@", "\t", "\r")
_TRUE, _FALSE = ("true", "1", "yes"), ("false", "0", "no", "")


def write_labels(labels: Iterable[Label]) -> str:
    """The whole file. No cell is one that a spreadsheet takes for a formula (OWASP, CSV injection)."""
    sink = io.StringIO()
    writer = csv.writer(sink, lineterminator="\r\n")
    writer.writerow(COLUMNS)
    for label in labels:
        writer.writerow([_harmless(cell) for cell in _cells(label)])
    return sink.getvalue()


def read_labels(
    content: bytes, devices: Mapping[str, Collection[str]], author: str
) -> tuple[list[Label], list[Fault]]:
    """Labels of a file, and all that is wrong with it; with any fault the labels are not to be used.

    Parameters
    ----------
    devices
        Metrics by id of every device that is known.
    author
        Who takes the file in.
    """
    if len(content) > MOST_BYTES:
        return [], [Fault(1, "", f"the file is larger than {MOST_BYTES // 2**20} MiB")]
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content[: error.start].count(b"\n") + 1
        return [], [Fault(line, "", "not UTF-8: save the file with that encoding")]
    reader = csv.reader(io.StringIO(text, newline=""), strict=True)
    labels: list[Label] = []
    faults: list[Fault] = []
    try:
        header = [name.strip() for name in next(reader, list[str]())]
        faults += _check_header(header)
        for row in reader if not faults else ():
            if row:
                label, wrong = _read_row(header, row, reader.line_num, devices, author)
                faults += wrong
                labels += [label] if label else []
    except csv.Error as error:
        faults.append(Fault(reader.line_num, "", str(error)))
    return labels, faults


def _check_header(header: Sequence[str]) -> list[Fault]:
    missing = [Fault(1, name, "this column is missing") for name in NEEDED if name not in header]
    strange = [
        Fault(1, name, f"no such column; there are {', '.join(COLUMNS)}")
        for name in header
        if name not in COLUMNS
    ]
    doubled = [Fault(1, name, "this column stands twice") for name in COLUMNS if header.count(name) > 1]
    return [*missing, *strange, *doubled]


def _read_row(
    header: Sequence[str], row: Sequence[str], line: int, devices: Mapping[str, Collection[str]], author: str
) -> tuple[Label | None, list[Fault]]:
    if len(row) != len(header):
        return None, [Fault(line, "", f"{len(row)} columns, expected {len(header)}")]
    cells = dict.fromkeys(COLUMNS, "") | {
        name: _plain(cell.strip()) for name, cell in zip(header, row, strict=True)
    }
    found: dict[str, Any] = {}
    faults: list[Fault] = []
    for column, read in _READERS.items():
        try:
            found[column] = read(cells[column])
        except ValueError as error:
            faults.append(Fault(line, column, str(error)))
    faults += [Fault(line, column, said) for column, said in contradictions(found, devices)]
    if faults:
        return None, faults
    label = Label(
        found["kind"],
        found["devices"],
        found["start"],
        found["end"],
        found["metrics"],
        is_sensor_fault=found["sensor_fault"],
        meaning=found["meaning"],
        source=LabelSource.IMPORTED,
        author=author,
        note=found["note"],
    )
    return label, []


def contradictions(
    found: Mapping[str, Any], known: Mapping[str, Collection[str]]
) -> Iterator[tuple[str, str]]:
    """What is wrong between columns, or with the city: the column, and what.

    Parameters
    ----------
    found
        ``devices``, ``metrics``, ``start`` and ``end``, as far as each could be read.
    known
        Metrics by id of every device there is.
    """
    unknown = [name for name in found.get("devices", ()) if name not in known]
    if unknown:
        yield "devices", f"no device {', '.join(map(repr, unknown[:5]))}"
    elif "devices" in found:
        # An event may show on more metrics than each of its devices has.
        metrics = found.get("metrics", ())
        strange = [name for name in metrics if name not in METRICS]
        measured = {metric for name in found["devices"] for metric in known[name]}
        if strange:
            yield "metrics", f"no metric {', '.join(map(repr, strange[:5]))}"
        elif metrics and measured.isdisjoint(metrics):
            yield "metrics", f"{', '.join(map(repr, metrics[:5]))} is measured by none of these devices"
    if "start" in found and "end" in found:
        if found["end"] < found["start"]:
            yield "end", f"ends at {found['end'].isoformat()}, before its start"
        elif found["end"] - found["start"] > LONGEST:
            yield "end", f"longer than {LONGEST.days} days"


def _cells(label: Label) -> tuple[str, ...]:
    return (
        label.kind,
        " ".join(label.device_ids),
        " ".join(label.metrics),
        _written(label.start),
        _written(label.end),
        str(label.meaning),
        "true" if label.is_sensor_fault else "false",
        str(label.source),
        label.author,
        label.note,
    )


def _written(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def _harmless(text: str) -> str:
    return f"'{text}" if text.startswith(_FORMULA) else text


def _plain(text: str) -> str:
    """A cell without the sign that `_harmless` put before it."""
    return text[1:] if text.startswith("'") and text[1:].startswith(_FORMULA) else text


def _kind(text: str) -> str:
    if KIND.fullmatch(text) is None:
        raise ValueError(f"{text[:80]!r} is not 1 to 64 of A–Z a–z 0–9 _ . : -, a letter or digit first")
    return text


def _names(text: str) -> tuple[str, ...]:
    return tuple(dict.fromkeys(text.split()))


def _devices(text: str) -> tuple[str, ...]:
    names = _names(text)
    if not 1 <= len(names) <= MOST_DEVICES:
        raise ValueError(f"names {len(names)} devices; from 1 to {MOST_DEVICES} are needed")
    return names


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = None
    if moment is None or moment.tzinfo is None:
        raise ValueError(f"{text[:80]!r} is not a time with a zone, such as 2026-01-31T00:00:00+07:00")
    try:
        return moment.astimezone(UTC)
    except OverflowError:
        raise ValueError(f"{text[:80]!r} is beyond the calendar") from None


def _meaning(text: str) -> Meaning:
    if not text:
        return Meaning.HAPPENED
    found = next((one for one in Meaning if str(one) == text), None)
    if found is None:
        raise ValueError(f"{text[:80]!r} is not one of {', '.join(map(str, Meaning))}")
    return found


def _flag(text: str) -> bool:
    if text.lower() not in _TRUE + _FALSE:
        raise ValueError(f"{text[:80]!r} is neither true nor false")
    return text.lower() in _TRUE


def _note(text: str) -> str:
    if len(text) > MOST_NOTE or "\x00" in text:
        raise ValueError(f"has {len(text)} characters; at most {MOST_NOTE}, and no NUL, can be kept")
    return text


_READERS: dict[str, Any] = {
    "kind": _kind,
    "devices": _devices,
    "metrics": _names,
    "start": _moment,
    "end": _moment,
    "meaning": _meaning,
    "sensor_fault": _flag,
    "note": _note,
}
