"""ThingsBoard's workload and four times it, with analytics running: does it hold, how late, how much memory.

    python benchmarks/ingest_load.py [--rates 5000 20000 …] [--seconds 20] [--soak 60]

ThingsBoard publishes for 2 vCPU and 8 GB: 5,000 devices, a message a second of each with 3
points, alarms on (acknowledged before its database has them). Here the same devices send at
each rate in turn, QoS 1, from a process on the same machine, while `cityops ingest` commits
and `cityops analytics` scores. A rate holds if neither falls behind: at the end, ingest is
behind by less than a second of messages, and analytics by less than two seconds of commits.

At half of the highest rate that held, the time from a device to the commit is taken (the
message's own time, to the notice that PostgreSQL gives after the commit), and ingest's
memory is watched: `--soak 600` for ten minutes.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np
import psutil

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._stage import say
from benchmarks._way import Way, machine, way
from store import batches
from store.ledger import totals
from store.pool import connect

THINGSBOARD_RATE = 5_000
N_DEVICES, N_POINTS = 5_000, 3
P95_LIMIT_MS, GROWTH_LIMIT, MEMORY_LIMIT_MB = 150.0, 0.05, 300.0
_WARM_UP_S = 10.0


@dataclass
class Watched:
    """What was seen while a rate lasted, twice a second."""

    behind: list[float] = field(default_factory=list)
    """Messages that were due and not committed, in seconds of the rate."""
    analytics_behind: list[float] = field(default_factory=list)
    """Age of the oldest commit that analytics has not read, seconds."""
    rss_mb: list[float] = field(default_factory=list)
    cpu: dict[str, float] = field(default_factory=dict)


_ANALYTICS_AGE = """
SELECT coalesce(extract(epoch FROM clock_timestamp() - min(committed_at)), 0)
FROM reading_batch AS log
WHERE seq > coalesce((SELECT seq FROM consumer_offset AS o
                      WHERE o.consumer = 'analytics' AND o.ingestor = log.ingestor), 0)"""


def run(stage: Way, processes: dict[str, psutil.Process], rate: float, seconds: float) -> Watched:
    """Publish at a rate and watch."""
    found, n = Watched(), int(rate * seconds)
    seen: list[tuple[float, int]] = []
    with connect(stage.database_url, name="benchmark", autocommit=True) as conn:
        before = totals(conn)
        cpu = {name: sum(process.cpu_times()[:2]) for name, process in processes.items()}
        publishing = stage.publisher(stage.plan(N_POINTS), n, rate, window=50_000)
        while publishing.child.poll() is None:
            time.sleep(0.5)
            seen.append((time.time(), totals(conn).messages - before.messages))
            _note(found, conn, processes["ingest"])
        result = publishing.result()
        took = time.time() - result["began"]
        for name, process in processes.items():
            found.cpu[name] = (sum(process.cpu_times()[:2]) - cpu[name]) / took
        # By the schedule, not by what was sent: a publisher that is held up is behind too.
        found.behind = [
            at - result["began"] - done / rate
            for at, done in seen
            if result["began"] + 1.0 < at < result["began"] + seconds
        ]
        deadline = time.monotonic() + 60
        while totals(conn).messages - before.messages < n and time.monotonic() < deadline:
            time.sleep(0.2)
        after = totals(conn)
        if after.committed - before.committed != n * N_POINTS:
            raise SystemExit(f"{n * N_POINTS:,} readings were sent; before {before}, after {after}")
    return found


def _note(found: Watched, conn: object, ingest: psutil.Process) -> None:
    row = conn.execute(_ANALYTICS_AGE).fetchone()  # type: ignore[attr-defined]
    found.analytics_behind.append(float(row[0]))
    found.rss_mb.append(ingest.memory_info().rss / 2**20)


def holds(found: Watched) -> bool:
    """Neither has fallen behind."""
    return statistics.median(found.behind[-5:]) < 1.0 and statistics.median(found.analytics_behind[-5:]) < 2.0


class Latency(threading.Thread):
    """Takes the time from a reading's own time to the notice of its commit."""

    def __init__(self, database_url: str) -> None:
        super().__init__(daemon=True)
        self._url = database_url
        self.stopped = threading.Event()
        self.delays_ms: list[np.ndarray] = []

    def run(self) -> None:
        """Listen until `stopped`."""
        with connect(self._url, name="benchmark", autocommit=True) as conn:
            seq = batches.heads(conn).get("ingest-1", 0)
            batches.listen(conn)
            while not self.stopped.is_set():
                if list(conn.notifies(timeout=0.5, stop_after=1)):
                    now_us = time.time_ns() // 1000
                    for batch in batches.read_after(conn, "ingest-1", seq):
                        seq = batch.seq
                        self.delays_ms.append((now_us - batch.readings.times) / 1000)


