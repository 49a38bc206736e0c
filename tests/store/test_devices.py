"""The registry of devices and streams."""

from __future__ import annotations

from dataclasses import replace

import psycopg
import pytest

from store import devices
from telemetry.errors import NotFoundError


def test_a_device_is_read_back_as_it_was_registered(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    loop = devices.get_device(conn, "loop-1")
    assert loop.name_vi == "Vòng từ Điện Biên Phủ"
    assert loop.tags == {"road": "dien_bien_phu"}
    assert [d.device_id for d in devices.list_devices(conn)] == ["gauge-1", "loop-1"]
    assert [s.stream_id for s in devices.list_streams(conn)] == sorted(stream_ids)
    assert [s.metric for s in devices.list_streams(conn, "loop-1")] == ["speed_kmh", "battery_pct"]
    assert devices.list_streams(conn, "nobody") == []


def test_registering_again_updates_and_keeps_the_streams(
    conn: psycopg.Connection, stream_ids: list[int]
) -> None:
    loop = devices.get_device(conn, "loop-1")
    version = devices.registry_version(conn)
    devices.upsert_devices(conn, [replace(loop, name_en="Renamed", metrics=(*loop.metrics, "flow_vph"))])
    assert devices.get_device(conn, "loop-1").name_en == "Renamed"
    assert {s.stream_id for s in devices.list_streams(conn)} > set(stream_ids)
    assert devices.registry_version(conn) != version


def test_a_slow_metric_has_its_own_interval(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    intervals = {s.metric: s.interval_s for s in devices.list_streams(conn, "loop-1")}
    assert intervals == {"speed_kmh": 10.0, "battery_pct": 300.0}


def test_an_unknown_device_is_not_found(conn: psycopg.Connection) -> None:
    with pytest.raises(NotFoundError):
        devices.get_device(conn, "nobody")


def test_statuses_are_the_last_word(conn: psycopg.Connection, stream_ids: list[int]) -> None:
    devices.set_statuses(conn, {"loop-1": "online", "gauge-1": "online"})
    devices.set_statuses(conn, {"loop-1": "offline"})
    assert devices.list_statuses(conn) == {"loop-1": "offline", "gauge-1": "online"}


def test_the_registrys_digest_changes_with_anything_registered(
    conn: psycopg.Connection, stream_ids: list[int]
) -> None:
    first = devices.registry_digest(conn)
    loop = devices.get_device(conn, "loop-1")
    devices.upsert_devices(conn, [loop])
    assert devices.registry_digest(conn) == first
    devices.upsert_devices(conn, [replace(loop, name_vi="Vòng từ khác")])
    second = devices.registry_digest(conn)
    devices.upsert_devices(conn, [replace(loop, metrics=(*loop.metrics, "flow_vph"))])
    assert len({first, second, devices.registry_digest(conn)}) == 3
