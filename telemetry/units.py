"""Units that messages name, and what they are in the metrics' units.

One row a unit: what kind of quantity it measures, and ``base = value × factor + offset``
in that kind's base unit. The symbols are those of the IANA SenML registry (RFC 8428
§12.1, secondary units RFC 8798) and the spellings that vendors use for the same.

Not `pint`, which was considered: the names come from devices, and pint would parse them
as expressions (``m**99``), builds its registry of a thousand units at start, and knows
neither SenML's symbols (``Cel``, ``%RH``, ``/``) nor decibels next to milliwatts as an
offset. The table below is all that our metrics can be measured in.

A concentration by volume (ppm, ppb of a gas) is not converted to µg/m³: that takes the
gas, its temperature and pressure. Give the factor in the settings.
"""

from __future__ import annotations

from dataclasses import dataclass

from telemetry.errors import PayloadError


@dataclass(frozen=True, slots=True)
class Unit:
    """What a unit measures, and how it becomes that quantity's base unit."""

    kind: str
    factor: float = 1.0
    offset: float = 0.0


_LENGTH = {"m": 1.0, "mm": 1e-3, "cm": 1e-2, "km": 1e3, "ft": 0.3048, "in": 0.0254}
_SPEED = {
    "m/s": 1.0,
    "km/h": 1 / 3.6,
    "mph": 0.44704,
    "m/h": 1 / 3600,
    "mm/h": 1e-3 / 3600,
    "mm/min": 1e-3 / 60,
}
_FLOW = {
    "m3/s": 1.0,
    "m³/s": 1.0,
    "l/s": 1e-3,
    "L/s": 1e-3,
    "m3/h": 1 / 3600,
    "m³/h": 1 / 3600,
    "l/min": 1e-3 / 60,
}
_POWER = {"W": 1.0, "kW": 1e3, "MW": 1e6}
_ENERGY = {"J": 1.0, "kJ": 1e3, "MJ": 1e6, "Wh": 3.6e3, "kWh": 3.6e6, "MWh": 3.6e9}
_VOLTAGE = {"V": 1.0, "mV": 1e-3, "kV": 1e3}
_CURRENT = {"A": 1.0, "mA": 1e-3, "kA": 1e3}
_FREQUENCY = {"Hz": 1.0, "mHz": 1e-3, "kHz": 1e3, "MHz": 1e6}
_DENSITY = {
    "kg/m3": 1.0, "kg/m³": 1.0, "g/m3": 1e-3, "g/m³": 1e-3, "mg/m3": 1e-6, "mg/m³": 1e-6,
    "ug/m3": 1e-9, "ug/m³": 1e-9, "µg/m3": 1e-9, "µg/m³": 1e-9, "μg/m3": 1e-9, "μg/m³": 1e-9,
}  # fmt: skip
_RATIO = {"": 1.0, "/": 1.0, "%": 1e-2, "/100": 1e-2, "%RH": 1e-2, "%EL": 1e-2, "/1000": 1e-3, "ppm": 1e-6}
_RATE = {"1/s": 1.0, "1/min": 1 / 60, "1/h": 1 / 3600, "veh/min": 1 / 60, "veh/h": 1 / 3600}
_TEMPERATURE = {
    "K": Unit("temperature"),
    **{name: Unit("temperature", 1.0, 273.15) for name in ("Cel", "°C", "degC", "C°", "℃")},
    **{name: Unit("temperature", 5 / 9, 273.15 - 32 * 5 / 9) for name in ("degF", "°F", "℉")},
}
_LEVEL = {
    "dBW": Unit("power level"),
    "dBm": Unit("power level", 1.0, -30.0),
    "dB": Unit("power ratio"),
    "dBA": Unit("A-weighted sound level"),
    "dB(A)": Unit("A-weighted sound level"),
}

UNITS: dict[str, Unit] = {
    **{
        name: Unit(kind, factor)
        for kind, factors in {
            "length": _LENGTH,
            "speed": _SPEED,
            "volume flow": _FLOW,
            "power": _POWER,
            "energy": _ENERGY,
            "voltage": _VOLTAGE,
            "current": _CURRENT,
            "frequency": _FREQUENCY,
            "density": _DENSITY,
            "ratio": _RATIO,
            "rate": _RATE,
        }.items()
        for name, factor in factors.items()
    },
    **_TEMPERATURE,
    **_LEVEL,
}
"""Every unit that can be converted, by symbol; case matters (``mW`` is not ``MW``)."""


def convert(value: float, unit: str, to: str) -> float:
    """A value in ``unit`` as a value in ``to``.

    Raises
    ------
    PayloadError
        With ``reason`` ``unit``: an unknown unit, or one of another quantity.
    """
    if unit == to:
        return value
    source, target = UNITS.get(unit), UNITS.get(to)
    if source is None or target is None:
        raise PayloadError("unit", f"no unit {(unit if source is None else to)[:40]!r} is known")
    if source.kind != target.kind:
        raise PayloadError("unit", f"{unit!r} is a {source.kind}, {to or 'a number'!r} a {target.kind}")
    if source.offset == target.offset:  # exact where only the prefix differs
        return value * source.factor / target.factor
    return (value * source.factor + source.offset - target.offset) / target.factor
