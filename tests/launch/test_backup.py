"""Backups of each edition that has PostgreSQL's tools: made while ingest writes, and restored whole."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import numpy as np
import psycopg
import pytest

from ingest.message import Message
from ingest.writer import Writer
from launch.backup import DUMP, MANIFEST, make_backup, prune, read_manifest, restore_backup
from launch.engines.clients import Clients, client_environment, find_clients
from launch.schema import register
from store.backup import count_rows, read_facts
from store.migrate import migrate
from store.pool import connect
from store.readings import write_readings
from telemetry.devices import Device
from telemetry.errors import ConfigError, EngineError, MigrationError
from telemetry.metrics import Domain
from telemetry.readings import Readings
from telemetry.settings import Ingest
from tests.fix_db import ClusterServer, TestServer
from tests.fix_engines import engine_settings

DEVICES = [
    Device(f"cam-{n}", Domain.TRAFFIC, "camera", "C", "C", 10.7, 106.7, "760", 60.0, ("speed_kmh",))
    for n in range(20)
]
DAY_US = 86_400_000_000
N = 20_000
BY_STREAM = """
SELECT device_id, stream_id, count(*), sum(value)::numeric(20, 6) FROM reading JOIN stream USING (stream_id)
GROUP BY 1, 2 ORDER BY 1"""
CHUNKS = "SELECT count(*) FROM timescaledb_information.chunks WHERE hypertable_name = 'reading'"


@dataclass(frozen=True)
class Site:
    """A server of an edition, with a database that holds something."""

    server: ClusterServer
    url: str
    clients: Clients

    @property
    def admin_url(self) -> str:
        return self.server.cluster.admin_url

    def restore(self, folder: Path, url: str, *, force: bool = False) -> None:
        name = urlsplit(url).path.lstrip("/")
        restore_backup(self.admin_url, name, self.clients, folder, lambda *_: None, force=force)


@pytest.fixture(scope="module", params=["apache", "plain"])
def site(request: pytest.FixtureRequest, edition_servers: Callable[[str], TestServer]) -> Site:
    server = edition_servers(request.param)
    assert isinstance(server, ClusterServer)
    url = server.new_url()
    migrate(url)
    register(url, DEVICES)
    now = time.time_ns() // 1_000
    with connect(url, name="test") as conn:
        ids = np.arange(N) % len(DEVICES) + 1
        times = now - (np.arange(N) * 5 * DAY_US) // N
        write_readings(conn, Readings.of(ids, times, np.random.default_rng(3).uniform(0, 90, N)))
        conn.commit()
        facts = read_facts(conn)
    return Site(server, url, find_clients(engine_settings(), facts.postgres_major))


def backup(site: Site, folder: Path) -> None:
    make_backup(site.url, site.clients, folder, lambda *_: None)


def messages(n: int) -> list[Message]:
    at = time.time_ns() // 1_000
    topic = "city/traffic/cam-1/telemetry"
    return [
        Message(topic, b'{"speed_kmh": 40, "ts": %d}' % (at // 1000 - 5 * k), at, 1, 1, 1) for k in range(n)
    ]


def contents(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(BY_STREAM).fetchall()


def test_a_backup_is_of_one_moment_and_comes_back_whole(site: Site, tmp_path: Path):
    stop, written = threading.Event(), []

    def ingest() -> None:
        with connect(site.url, name="ingest") as conn:
            writer = Writer(conn, "ingest-1", Ingest())
            while not stop.is_set():
                written.append(writer.write(messages(50)))

    thread = threading.Thread(target=ingest)
    thread.start()
    try:
        backup(site, tmp_path / "b")
    finally:
        stop.set()
        thread.join()
    manifest = read_manifest(tmp_path / "b")
    assert written
    assert manifest.counts["reading"] >= N
    before = contents(site.url)
    with pytest.raises(ConfigError, match="not empty"):
        site.restore(tmp_path / "b", site.url)
    assert contents(site.url) == before

    url = site.server.new_url()
    site.restore(tmp_path / "b", url)
    with psycopg.connect(url) as conn:
        assert count_rows(conn) == manifest.counts
        committed = conn.execute("SELECT sum(committed) FROM ledger WHERE ingestor = 'ingest-1'").fetchone()
        assert committed is not None
        assert manifest.counts["reading"] == N + int(committed[0] or 0)
        if manifest.timescaledb:
            chunks = conn.execute(CHUNKS).fetchone()
            assert chunks is not None
            assert chunks[0] >= 5
    assert [row[:2] for row in contents(url)] == [row[:2] for row in before]
    _goes_on(url, manifest.counts["reading"])


def _goes_on(url: str, before: int) -> None:
    """Ingest writes on, a device that is added gets the next stream id, and nothing is stored twice."""
    assert migrate(url) == []
    register(
        url, [Device("new-1", Domain.TRAFFIC, "camera", "C", "C", 10.7, 106.7, "", 60.0, ("speed_kmh",))]
    )
    with connect(url, name="ingest") as conn:
        last = conn.execute("SELECT max(stream_id) FROM stream WHERE device_id = 'new-1'").fetchone()
        assert last is not None
        assert last[0] > len(DEVICES)
        conn.commit()
        writer, sent = Writer(conn, "ingest-1", Ingest()), messages(10)
        assert writer.write(sent).committed == 10
        assert writer.write(sent).duplicates == 10
        assert count_rows(conn)["reading"] == before + 10


def test_force_replaces_what_is_there_while_others_may_not_be_connected(site: Site, tmp_path: Path):
    backup(site, tmp_path / "b")
    before = contents(site.url)
    with psycopg.connect(site.url) as conn:
        conn.execute("DELETE FROM reading")
    with connect(site.url, name="ingest"), pytest.raises(EngineError, match="in use by cityops ingest"):
        site.restore(tmp_path / "b", site.url, force=True)
    site.restore(tmp_path / "b", site.url, force=True)
    assert contents(site.url) == before


def test_a_backup_that_does_not_fit_is_refused_and_nothing_is_touched(site: Site, tmp_path: Path):
    folder = tmp_path / "b"
    backup(site, folder)
    text, url = (folder / MANIFEST).read_text(), site.server.new_url()
    newer = text.replace('"0001_devices.sql"', '"9999_later.sql"')
    (folder / MANIFEST).write_text(newer)
    with pytest.raises(MigrationError, match="9999_later"):
        site.restore(folder, url)
    (folder / MANIFEST).write_text(text.replace('"postgres_major": 1', '"postgres_major": 9'))
    with pytest.raises(EngineError, match="the server is"):
        site.restore(folder, url)
    (folder / MANIFEST).write_text(text)
    with (folder / DUMP).open("r+b") as handle:
        handle.seek(-100, 2)
        handle.write(b"\0" * 50)
    with pytest.raises(ConfigError, match="was changed"):
        site.restore(folder, url)
    with psycopg.connect(url) as conn:
        assert read_facts(conn).migrations == {}


def test_a_dump_that_breaks_leaves_the_database_as_it_was(site: Site, tmp_path: Path):
    folder = tmp_path / "b"
    backup(site, folder)
    before = contents(site.url)
    (folder / MANIFEST).write_text(
        (folder / MANIFEST).read_text().replace(f'"device": {len(DEVICES)}', '"device": 7')
    )
    with pytest.raises(EngineError, match="device has 20 rows after the restore, not 7"):
        site.restore(folder, site.url, force=True)
    assert contents(site.url) == before
    with psycopg.connect(site.admin_url) as conn:
        assert conn.execute("SELECT 1 FROM pg_database WHERE datname LIKE '%restoring'").fetchone() is None


def test_what_pg_dump_says_is_told_and_nothing_is_left(site: Site, tmp_path: Path):
    broken = Clients(Path("/bin"), site.clients.major)
    with pytest.raises((EngineError, FileNotFoundError)):
        make_backup(site.url, broken, tmp_path / "b", lambda *_: None)
    assert list(tmp_path.iterdir()) == []


def test_the_newest_backups_are_kept(site: Site, tmp_path: Path):
    for name in ("c", "a", "b"):
        backup(site, tmp_path / name)
    (tmp_path / "mine").mkdir()
    assert prune(tmp_path, 2) == [tmp_path / "c"]
    assert sorted(f.name for f in tmp_path.iterdir()) == ["a", "b", "mine"]


def test_a_password_is_not_on_the_command_line():
    told = client_environment("postgresql://me:secret@db:5433/city?sslmode=require")
    names = ("PGUSER", "PGPASSWORD", "PGHOST", "PGPORT", "PGDATABASE", "PGSSLMODE")
    assert {told[name] for name in names} == {
        "me", "secret", "db", "5433", "city", "require",
    }  # fmt: skip


def test_tools_older_than_the_server_are_not_taken():
    with pytest.raises(EngineError, match="PostgreSQL 99"):
        find_clients(engine_settings(), 99)
