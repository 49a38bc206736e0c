"""The ``cityops`` program: the command line, and errors in words."""

from __future__ import annotations

import sys

import psycopg

from launch.cli import app
from launch.console import as_city_error, show_error
from telemetry.errors import CityOpsError

FAILED = 2


def main() -> None:
    """Run a command. What went wrong in a way that was foreseen is told in a panel."""
    try:
        app(prog_name="cityops")
    except CityOpsError as error:
        show_error(error)
        sys.exit(FAILED)
    except (psycopg.OperationalError, OSError) as error:
        show_error(as_city_error(error))
        sys.exit(FAILED)


if __name__ == "__main__":
    main()
