"""Coverage-guided fuzzing of the codecs with atheris, for an hour now and then; not part of the tests.

::

    pip install atheris
    python tests/telemetry/fuzz_codecs.py -max_total_time=3600 -max_len=2048

The first byte chooses the codec and the second the topic; anything but samples or
`PayloadError` stops it with the input. atheris 3.0 has wheels for Python 3.11 on Linux.
"""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))

import atheris  # pyright: ignore[reportMissingImports]

with atheris.instrument_imports(include=["telemetry"]):
    from tests.telemetry.test_codecs_fuzz import TOPICS, VALID, check, codec

NAMES = sorted(VALID)


def try_one(data: bytes) -> None:
    """One input: a birth first, where the codec has a memory."""
    if len(data) < 2:
        return
    name = NAMES[data[0] % len(NAMES)]
    to = codec(name)
    check(to, VALID[name], TOPICS[0])
    check(to, data[2:], TOPICS[data[1] % len(TOPICS)])


if __name__ == "__main__":
    atheris.Setup(sys.argv, try_one)
    atheris.Fuzz()
