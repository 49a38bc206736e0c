from pathlib import Path

import pytest

from launch.engines import choose_broker, choose_database
from launch.engines.surroundings import PrivateRoot, Surroundings
from launch.engines.tiers import EngineInfo, Tier
from telemetry.errors import ConfigError, EngineError
from telemetry.settings import Settings


class NoRoot(PrivateRoot):
    """A machine that can have no private Debian."""

    def path(self, settings: Settings, report: object) -> Path:
        raise EngineError("no private Debian: no network")


def _around(folder: Path, **settings: object) -> Surroundings:
    return Surroundings(Settings(**settings), folder, private_root=NoRoot())


def test_a_given_address_goes_over_everything(tmp_path: Path):
    around = _around(tmp_path, database_url="postgresql://db/x", mqtt_url="mqtt://broker:1883")
    assert choose_database(around, 0).info.tier is Tier.GIVEN
    assert choose_broker(around, 0).url == "mqtt://broker:1883"


def test_without_a_private_debian_the_wheels_say_what_is_lacking(tmp_path: Path):
    around = _around(tmp_path)
    database, broker = choose_database(around, 1), choose_broker(around, 2)
    if database.info.tier is Tier.INSTALLED or broker.info.tier is Tier.INSTALLED:
        pytest.skip("this machine has the servers installed")
    assert database.info.tier is broker.info.tier is Tier.WHEELS
    assert "no network" in database.info.line
    assert "TimescaleDB" in database.info.lacks
    assert broker.info.lacks in broker.info.line


def test_a_tier_that_is_asked_for_is_not_replaced_by_another(tmp_path: Path):
    with pytest.raises(EngineError, match="no network"):
        choose_database(_around(tmp_path, engine="chroot"), 0)


def test_an_unknown_tier_is_refused(tmp_path: Path):
    with pytest.raises(ConfigError, match="'docker' is not known"):
        choose_broker(_around(tmp_path, engine="docker"), 0)


def test_a_failure_to_make_the_root_is_remembered(tmp_path: Path):
    root = PrivateRoot(_failure=EngineError("no network"))
    with pytest.raises(EngineError, match="no network"):
        root.path(Settings(cache_dir=str(tmp_path)), print)


def test_the_reason_tells_why_better_engines_were_not_taken():
    info = EngineInfo("rumqttd", Tier.WHEELS, "from a Python package").because(["no mosquitto installed"])
    assert info.line == "rumqttd [wheels]: no mosquitto installed; so from a Python package"
