"""``cityops`` with a wall clock that jumps: seconds to add to it are read from the file named first."""

from __future__ import annotations

import sys
import time
from pathlib import Path

_REAL_NS = time.time_ns
_OFFSET = Path(sys.argv.pop(1))


def _jumped_ns() -> int:
    return _REAL_NS() + int(float(_OFFSET.read_text() or 0) * 1e9)


if __name__ == "__main__":
    time.time_ns = _jumped_ns
    time.time = lambda: _jumped_ns() / 1e9
    from launch.__main__ import main

    main()
