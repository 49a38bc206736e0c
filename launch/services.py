"""The services of one machine: what each is called, how it is run, and when it stops."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping
from dataclasses import dataclass, field

from launch.engines.accounts import Account
from telemetry.settings import ENVIRONMENT, Settings


@dataclass(frozen=True, slots=True)
class ServiceSpec:
    """A service: the ``cityops`` command with its arguments, and its grace in seconds."""

    name: str
    arguments: tuple[str, ...]
    grace_s: float = 10.0
    account: Account | None = None
    """As whom it signs in at the broker; ``None`` where it does not."""
    environment: Mapping[str, str] = field(default_factory=dict[str, str])
    """What it alone is told, over what all services are."""

    @property
    def command(self) -> list[str]:
        """The command line of its process."""
        return [sys.executable, "-m", "launch", *self.arguments]


INGEST = ServiceSpec("ingest", ("ingest",), account=Account.INGEST)
ANALYTICS = ServiceSpec("analytics", ("analytics",))
MAINTENANCE = ServiceSpec("maintenance", ("maintain",))
BENCH = ServiceSpec("bench", ("bench",), grace_s=12.0)
DASHBOARD = ServiceSpec("dashboard", ("dashboard",))
SIMULATORS = ServiceSpec("simulators", ("simulate",), account=Account.SIMULATOR)

ALWAYS = (INGEST, ANALYTICS, MAINTENANCE, BENCH, DASHBOARD)
"""In the order of starting; they stop in the opposite order."""


def services_of(settings: Settings) -> list[ServiceSpec]:
    """What always runs, with as many analytics processes as are set."""
    more = [
        ServiceSpec(f"analytics {n}", ("analytics", "--name", str(n)))
        for n in range(2, settings.analytics.processes + 1)
    ]
    place = ALWAYS.index(ANALYTICS) + 1
    return [*ALWAYS[:place], *more, *ALWAYS[place:]]


_ONE_THREAD = {"OMP_NUM_THREADS": "1", "OPENBLAS_NUM_THREADS": "1"}
"""Small matrices are slower on several threads, which take the cores from the other services, and
their last digits depend on how many there are."""


def service_environment(settings: Settings, database_url: str, mqtt_url: str) -> dict[str, str]:
    """The environment of a service: ours, with every setting as it stands after flags and defaults."""
    told = {variable: str(getattr(settings, name)) for variable, name in ENVIRONMENT.items()}
    addresses = {
        "DATABASE_URL": database_url,
        "MQTT_URL": mqtt_url,
        "CITYOPS_DATA_DIR": str(settings.data_path),
    }
    return {**_ONE_THREAD, **os.environ, **told, **addresses, "PYTHONUNBUFFERED": "1"}
