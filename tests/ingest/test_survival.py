"""What ingest survives: under a steady load, each failure ends with the same exact account.

Distinct messages published = committed + quarantined, no duplicate row; for each device, by the
ledger and by count. An outage lasts ``CITYOPS_OUTAGE_S`` seconds (3 unless it is set; 60 for a soak).
"""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import urlsplit

import psutil
import psycopg
import pytest

from launch.engines import choose_database
from launch.engines.accounts import Account
from launch.engines.broker import Mosquitto
from launch.engines.database import Cluster
from launch.ports import free_port
from launch.processes import Guard
from store import devices, ledger, pool
from store.migrate import migrate
from telemetry.devices import Device
from telemetry.metrics import Domain
from tests.fix_engines import surroundings
from tests.fix_line import Line
from tests.fix_mqtt import MakeBroker

OUTAGE_S = float(os.environ.get("CITYOPS_OUTAGE_S", "3"))
RATE = 800.0
HERE = Path(__file__).parent
DISK_MB = 900


def wait_until(condition: Callable[[], bool], what: str, timeout_s: float = 60.0) -> None:
    deadline = time.monotonic() + timeout_s
    while not condition():
        assert time.monotonic() < deadline, f"waited {timeout_s:.0f} s for {what}"
        time.sleep(0.03)


@contextmanager
def small_disk(folder: Path) -> Generator[bool]:
    """A file system of its own on ``folder`` where one may be mounted; says whether."""
    folder.mkdir(parents=True)
    size = f"size={DISK_MB}m,mode=755"
    mount = ["mount", "-t", "tmpfs", "-o", size, "none", str(folder)]
    mounted = os.geteuid() == 0 and subprocess.run(mount, capture_output=True, check=False).returncode == 0
    try:
        yield mounted
    finally:
        if mounted:
            subprocess.run(["umount", "--lazy", str(folder)], capture_output=True, check=False)


