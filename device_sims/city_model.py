"""The simulated city: every stream's value at any instant.

``sample`` is a function of the seed, the live start and the instants alone, so history
and the live stream, computed by different processes, join up without a seam.
"""

from __future__ import annotations

from collections.abc import Sequence
from zoneinfo import ZoneInfo

import numpy as np
from numpy.typing import NDArray

from device_sims import faults, kinds
from device_sims.drainage import Drainage, DrainageGroups
from device_sims.energy import Energy, EnergyGroups
from device_sims.environment import Environment
from device_sims.groups import Group, StreamKey, group, layout
from device_sims.health import Health
from device_sims.hydrology import Hydrology, Points
from device_sims.moments import Moments, moments
from device_sims.options import SimOptions
from device_sims.rain import Weather, rain_mmph
from device_sims.schedule import Schedule
from device_sims.tables import Floats, number
from device_sims.traffic import Traffic
from device_sims.truth import ACCIDENT, FLOOD, OUTAGE, POLLUTION, Truth
from telemetry.city import City
from telemetry.devices import Device
from telemetry.metrics import METRICS
from telemetry.tide import stations

AFTERMATH_S = 86_400.0
"""How long before an instant an event may have ended and still show in it (meters)."""
_EXTRA_DECIMALS = 1
"""Sensors give one digit more than screens show."""


class CityModel:
    """All devices of a city as one function of time."""

    keys: tuple[StreamKey, ...]
    """What the columns are: (device id, metric)."""

    def __init__(
        self,
        city: City,
        options: SimOptions,
        devices: Sequence[Device] | None = None,
        live_start_s: float | None = None,
    ) -> None:
        """``devices`` None means the city's own; ``live_start_s`` sets off the demo's opening."""
        self._devices = tuple(city.devices if devices is None else devices)
        self._zone = ZoneInfo(city.timezone)
        self.keys = layout(self._devices)
        self._columns = {key: place for place, key in enumerate(self.keys)}
        self.schedule = Schedule(city, self._devices, options, self._zone, live_start_s)
        self._weather = Weather(city, options.seed, self._zone, self._floods)
        self._build(city, options.seed)
        found = [METRICS[metric] for _, metric in self.keys]
        self._low = np.array([metric.low for metric in found])
        self._high = np.array([metric.high for metric in found])
        self._grain = 10.0 ** np.array([metric.decimals + _EXTRA_DECIMALS for metric in found])
        self._stuck_rows: dict[float, Floats] = {}

    def _build(self, city: City, seed: int) -> None:
        def of(*wanted: str) -> Group:
            return group(seed, self._devices, self.keys, lambda device: device.kind in wanted)

        tides = stations(city)
        self._drainage = Drainage(
            city,
            seed,
            DrainageGroups(
                of(kinds.TIDE_GAUGE),
                of(kinds.RAIN_GAUGE),
                of(kinds.FLOOD_GAUGE),
                of(kinds.CANAL_LEVEL),
                of(kinds.TIDAL_GATE),
                of(kinds.PUMP_STATION),
            ),
            tides,
        )
        self._traffic = Traffic(city, of(*kinds.TRAFFIC))
        self._environment = Environment(city, seed, of(kinds.AIR_STATION), of(kinds.NOISE_METER))
        self._energy = Energy(
            city,
            seed,
            EnergyGroups(of(kinds.SUBSTATION), of(kinds.FEEDER), of(kinds.TRANSFORMER), of(kinds.LIGHTING)),
        )
        telling = ("battery_pct", "rssi_dbm")
        self._health = Health(
            group(seed, self._devices, self.keys, lambda device: any(m in telling for m in device.metrics))
        )
        groups = self._drainage.groups
        outfall = next((tides[name] for name in groups.gauges.text("tide") if name in tides), None)
        self._wet_groups = (groups.canals, groups.pumps, self._environment.air)
        points = _points(city, self._wet_groups)
        self._hydrology = Hydrology(city, self._weather, self._zone, points, groups.streets, outfall)

    def _floods(self, start_s: float, end_s: float) -> list[Truth]:
        return [truth for truth in self.schedule.overlapping(start_s, end_s) if truth.kind == FLOOD]

    def sample(self, micros: NDArray[np.int64]) -> Floats:
        """Every stream at instants ``(t,)`` (µs since the epoch), shape ``(t, n_streams)``.

        NaN where a device says nothing.
        """
        at = moments(micros, self._zone)
        truths = self.schedule.overlapping(
            float(at.seconds.min()) - AFTERMATH_S, float(at.seconds.max()) + 1.0
        )
        matrix = self._clean(at, truths)
        self._settle(matrix)
        wrong = [truth for truth in truths if truth.is_sensor_fault and truth.end_s > at.seconds.min()]
        faults.apply(matrix, at, wrong, self._columns, self._clean_at)
        self._settle(matrix)
        return matrix

    def _settle(self, matrix: Floats) -> None:
        """Keep values to what an instrument can report, in the steps it reports."""
        np.clip(matrix, self._low, self._high, out=matrix)
        matrix *= self._grain
        np.round(matrix, out=matrix)
        matrix /= self._grain

    def _clean(self, at: Moments, truths: Sequence[Truth]) -> Floats:
        """The city without sensor faults."""
        matrix = np.full((len(at), len(self.keys)), np.nan)
        by_kind = {
            kind: [truth for truth in truths if truth.kind == kind] for kind in (ACCIDENT, POLLUTION, OUTAGE)
        }
        cells = self._weather.cells(float(at.seconds.min()) - 1.0, float(at.seconds.max()) + 1.0)

        def rain_on(devices: Group) -> Floats:
            return rain_mmph(cells, devices.lat, devices.lon, at.seconds)

        canals, pumps, air = self._split(self._hydrology.wet_mm(at))
        depth = self._hydrology.depth_m(at)
        groups = self._drainage.groups
        self._drainage.fill(matrix, at, rain_on(groups.rain), {"canals": canals, "pumps": pumps}, depth)
        self._traffic.fill(matrix, at, rain_on(self._traffic.devices), by_kind[ACCIDENT])
        self._environment.fill(matrix, at, rain_on(self._environment.air), air, by_kind[POLLUTION])
        self._energy.fill(matrix, at, by_kind[OUTAGE])
        self._health.fill(matrix, at, rain_on(self._health.devices))
        return matrix

    def _split(self, wet_mm: Floats) -> list[Floats]:
        ends = np.cumsum([len(item) for item in self._wet_groups])[:-1]
        return np.split(wet_mm, ends, axis=1)

    def _clean_at(self, second: float) -> Floats:
        if second not in self._stuck_rows:
            at = moments(np.array([round(second * 1e6)], dtype=np.int64), self._zone)
            truths = self.schedule.overlapping(second - AFTERMATH_S, second + 1.0)
            row = self._clean(at, truths)
            self._settle(row)
            self._stuck_rows[second] = row[0]
        return self._stuck_rows[second]


def _points(city: City, wet: Sequence[Group]) -> Points:
    canal_s = number(city, "drainage", "canal", "recession_min") * 60.0
    air_s = number(city, "drainage", "wet", "memory_min") * 60.0
    memory = [
        np.full(len(item), memory_s) for item, memory_s in zip(wet, (canal_s, canal_s, air_s), strict=True)
    ]
    return Points(
        np.concatenate([item.lat for item in wet]),
        np.concatenate([item.lon for item in wet]),
        np.concatenate(memory),
    )
