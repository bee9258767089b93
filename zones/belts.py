"""The 12 and 24 mile belts as areas, for a chart. May hold: contours of the distance to the coast. May not: the law, files.

The product asks the coast itself how far it is (`zones/coast.py`), which is exact; these areas are a picture of that answer,
on a grid whose step is their tolerance. Approximate, as all that is derived from a 1:10 million coast without baselines.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import shapely

from dogwatch.errors import InputError
from zones.coast import Coast
from zones.ports_table import Box, geometry_of
from zones.rings import UNITS_PER_DEG, flat_polygons

STEP_UNITS = 12_000  # 0.02 degree, 1.2 nautical miles
NODES_MAX = 4_000_000  # about 40 by 40 degrees
BELTS = ((12.0, "territorial_sea"), (24.0, "contiguous_zone"))


def belt_features(coast: Coast, box: Box) -> list[dict[str, Any]]:
    """Both belts within a box (west, south, east, north degrees; west > east runs over the 180th meridian), land included. Raises InputError."""
    west, south, east, north = box
    if not (-90 <= south < north <= 90 and abs(west) <= 180 and abs(east) <= 180 and west != east):
        raise InputError(f"{box} is no box", remedy="give west, south, east, north in degrees")
    boxes = [box] if west < east else [(west, south, 180.0, north), (-180.0, south, east, north)]
    if sum((b[2] - b[0]) * (b[3] - b[1]) for b in boxes) * (UNITS_PER_DEG / STEP_UNITS) ** 2 > NODES_MAX:
        raise InputError("the box is too large to draw belts in", remedy="at most about 40 by 40 degrees")
    features = []
    for miles, kind in BELTS:
        pieces = [piece for part in boxes for piece in _within(coast, part, miles)]
        if not pieces:
            continue
        about: dict[str, Any] = {"id": f"approx-{miles:g}nm", "name": f"{miles:g} nm from the coast (approximate)", "kind": kind, "version": coast.version()}
        about |= {"source": "derived from the 1:10 million coast; no baselines, no treaties; not for legal use", "tolerance_nm": 1.2}
        features.append({"type": "Feature", "properties": about, "geometry": geometry_of(pieces)})
    return features


def _within(coast: Coast, box: Box, miles: float) -> list[Any]:
    """Polygons in units where the coast is at most `miles` away: whole squares of the grid, and squares cut by the contour."""
    west, south, east, north = (round(v * UNITS_PER_DEG) for v in box)
    lon, lat = _ticks(west, east), _ticks(south, north)
    columns, rows = np.meshgrid(lon, lat)
    far_nm = coast.distance_nm(rows.ravel(), columns.ravel()).reshape(rows.shape)
    inside = far_nm <= miles
    count = inside[:-1, :-1].astype(int) + inside[1:, :-1] + inside[:-1, 1:] + inside[1:, 1:]
    pieces = []
    for r in range(len(lat) - 1):
        edge = np.diff(np.concatenate([[0], (count[r] == 4).astype(int), [0]]))
        for a, b in zip(np.flatnonzero(edge == 1), np.flatnonzero(edge == -1), strict=True):
            pieces.append(shapely.box(lon[a], lat[r], lon[b], lat[r + 1]))
    for r, c in zip(*np.nonzero((count > 0) & (count < 4)), strict=True):
        pieces.append(_cut_square(lon[c], lat[r], lon[c + 1], lat[r + 1], far_nm[r : r + 2, c : c + 2], miles))
    return flat_polygons(shapely.normalize(shapely.union_all(np.array(pieces, object), grid_size=1.0))) if pieces else []


def _ticks(first: int, last: int) -> np.ndarray:
    ticks = np.arange(first, last, STEP_UNITS)
    return np.append(ticks, last).astype(np.int64)


def _cut_square(west: int, south: int, east: int, north: int, far_nm: np.ndarray, miles: float) -> Any:
    """The part of a square within `miles`, the contour taken straight between the places where it meets the sides."""
    corners = [(west, south, far_nm[0, 0]), (east, south, far_nm[0, 1]), (east, north, far_nm[1, 1]), (west, north, far_nm[1, 0])]
    path: list[tuple[float, float]] = []
    for (x, y, d), (x2, y2, d2) in zip(corners, [*corners[1:], corners[0]], strict=True):
        if d <= miles:
            path.append((x, y))
        if (d <= miles) != (d2 <= miles):
            share = float((miles - d) / (d2 - d))
            path.append((x + share * (x2 - x), y + share * (y2 - y)))
    return shapely.Polygon(path) if len(path) >= 3 else shapely.Polygon()
