"""Which detectors run, with which parameters: versions, checking, applying, going back.

Whoever works on alerts may read it; a version is an engineer's to make or to put in force.
Nothing is ever changed: each change is a version more, with its author and reason.
"""

from __future__ import annotations

from typing import Annotated, Any

import msgspec
import psycopg
from fastapi import APIRouter, Path, Query
from pydantic import BaseModel, ConfigDict, Field

from dashboard.api.access import PROBLEMS, RuntimeAccess
from dashboard.api.models import Answer, Millis, Problem
from dashboard.auth.access import EngineerAccess, OperatorAccess
from dashboard.queries import detection as queries
from store import detection
from store.detection import Activation, Version
from telemetry.detection import KINDS, Configuration, decode_configuration
from telemetry.detection.changes import Change, changes
from telemetry.detection.configuration import configuration_of
from telemetry.detection.inspection import watched
from telemetry.detection.text import to_toml
from telemetry.errors import ConfigError
from telemetry.readings import to_micros

_NO_NUL = r"^[^\x00]*$"
_MOST = 2**31 - 1
_LONGEST = 1_000_000

router = APIRouter(prefix="/detection", tags=["detection"], responses=PROBLEMS)

Number = Annotated[int, Path(ge=1, le=_MOST, description="Of a version")]
Wanted = Annotated[int, Query(ge=1, le=_MOST)]
Reason = Annotated[str, Field(min_length=1, max_length=detection.MOST_REASON, pattern=_NO_NUL)]
_CONFLICT: dict[int | str, dict[str, Any]] = {
    409: {"model": Problem, "description": "Another version is in force by now, or this one already"}
}


class VersionOut(Answer):
    """A version: who wrote it down, when and why. ``based_on`` was in force then."""

    version: int
    author: str
    reason: str
    based_on: int | None
    created_at: Millis
    digest: Annotated[str, Field(description="SHA-256 of the document")]


class ConfigurationOut(VersionOut):
    """A version with what it says; ``fault`` is why it cannot be used, ``toml`` is empty then."""

    document: dict[str, Any] | list[Any]
    toml: str
    fault: str


class RunningOut(Answer):
    """What analytics runs by its own word; ``next_version`` is warming up."""

    version: int | None
    next_version: int | None
    fault: str


class ActiveOut(Answer):
    """The version in force, and what analytics has made of it."""

    version: ConfigurationOut | None
    running: RunningOut


class ActivationOut(Answer):
    """From ``at`` on the version was in force."""

    version: int
    actor: str
    reason: str
    at: Millis


class ChangeOut(Answer):
    """One key of one detector; without a key the whole detector came or went."""

    detector: str
    key: str
    before: Any
    after: Any


class DoubtOut(Answer):
    """Something that can be applied and is probably not meant."""

    what: str
    detector: str
    key: str
    other: str
    text: str


class CheckedOut(Answer):
    """What a configuration would change, compared with the version in force."""

    based_on: int | None
    detectors: int
    doubts: list[DoubtOut]
    changes: list[ChangeOut]


class AppliedOut(Answer):
    """The version that came into force."""

    version: VersionOut
    doubts: list[DoubtOut]


class WatchedOut(Answer):
    """A stream that the configuration gives to a detector."""

    device_id: str
    metric: str


class KindOut(Answer):
    """A kind of detector, and its parameters as a JSON schema with defaults and bounds."""

    kind: str
    parameters: dict[str, Any]


class ConfigurationIn(BaseModel):
    """A configuration, as TOML or as a document."""

    model_config = ConfigDict(extra="forbid")

    toml: Annotated[str | None, Field(max_length=_LONGEST)] = None
    document: dict[str, Any] | None = None

    def decoded(self) -> Configuration:
        """What it says; `ConfigError` names the key that is wrong."""
        if (self.toml is None) is (self.document is None):
            raise ConfigError("toml, document: give the one or the other")
        if self.document is not None:
            return configuration_of(self.document)
        try:
            return decode_configuration((self.toml or "").encode())
        except UnicodeEncodeError as error:
            raise ConfigError("toml: not valid text") from error


class ApplyIn(ConfigurationIn):
    """A configuration, why it is made, and the version it was made from."""

    reason: Reason
    based_on: Annotated[int | None, Field(ge=1, le=_MOST)] = None


