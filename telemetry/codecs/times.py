"""When a message says that it was measured."""

from __future__ import annotations

from datetime import UTC, datetime, tzinfo
from zoneinfo import ZoneInfo

from telemetry.codecs.contract import is_number, number
from telemetry.codecs.documents import Document, Path
from telemetry.errors import ConfigError, PayloadError
from telemetry.payloads import plausible_us, rfc3339_us
from telemetry.readings import to_micros
from telemetry.settings import Format

_EPOCHS = {"epoch_s": 1e6, "epoch_ms": 1e3, "epoch_us": 1.0, "epoch_ns": 1e-3}
_LONGEST = 64


class TimeSource:
    """The ``time_path``, ``time_format`` and ``time_zone`` of a format."""

    def __init__(self, format_: Format) -> None:
        self._path = Path(format_.time_path) if format_.time_path else None
        self._format = format_.time_format
        self._zone = _zone(format_.time_zone)
        known = self._format == "rfc3339" or self._format in _EPOCHS or "%" in self._format
        if not known:
            raise ConfigError(
                f"ingest.formats: time_format {self._format!r}",
                cure=f"rfc3339, {', '.join(_EPOCHS)}, or a pattern of strptime",
            )
        if "%" in self._format and "%z" not in self._format and self._zone is None:
            raise ConfigError(
                f"ingest.formats: time_format {self._format!r} has no zone", cure="add %z, or set time_zone"
            )

    def read(self, record: Document, message: Document) -> int | None:
        """Microseconds since the epoch; ``None`` where no path is set or nothing is there."""
        if self._path is None:
            return None
        value = self._path.find(message if self._path.absolute else record)
        return None if value is None else self._parse(value)

    def _parse(self, value: Document) -> int:
        scale = _EPOCHS.get(self._format)
        if scale is not None:
            if not is_number(value) or isinstance(value, bool):
                raise PayloadError("time", f"the time at {self._path_text!r} is not a number")
            return plausible_us(number("time", value) * scale)
        if not isinstance(value, str) or len(value) > _LONGEST:
            raise PayloadError("time", f"the time at {self._path_text!r} is not a text")
        return rfc3339_us(value) if self._format == "rfc3339" else self._patterned(value)

    def _patterned(self, text: str) -> int:
        try:
            moment = datetime.strptime(text, self._format)  # noqa: DTZ007 - the zone comes next
            if moment.tzinfo is None:
                moment = moment.replace(tzinfo=self._zone or UTC)
            return plausible_us(to_micros(moment))
        except (ValueError, OverflowError) as error:
            raise PayloadError("time", f"{text!r} is not a time like {self._format!r}") from error

    @property
    def _path_text(self) -> str:
        return self._path.text if self._path else ""


def _zone(name: str) -> tzinfo | None:
    if not name:
        return None
    try:
        return ZoneInfo(name)
    except (ValueError, OSError, KeyError) as error:
        raise ConfigError(
            f"ingest.formats: time_zone {name!r}", cure="a name like Asia/Ho_Chi_Minh"
        ) from error
