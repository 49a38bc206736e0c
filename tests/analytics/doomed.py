"""The analytics process as it ships, on a clock that a test moves; it says what it is about to do."""

from __future__ import annotations

import logging
import os
import threading
from collections.abc import Callable
from multiprocessing.connection import Connection
from typing import Any

import psycopg
from threadpoolctl import threadpool_limits

from analytics import history, live, memory, recovery, refit, service
from telemetry.settings import Alerts, Analytics, Settings
from tests.analytics import worlds


def announced(name: str, call: Callable[..., Any], told: Connection) -> Callable[..., Any]:
    """The call, told of before it is made."""

    def made(*arguments: Any, **named: Any) -> Any:
        told.send(name)
        return call(*arguments, **named)

    return made


def clock(conn: psycopg.Connection) -> int:
    row = conn.execute("SELECT now FROM test_clock").fetchone()
    assert row is not None
    return int(row[0])


def run(url: str, shards: int, name: str, by_default: bool, told: Connection) -> None:
    """Run in a process of its own, until it is killed."""
    city = worlds.city_by_default() if by_default else worlds.city()
    threadpool_limits(1)  # as services are started: more show in the last digits of a model
    os.dup2(os.open(os.devnull, os.O_WRONLY), 2)
    logging.basicConfig(level=logging.INFO)
    recovery.warm_up = announced("warm", history.warm_up, told)  # type: ignore[assignment]
    refit.fit_all = announced("fit", history.fit_all, told)  # type: ignore[assignment]
    memory.pack = announced("save", memory.pack, told)  # type: ignore[assignment]
    taken = live.LiveEngine.take_up
    live.LiveEngine.take_up = announced("learn", taken, told)  # type: ignore[method-assign]
    live.apply_findings = announced("consume", live.apply_findings, told)  # type: ignore[assignment]
    never = Alerts(close_after_h=0)  # by the real clock, which is months ahead
    settings = Settings(database_url=url, analytics=Analytics(shards=shards), alerts=never)
    service.run(settings, city, threading.Event(), name=name, moment=clock)
