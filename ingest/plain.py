"""The quick road for messages in which everything is as it should be. Pure.

Nearly every message is: CityOps JSON, times in epoch milliseconds, metrics that the device
has, values in range. Such a message is taken with as little as can be. At the first thing
that is otherwise this gives up, leaving no trace, and the careful road (`ingest.decode`) takes
the message from its beginning: it alone knows what is wrong, and what of it can be used.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import cast

import msgspec

from ingest.catalog import Channel
from telemetry.payloads import EARLIEST_MS, LATEST_MS, MAX_BYTES, MAX_OBJECTS
from telemetry.readings import Quality
from telemetry.settings import Ingest

_Object = dict[str, int | float]
_decoder: msgspec.json.Decoder[_Object | list[_Object]] = msgspec.json.Decoder(_Object | list[_Object])
_DAY_MS = 86_400_000
_GOOD, _LATE = int(Quality.GOOD), int(Quality.LATE)


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
        if isinstance(document, dict):
            return self._append(document, received_at // 1_000, channels)
        if not 0 < len(document) <= MAX_OBJECTS:
            return False
        return self._extend(document, received_at // 1_000, channels)

    def _append(self, fields: _Object, now_ms: int, channels: Mapping[str, Channel]) -> bool:
        """Readings of one moment."""
        stream_ids, times, values, qualities = self._columns
        before = len(stream_ids)
        ts = fields.pop("ts", None)
        if type(ts) is not int or not self._is_near(ts, ts, now_ms) or not fields:
            return False
        quality = _GOOD if now_ms - ts <= self._late_ms else _LATE
        for metric, value in fields.items():
            channel = channels.get(metric)
            if channel is None or not channel.low <= value <= channel.high:
                for column in self._columns:
                    del column[before:]
                return False
            stream_ids.append(channel.stream_id)
            times.append(ts * 1_000)
            values.append(value)
            qualities.append(quality)
        return True

    def _extend(self, objects: list[_Object], now_ms: int, channels: Mapping[str, Channel]) -> bool:
        """Readings of many moments, if all have the same metrics: a whole column at a time."""
        width = len(objects[0])
        metrics = [metric for metric in objects[0] if metric != "ts"]
        try:
            stamps = [fields["ts"] for fields in objects]
            found = [(channels[metric], [fields[metric] for fields in objects]) for metric in metrics]
        except KeyError:
            return False
        if not found or set(map(len, objects)) != {width} or set(map(type, stamps)) != {int}:
            return False
        first = min(stamps)
        if not self._is_near(first, max(stamps), now_ms):
            return False
        if not all(channel.low <= min(read) and max(read) <= channel.high for channel, read in found):
            return False
        micros = [stamp * 1_000 for stamp in cast("list[int]", stamps)]
        late_before = now_ms - self._late_ms
        if first >= late_before:
            flags = [_GOOD] * len(stamps)
        else:
            flags = [_LATE if stamp < late_before else _GOOD for stamp in stamps]
        stream_ids, times, values, qualities = self._columns
        for channel, read in found:
            stream_ids.extend([channel.stream_id] * len(objects))
            times.extend(micros)
            values.extend(read)
            qualities.extend(flags)
        return True

    def _is_near(self, first_ms: float, last_ms: float, now_ms: int) -> bool:
        """Whether times are clear of every limit; what is at one is for the careful road."""
        oldest = max(EARLIEST_MS, now_ms - self._oldest_ms)
        return oldest < first_ms and last_ms < min(LATEST_MS, now_ms + self._future_ms)
