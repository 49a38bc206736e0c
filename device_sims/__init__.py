"""A simulated city that publishes on MQTT, with the ground truth beside it."""
