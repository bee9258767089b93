"""Places of a minute: where every set is in the middle of a frame, for the questions who hears whom. May hold: that table, distances in it.

May not: what is reported (message), which is of the second. In half a minute a ship moves a few cables: nothing beside a radio's reach.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from dogwatch.kernel import kernel
from sim.motion import KNOT_DTYPE, state_at
from sim.radio import HORIZON_NM
from sim.ship import SHIP_DTYPE

PLACE_DTYPE = np.dtype(
    [
        ("lat_deg", "<f8"),
        ("lon_deg", "<f8"),  # between -180 and 180
        ("cos", "<f8"),
        ("root_nm", "<f8"),  # its own part of a radio horizon
        ("cell", "<i4"),
    ]
)
CELL_DEG = 2.0
CELLS_X, CELLS_Y = 180, 90

_SHIPS, _KNOTS, _PLACES = numba.from_dtype(SHIP_DTYPE)[::1], numba.from_dtype(KNOT_DTYPE)[::1], numba.from_dtype(PLACE_DTYPE)[::1]


@kernel("int64(float64, float64)")
def cell_of(lat_deg, lon_deg):
    """The cell of a place: rows from the south pole, columns from the date line, round the world."""
    row = min(CELLS_Y - 1, max(0, math.floor((lat_deg + 90.0) / CELL_DEG)))
    return row * CELLS_X + math.floor((lon_deg + 180.0) / CELL_DEG) % CELLS_X


@kernel(numba.types.void(_SHIPS, _KNOTS, numba.types.int64, _PLACES), nogil=True)
def locate(ships, knots, t_ms, out):
    """Where the sets are at a time; one that comes later or has gone is where its plan begins or ends."""
    for i in range(ships.shape[0]):
        first, last, p = np.int64(ships[i]["first"]), np.int64(ships[i]["last"]), out[i]
        moment = min(max(t_ms, knots[first]["t_ms"]), knots[last - 1]["t_ms"] - 1)
        lat, lon, _, _, _, _, _ = state_at(knots, first, last, moment)
        lon -= 360.0 * math.floor((lon + 180.0) / 360.0)
        p["lat_deg"], p["lon_deg"], p["cos"] = lat, lon, math.cos(lat * math.pi / 180)
        p["root_nm"], p["cell"] = HORIZON_NM * math.sqrt(np.float64(ships[i]["antenna_m"])), cell_of(lat, lon)


@kernel("float64(float64, float64, float64, float64, float64)")
def plane_nm(lat_deg, lon_deg, cos, to_lat_deg, to_lon_deg):
    """Nautical miles between near places, in the plane of the first (its cosine of latitude is given)."""
    aside = to_lon_deg - lon_deg
    if aside > 180.0:
        aside -= 360.0
    elif aside < -180.0:
        aside += 360.0
    north, east = (to_lat_deg - lat_deg) * 60.0, aside * 60.0 * cos
    return math.sqrt(north * north + east * east)


@kernel(numba.types.float64(_PLACES, numba.types.int64, numba.types.int64))
def apart_nm(places, i, j):
    """Nautical miles between two sets."""
    return plane_nm(places[i]["lat_deg"], places[i]["lon_deg"], places[i]["cos"], places[j]["lat_deg"], places[j]["lon_deg"])
