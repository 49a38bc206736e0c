"""A configuration: the detectors that run, each on the streams it is given.

As TOML::

    [[detector]]
    name = "limits"
    kind = "limits"

    [[detector]]
    name = "stuck-levels"
    kind = "stuck"
    select = [{ metric = ["water_level_m"] }]
    params = { least_repeats = 30 }

What is wrong is named by its key. Whether zones, devices and metrics exist is a question
to a city: `Configuration.check`.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, cast

import msgspec

from telemetry.detection.kinds import KINDS
from telemetry.detection.selectors import Selector
from telemetry.devices import Device
from telemetry.errors import ConfigError
from telemetry.metrics import METRICS, Domain

NAME = re.compile(r"[a-z][a-z0-9_\-]{0,47}")
"""What a detector may be called: it stands in keys, addresses and pages."""

RESERVED = frozenset({"engine", "configuration", "platform", "people"})
"""Names that findings or tables of a snapshot have already."""

_CURE = "mend the configuration"
_DEEPEST = 8
_LARGEST = 2**63


class DetectorSpec(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One detector that runs.

    ``name`` is unique and becomes the findings' ``detector``. Without ``select`` it
    watches every stream its kind can speak of. ``params`` are those of its kind.
    """

    name: str
    kind: str
    select: tuple[Selector, ...] = ()
    params: Mapping[str, Any] = {}
    enabled: bool = True

    def watches(self, device: Device, metric: str) -> bool:
        """Whether any of the selectors, or none being there, takes ``metric`` of ``device``."""
        return not self.select or any(selector.matches(device, metric) for selector in self.select)

    def parameters(self) -> msgspec.Struct:
        """The typed parameters, defaults filled in.

        Raises
        ------
        ConfigError
            An unknown kind, an unknown or a bad parameter, by its key.
        """
        kind = KINDS.get(self.kind)
        if kind is None:
            known = ", ".join(sorted(KINDS))
            raise ConfigError(f"{self.name}: kind: no detector {self.kind!r}", cure=f"one of {known}")
        return _convert(f"{self.name}: params", self.params, kind)


class Configuration(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The detectors of a city, in the order they score."""

    detector: tuple[DetectorSpec, ...] = ()

    @property
    def enabled(self) -> tuple[DetectorSpec, ...]:
        """Those that run."""
        return tuple(spec for spec in self.detector if spec.enabled)

    def check(self, zones: Iterable[str], device_tags: Iterable[str] = ()) -> None:
        """Whether keys named in selectors exist.

        Parameters
        ----------
        zones
            The city's zone codes.
        device_tags
            Names of the tags devices have; none: any name will do.

        Raises
        ------
        ConfigError
            Naming detector, key and value.
        """
        known = {
            "domain": frozenset(str(domain) for domain in Domain),
            "metric": frozenset(METRICS),
            "zone": frozenset(zones),
            "tags": frozenset(device_tags),
        }
        for spec in self.detector:
            for place, selector in enumerate(spec.select):
                for key, names in known.items():
                    strange = sorted(set(getattr(selector, key)) - names) if names else []
                    where = f"{spec.name}: select[{place}].{key}"
                    _require(not strange, f"{where}: there is no {', '.join(map(repr, strange))}")

    def to_document(self) -> dict[str, Any]:
        """As plain JSON types; `configuration_of` reads it back."""
        return msgspec.to_builtins(self)


def decode_configuration(content: bytes) -> Configuration:
    """A configuration from TOML.

    Raises
    ------
    ConfigError
        Naming the detector and the key that is wrong.
    """
    try:
        document = tomllib.loads(content.decode())
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError) as error:
        raise ConfigError(f"detectors: {error}", cure=_CURE) from error
    return configuration_of(document)


def configuration_of(document: Mapping[str, Any]) -> Configuration:
    """A configuration from plain types; `ConfigError` names the key that is wrong."""
    detectors = document.get("detector", ())
    _require(set(document) <= {"detector"}, "detectors: only [[detector]] tables are known here")
    _require(isinstance(detectors, list | tuple), "detector: must be a list of tables")
    for place, table in enumerate(detectors):
        _require_kept(f"detector[{place}]", table)
    specs = tuple(_spec(place, table) for place, table in enumerate(detectors))
    names = [spec.name for spec in specs]
    twice = sorted({name for name in names if names.count(name) > 1})
    _require(not twice, f"detector: {', '.join(twice)} stands twice")
    return Configuration(specs)


def _spec(place: int, table: object) -> DetectorSpec:
    where = f"detector[{place}]"
    spec = _convert(where, table, DetectorSpec)
    _require(NAME.fullmatch(spec.name) is not None, f"{where}.name: {spec.name[:60]!r} is no name")
    _require(spec.name not in RESERVED, f"{where}.name: {spec.name!r} is a name of the platform's own")
    spec.parameters()
    return spec


def _require_kept(where: str, value: object, depth: int = 0) -> None:
    """Only what JSON in a database can hold."""
    _require(depth < _DEEPEST, f"{where}: nested too deep")
    if isinstance(value, Mapping):
        for key, inner in cast("Mapping[str, object]", value).items():
            _require("\x00" not in key, f"{where}: must not hold a NUL character")
            _require_kept(f"{where}.{key}", inner, depth + 1)
    elif isinstance(value, list | tuple):
        for place, inner in enumerate(cast("Sequence[object]", value)):
            _require_kept(f"{where}[{place}]", inner, depth + 1)
    elif isinstance(value, int | float):
        _require(abs(value) < _LARGEST, f"{where}: {value!r:.30} is no usable number")
    elif isinstance(value, str):
        _require("\x00" not in value, f"{where}: must not hold a NUL character")


def _convert(where: str, document: object, into: type[Any]) -> Any:
    try:
        return msgspec.convert(document, into)
    except msgspec.ValidationError as error:
        what, _, path = str(error).partition(" - at `$")
        key = path.rstrip("`")
        raise ConfigError(f"{where}{key}: {what}", cure=_CURE) from error


def _require(holds: bool, message: str) -> None:
    if not holds:
        raise ConfigError(message, cure=_CURE)


DEFAULT = Configuration(tuple(DetectorSpec(kind, kind) for kind in KINDS))
"""Every kind once, everywhere: what runs where a city profile says nothing."""
