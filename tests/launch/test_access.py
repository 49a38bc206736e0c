"""Who may do what at the broker: accounts, their topics, their end; sizes; TLS."""

from __future__ import annotations

import json
import os
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import msgspec
import psycopg
import pytest
from paho.mqtt.client import Client
from paho.mqtt.enums import CallbackAPIVersion, MQTTProtocolVersion

from launch.certificates import make_authority, make_client, make_server
from launch.credentials import Credentials, Provisioner
from launch.engines import choose_broker
from launch.engines.accounts import Account, account_passwords, settle_accounts
from launch.engines.broker import Mosquitto, PrivateBroker
from launch.engines.tiers import Tier
from launch.engines.tls import CA
from launch.ports import free_port
from launch.processes import Guard
from store import audit, device_access, inbox, pool
from store.quarantine import Refusal, put_refusals
from store.replays import take_request
from telemetry.addresses import BrokerAddress, with_user, without_user
from telemetry.devices import Device
from telemetry.errors import ConfigError, ConflictError, EngineError, NotFoundError
from telemetry.metrics import Domain
from telemetry.settings import Settings, Tls
from tests.fix_engines import surroundings, why_not
from tests.fix_mqtt import MakeBroker

DEADLINE_S = 60.0


def device(device_id: str) -> Device:
    return Device(
        device_id, Domain.DRAINAGE, "gauge", "Một", "One", 10.7, 106.7, "760", 60, ("water_level_m",)
    )


class Probe:
    """A client that writes down what the broker says to it."""

    def __init__(self, url: str, client_id: str = "", *, tls: dict[str, str] | None = None) -> None:
        self.connected: str | None = None
        self.gone = threading.Event()
        self.published: dict[int, str] = {}
        self.subscribed: dict[int, str] = {}
        self.heard: list[tuple[str, bytes]] = []
        address = BrokerAddress.parse(url)
        client = Client(CallbackAPIVersion.VERSION2, client_id, protocol=MQTTProtocolVersion.MQTTv5)
        client.reconnect_delay_set(60, 60)
        if address.username:
            client.username_pw_set(address.username, address.password)
        if tls is not None:
            client.tls_set(**tls)
        client.on_connect = self._connected
        client.on_disconnect = lambda *_: self.gone.set()
        client.on_publish = lambda _c, _d, mid, reason, _p: self.published.__setitem__(mid, str(reason))
        client.on_subscribe = lambda _c, _d, mid, reasons, _p: self.subscribed.__setitem__(
            mid, str(reasons[0])
        )
        client.on_message = lambda _c, _d, message: self.heard.append((message.topic, message.payload))
        client.connect(address.host, address.port)
        client.loop_start()
        self.client = client
        wait_for(lambda: self.connected is not None, "CONNACK")

    def _connected(self, _client: Client, _data: object, _flags: object, reason: object, *_: object) -> None:
        self.connected = str(reason)

    def publish(self, topic: str, payload: bytes = b"1") -> str:
        mid = self.client.publish(topic, payload, 1).mid
        wait_for(lambda: mid in self.published, f"PUBACK on {topic}")
        # MQTT 5, 3.4.2.1: taken, and nobody listens.
        return self.published[mid].replace("No matching subscribers", "Success")

    def subscribe(self, topic: str) -> str:
        _, mid = self.client.subscribe(topic, 1)
        assert mid is not None
        wait_for(lambda: mid in self.subscribed, f"SUBACK on {topic}")
        return self.subscribed[mid]

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()


def wait_for(condition: Callable[[], Any], what: str) -> None:
    deadline = time.monotonic() + DEADLINE_S
    while not condition():
        assert time.monotonic() < deadline, f"waited {DEADLINE_S:.0f} s for {what}"
        time.sleep(0.01)


@pytest.fixture
def probe() -> Iterator[Callable[..., Probe]]:
    made: list[Probe] = []

    def make(*arguments: Any, **options: Any) -> Probe:
        made.append(Probe(*arguments, **options))
        return made[-1]

    yield make
    for one in made:
        one.close()


