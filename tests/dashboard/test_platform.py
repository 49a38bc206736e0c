"""Alerts about the platform itself, and the processes' figures."""

from __future__ import annotations

import os

from store import devices, services
from tests.dashboard.conftest import Town, wait_for


def test_an_alert_about_the_platform_is_shown_as_a_sentence(town: Town):
    stream_id = devices.platform_stream(town.conn)
    town.conn.commit()
    number = town.find("platform:ingest_lag:ingest", stream_id, rule="ingest_lag", value=42.0, high=30.0)
    wait_for(lambda: town.get(f"/api/v1/alerts/{number}").status_code == 200)
    assert "42" in str(town.get(f"/api/v1/alerts/{number}").json())
    assert town.get(f"/alerts/{number}").status_code == 200


def test_metrics_tell_of_each_process(town: Town):
    services.beat(town.conn, services.Service("ingest", os.getpid(), "here", {"messages": 7, "lag_s": 0.5}))
    town.conn.commit()
    text = town.get("/metrics").text
    assert 'cityops_ingest_messages_total{process="ingest"} 7.0' in text
    assert "cityops_database_up 1.0" in text
