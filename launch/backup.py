"""Backups: PostgreSQL's dump of one moment, with a manifest that a restore is checked against."""

from __future__ import annotations

import contextlib
import hashlib
import os
import shutil
import subprocess
import threading
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import IO, BinaryIO, Self
from urllib.parse import urlsplit

import msgspec
import psycopg

from launch.engines import provision
from launch.engines.clients import Clients, client_environment
from store import backup, migrate
from store.backup import Facts
from store.pool import connect
from telemetry.errors import ConfigError, EngineError, MigrationError

DUMP, MANIFEST = "database.dump", "manifest.json"
FORM = 1
_PIECE = 1024 * 1024
_LAST_WORDS = 12

Progress = Callable[[float, str], None]
"""Told what part is done (0 to 1), and of what."""


class Manifest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What is in a backup, and what made it."""

    form: int
    cityops: str
    made_at: datetime
    postgres_major: int
    timescaledb: str | None
    edition: str
    owner: str
    migrations: dict[str, str]
    counts: dict[str, int]
    """Rows of each table at the moment of the dump."""
    bytes: int
    sha256: str


def make_backup(url: str, clients: Clients, folder: Path, progress: Progress) -> Manifest:
    """Dump a database into a new folder; ingest may go on meanwhile.

    Raises
    ------
    ConfigError, EngineError
        The folder is there already, there is nothing to back up, or `pg_dump` fails; then
        nothing is left behind.
    """
    if folder.exists():
        raise ConfigError(f"{folder} is there already", cure="choose another name")
    making = folder.with_name(f".{folder.name}.{os.getpid()}")
    making.mkdir(parents=True, mode=0o700)
    try:
        with connect(url, name="backup") as conn, backup.shared_snapshot(conn) as snapshot:
            facts = backup.read_facts(conn)
            if not facts.migrations:
                raise ConfigError("the database holds nothing of CityOps", cure="check the address")
            progress(0.0, "counting rows")
            counts = backup.count_rows(conn)
            watch = _Tables(backup.count_all_tables(conn), progress)
            size, digest = _dump(url, clients, snapshot, making / DUMP, watch)
        manifest = _manifest(facts, counts, size, digest)
        text = msgspec.json.format(msgspec.json.encode(manifest), indent=2)
        (making / MANIFEST).write_bytes(text + b"\n")
        making.rename(folder)
    finally:
        shutil.rmtree(making, ignore_errors=True)
    return manifest


def _manifest(facts: Facts, counts: dict[str, int], size: int, digest: str) -> Manifest:
    return Manifest(
        form=FORM,
        cityops=version("cityops"),
        made_at=datetime.now(UTC),
        postgres_major=facts.postgres_major,
        timescaledb=facts.timescaledb,
        edition=facts.edition,
        owner=facts.owner,
        migrations=facts.migrations,
        counts=counts,
        bytes=size,
        sha256=digest,
    )


class _Tables:
    """Hears `pg_dump` tell of each table it goes through."""

    def __init__(self, total: int, progress: Progress) -> None:
        self._total, self._done, self._progress = max(1, total), 0, progress

    def hear(self, line: str) -> None:
        if "dumping contents of table" in line:
            self._done += 1
            self._progress(min(1.0, self._done / self._total), f"{self._done} tables")


def _dump(url: str, clients: Clients, snapshot: str, target: Path, watch: _Tables) -> tuple[int, str]:
    """Run `pg_dump` at a snapshot; the size and SHA-256 of what it wrote."""
    options = ["--format=custom", "--compress=1", f"--snapshot={snapshot}", "--no-password", "--verbose"]
    digest, size = hashlib.sha256(), 0
    child = subprocess.Popen(
        clients.command("pg_dump", *options),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        env=client_environment(url),
    )
    with _Listener(child, watch.hear) as listener, target.open("xb") as sink:
        target.chmod(0o600)
        assert child.stdout is not None
        while piece := child.stdout.read(_PIECE):
            sink.write(piece)
            digest.update(piece)
            size += len(piece)
        sink.flush()
        os.fsync(sink.fileno())
    listener.check("pg_dump")
    return size, digest.hexdigest()


class _Listener:
    """A tool at work: hears what it says on standard error, and ends it where we are interrupted."""

    def __init__(self, child: subprocess.Popen[bytes], hear: Callable[[str], None]) -> None:
        self._child = child
        self._hear = hear
        self._said: list[str] = []
        self._thread = threading.Thread(target=self._listen, daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is not None:
            self._child.kill()
        self._child.wait()
        self._thread.join()
        for pipe in (self._child.stdin, self._child.stdout, self._child.stderr):
            if pipe is not None:
                _close(pipe)

    def _listen(self) -> None:
        assert self._child.stderr is not None
        for raw in self._child.stderr:
            line = raw.decode("utf-8", "replace").rstrip()
            self._said = [*self._said[-_LAST_WORDS:], line]
            self._hear(line)

    def check(self, tool: str) -> None:
        """`EngineError` with its last words where the tool failed."""
        if self._child.returncode != 0:
            told = [line for line in self._said if "error" in line.lower()] or self._said[-3:]
            raise EngineError(
                f"{tool} failed: {' '.join(told)[-800:]}", cure="see what it says, and try again"
            )


def _close(pipe: IO[bytes]) -> None:
    with contextlib.suppress(BrokenPipeError):  # it ended before it took everything: `check` tells
        pipe.close()


def read_manifest(folder: Path) -> Manifest:
    """A backup's manifest; `ConfigError` where the folder is none."""
    try:
        manifest = msgspec.json.decode((folder / MANIFEST).read_bytes(), type=Manifest)
    except FileNotFoundError as error:
        raise ConfigError(f"{folder} is no backup: it has no {MANIFEST}", cure="give its folder") from error
    except msgspec.DecodeError as error:
        raise ConfigError(f"{folder / MANIFEST}: {error}", cure="take another backup") from error
    if manifest.form != FORM:
        raise ConfigError(
            f"{folder} has form {manifest.form}, not {FORM}", cure="restore it with its CityOps"
        )
    return manifest


