from pathlib import Path

import pytest

from launch.engines import place as place_module
from launch.engines.place import Place, User, root_user

ARGV = ["/usr/sbin/mosquitto", "-c", "x"]


def test_as_an_ordinary_user_a_program_runs_as_it_is(tmp_path: Path):
    here = Place()
    outer = here.settle(tmp_path / "data")
    assert here.command(outer, ARGV) == ARGV
    assert here.inner(outer) == outer == tmp_path / "data"


@pytest.fixture(params=[True, False], ids=["namespaces", "no namespaces"])
def namespaces(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> bool:
    monkeypatch.setattr(place_module, "may_unshare", lambda: request.param)
    return request.param


def test_in_a_private_root_the_user_is_changed_last(namespaces: bool):
    place = Place(Path("/roots/trixie"), User(100, 101))
    command = place.command(Path("/home/me/data"), ARGV)
    become = ["chroot", "--userspec=100:101", "--groups=", "/roots/trixie", *ARGV]
    assert command[-len(become) :] == become
    assert (command[0] == "unshare") is namespaces


def test_the_server_sees_its_data_where_it_can_reach_it(namespaces: bool):
    place = Place(Path("/roots/trixie"), User(100, 101))
    outer = Path("/roots/trixie/var/lib/cityops/abc")
    assert place.inner(outer) == Path("/srv/data" if namespaces else "/var/lib/cityops/abc")


def test_programs_out_of_reach_are_bound_in(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(place_module, "may_unshare", lambda: True)
    place = Place(None, User(65534, 65534), programs=Path("/root/venv/lib"))
    command = place.command(Path("/root/data"), ["/root/venv/lib/pg/bin/postgres", "-D", "x"])
    assert command[-3:] == ["/srv/programs/pg/bin/postgres", "-D", "x"]
    assert "setpriv" in command


def test_users_of_a_root_are_its_own(tmp_path: Path):
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/passwd").write_text("root:x:0:0::/:/bin/sh\npostgres:x:101:103::/:/bin/sh\n")
    assert root_user(tmp_path, "postgres") == User(101, 103)
    with pytest.raises(LookupError):
        root_user(tmp_path, "mosquitto")
