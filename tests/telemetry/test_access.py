import pytest

from telemetry.access import check_account_name, device_grants, gateway_grants, ingest_grants
from telemetry.addresses import BrokerAddress, with_user, without_user
from telemetry.device_rows import COLUMNS, read_devices
from telemetry.devices import Device
from telemetry.errors import ConfigError
from telemetry.metrics import Domain
from telemetry.settings import Format

GAUGE = Device("lv-1", Domain.DRAINAGE, "gauge", "Một", "One", 10.7, 106.7, "760", 60, ("water_level_m",))
ROW = 'lv-1,drainage,gauge,"Một","One",10.7,106.7,760,60,water_level_m battery_pct,river=x'


def test_a_device_publishes_to_its_own_topics_and_hears_its_commands():
    grants = device_grants(GAUGE)
    assert grants.publish == ("city/drainage/lv-1/telemetry", "city/drainage/lv-1/status")
    assert grants.receive == ("city/drainage/lv-1/command/#", "city/drainage/lv-1/kept")


@pytest.mark.parametrize(
    ("format_", "own"),
    [
        (Format("senml/{device}", "senml_json"), ("senml/lv-1",)),
        (
            Format("application/+/device/{device}/event/up", "chirpstack"),
            ("application/+/device/lv-1/event/up",),
        ),
        (Format("vendor/{site}/up", "mapping"), ()),
        (Format("vendor/{device}/up", "mapping", device_path="$.serial"), ()),
        (Format("plant/{site}/{unit}", "senml_json", device="{site}.{unit}"), ()),
    ],
    ids=["senml", "chirpstack", "device in the message", "device in both", "put together"],
)
def test_of_a_format_a_device_has_the_topics_its_id_tells(format_: Format, own: tuple[str, ...]):
    assert device_grants(GAUGE, [format_]).publish[2:] == own


def test_a_sparkplug_node_speaks_for_itself_and_hears_its_commands():
    grants = device_grants(GAUGE, [Format("spBv1.0/hcmc/#", "sparkplug_b")])
    assert "spBv1.0/hcmc/NDATA/lv-1" in grants.publish
    assert not any("/DDATA/" in topic for topic in grants.publish)
    assert "spBv1.0/hcmc/NCMD/lv-1" in grants.receive


def test_a_sparkplug_node_speaks_for_devices_whose_ids_begin_with_its_own():
    format_ = Format("spBv1.0/hcmc/#", "sparkplug_b", device="{node}.{device}")
    assert "spBv1.0/hcmc/DDATA/lv-1/+" in device_grants(GAUGE, [format_]).publish


def test_no_device_hears_what_it_publishes():
    formats = [Format("senml/{device}", "senml_json"), Format("spBv1.0/hcmc/#", "sparkplug_b")]
    grants = device_grants(GAUGE, formats)
    assert not set(grants.publish) & set(grants.receive)


def test_ingest_may_share_its_subscriptions():
    assert "$share/+/city/+/+/telemetry" in ingest_grants(["city/+/+/telemetry"]).receive


@pytest.mark.parametrize("name", ["cityops-admin", "ingest-1", "a/b", "+", "", "x" * 65])
def test_names_that_no_device_may_have(name: str):
    with pytest.raises(ConfigError):
        check_account_name(name, "ingest-1")


def test_an_address_is_taken_apart_and_hides_its_password():
    address = BrokerAddress.parse("mqtts://u:p%40ss@h:9")
    assert (address.host, address.port, address.tls, address.username, address.password) == (
        "h", 9, True, "u", "p@ss",
    )  # fmt: skip
    assert "p@ss" not in repr(address)
    assert without_user(with_user("mqtt://h:9", "u", "p@:/")) == "mqtt://h:9"
    assert BrokerAddress.parse(with_user("mqtt://h", "u", "p@:/")).password == "p@:/"


@pytest.mark.parametrize("url", ["http://h", "mqtt://", "mqtt://h:x", "h:1883"])
def test_what_is_no_address_is_refused(url: str):
    with pytest.raises(ConfigError, match="broker's address"):
        BrokerAddress.parse(url)


def _table(*rows: str) -> bytes:
    return "\n".join([",".join(COLUMNS), *rows]).encode()


def test_a_good_table_is_read():
    devices, faults = read_devices(_table(ROW), ["760"])
    assert not faults
    assert devices[0].tags == {"river": "x"}
    assert devices[0].metrics == ("water_level_m", "battery_pct")


@pytest.mark.parametrize(
    ("row", "where"),
    [
        (ROW.replace("10.7,", "ten,"), "line 3, column lat: 'ten' is no number"),
        (ROW.replace("10.7,", "nan,"), "line 3, column lat"),
        (ROW.replace("drainage", "sea"), "line 3, column domain"),
        (ROW.replace("760", "1"), "line 3, column zone: '1' is no zone"),
        (ROW.replace("water_level_m", "wet"), "line 3, column metrics: no metric 'wet'"),
        (ROW.replace("water_level_m", "speed_kmh"), "line 3, column metrics: 'speed_kmh' is no metric of"),
        (ROW.replace("lv-1", "lv 1"), "line 3, column device_id"),
        (ROW.replace("lv-1", "lv-0"), "line 3, column device_id: 'lv-0' is on line 2 already"),
        (ROW.replace("river=x", "river"), "line 3, column tags"),
        (ROW + ",more", "line 3: 12 columns, expected 11"),
    ],
    ids=lambda value: value[:12] if value.startswith("line") else None,
)
def test_a_fault_is_told_with_line_and_column(row: str, where: str):
    _, faults = read_devices(_table(ROW.replace("lv-1", "lv-0"), row), ["760"])
    assert [str(fault) for fault in faults if str(fault).startswith(where)], list(map(str, faults))


@pytest.mark.parametrize("content", [b"", b"a,b\n", b"\xff\xfe", _table('"open')], ids=repr)
def test_what_is_no_table_is_refused(content: bytes):
    devices, faults = read_devices(content, ["760"])
    assert faults
    assert not devices


HEARD = ("city/+/+/telemetry", "city/+/+/status", "application/+/device/+/event/up", "spBv1.0/hcmc/#")


@pytest.mark.parametrize(
    "topic",
    ["city/drainage/+/telemetry", "city/+/+/status", "application/7/device/+/event/up", "spBv1.0/hcmc/#"],
)
def test_a_gateway_publishes_where_ingest_listens(topic: str):
    assert gateway_grants([topic, topic], HEARD).publish == (topic,)
    assert gateway_grants([topic], HEARD).receive == ()


@pytest.mark.parametrize(
    "topic",
    [
        "#",
        "city/#",
        "city/+/+/kept",
        "city/+/+/+",
        "city/drainage/+",
        "$CONTROL/dynamic-security/v1",
        "",
        "spBv1.0/#",
        "spBv1.0/+/NDATA/a",
        "spBv1.0/hcmc/#/x",
        "city/drainage/a+/telemetry",
    ],
)
def test_a_gateway_reaches_no_further(topic: str):
    with pytest.raises(ConfigError, match="may not publish"):
        gateway_grants([topic], HEARD)


def test_a_gateway_needs_a_topic():
    with pytest.raises(ConfigError, match="needs a topic"):
        gateway_grants([], HEARD)
