"""The coast: on land or not, and how far to the nearest shore. May hold: its record, and how it is built. May not: files, zones.

How it is asked: `shore.py` (plainly, and the grid of the edges) and `shore_cells.py` (the same answers, remembered).

What it gets wrong: the shore is Natural Earth 1:10 million, rounded to a grid of 0.0036 x 0.0017 degrees. Against that
rounded line the distance is good to 0.1 % below 80 degrees of latitude; against Natural Earth add 0.13 nm; against the
real shore add the generalisation of a 1:10 million map (commonly 0.5 nm, more in fjords), and islets, piers and harbour
basins are missing. Approximate, and never evidence of a legal limit.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from dogwatch.geo import FULL_TURN, HALF_TURN, cos_lat
from dogwatch.kernel import kernel
from zones.shore import (
    CENTRE_CAP_NM,
    CENTRE_STEP_NM,
    NM_PER_UNIT,
    POLE,
    ROW_UNITS,
    ROWS,
    SLACK_NM,
    centre_lon,
    col_of,
    nearest_nm,
    row_of,
    side,
)
from zones.shore_cells import CHUNK, Memory, many_nm, many_on_land

UNITS_PER_DEG = 600_000
COLUMNS = ("edges", "cols", "row_start", "half_cell_nm", "cell_start", "cell_edges", "cell_land", "cell_near")


@dataclass(frozen=True, slots=True)
class Coast:
    """Coast edges on their grid. Build with `build_coast`; arrays are never changed afterwards. May be shared by threads.

    edges int32[n, 4] (lat_a, lon_a, lat_b, lon_b) in 1/600000 degree; cols int64[720] cells per row, row_start int64[721];
    cell_start int32[cells + 1] and cell_edges int32[] list the edges of each cell; cell_land uint8[cells] centre on land;
    cell_near uint16[cells] centre's distance in CENTRE_STEP_NM. `origin` names the source in version texts ("ne10m").
    `memory`: what was found out about cells that were asked about; it changes no answer.
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
    memory: Memory = field(init=False, repr=False, compare=False)
    columns: tuple[np.ndarray, ...] = field(init=False, repr=False, compare=False)  # what stands above, in its order

    def __post_init__(self) -> None:
        """Begin with an empty memory."""
        object.__setattr__(self, "memory", Memory(len(self.cell_land)))
        object.__setattr__(self, "columns", tuple(getattr(self, name) for name in COLUMNS))

    def arrays(self) -> tuple[np.ndarray, ...]:
        """What the kernels take, in their order; to be asked for anew now and then, so that the memory finds room."""
        return *self.columns, self.memory.ready()

    def distance_nm(self, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """float64[n] nautical miles to the coast, 0 on land, COAST_CAP_NM beyond; lat, lon int64[n] in units within range."""
        out = np.empty(len(lat), np.float64)
        for first in range(0, len(lat), CHUNK):
            cut = slice(first, first + CHUNK)
            many_nm(*self.arrays(), lat[cut], lon[cut], out[cut])
        return out

    def on_land(self, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """bool[n]: on land or on the shore line; lat, lon int64[n] in units within range."""
        out = np.empty(len(lat), np.bool_)
        for first in range(0, len(lat), CHUNK):
            cut = slice(first, first + CHUNK)
            many_on_land(*self.arrays(), lat[cut], lon[cut], out[cut])
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


@kernel("void(int32[:,::1], int64[::1], int64[::1], uint8[::1])")
def _mark_land(edges, cols, row_start, cell_land):
    """Set the cells whose centre lies inside the rings: each edge flips every centre of a row that lies east of it."""
    for e in range(edges.shape[0]):
        lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
        if lat_a == lat_b:
            continue
        if lat_a > lat_b:
            lat_a, lon_a, lat_b, lon_b = lat_b, lon_b, lat_a, lon_a
        for row in range(row_of(lat_a), row_of(lat_b) + 1):
            lat_c = row * ROW_UNITS + ROW_UNITS // 2 - POLE
            if not lat_a <= lat_c < lat_b:
                continue
            n = cols[row]
            crossing = lon_a + (lon_b - lon_a) * (lat_c - lat_a) // (lat_b - lat_a)
            col = max(0, col_of(crossing, n) - 1)
            while col < n and side(lat_a, lon_a, lat_b, lon_b, lat_c, centre_lon(col, n)) > 0:
                col += 1  # the centre lies west of the edge, which runs north
            if col < n:
                cell_land[row_start[row] + col] ^= 1
    for row in range(ROWS):
        for cell in range(row_start[row] + 1, row_start[row + 1]):
            cell_land[cell] ^= cell_land[cell - 1]


@kernel("void(int32[:,::1], int64[::1], int64[::1], int32[::1])")
def _count_edges(edges, cols, row_start, cell_start):
    """cell_start[cell + 1] += 1 for every cell that the box around an edge touches."""
    for e in range(edges.shape[0]):
        for row in range(row_of(min(edges[e, 0], edges[e, 2])), row_of(max(edges[e, 0], edges[e, 2])) + 1):
            for col in range(col_of(min(edges[e, 1], edges[e, 3]), cols[row]), col_of(max(edges[e, 1], edges[e, 3]), cols[row]) + 1):
                cell_start[row_start[row] + col + 1] += 1


@kernel("void(int32[:,::1], int64[::1], int64[::1], int32[::1], int32[::1])")
def _list_edges(edges, cols, row_start, cell_start, cell_edges):
    """Fill the list that `_count_edges` sized, in the order of the edges."""
    filled = cell_start[:-1].copy()
    for e in range(edges.shape[0]):
        for row in range(row_of(min(edges[e, 0], edges[e, 2])), row_of(max(edges[e, 0], edges[e, 2])) + 1):
            for col in range(col_of(min(edges[e, 1], edges[e, 3]), cols[row]), col_of(max(edges[e, 1], edges[e, 3]), cols[row]) + 1):
                cell = row_start[row] + col
                cell_edges[filled[cell]] = e
                filled[cell] += 1


@kernel("void(int32[:,::1], int64[::1], int64[::1], int32[::1], int32[::1], uint16[::1])")
def _measure_centres(edges, cols, row_start, cell_start, cell_edges, cell_near):
    """Distance of every centre, rounded down to CENTRE_STEP_NM."""
    for row in range(ROWS):
        lat_c = row * ROW_UNITS + ROW_UNITS // 2 - POLE
        for col in range(cols[row]):
            cell = row_start[row] + col
            d = nearest_nm(edges, cols, row_start, cell_start, cell_edges, lat_c, centre_lon(col, cols[row]), CENTRE_CAP_NM)
            cell_near[cell] = int(d / CENTRE_STEP_NM)
