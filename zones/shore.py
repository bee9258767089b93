"""The shore, asked plainly: sides, distances and the grid of coast edges. May hold: exact arithmetic on edges. May not: zones, files, memory.

Theory. The world is cut into rows of a quarter degree and every row into cells of about the same width in miles. A cell
knows three things: which coast edges touch it, whether its centre is on land, and how far its centre is from the coast.
- On land: walk from the point to the centre of its cell and count the edges crossed; an odd count means the other side.
  All in integers, so exact. A point on an edge is on land. A cell without edges answers at once. Where an edge runs through
  a centre or a corner lies on the walk, the centre is taken to stand a hair to the east and a hair of a hair to the north:
  every tie is decided by that one story (simulation of simplicity), so the answers agree with each other.
- Distance: by the triangle inequality the answer is within half a cell of the centre's. So most of the ocean answers
  "beyond the cap" at once, and near the coast only cells within reach are searched, nearest rows first.
Distances are those of `dogwatch.geo.distance_m` (local plane, cosine from a table): no sin or cos at run time.
What is asked here is the answer; `shore_cells.py` remembers which edges it can depend on, and is many times faster.
"""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numba import types

from dogwatch.geo import FULL_TURN, HALF_TURN, M_PER_UNIT, NM_M, cos_lat, lon_difference
from dogwatch.kernel import kernel

COAST_CAP_NM = 60.0  # farther is "60": nothing the rules ask lies beyond
POLE = 54_000_000
ROW_UNITS = 150_000  # a quarter degree
ROWS = 720
NM_PER_UNIT = M_PER_UNIT / NM_M
UNITS_PER_NM = 1.0 / NM_PER_UNIT
CENTRE_CAP_NM = COAST_CAP_NM + 24.0  # centres are measured farther than the cap, so that a whole cell may be known to lie beyond it
CENTRE_STEP_NM = 0.01
# cell_near holds distances rounded down to this step. The plane of every point pair differs a little, so the triangle
# inequality holds only nearly: the slack covers rounding and that.
SLACK_NM = 0.3
# How kernels are compiled that allocate nothing: without the counting of references to arrays, which costs an atomic operation for each array handed on.
BARE: dict[str, Any] = {"cache": True, "error_model": "numpy", "_nrt": False}
# edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near: those of a Coast
GRID = (types.int32[:, ::1], types.int64[::1], types.int64[::1], types.float64[::1], types.int32[::1], types.int32[::1], types.uint8[::1], types.uint16[::1])


