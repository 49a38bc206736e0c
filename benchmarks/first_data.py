"""How long a page's first data takes at the server, and whether a hanging query holds up the rest.

    python benchmarks/first_data.py [--url http://127.0.0.1:8050 --user NAME < password]
                                    [--database-url postgresql://…] [--n 20]

Without ``--url`` it finds the running `make demo` and makes a person of its own. Chromium
opens each page once; what the page asked the server for (callbacks and the API) is recorded,
then asked again ``n`` times over one connection, one request after the other. A page's figure
is that of its slowest request: they are asked at once in a browser. At the end another session
locks the table of devices, so that page queries hang and hold every connection of the pool, while
`/healthz` is asked; this needs the database's address.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import threading
import time
from collections.abc import Generator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psycopg
from playwright.sync_api import Request

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from benchmarks.live_latency import session, status
from dashboard.auth.client import COOKIE, sign_in
from dashboard.browser import open_browser
from dashboard.screenshots import find_addresses, wait_until_ready

LIMIT_MS = 500.0
HEALTH_LIMIT_MS = 50.0
HANGING = 12
"""Page queries that hang at once: twice as many as the dashboard has connections."""
_KEPT_HEADERS = ("content-type", "x-csrf-token", "accept")
_OUTSIDE = "sign-in"


@dataclass(frozen=True)
class Asked:
    """One request of a page, as it can be sent again."""

    method: str
    path: str
    headers: tuple[tuple[str, str], ...]
    body: bytes | None

    @property
    def name(self) -> str:
        """What is asked for, short."""
        if "_dash-update-component" not in self.path:
            return urlsplit(self.path).path
        output = json.loads(self.body or b"{}").get("output", "")
        return output.strip(".").split("...")[0]


def main() -> None:
    """Record, replay, print."""
    arguments = parsed()
    url, token, database = target(arguments)
    found = recorded(url, token)
    with httpx.Client(base_url=url, cookies={COOKIE: token}, timeout=60) as client:
        print(f"{'page':<18}{'requests':>9}  {'slowest':<34}{'median ms':>10}{'p95 ms':>9}{'p95/limit':>10}")
        worst = 0.0
        for page, requests in found.items():
            worst = max(worst, show(page, {asked: replay(client, asked, arguments.n) for asked in requests}))
        print(f"worst p95: {worst:.0f} ms, {worst / LIMIT_MS:.2f} of the limit of {LIMIT_MS:g} ms")
        if database:
            health(client, found["drainage"], database, arguments.n * 5)


def parsed() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--url", help="a running dashboard; else the running demo")
    parser.add_argument("--user", help="who signs in at --url; the password is a line on standard input")
    parser.add_argument("--database-url", help="for the hanging query, with --url")
    parser.add_argument("--n", type=int, default=20, help="how often each request is asked again")
    return parser.parse_args()


def target(arguments: argparse.Namespace) -> tuple[str, str, str | None]:
    """Where the dashboard is, a session's token, and the database."""
    if arguments.url:
        url = arguments.url.rstrip("/")
        token = sign_in(url, arguments.user, sys.stdin.readline().rstrip("\r\n"))
        return url, token, arguments.database_url
    now = status()
    return now["http_url"], session(now["http_url"]), now["database_url"]


def recorded(url: str, token: str) -> dict[str, list[Asked]]:
    """What each page asks for until it shows its data, by the page's name."""
    pages: dict[str, list[Asked]] = {}
    with open_browser() as browser:
        context = browser.new_context(viewport={"width": 1366, "height": 768})
        context.add_cookies([{"name": COOKIE, "value": token, "url": url}])
        for name, path in find_addresses(url, context.request).items():
            if name == _OUTSIDE:
                continue
            seen: list[Asked] = []
            page = context.new_page()
            page.on("request", lambda request, seen=seen: note(request, url, seen))
            page.goto(url + path)
            wait_until_ready(page)
            page.close()
            pages[name] = list({(a.method, a.path.split("?endId=")[0], a.body): a for a in seen}.values())
    return pages


def note(request: Request, url: str, seen: list[Asked]) -> None:
    """Keep a request for data; what changes something is no first data."""
    path = request.url.removeprefix(url)
    callback = path.startswith("/_dash-update-component")
    if not callback and not (path.startswith("/api/") and request.method == "GET"):
        return
    headers = tuple((name, value) for name, value in request.headers.items() if name in _KEPT_HEADERS)
    seen.append(Asked(request.method, path, headers, request.post_data_buffer))


def replay(client: httpx.Client, asked: Asked, n: int) -> list[float]:
    """Milliseconds of each of ``n`` answers."""
    took: list[float] = []
    for _ in range(n):
        started = time.perf_counter()
        answer = client.request(asked.method, asked.path, headers=dict(asked.headers), content=asked.body)
        took.append((time.perf_counter() - started) * 1e3)
        if answer.status_code >= 400:
            raise SystemExit(f"{asked.name}: {answer.status_code}")
    return took


def show(page: str, took: dict[Asked, list[float]]) -> float:
    """Print a page's slowest request; returns its 95th percentile."""
    slowest = max(took, key=lambda asked: p95(took[asked]))
    high, middle = p95(took[slowest]), statistics.median(took[slowest])
    print(f"{page:<18}{len(took):9}  {slowest.name[:33]:<34}{middle:10.0f}{high:9.0f}{high / LIMIT_MS:10.2f}")
    return high


def p95(values: list[float]) -> float:
    """The 95th percentile."""
    return statistics.quantiles(values, n=20)[-1] if len(values) > 1 else values[0]


def health(client: httpx.Client, requests: list[Asked], database: str, n: int) -> None:
    """`/healthz` with the pool at rest, then with every connection of it in a query that hangs."""
    calm = timed(client, n)
    with locked(database), hanging(client, requests) as waiting:
        held = timed(client, n)
        alive = sum(thread.is_alive() for thread in waiting)
    print(f"\n{'/healthz':<34}{'median ms':>10}{'p95 ms':>9}{'p95/limit':>10}")
    for name, took in (("at rest", calm), (f"{alive} page queries hang", held)):
        high = p95(took)
        print(f"{name:<34}{statistics.median(took):10.1f}{high:9.1f}{high / HEALTH_LIMIT_MS:10.2f}")


def timed(client: httpx.Client, n: int) -> list[float]:
    """Milliseconds of each of ``n`` answers of `/healthz`."""
    return replay(client, Asked("GET", "/healthz", (), None), n)


@contextmanager
def locked(database: str) -> Generator[None]:
    """Another session's lock on the table of devices, which every desk reads."""
    with psycopg.connect(database) as conn:
        conn.execute("LOCK TABLE device IN ACCESS EXCLUSIVE MODE")
        yield
        conn.rollback()


@contextmanager
def hanging(client: httpx.Client, requests: list[Asked]) -> Generator[list[threading.Thread]]:
    """Page queries that wait for the lock, each from a connection of its own."""
    callbacks = [asked for asked in requests if asked.name.startswith("drainage-")]

    def ask(asked: Asked) -> None:
        with httpx.Client(base_url=client.base_url, cookies=client.cookies, timeout=120) as own:
            own.request(asked.method, asked.path, headers=dict(asked.headers), content=asked.body)

    threads = [
        threading.Thread(target=ask, args=(callbacks[n % len(callbacks)],), daemon=True)
        for n in range(HANGING)
    ]
    for thread in threads:
        thread.start()
    time.sleep(1.0)  # they reach the lock; `alive` in the table says that they stay there
    yield threads


if __name__ == "__main__":
    main()
