"""Sensor Measurement Lists, RFC 8428, in JSON and in CBOR.

A pack is an array of records; base fields hold for their record and those after it, and
every record is resolved before it is looked at (§4.6). A time below 2**28 s is relative to
now (§4.5.3), and now is when the message arrived. CBOR is read by `cbor2`, with every tag
refused but 4 (decimal fraction), which is all that §6 allows, and the mark of CBOR in front.

Of a resolved name, ``urn:dev:ow:10e2073a0108006:voltage`` or ``loop-1/voltage``, what is
behind the last ``/`` is the metric's name; without a ``/`` what is behind the last ``:``,
where that is a metric's name; otherwise the whole is the device, and the metric's name
is empty (``metrics = {"" = "temperature_c"}``).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Any, Literal, NoReturn, cast

import cbor2

from telemetry.codecs.contract import (
    Arrival,
    DeviceSample,
    check_count,
    check_size,
    check_usable,
    is_number,
    number,
)
from telemetry.codecs.documents import Document, decode_json
from telemetry.codecs.naming import Naming
from telemetry.devices import device_id_of
from telemetry.errors import ConfigError, PayloadError
from telemetry.payloads import plausible_us
from telemetry.settings import Format

_LABELS = {
    -1: "bver", -2: "bn", -3: "bt", -4: "bu", -5: "bv", -6: "bs",
    0: "n", 1: "u", 2: "v", 3: "vs", 4: "vb", 5: "s", 6: "t", 7: "ut", 8: "vd",
}  # fmt: skip
"""CBOR labels, RFC 8428 table 4."""

_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9\-:./_]*")
_LONGEST_NAME = 256
_RELATIVE_BELOW_S = 2**28
_VERSION = 10
_FEATURES = 0b11010
"""Version 10 as feature bits, with secondary units (RFC 9100): all that we know."""

_SUM_UNITS = {"W": "J", "kW": "kJ", "MW": "MJ", "A": "C", "m3/s": "m3", "l/s": "l"}
"""What a sum over time (§4.2, unit times second) is a number of, by the record's unit."""

_CBOR_MAGIC = b"\xd9\xd9\xf7"
"""Tag 55799, which says no more than that this is CBOR (RFC 8949 §3.4.6)."""

_TAGS = (0, 1, 2, 3, 5, 25, 28, 29, 30, 35, 36, 37, 52, 54, 100, 256, 258, 260, 261, 1004, 43_000, 55_799)
"""Tags that cbor2 would make objects of: shared and cyclic ones, patterns, large integers, …"""


@dataclass(slots=True)
class _Base:
    """The base fields that hold, §4.1."""

    name: str = ""
    time: float = 0.0
    unit: str = ""
    value: float = 0.0
    sum: float | None = None


@dataclass(frozen=True, slots=True)
class _Resolved:
    name: str
    time: float
    unit: str
    values: list[tuple[str, object, str]]
    """What follows the metric's name, the value, its unit."""


class SenML:
    """Decodes packs; the topic's device goes before the one in the names."""

    def __init__(self, format_: Format, encoding: Literal["json", "cbor"]) -> None:
        if format_.device_path or format_.time_path:
            raise ConfigError(
                "ingest.formats: SenML takes neither device_path nor time_path", cure="leave them out"
            )
        self._naming = Naming(format_)
        self._decode = decode_json if encoding == "json" else _decode_cbor

    def decode(self, payload: bytes, arrival: Arrival) -> list[DeviceSample]:
        """As `Codec.decode`."""
        pack = self._decode(payload)
        if not isinstance(pack, list) or not pack:
            raise PayloadError("shape", "a SenML pack is an array of records")
        records = cast("list[Document]", pack)
        check_count(len(records), "records")
        base = _Base()
        samples: dict[tuple[str, int | None], DeviceSample] = {}
        for record in records:
            self._use(_resolve(record, base), arrival, samples)
        found = [sample for sample in samples.values() if sample.values or sample.problems]
        if not found:
            raise PayloadError("shape", "no reading in the pack")
        check_usable(found)
        return found

    def _use(
        self, record: _Resolved, arrival: Arrival, samples: dict[tuple[str, int | None], DeviceSample]
    ) -> None:
        if not record.values:
            return
        device, metric = self._split(record.name)
        device_id = arrival.device_id or device_id_of(device)
        time, from_arrival = _time(record.time, arrival.received_at)
        sample = samples.get((device_id, time))
        if sample is None:
            sample = samples[device_id, time] = DeviceSample(time, {}, device_id, from_arrival=from_arrival)
        for suffix, value, unit in record.values:
            self._naming.put(sample, metric + suffix, value, unit)

    def _split(self, name: str) -> tuple[str, str]:
        if "/" in name:
            device, _, metric = name.rpartition("/")
            return device, metric
        device, colon, metric = name.rpartition(":")
        if self._naming.knows(metric) and (colon or not device):
            return device, metric
        return name, ""


