"""The nearest of many zones of some kinds: boxes in bands of latitude. May hold: the bands and their search. May not: kinds, files.

Theory. The edge tree (`polygons.py`) says how far one zone is; with thousands of port zones that question may not be asked of
each. So their boxes stand sorted by their southern sides, and a search goes outward from the place, north and south, as long as
a box could still be nearer than the best found; only then is the zone itself asked. The answer is the tree's (but for the
rounding of a buffer added and taken off).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import njit, types

from dogwatch.geo import FULL_TURN, cos_lat
from zones.polygons import EDGES, NM_PER_UNIT, NODES, STACK_MAX, UNITS, ZONES, EdgeTree, to_zone

ANY_TIME = -(1 << 63)
BAND = np.dtype([("south", "<i8"), ("north", "<i8"), ("west", "<i8"), ("east", "<i8"), ("zone", "<i8"), ("buffer_nm", "<f8")])


@dataclass(frozen=True, slots=True)
class ZoneBands:
    """Boxes of chosen zones of a tree, BAND[n] sorted by south (in units, without buffer). tallest: units of latitude, buffers included. Never changed."""

    tree: EdgeTree
    boxes: np.ndarray
    tallest: int

    def __len__(self) -> int:
        return len(self.boxes)

    def nearest_nm(self, lat: np.ndarray, lon: np.ndarray, cap_nm: float, t_ms: int | None = None) -> np.ndarray:
        """float64[n]: distance to the nearest of the zones (valid at t_ms, if given), 0 inside, at most cap_nm; lat, lon int64[n] units."""
        out = np.full(len(lat), float(cap_nm))
        if len(self.boxes):
            columns = tuple(np.ascontiguousarray(self.boxes[name]) for name in ("south", "north", "west", "east", "zone"))
            buffers = np.ascontiguousarray(self.boxes["buffer_nm"])
            _nearest_of(self.tree.edges, self.tree.nodes, self.tree.zones, *columns, buffers, self.tallest, ANY_TIME if t_ms is None else t_ms, lat, lon, out)
        return out


def build_bands(tree: EdgeTree, chosen: np.ndarray) -> ZoneBands:
    """Bands over the zones with chosen[z] True."""
    numbers = np.flatnonzero(chosen)
    boxes = np.zeros(len(numbers), BAND)
    roots = tree.nodes[tree.zones["root"][numbers]]
    for name in ("south", "north", "west", "east"):
        boxes[name] = roots[name]
    boxes["zone"], boxes["buffer_nm"] = numbers, tree.zones["buffer_nm"][numbers]
    boxes = boxes[np.lexsort((numbers, boxes["south"]))]
    high = boxes["north"] - boxes["south"] + np.ceil(2 * boxes["buffer_nm"] / NM_PER_UNIT).astype(np.int64)
    return ZoneBands(tree, boxes, int(high.max(initial=0)))


# Flat: a search to both sides for every place, once a look for hundreds of vessels.
@njit(
    types.void(EDGES, NODES, ZONES, UNITS, UNITS, UNITS, UNITS, UNITS, types.float64[::1], types.int64, types.int64, UNITS, UNITS, types.float64[::1]),
    cache=True,
)
def _nearest_of(edges, nodes, zones, south, north, west, east, number, buffer_nm, tallest, t_ms, lats, lons, out):
    stack = np.empty(STACK_MAX, np.int64)
    n = south.shape[0]
    for i in range(lats.shape[0]):
        lat, lon, best = lats[i], lons[i], out[i]
        up = np.searchsorted(south, lat)
        down = up - 1
        while best > 0.0:
            reach = int(best / NM_PER_UNIT) + tallest + 1
            can_up = up < n and south[up] - lat <= reach
            can_down = down >= 0 and lat - south[down] <= reach
            if not can_up and not can_down:
                break
            if can_up and (not can_down or south[up] - lat <= lat - south[down]):
                k = up
                up += 1
            else:
                k = down
                down -= 1
            z = number[k]
            if t_ms != ANY_TIME and not zones[z]["from_ms"] <= t_ms < zones[z]["to_ms"]:
                continue
            dy = float(max(0, south[k] - lat, lat - north[k])) * NM_PER_UNIT
            dx = 0.0
            if not west[k] <= lon <= east[k]:
                dx = float(min((west[k] - lon) % FULL_TURN, (lon - east[k]) % FULL_TURN))
            dx *= NM_PER_UNIT * cos_lat(max(abs(lat), abs(south[k]), abs(north[k])))
            could_nm = best + buffer_nm[k]
            if dy * dy + dx * dx < could_nm * could_nm:
                best = min(best, to_zone(edges, nodes, zones, z, lat, lon, best, stack))
        out[i] = best