@dataclass
class World:
    """One database that keeps what it committed, one broker; the programs of one scenario."""

    cluster: Cluster
    broker: Mosquitto
    disk: Path | None
    folder: Path
    names: tuple[str, ...] = ()
    started: list[subprocess.Popen[bytes]] = field(default_factory=list[subprocess.Popen[bytes]])

    def admin(self) -> psycopg.Connection:
        return pool.connect(self.cluster.url, name="test", autocommit=True)

    def register(self, scenario: str) -> None:
        self.names = tuple(f"{scenario}-{i}" for i in range(3))
        rows = [
            Device(n, Domain.TRAFFIC, "loop", n, n, 10.7, 106.7, "760", 10, ("speed_kmh",))
            for n in self.names
        ]
        with self.admin() as conn:
            devices.upsert_devices(conn, rows)

    def start_ingest(
        self, *, name: str = "ingest-1", db_port: int = 0, mqtt_port: int = 0, clock: Path | None = None,
        **limits: object,
    ) -> subprocess.Popen[bytes]:  # fmt: skip
        """Start ingest and wait until it hears the broker."""
        config = self.folder / f"{name}.toml"
        rows = {"database_patience_s": 2.0, "keepalive_s": 1, **limits}
        config.write_text("[ingest]\n" + "".join(f"{k} = {json.dumps(v)}\n" for k, v in rows.items()))
        database, broker = urlsplit(self.cluster.url), urlsplit(self.broker.url_for(Account.INGEST))
        who = broker.netloc.rpartition("@")[0]
        at = f"{database.username}:{database.password}@127.0.0.1:{db_port or database.port}"
        environment = os.environ | {
            "DATABASE_URL": database._replace(netloc=at).geturl(),
            "MQTT_URL": broker._replace(netloc=f"{who}@127.0.0.1:{mqtt_port or broker.port}").geturl(),
            "CITYOPS_DATA_DIR": str(self.folder / "data"),
            "CITYOPS_INGESTOR": name,
            "PYTHONPATH": str(HERE.parents[1]),
        }
        program = [str(HERE / "jumping_clock.py"), str(clock)] if clock else ["-m", "launch"]
        with (self.folder / f"{name}.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, *program, "--config", str(config), "ingest"],
                env=environment, stdout=log, stderr=log,
            )  # fmt: skip
        self.started.append(process)
        service = "ingest" if name == "ingest-1" else f"ingest {name}"
        wait_until(lambda: self.beat(service, process.pid).get("broker") == "connected", f"{name} to start")
        return process

    def beat(self, service: str, pid: int) -> dict[str, object]:
        try:
            with self.admin() as conn:
                row = conn.execute(
                    "SELECT detail FROM service WHERE name = %s AND pid = %s", (service, pid)
                ).fetchone()
        except psycopg.OperationalError:
            return {}
        return row[0] if row else {}

    def stored(self) -> int:
        with self.admin() as conn:
            query = "SELECT count(*) FROM reading JOIN stream USING (stream_id) WHERE device_id = ANY(%s)"
            row = conn.execute(query, (list(self.names),)).fetchone()
        return row[0] if row else 0

    def wait_for_more(self, n: int = 200) -> None:
        """Until ``n`` more readings are stored: the load goes on and it is taken."""
        before = self.stored()
        wait_until(lambda: self.stored() >= before + n, "more readings")

    @contextmanager
    def load(self, rate: float = RATE, *, until_kept: bool = False) -> Generator[dict[str, object]]:
        """Publish while the block runs, then wait for all of it; the record is filled in at the end."""
        program = [sys.executable, str(HERE / "steady_publisher.py")]
        broker = urlsplit(self.broker.url)
        # Readings of an hour ago: a clock that jumps forth or back must not make them impossible.
        start_ms = int((time.time() - 3_600) * 1_000)
        options = [
            "--port",
            str(broker.port),
            "--user",
            f"{broker.username}",
            "--password",
            f"{broker.password}",
        ]
        options += ["--name", f"pub-{self.names[0]}", "--start-ms", str(start_ms)]
        options += ["--rate", str(rate), *(["--until-kept"] if until_kept else []), *self.names]
        record: dict[str, object] = {}
        with subprocess.Popen(program + options, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as publisher:
            try:
                yield record
                out, _ = publisher.communicate(timeout=90)
            except BaseException:
                publisher.kill()
                raise
        record |= json.loads(out)
        assert publisher.returncode == 0, f"the broker did not take everything: {record}"

    def check(self, record: dict[str, object]) -> None:
        """The account of each device, by the ledger and by count."""
        good, bad = record["good"], record["bad"]
        assert isinstance(good, dict)
        assert isinstance(bad, dict)
        assert sum(good.values()) > 400
        assert sum(bad.values()) > 5
        wait_until(lambda: self.account() == self.expected(good, bad), "the account to add up")

    def settle(self, record: dict[str, object]) -> None:
        try:
            self.check(record)
        except AssertionError:
            pytest.fail(f"published {record}\naccount (ledger committed, quarantined; rows, distinct, kept) "
                        f"{self.account()}")  # fmt: skip

    def expected(self, good: dict[str, int], bad: dict[str, int]) -> dict[str, tuple[int, ...]]:
        return {n: (good[n], bad.get(n, 0), good[n], good[n], bad.get(n, 0)) for n in self.names}

    def account(self) -> dict[str, tuple[int, ...]]:
        found: dict[str, tuple[int, ...]] = {}
        with self.admin() as conn:
            by_device = ledger.by_device(conn)
            for name in self.names:
                rows = conn.execute(
                    "SELECT count(*), count(DISTINCT time) FROM reading JOIN stream USING (stream_id) "
                    "WHERE device_id = %s", (name,)
                ).fetchone()  # fmt: skip
                kept = conn.execute(
                    "SELECT count(*) FROM quarantine WHERE device_id = %s", (name,)
                ).fetchone()
                entry = by_device.get(name)
                assert rows is not None
                assert kept is not None
                said = (entry.committed, entry.quarantined) if entry else (0, 0)
                found[name] = (*said, *rows, kept[0] + (entry.evicted if entry else 0))
        return found


@pytest.fixture(scope="module")
def engines(
    tmp_path_factory: pytest.TempPathFactory, guard: Guard, make_broker: MakeBroker
) -> Iterator[World]:
    broker = make_broker()
    if not isinstance(broker, Mosquitto):
        pytest.skip(f"no mosquitto: {broker.info.reason}")
    folder = tmp_path_factory.mktemp("survival")
    with ExitStack() as stack:
        mounted = stack.enter_context(small_disk(folder / "database" / "database"))
        # Not `fast`: what a killed database had committed must be there.
        cluster = choose_database(surroundings(folder / "database", guard, fast=False), free_port())
        assert isinstance(cluster, Cluster)
        cluster.start()
        stack.callback(cluster.stop)
        migrate(cluster.url)
        disk = folder / "database" / "database" if mounted else None
        yield World(cluster, broker, disk, folder)


@pytest.fixture
def world(engines: World, request: pytest.FixtureRequest) -> Iterator[World]:
    engines.register(re.sub(r"[^a-z0-9]+", "-", request.node.name.removeprefix("test_")).strip("-"))
    yield engines
    for process in engines.started:
        process.kill()
        process.wait(60)
    engines.started.clear()


def test_ingest_killed(world: World) -> None:
    process = world.start_ingest()
    with world.load() as record:
        for _ in range(3):
            world.wait_for_more()
            process.kill()
            process.wait(60)
            process = world.start_ingest()
    world.settle(record)


def test_database_killed(world: World) -> None:
    world.start_ingest()
    with world.load() as record:
        for _ in range(2):
            world.wait_for_more()
            world.cluster.kill()
            world.cluster.start()
        world.wait_for_more()
    world.settle(record)


def test_database_stopped(world: World) -> None:
    world.start_ingest()
    with world.load() as record:
        world.wait_for_more()
        world.cluster.stop()
        hold(OUTAGE_S)
        world.cluster.start()
        world.wait_for_more()
    world.settle(record)


def test_broker_killed(world: World) -> None:
    """With MQTT 5's Response Topic: the device hears what is kept, and sends again what was lost."""
    world.start_ingest()
    with world.load(rate=400, until_kept=True) as record:
        for _ in range(3):
            world.wait_for_more(150)
            world.broker.kill()
            world.broker.start()
        world.wait_for_more(150)
    world.settle(record)


def test_database_silent(world: World) -> None:
    """It takes connections and questions, and answers none."""
    line = Line(urlsplit(world.cluster.url).port or 0)
    process = world.start_ingest(db_port=line.port)
    with world.load() as record:
        world.wait_for_more()
        line.stall()
        wait_for_log(world, "hanging up")
        hold(OUTAGE_S)
        line.flow()
        world.wait_for_more()
    world.settle(record)
    assert process.poll() is None
    line.close()


def test_broker_cut_and_silent(world: World) -> None:
    line = Line(urlsplit(world.broker.url).port or 0)
    process = world.start_ingest(mqtt_port=line.port)
    with world.load() as record:
        for _ in range(3):
            world.wait_for_more()
            line.cut()
        world.wait_for_more()
        line.stall()
        hold(OUTAGE_S)
        line.flow()
        world.wait_for_more()
    world.settle(record)
    wait_until(lambda: number(world.beat("ingest", process.pid), "broker_losses") >= 4, "the losses told")
    line.close()


def test_disk_full(world: World) -> None:
    if world.disk is None:
        pytest.skip("a small file system for the database needs root and the right to mount")
    world.start_ingest()
    ballast = world.disk / "ballast"
    with world.load() as record:
        world.wait_for_more()
        fill(ballast)
        wait_for_log(world, "No space left")
        hold(1.0)
        ballast.unlink()
        if not world.cluster.is_alive:  # without room for its log it ends: the supervisor starts it again
            world.cluster.start()
        world.wait_for_more()
    world.settle(record)


def test_one_of_two_killed(world: World) -> None:
    first = world.start_ingest(share="city")
    world.start_ingest(name="ingest-2", share="city")
    with world.load() as record:
        world.wait_for_more()
        first.kill()
        first.wait(60)
        world.wait_for_more()
        world.start_ingest(share="city")
    world.settle(record)
    with world.admin() as conn:
        wrote = {
            row[0]
            for row in conn.execute(
                "SELECT ingestor FROM ledger WHERE device_id = ANY(%s)", (list(world.names),)
            )
        }
    assert wrote == {"ingest-1", "ingest-2"}


def test_poison(world: World) -> None:
    """A reading the store itself refuses is found in its batch; the others are not held up."""
    world.start_ingest()
    with world.admin() as conn:
        ids = [s.stream_id for name in world.names for s in devices.list_streams(conn, name)]
        rule = f"CHECK (value <> 77 OR stream_id NOT IN ({', '.join(map(str, ids))}))"
        conn.execute(f"ALTER TABLE reading ADD CONSTRAINT poison {rule}".encode())
    try:
        with world.load() as record:
            world.wait_for_more(900)
    finally:
        with world.admin() as conn:
            wait_until(lambda: world.stored() > 900, "readings")
            total = sum(sum(part.values()) for part in (record["good"], record["bad"]))  # type: ignore[attr-defined]
            wait_until(
                lambda: sum(sum(entry[:2]) for entry in world.account().values()) == total, "the account"
            )
            conn.execute("ALTER TABLE reading DROP CONSTRAINT poison")
    account = world.account()
    with world.admin() as conn:
        row = conn.execute(
            "SELECT count(*) FROM quarantine WHERE reason = 'store' AND device_id = ANY(%s)",
            (list(world.names),),
        ).fetchone()
    assert row is not None
    assert row[0] > 3
    for committed, quarantined, rows, distinct, kept in account.values():
        assert committed == rows == distinct
        assert quarantined == kept


@pytest.mark.parametrize("jump_s", [-86_400, 86_400], ids=["back", "forth"])
def test_clock_jumps(world: World, tmp_path: Path, jump_s: int) -> None:
    clock = tmp_path / "offset"
    clock.write_text("0")
    world.start_ingest(clock=clock, future_tolerance_s=200_000.0)
    with world.load() as record:
        world.wait_for_more()
        clock.write_text(str(jump_s))
        world.wait_for_more()
        clock.write_text("0")
    world.settle(record)


def test_overload(world: World) -> None:
    """Ten times the load: the queue is the broker's, and ingest's memory stays what it was."""
    in_flight = 1_500
    # The load is the city's, and only the test has it come from three devices.
    process = world.start_ingest(in_flight=in_flight, max_batch=200, device_burst=10_000_000)
    with world.load() as quiet:
        world.wait_for_more(600)
    world.settle(quiet)
    before = psutil.Process(process.pid).memory_info().rss
    world.register("overload-10x")
    with world.load(rate=10 * RATE) as record:
        hold(OUTAGE_S)
    world.settle(record)
    assert psutil.Process(process.pid).memory_info().rss - before < 30e6
    assert number(world.beat("ingest", process.pid), "most_waiting") <= in_flight


def hold(seconds: float) -> None:
    """Let a failure last."""
    end = time.monotonic() + seconds
    wait_until(lambda: time.monotonic() >= end, "the end of the outage", seconds + 5)


def number(detail: dict[str, object], name: str) -> float:
    value = detail.get(name)
    return value if isinstance(value, (int, float)) else 0.0


def wait_for_log(world: World, words: str) -> None:
    log = world.folder / "ingest-1.log"
    wait_until(lambda: words in log.read_text(errors="replace"), f"{words!r} in the log of ingest")


def fill(ballast: Path) -> None:
    """Take all the room there is on its disk."""
    with ballast.open("wb", buffering=0) as handle:
        try:
            while shutil.disk_usage(ballast.parent).free:
                handle.write(bytes(64 * 1024))
        except OSError:
            return
