"""Fixtures by resource, and where the tests keep what they download."""

from __future__ import annotations

pytest_plugins = ["tests.fix_browser", "tests.fix_db", "tests.fix_mqtt"]