@pytest.fixture(scope="module")
def mosquitto(make_broker: MakeBroker) -> PrivateBroker:
    broker = make_broker()
    if not isinstance(broker, Mosquitto):
        pytest.skip(f"no mosquitto: {broker.info.reason}")
    return broker


@pytest.fixture
def provisioner(database_url: str, mosquitto: PrivateBroker) -> Iterator[Provisioner]:
    with pool.connect(database_url, name="test", autocommit=True) as conn:
        yield Provisioner(conn, Settings(), mosquitto.url)


def as_device(broker: PrivateBroker, made: Credentials) -> str:
    return with_user(broker.address, made.username, made.password)


@pytest.mark.parametrize("tier", [Tier.CHROOT, Tier.WHEELS], ids=str)
def test_who_has_no_password_is_refused(
    tier: Tier, tmp_path: Path, guard: Guard, probe: Callable[..., Probe]
) -> None:
    if reason := why_not(tier):
        pytest.skip(f"tier {tier}: {reason}")
    broker = choose_broker(surroundings(tmp_path, guard, tier=tier), free_port())
    broker.start()
    try:
        for url in (broker.address, with_user(broker.address, "cityops-admin", "guessed")):
            assert not _may_connect(url)
        assert _may_connect(broker.url_for(Account.INGEST))
    finally:
        broker.stop()


def _may_connect(url: str) -> bool:
    """Whether a client gets in; rumqttd hangs up where mosquitto says no."""
    answers: list[bool] = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv311)
    address = BrokerAddress.parse(url)
    if address.username:
        client.username_pw_set(address.username, address.password)
    client.on_connect = lambda _c, _d, _f, reason, _p: answers.append(not reason.is_failure)
    client.on_disconnect = lambda *_: answers.append(False)
    client.connect(address.host, address.port)
    client.loop_start()
    try:
        wait_for(lambda: answers, "an answer to CONNECT")
        return answers[0]
    finally:
        client.disconnect()
        client.loop_stop()


def test_a_device_keeps_to_its_own_topics(
    provisioner: Provisioner, mosquitto: PrivateBroker, probe: Callable[..., Probe]
) -> None:
    one, _ = provisioner.add([device("lv-1"), device("lv-2")])
    client = probe(as_device(mosquitto, one), "lv-1")
    assert client.publish("city/drainage/lv-1/telemetry") == "Success"
    for topic in ("#", "city/+/+/telemetry", "city/drainage/lv-2/#", "$share/g/city/#", "$SYS/#"):
        assert client.subscribe(topic) == "Not authorized", topic
    assert client.subscribe("city/drainage/lv-1/command/#") == "Granted QoS 1"
    admin = probe(mosquitto.url)
    admin.publish("city/drainage/lv-2/command/go")
    admin.publish("city/drainage/lv-1/command/go")
    wait_for(lambda: client.heard, "a command")
    assert client.heard == [("city/drainage/lv-1/command/go", b"1")]
    # A new connection each: one ends with the first message that was refused.
    for topic in (
        "city/drainage/lv-2/telemetry",
        "city/traffic/lv-1/telemetry",
        "city/drainage/lv-1/command/go",
        "$CONTROL/dynamic-security/v1",
    ):
        assert probe(as_device(mosquitto, one), "lv-1").publish(topic) == "Not authorized", topic


def test_no_session_is_taken_over_with_another_account(
    provisioner: Provisioner, mosquitto: PrivateBroker, probe: Callable[..., Probe]
) -> None:
    one, two = provisioner.add([device("own-1"), device("own-2")])
    first = probe(as_device(mosquitto, one), "own-1")
    assert probe(as_device(mosquitto, two), "own-1").connected == "Not authorized"
    assert not first.gone.is_set()
    assert first.publish("city/drainage/own-1/telemetry") == "Success"


