"""Settings: one frozen struct, from TOML and the environment.

A misspelt key fails with its name. Secrets (the database and broker addresses may
hold passwords) come from the environment and never show in a repr.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from telemetry.errors import ConfigError

ENVIRONMENT = {
    "DATABASE_URL": "database_url",
    "MQTT_URL": "mqtt_url",
    "CITYOPS_HTTP_HOST": "http_host",
    "CITYOPS_HTTP_PORT": "http_port",
    "CITYOPS_MQTT_PORT": "mqtt_port",
    "CITYOPS_DB_PORT": "db_port",
    "CITYOPS_DATA_DIR": "data_dir",
    "CITYOPS_CACHE_DIR": "cache_dir",
    "CITYOPS_CITY": "city",
    "CITYOPS_ENGINE": "engine",
    "CITYOPS_INGESTOR": "ingestor",
}
"""Environment variable → setting. Nothing else is read from the environment."""

DEFAULT_INGESTOR = "ingest-1"

_TEN_YEARS_H = 87_660
_CENTURY_D = 36_525

SHARE_GROUP = re.compile(r"[A-Za-z0-9_.\-]{1,64}")
"""What a group of ingest processes may be called: a level of an MQTT topic."""


class Field(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One number of a foreign message, and the metric it is.

    The metric's value is ``number × factor + offset``, taken to be in ``unit`` and
    converted to the metric's own.
    """

    metric: str
    path: str = ""
    """Where a generic mapping finds the number: ``data.sensors[0].t``, ``data[id=t1].value``."""
    unit: str = ""
    """Empty: the unit that the message names, or else the metric's own."""
    factor: float = 1.0
    offset: float = 0.0