@contextmanager
def latency(stage: Way) -> Iterator[Latency]:
    """Watch delays for as long as this lasts."""
    watch = Latency(stage.database_url)
    watch.start()
    yield watch
    watch.stopped.set()
    watch.join()


def main() -> None:
    """Find what holds; then how late and how large."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rates", type=float, nargs="+", default=[5_000, 10_000, 15_000, 20_000])
    parser.add_argument("--seconds", type=float, default=15.0)
    parser.add_argument(
        "--soak", type=float, default=30.0, help="seconds at half the rate; 600 in a full run"
    )
    told = parser.parse_args()
    held = 0.0
    with way(N_DEVICES, N_POINTS) as stage, stage.service("ingest") as ingest:
        print(f"{machine()}; {stage.described}; {N_DEVICES:,} devices, {N_POINTS} readings a message, QoS 1")
        with stage.service("analytics") as analytics:
            processes = {"ingest": ingest, "analytics": analytics}
            run(stage, processes, told.rates[0], 3.0)  # the first chunk, the first roster
            for rate in told.rates:
                found = run(stage, processes, rate, told.seconds)
                good = holds(found)
                print(
                    f"{rate:8,.0f} messages/s = {rate * N_POINTS:8,.0f} readings/s, "
                    f"{rate / THINGSBOARD_RATE:.1f} × ThingsBoard: {'holds' if good else 'falls behind'}; "
                    f"behind at the end: ingest {statistics.median(found.behind[-5:]):.2f} s, analytics "
                    f"{statistics.median(found.analytics_behind[-5:]):.2f} s; "
                    + ", ".join(f"{name} {cpu:.2f} of a CPU" for name, cpu in found.cpu.items()),
                    flush=True,
                )
                held = rate if good else held
                if not good:
                    break
            if held:
                _soak(stage, processes, held / 2, told.soak)


def _soak(stage: Way, processes: dict[str, psutil.Process], rate: float, seconds: float) -> None:
    say(f"{seconds:.0f} s at {rate:,.0f} messages/s")
    run(stage, processes, rate, _WARM_UP_S)
    with latency(stage) as watch:
        found = run(stage, processes, rate, seconds)
    delays = np.concatenate(watch.delays_ms)
    p50, p95, p99 = np.percentile(delays, (50, 95, 99))
    first, last = statistics.median(found.rss_mb[:5]), statistics.median(found.rss_mb[-5:])
    print(
        f"at {rate:,.0f} messages/s, device to committed: "
        f"p50 {p50:.0f} ms, p95 {p95:.0f} ms, p99 {p99:.0f} ms; "
        f"p95 / limit of {P95_LIMIT_MS:.0f} ms: {p95 / P95_LIMIT_MS:.2f}"
    )
    growth = last / first - 1
    print(
        f"memory of ingest over {seconds:.0f} s: {first:.0f} → {last:.0f} MB, growth {growth:+.1%} "
        f"(limit {GROWTH_LIMIT:.0%}); largest {max(found.rss_mb):.0f} MB, "
        f"{max(found.rss_mb) / MEMORY_LIMIT_MB:.2f} of {MEMORY_LIMIT_MB:.0f} MB"
    )


if __name__ == "__main__":
    main()