def test_who_is_revoked_is_cut_off_at_once(
    provisioner: Provisioner, mosquitto: PrivateBroker, probe: Callable[..., Probe]
) -> None:
    (made,) = provisioner.add([device("gone-1")])
    client = probe(as_device(mosquitto, made), "gone-1")
    provisioner.revoke("gone-1")
    assert client.gone.wait(DEADLINE_S)
    assert probe(as_device(mosquitto, made), "gone-1").connected == "Not authorized"
    with pytest.raises(ConflictError, match="has no account"):
        provisioner.revoke("gone-1")


def test_a_new_password_ends_the_old_one(
    provisioner: Provisioner, mosquitto: PrivateBroker, probe: Callable[..., Probe]
) -> None:
    (made,) = provisioner.add([device("turn-1")])
    before = probe(as_device(mosquitto, made), "turn-1")
    fresh = provisioner.rotate("turn-1")
    assert before.gone.wait(DEADLINE_S)
    assert probe(as_device(mosquitto, made), "turn-1").connected == "Not authorized"
    after = probe(as_device(mosquitto, fresh), "turn-1")
    assert after.publish("city/drainage/turn-1/telemetry") == "Success"


def test_every_change_is_in_the_audit_log_and_no_password_in_the_database(provisioner: Provisioner) -> None:
    (made,) = provisioner.add([device("log-1")])
    fresh = provisioner.rotate("log-1")
    provisioner.revoke("log-1")
    told = [entry.action for entry in audit.list_entries(provisioner.conn) if entry.object == "log-1"]
    assert told == ["device.revoke", "device.rotate", "device.add"]
    for table in ("device", "device_access", "audit_entry"):
        query = f"SELECT coalesce(string_agg(t::text, ''), '') FROM {table} t"
        (text,) = provisioner.conn.execute(query).fetchone() or ("",)
        assert made.password not in text
        assert fresh.password not in text


def test_a_gateway_speaks_for_devices_that_nobody_registered(
    provisioner: Provisioner, mosquitto: PrivateBroker, probe: Callable[..., Probe]
) -> None:
    made = provisioner.add_gateway("west", ["city/drainage/+/telemetry"])
    url = as_device(mosquitto, made)
    gateway = probe(url, made.client_id)
    assert gateway.publish("city/drainage/stranger-1/telemetry") == "Success"
    assert gateway.subscribe("city/drainage/+/telemetry") == "Not authorized"
    for topic in ("city/traffic/stranger-1/telemetry", "city/drainage/stranger-1/kept"):
        assert probe(url, made.client_id).publish(topic) == "Not authorized", topic
    again = provisioner.add_gateway("west", ["city/traffic/+/telemetry"])
    (listed,) = [
        g for g in device_access.list_gateways(provisioner.conn) if g.username == "cityops-gateway-west"
    ]
    assert listed.topics == ["city/traffic/+/telemetry"]
    assert probe(url, made.client_id).connected == "Not authorized"
    last = probe(as_device(mosquitto, again), again.client_id)
    assert last.publish("city/traffic/stranger-1/telemetry") == "Success"
    provisioner.revoke_gateway("west")
    assert last.gone.wait(DEADLINE_S)
    assert "cityops-gateway-west" not in {g.username for g in device_access.list_gateways(provisioner.conn)}
    entries = [e for e in audit.list_entries(provisioner.conn) if e.object == "cityops-gateway-west"]
    assert [e.action for e in entries] == ["gateway.revoke", "gateway.add", "gateway.add"]
    assert entries[1].detail == {"topics": ["city/traffic/+/telemetry"]}


def test_a_gateway_that_is_none_is_not_revoked(provisioner: Provisioner) -> None:
    with pytest.raises(NotFoundError):
        provisioner.revoke_gateway("nowhere")
    for name in ("", ".", "a b", "x" * 64):
        with pytest.raises(ConfigError, match="no name of a gateway"):
            provisioner.add_gateway(name, ["city/drainage/+/telemetry"])
    told = {entry.object for entry in audit.list_entries(provisioner.conn)}
    assert "cityops-gateway-nowhere" not in told


