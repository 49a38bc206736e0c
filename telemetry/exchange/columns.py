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
from numpy.typing import NDArray

from telemetry.devices import Stream
from telemetry.exchange import COLUMNS
from telemetry.metrics import METRICS
from telemetry.quality import FLAGS, fault_names
from telemetry.readings import Readings

_NAME = pa.dictionary(pa.int32(), pa.string())
_TYPES = (pa.timestamp("us", tz="UTC"), _NAME, _NAME, _NAME, pa.float64(), pa.int16(), _NAME)
SCHEMA = pa.schema([pa.field(name, kind, nullable=False) for name, kind in zip(COLUMNS, _TYPES, strict=True)])


_FAULTS = pa.array([fault_names(flags) for flags in range(2 * max(FLAGS.values()))], pa.string())
"""Every set of faults, at the place of its flags: the same for a whole file, as the names are."""


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

    def batch(self, readings: Readings, faults: NDArray[np.int16]) -> Any:
        """A record batch of `SCHEMA`: readings under the names of their streams.

        ``faults`` are `telemetry.quality.FLAGS` added up, one of each reading.
        """
        place = self._place[readings.stream_ids]
        names = [pa.DictionaryArray.from_arrays(codes[place], words) for codes, words in self._names]
        columns = [
            pa.array(readings.times).cast(SCHEMA.field("time").type),
            *names,
            pa.array(readings.values),
            pa.array(readings.qualities),
            pa.DictionaryArray.from_arrays(pa.array(faults, pa.int32()), _FAULTS),
        ]
        return pa.RecordBatch.from_arrays(columns, schema=SCHEMA)


def _coded(names: Sequence[str]) -> tuple[np.ndarray[tuple[int], np.dtype[np.int32]], pa.Array]:
    words = sorted(set(names))
    place = {word: i for i, word in enumerate(words)}
    return np.fromiter((place[name] for name in names), np.int32, len(names)), pa.array(words, pa.string())
