"""The kinds of device the simulator knows (column ``kind`` of ``devices.csv``)."""

DETECTOR = "traffic_detector"
CAMERA = "traffic_camera"
TIDE_GAUGE = "tide_gauge"
RAIN_GAUGE = "rain_gauge"
FLOOD_GAUGE = "flood_gauge"
CANAL_LEVEL = "canal_level"
TIDAL_GATE = "tidal_gate"
PUMP_STATION = "pump_station"
AIR_STATION = "air_station"
NOISE_METER = "noise_meter"
SUBSTATION = "substation"
FEEDER = "feeder"
TRANSFORMER = "transformer"
LIGHTING = "lighting_cabinet"

TRAFFIC = (DETECTOR, CAMERA)
"""Kinds that count vehicles on a road: tags ``road``, ``class``, ``lanes``, ``dir``, ``km``."""
SUPPLIED = (TRANSFORMER, LIGHTING)
"""Kinds that go dark with the feeder their tag ``feeder`` names."""