@kernel("int64(int64)", **BARE)
def row_of(lat):
    """The row of a latitude."""
    return min((lat + POLE) // ROW_UNITS, ROWS - 1)


@kernel("int64(int64, int64)", **BARE)
def col_of(lon, cols):
    """The column of a longitude in a row of so many."""
    return min((lon + HALF_TURN) * cols // FULL_TURN, cols - 1)


@kernel("int64(int64, int64)", **BARE)
def centre_lon(col, cols):
    """The longitude of the centre of a column."""
    return (2 * col + 1) * FULL_TURN // (2 * cols) - HALF_TURN


@kernel("int64(int64, int64, int64, int64, int64, int64)", **BARE)
def side(lat_a, lon_a, lat_b, lon_b, lat, lon):
    """Which side of the line a-b the point lies on: > 0 left, < 0 right, 0 on it. Exact: products stay below 2**56."""
    return (lon_b - lon_a) * (lat - lat_a) - (lat_b - lat_a) * (lon - lon_a)


@kernel("boolean(int64, int64, int64, int64, int64, int64)", **BARE)
def _left(lat, lon, lat_c, lon_c, lat_v, lon_v):
    """Does corner v lie left of the walk from the point to the centre?"""
    s = side(lat, lon, lat_c, lon_c, lat_v, lon_v)
    if s == 0:
        s = lat_v - lat if lat_v != lat else lon - lon_v
    return s > 0


@kernel("UniTuple(float64, 3)(int64, int64, float64, int64, int64, int64, int64)", **BARE)
def foot(lat, lon, c, lat_a, lon_a, lat_b, lon_b):
    """(north, east, cosine): where an edge (straight in latitude and longitude) is nearest, in units from the point, the short way round.

    The foot is found in the plane of the point's latitude, whose cosine is `c`, then once more in that of the mean of point and foot, which
    is the plane in which `dogwatch.geo.distance_m` would measure: exact enough for edges of any length. The cosine is that of the last plane.
    """
    y_a = float(lat_a - lat)
    x_a = float(lon_difference(lon_a, lon))
    d_y = float(lat_b - lat_a)
    d_x = float(lon_b - lon_a)
    y = y_a
    x = x_a
    for _ in range(2):
        squared = d_y * d_y + c * c * d_x * d_x
        along = 0.0
        if squared > 0.0:
            along = min(1.0, max(0.0, -(y_a * d_y + c * c * x_a * d_x) / squared))
        y = y_a + along * d_y
        x = x_a + along * d_x
        c = cos_lat(lat + int(y * 0.5))
    return y, x, c


@kernel("float64(int64, int64, float64, int64, int64, int64, int64)", **BARE)
def edge_squared(lat, lon, c, lat_a, lon_a, lat_b, lon_b):
    """Square of the distance from a point to an edge, in units of latitude; `c` is the cosine of the point's latitude."""
    y, x, c = foot(lat, lon, c, lat_a, lon_a, lat_b, lon_b)
    return y * y + c * c * x * x


@kernel("float64(int64, int64, int64, int64, int64, int64)", **BARE)
def edge_distance_nm(lat, lon, lat_a, lon_a, lat_b, lon_b):
    """Nautical miles from a point to an edge."""
    return math.sqrt(edge_squared(lat, lon, cos_lat(lat), lat_a, lon_a, lat_b, lon_b)) * NM_PER_UNIT


@kernel(types.boolean(*GRID[:3], *GRID[4:7], types.int64, types.int64), **BARE)
def plainly_on_land(edges, cols, row_start, cell_start, cell_edges, cell_land, lat, lon):
    """On land or on the shore line? lon is below HALF_TURN."""
    row = row_of(lat)
    col = col_of(lon, cols[row])
    cell = row_start[row] + col
    lat_c = row * ROW_UNITS + ROW_UNITS // 2 - POLE
    lon_c = centre_lon(col, cols[row])
    land = cell_land[cell] != 0
    for k in range(cell_start[cell], cell_start[cell + 1]):
        e = cell_edges[k]
        lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
        s_p = side(lat_a, lon_a, lat_b, lon_b, lat, lon)
        if s_p == 0 and min(lat_a, lat_b) <= lat <= max(lat_a, lat_b) and min(lon_a, lon_b) <= lon <= max(lon_a, lon_b):
            return True
        if _left(lat, lon, lat_c, lon_c, lat_a, lon_a) != _left(lat, lon, lat_c, lon_c, lat_b, lon_b):
            s_c = side(lat_a, lon_a, lat_b, lon_b, lat_c, lon_c)
            if s_c == 0:
                s_c = lat_a - lat_b if lat_a != lat_b else lon_b - lon_a
            if (s_p > 0) != (s_c > 0):
                land = not land
    return land


@kernel(types.float64(*GRID[:3], *GRID[4:6], types.int64, types.int64, types.float64), **BARE)
def nearest_nm(edges, cols, row_start, cell_start, cell_edges, lat, lon, best):
    """Distance to the nearest edge closer than `best` nm, else `best`: rows and columns outward from the point's own.

    An edge is measured only if the box around it is nearer than the best one found. The box is measured with the cosine of the
    highest latitude at which an edge could still be nearer, so that it is never taken for farther than it is.
    """
    row_p = row_of(lat)
    narrow = NM_PER_UNIT * cos_lat(min(POLE, abs(lat) + int(best * UNITS_PER_NM) + 1))
    for k in range(2 * ROWS):
        step = (k + 1) // 2
        row = row_p + step if k % 2 else row_p - step
        south = row * ROW_UNITS - POLE
        dy = float(max(0, south - lat, lat - (south + ROW_UNITS))) * NM_PER_UNIT
        if dy >= best:
            if dy - ROW_UNITS * NM_PER_UNIT >= best:
                break  # rows on both sides are out of reach
            continue
        if row < 0 or row >= ROWS or cell_start[row_start[row]] == cell_start[row_start[row + 1]]:
            continue
        n = cols[row]
        thinnest = cos_lat(max(abs(south), abs(south + ROW_UNITS), abs(lat)))
        own = col_of(lon, n)
        for j in range(n):
            aside = (j + 1) // 2  # columns outward from the point's own, so that what is near is found first
            dx = max(0, aside - 1) * (FULL_TURN / n) * NM_PER_UNIT * thinnest
            if dy * dy + dx * dx >= best * best:
                break
            cell = row_start[row] + (own + (aside if j % 2 else n - aside)) % n
            for m in range(cell_start[cell], cell_start[cell + 1]):
                e = cell_edges[m]
                lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
                y = float(max(0, min(lat_a, lat_b) - lat, lat - max(lat_a, lat_b))) * NM_PER_UNIT
                x_a = lon_difference(lon_a, lon)
                x = float(max(0, min(x_a, x_a + lon_b - lon_a), -max(x_a, x_a + lon_b - lon_a))) * narrow
                if y * y + x * x < best * best:
                    best = min(best, edge_distance_nm(lat, lon, lat_a, lon_a, lat_b, lon_b))
    return best


@kernel(types.float64(*GRID, types.int64, types.int64), **BARE)
def plain_nm(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, lat, lon):
    """Nautical miles to the coast, 0 on land, COAST_CAP_NM beyond; the arrays are those of a Coast, in its order."""
    if lon >= HALF_TURN:
        lon = -HALF_TURN
    row = row_of(lat)
    cell = row_start[row] + col_of(lon, cols[row])
    centre_nm = cell_near[cell] * CENTRE_STEP_NM
    if cell_start[cell] == cell_start[cell + 1] and cell_land[cell] != 0:
        return 0.0
    if centre_nm - half_cell_nm[row] >= COAST_CAP_NM:
        return COAST_CAP_NM
    if plainly_on_land(edges, cols, row_start, cell_start, cell_edges, cell_land, lat, lon):
        return 0.0
    return nearest_nm(edges, cols, row_start, cell_start, cell_edges, lat, lon, min(COAST_CAP_NM, centre_nm + half_cell_nm[row]))
