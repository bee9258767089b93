"""Which zones may lie within some miles of a place: lists by tile. May hold: the lists and how they are made. May not: files, kinds, distances.

Theory. The world is cut into tiles of half a degree, and each tile lists the zones of which the box, widened by those miles, touches it. So what a place
must ask grows with the zones around it and not with all that are drawn. A list may name zones that are farther; it leaves out none that is near.
"""

from __future__ import annotations

import numpy as np
from numba import types

from dogwatch.geo import FULL_TURN, HALF_TURN, cos_lat
from dogwatch.kernel import kernel
from zones.polygons import NM_PER_UNIT, EdgeTree
from zones.shore import POLE

TILE_UNITS = 300_000
ROWS, COLS = 2 * POLE // TILE_UNITS + 1, FULL_TURN // TILE_UNITS
NEAR = types.Tuple((types.int32[::1], types.int32[::1]))  # (start, zone): tile t has the zones zone[start[t]:start[t + 1]]


@kernel("int64(int64, int64)")
def tile_of(lat, lon):
    """The tile of a place in units."""
    return (lat + POLE) // TILE_UNITS * COLS + (lon + HALF_TURN) // TILE_UNITS % COLS


def build_near(tree: EdgeTree, chosen: np.ndarray, reach_nm: float) -> tuple[np.ndarray, np.ndarray]:
    """(start int32[tiles + 1], zone int32[]): zones with chosen[z] True that may lie within `reach_nm`, their own buffers included, by tile, ascending."""
    tiles: list[np.ndarray] = [np.empty(0, np.int64)]
    zones: list[np.ndarray] = [np.empty(0, np.int32)]
    for z in np.flatnonzero(chosen).tolist():
        box = tree.nodes[tree.zones["root"][z]]
        reach = int((reach_nm + float(tree.zones["buffer_nm"][z])) / NM_PER_UNIT) + 1
        south, north = max(-POLE, int(box["south"]) - reach), min(POLE, int(box["north"]) + reach)
        aside = int(reach / cos_lat(max(abs(south), abs(north)))) + 1
        first, last = ((int(side) + HALF_TURN) // TILE_UNITS for side in (box["west"] - aside, box["east"] + aside))
        cols = np.arange(COLS) if last - first >= COLS else np.arange(first, last + 1) % COLS
        rows = np.arange((south + POLE) // TILE_UNITS, (north + POLE) // TILE_UNITS + 1)
        tiles.append((rows[:, None] * COLS + cols[None]).ravel())
        zones.append(np.full(len(tiles[-1]), z, np.int32))
    tile, zone = np.concatenate(tiles), np.concatenate(zones)
    order = np.argsort(tile, kind="stable")
    start = np.searchsorted(tile[order], np.arange(ROWS * COLS + 1)).astype(np.int32)
    return start, np.ascontiguousarray(zone[order])
