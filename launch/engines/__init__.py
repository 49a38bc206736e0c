"""The servers CityOps needs, a TimescaleDB and an MQTT broker, and where they come from."""

from launch.engines.broker import Broker
from launch.engines.choice import choose_broker, choose_database
from launch.engines.database import Database
from launch.engines.tiers import EngineInfo, Tier

__all__ = ["Broker", "Database", "EngineInfo", "Tier", "choose_broker", "choose_database"]