def test_what_waits_of_a_device_is_replayed_when_it_is_registered(provisioner: Provisioner) -> None:
    conn, now = provisioner.conn, datetime.now(UTC)
    topic = "city/drainage/{}/telemetry"
    put_refusals(
        conn,
        [
            Refusal(now, "", topic.format(name), b"{}", "device", "unknown", claimed=name)
            for name in ("wait-1", "wait-2", "other-1")
        ],
    )
    provisioner.add([device("wait-1"), device("wait-2")])
    request = take_request(conn)
    assert request is not None
    assert request.quarantine_ids == inbox.waiting_ids(conn, "wait-1", "wait-2")
    assert len(request.quarantine_ids) == 2


def test_a_device_with_an_account_keeps_it(provisioner: Provisioner) -> None:
    assert len(provisioner.add([device("keep-1")])) == 1
    assert provisioner.add([device("keep-1")]) == []


def test_nothing_is_registered_where_the_broker_makes_no_accounts(
    provisioner: Provisioner, mosquitto: PrivateBroker
) -> None:
    weak = Provisioner(provisioner.conn, Settings(), mosquitto.url_for(Account.SIMULATOR))
    with pytest.raises(EngineError, match="may not change them"):
        weak.add([device("half-1")])
    assert "half-1" not in {access.device_id for access in device_access.list_access(provisioner.conn)}


def test_a_message_too_long_is_refused_and_harms_no_other(
    provisioner: Provisioner, mosquitto: PrivateBroker, probe: Callable[..., Probe]
) -> None:
    one, two = provisioner.add([device("big-1"), device("big-2")])
    hostile, other = probe(as_device(mosquitto, one), "big-1"), probe(as_device(mosquitto, two), "big-2")
    admin = probe(mosquitto.url)
    admin.subscribe("city/drainage/+/telemetry")
    hostile.client.publish("city/drainage/big-1/telemetry", b"x" * 300_000, 1)
    hostile.client.publish("city/drainage/big-1/telemetry", b"x" * 2_000_000, 1)
    assert hostile.gone.wait(DEADLINE_S)
    assert other.publish("city/drainage/big-2/telemetry") == "Success"
    assert not other.gone.is_set()
    wait_for(lambda: admin.heard, "the other's message")
    assert admin.heard == [("city/drainage/big-2/telemetry", b"1")]


def test_accounts_outlive_a_restart_of_the_broker(
    provisioner: Provisioner, make_broker: MakeBroker, probe: Callable[..., Probe]
) -> None:
    broker = make_broker()
    (made,) = Provisioner(provisioner.conn, Settings(), broker.url).add([device("stay-1")])
    broker.kill()
    broker.start()
    assert probe(as_device(broker, made), "stay-1").publish("city/drainage/stay-1/telemetry") == "Success"


def test_ingest_hears_devices_and_the_simulator_speaks_for_them(
    mosquitto: PrivateBroker, probe: Callable[..., Probe]
) -> None:
    ingest = probe(mosquitto.url_for(Account.INGEST))
    simulator = probe(mosquitto.url_for(Account.SIMULATOR))
    assert ingest.subscribe("city/+/+/telemetry") == "Granted QoS 1"
    assert ingest.subscribe("$share/all/city/+/+/telemetry") == "Granted QoS 1"
    assert ingest.subscribe("#") == "Not authorized"
    node = probe(mosquitto.url)
    node.subscribe("spBv1.0/+/NCMD/edge-1")
    ingest.client.publish("spBv1.0/hcmc/NCMD/edge-1", b"birth")
    wait_for(lambda: node.heard, "a command to a node")
    assert simulator.publish("city/traffic/a/telemetry") == "Success"
    wait_for(lambda: ingest.heard, "a reading")
    assert ingest.publish("city/traffic/a/telemetry") == "Not authorized"


