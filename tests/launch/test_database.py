from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from launch.engines import choose_database
from launch.engines.database import Cluster
from launch.engines.tiers import Tier
from launch.ports import free_port
from launch.processes import Guard
from telemetry.errors import EngineError
from tests.fix_engines import surroundings, why_not


@pytest.fixture(params=[Tier.CHROOT, Tier.WHEELS], ids=str)
def tier(request: pytest.FixtureRequest) -> Tier:
    if reason := why_not(request.param):
        pytest.skip(f"tier {request.param}: {reason}")
    return request.param


@pytest.fixture
def cluster(tier: Tier, tmp_path: Path, guard: Guard) -> Iterator[Cluster]:
    database = choose_database(surroundings(tmp_path, guard, tier=tier, fast=False), free_port())
    assert isinstance(database, Cluster)
    database.start()
    yield database
    database.stop()


def _ask(url: str, query: str) -> object:
    with psycopg.connect(url) as conn:
        row = conn.execute(query).fetchone()
        return row and row[0]


def test_what_was_committed_outlives_a_power_cut(cluster: Cluster):
    with psycopg.connect(cluster.url) as conn:
        conn.execute("CREATE TABLE kept (n int)")
        conn.execute("INSERT INTO kept SELECT generate_series(1, 1000)")
    cluster.kill()
    assert not cluster.is_alive
    cluster.start()
    assert _ask(cluster.url, "SELECT count(*) FROM kept") == 1000


def test_it_is_durable_private_and_not_run_as_root(cluster: Cluster):
    settings = {
        name: _ask(cluster.admin_url, f"SHOW {name}")
        for name in ("fsync", "synchronous_commit", "listen_addresses", "password_encryption", "TimeZone")
    }
    assert settings == {
        "fsync": "on",
        "synchronous_commit": "on",
        "listen_addresses": "127.0.0.1",
        "password_encryption": "scram-sha-256",
        "TimeZone": "UTC",
    }
    assert cluster.identity is not None
    owner = Path(f"/proc/{cluster.identity.pid}").stat().st_uid
    assert owner != 0


def test_services_are_no_superusers_and_need_the_password(cluster: Cluster):
    assert _ask(cluster.url, "SHOW is_superuser") == "off"
    with pytest.raises(psycopg.OperationalError, match="password"):
        _ask(cluster.url.replace(":" + cluster.url.split(":")[2].split("@")[0], ":guess"), "SELECT 1")


def test_data_of_another_major_version_is_not_touched(cluster: Cluster, tmp_path: Path):
    cluster.stop()
    version = tmp_path / "database/pgdata/PG_VERSION"
    written = version.read_text()
    version.write_text("12\n")
    with pytest.raises(EngineError, match="written by PostgreSQL 12"):
        cluster.start()
    version.write_text(written)
    cluster.start()


def test_a_server_that_cannot_start_shows_the_end_of_its_log(tmp_path: Path, guard: Guard):
    port = free_port()
    first = choose_database(surroundings(tmp_path / "one", guard, tier=Tier.WHEELS), port)
    second = choose_database(surroundings(tmp_path / "two", guard, tier=Tier.WHEELS), port)
    first.start()
    try:
        with pytest.raises(EngineError, match=r"Address already in use|refuses its password"):
            second.start()
    finally:
        second.stop()
        first.stop()
