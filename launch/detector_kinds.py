"""``cityops detectors kinds``: what can be set on each kind of detector, with units, defaults and bounds."""

from __future__ import annotations

import inspect
import sys
from typing import Annotated, Any

import msgspec
import typer
from msgspec.inspect import Field, StructType, type_info
from rich.markup import escape
from rich.table import Column, Table

from launch.console import out
from telemetry.detection import KINDS
from telemetry.errors import ConfigError

_BOUNDS = {"gt": ">", "ge": "≥", "lt": "<", "le": "≤", "multiple_of": "a multiple of"}

KindName = Annotated[str | None, typer.Argument(metavar="[KIND]", help="One kind; all if not given.")]
AsJson = Annotated[bool, typer.Option("--json", help="For programs: the JSON schema of each kind.")]


def kinds(kind: KindName = None, as_json: AsJson = False) -> None:
    """Show the kinds of detector there are, and what each can be told."""
    if kind is not None and kind not in KINDS:
        known = ", ".join(sorted(KINDS))
        raise ConfigError(f"there is no kind of detector {kind[:60]!r}", cure=f"one of {known}")
    chosen = {kind: KINDS[kind]} if kind else dict(sorted(KINDS.items()))
    if as_json:
        schemas = {name: msgspec.json.schema(params) for name, params in chosen.items()}
        sys.stdout.write(msgspec.json.encode(schemas).decode() + "\n")
        return
    for name, params in chosen.items():
        out.print(f"\n[bold]{name}[/bold]\n{escape(inspect.getdoc(params) or '')}", soft_wrap=True)
        if params.__struct_fields__:
            out.print(_table(params))


def _table(params: type[msgspec.Struct]) -> Table:
    table = Table("Parameter", Column("Default", overflow="fold"), Column("Bounds", overflow="fold"))
    info = type_info(params)
    assert isinstance(info, StructType)
    for field in info.fields:
        table.add_row(field.encode_name, escape(_default(field)), escape(_bounds(field.type)))
    return table


def _default(field: Field) -> str:
    made = field.default if field.default_factory is msgspec.NODEFAULT else field.default_factory()
    return msgspec.json.encode(made).decode()


def _bounds(of: Any) -> str:
    """The limits of a number or the values of a choice, as a person writes them."""
    if choices := getattr(of, "values", None):
        return ", ".join(map(str, choices))
    limits = ((word, getattr(of, name, None)) for name, word in _BOUNDS.items())
    return ", ".join(f"{word} {limit:g}" for word, limit in limits if limit is not None)
