"""The CityOps JSON payload: an object of readings at one time, or an array of them.

``{"ts": <epoch ms or RFC 3339 with a zone>, "<metric>": <number>, …}``. Without
``ts`` the time of arrival stands in. Decoding is strict where a mistake would put
a wrong number into the store (NaN, numbers in quotes, times without a zone) and
lenient where the meaning is plain (a whole number for a float).
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import msgspec

from telemetry.errors import PayloadError

MAX_BYTES = 256 * 1024
"""A day of one-minute objects of a six-metric device is 200 kB; more is an attack."""
MAX_OBJECTS = 2_000
MAX_FIELDS = 64
MAX_KEY_LENGTH = 64

# The field's value: a number, or (under "ts" only) a string. null is allowed and
# skipped: many devices send it for "sensor not fitted".
_Value = int | float | str | None
_Object = dict[str, _Value]
_decoder: msgspec.json.Decoder[_Object | list[_Object]] = msgspec.json.Decoder(_Object | list[_Object])

# 2000-01-01 and 2100-01-01 in milliseconds: outside them "ts" is in other units.
EARLIEST_MS = 946_684_800_000
LATEST_MS = 4_102_444_800_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Sample:
    """What a device said of one moment.

    ``time`` is microseconds since the epoch, ``None`` where the device sent none.
    """

    time: int | None
    values: dict[str, float]


def decode(payload: bytes) -> list[Sample]:
    """Decode one message.

    Raises
    ------
    PayloadError
        With ``reason`` ``size``, ``json``, ``shape``, ``time`` or ``value``.
    """
    if len(payload) > MAX_BYTES:
        raise PayloadError("size", f"payload of {len(payload)} bytes, at most {MAX_BYTES}")
    try:
        document = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError("json", str(error)[:200]) from error
    if isinstance(document, dict):
        return [_sample(document)]
    if not document or len(document) > MAX_OBJECTS:
        raise PayloadError("shape", f"array of {len(document)} objects, 1 to {MAX_OBJECTS}")
    return [_sample(item) for item in document]


def _sample(item: dict[str, _Value]) -> Sample:
    if len(item) > MAX_FIELDS:
        raise PayloadError("shape", f"object of {len(item)} fields, at most {MAX_FIELDS}")
    time = _time(item.pop("ts", None))
    values: dict[str, float] = {}
    for key, value in item.items():
        if value is None:
            continue
        if isinstance(value, str):
            raise PayloadError("value", f"{key[:MAX_KEY_LENGTH]!r} is a string, not a number")
        if len(key) > MAX_KEY_LENGTH:
            raise PayloadError("shape", f"a field name of {len(key)} characters")
        values[key] = _number(key, value)
    if not values:
        raise PayloadError("shape", "no reading in the message")
    return Sample(time, values)


def _number(key: str, value: float) -> float:
    try:
        return float(value)
    except OverflowError as error:
        raise PayloadError("value", f"{key!r} is too large a number") from error


def _time(ts: _Value) -> int | None:
    if ts is None:
        return None
    if isinstance(ts, str):
        return rfc3339_us(ts)
    if not EARLIEST_MS <= ts <= LATEST_MS:
        raise PayloadError("time", f"ts {ts} is not a time in epoch milliseconds")
    return round(ts * 1_000)


def rfc3339_us(text: str) -> int:
    """Microseconds since the epoch of an RFC 3339 text with a zone; `PayloadError` for any other."""
    try:
        moment = msgspec.convert(text, datetime)
    except msgspec.ValidationError as error:
        raise PayloadError("time", f"ts {text[:40]!r} is not RFC 3339") from error
    if moment.tzinfo is None:
        raise PayloadError("time", f"ts {text[:40]!r} has no zone; write …Z or …+07:00")
    return plausible_us((moment - _EPOCH) // _MICROSECOND)


def plausible_us(micros: float) -> int:
    """A time in microseconds since the epoch, whole; `PayloadError` outside 2000 to 2100."""
    if not EARLIEST_MS <= micros / 1_000 <= LATEST_MS:
        raise PayloadError("time", f"{micros / 1e6:.6g} s since 1970 is out of range; other units?")
    return round(micros)


def encode(sample: Sample) -> bytes:
    """The message a device would send for ``sample`` (times in epoch ms)."""
    body: dict[str, float | int] = {} if sample.time is None else {"ts": sample.time // 1_000}
    return msgspec.json.encode(body | sample.values)
