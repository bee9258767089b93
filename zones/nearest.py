"""The nearest of many zones of some kinds, and all that are near: boxes in bands of latitude. May hold: the bands and their search.

May not: kinds, files. Theory. The edge tree (`polygons.py`) says how far one zone is; with thousands of zones that question may not be asked of
each. So their boxes stand sorted by their southern sides, and a search goes outward from the place, north and south, as long as
a box could still be near enough; only then is the zone itself asked. The answer is the tree's (but for the
rounding of a buffer added and taken off).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import types

from dogwatch.geo import FULL_TURN, cos_lat
from dogwatch.kernel import kernel
from zones.polygons import EDGES, NM_PER_UNIT, NODES, STACK_MAX, UNITS, ZONES, EdgeTree, to_zone

ANY_TIME = -(1 << 63)
_F8 = types.float64[::1]
_BOXES = (UNITS, UNITS, UNITS, UNITS, UNITS, _F8, types.int64)


@dataclass(frozen=True, slots=True)
class ZoneBands:
    """Boxes of chosen zones of a tree, sorted by south; never changed. south, north, west, east int64[n] in units, without buffer; zone int64[n]
    their numbers; buffer_nm float64[n]; tallest: units of latitude, buffers included.
    """

    tree: EdgeTree
    south: np.ndarray
    north: np.ndarray
    west: np.ndarray
    east: np.ndarray
    zone: np.ndarray
    buffer_nm: np.ndarray
    tallest: int

    def __len__(self) -> int:
        return len(self.zone)

    def nearest_nm(self, lat: np.ndarray, lon: np.ndarray, cap_nm: float, t_ms: int | None = None) -> np.ndarray:
        """float64[n]: distance to the nearest of the zones (valid at t_ms, if given), 0 inside, at most cap_nm; lat, lon int64[n] units."""
        out = np.full(len(lat), float(cap_nm))
        if len(self):
            _nearest_of(*self._arrays(), ANY_TIME if t_ms is None else t_ms, lat, lon, out)
        return out

    def within(self, lat: np.ndarray, lon: np.ndarray, cap_nm: float, t_ms: int | None = None) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """(start int64[n + 1], zone int64[m], nm float64[m]): place i has the zones zone[start[i]:start[i + 1]] nearer than cap_nm, and how near; 0 inside."""
        start = np.zeros(len(lat) + 1, np.int64)
        zone, nm = np.empty(len(self) + 4 * len(lat), np.int64), np.empty(len(self) + 4 * len(lat))
        done = 0
        while done < len(lat) and len(self):
            done = _within(*self._arrays(), ANY_TIME if t_ms is None else t_ms, lat, lon, float(cap_nm), done, start, zone, nm)
            if done < len(lat):
                zone, nm = np.concatenate([zone, np.empty_like(zone)]), np.concatenate([nm, np.empty_like(nm)])
        return start, zone[: start[-1]], nm[: start[-1]]

    def _arrays(self) -> tuple[np.ndarray | int, ...]:
        boxes = (self.south, self.north, self.west, self.east, self.zone, self.buffer_nm, self.tallest)
        return (self.tree.edges, self.tree.nodes, self.tree.zones, *boxes)


def build_bands(tree: EdgeTree, chosen: np.ndarray) -> ZoneBands:
    """Bands over the zones with chosen[z] True."""
    numbers = np.flatnonzero(chosen).astype(np.int64)
    numbers = numbers[np.lexsort((numbers, tree.nodes["south"][tree.zones["root"][numbers]]))]
    roots, buffer_nm = tree.nodes[tree.zones["root"][numbers]], np.ascontiguousarray(tree.zones["buffer_nm"][numbers])
    south, north, west, east = (roots[name].astype(np.int64) for name in ("south", "north", "west", "east"))
    high = north - south + np.ceil(2 * buffer_nm / NM_PER_UNIT).astype(np.int64)
    return ZoneBands(tree, south, north, west, east, numbers, buffer_nm, int(high.max(initial=0)))


@kernel(types.float64(types.int64, types.int64, types.int64, types.int64, types.int64, types.int64))
def _box_squared(south, north, west, east, lat, lon):
    """Square of what a box is away at least, in miles."""
    dy = float(max(0, south - lat, lat - north)) * NM_PER_UNIT
    dx = 0.0
    if not west <= lon <= east:
        dx = float(min((west - lon) % FULL_TURN, (lon - east) % FULL_TURN))
    dx *= NM_PER_UNIT * cos_lat(max(abs(lat), abs(south), abs(north)))
    return dy * dy + dx * dx


# Flat: a search to both sides for every place, once a look for hundreds of vessels.
@kernel(types.void(EDGES, NODES, ZONES, *_BOXES, types.int64, UNITS, UNITS, _F8))
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
            could_nm = best + buffer_nm[k]
            if _box_squared(south[k], north[k], west[k], east[k], lat, lon) < could_nm * could_nm:
                best = min(best, to_zone(edges, nodes, zones, z, lat, lon, best, stack))
        out[i] = best


@kernel(types.int64(EDGES, NODES, ZONES, *_BOXES, types.int64, UNITS, UNITS, types.float64, types.int64, UNITS, UNITS, _F8))
def _within(edges, nodes, zones, south, north, west, east, number, buffer_nm, tallest, t_ms, lats, lons, cap_nm, done, start, found, nm):
    """Fill start, found and nm from place `done`; returns the first place that might find no room, or n."""
    stack = np.empty(STACK_MAX, np.int64)
    reach, n = int(cap_nm / NM_PER_UNIT) + tallest + 1, start[done]
    for i in range(done, lats.shape[0]):
        if n + number.shape[0] > found.shape[0]:
            return i
        lat, lon = lats[i], lons[i]
        for k in range(np.searchsorted(south, lat - reach), np.searchsorted(south, lat + reach, side="right")):
            z, could_nm = number[k], cap_nm + buffer_nm[k]
            if t_ms != ANY_TIME and not zones[z]["from_ms"] <= t_ms < zones[z]["to_ms"]:
                continue
            if _box_squared(south[k], north[k], west[k], east[k], lat, lon) < could_nm * could_nm:
                found[n] = z
                nm[n] = to_zone(edges, nodes, zones, z, lat, lon, cap_nm, stack)
                n += np.int64(nm[n] < cap_nm)
        start[i + 1] = n
    return lats.shape[0]
