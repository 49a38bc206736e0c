"""200 open sockets: how late a change reaches them, and what it costs the server.

    python benchmarks/sockets.py [--devices 609] [--sockets 200] [--seconds 60]

Starts a database and a dashboard of its own (see `_stage.py`), opens the sockets, and commits
readings as the demo does: ten batches a second. *Push* is from a frame's making to its arrival
at a socket; *commit → socket* begins where the batch is committed, so it holds the wait for the
frame as well. All of it shares the two cores, the reading sockets too.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import sys
import threading
import time
from pathlib import Path

import numpy as np
from websockets.asyncio.client import connect

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._stage import Stage, say, stage
from dashboard.auth.client import COOKIE

PUSH_LIMIT_MS = 200.0
CPU_LIMIT = 0.10
BATCHES_PER_S = 10


class Listeners(threading.Thread):
    """Sockets that note each message with its time of arrival, epoch ms, in ``got``."""

    def __init__(self, made: Stage, n: int) -> None:
        super().__init__(name="listeners")
        self.got: list[tuple[float, str]] = []
        self.ready = threading.Event()
        self._address = made.url.replace("http", "ws", 1) + "/ws/live"
        self._headers = {"Cookie": f"{COOKIE}={made.token}", "Origin": made.url}
        self._n = n
        self._loop = asyncio.new_event_loop()

    def run(self) -> None:
        """Listen until told to stop."""
        with contextlib.suppress(asyncio.CancelledError):
            self._loop.run_until_complete(self._listen())

    def stop(self) -> None:
        """Close every socket, and wait for it."""
        self._loop.call_soon_threadsafe(lambda: [task.cancel() for task in asyncio.all_tasks(self._loop)])
        self.join()

    async def _listen(self) -> None:
        opened = asyncio.Semaphore(0)
        readers = [asyncio.create_task(self._read(opened)) for _ in range(self._n)]
        for _ in readers:
            await opened.acquire()
        self.ready.set()
        await asyncio.gather(*readers, return_exceptions=True)

    async def _read(self, opened: asyncio.Semaphore) -> None:
        async with connect(self._address, additional_headers=self._headers, max_size=2**24) as socket:
            opened.release()
            async for text in socket:
                self.got.append((time.time() * 1000, str(text)))


def feed(made: Stage, seconds: float, per_batch: int) -> list[float]:
    """Commit batches at the demo's pace; returns when each was committed, epoch ms."""
    ids = np.array([stream.stream_id for stream in made.streams])
    committed: list[float] = []
    begun = time.monotonic()
    for turn in range(round(seconds * BATCHES_PER_S)):
        time.sleep(max(0.0, begun + turn / BATCHES_PER_S - time.monotonic()))
        # Each batch is known by its number: the value of every reading in it.
        made.commit(made.rng.choice(ids, per_batch, replace=False).tolist(), value=float(turn))
        committed.append(time.time() * 1000)
    return committed


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=609)
    parser.add_argument("--sockets", type=int, default=200)
    parser.add_argument("--seconds", type=float, default=60.0)
    arguments = parser.parse_args()
    with stage(arguments.devices) as made:
        per_batch = max(1, round(len(made.streams) / 10 / BATCHES_PER_S))
        listeners = Listeners(made, arguments.sockets)
        listeners.start()
        listeners.ready.wait()
        say(f"{arguments.sockets} sockets are open")
        cpu, begun = made.cpu_s(), time.monotonic()
        committed = feed(made, arguments.seconds, per_batch)
        share = (made.cpu_s() - cpu) / (time.monotonic() - begun)
        time.sleep(1)
        listeners.stop()
    push, late, size = measure(listeners.got, committed)
    frames = len({text for _, text in listeners.got})
    print(f"{arguments.devices} devices, {arguments.sockets} sockets, {frames} frames of {size:.0f} B")
    print(f"{'':<40}{'median':>9}{'p95':>9}{'ratio to limit':>16}")
    rows = (("push, ms (limit 200)", push), ("commit → socket, ms", late))
    for name, found in rows:
        median, p95 = np.percentile(found, (50, 95))
        ratio = f"{p95 / PUSH_LIMIT_MS:16.2f}"
        print(f"{name:<40}{median:9.1f}{p95:9.1f}{ratio}")
    print(f"{'server, share of one core (limit 0.10)':<40}{share:9.3f}{'':9}{share / CPU_LIMIT:16.2f}")


def measure(got: list[tuple[float, str]], committed: list[float]) -> tuple[list[float], list[float], float]:
    """Push and commit-to-socket times in ms over all messages, and the frames' mean size."""
    known: dict[str, tuple[float, set[int]]] = {}
    push: list[float] = []
    late: list[float] = []
    for at, text in got:
        if text not in known:
            frame = json.loads(text)
            known[text] = frame["at"], {int(row[2]) for row in frame["readings"]}
        made_at, turns = known[text]
        push.append(max(0.0, at - made_at))
        late.extend(at - committed[turn] for turn in turns if turn < len(committed))
    return push, late, float(np.mean([len(text.encode()) for text in known]))


if __name__ == "__main__":
    main()
