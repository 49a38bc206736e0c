"""`cityops score`, as an engineer types it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from typer.testing import CliRunner, Result

from launch.cli import app
from telemetry.errors import ConfigError


@pytest.fixture
def source(tmp_path: Path) -> Path:
    values = np.random.default_rng(1).normal(10, 1, 400)
    values[350] = 90.0
    rows = [f"2026-01-{1 + i // 24:02} {i % 24:02}:00:00,{value}" for i, value in enumerate(values.tolist())]
    path = tmp_path / "in.csv"
    path.write_text("\n".join(["timestamp,value", *rows]) + "\n")
    return path


def score(*arguments: object) -> Result:
    return CliRunner().invoke(app, ["score", *map(str, arguments)])


def test_scores_a_file(source: Path) -> None:
    out = source.with_name("out.csv")
    result = score("--detector", "onset", "--csv", source, "--out", out)
    assert result.exit_code == 0, result.output
    lines = [line.split(",") for line in out.read_text().splitlines()]
    assert lines[0] == ["timestamp", "value", "score"]
    assert [line[:2] for line in lines] == [line.split(",") for line in source.read_text().splitlines()]
    scores = np.array([float(line[2]) for line in lines[1:]])
    assert int(scores.argmax()) == 350
    assert [path.name for path in source.parent.iterdir() if path.name not in ("in.csv", "out.csv")] == []


def test_what_is_odd_about_a_file_is_said(source: Path) -> None:
    source.write_text(
        source.read_text().replace("2026-01-01 05", "2026-01-01 03") + "2027-01-01,\n2027-01-02,nan\n"
    )
    result = score("--detector", "onset", "--csv", source, "--out", source.with_name("out.csv"))
    assert result.exit_code == 0, result.output
    assert "2 rows without a value" in result.output
    assert "1 rows not later" in result.output


def test_from_standard_input_with_a_byte_order_mark(source: Path) -> None:
    arguments = ["score", "--detector", "onset", "--csv", "-", "--out", str(source.with_name("out.csv"))]
    result = CliRunner().invoke(app, arguments, input=b"\xef\xbb\xbf" + source.read_bytes())
    assert result.exit_code == 0, result.output
    assert len(source.with_name("out.csv").read_text().splitlines()) == 401


def test_a_setting_reaches_the_detector(source: Path) -> None:
    outs = [source.with_name(name) for name in ("plain.csv", "late.csv")]
    for out, extra in zip(outs, [[], ["--set", "warm_readings=380"]], strict=True):
        score("--detector", "onset", "--csv", source, "--out", out, *extra)
    plain, late = (out.read_text().splitlines()[351].endswith(",0") for out in outs)
    assert (plain, late) == (False, True)


@pytest.mark.parametrize(
    ("extra", "message"),
    [
        (["--set", "quiet"], "not KEY=VALUE"),
        (["--set", "quiets=1"], "quiets"),
        (["--set", "season=hot"], "season"),
    ],
)
def test_bad_settings_are_named(source: Path, extra: list[str], message: str) -> None:
    result = score("--detector", "onset", "--csv", source, "--out", source.with_name("out.csv"), *extra)
    assert isinstance(result.exception, ConfigError)
    assert message in result.exception.message
    assert not source.with_name("out.csv").exists()


@pytest.mark.parametrize(("name", "message"), [("in.csv", "is the input"), ("no/out.csv", "no such folder")])
def test_where_it_cannot_write(source: Path, name: str, message: str) -> None:
    before = source.read_text()
    result = score("--detector", "onset", "--csv", source, "--out", source.with_name("x").parent / name)
    assert isinstance(result.exception, ConfigError)
    assert message in result.exception.message
    assert source.read_text() == before


def test_a_file_that_is_not_there(tmp_path: Path) -> None:
    result = score("--detector", "onset", "--csv", tmp_path / "none.csv", "--out", tmp_path / "out.csv")
    assert isinstance(result.exception, ConfigError)
    assert "no such file" in result.exception.message
