"""The coast: on land or not, and how far to the nearest shore. May hold: the edge grid and its kernels. May not: files, zones.

Theory. The world is cut into rows of a quarter degree and every row into cells of about the same width in miles. A cell
knows three things: which coast edges touch it, whether its centre is on land, and how far its centre is from the coast.
- On land: walk from the point to the centre of its cell and count the edges crossed; an odd count means the other side.
  All in integers, so exact. A point on an edge is on land. A cell without edges answers at once. Where an edge runs through
  a centre or a corner lies on the walk, the centre is taken to stand a hair to the east and a hair of a hair to the north:
  every tie is decided by that one story (simulation of simplicity), so the answers agree with each other.
- Distance: by the triangle inequality the answer is within half a cell of the centre's. So most of the ocean answers
  "beyond the cap" at once, and near the coast only cells within reach are searched, nearest rows first.
Distances are those of `dogwatch.geo.distance_m` (local plane, cosine from a table): no sin or cos at run time.

What it gets wrong: the shore is Natural Earth 1:10 million, rounded to a grid of 0.0036 x 0.0017 degrees. Against that
rounded line the distance is good to 0.1 % below 80 degrees of latitude; against Natural Earth add 0.13 nm; against the
real shore add the generalisation of a 1:10 million map (commonly 0.5 nm, more in fjords), and islets, piers and harbour
basins are missing. Approximate, and never evidence of a legal limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from hashlib import blake2b

import numpy as np
from numba import njit

from dogwatch.geo import FULL_TURN, HALF_TURN, M_PER_UNIT, NM_M, cos_lat, lon_difference

COAST_CAP_NM = 60.0  # farther is "60": nothing the rules ask lies beyond
UNITS_PER_DEG = 600_000
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


@dataclass(frozen=True, slots=True)
class Coast:
    """Coast edges on their grid. Build with `build_coast`; arrays are never changed afterwards.

    edges int32[n, 4] (lat_a, lon_a, lat_b, lon_b) in 1/600000 degree; cols int64[720] cells per row, row_start int64[721];
    cell_start int32[cells + 1] and cell_edges int32[] list the edges of each cell; cell_land uint8[cells] centre on land;
    cell_near uint16[cells] centre's distance in CENTRE_STEP_NM. `origin` names the source in version texts ("ne10m").
    """

    edges: np.ndarray
    cols: np.ndarray
    row_start: np.ndarray
    half_cell_nm: np.ndarray
    cell_start: np.ndarray
    cell_edges: np.ndarray
    cell_land: np.ndarray
    cell_near: np.ndarray
    origin: str = "custom"

    def arrays(self) -> tuple[np.ndarray, ...]:
        """What the kernels take, in their order."""
        return (self.edges, self.cols, self.row_start, self.half_cell_nm, self.cell_start, self.cell_edges, self.cell_land, self.cell_near)

    def distance_nm(self, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """float64[n] nautical miles to the coast, 0 on land, COAST_CAP_NM beyond; lat, lon int64[n] in units within range."""
        out = np.empty(len(lat), np.float64)
        _coast_distance(*self.arrays(), lat, lon, out)
        return out

    def on_land(self, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """bool[n]: on land or on the shore line; lat, lon int64[n] in units within range."""
        out = np.empty(len(lat), np.bool_)
        _on_land_many(self.edges, self.cols, self.row_start, self.cell_start, self.cell_edges, self.cell_land, lat, lon, out)
        return out

    def version(self) -> str:
        """'<origin>-approx-<hash of the edges>': equal coasts have equal versions."""
        return f"{self.origin}-approx-{blake2b(self.edges.astype('<i4').tobytes(), digest_size=4).hexdigest()}"


def build_coast(edges: np.ndarray, origin: str = "custom") -> Coast:
    """Coast of closed rings given as edges int32[n, 4] (lat_a, lon_a, lat_b, lon_b), cut at 180 degrees.

    Edges along the 180th meridian or a pole close a ring but are no shore: they count for land, not for distance.
    """
    edges = np.ascontiguousarray(edges, np.int32).reshape(-1, 4)
    cols, row_start, half_cell_nm = grid_shape()
    cell_land = np.zeros(row_start[-1], np.uint8)
    _mark_land(edges, cols, row_start, cell_land)
    shore = np.ascontiguousarray(edges[~artificial(edges)])
    cell_start = np.zeros(row_start[-1] + 1, np.int32)
    _count_edges(shore, cols, row_start, cell_start)
    np.cumsum(cell_start, out=cell_start)
    cell_edges = np.empty(cell_start[-1], np.int32)
    _list_edges(shore, cols, row_start, cell_start, cell_edges)
    cell_near = np.full(row_start[-1], int(CENTRE_CAP_NM / CENTRE_STEP_NM), np.uint16)
    if len(shore):
        _measure_centres(shore, cols, row_start, cell_start, cell_edges, cell_near)
    return Coast(shore, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, origin)


def artificial(edges: np.ndarray) -> np.ndarray:
    """bool[n]: edges along the 180th meridian or a pole, which close a ring but are no shore."""
    lat_a, lon_a, lat_b, lon_b = edges.T
    return ((lon_a == lon_b) & (np.abs(lon_a) == HALF_TURN)) | ((lat_a == lat_b) & (np.abs(lat_a) == POLE))


def grid_shape() -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Cells per row int64[ROWS], first cell of each row int64[ROWS + 1], half diagonal of a cell float64[ROWS] nm with slack."""
    middle_deg = (np.arange(ROWS) * ROW_UNITS + ROW_UNITS // 2 - POLE) / UNITS_PER_DEG
    # rounded before use, so that every platform cuts the same grid
    cols = np.array([max(8, int(round(FULL_TURN / ROW_UNITS * math.cos(math.radians(lat)), 6) + 0.5)) for lat in middle_deg], np.int64)
    row_start = np.concatenate([[0], np.cumsum(cols)]).astype(np.int64)
    half_cell_nm = np.empty(ROWS)
    for row in range(ROWS):
        south = row * ROW_UNITS - POLE
        widest = max(cos_lat(south), cos_lat(south + ROW_UNITS))
        half_cell_nm[row] = SLACK_NM + math.hypot(ROW_UNITS / 2, FULL_TURN / cols[row] / 2 * widest) * NM_PER_UNIT
    return cols, row_start, half_cell_nm


@njit("int64(int64)", cache=True)
def _row(lat):
    return min((lat + POLE) // ROW_UNITS, ROWS - 1)


@njit("int64(int64, int64)", cache=True)
def _col(lon, cols):
    return min((lon + HALF_TURN) * cols // FULL_TURN, cols - 1)


@njit("int64(int64, int64)", cache=True)
def _centre_lon(col, cols):
    return (2 * col + 1) * FULL_TURN // (2 * cols) - HALF_TURN


@njit("int64(int64, int64, int64, int64, int64, int64)", cache=True)
def side(lat_a, lon_a, lat_b, lon_b, lat, lon):
    """Which side of the line a-b the point lies on: > 0 left, < 0 right, 0 on it. Exact: products stay below 2**56."""
    return (lon_b - lon_a) * (lat - lat_a) - (lat_b - lat_a) * (lon - lon_a)


@njit("boolean(int64, int64, int64, int64, int64, int64)", cache=True)
def _left(lat, lon, lat_c, lon_c, lat_v, lon_v):
    """Does corner v lie left of the walk from the point to the centre?"""
    s = side(lat, lon, lat_c, lon_c, lat_v, lon_v)
    if s == 0:
        s = lat_v - lat if lat_v != lat else lon - lon_v
    return s > 0


@njit("float64(int64, int64, int64, int64, int64, int64)", cache=True)
def edge_distance_nm(lat, lon, lat_a, lon_a, lat_b, lon_b):
    """Nautical miles from a point to an edge (straight in latitude and longitude), the short way round.

    The foot is found in the plane of the point's latitude, then once more in that of the mean of point and foot, which is
    the plane in which `dogwatch.geo.distance_m` would measure: exact enough for edges of any length.
    """
    y_a = float(lat_a - lat)
    x_a = float(lon_difference(lon_a, lon))
    d_y = float(lat_b - lat_a)
    d_x = float(lon_b - lon_a)
    y = y_a
    x = x_a
    c = cos_lat(lat)
    for _ in range(2):
        squared = d_y * d_y + c * c * d_x * d_x
        along = 0.0
        if squared > 0.0:
            along = min(1.0, max(0.0, -(y_a * d_y + c * c * x_a * d_x) / squared))
        y = y_a + along * d_y
        x = x_a + along * d_x
        c = cos_lat(lat + int(y * 0.5))
    return math.sqrt(y * y + c * c * x * x) * NM_PER_UNIT


@njit("boolean(int32[:,::1], int64[::1], int64[::1], int32[::1], int32[::1], uint8[::1], int64, int64)", cache=True)
def _on_land(edges, cols, row_start, cell_start, cell_edges, cell_land, lat, lon):
    row = _row(lat)
    col = _col(lon, cols[row])
    cell = row_start[row] + col
    lat_c = row * ROW_UNITS + ROW_UNITS // 2 - POLE
    lon_c = _centre_lon(col, cols[row])
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


@njit("void(int32[:,::1], int64[::1], int64[::1], int32[::1], int32[::1], uint8[::1], int64[::1], int64[::1], boolean[::1])", cache=True)
def _on_land_many(edges, cols, row_start, cell_start, cell_edges, cell_land, lats, lons, out):
    for i in range(lats.shape[0]):
        lon = lons[i] if lons[i] < HALF_TURN else -HALF_TURN
        out[i] = _on_land(edges, cols, row_start, cell_start, cell_edges, cell_land, lats[i], lon)


@njit("float64(int32[:,::1], int64[::1], int64[::1], int32[::1], int32[::1], int64, int64, float64)", cache=True)
def _nearest(edges, cols, row_start, cell_start, cell_edges, lat, lon, best):
    """Distance to the nearest edge closer than `best` nm, else `best`: rows and columns outward from the point's own.

    An edge is measured only if the box around it is nearer than the best one found. The box is measured with the cosine of the
    highest latitude at which an edge could still be nearer, so that it is never taken for farther than it is.
    """
    row_p = _row(lat)
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
        own = _col(lon, n)
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


@njit(
    "float64(int32[:,::1], int64[::1], int64[::1], float64[::1], int32[::1], int32[::1], uint8[::1], uint16[::1], int64, int64)",
    cache=True,
)
def coast_nm(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, lat, lon):
    """Nautical miles to the coast, 0 on land, COAST_CAP_NM beyond; the arrays are those of a Coast, in its order."""
    if lon >= HALF_TURN:
        lon = -HALF_TURN
    row = _row(lat)
    cell = row_start[row] + _col(lon, cols[row])
    centre_nm = cell_near[cell] * CENTRE_STEP_NM
    if cell_start[cell] == cell_start[cell + 1] and cell_land[cell] != 0:
        return 0.0
    if centre_nm - half_cell_nm[row] >= COAST_CAP_NM:
        return COAST_CAP_NM
    if _on_land(edges, cols, row_start, cell_start, cell_edges, cell_land, lat, lon):
        return 0.0
    return _nearest(edges, cols, row_start, cell_start, cell_edges, lat, lon, min(COAST_CAP_NM, centre_nm + half_cell_nm[row]))


@njit(
    "void(int32[:,::1], int64[::1], int64[::1], float64[::1], int32[::1], int32[::1], uint8[::1], uint16[::1], int64[::1], int64[::1], float64[::1])",
    cache=True,
)
def _coast_distance(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, lats, lons, out):
    for i in range(lats.shape[0]):
        out[i] = coast_nm(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, lats[i], lons[i])


@njit("void(int32[:,::1], int64[::1], int64[::1], uint8[::1])", cache=True)
def _mark_land(edges, cols, row_start, cell_land):
    """Set the cells whose centre lies inside the rings: each edge flips every centre of a row that lies east of it."""
    for e in range(edges.shape[0]):
        lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
        if lat_a == lat_b:
            continue
        if lat_a > lat_b:
            lat_a, lon_a, lat_b, lon_b = lat_b, lon_b, lat_a, lon_a
        for row in range(_row(lat_a), _row(lat_b) + 1):
            lat_c = row * ROW_UNITS + ROW_UNITS // 2 - POLE
            if not lat_a <= lat_c < lat_b:
                continue
            n = cols[row]
            crossing = lon_a + (lon_b - lon_a) * (lat_c - lat_a) // (lat_b - lat_a)
            col = max(0, _col(crossing, n) - 1)
            while col < n and side(lat_a, lon_a, lat_b, lon_b, lat_c, _centre_lon(col, n)) > 0:
                col += 1  # the centre lies west of the edge, which runs north
            if col < n:
                cell_land[row_start[row] + col] ^= 1
    for row in range(ROWS):
        for cell in range(row_start[row] + 1, row_start[row + 1]):
            cell_land[cell] ^= cell_land[cell - 1]


@njit("void(int32[:,::1], int64[::1], int64[::1], int32[::1])", cache=True)
def _count_edges(edges, cols, row_start, cell_start):
    """cell_start[cell + 1] += 1 for every cell that the box around an edge touches."""
    for e in range(edges.shape[0]):
        for row in range(_row(min(edges[e, 0], edges[e, 2])), _row(max(edges[e, 0], edges[e, 2])) + 1):
            for col in range(_col(min(edges[e, 1], edges[e, 3]), cols[row]), _col(max(edges[e, 1], edges[e, 3]), cols[row]) + 1):
                cell_start[row_start[row] + col + 1] += 1


@njit("void(int32[:,::1], int64[::1], int64[::1], int32[::1], int32[::1])", cache=True)
def _list_edges(edges, cols, row_start, cell_start, cell_edges):
    """Fill the list that `_count_edges` sized, in the order of the edges."""
    filled = cell_start[:-1].copy()
    for e in range(edges.shape[0]):
        for row in range(_row(min(edges[e, 0], edges[e, 2])), _row(max(edges[e, 0], edges[e, 2])) + 1):
            for col in range(_col(min(edges[e, 1], edges[e, 3]), cols[row]), _col(max(edges[e, 1], edges[e, 3]), cols[row]) + 1):
                cell = row_start[row] + col
                cell_edges[filled[cell]] = e
                filled[cell] += 1


@njit("void(int32[:,::1], int64[::1], int64[::1], int32[::1], int32[::1], uint16[::1])", cache=True)
def _measure_centres(edges, cols, row_start, cell_start, cell_edges, cell_near):
    """Distance of every centre, rounded down to CENTRE_STEP_NM."""
    for row in range(ROWS):
        lat_c = row * ROW_UNITS + ROW_UNITS // 2 - POLE
        for col in range(cols[row]):
            cell = row_start[row] + col
            d = _nearest(edges, cols, row_start, cell_start, cell_edges, lat_c, _centre_lon(col, cols[row]), CENTRE_CAP_NM)
            cell_near[cell] = int(d / CENTRE_STEP_NM)
