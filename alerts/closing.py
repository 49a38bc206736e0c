"""Resolved alerts close by themselves: what nobody reopened in time is done with."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Final

import psycopg

from alerts.lifecycle import Kind, evolve
from alerts.policy import CLOSING, closing
from store import alerts as alert_store
from telemetry.alerts import Alert

_AT_ONCE: Final = 500
"""Alerts in one transaction at most; the next round takes the rest."""


def close_resolved(conn: psycopg.Connection, now: datetime, after: timedelta) -> list[Alert]:
    """Close what was resolved at least ``after`` ago, in a transaction of its own.

    A positive ``after``; `alerts.policy.closing` says what the change is. Any number of
    processes may do this at once: an alert that one of them holds is left to it.
    """
    made: list[Alert] = []
    with conn.transaction():
        for alert in alert_store.take_resolved(conn, now - after, _AT_ONCE):
            change = closing(alert, now, after)
            if change is None:
                continue
            closed = evolve(alert, change)
            alert_store.save_alert(conn, closed)
            alert_store.add_event(conn, alert.alert_id, change.at, CLOSING, str(Kind.CLOSED), change.detail)
            made.append(closed)
    return made
