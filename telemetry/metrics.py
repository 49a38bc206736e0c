"""The metric table: what a number from a device means.

One row a metric. The physical range is what an instrument can report at all, not
what is usual: a value outside it is a fault of the sender and goes to quarantine.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Domain(StrEnum):
    """The four desks of the city, and the devices' own health."""

    TRAFFIC = "traffic"
    DRAINAGE = "drainage"
    ENVIRONMENT = "environment"
    ENERGY = "energy"
    DEVICE = "device"
    PLATFORM = "platform"
    """CityOps itself: only its alerts are of this domain."""


CITY_DOMAINS = (Domain.TRAFFIC, Domain.DRAINAGE, Domain.ENVIRONMENT, Domain.ENERGY)
"""The domains a device can belong to."""


class Bad(StrEnum):
    """Which way a value departs when something is wrong."""

    HIGH = "high"
    LOW = "low"
    BOTH = "both"
    NEITHER = "neither"


class Aggregation(StrEnum):
    """How readings of one stream combine over time."""

    MEAN = "mean"
    SUM = "sum"
    MAX = "max"
    LAST = "last"


@dataclass(frozen=True, slots=True)
class Metric:
    """One kind of measurement.

    ``low`` and ``high`` bound what can physically be reported, in ``unit``;
    ``interval_s`` is the usual time between two readings.
    """

    key: str
    domain: Domain
    unit: str
    low: float
    high: float
    interval_s: float
    bad: Bad
    aggregation: Aggregation
    decimals: int
    name_vi: str
    name_en: str

    def holds(self, value: float) -> bool:
        """Whether an instrument could report ``value`` at all."""
        return self.low <= value <= self.high


def _row(
    key: str,
    domain: Domain,
    unit: str,
    bounds: tuple[float, float],
    interval_s: float,
    bad: Bad,
    aggregation: Aggregation,
    decimals: int,
    names: tuple[str, str],
) -> Metric:
    return Metric(key, domain, unit, *bounds, interval_s, bad, aggregation, decimals, *names)


_T, _D, _E, _P, _V = (*CITY_DOMAINS, Domain.DEVICE)
_MEAN, _SUM, _LAST = Aggregation.MEAN, Aggregation.SUM, Aggregation.LAST

_ROWS = (
    _row("speed_kmh", _T, "km/h", (0, 200), 30, Bad.LOW, _MEAN, 1, ("Tốc độ trung bình", "Average speed")),
    _row("flow_vph", _T, "veh/h", (0, 40_000), 30, Bad.BOTH, _MEAN, 0, ("Lưu lượng xe", "Traffic flow")),
    _row("occupancy_pct", _T, "%", (0, 100), 30, Bad.HIGH, _MEAN, 1, ("Độ chiếm dụng", "Occupancy")),
    _row("water_level_m", _D, "m", (-10, 30), 60, Bad.HIGH, _MEAN, 2, ("Mực nước", "Water level")),
    _row("rain_mmph", _D, "mm/h", (0, 500), 60, Bad.HIGH, _MEAN, 1, ("Cường độ mưa", "Rain intensity")),
    _row("flow_m3s", _D, "m³/s", (-5_000, 50_000), 60, Bad.BOTH, _MEAN, 2, ("Lưu lượng nước", "Water flow")),
    _row("pump_power_kw", _D, "kW", (0, 20_000), 60, Bad.BOTH, _MEAN, 1, ("Công suất bơm", "Pump power")),
    _row("gate_opening_pct", _D, "%", (0, 100), 60, Bad.NEITHER, _LAST, 0, ("Độ mở cửa van", "Gate opening")),
    _row("pm2_5", _E, "µg/m³", (0, 1_500), 60, Bad.HIGH, _MEAN, 1, ("Bụi mịn PM2.5", "PM2.5")),
    _row("pm10", _E, "µg/m³", (0, 2_500), 60, Bad.HIGH, _MEAN, 1, ("Bụi PM10", "PM10")),
    _row("no2", _E, "µg/m³", (0, 5_000), 60, Bad.HIGH, _MEAN, 1, ("NO₂", "NO₂")),
    _row("so2", _E, "µg/m³", (0, 5_000), 60, Bad.HIGH, _MEAN, 1, ("SO₂", "SO₂")),
    _row("co", _E, "µg/m³", (0, 200_000), 60, Bad.HIGH, _MEAN, 0, ("CO", "CO")),
    _row("o3", _E, "µg/m³", (0, 2_000), 60, Bad.HIGH, _MEAN, 1, ("O₃", "O₃")),
    _row("temperature_c", _E, "°C", (-20, 70), 60, Bad.BOTH, _MEAN, 1, ("Nhiệt độ", "Temperature")),
    _row("humidity_pct", _E, "%", (0, 100), 60, Bad.NEITHER, _MEAN, 0, ("Độ ẩm", "Humidity")),
    _row("noise_dba", _E, "dBA", (10, 150), 60, Bad.HIGH, _MEAN, 1, ("Tiếng ồn", "Noise")),
    _row("active_power_kw", _P, "kW", (-1e5, 1e6), 30, Bad.BOTH, _MEAN, 1, ("Công suất", "Active power")),
    _row("voltage_v", _P, "V", (0, 600_000), 30, Bad.BOTH, _MEAN, 1, ("Điện áp", "Voltage")),
    _row("current_a", _P, "A", (0, 20_000), 30, Bad.HIGH, _MEAN, 1, ("Dòng điện", "Current")),
    _row("power_factor", _P, "", (-1, 1), 30, Bad.LOW, _MEAN, 3, ("Hệ số công suất", "Power factor")),
    _row("frequency_hz", _P, "Hz", (0, 100), 30, Bad.BOTH, _MEAN, 3, ("Tần số", "Frequency")),
    _row("energy_kwh", _P, "kWh", (0, 1e12), 30, Bad.NEITHER, _LAST, 0, ("Điện năng", "Energy")),
    _row("battery_pct", _V, "%", (0, 100), 300, Bad.LOW, _LAST, 0, ("Pin", "Battery")),
    _row("rssi_dbm", _V, "dBm", (-200, 20), 300, Bad.LOW, _MEAN, 0, ("Cường độ tín hiệu", "Signal strength")),
    _row("snr_db", _V, "dB", (-50, 100), 300, Bad.LOW, _MEAN, 1, ("Tỷ số tín hiệu/nhiễu", "Signal to noise")),
    _row(
        "frame_count", _V, "", (0, 2**32 - 1), 300, Bad.NEITHER, _LAST, 0, ("Số khung đã gửi", "Frames sent")
    ),
)

METRICS: dict[str, Metric] = {metric.key: metric for metric in _ROWS}
"""Every metric CityOps knows, by key."""
