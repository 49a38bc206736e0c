import csv
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import psycopg
import pyarrow.ipc
import pyarrow.parquet
import pytest
from click.testing import Result
from typer.testing import CliRunner

from launch.cli import app
from launch.schema import register
from store import ledger, quality
from store.devices import list_streams
from store.pool import connect
from store.readings import write_readings
from telemetry.alerts import Finding, FindingState, Severity
from telemetry.devices import Device
from telemetry.exchange import FileFormat
from telemetry.metrics import Domain
from telemetry.readings import Readings

START = datetime(2026, 3, 1, tzinfo=UTC)
DEVICES = [
    Device("cam-1", Domain.TRAFFIC, "camera", "C", "C", 10.7, 106.7, "760", 60.0, ("speed_kmh", "flow_vph")),
    Device("gauge-1", Domain.DRAINAGE, "gauge", "T", "G", 10.7, 106.7, "761", 60.0, ("water_level_m",)),
]  # fmt: skip
N = 1_000
CONTENT = """
SELECT device_id, metric, time, value, quality FROM reading JOIN stream USING (stream_id) ORDER BY 1, 2, 3"""

Make = Callable[[], str]


def cityops(url: str, *arguments: str) -> Result:
    return CliRunner(env={"DATABASE_URL": url, "COLUMNS": "200"}).invoke(
        app, arguments, catch_exceptions=True
    )


def content(url: str) -> list[tuple[object, ...]]:
    with psycopg.connect(url) as conn:
        return conn.execute(CONTENT).fetchall()


@pytest.fixture(scope="module")
def source(make_database: Make) -> str:
    """A store with readings: dense ones, a gap of months, and a few after it."""
    url = make_database()
    register(url, DEVICES)
    rng = np.random.default_rng(1)
    with connect(url, name="test") as conn:
        for stream in list_streams(conn):
            seconds = np.concatenate([np.arange(N), 8_000_000 + np.arange(5)])
            times = int(START.timestamp() * 1e6) + seconds * 1_000_000 + rng.integers(0, 1_000_000)
            values = rng.uniform(0, 3, len(times))
            write_readings(conn, Readings.of([stream.stream_id] * len(times), times, values, seconds % 4))
    return url


@pytest.fixture
def target(make_database: Make) -> str:
    """An empty store whose streams have other ids."""
    url = make_database()
    register(url, DEVICES[::-1])
    return url


@pytest.mark.parametrize("kind", FileFormat, ids=str)
def test_what_was_exported_comes_back_the_same(source: str, target: str, tmp_path: Path, kind: FileFormat):
    file = tmp_path / f"all.{kind}"
    done = cityops(source, "export", "--out", str(file))
    assert done.exit_code == 0, done.output
    done = cityops(target, "import", str(file), "--any-age")
    assert done.exit_code == 0, done.output
    assert content(target) == content(source)
    with psycopg.connect(target) as conn:
        account = ledger.totals(conn)
    assert account.messages == account.committed == 3 * (N + 5)
    assert "is in already" in cityops(target, "import", str(file)).output
    done = cityops(target, "import", str(file), "--any-age", "--again")
    assert f"0 readings stored, {3 * (N + 5):,} known already" in done.output
    assert content(target) == content(source)


@pytest.mark.parametrize("kind", FileFormat, ids=str)
def test_a_file_says_which_readings_are_in_doubt_and_why(
    make_database: Make, tmp_path: Path, kind: FileFormat
):
    url = make_database()
    register(url, DEVICES[1:])
    times = int(START.timestamp() * 1e6) + np.arange(60) * 60_000_000
    with connect(url, name="test") as conn:
        stream = next(stream for stream in list_streams(conn) if stream.device_id == "gauge-1")
        write_readings(conn, Readings.of([stream.stream_id] * 60, times, np.ones(60)))
        for rule, minute, until in (("stuck", 10, 20), ("noisy", 15, None)):
            finding = Finding(
                rule, FindingState.RAISED, rule, rule, stream.stream_id, Severity.MINOR, minutes(minute)
            )
            quality.apply_finding(conn, finding)
            if until:
                over = replace(finding, state=FindingState.CLEARED, at=minutes(until))
                quality.apply_finding(conn, over)
    file = tmp_path / f"all.{kind}"
    done = cityops(url, "export", "--out", str(file))
    assert done.exit_code == 0, done.output
    told = ["", *[""] * 9, *["stuck"] * 5, *["stuck noisy"] * 5, *["noisy"] * 40]
    assert faults_in(file, kind) == told
    done = cityops(url, "import", str(file), "--any-age")
    assert "60 known already, 0 rows refused" in done.output