def test_passwords_are_for_their_owner_alone(mosquitto: PrivateBroker) -> None:
    folder = mosquitto._around.folder
    for account in Account:
        assert (folder / "mqtt" / account).stat().st_mode & 0o777 == 0o600
    assert account_passwords(folder) == mosquitto.passwords


def test_accounts_of_devices_stay_where_the_file_is_settled() -> None:
    theirs = {"username": "lv-1", "roles": [{"rolename": "device:lv-1"}]}
    before = msgspec.json.encode({"clients": [theirs], "roles": [], "groups": []})
    after = json.loads(settle_accounts(before, dict.fromkeys(Account, "secret"), Settings()))
    assert theirs in after["clients"]
    assert len(after["clients"]) == 1 + len(Account)
    assert not any(after["defaultACLAccess"][kind] for kind in ("publishClientSend", "subscribe"))
    with pytest.raises(EngineError, match="damaged"):
        settle_accounts(b"{", dict.fromkeys(Account, "secret"), Settings())


def _start_tls(folder: Path, guard: Guard, **tls: Any) -> tuple[PrivateBroker, int]:
    if reason := why_not(Tier.CHROOT):
        pytest.skip(reason)
    make_authority(folder / "tls")
    make_server(folder / "tls", ["127.0.0.1"])
    around = surroundings(folder, guard)
    port = free_port()
    settings = msgspec.structs.replace(around.settings, data_dir=str(folder), tls=Tls(port=port, **tls))
    around = type(around)(settings, folder, guard=guard, private_root=around.private_root)
    broker = choose_broker(around, free_port())
    assert isinstance(broker, PrivateBroker)
    broker.start()
    return broker, port


def test_a_server_certificate_is_checked(tmp_path: Path, guard: Guard, probe: Callable[..., Probe]) -> None:
    broker, port = _start_tls(tmp_path, guard)
    try:
        make_authority(tmp_path / "stranger")
        url = with_user(f"mqtts://127.0.0.1:{port}", "cityops-ingest", broker.passwords[Account.INGEST])
        trust = {"ca_certs": str(tmp_path / "tls" / CA)}
        assert probe(url, tls=trust).connected == "Success"
        assert probe(without_user(url), tls=trust).connected == "Not authorized"
        context = ssl.create_default_context(cafile=tmp_path / "stranger" / CA)
        with (
            socket.create_connection(("127.0.0.1", port)) as plain,
            pytest.raises(ssl.SSLCertVerificationError),
        ):
            context.wrap_socket(plain, server_hostname="127.0.0.1")
    finally:
        broker.stop()


def test_a_client_certificate_is_an_account_of_its_name(
    tmp_path: Path, guard: Guard, database_url: str, probe: Callable[..., Probe]
) -> None:
    broker, port = _start_tls(tmp_path, guard, client_certificates=True)
    url = f"mqtts://127.0.0.1:{port}"

    def certified(device_id: str) -> dict[str, str]:
        certificate, key = make_client(tmp_path / "tls", device_id)
        return {"ca_certs": str(tmp_path / "tls" / CA), "certfile": str(certificate), "keyfile": str(key)}

    try:
        with pool.connect(database_url, name="test", autocommit=True) as conn:
            provisioner = Provisioner(conn, Settings(), broker.url)
            provisioner.add([device("crt-1")])
            own = probe(url, "someone-else", tls=certified("crt-1"))
            assert own.publish("city/drainage/crt-1/telemetry") == "Success"
            assert own.publish("city/drainage/crt-2/telemetry") == "Not authorized"
            provisioner.revoke("crt-1")
            assert own.gone.wait(DEADLINE_S)
        stranger = probe(url, tls=certified("crt-2"))
        assert stranger.publish("city/drainage/crt-2/telemetry") == "Not authorized"
        # The client id is the certificate's name, so no session is taken over either.
        assert not _handshakes(url, str(tmp_path / "tls" / CA))
    finally:
        broker.stop()


