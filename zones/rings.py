"""Rings of land out of TopoJSON, made fit for a plane. Used when the data is built, never while a watch runs.

May live here: decoding TopoJSON text, unwrapping, closing at a pole, cutting at 180 degrees, repairing. May not: files.

The land of npm `world-atlas` is a picture for globes: its rings run over the 180th meridian and around the pole, and
rounding made some of them touch themselves. Painted or indexed as they are, they flood the Arctic. So each ring is
1. unwrapped: every longitude follows the one before it the short way round, whatever number that gives;
2. closed along the pole when it went once around it (Antarctica);
3. repaired where it touches itself, then cut at the 180th meridian and moved back into [-180, 180];
4. given HAIR units on every side where rounding left a line or a point of it: an atoll of the map stays a place to keep clear of;
5. united with all others on the integer grid of AIS (1/600000 degree), so that no two areas overlap: a point is then
   on land exactly when a line from far away to it crosses an odd number of edges.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from typing import Any

import numpy as np
import shapely

from dogwatch.geo import FULL_TURN, HALF_TURN

POLE = 54_000_000  # 90 degrees in units
UNITS_PER_DEG = 600_000
HAIR = 100  # 18 metres: less than the rounding that made a line of an islet or of a spit


def polygons_of(topojson: str, name: str) -> list[list[np.ndarray]]:
    """Polygons (outer ring, then holes) of the object `name` in TopoJSON text.

    A ring is int64[n, 2] of (lon, lat) in 1/600000 degree, as drawn: not unwrapped, first point repeated at the end.
    Follows the TopoJSON specification 2.1.4 (quantised, delta-encoded arcs; ~i is arc i reversed).
    """
    topology = json.loads(topojson)
    return polygons_in(topology, topology["objects"][name])


def polygons_in(topology: dict[str, Any], geometry: dict[str, Any]) -> list[list[np.ndarray]]:
    """The same of one geometry of a topology that has been read."""
    scale, translate = (np.asarray(topology["transform"][key], np.float64) for key in ("scale", "translate"))

    def arc(number: int) -> np.ndarray:
        return np.rint((np.cumsum(np.asarray(topology["arcs"][number], np.int64), axis=0) * scale + translate) * UNITS_PER_DEG).astype(np.int64)

    return [[_ring(arc, ring) for ring in polygon] for polygon in _polygon_arcs(geometry)]


def _polygon_arcs(geometry: dict[str, Any]) -> Iterable[list[list[int]]]:
    if geometry["type"] == "GeometryCollection":
        for part in geometry["geometries"]:
            yield from _polygon_arcs(part)
    elif geometry["type"] == "MultiPolygon":
        yield from geometry["arcs"]
    elif geometry["type"] == "Polygon":
        yield geometry["arcs"]


def _ring(arc: Callable[[int], np.ndarray], indices: list[int]) -> np.ndarray:
    pieces = [arc(i) if i >= 0 else arc(~i)[::-1] for i in indices]
    return np.concatenate([pieces[0], *(piece[1:] for piece in pieces[1:])])


def unwrap(ring: np.ndarray) -> np.ndarray:
    """The same ring with every longitude the short way from the one before; a ring around a pole is closed along it."""
    steps = np.diff(ring[:, 0])
    steps = (steps + HALF_TURN) % FULL_TURN - HALF_TURN
    lon = ring[0, 0] + np.concatenate([[0], np.cumsum(steps)])
    out = np.column_stack([lon, ring[:, 1]])
    if lon[-1] != lon[0]:
        pole = POLE if ring[:, 1].mean() > 0 else -POLE
        out = np.vstack([out, [[lon[-1], pole], [lon[0], pole], out[0]]])
    return out


def flat_polygons(geometry: Any) -> list[Any]:
    """Every polygon in a shapely geometry, however deep it is nested; points and lines left by a repair are dropped."""
    if geometry.geom_type == "Polygon":
        return [] if geometry.is_empty else [geometry]
    return [polygon for part in getattr(geometry, "geoms", ()) for polygon in flat_polygons(part)]


def planar(polygon: list[np.ndarray]) -> list[Any]:
    """Shapely polygons in units, valid and within [-180, 180], that cover what the rings enclose."""
    outer, holes = unwrapped(polygon)
    if len(outer) < 4:
        return in_world(_widened(shapely.LineString(outer) if np.ptp(outer, axis=0).any() else shapely.Point(outer[0])))
    whole = shapely.make_valid(shapely.Polygon(outer, holes))
    thin = [part for part in shapely.get_parts(whole) if part.geom_type.endswith(("LineString", "Point"))]
    return in_world(shapely.union_all([whole, *map(_widened, thin)], grid_size=1.0) if thin else whole)


def _widened(thin: Any) -> Any:
    return shapely.buffer(thin, HAIR, cap_style="square", join_style="mitre")


def unwrapped(polygon: list[np.ndarray]) -> tuple[np.ndarray, list[np.ndarray]]:
    """(outer ring, holes), each unwrapped, the holes on the same turn of the world as the ring around them."""
    outer, *holes = [unwrap(ring) for ring in polygon]
    middle = (outer[:, 0].min() + outer[:, 0].max()) / 2
    return outer, [hole + np.array([round((middle - hole[:, 0].mean()) / FULL_TURN) * FULL_TURN, 0]) for hole in holes if len(hole) >= 4]


def in_world(whole: Any) -> list[Any]:
    """The parts of a valid area in units, cut at the 180th meridian and moved into [-180, 180]."""
    if whole.is_empty:
        return []
    west, _, east, _ = whole.bounds
    pieces = []
    for turn in range(int((west + HALF_TURN) // FULL_TURN), int((east + HALF_TURN) // FULL_TURN) + 1):
        shift = turn * FULL_TURN
        part = whole
        if west - shift < -HALF_TURN or east - shift > HALF_TURN:
            part = shapely.intersection(whole, shapely.box(shift - HALF_TURN, -POLE, shift + HALF_TURN, POLE))
        pieces += flat_polygons(shapely.transform(part, lambda xy, by=shift: xy - [by, 0]))
    return pieces


def united(polygons: Iterable[list[np.ndarray]]) -> list[Any]:
    """All of them as valid shapely polygons without overlap, vertices on whole units; ordered by their first vertex."""
    pieces = [piece for polygon in polygons for piece in planar(polygon)]
    whole = shapely.union_all(np.array(pieces, object), grid_size=1.0)
    return sorted(flat_polygons(shapely.normalize(whole)), key=lambda polygon: polygon.bounds)


def edges_of(polygons: Iterable[Any]) -> np.ndarray:
    """int32[n, 4] (lat_a, lon_a, lat_b, lon_b) in units: every edge of every ring."""
    pieces = []
    for polygon in polygons:
        for ring in (polygon.exterior, *polygon.interiors):
            xy = np.rint(shapely.get_coordinates(ring)).astype(np.int32)
            pieces.append(np.column_stack([xy[:-1, 1], xy[:-1, 0], xy[1:, 1], xy[1:, 0]]))
    return np.ascontiguousarray(np.concatenate(pieces)) if pieces else np.empty((0, 4), np.int32)
