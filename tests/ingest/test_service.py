"""The writing loop, without a broker."""

from __future__ import annotations

import threading
import time

import pytest

from ingest.inbox import Inbox
from ingest.message import Message
from ingest.service import _Process
from ingest.subscriber import Subscriber
from launch.config import load_settings
from store import ledger, pool
from store.locks import try_lock
from telemetry.formats import Formats


def test_who_is_stopped_while_another_writes_the_log_writes_nothing(
    database_url: str, caplog: pytest.LogCaptureFixture
):
    chosen = load_settings(
        overrides={"database_url": database_url, "mqtt_url": "mqtt://127.0.0.1:1"}, environment={}
    )
    inbox, stop = Inbox(capacity=10), threading.Event()
    inbox.put(Message("city/traffic/nobody/telemetry", b"{", time.time_ns() // 1_000, 1, 1, 0))
    process = _Process(chosen, inbox, Subscriber(chosen.mqtt_url or "", "x", inbox, 10), stop, Formats(()))
    with pool.connect(database_url, name="another", autocommit=True) as conn:
        assert try_lock(conn, f"ingest {chosen.ingestor}")
        thread = threading.Thread(target=process.serve)
        thread.start()
        deadline = time.monotonic() + 60
        while "another process ingests" not in caplog.text:
            assert time.monotonic() < deadline, "it does not wait"
            time.sleep(0.02)
        stop.set()
        thread.join(60)
        assert not thread.is_alive()
        assert ledger.totals(conn).messages == 0
        assert len(inbox) == 1
