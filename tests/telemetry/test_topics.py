"""The topic contract."""

from __future__ import annotations

import pytest

from telemetry.errors import TopicError
from telemetry.metrics import Domain
from telemetry.topics import Topic, parse_topic, status_topic, telemetry_topic


def test_topics_are_taken_apart_as_they_are_put_together() -> None:
    assert parse_topic(telemetry_topic(Domain.DRAINAGE, "gauge-phu-an")) == Topic(
        Domain.DRAINAGE, "gauge-phu-an", "telemetry"
    )
    assert parse_topic(status_topic(Domain.ENERGY, "tba.02")).leaf == "status"


@pytest.mark.parametrize(
    "topic",
    [
        "city/traffic/d1",
        "city/traffic/d1/telemetry/more",
        "city/device/d1/telemetry",
        "city/weather/d1/telemetry",
        "town/traffic/d1/telemetry",
        "city/traffic/d1/commands",
        "city/traffic//telemetry",
        "city/traffic/../telemetry",
        "city/traffic/<script>/telemetry",
        f"city/traffic/{'x' * 65}/telemetry",
        "city/traffic/d 1/telemetry",
        "city/traffic/d1\n/telemetry",
    ],
)
def test_other_topics_are_refused(topic: str) -> None:
    with pytest.raises(TopicError):
        parse_topic(topic)
