"""Configuration files of the servers, filled in from the templates in ``deploy/``."""

from __future__ import annotations

import os
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
    target.write_text(text, encoding="utf-8")
    target.chmod(0o600)
    if user is not None:
        os.chown(target, user.uid, user.gid)
