"""Everything on one machine: engines, schema, history and services, up and down again."""

from __future__ import annotations

import contextlib
import os
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Self

import msgspec

from launch.console import engine_progress, say
from launch.engines import Broker, Database, choose_broker, choose_database
from launch.engines.surroundings import Surroundings
from launch.folder import check_space, claimed, open_folder
from launch.ports import claim_port
from launch.processes import Guard, identify
from launch.run_state import Member, RunState, clear_state, stop_leftovers, write_state
from launch.services import ServiceSpec, service_environment
from launch.signals import StopRequest
from launch.supervisor import Supervisor
from telemetry.errors import EngineError
from telemetry.settings import Settings


@dataclass(slots=True)
class Machine:
    """A run on this machine, from claiming the data folder to letting it go.

    Use it as a context: whatever was started is stopped at the end, in order. The
    services stop before the broker, the broker before the database.
    """

    settings: Settings
    stop: StopRequest
    folder: Path = field(init=False)
    database: Database = field(init=False)
    broker: Broker = field(init=False)
    supervisor: Supervisor = field(init=False)
    guard: Guard = field(init=False)
    _stack: contextlib.ExitStack = field(default_factory=contextlib.ExitStack)
    has_started: bool = False
    described: dict[str, str] = field(default_factory=dict[str, str])

    def __enter__(self) -> Self:
        self.folder = self.settings.data_path
        open_folder(self.folder)
        check_space(self.folder)
        self._stack.enter_context(claimed(self.folder))
        left = stop_leftovers(self.folder)
        if left:
            say(f"Stopped what an earlier run left behind: {', '.join(left)}")
        return self

    def __exit__(self, *_: object) -> None:
        # A signal from here on asks for hurry and interrupts nothing.
        self.stop.set()
        if self.has_started:
            say("Stopping: services, broker, database …")
        self._stack.close()

    def claim_ports(self) -> None:
        """Check every port before anything is started; 0 becomes a free one."""
        chosen = self.settings
        wanted = [("http_port", chosen.http_host, "the dashboard", "--http-port")]
        if not chosen.mqtt_url:
            wanted.append(("mqtt_port", "127.0.0.1", "the broker", "--mqtt-port"))
        if not chosen.database_url:
            wanted.append(("db_port", "127.0.0.1", "the database", "--db-port"))
        if chosen.tls.port:
            claim_port(chosen.tls.port, chosen.tls.host, what="the broker with TLS", option="[tls] port")
        ports = {
            name: claim_port(getattr(chosen, name), host, what=what, option=option)
            for name, host, what, option in wanted
        }
        self.settings = msgspec.structs.replace(chosen, **ports)

    def start_engines(self) -> None:
        """Take the best engines to be had and start them."""
        self.guard = Guard()
        self._stack.callback(self.guard.close)
        self._stack.callback(clear_state, self.folder)
        with engine_progress() as report:
            around = Surroundings(self.settings, self.folder, report, self.guard)
            self.database = choose_database(around, self.settings.db_port)
            self.broker = choose_broker(around, self.settings.mqtt_port)
        self.has_started = True
        self._stack.callback(self.database.stop)
        self.database.start()
        self._stack.callback(self.broker.stop)
        self.broker.start()
        self.supervisor = Supervisor(
            service_environment(self.settings, self.database.url, self.broker.address),
            self.folder / "logs",
            self.guard,
            self.write_state,
        )
        self._stack.callback(self.supervisor.stop, hurry=self.stop.hurry.is_set)
        self.supervisor.keep_engine("database", self.database)
        self.supervisor.keep_engine("broker", self.broker)
        self.write_state()

    def describe_engines(self) -> tuple[str, str]:
        """One line each; asked once the schema is there, which loads TimescaleDB."""
        self.described = {
            "database": self.database.describe().line,
            "broker": self.broker.describe().line,
        }
        self.write_state()
        return self.described["database"], self.described["broker"]

    @property
    def http_url(self) -> str:
        """Where the dashboard is, for a browser on this machine."""
        host = self.settings.http_host
        shown = "127.0.0.1" if host in ("0.0.0.0", "::", "") else host  # noqa: S104 - compared, not bound
        return f"http://{f'[{shown}]' if ':' in shown else shown}:{self.settings.http_port}"

    def write_state(self) -> None:
        """Write down what runs, for other terminals and for the start after a crash."""
        me = identify(os.getpid())
        assert me is not None
        engines = {"database": self.database.identity, "broker": self.broker.identity}
        running = {**engines, **self.supervisor.identities}
        members = tuple(
            Member(name, who.pid, who.started, 2 if name == "database" else 15)
            for name, who in running.items()
            if who is not None
        )
        write_state(
            self.folder,
            RunState(
                me.pid,
                me.started,
                self.database.url,
                self.settings.mqtt_url or self.broker.address,
                self.http_url,
                **self.described,
                members=members,
            ),
        )

    def start_services(self, specs: list[ServiceSpec]) -> None:
        """Start services, in this order, each with its own account at the broker."""
        for spec in specs:
            told = {"MQTT_URL": self.broker.url_for(spec.account)} if spec.account else {}
            self.supervisor.start(replace(spec, environment=told))

    def wait_until(self, done: Callable[[], bool], what: str, *, timeout_s: float) -> None:
        """Keep everything running until ``done()``.

        Raises
        ------
        EngineError
            Where it is not done in time.
        """
        deadline = time.monotonic() + timeout_s
        while not done():
            if time.monotonic() > deadline:
                raise EngineError(
                    f"{what} after {timeout_s:.0f} s", cure=f"the logs are in {self.folder / 'logs'}"
                )
            self.supervisor.check(time.monotonic())
            time.sleep(0.1)
