"""How the system itself does: services, the account of messages, storage, versions."""

from __future__ import annotations

from dataclasses import dataclass

import psycopg

from store import ledger, quarantine, services, storage
from store.edition import server_version


@dataclass(frozen=True, slots=True)
class SystemView:
    """Everything the page shows that is in the database."""

    services: list[services.Service]
    totals: ledger.LedgerTotals
    in_quarantine: int
    tables: list[storage.TableSize]
    database_bytes: int
    version: str


def read_system(conn: psycopg.Connection) -> SystemView:
    """The system now."""
    return SystemView(
        services=services.list_services(conn),
        totals=ledger.totals(conn),
        in_quarantine=quarantine.count(conn),
        tables=storage.table_sizes(conn),
        database_bytes=storage.database_bytes(conn),
        version=server_version(conn),
    )
