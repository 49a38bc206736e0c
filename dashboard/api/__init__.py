"""The REST interface under ``/api/v1``, the WebSocket, health and metrics."""
