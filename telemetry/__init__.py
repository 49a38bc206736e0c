"""The domain: metrics, devices, readings, anomalies, alerts, topics, payloads, settings, errors.

Pure: nothing here opens a file, a socket or a database. Import from the modules.
"""
