"""A city of any size on a database and a dashboard of its own, for as long as a benchmark runs.

The devices are those of the Ho Chi Minh City profile, each repeated at spots nearby. What
services would commit, the benchmark commits itself, through the same store: readings as
batches of the log, alerts as findings.
"""

from __future__ import annotations

import contextlib
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from alerts.apply import apply_findings
from dashboard.auth.client import COOKIE
from launch.config import load_city, load_settings
from launch.engines import choose_database
from launch.engines.surroundings import Surroundings
from launch.ports import free_port
from launch.processes import Guard
from launch.schema import prepare_database
from store import batches, devices, people, pool, readings, sessions
from store.passwords import generate_password, hash_password
from telemetry.alerts import Finding, FindingState, Severity
from telemetry.devices import Device, Stream
from telemetry.people import Role
from telemetry.readings import Readings, to_micros

CHROMIUM_ARGUMENTS = ["--no-sandbox", "--use-angle=swiftshader", "--enable-unsafe-swiftshader"]
_SPREAD_DEG = 0.02
_RULES = ("limit", "seasonal", "stuck", "averages")


@dataclass(slots=True)
class Stage:
    """A dashboard's address, a viewer's session, and a hand on the database below it."""

    url: str
    token: str
    pid: int
    conn: psycopg.Connection
    streams: list[Stream]
    rng: np.random.Generator = field(default_factory=lambda: np.random.default_rng(7))
    seq: int = 0

    @property
    def cookie(self) -> dict[str, str]:
        """The session, as Playwright takes a cookie."""
        return {"name": COOKIE, "value": self.token, "url": self.url}

    def commit(self, stream_ids: Sequence[int], value: float | None = None) -> None:
        """Commit a reading of each stream at this moment, of a value or of any."""
        now = np.full(len(stream_ids), to_micros(datetime.now(UTC)), np.int64)
        values = self.rng.normal(50, 15, len(now)).round(2) if value is None else np.full(len(now), value)
        self.seq += 1
        with self.conn.transaction():
            stored = readings.write_readings(self.conn, Readings.of(list(stream_ids), now, values))
            batches.append_batch(self.conn, "benchmark", self.seq, stored)

    def find(self, streams: Sequence[Stream], state: FindingState) -> None:
        """Raise or clear an alert on each of these streams."""
        now = datetime.now(UTC)
        severities = list(Severity)
        findings = [
            Finding(
                key=f"benchmark:{stream.stream_id}",
                state=state,
                detector="benchmark",
                rule=_RULES[stream.stream_id % len(_RULES)],
                stream_id=stream.stream_id,
                severity=severities[stream.stream_id % len(severities)],
                at=now,
                value=1.0,
                expected_low=0.0,
                expected_high=0.5,
                detail={},
            )
            for stream in streams
        ]
        with self.conn.transaction():
            apply_findings(self.conn, findings)

    def rss_bytes(self) -> int:
        """Resident memory of the dashboard's process."""
        pages = int(Path(f"/proc/{self.pid}/statm").read_text(encoding="ascii").split()[1])
        return pages * os.sysconf("SC_PAGE_SIZE")

    def cpu_s(self) -> float:
        """CPU time the dashboard's process has used."""
        parts = Path(f"/proc/{self.pid}/stat").read_text(encoding="ascii").rpartition(")")[2].split()
        return (int(parts[11]) + int(parts[12])) / os.sysconf("SC_CLK_TCK")


def many(originals: Sequence[Device], n: int) -> list[Device]:
    """``n`` devices made of a city's own, repeated at spots nearby."""
    rng = np.random.default_rng(20)
    made: list[Device] = []
    for index in range(n):
        device, turn = originals[index % len(originals)], index // len(originals)
        if turn == 0:
            made.append(device)
            continue
        north, east = rng.normal(0, _SPREAD_DEG, 2)
        made.append(
            replace(
                device,
                device_id=f"{device.device_id}-n{turn}",
                name_vi=f"{device.name_vi} ({turn})",
                name_en=f"{device.name_en} ({turn})",
                lat=device.lat + north,
                lon=device.lon + east,
            )
        )
    return made


@contextmanager
def stage(n_devices: int) -> Iterator[Stage]:
    """A dashboard over ``n_devices`` devices, every stream with one reading; gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="cityops-bench-") as name, contextlib.ExitStack() as stack:
        folder = Path(name)
        guard = Guard()
        stack.callback(guard.close)
        settings = load_settings(Path(os.devnull), environment={})
        say("starting a database")
        cluster = choose_database(Surroundings(settings, folder / "db", guard=guard), free_port())
        (folder / "db").mkdir(exist_ok=True)
        cluster.start()
        stack.callback(cluster.stop)
        city = load_city(settings)
        say(f"registering {n_devices:,} devices")
        prepare_database(cluster.url, replace(city, devices=tuple(many(city.devices, n_devices))))
        conn = stack.enter_context(pool.connect(cluster.url, name="benchmark"))
        token = _session(conn)
        with _dashboard(cluster.url, folder) as (url, pid):
            made = Stage(url, token, pid, conn, devices.list_streams(conn))
            conn.commit()
            for part in range(0, len(made.streams), 20_000):
                made.commit([stream.stream_id for stream in made.streams[part : part + 20_000]])
            yield made


def say(what: str) -> None:
    """A line of progress, beside the results."""
    print(f"… {what}", file=sys.stderr, flush=True)


def _session(conn: psycopg.Connection) -> str:
    person = people.add_person(conn, "benchmark", Role.OPERATOR, hash_password(generate_password()))
    token = sessions.begin_session(conn, person.person_id, datetime.now(UTC), timedelta(days=1), "127.0.0.1")
    conn.commit()
    return token


@contextmanager
def _dashboard(database_url: str, folder: Path) -> Iterator[tuple[str, int]]:
    port = free_port()
    command = [sys.executable, "-m", "launch", "--data-dir", str(folder / "data"), "--http-port", str(port)]
    with (folder / "dashboard.log").open("wb") as log:
        child = subprocess.Popen(
            [*command, "dashboard"], env={**os.environ, "DATABASE_URL": database_url}, stdout=log, stderr=log
        )
        try:
            url = f"http://127.0.0.1:{port}"
            deadline = time.monotonic() + 60
            while not _answers(url + "/readyz"):
                if child.poll() is not None or time.monotonic() > deadline:
                    raise SystemExit((folder / "dashboard.log").read_text(encoding="utf-8")[-2000:])
                time.sleep(0.1)
            yield url, child.pid
        finally:
            child.terminate()
            child.wait(20)


def _answers(url: str) -> bool:
    with contextlib.suppress(OSError), urllib.request.urlopen(url, timeout=5) as answer:
        return bool(answer.status == 200)
    return False
