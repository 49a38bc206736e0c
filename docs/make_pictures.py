"""Make the README's pictures again: `make screenshots`.

Runs a demo of its own on free ports in a temporary folder, waits until every domain has an
alert, photographs the pages in both languages, and stops what it started.
"""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from dashboard.screenshots import take_screenshots

PICTURES = Path(__file__).parent / "img"
DOMAINS = {"traffic", "drainage", "environment", "energy"}
PATIENCE_S = 300.0


def cityops(folder: Path, *arguments: str) -> list[str]:
    """The command line of `cityops` on a data folder of its own."""
    ports = ("--http-port", "0", "--mqtt-port", "0", "--db-port", "0")
    return [sys.executable, "-m", "launch", "--data-dir", str(folder), *ports, *arguments]


def running_url(folder: Path) -> str:
    """Where the demo serves, empty as long as it does not."""
    done = subprocess.run(cityops(folder, "status", "--json"), capture_output=True, text=True, check=False)
    return json.loads(done.stdout)["http_url"] or "" if done.returncode == 0 else ""


def ask(url: str) -> Any:
    """A JSON answer of the demo."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        return json.load(answer)


def wait_for_a_picture(demo: subprocess.Popen[bytes], folder: Path) -> str:
    """Wait for alerts in every domain; returns the demo's address."""
    deadline = time.monotonic() + PATIENCE_S
    while time.monotonic() < deadline:
        if demo.poll() is not None:
            raise SystemExit("the demo ended; see what it printed above")
        url = running_url(folder)
        try:
            if url and {alert["domain"] for alert in ask(f"{url}/api/v1/alerts?status=open")} >= DOMAINS:
                return url
        except OSError:
            pass  # it is still starting
        time.sleep(2)
    raise SystemExit("not every domain had an alert in time")


def main() -> None:
    """Start, wait, photograph, stop."""
    with tempfile.TemporaryDirectory(prefix="cityops-pictures-") as temporary:
        folder = Path(temporary) / "data"
        with subprocess.Popen(cityops(folder, "demo"), start_new_session=True) as demo:
            try:
                for picture in take_screenshots(wait_for_a_picture(demo, folder), PICTURES):
                    print(picture)
            finally:
                demo.send_signal(signal.SIGINT)
                demo.wait(90)


if __name__ == "__main__":
    main()
