"""Sparkplug B, specification 3.0: births name the metrics, data names them by alias.

The one codec with a memory: what each edge node said in its births. It is bounded (nodes
and aliases; who was silent longest is forgotten), replaced and never changed, so that
`snapshot` is cheap and a batch can be decoded twice, and lost when the process ends. Data
without a birth is refused, for its aliases mean nothing; `births_missed` then names the
nodes to be asked for a new one (§6.4.16, *Node Control/Rebirth*).

A gap in ``seq`` (§6.4.19) is a lost message. The messages after it are used, for Sparkplug
publishes at QoS 0 and a whole node must not fall silent for one frame; but a birth may be
what was lost, so the node is asked for one.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from google.protobuf.message import DecodeError

from telemetry.codecs.contract import Arrival, DeviceSample, check_count, check_size, check_usable
from telemetry.codecs.naming import Naming
from telemetry.codecs.sparkplug_messages import payload_class
from telemetry.devices import device_id_of
from telemetry.errors import ConfigError, PayloadError
from telemetry.patterns import Template
from telemetry.payloads import plausible_us
from telemetry.settings import Format

NAMESPACE = "spBv1.0"
MAX_NODES = 2_000
MAX_ALIASES = 200_000
"""Aliases remembered of all nodes together; some 40 MB."""

_NODE = ""  # the node's own metrics, beside those of its devices
_LEVELS = frozenset(("group", "node", "device"))
_NOT_READINGS = ("bdSeq", "Node Control/", "Device Control/", "Node Info/", "Device Info/")
_SIGNED = {1: 8, 2: 16, 3: 32, 4: 64}
"""Datatypes Int8 … Int64, and their bits."""
_PLAIN = frozenset((1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11))
"""Datatypes that are numbers or truth values, §6.4.16."""
_NUMBERS = ("int_value", "long_value", "float_value", "double_value", "boolean_value")
_KINDS = {"NBIRTH": 4, "NDATA": 4, "NDEATH": 4, "DBIRTH": 5, "DDATA": 5, "DDEATH": 5}
"""Kinds of message, and how many levels their topics have; commands and STATE are not for us."""


@dataclass(frozen=True, slots=True)
class Tag:
    """What a birth said of an alias or a name."""

    name: str
    datatype: int
    unit: str


@dataclass(frozen=True, slots=True)
class _Births:
    """What one node and its devices said in their births, by device."""

    seq: int | None
    bd_seq: int | None
    aliases: Mapping[str, Mapping[int, Tag]] = field(default_factory=dict[str, Mapping[int, Tag]])
    names: Mapping[str, Mapping[str, Tag]] = field(default_factory=dict[str, Mapping[str, Tag]])

    def __len__(self) -> int:
        return sum(len(tags) for tags in self.names.values())


@dataclass(frozen=True, slots=True)
class _Address:
    kind: str
    node: tuple[str, str]
    device: str


_Nodes = OrderedDict[tuple[str, str], _Births]


class Sparkplug:
    """Decodes the messages of edge nodes and their devices, in the order they came."""

    def __init__(self, format_: Format) -> None:
        self._naming = Naming(format_)
        self._device = Template(format_.device)
        if format_.device_path or format_.time_path or not self._device.names <= _LEVELS:
            raise ConfigError(
                "ingest.formats: sparkplug_b takes neither device_path nor time_path",
                cure="its device is put together from {group}, {node} and {device}",
            )
        self._request = format_.request_rebirth
        self._nodes: _Nodes = OrderedDict()
        self.births_missed: set[tuple[str, str]] = set()
        """Group and name of the nodes to be asked for a birth; the reader empties it."""
        self.gaps = 0
        """Jumps in ``seq`` so far."""

    def snapshot(self) -> object:
        """What is remembered now."""
        return self._nodes.copy()

    def restore(self, snapshot: object) -> None:
        """Remember again what a `snapshot` holds."""
        assert isinstance(snapshot, OrderedDict)
        self._nodes = snapshot.copy()

    def decode(self, payload: bytes, arrival: Arrival) -> list[DeviceSample]:
        """As `Codec.decode`."""
        address = _address(arrival.topic)
        if address is None:
            return []
        device_id = self._device_id(address)
        message = _parse(payload)
        if address.kind == "NDEATH":
            return self._node_died(message, address, device_id)
        births = self._nodes.get(address.node)
        if address.kind == "NBIRTH":
            births = _Births(None, _bd_seq(message))
        elif births is None:
            self._miss(address)
            raise PayloadError(
                "birth",
                f"{address.kind} of node {'/'.join(address.node)!r} before its NBIRTH",
                device_id=device_id,
            )
        births = self._counted(births, message, address)
        self._remember(address.node, births)
        if address.kind == "DDEATH":
            self._remember(address.node, _without(births, address.device))
            return [DeviceSample(None, {}, device_id, status="offline")]
        status = ""
        if address.kind in ("NBIRTH", "DBIRTH"):
            births = _with(births, address.device, message)
            self._remember(address.node, births)
            self._make_room()
            status = "online"
        if address.device not in births.names:
            self._miss(address)
            detail = f"DDATA of device {address.device!r} before its DBIRTH"
            raise PayloadError("birth", detail, device_id=device_id)
        return self._samples(message, births, address, device_id, status)

    def _device_id(self, address: _Address) -> str:
        group, node = address.node
        named = {"group": group, "node": node, "device": address.device or node}
        return device_id_of(self._device.fill(named))

    def _counted(self, births: _Births, message: Any, address: _Address) -> _Births:
        if not message.HasField("seq"):
            return births
        seq = int(message.seq)
        if births.seq is not None and seq not in (births.seq, (births.seq + 1) % 256):
            self.gaps += 1
            self._miss(address)
        return replace(births, seq=seq)

    def _node_died(self, message: Any, address: _Address, device_id: str) -> list[DeviceSample]:
        births = self._nodes.get(address.node)
        if births is not None and births.bd_seq not in (None, _bd_seq(message)):
            return []  # the will of an earlier connection, §6.4.18
        devices = [] if births is None else [device for device in births.names if device != _NODE]
        self._nodes.pop(address.node, None)
        gone = [self._device_id(_Address("DDEATH", address.node, device)) for device in devices]
        return [DeviceSample(None, {}, name, status="offline") for name in (device_id, *gone)]

    def _remember(self, node: tuple[str, str], births: _Births) -> None:
        self._nodes[node] = births
        self._nodes.move_to_end(node)

    def _make_room(self) -> None:
        while len(self._nodes) > MAX_NODES or (
            len(self._nodes) > 1 and sum(map(len, self._nodes.values())) > MAX_ALIASES
        ):
            self._nodes.popitem(last=False)

    def _miss(self, address: _Address) -> None:
        if self._request and len(self.births_missed) < MAX_NODES:
            self.births_missed.add(address.node)

    def _samples(
        self, message: Any, births: _Births, address: _Address, device_id: str, status: str
    ) -> list[DeviceSample]:
        whole = DeviceSample(None, {}, device_id, status=status)
        samples: dict[int | None, DeviceSample] = {}
        for metric in message.metrics:
            try:
                tag = _tag(metric, births, address.device)
                value, time = _value(metric, tag), _time(metric, message)
            except PayloadError as error:
                if error.reason == "birth":
                    self._miss(address)
                whole.problems.append(error)
                continue
            if value is None or tag.name.startswith(_NOT_READINGS):
                continue
            sample = samples.setdefault(time, DeviceSample(time, {}, device_id))
            self._naming.put(sample, tag.name, value, tag.unit)
        found = [sample for sample in samples.values() if sample.values or sample.problems]
        found = [whole, *found] if status or whole.problems else found
        check_usable(found)
        return found


def rebirth_command(node: tuple[str, str]) -> tuple[str, bytes]:
    """The topic and payload that ask a node for its births again, §6.4.16."""
    group, name = node
    command = payload_class()()
    command.metrics.add(name="Node Control/Rebirth", datatype=11, boolean_value=True)
    return f"{NAMESPACE}/{group}/NCMD/{name}", command.SerializeToString()


def _address(topic: str) -> _Address | None:
    parts = topic.split("/")
    if parts[0] != NAMESPACE:
        raise PayloadError("topic", f"{topic[:120]!r} is not of Sparkplug B")
    if len(parts) < 3 or parts[1] == "STATE" or parts[2] in ("NCMD", "DCMD"):
        return None
    kind = parts[2]
    if _KINDS.get(kind) != len(parts) or not all(parts):
        raise PayloadError("topic", f"{topic[:120]!r} is not of Sparkplug B")
    return _Address(kind, (parts[1], parts[3]), parts[4] if len(parts) == 5 else _NODE)


def _parse(payload: bytes) -> Any:
    check_size(payload)
    message = payload_class()()
    try:
        message.ParseFromString(payload)
    except (DecodeError, UnicodeDecodeError, ValueError, RecursionError) as error:
        raise PayloadError("protobuf", str(error)[:200] or "not a Sparkplug B payload") from error
    if message.uuid == "SPBV1.0_COMPRESSED":
        raise PayloadError("shape", "compressed payloads are not taken")
    check_count(len(message.metrics), "metrics")
    # A text of proto2 is not checked when it is parsed: one that is not UTF-8 comes as bytes.
    if not all(isinstance(metric.name, str) for metric in message.metrics):
        raise PayloadError("protobuf", "a metric whose name is not UTF-8")
    return message


def _bd_seq(message: Any) -> int | None:
    return next((int(m.long_value or m.int_value) for m in message.metrics if m.name == "bdSeq"), None)


def _with(births: _Births, device: str, message: Any) -> _Births:
    tags = [(metric, Tag(metric.name, metric.datatype, _unit(metric))) for metric in message.metrics]
    if any(not tag.name for _, tag in tags):
        raise PayloadError("shape", "a birth with a metric that has no name")
    aliases = {int(metric.alias): tag for metric, tag in tags if metric.HasField("alias")}
    names = {tag.name: tag for _, tag in tags}
    return replace(births, aliases={**births.aliases, device: aliases}, names={**births.names, device: names})


def _without(births: _Births, device: str) -> _Births:
    return replace(
        births,
        aliases={name: tags for name, tags in births.aliases.items() if name != device},
        names={name: tags for name, tags in births.names.items() if name != device},
    )


def _unit(metric: Any) -> str:
    # "engUnit" is what Ignition and most edge nodes call it; the specification names no unit.
    properties = metric.properties
    for key, value in zip(properties.keys, properties.values, strict=False):
        if key == "engUnit" and not value.is_null:
            return value.string_value if isinstance(value.string_value, str) else "?"
    return ""


def _tag(metric: Any, births: _Births, device: str) -> Tag:
    if metric.name:
        known = births.names[device].get(metric.name)
    else:
        known = births.aliases[device].get(int(metric.alias)) if metric.HasField("alias") else None
    if known is None:
        shown = repr(metric.name[:64]) if metric.name else f"alias {metric.alias}"
        raise PayloadError("birth", f"no birth named the metric {shown}")
    return known


def _value(metric: Any, tag: Tag) -> float | bool | str | None:
    which = metric.WhichOneof("value")
    datatype = metric.datatype or tag.datatype
    if metric.is_null or which is None or (datatype and datatype not in _PLAIN):
        return None
    value = getattr(metric, which)
    if which not in _NUMBERS and not datatype:
        return None
    if which not in _NUMBERS:
        raise PayloadError("value", f"{tag.name[:64]!r} is not of its datatype")
    bits = _SIGNED.get(datatype)
    return value if bits is None or not isinstance(value, int) else _signed(value, bits, which)


def _signed(value: int, bits: int, which: str) -> int:
    # A negative Int8 comes as 8, 32 or 64 bits of two's complement; the field bounds which.
    width = 32 if which == "int_value" else 64
    if value >= 1 << (width - 1):
        return value - (1 << width)
    return value - (1 << bits) if 1 << (bits - 1) <= value < 1 << bits else value


def _time(metric: Any, message: Any) -> int | None:
    for holder in (metric, message):
        if holder.HasField("timestamp"):
            return plausible_us(holder.timestamp * 1_000)
    return None
