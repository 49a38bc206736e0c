"""Whose reading it is: the topic's device, or the one that the payload names."""

from __future__ import annotations

from telemetry.codecs.contract import Arrival
from telemetry.codecs.documents import Document, Path
from telemetry.devices import device_id_of
from telemetry.errors import PayloadError
from telemetry.settings import Format


class Identity:
    """The ``device_path`` of a format, or else ``usual``, where its messages name the device."""

    def __init__(self, format_: Format, usual: str = "") -> None:
        self._set = Path(format_.device_path) if format_.device_path else None
        self._usual = Path(usual) if usual else None

    def of(self, record: Document, message: Document, arrival: Arrival) -> str:
        """The device id: by ``device_path``, else of the topic, else where the format has it.

        Raises
        ------
        PayloadError
            With ``reason`` ``device``.
        """
        if self._set is not None:
            return _name(self._set, record, message)
        if arrival.device_id:
            return arrival.device_id
        if self._usual is not None:
            return _name(self._usual, record, message)
        raise PayloadError("device", "neither the topic nor the message names a device")


def _name(path: Path, record: Document, message: Document) -> str:
    name = path.find(message if path.absolute else record)
    if isinstance(name, bool) or not isinstance(name, str | int):
        raise PayloadError("device", f"no device name at {path.text!r}")
    return device_id_of(str(name))