def verify(folder: Path, manifest: Manifest, progress: Progress) -> None:
    """Compare the dump with its manifest; `ConfigError` where a byte differs."""
    digest, done = hashlib.sha256(), 0
    with (folder / DUMP).open("rb") as handle:
        while piece := handle.read(_PIECE):
            digest.update(piece)
            done += len(piece)
            progress(min(1.0, done / max(1, manifest.bytes)), "checking the backup")
    if done != manifest.bytes or digest.hexdigest() != manifest.sha256:
        raise ConfigError(f"{folder / DUMP} was changed or is incomplete", cure="take another backup")


def restore_backup(
    admin_url: str, name: str, clients: Clients, folder: Path, progress: Progress, *, force: bool
) -> Manifest:
    """Put a backup in the place of the database ``name``, which is kept until all is checked.

    The dump goes into a database beside it; only when the counts are those of the manifest
    does that one take its name.

    Raises
    ------
    ConfigError, EngineError, MigrationError
        The backup does not fit this server or this version, the database holds something
        (and not ``force``), services are connected, or `pg_restore` fails.
    """
    manifest = read_manifest(folder)
    _check_version(manifest)
    url = urlsplit(admin_url)._replace(path=f"/{name}").geturl()
    beside = f"{name}_restoring"
    with connect(admin_url, name="restore", autocommit=True) as admin, connect(url, name="restore") as conn:
        _check_server(admin, manifest)
        _check_target(conn, name, force=force)
    verify(folder, manifest, progress)
    with connect(admin_url, name="restore", autocommit=True) as admin:
        provision.drop_database(admin, beside)
        provision.create_database(admin, beside, owner=manifest.owner)
        try:
            _fill(
                urlsplit(admin_url)._replace(path=f"/{beside}").geturl(), clients, folder, manifest, progress
            )
            provision.replace_database(admin, name, by=beside)
        except BaseException:
            provision.drop_database(admin, beside)
            raise
    return manifest


def _check_version(manifest: Manifest) -> None:
    known = {migration.name: migration.checksum for migration in migrate.packaged_migrations()}
    unknown = sorted(name for name, digest in manifest.migrations.items() if known.get(name) != digest)
    if unknown:
        raise MigrationError(
            f"the backup is of CityOps {manifest.cityops}, with migration {unknown[-1]}, "
            "which this version does not know",
            cure="restore it with that version or a newer one",
        )


