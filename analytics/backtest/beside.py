"""A shadow and the live configuration held against the labels of the same days."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict
from datetime import datetime
from typing import Any

import psycopg

from analytics import versions
from analytics.backtest.plan import Plan
from analytics.backtest.play import World
from analytics.backtest.results import grade
from store import devices, shadows
from store.labels import labels_between
from telemetry.city import City
from telemetry.detection.configuration import configuration_of


def grade_beside(
    conn: psycopg.Connection,
    city: City,
    document: Mapping[str, Any],
    shadow_id: int,
    start: datetime,
    end: datetime,
) -> dict[str, dict[str, Any]]:
    """The summaries of ``live`` and ``shadow``, by those names; empty where there are no labels.

    Parameters
    ----------
    document
        The shadow's configuration.
    start, end
        What began in ``[start, end)`` counts.
    """
    labels = labels_between(conn, start, end)
    world = World(city, devices.list_streams(conn), devices.list_devices(conn))
    watched = sorted({stream.device_id for stream in world.streams})
    sides = {
        "live": (versions.in_force(conn, city).configuration, shadows.list_live_episodes(conn, start, end)),
        "shadow": (configuration_of(document), shadows.list_episodes(conn, shadow_id, start, end)),
    }
    reports = {
        name: grade(world, Plan(configuration, start, end), episodes, labels, watched, len(world.streams))
        for name, (configuration, episodes) in sides.items()
    }
    return {name: asdict(report.summary) for name, report in reports.items() if report is not None}
