"""Photograph every page in both languages and both themes: `make screenshots`.

Runs a demo of its own on free ports in a temporary folder, waits until every domain has an
alert, photographs the pages into ``build/screenshots`` (or the folder given), and stops what
it started. The README's few pictures are copied to ``docs/img``; the others are not kept.
"""

from __future__ import annotations

import json
import secrets
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from pathlib import Path
from typing import Any

from dashboard.auth.client import COOKIE, sign_in
from dashboard.screenshots import README, take_screenshots

PICTURES = Path(__file__).parent / "img"
ALL = Path(__file__).parents[1] / "build" / "screenshots"
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


def ask(url: str, token: str) -> Any:
    """A JSON answer of the demo."""
    request = urllib.request.Request(url, headers={"Cookie": f"{COOKIE}={token}"})
    with urllib.request.urlopen(request, timeout=10) as answer:
        return json.load(answer)


def session(folder: Path, url: str) -> str:
    """Add a person who sees every page, and sign in."""
    password = secrets.token_urlsafe()
    command = cityops(folder, "user", "add", "pictures", "--role", "administrator", "--password-stdin")
    subprocess.run(command, input=password, text=True, check=True)
    return sign_in(url, "pictures", password)


def wait_for_a_picture(demo: subprocess.Popen[bytes], folder: Path) -> tuple[str, str]:
    """Wait for alerts in every domain; returns the demo's address and a session's token."""
    deadline, token = time.monotonic() + PATIENCE_S, ""
    while time.monotonic() < deadline:
        if demo.poll() is not None:
            raise SystemExit("the demo ended; see what it printed above")
        url = running_url(folder)
        try:
            if url and not token and is_ready(url):
                token = session(folder, url)
            if token and domains(ask(f"{url}/api/v1/alerts?status=open", token)) >= DOMAINS:
                return url, token
        except OSError:
            pass  # it is still starting
        time.sleep(2)
    raise SystemExit("not every domain had an alert in time")


def is_ready(url: str) -> bool:
    """Whether the demo serves; raises `OSError` as long as no one listens."""
    with urllib.request.urlopen(f"{url}/readyz", timeout=10) as answer:
        return answer.status == 200


def domains(alerts: Any) -> set[str]:
    """Domains of alerts, as a list or as a page of one."""
    rows = alerts if isinstance(alerts, list) else alerts["alerts"]
    return {row["domain"] for row in rows}


def keep(folder: Path) -> None:
    """Put the README's pictures where it looks for them, in the place of those that were there."""
    for old in PICTURES.glob("*.png"):
        old.unlink()
    for picture in README:
        shutil.copy(folder / picture.file, PICTURES / picture.file)


def main() -> None:
    """Start, wait, photograph, stop."""
    pictures = Path(sys.argv[1]) if len(sys.argv) > 1 else ALL
    with tempfile.TemporaryDirectory(prefix="cityops-pictures-") as temporary:
        folder = Path(temporary) / "data"
        with subprocess.Popen(cityops(folder, "demo"), start_new_session=True) as demo:
            try:
                url, token = wait_for_a_picture(demo, folder)
                taken = take_screenshots(url, pictures, token)
                keep(pictures)
                print(f"{len(taken)} pictures in {pictures}, {len(README)} of them in {PICTURES}")
            finally:
                demo.send_signal(signal.SIGINT)
                demo.wait(90)


if __name__ == "__main__":
    main()
