"""``aria-`` and ``data-`` attributes, as Dash takes them."""

from __future__ import annotations

from typing import Any


def aria(**values: str) -> dict[str, Any]:
    """``aria(label="x")`` is ``aria-label="x"``."""
    return {f"aria-{name}": value for name, value in values.items()}


def data(**values: object) -> dict[str, Any]:
    """``data(worst_of="x")`` is ``data-worst-of="x"``; a ``None`` is left out."""
    return {f"data-{name.replace('_', '-')}": value for name, value in values.items() if value is not None}
