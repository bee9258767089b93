"""The index over the zones people draw: inside, and how far. May hold: the edge tree and its kernels. May not: files, GeoJSON.

Theory. Edges stay in the order in which they were drawn, so neighbours in the list are neighbours at sea. Every FAN
edges get a box, every FAN boxes a larger one, up to one box per zone.
- Inside: a ray to the east crosses an odd number of edges (so holes and several parts need no special care). All in
  integers, exact; the boundary is inside. A position on the 180th meridian is asked from both sides.
- Distance: the nearest box first; boxes that cannot hold anything nearer than the best found are skipped, edges likewise. Distances as in `zones/coast.py`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import from_dtype, types

from dogwatch.geo import FULL_TURN, HALF_TURN, M_PER_UNIT, NM_M, cos_lat
from dogwatch.kernel import kernel
from zones.shore import BARE, UNITS_PER_NM, edge_distance_nm, side

FAN = 16
STACK_MAX = 256  # half of it is FAN boxes on each of 8 levels, and so more than 10**9 edges
NM_PER_UNIT = M_PER_UNIT / NM_M
NODE_DTYPE = np.dtype([("south", "<i4"), ("west", "<i4"), ("north", "<i4"), ("east", "<i4"), ("first", "<i4"), ("count", "<i4")])
ZONE_DTYPE = np.dtype([("root", "<i4"), ("is_area", "<i4"), ("buffer_nm", "<f8"), ("from_ms", "<i8"), ("to_ms", "<i8")])
EDGES, UNITS, MARKS, STACK = types.int32[:, ::1], types.int64[::1], types.boolean[::1], types.int64[::1]
NODES, ZONES = from_dtype(NODE_DTYPE)[::1], from_dtype(ZONE_DTYPE)[::1]
ALWAYS = (-(1 << 62), (1 << 62) - 1)


@dataclass(frozen=True, slots=True)
class EdgeTree:
    """Boxes over the edges of many zones. `count` < 0 in a node: its children are edges, else nodes. Never changed.

    edges int32[e, 4] (lat_a, lon_a, lat_b, lon_b) units; nodes NODE_DTYPE[n]; zones ZONE_DTYPE[z], one row per zone.
    """

    edges: np.ndarray
    nodes: np.ndarray
    zones: np.ndarray

    def nearest_nm(self, chosen: np.ndarray, lat: np.ndarray, lon: np.ndarray, cap_nm: float, t_ms: int | None = None) -> np.ndarray:
        """float64[n]: distance to the nearest zone with chosen[z] True; 0 inside; cap_nm beyond it. lat, lon int64[n] units.

        With t_ms, zones outside their validity do not count. A zone's own buffer is part of it.
        """
        out = np.full(len(lat), float(cap_nm))
        marks = self._marks(chosen, t_ms)
        if marks.any():
            _nearest_many(self.edges, self.nodes, self.zones, marks, lat, lon, out)
        return out

    def distances_nm(self, lat: int, lon: int, cap_nm: float, t_ms: int | None = None) -> np.ndarray:
        """float64[z]: distance of one point to every zone, 0 inside, cap_nm where farther or not valid at t_ms."""
        out = np.full(len(self.zones), float(cap_nm))
        marks = self._marks(np.ones(len(self.zones), np.bool_), t_ms)
        _each_zone(self.edges, self.nodes, self.zones, marks, lat, lon, cap_nm, out)
        return out

    def inside(self, zone: int, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """bool[n]: inside zone number `zone` or on its boundary, without its buffer; lines have no inside."""
        out = np.zeros(len(lat), np.bool_)
        if self.zones[zone]["is_area"]:
            _inside_many(self.edges, self.nodes, int(self.zones[zone]["root"]), lat, lon, out)
        return out

    def _marks(self, chosen: np.ndarray, t_ms: int | None) -> np.ndarray:
        marks = np.asarray(chosen, np.bool_)
        if t_ms is not None:
            marks = marks & (self.zones["from_ms"] <= t_ms) & (t_ms < self.zones["to_ms"])
        return np.ascontiguousarray(marks)


def build_tree(edges_of_zones: list[np.ndarray], is_area: list[bool], buffer_nm: list[float], validity_ms: list[tuple[int, int]]) -> EdgeTree:
    """Tree over zones given as int32[e, 4] edges each (at least one edge), in order."""
    edges = np.concatenate([np.empty((0, 4), np.int32), *edges_of_zones]).astype(np.int32)
    zones = np.zeros(len(edges_of_zones), ZONE_DTYPE)
    nodes: list[np.ndarray] = []
    first_edge = first_node = 0
    for z, rows in enumerate(edges_of_zones):
        level = _boxes(_edge_boxes(rows, first_edge), leaf=True)
        first_edge += len(rows)
        while True:
            nodes.append(level)
            level_start = first_node
            first_node += len(level)
            if len(level) == 1:
                break
            numbered = level.copy()
            numbered["first"] = level_start + np.arange(len(level))
            level = _boxes(numbered, leaf=False)
        zones[z] = (first_node - 1, is_area[z], buffer_nm[z], *validity_ms[z])
    return EdgeTree(np.ascontiguousarray(edges), np.concatenate([np.empty(0, NODE_DTYPE), *nodes]), zones)


def _edge_boxes(rows: np.ndarray, first_edge: int) -> np.ndarray:
    boxes = np.zeros(len(rows), NODE_DTYPE)
    boxes["south"], boxes["north"] = np.minimum(rows[:, 0], rows[:, 2]), np.maximum(rows[:, 0], rows[:, 2])
    boxes["west"], boxes["east"] = np.minimum(rows[:, 1], rows[:, 3]), np.maximum(rows[:, 1], rows[:, 3])
    boxes["first"] = first_edge + np.arange(len(rows))
    return boxes


def _boxes(children: np.ndarray, leaf: bool) -> np.ndarray:
    """One level up: a box around every FAN children, which are numbered in `first`."""
    starts = np.arange(0, len(children), FAN)
    out = np.zeros(len(starts), NODE_DTYPE)
    for name, smallest in (("south", True), ("west", True), ("north", False), ("east", False)):
        out[name] = (np.minimum if smallest else np.maximum).reduceat(children[name], starts)
    out["first"] = children["first"][starts]
    out["count"] = np.diff(np.append(starts, len(children)))
    if leaf:
        out["count"] *= -1
    return out


@kernel(types.boolean(EDGES, NODES, types.int64, types.int64, types.int64, STACK), **BARE)
def inside_tree(edges, nodes, root, lat, lon, stack):
    """Even-odd rule with a ray to the east; on an edge is inside."""
    stack[0] = root
    depth = 1
    inside = False
    while depth > 0:
        depth -= 1
        node = stack[depth]
        if lat < nodes[node]["south"] or lat > nodes[node]["north"] or lon > nodes[node]["east"]:
            continue
        first, count = nodes[node]["first"], nodes[node]["count"]
        if count > 0:
            for k in range(count):
                stack[depth + k] = first + k
            depth += count
            continue
        for e in range(first, first - count):
            lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
            if lat < min(lat_a, lat_b) or lat > max(lat_a, lat_b) or lon > max(lon_a, lon_b):
                continue
            s = side(lat_a, lon_a, lat_b, lon_b, lat, lon)
            if s == 0 and lon >= min(lon_a, lon_b):
                return True
            if (lat_a > lat) != (lat_b > lat) and (s > 0) == (lat_b > lat_a):
                inside = not inside  # the point lies west of the edge
    return inside


@kernel(types.float64(types.int64, types.int64, types.int64, types.int64, types.int64, types.int64), **BARE)
def _squared_to_box(lat, lon, south, west, north, east):
    """Square of a distance in units that no place of a box is nearer than."""
    dy = float(max(0, south - lat, lat - north))
    if west <= lon <= east:
        return dy * dy
    dx = float(min((west - lon) % FULL_TURN, (lon - east) % FULL_TURN)) * cos_lat(max(abs(lat), abs(south), abs(north)))
    return dy * dy + dx * dx


@kernel(types.int64(NODES, types.int64, types.int64, types.int64, types.int64, types.float64, STACK), **BARE)
def _push_near(nodes, node, depth, lat, lon, limit, stack):
    """Put those children of a node on the stack that may be nearer than a limit (squared units), the nearest on top; returns its new depth.

    The upper half of the stack holds how near each may be, in whole squared units rounded down.
    """
    base = depth
    first = np.int64(nodes[node]["first"])
    for child in range(first, first + nodes[node]["count"]):
        box = nodes[child]
        squared = _squared_to_box(lat, lon, np.int64(box["south"]), np.int64(box["west"]), np.int64(box["north"]), np.int64(box["east"]))
        if squared >= limit:
            continue
        key, at = np.int64(squared), depth
        while at > base and stack[STACK_MAX // 2 + at - 1] < key:
            stack[at], stack[STACK_MAX // 2 + at] = stack[at - 1], stack[STACK_MAX // 2 + at - 1]
            at -= 1
        stack[at], stack[STACK_MAX // 2 + at] = child, key
        depth += 1
    return depth


@kernel(types.float64(EDGES, NODES, types.int64, types.int64, types.int64, types.float64, STACK), **BARE)
def distance(edges, nodes, root, lat, lon, best, stack):
    """Distance to the nearest edge under `root` if nearer than `best` nm, else `best`."""
    box = nodes[root]
    squared = _squared_to_box(lat, lon, np.int64(box["south"]), np.int64(box["west"]), np.int64(box["north"]), np.int64(box["east"]))
    limit = (best * UNITS_PER_NM) ** 2
    if squared >= limit:
        return best
    stack[0], stack[STACK_MAX // 2] = root, np.int64(squared)
    depth = 1
    while depth > 0:
        depth -= 1
        if float(stack[STACK_MAX // 2 + depth]) >= limit:
            continue
        node = stack[depth]
        if nodes[node]["count"] > 0:
            depth = _push_near(nodes, node, depth, lat, lon, limit, stack)
            continue
        first = np.int64(nodes[node]["first"])
        for e in range(first, first - nodes[node]["count"]):
            lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
            if _squared_to_box(lat, lon, min(lat_a, lat_b), min(lon_a, lon_b), max(lat_a, lat_b), max(lon_a, lon_b)) < limit:
                d = edge_distance_nm(lat, lon, lat_a, lon_a, lat_b, lon_b)
                if d < best:
                    best, limit = d, (d * UNITS_PER_NM) ** 2
    return best


@kernel(types.float64(EDGES, NODES, ZONES, types.int64, types.int64, types.int64, types.float64, STACK), **BARE)
def to_zone(edges, nodes, zones, z, lat, lon, cap_nm, stack):
    """Distance to zone z with its buffer taken off, at most cap_nm; 0 inside."""
    root = zones[z]["root"]
    if zones[z]["is_area"] != 0:
        if inside_tree(edges, nodes, root, lat, lon, stack):
            return 0.0
        if abs(lon) == HALF_TURN and inside_tree(edges, nodes, root, lat, -lon, stack):
            return 0.0
    buffer_nm = zones[z]["buffer_nm"]
    return max(0.0, distance(edges, nodes, root, lat, lon, cap_nm + buffer_nm, stack) - buffer_nm)


@kernel(types.void(EDGES, NODES, ZONES, MARKS, UNITS, UNITS, types.float64[::1]))
def _nearest_many(edges, nodes, zones, marks, lats, lons, out):
    stack = np.empty(STACK_MAX, np.int64)
    for i in range(lats.shape[0]):
        for z in range(zones.shape[0]):
            if marks[z] and out[i] > 0.0:
                out[i] = to_zone(edges, nodes, zones, z, lats[i], lons[i], out[i], stack)


@kernel(types.void(EDGES, NODES, ZONES, MARKS, types.int64, types.int64, types.float64, types.float64[::1]))
def _each_zone(edges, nodes, zones, marks, lat, lon, cap_nm, out):
    stack = np.empty(STACK_MAX, np.int64)
    for z in range(zones.shape[0]):
        if marks[z]:
            out[z] = to_zone(edges, nodes, zones, z, lat, lon, cap_nm, stack)


@kernel(types.void(EDGES, NODES, types.int64, UNITS, UNITS, types.boolean[::1]))
def _inside_many(edges, nodes, root, lats, lons, out):
    stack = np.empty(STACK_MAX, np.int64)
    for i in range(lats.shape[0]):
        out[i] = inside_tree(edges, nodes, root, lats[i], lons[i], stack)
        if not out[i] and abs(lons[i]) == HALF_TURN:
            out[i] = inside_tree(edges, nodes, root, lats[i], -lons[i], stack)
