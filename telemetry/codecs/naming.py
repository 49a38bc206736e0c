"""From a message's names and units to metrics."""

from __future__ import annotations

from telemetry.codecs.contract import DeviceSample, is_number, number
from telemetry.errors import ConfigError, PayloadError
from telemetry.metrics import METRICS
from telemetry.payloads import MAX_KEY_LENGTH
from telemetry.settings import Field, Format
from telemetry.units import convert


class Naming:
    """The ``metrics`` table of a format.

    With a table, names it does not have are left out: a device tells much that is no
    reading. Without one, every number's name must be a metric's key; a text is left out.
    """

    def __init__(self, format_: Format) -> None:
        self._fields = {
            name: checked(Field(metric=field) if isinstance(field, str) else field)
            for name, field in format_.metrics.items()
        }

    def knows(self, name: str) -> bool:
        """Whether a name is a metric's, in the table or by itself."""
        return name in (self._fields or METRICS)

    def put(self, sample: DeviceSample, name: str, value: object, unit: str = "") -> None:
        """Add a named value, in its unit, to a sample; the first one stands.

        What cannot be used, by ``metric``, ``value`` or ``unit``, is among the sample's problems.
        """
        try:
            self._put(sample.values, name, value, unit)
        except PayloadError as error:
            sample.problems.append(error)

    def _put(self, values: dict[str, float], name: str, value: object, unit: str) -> None:
        field = self._fields.get(name)
        if field is None:
            if self._fields or not is_number(value):
                return
            if len(name) > MAX_KEY_LENGTH:
                raise PayloadError("shape", f"a field name of {len(name)} characters")
            if not name:
                raise PayloadError("metric", 'a value without a name; give metrics an entry for ""')
            field = Field(metric=name)
        if value is not None:
            values.setdefault(field.metric, measure(field, value, unit))


def measure(field: Field, value: object, unit: str = "") -> float:
    """A number of a message in its metric's unit; the settings' unit goes before the message's."""
    result = number(field.metric, value) * field.factor + field.offset
    metric = METRICS.get(field.metric)
    source = field.unit or unit
    if metric is not None and source:
        result = convert(result, source, metric.unit)
    return number(field.metric, result)


def checked(field: Field) -> Field:
    """A field of the settings whose metric is known and whose unit fits it; `ConfigError` otherwise."""
    metric = METRICS.get(field.metric)
    if metric is None:
        raise ConfigError(
            f"ingest.formats: no metric {field.metric!r}", cure="the metrics are listed in docs/mqtt.md"
        )
    try:
        measure(field, 0.0)
    except PayloadError as error:
        raise ConfigError(
            f"ingest.formats: {field.metric}: {error.message}",
            cure=f"the metric is in {metric.unit or 'no unit'}",
        ) from error
    return field
