"""Neighbours: for each stream, the nearest ones that measure the same on the same kind of device."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray
from sklearn.neighbors import BallTree

from analytics.roster import Roster

_EARTH_KM = 6_371.0
NOBODY = -1


def neighbours(roster: Roster, streams: NDArray[np.int64], count: int, reach_km: float) -> NDArray[np.int64]:
    """Places in ``streams`` of up to ``count`` neighbours of each, nearest first.

    Shape ``(len(streams), count)``, `NOBODY` where there are fewer within ``reach_km``.
    """
    found = np.full((len(streams), count), NOBODY, np.int64)
    alike: dict[tuple[str, str], list[int]] = {}
    for place, stream in enumerate(streams.tolist()):
        own = roster.streams[stream]
        device = roster.devices.get(own.device_id)
        if device is not None:
            alike.setdefault((own.metric, device.kind), []).append(place)
    for places in alike.values():
        found[places] = _nearest(roster, streams, np.array(places, np.int64), count, reach_km)
    return found


def _nearest(
    roster: Roster, streams: NDArray[np.int64], places: NDArray[np.int64], count: int, reach_km: float
) -> NDArray[np.int64]:
    devices = [roster.devices[roster.streams[stream].device_id] for stream in streams[places].tolist()]
    where = np.radians([(device.lat, device.lon) for device in devices])
    asked = min(count + 1, len(places))
    distance, index = BallTree(where, metric="haversine").query(where, k=asked)
    itself = index == np.arange(len(places))[:, None]
    far = (distance * _EARTH_KM > reach_km) | itself
    near = np.where(far, NOBODY, places[index])
    order = np.argsort(far, axis=1, kind="stable")
    near = np.take_along_axis(near, order, axis=1)[:, :count]
    padding = np.full((len(places), count - near.shape[1]), NOBODY, np.int64)
    return np.concatenate((near, padding), axis=1)
