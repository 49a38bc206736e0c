"""Sparkplug B's protobuf messages, as far as readings go.

The descriptors are written from the field numbers of the Sparkplug 3.0 specification,
§6.4 (payload, metric, property set); what is not named here (data sets, templates, …) is
skipped by the protobuf runtime as unknown fields.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_PACKAGE = "cityops.sparkplug"

_Field = descriptor_pb2.FieldDescriptorProto
_OPTIONAL, _REPEATED = _Field.LABEL_OPTIONAL, _Field.LABEL_REPEATED
_U32, _U64, _BOOL = _Field.TYPE_UINT32, _Field.TYPE_UINT64, _Field.TYPE_BOOL
_FLOAT, _DOUBLE, _STRING, _BYTES = (
    _Field.TYPE_FLOAT,
    _Field.TYPE_DOUBLE,
    _Field.TYPE_STRING,
    _Field.TYPE_BYTES,
)

# message → (field, number, type or message, repeated, in the oneof "value")
_MESSAGES: dict[str, tuple[tuple[str, int, Any, bool, bool], ...]] = {
    "Payload": (
        ("timestamp", 1, _U64, False, False),
        ("metrics", 2, "Metric", True, False),
        ("seq", 3, _U64, False, False),
        ("uuid", 4, _STRING, False, False),
        ("body", 5, _BYTES, False, False),
    ),
    "Metric": (
        ("name", 1, _STRING, False, False),
        ("alias", 2, _U64, False, False),
        ("timestamp", 3, _U64, False, False),
        ("datatype", 4, _U32, False, False),
        ("is_historical", 5, _BOOL, False, False),
        ("is_transient", 6, _BOOL, False, False),
        ("is_null", 7, _BOOL, False, False),
        ("properties", 9, "PropertySet", False, False),
        ("int_value", 10, _U32, False, True),
        ("long_value", 11, _U64, False, True),
        ("float_value", 12, _FLOAT, False, True),
        ("double_value", 13, _DOUBLE, False, True),
        ("boolean_value", 14, _BOOL, False, True),
        ("string_value", 15, _STRING, False, True),
        ("bytes_value", 16, _BYTES, False, True),
    ),
    "PropertySet": (
        ("keys", 1, _STRING, True, False),
        ("values", 2, "PropertyValue", True, False),
    ),
    "PropertyValue": (
        ("type", 1, _U32, False, False),
        ("is_null", 2, _BOOL, False, False),
        ("string_value", 8, _STRING, False, True),
    ),
}


@lru_cache(maxsize=1)
def payload_class() -> Any:
    """The message class of a Sparkplug B payload; made at the first use."""
    pool = descriptor_pool.DescriptorPool()
    pool.Add(_file())
    return message_factory.GetMessageClass(pool.FindMessageTypeByName(f"{_PACKAGE}.Payload"))


def _file() -> descriptor_pb2.FileDescriptorProto:
    file = descriptor_pb2.FileDescriptorProto(name="sparkplug.proto", package=_PACKAGE, syntax="proto2")
    for name, fields in _MESSAGES.items():
        message = file.message_type.add(name=name)
        if any(in_oneof for *_, in_oneof in fields):
            message.oneof_decl.add(name="value")
        for field, field_number, kind, repeated, in_oneof in fields:
            added = message.field.add(
                name=field, number=field_number, label=_REPEATED if repeated else _OPTIONAL
            )
            if isinstance(kind, str):
                added.type, added.type_name = _Field.TYPE_MESSAGE, f".{_PACKAGE}.{kind}"
            else:
                added.type = kind
            if in_oneof:
                added.oneof_index = 0
    return file