def _check_server(admin: psycopg.Connection, manifest: Manifest) -> None:
    here = backup.read_facts(admin)
    if here.postgres_major < manifest.postgres_major:
        raise EngineError(
            f"the backup is of PostgreSQL {manifest.postgres_major}, the server is {here.postgres_major}",
            cure="restore it on a server as new",
        )
    if not provision.is_superuser(admin):
        raise EngineError(
            "a restore needs a superuser: it makes a database and fills TimescaleDB's catalog",
            cure="set DATABASE_URL to the address with a superuser's name for this command",
        )
    if not provision.has_role(admin, manifest.owner):
        raise EngineError(
            f"the server has no role {manifest.owner!r}, whose the tables are",
            cure=f'CREATE ROLE "{manifest.owner}" LOGIN PASSWORD …',
        )
    if manifest.timescaledb is not None and not backup.has_extension_version(admin, manifest.timescaledb):
        raise EngineError(
            f"the backup needs TimescaleDB {manifest.timescaledb}, which the server does not have",
            cure="restore it on a server with that version, then update the extension",
        )
    if manifest.timescaledb is None and backup.can_have_timescaledb(admin):
        raise EngineError(
            "the backup is of a PostgreSQL without TimescaleDB, and the server has it",
            cure="move the readings with `cityops export` and `cityops import`, or use --engine wheels",
        )


def _check_target(conn: psycopg.Connection, name: str, *, force: bool) -> None:
    sessions = [s for s in backup.list_sessions(conn) if s != "cityops restore"]
    if sessions:
        raise EngineError(f"the database is in use by {', '.join(sessions)}", cure="stop CityOps first")
    if backup.list_tables(conn) and not force:
        raise ConfigError(
            f"the database {name} is not empty", cure="--force replaces all that is in it by the backup"
        )


def _fill(url: str, clients: Clients, folder: Path, manifest: Manifest, progress: Progress) -> None:
    """Restore the dump into an empty database, and count."""
    with connect(url, name="restore", autocommit=True) as conn:
        if manifest.timescaledb is None:
            _run_restore(url, clients, folder / DUMP, manifest.bytes, progress)
        else:
            backup.create_extension(conn, manifest.timescaledb, manifest.owner)
            with backup.restoring(conn):
                _run_restore(url, clients, folder / DUMP, manifest.bytes, progress)
        progress(1.0, "counting rows")
        backup.analyze(conn)
        found = backup.count_rows(conn)
    differ = sorted(name for name, n in manifest.counts.items() if found.get(name) != n)
    if differ:
        name = differ[0]
        raise EngineError(
            f"{name} has {found.get(name, 0):,} rows after the restore, not {manifest.counts[name]:,}",
            cure="take another backup; the database is as it was before",
        )


def _run_restore(url: str, clients: Clients, dump: Path, size: int, progress: Progress) -> None:
    child = subprocess.Popen(
        clients.command(
            "pg_restore", "--exit-on-error", "--no-password", f"--dbname={urlsplit(url).path[1:]}"
        ),
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.PIPE,
        env=client_environment(url),
    )
    with _Listener(child, lambda _: None) as listener, dump.open("rb") as source:
        assert child.stdin is not None
        _pour(source, child.stdin, size, progress)
    listener.check("pg_restore")


def _pour(source: BinaryIO, sink: IO[bytes], size: int, progress: Progress) -> None:
    done = 0
    with contextlib.suppress(BrokenPipeError):  # it ended before the end: `check` tells why
        while piece := source.read(_PIECE):
            sink.write(piece)
            done += len(piece)
            progress(min(1.0, done / max(1, size)), "restoring")
        sink.close()


def prune(parent: Path, keep: int) -> list[Path]:
    """Remove the oldest backups in a folder beyond ``keep``; what has no manifest is left alone."""
    found = [folder for folder in parent.iterdir() if (folder / MANIFEST).is_file()]
    old: Sequence[Path] = sorted(found, key=lambda f: read_manifest(f).made_at, reverse=True)[keep:]
    for folder in old:
        shutil.rmtree(folder)
    return list(old)
