"""Well inside the land: the answer to a coast that is drawn coarsely. May hold: that question. May not: vessels, thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from dogwatch.geo import M_PER_UNIT, NM_M, cos_lat

RING = 16
# cosine and sine of the sixteen bearings, rounded so that every platform asks about the same places
_NORTH = np.round(np.cos(np.arange(RING) * 2 * np.pi / RING), 9)
_EAST = np.round(np.sin(np.arange(RING) * 2 * np.pi / RING), 9)


def inland(geography: Any, lat: int, lon: int, reach_nm: float) -> bool:
    """Whether a place in units and all of a ring `reach_nm` about it, and of another at half of that, lie on land: no shore is nearer."""
    units = reach_nm * NM_M / M_PER_UNIT
    shares = np.repeat([0.0, 0.5, 1.0], [1, RING, RING])
    north, east = np.concatenate([[0.0], _NORTH, _NORTH]), np.concatenate([[0.0], _EAST, _EAST])
    lats = lat + north * shares * units
    lons = lon + east * shares * units / cos_lat(lat)
    lons = (lons + 108_000_000) % 216_000_000 - 108_000_000
    return bool(np.all(geography.on_land(lats / 600_000, lons / 600_000)))
