"""JSON documents of any shape: decoded within bounds, and found in by path."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, cast

import msgspec

from telemetry.codecs.contract import MAX_RECORDS, check_size
from telemetry.errors import ConfigError, PayloadError

_MAX_DEPTH = 16
_MAX_STEPS = 16
_decoder = msgspec.json.Decoder()
_STEP = re.compile(r"""
    (?:^|\.)(?P<name>[^.\[\]]+)                # a field
    | \[(?P<index>\d{1,4})\]                   # an element
    | \[(?P<all>\*)\]                          # every element
    | \[(?P<key>[^=\[\]]+)=(?P<value>[^\[\]]*)\]   # the element whose field has this value
    """, re.VERBOSE)  # fmt: skip

Document = Any
"""What JSON holds: object, array, text, number, truth value, null."""


def decode_json(payload: bytes) -> Document:
    """A JSON document of bounded size and depth; `PayloadError` otherwise."""
    check_size(payload)
    try:
        document = _decoder.decode(payload)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise PayloadError("json", str(error)[:200]) from error
    _check_depth(document)
    return document


def decode_object(payload: bytes) -> dict[str, Document]:
    """A JSON document that must be an object."""
    document = decode_json(payload)
    if not isinstance(document, dict):
        raise PayloadError("shape", "the message is not a JSON object")
    return cast("dict[str, Document]", document)


def _check_depth(document: Document) -> None:
    level = [document]
    for _ in range(_MAX_DEPTH):
        level = [child for item in level for child in _children(item)]
        if not level:
            return
    raise PayloadError("shape", f"nested deeper than {_MAX_DEPTH}")


def _children(item: Document) -> list[Document]:
    if isinstance(item, dict):
        return list(cast("dict[str, Document]", item).values())
    return cast("list[Document]", item) if isinstance(item, list) else []


class Path:
    """Where something is in a document.

    ``a.b`` is a field of a field, ``a[0]`` an element, ``a[id=t1].v`` the field of the
    first element whose ``id`` is ``t1``, ``a[*]`` every element. ``$`` at the start is
    the whole message, which is where a path begins anyway unless it is read of a record.
    """

    def __init__(self, text: str) -> None:
        self.text = text
        self.absolute = text == "$" or text.startswith(("$.", "$["))
        rest = text[1:].removeprefix(".") if self.absolute else text
        self._steps: list[dict[str, str | None]] = []
        position = 0
        while position < len(rest):
            step = _STEP.match(rest, position)
            if step is None or len(self._steps) == _MAX_STEPS:
                raise ConfigError(
                    f"ingest.formats: path {text!r} cannot be read at {rest[position:]!r}",
                    cure="write it like data.sensors[0].t or data[id=t1].value",
                )
            self._steps.append(step.groupdict())
            position = step.end()
        self.many = any(step["all"] for step in self._steps)

    def find(self, document: Document) -> Document | None:
        """What is there, the first of many, or ``None``."""
        return next(iter(self.find_all(document)), None)

    def find_all(self, document: Document) -> list[Document]:
        """All that is there; more than a message may hold is refused."""
        found = [document]
        for step in self._steps:
            found = [child for item in found for child in _take(item, step)]
            if len(found) > MAX_RECORDS:
                raise PayloadError("shape", f"more than {MAX_RECORDS} records at {self.text!r}")
        return found


def _take(item: Document, step: dict[str, str | None]) -> Iterator[Document]:
    name, index, key = step["name"], step["index"], step["key"]
    if name is not None:
        if isinstance(item, dict) and name in item:
            yield item[name]
    elif not isinstance(item, list):
        return
    elif index is not None:
        yield from cast("list[Document]", item)[int(index) : int(index) + 1]
    elif key is not None:
        wanted = step["value"]
        elements = cast("list[Document]", item)
        yield from (e for e in elements if isinstance(e, dict) and _text(_field(e, key)) == wanted)
    else:
        yield from cast("list[Document]", item)


def _field(item: Document, name: str) -> Document:
    return item.get(name)


def _text(value: Document) -> str | None:
    return str(value) if isinstance(value, str | int) else None


def leaves(document: Document, prefix: str = "") -> Iterator[tuple[str, Document]]:
    """Every value that is no object, with its dotted name; arrays count by ``[i]``."""
    if isinstance(document, dict):
        for name, child in cast("dict[str, Document]", document).items():
            yield from leaves(child, f"{prefix}.{name}" if prefix else name)
    elif isinstance(document, list):
        for i, child in enumerate(cast("list[Document]", document)):
            yield from leaves(child, f"{prefix}[{i}]")
    else:
        yield prefix, document