class ActivateIn(BaseModel):
    """Why a version comes into force."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


@router.get("/active")
async def read_active(runtime: RuntimeAccess, _: OperatorAccess) -> ActiveOut:
    """The version in force, what it says, and whether analytics runs it already."""

    def ask(conn: psycopg.Connection) -> tuple[Version | None, queries.Running]:
        number = detection.active_version(conn)
        found = None if number is None else detection.get_version(conn, number)
        return found, queries.read_running(conn)

    found, running = await runtime.query(ask)
    return ActiveOut(
        version=None if found is None else _whole(found), running=RunningOut.model_validate(running)
    )


@router.get("/versions")
async def read_versions(runtime: RuntimeAccess, _: OperatorAccess) -> list[VersionOut]:
    """Every version, the newest first."""
    return [_version(one) for one in await runtime.query(detection.list_versions)]


@router.get("/versions/{version}")
async def read_version(version: Number, runtime: RuntimeAccess, _: OperatorAccess) -> ConfigurationOut:
    """One version and what it says."""
    return _whole(await runtime.query(lambda conn: detection.get_version(conn, version)))


@router.get("/activations")
async def read_activations(
    runtime: RuntimeAccess, _: OperatorAccess, limit: Annotated[int, Query(ge=1, le=1_000)] = 100
) -> list[ActivationOut]:
    """Which version came into force when, by whom and why, the last first."""
    found = await runtime.query(lambda conn: detection.list_activations(conn, limit))
    return [_activation(one) for one in found]


@router.get("/diff")
async def read_diff(
    before: Wanted, after: Wanted, runtime: RuntimeAccess, _: OperatorAccess
) -> list[ChangeOut]:
    """What differs between two versions, key by key."""

    def ask(conn: psycopg.Connection) -> tuple[Version, Version]:
        return detection.get_version(conn, before), detection.get_version(conn, after)

    one, other = await runtime.query(ask)
    return [_change(found) for found in changes(one.configuration(), other.configuration())]


@router.get("/detectors/{name}/streams")
async def read_streams(
    name: Annotated[str, Path(max_length=64, pattern=_NO_NUL)], runtime: RuntimeAccess, _: OperatorAccess
) -> list[WatchedOut]:
    """The streams that the version in force gives to a detector."""
    configuration, devices = await runtime.query(lambda conn: queries.one_detector(conn, name))
    (spec,) = (spec for spec in configuration.detector if spec.name == name)
    return [
        WatchedOut(device_id=device.device_id, metric=metric) for device, metric in watched(spec, devices)
    ]


@router.get("/kinds")
async def read_kinds(_: OperatorAccess) -> list[KindOut]:
    """The kinds of detector there are, with their parameters."""
    return [KindOut(kind=kind, parameters=_schema(params)) for kind, params in KINDS.items()]


@router.post("/validate")
async def validate(runtime: RuntimeAccess, _: OperatorAccess, body: ConfigurationIn) -> CheckedOut:
    """Check a configuration without keeping it; what is wrong is named by its key."""
    configuration = body.decoded()
    checked = await runtime.query(lambda conn: queries.check(conn, runtime.city, configuration))
    return CheckedOut(
        based_on=checked.based_on,
        detectors=len(configuration.detector),
        doubts=_doubts(checked),
        changes=[_change(change) for change in checked.changes],
    )


@router.post("/versions", responses=_CONFLICT)
async def apply(runtime: RuntimeAccess, identity: EngineerAccess, body: ApplyIn) -> AppliedOut:
    """Keep a configuration as a new version and put it in force; nothing is restarted."""
    configuration = body.decoded()

    def work(conn: psycopg.Connection) -> tuple[Version, queries.Checked]:
        checked = queries.check(conn, runtime.city, configuration)
        made = detection.apply(conn, configuration, identity.name, body.reason, based_on=body.based_on)
        return made, checked

    made, checked = await runtime.query(work)
    return AppliedOut(version=_version(made), doubts=_doubts(checked))


@router.post("/versions/{version}/activate", responses=_CONFLICT)
async def activate(
    version: Number, runtime: RuntimeAccess, identity: EngineerAccess, body: ActivateIn
) -> VersionOut:
    """Put a version in force that is written down: a former one again, or one that is offered."""
    return _version(
        await runtime.query(lambda conn: detection.activate(conn, version, identity.name, body.reason))
    )


def _schema(params: type[msgspec.Struct]) -> dict[str, Any]:
    _, components = msgspec.json.schema_components([params])
    whole = components.pop(params.__name__)
    return {**whole, "$defs": components} if components else whole


def _version(one: Version) -> VersionOut:
    return VersionOut(**_facts(one))


def _whole(one: Version) -> ConfigurationOut:
    text, fault = "", ""
    try:
        text = to_toml(one.configuration())
    except ConfigError as error:
        fault = error.message
    return ConfigurationOut(**_facts(one), document=one.document, toml=text, fault=fault)


def _facts(one: Version) -> dict[str, Any]:
    return {
        "version": one.version,
        "author": one.author,
        "reason": one.reason,
        "based_on": one.based_on,
        "created_at": to_micros(one.created_at) // 1_000,
        "digest": one.digest,
    }


def _activation(one: Activation) -> ActivationOut:
    return ActivationOut(
        version=one.version, actor=one.actor, reason=one.reason, at=to_micros(one.at) // 1_000
    )


def _change(change: Change) -> ChangeOut:
    return ChangeOut(detector=change.detector, key=change.key, before=change.before, after=change.after)


def _doubts(checked: queries.Checked) -> list[DoubtOut]:
    return [
        DoubtOut(what=doubt.what, detector=doubt.detector, key=doubt.key, other=doubt.other, text=str(doubt))
        for doubt in checked.doubts
    ]