def minutes(count: float) -> datetime:
    return START + timedelta(minutes=count)


def faults_in(file: Path, kind: FileFormat) -> list[str]:
    if kind is FileFormat.CSV:
        with file.open(newline="") as rows:
            return [row["faults"] for row in csv.DictReader(rows)]
    if kind is FileFormat.PARQUET:
        return pyarrow.parquet.read_table(file)["faults"].to_pylist()
    return pyarrow.ipc.open_stream(file.read_bytes()).read_all()["faults"].to_pylist()


def test_a_selection_is_exported_and_nothing_else(source: str, tmp_path: Path):
    file = tmp_path / "some.parquet"
    end = START + timedelta(seconds=100)
    done = cityops(
        source, "export", "--out", str(file), "--domain", "traffic", "--metric", "flow_vph",
        "--start", "2026-03-01T07:00:10+07:00", "--end", end.isoformat(),
    )  # fmt: skip
    assert done.exit_code == 0, done.output
    table = pyarrow.parquet.read_table(file)
    assert set(table["device_id"].to_pylist()) == {"cam-1"}
    assert set(table["metric"].to_pylist()) == {"flow_vph"}
    assert min(table["time"].to_pylist()) >= START + timedelta(seconds=10)
    assert max(table["time"].to_pylist()) < end
    assert len(table) == 90


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--domain", "trafic"], "no domain 'trafic'"),
        (["--metric", "speed"], "no metric 'speed'"),
        (["--device", "cam-2"], "no stream fits"),
        (["--device", "cam-1", "--device", "cam-2"], "cam-2"),
        (["--start", "2026-03-01"], "--start '2026-03-01'"),
        (["--start", "2026-03-02T00:00:00Z", "--end", "2026-03-01T00:00:00Z"], "not before --end"),
    ],
    ids=["domain", "metric", "device", "one device of two", "no zone", "empty range"],
)
def test_what_cannot_be_exported_is_said(source: str, tmp_path: Path, arguments: list[str], says: str):
    done = cityops(source, "export", "--out", str(tmp_path / "x.csv"), *arguments)
    assert done.exception is not None
    assert says in str(done.exception)
    assert list(tmp_path.iterdir()) == []


HOSTILE = """time,device_id,metric,value,note
2026-03-01T00:00:00Z,cam-1,speed_kmh,40,good
2026-03-01T00:00:00Z,ghost,speed_kmh,40,stranger
2026-03-01T00:00:00Z,cam-1,pm25,40,no such metric of it
2026-03-01T00:00:00Z,cam-1,speed_kmh,4000,impossible
2026-03-01T00:00:00Z,cam-1,speed_kmh,nan,not a number

2026-03-01T00:00:00Z,cam-1
2026-03-01T00:00:00,cam-1,speed_kmh,40,no zone
2026-03-01T00:00:01Z,cam-1,speed_kmh,=1+1,formula
2999-03-01T00:00:00Z,cam-1,speed_kmh,40,future
1772323202000,cam-1,speed_kmh,41,epoch ms
2026-03-01T00:00:02Z,cam-1,speed_kmh,42,twice
=cmd|x,cam-1,speed_kmh,42,formula
\xff,cam-1,speed_kmh,42,no text
"""
REASONS = {
    3: "device", 4: "metric", 5: "range", 6: "range", 7: "time", 8: "columns", 9: "time", 10: "value",
    11: "time", 14: "time", 15: "time",
}  # fmt: skip


