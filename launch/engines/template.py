"""Configuration files of the servers, filled in from the templates in ``deploy/``."""

from __future__ import annotations

import os
import tempfile
from pathlib import Path
from string import Template

from launch.engines.place import User

DEPLOY = Path(__file__).resolve().parents[2] / "deploy"


def write_config(name: str, target: Path, user: User | None, **values: object) -> None:
    """Fill in ``deploy/<name>`` and write it for ``user`` alone to read.

    A value missing in ``values`` is a ``KeyError``: a template and its caller change together.
    """
    text = Template((DEPLOY / name).read_text(encoding="utf-8")).substitute(
        {key: str(value) for key, value in values.items()}
    )
    write_private(target, text.encode(), user)


def write_private(target: Path, content: bytes, user: User | None) -> None:
    """Replace a file in one step; it is ``user``'s alone to read from its first moment on."""
    descriptor, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}-")  # mode 0600
    with os.fdopen(descriptor, "wb") as handle:
        if user is not None:
            os.fchown(descriptor, user.uid, user.gid)
        handle.write(content)
    Path(name).replace(target)
