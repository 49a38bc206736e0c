"""Where the database and the broker are, for a command run beside a demo or in a container."""

from __future__ import annotations

import msgspec

from launch.engines.accounts import Account, account_password, has_accounts
from launch.run_state import RunState, read_state
from telemetry.addresses import BrokerAddress, with_user
from telemetry.errors import EngineError
from telemetry.settings import Settings


def running_state(settings: Settings) -> RunState | None:
    """The run that is live on the data folder, ``None`` where there is none."""
    state = read_state(settings.data_path)
    return state if state is not None and state.is_live else None


def with_addresses(
    settings: Settings, *, database: bool = True, broker: bool = True, account: Account = Account.INGEST
) -> Settings:
    """Settings with the addresses that are needed: as given, else those of the run on the data folder.

    At the broker of a run one signs in as ``account``, with the password of the data folder.

    Raises
    ------
    EngineError
        Where an address is missing and nothing runs.
    """
    state = running_state(settings)
    missing = [
        variable
        for variable, needed, given in (
            ("DATABASE_URL", database, settings.database_url),
            ("MQTT_URL", broker, settings.mqtt_url),
        )
        if needed and not given
    ]
    if state is None and missing:
        raise EngineError(
            f"no CityOps runs on {settings.data_path}, and {' and '.join(missing)} is not set",
            cure="start one with `cityops demo` (or `cityops up`), or set the addresses",
        )
    if state is None:
        return settings
    return msgspec.structs.replace(
        settings,
        database_url=settings.database_url or state.database_url,
        mqtt_url=settings.mqtt_url or (_signed(settings, state, account) if broker else None),
    )


def _signed(settings: Settings, state: RunState, account: Account) -> str:
    given = BrokerAddress.parse(state.mqtt_url).username or not has_accounts(settings.data_path)
    if given:
        return state.mqtt_url
    return with_user(state.mqtt_url, account.username, account_password(settings.data_path, account))
