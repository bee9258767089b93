"""The coast behind the maps of a report: the pieces of the shipped coastline that lie in a frame, simplified to what a picture can show.

May live here: cutting, chaining and thinning edges. May not: drawing (runners/backtest_page.py), reading files.
"""

from __future__ import annotations

import numpy as np

from dogwatch.batch import UNITS_PER_DEG

POINTS_MAX = 4_000  # of one map; a picture with more shore than that is drawn coarser


def shore_lines(edges: np.ndarray, lat: tuple[float, float], lon: tuple[float, float], step_deg: float) -> list[np.ndarray]:
    """Polylines float64[n, 2] (lat, lon in degrees) of the coast in a box.

    edges int32[n, 4] as `zones.coast.Coast` has them, neighbours of a ring after each other; lat, lon: (low, high) in degrees, lon may run over
    180 either way; step_deg: two points of a line are at least about so far apart. Longitudes come back near the box, so that no line wraps.
    """
    if not len(edges):
        return []
    middle = (lon[0] + lon[1]) / 2
    a_lat, a_lon, b_lat, b_lon = (edges[:, i].astype(np.float64) / UNITS_PER_DEG for i in range(4))
    a_lon = (a_lon - middle + 180.0) % 360.0 - 180.0 + middle
    b_lon = a_lon + (b_lon - a_lon + 180.0) % 360.0 - 180.0
    in_lat = (np.maximum(a_lat, b_lat) >= lat[0]) & (np.minimum(a_lat, b_lat) <= lat[1])
    at = np.flatnonzero(in_lat & (np.maximum(a_lon, b_lon) >= lon[0]) & (np.minimum(a_lon, b_lon) <= lon[1]))
    if not len(at):
        return []
    follows = (np.diff(at) == 1) & (edges[at[1:], 0] == edges[at[:-1], 2]) & (edges[at[1:], 1] == edges[at[:-1], 3])
    chains = np.split(at, np.flatnonzero(~follows) + 1)
    lines = [np.column_stack((np.append(a_lat[part], b_lat[part[-1]]), np.append(a_lon[part], b_lon[part[-1]]))) for part in chains]
    thin = [_thinned(line, step_deg) for line in lines]
    while sum(map(len, thin)) > POINTS_MAX and step_deg < 1.0:
        step_deg *= 2
        thin = [_thinned(line, step_deg) for line in lines]
    return thin


def _thinned(line: np.ndarray, step_deg: float) -> np.ndarray:
    """The first and last point, and of those between one for each square of `step_deg` that the line comes into."""
    squares = np.floor(line / step_deg)
    keep = np.ones(len(line), np.bool_)
    keep[1:-1] = (squares[1:-1] != squares[:-2]).any(axis=1)
    return line[keep]
