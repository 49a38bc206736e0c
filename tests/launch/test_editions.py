from pathlib import Path

import psycopg
import pytest

from launch.processes import Guard
from store.migrate import edition as edition_of
from store.migrate import migrate
from tests.fix_db import EDITIONS, start_database


@pytest.mark.parametrize("edition", EDITIONS)
def test_each_edition_says_what_it_is(edition: str, tmp_path: Path, guard: Guard):
    server = start_database(edition, tmp_path, guard)
    try:
        url = server.new_url()
        migrate(url)
        with psycopg.connect(url) as conn:
            assert edition_of(conn) == edition
    finally:
        server.stop()
