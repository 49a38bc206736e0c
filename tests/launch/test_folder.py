import os
import stat
from pathlib import Path

import pytest

from launch.folder import check_space, claimed, open_folder, remove_folder
from telemetry.errors import ConfigError, EngineError
from telemetry.settings import Settings


def test_a_new_folder_is_private(tmp_path: Path):
    folder = tmp_path / "a" / "b"
    open_folder(folder)
    open_folder(folder)
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700


def test_somebody_elses_folder_is_neither_used_nor_deleted(tmp_path: Path):
    (tmp_path / "thesis.txt").write_text("dear to me")
    with pytest.raises(ConfigError, match="not a CityOps data folder"):
        open_folder(tmp_path)
    with pytest.raises(ConfigError, match="not a CityOps data folder"):
        remove_folder(tmp_path, Settings())
    assert (tmp_path / "thesis.txt").exists()


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write anywhere")
def test_a_missing_right_names_the_option(tmp_path: Path):
    tmp_path.chmod(0o500)
    with pytest.raises(ConfigError) as caught:
        open_folder(tmp_path / "data")
    assert "--data-dir" in caught.value.cure


def test_a_file_in_the_way_is_said(tmp_path: Path):
    (tmp_path / "file").touch()
    with pytest.raises(ConfigError, match="cannot be used"):
        open_folder(tmp_path / "file" / "data")


def test_one_run_at_a_time(tmp_path: Path):
    open_folder(tmp_path / "data")
    with (
        claimed(tmp_path / "data"),
        pytest.raises(EngineError, match=r"running on .* already"),
        claimed(tmp_path / "data"),
    ):
        pass
    with claimed(tmp_path / "data"):
        pass


def test_a_full_disk_is_said_before_anything_starts(tmp_path: Path):
    with pytest.raises(EngineError, match="GB free"):
        check_space(tmp_path, needed_bytes=10**18)


def test_removing_forgets_all(tmp_path: Path):
    folder = tmp_path / "data"
    open_folder(folder)
    (folder / "logs").mkdir()
    remove_folder(folder, Settings(cache_dir=str(tmp_path / "cache")))
    assert not folder.exists()
