"""A dashboard with a small past, served on a free port for the whole session."""

from __future__ import annotations

import contextvars
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TypeVar

import httpx
import numpy as np
import psycopg
import pytest

from alerts.apply import apply_findings
from dashboard.auth.access import CSRF_HEADER
from dashboard.auth.client import COOKIE
from dashboard.service import run
from launch.config import load_city, load_settings
from launch.ports import free_port
from store import batches, devices, people, pool, readings, sessions
from store.passwords import hash_password
from store.tokens import csrf_of
from telemetry.alerts import Finding, FindingState, Severity
from telemetry.city import City
from telemetry.devices import Device
from telemetry.metrics import Domain
from telemetry.people import Role
from telemetry.readings import Readings, to_micros
from telemetry.settings import Settings
from tests.fix_browser import remember_session

PASSWORD = "a long enough secret"
GAUGE = "level-phu-an"
AIR = "air-quan-1"
SILENT = "rain-mac-dinh-chi"
HOSTILE = "hostile-1"
SCRIPT = '<img src=x onerror="window.hacked=1"><script>window.hacked=1</script>{{7*7}}${7*7}'

_T = TypeVar("_T")


def wait_for(ask: Callable[[], _T], timeout_s: float = 60.0) -> _T:
    """The first true answer; fails after the deadline."""
    deadline = time.monotonic() + timeout_s
    while True:
        if answer := ask():
            return answer
        assert time.monotonic() < deadline, "the condition was not met in time"
        time.sleep(0.02)


@dataclass
class Town:
    """A running dashboard, its database, and a hand that writes to it as the services would."""

    url: str
    settings: Settings
    city: City
    conn: psycopg.Connection
    seq: int = 0
    tokens: dict[Role, str] = field(default_factory=dict)

    def stream(self, device_id: str, metric: str) -> int:
        found = devices.list_streams(self.conn, device_id)
        self.conn.commit()
        return next(s.stream_id for s in found if s.metric == metric)

    def commit(self, stream_ids: list[int], values: list[float], at: datetime | None = None) -> int:
        """Commit readings as ingest does; returns their time in epoch ms."""
        at = at or datetime.now(UTC)
        rows = Readings.of(stream_ids, [to_micros(at)] * len(values), values)
        self.seq += 1
        with self.conn.transaction():
            stored = readings.write_readings(self.conn, rows)
            batches.append_batch(self.conn, "ingest-test", self.seq, stored)
        return to_micros(at) // 1000

    def find(self, key: str, stream_id: int, *, state: str = "raised", **facts) -> int:
        """Apply a finding as analytics does; returns the alert's id."""
        finding = Finding(
            key=key,
            state=FindingState(state),
            detector=facts.pop("detector", "limits"),
            rule=facts.pop("rule", "limit:tide"),
            stream_id=stream_id,
            severity=facts.pop("severity", Severity.MAJOR),
            at=facts.pop("at", datetime.now(UTC)),
            value=facts.pop("value", None),
            expected_low=facts.pop("low", None),
            expected_high=facts.pop("high", None),
            detail=facts,
        )
        with self.conn.transaction():
            return apply_findings(self.conn, [finding])[0].alert_id

    def get(self, path: str, **parameters) -> httpx.Response:
        """As an administrator."""
        return httpx.get(
            self.url + path, params=parameters, timeout=60, headers=self.cookie(Role.ADMINISTRATOR)
        )

    def as_role(self, role: str) -> httpx.Client:
        """A client signed in with a role; it sends the session's token with everything."""
        token = self.token(Role(role))
        headers = {CSRF_HEADER: csrf_of(token)}
        return httpx.Client(base_url=self.url, headers=headers, cookies={COOKIE: token}, timeout=60)

    def cookie(self, role: str = Role.ADMINISTRATOR) -> dict[str, str]:
        return {"cookie": f"{COOKIE}={self.token(Role(role))}"}

    def token(self, role: Role) -> str:
        """A session of the person named as the role; their password is `PASSWORD`."""
        if role not in self.tokens:
            with self.conn.transaction():
                person = people.add_person(self.conn, role, role, hash_password(PASSWORD))
                self.tokens[role] = sessions.begin_session(
                    self.conn, person.person_id, datetime.now(UTC), timedelta(days=1), "127.0.0.1"
                )
        return self.tokens[role]


@pytest.fixture(scope="session")
def city() -> City:
    return load_city(load_settings(environment={}))


@pytest.fixture(scope="module")
def town(make_database: Callable[[], str], city: City) -> Iterator[Town]:
    url = make_database()
    hostile = Device(
        HOSTILE, Domain.TRAFFIC, "<b>kind</b>", SCRIPT, SCRIPT, 10.79, 106.72, "<i>z</i>", 30.0,
        ("speed_kmh",), {"note": SCRIPT},
    )  # fmt: skip
    settings = load_settings(overrides={"database_url": url, "http_port": free_port()}, environment={})
    with pool.connect(url, name="test") as conn:
        devices.upsert_devices(conn, [*city.devices, hostile])
        conn.commit()
        made = Town(f"http://127.0.0.1:{settings.http_port}", settings, replace(city), conn)
        _past(made)
        for role in Role:
            remember_session(made.url, made.token(role), role)
        stop, failures = threading.Event(), []
        # Dash knows its context in the thread that imported it, as in the real process.
        context = contextvars.copy_context()
        arguments = (context, settings, city, stop, failures)
        server = threading.Thread(target=_serve, args=arguments, daemon=True)
        server.start()
        try:
            wait_for(lambda: failures or _ready(made.url))
            assert not failures
            yield made
        finally:
            stop.set()
            server.join(60)
        assert not server.is_alive(), "the dashboard did not stop"
        assert not failures


def _serve(
    context: contextvars.Context,
    settings: Settings,
    city: City,
    stop: threading.Event,
    failures: list[BaseException],
) -> None:
    try:
        context.run(run, settings, city, stop)
    except BaseException as error:  # noqa: BLE001  (the fixture reports it)
        failures.append(error)


def _ready(url: str) -> bool:
    try:
        return httpx.get(url + "/readyz").status_code == 200
    except httpx.TransportError:
        return False


def _past(town: Town) -> None:
    """Six hours of a tide and of air, one standing alert, one silent device."""
    now = datetime.now(UTC)
    tide, dust = town.stream(GAUGE, "water_level_m"), town.stream(AIR, "pm2_5")
    steps = np.arange(0, 6 * 3600, 60)
    times = [to_micros(now - timedelta(seconds=float(s))) for s in steps]
    with town.conn.transaction():
        for stream, values in ((tide, np.sin(steps / 7000)), (dust, 30 + 5 * np.sin(steps / 3000))):
            readings.write_readings(town.conn, Readings.of([stream] * len(steps), times, values))
    town.find("limit:tide", tide, value=1.52, threshold="level-phu-an-bd2", at=now - timedelta(minutes=9))
    rain = town.stream(SILENT, "rain_mmph")
    town.find(f"silence:{SILENT}", rain, rule="silence", detector="silence", silent_s=120.0)
    town.find("limit:hostile", town.stream(HOSTILE, "speed_kmh"), rule=SCRIPT, detector=SCRIPT, value=3.0)
