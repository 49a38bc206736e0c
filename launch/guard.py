"""The guard process: reads what to watch on stdin, stops it all at end of file.

Run by ``launch.processes.Guard`` as a plain script, with the folders to import from
as arguments.
"""

from __future__ import annotations

import json
import signal
import sys
from typing import IO


def main(stream: IO[str]) -> None:
    """Keep the list until ``stream`` ends, then stop its processes, newest first."""
    from launch.processes import Identity, stop_process

    watched: dict[int, tuple[Identity, int]] = {}
    for line in stream:
        message = json.loads(line)
        if "watch" in message:
            identity = Identity(message["watch"], message["started"])
            watched[identity.pid] = (identity, message["signal"])
        else:
            watched.pop(message["forget"], None)
    for identity, signal_number in reversed(watched.values()):
        stop_process(identity, signal_number=signal_number, grace_s=15.0)


if __name__ == "__main__":
    for name in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(name, signal.SIG_IGN)
    sys.path[:0] = sys.argv[1:]
    main(sys.stdin)