class Format(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What messages on some topics look like. ``docs/mqtt.md`` has an example of each format."""

    topic: str
    """An MQTT filter; a level may be ``{name}``, which is ``+`` and remembered."""
    format: str
    """``cityops_json``, ``senml_json``, ``senml_cbor``, ``sparkplug_b``, ``chirpstack``,
    ``things_stack`` or ``mapping``."""
    device: str = "{device}"
    """The device id, put together from the named levels of the topic."""
    device_path: str = ""
    """Where in the message the device's name is; goes before ``device``."""
    metrics: dict[str, str | Field] = msgspec.field(default_factory=dict[str, str | Field])
    """Name in the message → metric. Where given, names it does not have are left out."""
    readings: tuple[Field, ...] = ()
    """For ``mapping``: what is read, each with its path."""
    each: str = ""
    """For ``mapping``: an array of records (``data[*].log[*]``) the paths start at; ``$`` is the message."""
    time_path: str = ""
    """Where the time of measurement is; empty: what the format itself says, or the arrival."""
    time_format: str = "rfc3339"
    """``rfc3339``, ``epoch_s``, ``epoch_ms``, ``epoch_us``, ``epoch_ns``, or a pattern of ``strptime``."""
    time_zone: str = ""
    """For a pattern without ``%z``: ``Asia/Ho_Chi_Minh``."""
    request_rebirth: bool = True
    """For ``sparkplug_b``: ask a node whose birth was missed for it (NCMD), once a minute at most."""


class Ingest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How ``ingest`` batches and what it refuses."""

    max_batch: int = 20_000
    """Messages in one transaction at most."""
    max_age_s: float = 0.05
    """How long the first message of a batch waits for company."""
    in_flight: int = 40_000
    """Unacknowledged messages at most (MQTT Receive Maximum, ≤ 65 535)."""
    future_tolerance_s: float = 600.0
    """Readings further ahead of the clock than this go to quarantine."""
    late_after_s: float = 300.0
    """Readings older than this on arrival are flagged late."""
    oldest_days: float = 30.0
    """Readings older than this go to quarantine."""
    quarantine_per_device: int = 1_000
    """Rows kept in quarantine for one device; the oldest give way and are counted."""
    quarantine_device_mib: float = 16.0
    """Size of what is kept in quarantine for one device."""
    inbox_names: int = 500
    """Devices that are not registered and may wait in the inbox; who said least gives way."""
    inbox_mib: float = 256.0
    """Size of what waits of all of them together."""
    clock_tolerance_s: float = 30.0
    """A device's clock that is off by more is marked."""
    clock_every_s: float = 60.0
    """How often a device's clock offset is written down at most."""
    share: str = ""
    """Several ingest processes, each with a name of its own, share the load under this group's name."""
    database_patience_s: float = 20.0
    """A database that has not answered for so long is taken for gone: reconnect and try again."""
    keepalive_s: int = 10
    """Silence on the line to the broker for so long is asked about, for twice as long is its end."""
    device_rate_per_s: float = 100.0
    """Messages a second of one device in the long run; what is beyond goes to quarantine. 0: no limit."""
    device_burst: int = 50_000
    """Messages of one device at once: what it kept while it had no link."""
    gateway_rate_per_s: float = 5_000.0
    """The same of a topic that names no device, as gateways and Sparkplug nodes have; 0: no limit."""
    gateway_burst: int = 200_000
    """Messages of such a topic at once."""
    formats: tuple[Format, ...] = ()
    """Formats beside CityOps JSON on ``city/+/+/telemetry``; the first that matches a topic is used."""

    def __post_init__(self) -> None:
        if self.share and SHARE_GROUP.fullmatch(self.share) is None:
            raise ValueError("share is a name of letters, digits, dot, dash and underscore")
        if not 1 <= self.database_patience_s <= 3_600:
            raise ValueError("database_patience_s is from 1 to 3600")
        if not 1 <= self.keepalive_s <= 3_600:
            raise ValueError("keepalive_s is from 1 to 3600")


class SignIn(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long a session lasts, and how many wrong passwords are too many."""

    idle_h: float = 12.0
    """A session that no one used for so long has ended."""
    lasts_h: float = 72.0
    """A session ends after so long in any case."""
    window_min: float = 15.0
    """How long a failure to sign in counts."""
    failures_per_name: int = 5
    """A name is locked while this many failures count; the same for names that are no one's."""
    failures_per_address: int = 30
    """An address may not try while this many failures count."""


class Alerts(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What happens to alerts by themselves."""

    close_after_h: float = 24.0
    """A resolved alert closes after so long: the next shift has seen it by then. 0: people close it."""

    def __post_init__(self) -> None:
        if not 0 <= self.close_after_h <= _TEN_YEARS_H:
            raise ValueError("close_after_h is from 0 to ten years of hours")


class Platform(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """When the platform alerts about itself. A condition ends below half of its limit."""

    lag_s: float = 30.0
    """Ingest commits so late, or has been silent for so long."""
    quarantine_pct: float = 5.0
    """Messages refused of those that came within ``window_s``."""
    quarantine_least: int = 20
    """Fewer refusals within the window are no rate."""
    window_s: float = 60.0
    hold_s: float = 20.0
    """How long a condition lasts before it is told."""
    clear_s: float = 60.0
    """How long it is over before its alert is resolved."""
    dropping_pct: float = 30.0
    """Messages missing of those a device's interval promises, over ``dropping_window_s``."""
    dropping_window_s: float = 900.0
    misdated_least: int = 3
    """Messages of a device refused for their time, over ``dropping_window_s``."""

    def __post_init__(self) -> None:
        if min(self.lag_s, self.quarantine_pct, self.window_s, self.dropping_pct) <= 0:
            raise ValueError("limits and windows are above zero")


class Store(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How long readings and their rollups are kept, and how they are looked after. Days of 0: for ever."""

    raw_days: int = 0
    """Readings. At least two days more than ``ingest.oldest_days``: late ones need whole buckets."""
    minute_days: int = 0
    """Sums by minute. No level may be kept shorter than one that is finer."""
    quarter_days: int = 0
    """Sums by 15 minutes."""
    hour_days: int = 0
    """Sums by hour."""
    day_days: int = 0
    """Sums by day."""
    backtest_days: int = 365
    """Backtests that have ended, with what they found."""
    compress_after_days: int = 7
    """Readings older than this are compressed (TimescaleDB Community). 0: never."""
    refresh_s: float = 30.0
    """How often what was stored goes into the rollups."""
    expire_every_s: float = 3600.0
    """How often what is too old is let go."""

    def __post_init__(self) -> None:
        kept = (self.raw_days, self.minute_days, self.quarter_days, self.hour_days, self.day_days)
        if any(not 0 <= days <= _CENTURY_D for days in (*kept, self.backtest_days, self.compress_after_days)):
            raise ValueError("days are from 0, for ever, to 36525")
        lengths = [days or _CENTURY_D + 1 for days in kept]
        if lengths != sorted(lengths):
            raise ValueError("raw, minute, quarter, hour, day: none may be kept shorter than one before it")
        if not 1 <= self.refresh_s <= 3600 or not 1 <= self.expire_every_s <= 7 * 86_400:
            raise ValueError("refresh_s is from 1 to 3600, expire_every_s from 1 to a week of seconds")


class Analytics(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """How the work of scoring is shared."""

    shards: int = 1
    """Parts the city's devices are split into, by zone. Several processes share them; each shard reads
    every log. It may be changed between runs."""
    processes: int = 1
    """Analytics processes that ``cityops up`` starts. More than shards: the rest stand by."""

    def __post_init__(self) -> None:
        if not 1 <= self.shards <= 64 or not 1 <= self.processes <= 64:
            raise ValueError("analytics.shards and analytics.processes are from 1 to 64")


class Tls(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Certificates, all PEM files; empty ones are those that ``cityops tls init`` made, if it did."""

    port: int = 0
    """The private broker also listens here, with TLS; 0: it does not."""
    host: str = "127.0.0.1"
    """The address it listens on with TLS."""
    certificate: str = ""
    """The broker's certificate, with the chain up to its authority."""
    key: str = ""
    """The broker's private key."""
    ca: str = ""
    """The authority: ours check an ``mqtts://`` broker by it, the broker checks devices by it."""
    client_certificates: bool = False
    """A device shows a certificate whose common name is its id; there are no passwords then."""
    client_certificate: str = ""
    """What ingest and the simulator show to an ``mqtts://`` broker that asks for a certificate."""
    client_key: str = ""

    def __post_init__(self) -> None:
        if not 0 <= self.port <= 65_535:
            raise ValueError("tls.port is from 0 to 65535")


class Settings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Everything that can be set. ``None`` for an address means: find an engine."""

    city: str = "hcmc"
    data_dir: str = ".cityops"
    cache_dir: str = ""
    """Where engines are kept between runs; empty means the user's cache folder."""
    http_host: str = "127.0.0.1"
    http_port: int = 8050
    mqtt_port: int = 18_830
    db_port: int = 54_320
    engine: str = "auto"
    """``auto``, ``installed``, ``chroot`` or ``wheels``: which tier of engines to use."""
    ingestor: str = DEFAULT_INGESTOR
    """Name of this ingest process; also its MQTT client id."""
    database_url: str | None = None
    mqtt_url: str | None = None
    ingest: Ingest = msgspec.field(default_factory=Ingest)
    sign_in: SignIn = msgspec.field(default_factory=SignIn)
    analytics: Analytics = msgspec.field(default_factory=Analytics)
    alerts: Alerts = msgspec.field(default_factory=Alerts)
    platform: Platform = msgspec.field(default_factory=Platform)
    store: Store = msgspec.field(default_factory=Store)
    tls: Tls = msgspec.field(default_factory=Tls)

    def __post_init__(self) -> None:
        if self.store.raw_days and self.store.raw_days < self.ingest.oldest_days + 2:
            raise ValueError("store.raw_days is at least two more than ingest.oldest_days")

    def __repr__(self) -> str:
        shown = {
            name: getattr(self, name)
            for name in self.__struct_fields__
            if name not in ("database_url", "mqtt_url")
        }
        return f"Settings({', '.join(f'{k}={v!r}' for k, v in shown.items())})"

    @property
    def ingest_service(self) -> str:
        """Under which name this ingest process beats; each of several has its own."""
        return "ingest" if self.ingestor == DEFAULT_INGESTOR else f"ingest {self.ingestor}"

    @property
    def data_path(self) -> Path:
        """The data folder, absolute."""
        return Path(self.data_dir).expanduser().absolute()


def parse_settings(
    toml: str,
    environment: Mapping[str, str],
    overrides: Mapping[str, Any] | None = None,
) -> Settings:
    """Settings from a TOML text, the environment over it, ``overrides`` over both.

    Raises
    ------
    ConfigError
        Naming the key that is unknown or has the wrong type.
    """
    try:
        document: dict[str, Any] = msgspec.toml.decode(toml)
    except msgspec.DecodeError as error:
        raise ConfigError(f"cityops.toml: {error}", cure="mend the file") from error
    values = dict(document)
    for variable, name in ENVIRONMENT.items():
        if environment.get(variable):
            values[name] = environment[variable]
    values |= {k: v for k, v in (overrides or {}).items() if v is not None}
    try:
        return msgspec.convert(values, Settings, strict=False)
    except msgspec.ValidationError as error:
        raise ConfigError(f"settings: {error}", cure="see `cityops.example.toml`") from error
