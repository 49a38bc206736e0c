"""How long a newcomer waits: fresh clone to a live page with alerts, and a warm start.

    python benchmarks/startup.py [--keep-cache]

Clones this repository into a temporary folder, runs `make demo` there on free ports with
an empty engine cache and an empty package cache, and watches the page and the alerts
from outside; then Ctrl-C, and once more with what was kept. Prints each time as a ratio
to its limit. `--keep-cache` reuses the caches of this machine (what a developer sees).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from dashboard.auth.client import COOKIE, sign_in

FRESH_LIMIT_S = 300.0
WARM_LIMIT_S = 20.0
ALERT_LIMIT_S = 120.0
DOMAINS = {"traffic", "drainage", "environment", "energy"}
ROOT = Path(__file__).resolve().parents[1]


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def get(url: str, token: str = "") -> bytes | None:
    request = urllib.request.Request(url, headers={"Cookie": f"{COOKIE}={token}"})
    with contextlib.suppress(OSError), urllib.request.urlopen(request, timeout=5) as answer:
        return bytes(answer.read())
    return None


def session(clone: Path, environment: dict[str, str], url: str) -> str:
    """A session of a viewer who is made for this run."""
    name, password = f"bench-{secrets.token_hex(4)}", secrets.token_urlsafe()
    python = clone / ".venv" / "bin" / "python"
    subprocess.run(
        [str(python), "-m", "launch", "user", "add", name, "--role", "viewer", "--password-stdin"],
        cwd=clone, env=environment, input=password, text=True, check=True, capture_output=True,
    )  # fmt: skip
    return sign_in(url, name, password)


def alerted(url: str, token: str) -> set[str]:
    body = get(f"{url}/api/v1/alerts?limit=500", token)
    if body is None:
        return set()
    document = json.loads(body)
    alerts = document if isinstance(document, list) else document.get("alerts", [])
    return {alert["domain"] for alert in alerts}


@contextlib.contextmanager
def demo(clone: Path, environment: dict[str, str], log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("ab") as sink:
        process = subprocess.Popen(
            ["make", "demo"], cwd=clone, env=environment, stdout=sink, stderr=sink, start_new_session=True
        )
    try:
        yield process
    finally:
        os.killpg(process.pid, signal.SIGINT)
        process.wait(timeout=90)


def wait_for(what: str, limit_s: float, process: subprocess.Popen[bytes], log: Path, ready: object) -> float:
    start = time.monotonic()
    while not ready():  # type: ignore[operator]
        if process.poll() is not None or time.monotonic() - start > 3 * limit_s:
            raise SystemExit(f"no {what}:\n{log.read_text(errors='replace')[-3000:]}")
        time.sleep(0.1)
    return time.monotonic() - start


def measure(
    clone: Path, environment: dict[str, str], url: str, log: Path, limit_s: float
) -> tuple[float, float]:
    with demo(clone, environment, log) as process:
        page_s = wait_for("page", limit_s, process, log, lambda: get(f"{url}/readyz") is not None)
        token = session(clone, environment, url)
        alerts_s = wait_for("alerts", ALERT_LIMIT_S, process, log, lambda: alerted(url, token) >= DOMAINS)
    return page_s, alerts_s


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--keep-cache", action="store_true", help="use this machine's caches")
    arguments = parser.parse_args()
    work = Path(tempfile.mkdtemp(prefix="cityops-startup-"))
    clone, log = work / "cityops", work / "demo.log"
    http_port = free_port()
    environment = os.environ | {
        "CITYOPS_HTTP_PORT": str(http_port),
        "CITYOPS_MQTT_PORT": str(free_port()),
        "CITYOPS_DB_PORT": str(free_port()),
    }
    environment.pop("VIRTUAL_ENV", None)
    if not arguments.keep_cache:
        environment |= {
            "CITYOPS_CACHE_DIR": str(work / "engines"),
            "UV_CACHE_DIR": str(work / "uv"),
            "PIP_CACHE_DIR": str(work / "pip"),
        }
    url = f"http://127.0.0.1:{http_port}"
    try:
        subprocess.run(["git", "clone", "-q", str(ROOT), str(clone)], check=True)
        fresh = measure(clone, environment, url, log, FRESH_LIMIT_S)
        warm = measure(clone, environment, url, log, WARM_LIMIT_S)
    finally:
        if log.exists():
            print(f"log: {log}")
    shutil.rmtree(work, ignore_errors=True)
    rows = [
        ("fresh clone to the live page", fresh[0], FRESH_LIMIT_S),
        ("… to an alert in every domain", fresh[0] + fresh[1], FRESH_LIMIT_S),
        ("alerts in every domain after the page", fresh[1], ALERT_LIMIT_S),
        ("warm start to the live page", warm[0], WARM_LIMIT_S),
        ("alerts after a warm start", warm[1], ALERT_LIMIT_S),
    ]
    print(f"{'what':<40}{'seconds':>9}{'limit':>7}{'ratio':>7}")
    for what, took_s, limit_s in rows:
        print(f"{what:<40}{took_s:9.1f}{limit_s:7.0f}{took_s / limit_s:7.2f}")


if __name__ == "__main__":
    main()
