"""The database: one whose address was given, or a private PostgreSQL cluster of ours."""

from __future__ import annotations

import json
import os
import re
import secrets
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass, replace
from pathlib import Path

from typing_extensions import override

from launch.engines import provision
from launch.engines.engine import Engine
from launch.engines.place import Place
from launch.engines.server import Server
from launch.engines.surroundings import Surroundings
from launch.engines.template import write_config
from launch.engines.tiers import EngineInfo, Tier
from launch.processes import Identity, tail
from telemetry.errors import EngineError

_STILL_IN_USE = re.compile(r"pre-existing shared memory block|lock file .* already exists")


class Database(Engine):
    """A PostgreSQL server with a database of ours in it; its address is that database's."""

    @override
    def describe(self) -> EngineInfo:
        """What runs, with its version; asked of the running server."""
        return replace(self.info, version=provision.version(self.url))


class GivenDatabase(Database):
    """A database somebody else runs."""

    def __init__(self, url: str, info: EngineInfo) -> None:
        self.info = info
        self._url = url

    @property
    @override
    def url(self) -> str:
        return self._url

    @override
    def start(self) -> None:
        provision.require(self._url)

    @override
    def stop(self) -> None:
        """Not ours to stop."""


@dataclass(frozen=True, slots=True)
class Programs:
    """The server programs of a PostgreSQL, and where they run."""

    place: Place
    bin: Path
    major: int


class Cluster(Database):
    """A private cluster under the data folder, listening on loopback alone."""

    def __init__(self, info: EngineInfo, programs: Programs, around: Surroundings, port: int) -> None:
        self.info = info
        self._programs = programs
        self._around = around
        self._port = port
        self._secrets_file = around.folder / "database-secrets.json"
        self._server = Server(
            "PostgreSQL", around.folder / "logs" / "database.log", around.guard, stop_signal=signal.SIGINT
        )

    @property
    @override
    def url(self) -> str:
        return self._address("cityops", "cityops")

    @property
    def admin_url(self) -> str:
        """Address as the superuser, to make and drop databases with."""
        return self._address("postgres", "postgres")

    @property
    @override
    def identity(self) -> Identity | None:
        return self._server.identity if self._server.is_alive else None

    @property
    @override
    def is_alive(self) -> bool:
        return self._server.is_alive

    @override
    def start(self) -> None:
        outer = self._programs.place.settle(self._around.folder / "database")
        if not outer.is_relative_to(self._around.folder):
            self.info = self.info.kept_in(outer)
        self._make_cluster(outer)
        self._configure(outer)
        self._start_server(outer)
        provision.provision(self.admin_url, "cityops", self._secrets()["cityops"])

    @override
    def stop(self) -> None:
        self._server.stop(grace_s=60.0)

    def kill(self) -> None:
        """End it as a power cut would."""
        self._server.kill()

    def _address(self, user: str, database: str) -> str:
        return f"postgresql://{user}:{self._secrets()[user]}@127.0.0.1:{self._port}/{database}"

    def _secrets(self) -> dict[str, str]:
        """Passwords by user, made at first and kept beside the data, for the owner alone."""
        if self._secrets_file.exists():
            return dict(json.loads(self._secrets_file.read_bytes()))
        made = {user: secrets.token_urlsafe(24) for user in ("postgres", "cityops")}
        self._secrets_file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(self._secrets_file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8") as handle:
            json.dump(made, handle)
        return made

    def _make_cluster(self, outer: Path) -> None:
        """Run ``initdb`` unless it has been; under another name first, so never by halves."""
        finished, making = outer / "pgdata", outer / "making"
        if (finished / "PG_VERSION").exists():
            self._check_major(finished)
            return
        shutil.rmtree(making, ignore_errors=True)
        password = outer / "password"
        password.write_text(self._secrets()["postgres"], encoding="utf-8")
        password.chmod(0o600)
        if self._programs.place.user is not None:
            os.chown(password, self._programs.place.user.uid, self._programs.place.user.gid)
        try:
            self._initdb(outer)
        finally:
            password.unlink()
        making.rename(finished)

    def _initdb(self, outer: Path) -> None:
        inner = self._programs.place.inner(outer)
        program = str(self._programs.bin / "initdb")
        options = ["--username=postgres", f"--pwfile={inner / 'password'}", "--auth=scram-sha-256"]
        # The built-in locale sorts and folds the same on every machine; it came with 17.
        newer = self._programs.major >= 17
        locale = ["--locale-provider=builtin", "--builtin-locale=C.UTF-8"] if newer else []
        command = [program, *options, "--encoding=UTF8", "--locale=C", *locale]
        if self._around.fast:
            command.append("--no-sync")
        command += ["-D", str(inner / "making")]
        done = subprocess.run(
            self._programs.place.command(outer, command), capture_output=True, text=True, check=False
        )
        if done.returncode != 0:
            raise EngineError(f"initdb failed: {done.stderr.strip()[-800:]}")

    def _check_major(self, pgdata: Path) -> None:
        major = (pgdata / "PG_VERSION").read_text(encoding="utf-8").strip()
        if major != str(self._programs.major):
            raise EngineError(
                f"the data in {self._around.folder} was written by PostgreSQL {major}, "
                f"and the engine now is {self._programs.major}",
                cure="use the engine of before (CITYOPS_ENGINE), another --data-dir, or `cityops clean-data`",
            )

    def _configure(self, outer: Path) -> None:
        place, fast = self._programs.place, self._around.fast
        sees_shared_memory = place.root is None or place.is_private
        preload = "shared_preload_libraries = 'timescaledb'\ntimescaledb.telemetry_level = off"
        write_config(
            "postgresql/private.conf",
            outer / "pgdata" / "postgresql.conf",
            place.user,
            port=self._port,
            preload="" if self.info.tier is Tier.WHEELS else preload,
            shared_mb=64 if fast else 512,
            cache_mb=256 if fast else 2048,
            shared_memory="posix" if sees_shared_memory else "mmap",
            durable="off" if fast else "on",
        )

    def _start_server(self, outer: Path) -> None:
        """Start the server, waiting for what a killed one left behind to go."""
        place = self._programs.place
        argv = [str(self._programs.bin / "postgres"), "-D", str(place.inner(outer) / "pgdata")]
        deadline = time.monotonic() + 15.0
        while True:
            try:
                return self._server.start(
                    place.command(outer, argv), lambda: provision.answers(self.admin_url), timeout_s=120.0
                )
            except EngineError:
                lingering = _STILL_IN_USE.search(tail(self._server.log))
                if not lingering or time.monotonic() > deadline:
                    raise
                time.sleep(0.2)
