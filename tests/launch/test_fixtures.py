import psycopg
import pytest

from tests.fix_db import EDITIONS, start_database
from tests.fix_mqtt import mosquitto_pub


@pytest.mark.parametrize("edition", EDITIONS)
def test_each_edition_says_what_it_is(edition, tmp_path, guard):
    from store.migrate import edition as edition_of
    from store.migrate import migrate

    server = start_database(edition, tmp_path, guard)
    try:
        url = server.new_url()
        migrate(url)
        with psycopg.connect(url) as conn:
            assert edition_of(conn) == edition
    finally:
        server.stop()


def test_pub(broker_url):
    mosquitto_pub(broker_url, "a/b", "x")


def test_db(database_url):
    psycopg.connect(database_url).close()
