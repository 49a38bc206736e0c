"""MQTT to the store: nothing is acknowledged before it is committed."""
