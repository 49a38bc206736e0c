"""The overview with 20,000 devices: ready when, an update of 500 devices costs what, memory steady.

    python benchmarks/overview_scale.py [--devices 20000] [--updates 20] [--minutes 15]

Starts a database and a dashboard of its own (see `_stage.py`), and opens the page in Chromium
without a GPU. *Ready* is from the first byte of the server's answer to the page until the map is
drawn, the feed filled and the link live. An *update* carries new readings and a changed state of
500 devices in one frame; its cost is the time the page's thread spends on the frame, and until it
is painted. *Memory* is the JavaScript heap after a collection, each minute, while readings come.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import numpy as np
from playwright.sync_api import Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks._stage import CHROMIUM_ARGUMENTS, Stage, say, stage
from dashboard.browser import find_chromium
from telemetry.alerts import FindingState

READY_LIMIT_S = 3.0
UPDATE_LIMIT_MS = 50.0
GROWTH_LIMIT = 0.10
CHANGED = 500

# Times every frame's handler and the paint after it, and notes when the page became usable.
WATCH = """
(() => {
  window.__frames = [];
  const own = Object.getOwnPropertyDescriptor(WebSocket.prototype, "onmessage");
  Object.defineProperty(WebSocket.prototype, "onmessage", {
    ...own,
    set(handler) {
      own.set.call(this, (event) => {
        const begun = performance.now();
        handler(event);
        const done = performance.now();
        const note = { states: 0, ms: done - begun, painted: 0 };
        if (window.__note) {
          note.states = Object.keys(JSON.parse(event.data).states).length;
          window.__frames.push(note);
          requestAnimationFrame(() => setTimeout(() => { note.painted = performance.now() - begun; }));
        }
      });
    },
  });
  const usable = () => {
    const map = document.getElementById("overview-map");
    const link = document.getElementById("shell-link");
    const feed = document.getElementById("overview-feed");
    return map && map.dataset.ready && link && link.dataset.phase === "live"
      && feed && feed.getAttribute("aria-busy") === "false";
  };
  const look = () => {
    if (!usable()) { setTimeout(look, 20); return; }
    window.__usable = performance.now() - performance.getEntriesByType("navigation")[0].responseStart;
  };
  look();
})();
"""


def open_page(page: Page, made: Stage) -> float:
    """Seconds from the server's answer until the page is usable."""
    page.goto(f"{made.url}/?lang=vi")
    page.wait_for_function("() => window.__usable > 0", timeout=120_000)
    return float(page.evaluate("window.__usable")) / 1000


def updates(page: Page, made: Stage, n: int) -> list[dict[str, float]]:
    """The cost of ``n`` updates, each of `CHANGED` devices."""
    by_device = {stream.device_id: stream for stream in reversed(made.streams)}
    chosen = made.rng.choice(np.array(sorted(by_device)), CHANGED, replace=False)
    streams = [by_device[str(device)] for device in chosen]
    page.evaluate("window.__note = true")
    for turn in range(n):
        made.commit([stream.stream_id for stream in streams])
        made.find(streams, FindingState.CLEARED if turn % 2 else FindingState.RAISED)
        page.wait_for_timeout(1_500)
    page.evaluate("window.__note = false")
    return [frame for frame in page.evaluate("window.__frames") if frame["states"] >= CHANGED / 2]


def heap_mb(session: Any) -> float:
    session.send("HeapProfiler.collectGarbage")
    return float(session.send("Runtime.getHeapUsage")["usedSize"]) / 2**20


def soak(page: Page, made: Stage, minutes: float) -> list[float]:
    """The heap in MiB, each minute, while a twentieth of the city reports every second."""
    session = page.context.new_cdp_session(page)
    ids = np.array([stream.stream_id for stream in made.streams])
    sizes: list[float] = [heap_mb(session)]
    ends = time.monotonic() + minutes * 60
    asked = time.monotonic()
    while time.monotonic() < ends:
        made.commit(made.rng.choice(ids, len(ids) // 20, replace=False).tolist())
        page.wait_for_timeout(1_000)
        if time.monotonic() - asked >= 60:
            asked = time.monotonic()
            sizes.append(heap_mb(session))
            say(f"heap {sizes[-1]:.1f} MiB")
    return sizes


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--devices", type=int, default=20_000)
    parser.add_argument("--updates", type=int, default=20)
    parser.add_argument("--loads", type=int, default=5, help="how often the page is opened")
    parser.add_argument("--minutes", type=float, default=15.0, help="how long memory is watched")
    arguments = parser.parse_args()
    with stage(arguments.devices) as made, sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=find_chromium(), args=CHROMIUM_ARGUMENTS)
        context = browser.new_context(viewport={"width": 1920, "height": 1080})
        context.add_cookies([made.cookie])  # pyright: ignore[reportArgumentType]
        page = context.new_page()
        page.add_init_script(WATCH)
        ready = [open_page(page, made) for _ in range(arguments.loads)]
        say("ready after " + ", ".join(f"{s:.2f}" for s in ready) + " s")
        frames = updates(page, made, arguments.updates)
        sizes = soak(page, made, arguments.minutes) if arguments.minutes else []
        browser.close()
    report(arguments.devices, ready, frames, sizes)


def report(devices: int, ready: list[float], frames: list[dict[str, float]], sizes: list[float]) -> None:
    """Print each figure with its ratio to the limit."""
    work = [frame["ms"] for frame in frames]
    painted = [frame["painted"] for frame in frames if frame["painted"]]
    early, late = (statistics.mean(sizes[1:4]), statistics.mean(sizes[-3:])) if len(sizes) > 3 else (0.0, 0.0)
    rows = [
        ("server answer → usable, s (limit 3)", statistics.median(ready), max(ready), READY_LIMIT_S),
        ("update of 500 devices, ms (limit 50)", statistics.median(work), max(work), UPDATE_LIMIT_MS),
        ("… until painted, ms", statistics.median(painted), max(painted), None),
    ]
    print(f"{format(devices, ',') + ' devices':<40}{'median':>9}{'worst':>9}{'ratio to limit':>16}")
    for name, median, worst, limit in rows:
        print(f"{name:<40}{median:9.2f}{worst:9.2f}" + (f"{median / limit:16.2f}" if limit else ""))
    if early:
        print(f"heap after collection: {early:.1f} MiB in minutes 1 to 3, {late:.1f} MiB in the last three;")
        growth = late / early - 1
        print(f"growth {growth:+.1%}, ratio to the limit of 10 %: {growth / GROWTH_LIMIT:.2f}")


if __name__ == "__main__":
    main()