def _handshakes(url: str, ca: str) -> bool:
    """Whether a client without a certificate gets an answer."""
    answers: list[str] = []
    client = Client(CallbackAPIVersion.VERSION2, protocol=MQTTProtocolVersion.MQTTv5)
    client.tls_set(ca_certs=ca)
    client.on_connect = lambda _c, _d, _f, reason, _p: answers.append(str(reason))
    client.on_disconnect = lambda *_: answers.append("")
    address = BrokerAddress.parse(url)
    try:
        client.connect(address.host, address.port)
    except ssl.SSLError:
        return False
    client.loop_start()
    wait_for(lambda: answers, "an end")
    client.disconnect()
    client.loop_stop()
    return bool(answers[0])


def test_an_authority_is_not_made_twice(tmp_path: Path) -> None:
    make_authority(tmp_path)
    with pytest.raises(ConflictError):
        make_authority(tmp_path)
    with pytest.raises(ConfigError, match="no authority"):
        make_client(tmp_path / "elsewhere", "lv-1")


def _cityops(database_url: str, mqtt_url: str, *arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "launch", "device", *arguments],
        env=os.environ | {"DATABASE_URL": database_url, "MQTT_URL": mqtt_url, "COLUMNS": "200"},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


HEADER = "device_id,domain,kind,name_vi,name_en,lat,lon,zone,interval_s,metrics,tags"
ROW = "{},drainage,gauge,Một,One,10.7,106.7,760,60,water_level_m,"


def test_a_table_is_imported_whole_or_not_at_all(
    database_url: str, mosquitto: PrivateBroker, tmp_path: Path, probe: Callable[..., Probe]
) -> None:
    table, secret = tmp_path / "devices.csv", tmp_path / "secret.json"
    rows = [ROW.format(f"csv-{n}") for n in range(30)]
    table.write_text("\n".join([HEADER, *rows, ROW.format("csv x")]), encoding="utf-8")
    refused = _cityops(database_url, mosquitto.url, "import", str(table), "--credentials", str(secret))
    assert refused.returncode == 2
    assert "line 32, column device_id" in refused.stderr
    with psycopg.connect(database_url) as conn:
        assert conn.execute("SELECT count(*) FROM device WHERE device_id LIKE 'csv-%'").fetchone() == (0,)
    table.write_text("\n".join([HEADER, *rows]), encoding="utf-8")
    done = _cityops(database_url, mosquitto.url, "import", str(table), "--credentials", str(secret))
    assert done.returncode == 0, done.stderr
    assert "30 new accounts" in done.stdout
    assert secret.stat().st_mode & 0o777 == 0o600
    made = json.loads(secret.read_bytes())
    assert len(made) == 30
    assert made[7]["password"] not in done.stdout
    url = with_user(mosquitto.address, made[7]["username"], made[7]["password"])
    assert probe(url, made[7]["client_id"]).publish(made[7]["publish"][0]) == "Success"


def test_the_command_line_shows_credentials_once(database_url: str, mosquitto: PrivateBroker) -> None:
    described = ["--domain", "drainage", "--kind", "gauge", "--name-vi", "Một", "--lat", "10.7"]
    rest = ["--lon", "106.7", "--zone", "760", "--metric", "water_level_m"]
    wrong = _cityops(database_url, mosquitto.url, "add", "cli-1", *described, "--lon", "east")
    assert wrong.returncode == 2
    assert "--lon: 'east' is no number" in wrong.stderr
    added = _cityops(database_url, mosquitto.url, "add", "cli-1", *described, *rest, "--json")
    assert added.returncode == 0, added.stderr
    password = json.loads(added.stdout)["password"]
    again = _cityops(database_url, mosquitto.url, "add", "cli-1")
    assert again.returncode == 2
    assert "device rotate" in again.stderr
    listed = _cityops(database_url, mosquitto.url, "list", "--json")
    (access,) = [found for found in json.loads(listed.stdout) if found["device_id"] == "cli-1"]
    assert access["granted_at"]
    assert password not in listed.stdout
    assert _cityops(database_url, mosquitto.url, "revoke", "cli-1").returncode == 0
