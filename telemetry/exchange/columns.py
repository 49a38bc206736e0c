"""Readings as Arrow record batches, with names in place of stream ids."""

from __future__ import annotations

# pyarrow tells no types, and the stubs on PyPI are of another version.
# pyright: reportUnknownMemberType=false, reportUnknownVariableType=false
# pyright: reportUnknownArgumentType=false, reportUnknownParameterType=false
# pyright: reportUnknownLambdaType=false, reportMissingTypeArgument=false, reportAttributeAccessIssue=false
from collections.abc import Sequence
from typing import Any

import numpy as np
import pyarrow as pa

from telemetry.devices import Stream
from telemetry.exchange import COLUMNS
from telemetry.metrics import METRICS
from telemetry.readings import Readings

_NAME = pa.dictionary(pa.int32(), pa.string())
_TYPES = (pa.timestamp("us", tz="UTC"), _NAME, _NAME, _NAME, pa.float64(), pa.int16())
SCHEMA = pa.schema([pa.field(name, kind, nullable=False) for name, kind in zip(COLUMNS, _TYPES, strict=True)])


class NamedStreams:
    """Looks up what a stream id stands for, for whole columns at once.

    The names are dictionaries that stay the same for a whole file, as an Arrow stream wants
    them: a batch holds only where in them each reading's name is.
    """

    def __init__(self, streams: Sequence[Stream]) -> None:
        last = max((stream.stream_id for stream in streams), default=0)
        self._place = np.zeros(last + 1, np.int32)
        self._place[[stream.stream_id for stream in streams]] = np.arange(len(streams), dtype=np.int32)
        units = [METRICS[s.metric].unit if s.metric in METRICS else "" for s in streams]
        self._names = [
            _coded([stream.device_id for stream in streams]),
            _coded([stream.metric for stream in streams]),
            _coded(units),
        ]

    def batch(self, readings: Readings) -> Any:
        """A record batch of `SCHEMA`: readings under the names of their streams."""
        place = self._place[readings.stream_ids]
        names = [pa.DictionaryArray.from_arrays(codes[place], words) for codes, words in self._names]
        columns = [
            pa.array(readings.times).cast(SCHEMA.field("time").type),
            *names,
            pa.array(readings.values),
            pa.array(readings.qualities),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _coded(names: Sequence[str]) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], pa.Array]:
    words = sorted(set(names))
    place = {word: i for i, word in enumerate(words)}
    return np.fromiter((place[name] for name in names), np.int32, len(names)), pa.array(words, pa.string())
