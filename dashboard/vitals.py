"""What every process says of itself, for ``/metrics``: read from the heartbeats when it is scraped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import psycopg
from prometheus_client import Metric
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily

from store import ledger
from store.offsets import worst_lag
from store.services import Service, list_aged

_COUNTERS = {
    "messages": ("ingest_messages", "Messages taken since the process started, redeliveries too."),
    "committed": ("ingest_readings", "Readings stored since the process started."),
    "duplicates": ("ingest_duplicates", "Readings that came again and were known."),
    "refused": ("ingest_refused", "Messages that went to quarantine."),
    "overflowed": ("ingest_overflow", "Messages let go: QoS 0 past the inbox, or what a broker forgot."),
    "broker_losses": ("ingest_broker_losses", "Connections to the broker that were lost."),
    "database_losses": ("ingest_database_losses", "Connections to the database that were lost."),
    "scored": ("analytics_scored", "Readings scored since the process started."),
    "findings": ("analytics_findings", "Findings since the process started."),
}
_GAUGES = {
    "lag_s": ("lag_seconds", "How far behind the process is."),
    "waiting": ("ingest_inbox", "Messages in the inbox."),
    "most_waiting": ("ingest_inbox_peak", "The longest the inbox has been."),
    "pending": ("ingest_in_flight", "Messages taken from the inbox, neither committed nor acknowledged."),
    "standing": ("analytics_standing", "Conditions that stand."),
}


@dataclass(frozen=True, slots=True)
class Vitals:
    """The heartbeats with their ages in seconds, the account, and the batches analytics has yet to read."""

    services: list[tuple[Service, float]]
    totals: ledger.LedgerTotals
    batches_behind: int


def read_vitals(conn: psycopg.Connection) -> Vitals:
    """As the store has it now."""
    return Vitals(list_aged(conn), ledger.totals(conn), worst_lag(conn, "analytics"))


def service_metrics(vitals: Vitals | None) -> Iterator[Metric]:
    """The metric families, with the process as a label."""
    yield GaugeMetricFamily("cityops_database_up", "1 while the database answers.", vitals is not None)
    if vitals is None:
        return
    age = GaugeMetricFamily("cityops_heartbeat_age_seconds", "Since the last heartbeat.", labels=["process"])
    for service, age_s in vitals.services:
        age.add_metric([service.name], age_s)
    yield age
    for kind, table in ((CounterMetricFamily, _COUNTERS), (GaugeMetricFamily, _GAUGES)):
        for key, (name, text) in table.items():
            family = kind(f"cityops_{name}", text, labels=["process"])
            for service, _ in vitals.services:
                if key in service.detail:
                    family.add_metric([service.name], float(service.detail[key]))
            yield family
    account = CounterMetricFamily("cityops_ledger", "The account of all messages.", labels=["entry"])
    for entry in ("messages", "committed", "duplicates", "quarantined", "requarantined", "evicted"):
        account.add_metric([entry], getattr(vitals.totals, entry))
    yield account
    yield GaugeMetricFamily(
        "cityops_analytics_batches_behind", "Committed, not yet scored.", vitals.batches_behind
    )
