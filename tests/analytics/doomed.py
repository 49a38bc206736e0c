"""The analytics process as it ships, on a clock that a test moves; it says what it is about to do.

python -m tests.analytics.doomed URL SHARDS NAME [default]
"""

from __future__ import annotations

import logging
import sys
import threading
from collections.abc import Callable
from typing import Any

import psycopg

from analytics import history, live, memory, recovery, refit, service
from telemetry.settings import Alerts, Analytics, Settings
from tests.analytics import worlds


def announced(name: str, call: Callable[..., Any]) -> Callable[..., Any]:
    """The call, told of before it is made."""

    def told(*arguments: Any, **named: Any) -> Any:
        print(name, flush=True)
        return call(*arguments, **named)

    return told


def clock(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT now FROM test_clock").fetchone()
    assert row is not None
    return int(row[0])


def main() -> None:
    url, shards, name, *which = sys.argv[1:]
    city = worlds.city_by_default() if which else worlds.city()
    logging.basicConfig(level=logging.INFO)
    recovery.warm_up = announced("warm", history.warm_up)  # type: ignore[assignment]
    refit.fit_all = announced("fit", history.fit_all)  # type: ignore[assignment]
    memory.pack = announced("save", memory.pack)  # type: ignore[assignment]
    live.LiveEngine.take_up = announced("learn", live.LiveEngine.take_up)  # type: ignore[method-assign]
    live.apply_findings = announced("consume", live.apply_findings)  # type: ignore[assignment]
    never = Alerts(close_after_h=0)  # by the real clock, which is months ahead
    settings = Settings(database_url=url, analytics=Analytics(shards=int(shards)), alerts=never)
    service.run(settings, city, threading.Event(), name=name, moment=clock)


if __name__ == "__main__":
    main()
