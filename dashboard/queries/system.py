"""How the system itself does: services, the account of messages, storage, versions."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta

import psycopg

from store import activity, ledger, quarantine, services, storage
from store.edition import server_version

_HOUR = timedelta(hours=1)


@dataclass(frozen=True, slots=True)
class SystemView:
    """Everything the page shows that is in the database."""

    services: list[services.Service]
    totals: ledger.LedgerTotals
    in_quarantine: int
    tables: list[storage.TableSize]
    database_bytes: int
    version: str
    minutes: list[activity.Minute]
    """The last hour."""


def read_system(conn: psycopg.Connection, now: datetime) -> SystemView:
    """The system now."""
    return SystemView(
        services=services.list_services(conn),
        totals=ledger.totals(conn),
        in_quarantine=quarantine.count(conn),
        tables=storage.table_sizes(conn),
        database_bytes=storage.database_bytes(conn),
        version=server_version(conn),
        minutes=activity.list_minutes(conn, now - _HOUR, now),
    )
