"""Who may be answered, and where."""

import pytest

from telemetry.topics import may_answer


@pytest.mark.parametrize(
    ("topic", "response", "may"),
    [
        ("city/traffic/d1/telemetry", "city/traffic/d1/kept", True),
        ("city/traffic/d1/telemetry", "city/traffic/d2/kept", False),
        ("city/traffic/d1/telemetry", "city/traffic/d1/telemetry", False),
        ("senml/d1", "senml/kept", False),
    ],
    ids=["its-own", "another-device", "telemetry", "foreign"],
)
def test_only_a_device_s_own_topic_is_answered(topic: str, response: str, may: bool) -> None:
    assert may_answer(topic, response) is may
