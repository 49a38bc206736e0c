"""``cityops ledger``: what became of every message, and whether it adds up."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, fields
from datetime import date, datetime, timedelta
from typing import Annotated

import psycopg
import typer
from rich.markup import escape
from rich.table import Table

from launch.addresses import with_addresses
from launch.console import out, say
from store import ledger
from store.horizons import read_horizons
from store.pool import connect
from telemetry.settings import Settings

_ALWAYS = ("messages", "committed", "quarantined")


@dataclass(frozen=True, slots=True)
class Account:
    """The account by device and day; ``wrong`` where it was recounted, a line for each that differs.

    ``let_go_before`` is before when retention let readings go, which the recount then cannot find.
    """

    rows: list[ledger.LedgerRow]
    totals: ledger.LedgerTotals
    wrong: list[ledger.Discrepancy] | None = None
    let_go_before: datetime | None = None


def show(
    context: typer.Context,
    device: Annotated[str | None, typer.Option(help="One device; '' for messages of no known one.")] = None,
    since: Annotated[str | None, typer.Option(help="First day, YYYY-MM-DD (UTC).")] = None,
    verify: Annotated[
        bool, typer.Option("--verify", help="Count the rows too, and compare. Takes its time.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="For programs.")] = False,
) -> None:
    """Show what became of every message. Exit code 1 where --verify finds that it does not add up."""
    settings = context.obj
    assert isinstance(settings, Settings)
    first = _day(since)
    url = with_addresses(settings, broker=False).database_url or ""
    with connect(url, name="ledger") as conn:
        oldest = timedelta(days=settings.ingest.oldest_days)
        account = read_account(conn, device, first, verify=verify, oldest=oldest)
    if as_json:
        print(json.dumps(asdict(account), indent=2, default=str))
    else:
        _print(account)
    if account.wrong:
        raise typer.Exit(1)


def read_account(
    conn: psycopg.Connection,
    device: str | None = None,
    since: date | None = None,
    *,
    verify: bool = False,
    oldest: timedelta = timedelta(days=30),
) -> Account:
    """The account, all of it from one moment.

    A recount is of everything a device ever sent, whatever ``since`` is: rows do not know their day of
    arrival.
    """
    with conn.transaction():
        ledger.hold_moment(conn)
        rows = ledger.list_rows(conn, device, since)
        wrong = ledger.recount(conn, device, oldest) if verify else None
        return Account(rows, ledger.sum_up(rows), wrong, read_horizons(conn).get("reading"))


def _day(text: str | None) -> date | None:
    try:
        return None if text is None else date.fromisoformat(text)
    except ValueError as error:
        raise typer.BadParameter(f"{text!r} is no day: write it YYYY-MM-DD") from error


def _print(account: Account) -> None:
    names = [field.name for field in fields(ledger.LedgerTotals)]
    # What never happened takes no column: together they are wider than a terminal.
    columns = [name for name in names if name in _ALWAYS or getattr(account.totals, name)]
    table = Table(show_footer=True)
    table.add_column("device", footer="total", overflow="fold")
    table.add_column("day", no_wrap=True)
    for name in columns:
        table.add_column(name, footer=f"{getattr(account.totals, name):,}", justify="right", overflow="fold")
    for row in account.rows:
        counts = [f"{getattr(row.counts, name):,}" for name in columns]
        table.add_row(escape(row.device_id or "(unknown)"), str(row.day), *counts)
    out.print(table)
    totals = account.totals
    quarantined = totals.quarantined - totals.replayed
    distinct = totals.committed + quarantined
    say(
        f"{distinct:,} distinct = {totals.committed:,} readings committed + {quarantined:,} messages "
        f"quarantined, not replayed; {totals.duplicates + totals.requarantined:,} came again and were known."
    )
    if account.wrong is not None:
        print_recount(account.wrong)
        if account.let_go_before:
            say(
                f"Readings of before {account.let_go_before:%Y-%m-%d} were let go (store.raw_days). Of"
                " devices that may have had such, fewer than the account says are not told as a fault."
            )


def print_recount(wrong: list[ledger.Discrepancy]) -> None:
    """Whether the rows are those that the account says, for people."""
    if not wrong:
        say("Recounted: every device has the rows its account says, and no reading twice.")
        return
    out.print(f"[red]It does not add up for {len(wrong)} devices:[/red]")
    table = Table("device", "what", "ledger", "rows")
    for line in wrong:
        table.add_row(escape(line.device_id or "(unknown)"), line.what, f"{line.said:,}", f"{line.found:,}")
    out.print(table)
