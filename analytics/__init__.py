"""The store to anomalies to alerts: detectors and the engine that feeds them."""