def _time(time_s: float, received_at: int) -> tuple[int, bool]:
    if time_s >= _RELATIVE_BELOW_S:
        return plausible_us(time_s * 1e6), False
    return plausible_us(received_at + time_s * 1e6), True


def _resolve(record: Document, base: _Base) -> _Resolved:
    if not isinstance(record, dict):
        raise PayloadError("shape", "a SenML record is an object")
    fields = cast("dict[Any, Document]", record)
    for name in fields:
        if not isinstance(name, str) or name.endswith("_"):  # §4.4: not understood, not to be processed
            raise PayloadError("shape", f"field {str(name)[:40]!r} must be understood and is not")
    _rebase(fields, base)
    name = base.name + _text(fields, "n")
    if len(name) > _LONGEST_NAME or (name and not _NAME.fullmatch(name)):
        raise PayloadError("shape", f"{name[:80]!r} is not a SenML name")
    unit = _text(fields, "u") or base.unit
    return _Resolved(name, base.time + _number(fields, "t"), unit, _values(fields, base, unit))


def _rebase(fields: dict[str, Document], base: _Base) -> None:
    if "bver" in fields:
        version = _number(fields, "bver")
        if version != int(version) or version < 1 or (version > _VERSION and int(version) & ~_FEATURES):
            raise PayloadError("shape", f"SenML version {version:g} is not known")
    if "bn" in fields:
        base.name = _text(fields, "bn")
    if "bu" in fields:
        base.unit = _text(fields, "bu")
    if "bt" in fields:
        base.time = _number(fields, "bt")
    if "bv" in fields:
        base.value = _number(fields, "bv")
    if "bs" in fields:
        base.sum = _number(fields, "bs")


def _values(fields: dict[str, Document], base: _Base, unit: str) -> list[tuple[str, object, str]]:
    values: list[tuple[str, object, str]] = []
    held = [name for name in ("v", "vs", "vb", "vd") if name in fields]
    if len(held) > 1:
        raise PayloadError("shape", f"a record with {' and '.join(held)}")
    if "v" in fields:
        values.append(("", base.value + _number(fields, "v"), unit))
    elif held:
        values.append(("", fields[held[0]], unit))
    if "s" in fields or (base.sum is not None and not held):
        total = (base.sum or 0.0) + _number(fields, "s")
        values.append((".sum", total, _SUM_UNITS.get(unit, "")))
    return values


def _text(fields: dict[str, Document], name: str) -> str:
    text = fields.get(name, "")
    if not isinstance(text, str):
        raise PayloadError("shape", f"{name!r} is not a text")
    return text


def _number(fields: dict[str, Document], name: str) -> float:
    value = fields.get(name, 0)
    if isinstance(value, bool) or not is_number(value):
        raise PayloadError("value", f"{name!r} is not a number")
    return number(name, value)


def _decode_cbor(payload: bytes) -> Document:
    check_size(payload)
    try:
        pack = cbor2.loads(
            payload.removeprefix(_CBOR_MAGIC),
            max_depth=4,
            semantic_decoders=dict.fromkeys(_TAGS, _refuse_tag),
        )
    except (cbor2.CBORError, ValueError, ArithmeticError, RecursionError) as error:
        raise PayloadError("cbor", str(error)[:200]) from error
    if not isinstance(pack, list):
        return pack
    return [_labelled(record) for record in cast("list[Document]", pack)]


def _labelled(record: Document) -> Document:
    if not isinstance(record, dict):
        return record
    fields = cast("dict[Any, Document]", record)
    labels = {_LABELS.get(key, key) if type(key) is int else key: value for key, value in fields.items()}
    if len(labels) != len(fields):
        raise PayloadError("shape", "a record with a field twice")
    return labels


def _refuse_tag(*_: object) -> NoReturn:
    raise PayloadError("cbor", "a tag that SenML does not have")
