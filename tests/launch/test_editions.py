from collections.abc import Callable

import psycopg
import pytest

from store.migrate import edition as edition_of
from tests.fix_db import EDITIONS


@pytest.mark.parametrize("edition", EDITIONS)
def test_each_edition_says_what_it_is(edition: str, edition_urls: Callable[[str], str]):
    with psycopg.connect(edition_urls(edition)) as conn:
        assert edition_of(conn) == edition
