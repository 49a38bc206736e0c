"""``cityops labels``: added, listed, taken from files and the simulator, written out, taken back."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
import pytest

from device_sims import truth
from launch.config import load_city
from store import devices, labels, pool
from telemetry.labels import LabelSource
from telemetry.metrics import Domain
from telemetry.settings import Settings
from tests.launch.test_cli import cityops

START = datetime(2026, 6, 1, tzinfo=UTC)
ADD = (
    "add",
    "--device",
    "level-phu-an",
    "--from",
    "2026-06-01T07:00+07:00",
    "--to",
    "2026-06-01T08:00+07:00",
)


@pytest.fixture
def conn(make_database: Any) -> Iterator[psycopg.Connection]:
    with pool.connect(make_database(), name="test", autocommit=True) as conn:
        devices.upsert_devices(conn, load_city(Settings()).devices)
        yield conn


@pytest.fixture
def run(conn: psycopg.Connection, tmp_path: Path) -> Any:
    url = f"postgresql://{conn.info.user}:{conn.info.password}@{conn.info.host}:{conn.info.port}/{conn.info.dbname}"

    def go(*arguments: str, given: str | None = None) -> Any:
        return cityops("labels", *arguments, folder=tmp_path, given=given, DATABASE_URL=url)

    return go


def test_a_label_is_added_written_out_taken_back_and_taken_in(
    run: Any, conn: psycopg.Connection, tmp_path: Path
) -> None:
    made = run(*ADD, "--kind", "flood", "--note", "=1+1")
    assert made.returncode == 0, made.stderr
    (label,) = labels.list_labels(conn)
    assert (label.start, label.source, label.note) == (START, LabelSource.DRAWN, "=1+1")
    assert run("export", "--out", "labels.csv").returncode == 0
    assert ",'=1+1" in (tmp_path / "labels.csv").read_text()
    assert run("export", "--out", "labels.csv").returncode != 0
    assert run("delete", str(label.label_id)).returncode == 0
    assert run("delete", str(label.label_id)).returncode != 0
    assert "1 labels taken in, 0 were known" in run("import", "labels.csv").stdout
    assert "0 labels taken in, 1 were known" in run("import", "labels.csv").stdout
    (again,) = json.loads(run("list", "--json").stdout)
    assert (again["kind"], again["source"], again["note"]) == ("flood", "imported", "=1+1")
    shown = run("list", "--from", "2026-06-01T00:30:00Z").stdout
    assert "level-phu-an" in shown
    assert "1 of 1 labels" in shown
    assert "0 of 0 labels" in run("list", "--source", "truth").stdout


def test_a_file_with_a_fault_is_refused_whole(run: Any, conn: psycopg.Connection) -> None:
    good = "flood,level-phu-an,2026-06-01T00:00Z,2026-06-01T01:00Z\n"
    done = run("import", "-", given=f"kind,devices,start,end\n{good}flood,ghost,2026-06-01T00:00Z,soon\n")
    assert done.returncode != 0
    assert "line 3, column devices: no device 'ghost'" in done.stderr
    assert "line 3, column end" in done.stderr
    assert labels.list_labels(conn) == []


@pytest.mark.parametrize(
    ("more", "said"),
    [
        (("--kind", "a b"), "kind"),
        (("--kind", "flood", "--metric", "pm2_5"), "measured by none"),
        (("--kind", "flood", "--device", "ghost"), "no device 'ghost'"),
        (("--kind", "flood", "--to", "2026-06-01T08:00"), "not a time with a zone"),
    ],
    ids=["kind", "metric", "device", "zone"],
)
def test_what_cannot_be_labelled_is_told(run: Any, more: tuple[str, ...], said: str) -> None:
    done = run(*ADD, *more)
    assert done.returncode != 0
    assert said in done.stderr


def test_the_simulators_truth_is_taken_in_once(run: Any, conn: psycopg.Connection, tmp_path: Path) -> None:
    flood = truth.Truth(
        truth.FLOOD, Domain.DRAINAGE, ("level-phu-an", "clone-9"), ("water_level_m",), START,
        START + timedelta(hours=2),
    )  # fmt: skip
    truth.append(tmp_path / truth.FILE, [flood, flood])
    assert "1 labels taken in, 0 were known" in run("import-truth", truth.FILE).stdout
    assert "0 labels taken in, 1 were known" in run("import-truth", truth.FILE).stdout
    (label,) = labels.list_labels(conn)
    assert (label.kind, label.device_ids, label.metrics, label.source) == (
        "flood", ("clone-9", "level-phu-an"), ("water_level_m",), LabelSource.TRUTH,
    )  # fmt: skip
    (tmp_path / "other").write_text("{}\n")
    broken = run("import-truth", "other")
    assert broken.returncode != 0
    assert "other" in broken.stderr
    assert "Traceback" not in broken.stderr
