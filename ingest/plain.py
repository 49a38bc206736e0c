"""The quick road for messages in which everything is as it should be. Pure.

Nearly every message is: CityOps JSON, times in epoch milliseconds, metrics that the device
has, values in range. Such a message is taken in one loop. At the first thing that is
otherwise the loop gives up, leaving no trace, and the careful road (`ingest.decode`) takes
the message from its beginning: it alone knows what is wrong, and what of it can be used.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import msgspec

from ingest.catalog import Channel
from telemetry.payloads import EARLIEST_MS, LATEST_MS, MAX_BYTES, MAX_OBJECTS
from telemetry.readings import Quality
from telemetry.settings import Ingest

_Object = dict[str, int | float]
_decoder: msgspec.json.Decoder[_Object | list[_Object]] = msgspec.json.Decoder(_Object | list[_Object])
_DAY_MS = 86_400_000


class PlainDecoder:
    """Takes plain messages apart into columns of readings."""

    def __init__(
        self,
        limits: Ingest,
        stream_ids: list[int],
        times: list[int],
        values: list[float],
        qualities: list[int],
    ) -> None:
        self._columns = stream_ids, times, values, qualities
        self._future_ms = int(limits.future_tolerance_s * 1e3)
        self._late_ms = int(limits.late_after_s * 1e3)
        self._oldest_ms = int(limits.oldest_days * _DAY_MS)

    def take(self, payload: bytes, received_at: int, channels: Mapping[str, Channel]) -> bool:
        """Append a message's readings; ``False``, and nothing appended, where it is not plain."""
        if len(payload) > MAX_BYTES:
            return False
        try:
            document = _decoder.decode(payload)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return False
        objects: Sequence[_Object] = document if isinstance(document, list) else (document,)
        before = len(self._columns[0])
        if len(objects) <= MAX_OBJECTS and self._append(objects, received_at // 1_000, channels):
            return True
        for column in self._columns:
            del column[before:]
        return False

    def _append(self, objects: Sequence[_Object], now_ms: int, channels: Mapping[str, Channel]) -> bool:
        stream_ids, times, values, qualities = self._columns
        latest = min(LATEST_MS, now_ms + self._future_ms)
        oldest, late = max(EARLIEST_MS, now_ms - self._oldest_ms), now_ms - self._late_ms
        good, is_late = int(Quality.GOOD), int(Quality.LATE)
        n = 0
        for fields in objects:
            ts = fields.pop("ts", None)
            if type(ts) is not int or not oldest < ts < latest or not fields:
                return False
            for metric, value in fields.items():
                channel = channels.get(metric)
                if channel is None or not channel.low <= value <= channel.high:
                    return False
                stream_ids.append(channel.stream_id)
                times.append(ts * 1_000)
                values.append(value)
                qualities.append(good if ts > late else is_late)
                n += 1
        return n > 0
