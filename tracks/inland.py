"""Well inside the land: the answer to a coast that is drawn coarsely. May hold: that question. May not: vessels, thresholds."""

from __future__ import annotations

from typing import Any

import numpy as np

from dogwatch.geo import M_PER_UNIT, NM_M, cos_lat

RING = 16
# The place, half a reach and a reach from it on sixteen bearings, as shares of the reach north and east; rounded so that every platform asks about the same.
_NORTH, _EAST = (np.concatenate([[0.0], side * 0.5, side]) for side in np.round([f(np.arange(RING) * 2 * np.pi / RING) for f in (np.cos, np.sin)], 9))


def inland(geography: Any, lat: int, lon: int, reach_nm: float) -> bool:
    """Whether a place in units and all of a ring `reach_nm` about it, and of another at half of that, lie on land: no shore is nearer."""
    units = reach_nm * NM_M / M_PER_UNIT
    lats = lat + _NORTH * units
    lons = lon + _EAST * units / cos_lat(lat)
    lons = (lons + 108_000_000) % 216_000_000 - 108_000_000
    lats_deg, lons_deg = lats / 600_000, lons / 600_000
    # most who are asked about lie at sea: one place tells that
    return bool(geography.on_land(lats_deg[:1], lons_deg[:1])[0]) and bool(np.all(geography.on_land(lats_deg, lons_deg)))
