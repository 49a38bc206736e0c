"""What debootstrap needs of ``wget``, for a machine without it: one URL into one file.

Called as ``fetch.py [options] URL -O FILE``; other options are ignored. Packages are
checked against their signed index by debootstrap, so this only carries bytes.
"""

from __future__ import annotations

import shutil
import sys
import urllib.error
import urllib.request
from pathlib import Path

NETWORK_FAILURE = 4
"""As wget's exit codes have it."""


def fetch(arguments: list[str]) -> int:
    """Do it; the exit code."""
    target = Path(arguments[arguments.index("-O") + 1])
    url = next(a for a in arguments if a.startswith(("http://", "https://")))
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, target.open("wb") as handle:  # noqa: S310 - http only
            shutil.copyfileobj(answer, handle)
    except (urllib.error.URLError, OSError):
        return NETWORK_FAILURE
    return 0


if __name__ == "__main__":
    sys.exit(fetch(sys.argv[1:]))