def test_bad_rows_are_refused_by_line_and_the_rest_is_stored(target: str, tmp_path: Path):
    file = tmp_path / "hostile.csv"
    file.write_bytes(HOSTILE.encode("latin-1"))
    done = cityops(target, "import", str(file), "--any-age")
    assert done.exit_code == 1, done.output
    assert "2 readings stored, 1 known already, 11 rows refused" in done.output
    assert [(row[2], row[3]) for row in content(target)] == [
        (START, 40.0),
        (START + timedelta(seconds=2), 41.0),
    ]
    with (tmp_path / "hostile.csv.rejects.csv").open(newline="") as handle:
        rejected = list(csv.DictReader(handle))
    assert {int(row["row"]): row["reason"] for row in rejected} == REASONS
    assert not any(cell.startswith("=") for row in rejected for cell in row.values())
    assert not any("float64" in cell for row in rejected for cell in row.values())
    with psycopg.connect(target) as conn:
        account = ledger.totals(conn)
    assert account.messages == account.committed + account.duplicates + account.quarantined == 14


def test_without_leave_old_rows_are_refused(target: str, tmp_path: Path):
    file = tmp_path / "old.csv"
    file.write_text("time,device_id,metric,value\n2020-03-01T00:00:00Z,cam-1,speed_kmh,40\n")
    done = cityops(target, "import", str(file))
    assert done.exit_code == 1
    assert "--any-age" in (tmp_path / "old.csv.rejects.csv").read_text()
    assert content(target) == []


def test_units_that_a_file_names_are_converted(target: str, tmp_path: Path):
    file = tmp_path / "units.csv"
    file.write_text(
        "time,device_id,metric,value,unit\n"
        "2026-03-01T00:00:00Z,gauge-1,water_level_m,120,cm\n"
        "2026-03-01T00:00:01Z,gauge-1,water_level_m,120,kg\n"
    )
    done = cityops(target, "import", str(file), "--any-age")
    assert "1 readings stored, 0 known already, 1 rows refused" in done.output
    assert [row[3] for row in content(target)] == [pytest.approx(1.2)]


@pytest.mark.parametrize(
    ("name", "body", "says"),
    [
        ("x.csv", b"time,device,metric,value\n", "no column 'device_id'"),
        ("x.csv", b"", "no column 'time'"),
        ("x.parquet", b"PAR1 but not really", "not a Parquet file"),
        ("x.arrow", b"\x00\x01\x02", "not an Arrow file"),
        ("x.txt", b"", "does not say the format"),
    ],
    ids=["wrong column", "empty", "broken parquet", "broken arrow", "no format"],
)
def test_a_file_that_cannot_be_read_is_named(target: str, tmp_path: Path, name: str, body: bytes, says: str):
    (tmp_path / name).write_bytes(body)
    done = cityops(target, "import", str(tmp_path / name))
    assert done.exception is not None
    assert says in str(done.exception)


def test_an_import_goes_on_after_an_interruption(
    source: str, target: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    import telemetry.exchange.parse as parsing
    from ingest.history import HistoryWriter

    monkeypatch.setattr(parsing, "_BLOCK_ROWS", 500)
    file = tmp_path / "all.parquet"
    cityops(source, "export", "--out", str(file))
    take, taken = HistoryWriter.take, []

    def cut(self: HistoryWriter, *arguments: object) -> object:
        if len(taken) == 3:
            raise KeyboardInterrupt
        taken.append(1)
        return take(self, *arguments)  # pyright: ignore[reportArgumentType]

    with monkeypatch.context() as patch:
        patch.setattr(HistoryWriter, "take", cut)
        cityops(target, "import", str(file), "--any-age")
    assert len(content(target)) == 1_500
    done = cityops(target, "import", str(file), "--any-age")
    assert "Going on after row 1,500" in done.output
    assert f"{3 * (N + 5) - 1500:,} readings stored, 0 known already" in done.output
    assert content(target) == content(source)
