"""The shore, remembered: which edges a place can depend on, cell by cell. May hold: that memory and its kernels. May not: zones, files.

Theory. To ask the whole shore for its nearest edge takes microseconds, and nearly all of them go into edges that lose. So the first
question about a cell makes a short list of edges, kept for all later ones: every edge that is the nearest of some place in the cell.
The answer is the least distance to an edge of the list, and to the last bit the one that `shore.py` finds among all edges: what is
remembered never shows, nor who asked what before.
- Cells are those of the grid of the coast, each cut into 4 x 4 parts where its list is long, and those again: a mile then. A
  part's list is made out of its parent's.
- An edge is struck off if another place of the shore (a witness) is nearer than it to all four corners. The places that are nearer to
  a witness than to an edge are a convex set in a plane, so it is then nearer everywhere in the cell. The sphere is no plane: a
  margin (`_margin`) covers how far it bends within a cell and how well a foot is found. Polewards of FLAT_MAX nothing is remembered.
- An edge that runs through the cell is the nearest of its own places, so it is on the list, and the list also tells land from sea: the
  walk from a place to a reference place of the cell that lies on no edge crosses only edges of the list.

Memory is one int32 array, made by nobody but these kernels: [first free place, one place per cell of the grid, nodes...]. A place is 0
(never asked), LAND, FAR (beyond the cap, or no edge near it), PLAIN (ask plainly) or where a node stands:
- list: [8 * edges + flags, lat, lon of the reference place, and each edge as lat_a, lon_a, lat_b, lon_b];
- parts: [-1 - edges, 16 places, the numbers of the edges].
Where there is no room a cell is asked plainly; `Memory` makes room between two calls. Kernels keep the GIL, and a larger array takes
the place of the old one at once: threads that share a Coast lose at most what one of them has just remembered.
"""

from __future__ import annotations

import math

import numpy as np
from numba import types

from dogwatch.geo import FULL_TURN, HALF_TURN, cos_lat, lon_difference
from dogwatch.kernel import kernel
from zones.shore import (
    BARE,
    CENTRE_STEP_NM,
    COAST_CAP_NM,
    GRID,
    NM_PER_UNIT,
    POLE,
    ROW_UNITS,
    ROWS,
    SLACK_NM,
    UNITS_PER_NM,
    col_of,
    edge_distance_nm,
    edge_squared,
    foot,
    plain_nm,
    plainly_on_land,
    row_of,
    side,
)

PLAIN, LAND, FAR, NO_ROOM = -1, -2, -3, -4
IS_LAND, HAS_SHORE = 1, 2  # flags of a list: the reference place is on land; edges run through the cell
LEVELS = 2
SIDE, PARTS = 4, 16  # parts along a side, and in all
PART_LAT, PART_LON = ROW_UNITS // PARTS, FULL_TURN // PARTS  # of the smallest; of a longitude times the columns of the row
LIST_ENOUGH = 4  # a list so short is not worth parts
LIST_MAX = 6_000  # a longer one is not worth its memory
GATHER_MAX = 65_536
ROOM_MIN = 2 * LIST_MAX + 64  # for any node
ROOM_START, ROOM_END = 1 << 20, 1 << 25  # places for nodes: 4 MB, at most 128 MB
FLAT_MAX = 51_000_000  # 85 degrees
FLAT_LEAST = 0.8  # of a squared distance that shows in the plane of the place the true one has at least so much, up to the cap and FLAT_MAX (0.81)
R_NM = 3438.0
TRIES = 64  # reference places tried, one unit apart
CHUNK = 1 << 16  # places asked between two looks for room
_I4 = types.int32[::1]
COAST = (*GRID, _I4)  # what the kernels take, in their order


class Memory:
    """The array, and room in it. May be shared by threads."""

    __slots__ = ("_places",)

    def __init__(self, n_cells: int) -> None:
        """Nothing remembered yet."""
        self._places = np.zeros(1 + n_cells + ROOM_START, np.int32)
        self._places[0] = 1 + n_cells

    def ready(self) -> np.ndarray:
        """The array, with room for more unless it has grown to its limit."""
        places = self._places
        used = int(places[0])
        if len(places) - used < ROOM_START // 2 and len(places) < ROOM_END:
            larger = np.zeros(min(2 * len(places), ROOM_END), np.int32)
            larger[:used] = places[:used]
            self._places = places = larger
        return places


@kernel(types.int64(types.int64[::1], types.int64[::1], _I4, types.int64, types.int64), **BARE)
def _remembered(cols, row_start, memory, lat, lon):
    """The list of the cell that holds a place, or one of the codes; 0 if it was never made."""
    row = row_of(lat)
    scaled = (lon + HALF_TURN) * cols[row]
    col = scaled // FULL_TURN
    at = np.int64(memory[1 + row_start[row] + col])
    if at <= 0 or memory[at] >= 0:
        return at
    part_row, part_col = (lat + POLE - row * ROW_UNITS) // PART_LAT, (scaled - col * FULL_TURN) // PART_LON
    at = np.int64(memory[at + 1 + (part_row >> 2) * SIDE + (part_col >> 2)])
    if at <= 0 or memory[at] >= 0:
        return at
    return np.int64(memory[at + 1 + (part_row & 3) * SIDE + (part_col & 3)])


@kernel(types.boolean(_I4, types.int64, types.int64, types.int64), **BARE)
def _list_on_land(memory, at, lat, lon):
    """On land or on the shore line, by the list at a place of the memory."""
    head = np.int64(memory[at])
    land = head & IS_LAND != 0
    if head & HAS_SHORE == 0:
        return land
    lat_r, lon_r = np.int64(memory[at + 1]), np.int64(memory[at + 2])
    for k in range(at + 3, at + 3 + 4 * (head >> 3), 4):
        lat_a, lon_a, lat_b, lon_b = np.int64(memory[k]), np.int64(memory[k + 1]), np.int64(memory[k + 2]), np.int64(memory[k + 3])
        s = side(lat_a, lon_a, lat_b, lon_b, lat, lon)
        if s == 0 and min(lat_a, lat_b) <= lat <= max(lat_a, lat_b) and min(lon_a, lon_b) <= lon <= max(lon_a, lon_b):
            return True
        # neither end of the walk lies on an edge: a corner on the walk may be told to lie right of it
        if (side(lat, lon, lat_r, lon_r, lat_a, lon_a) > 0) != (side(lat, lon, lat_r, lon_r, lat_b, lon_b) > 0):
            land ^= (s > 0) != (side(lat_a, lon_a, lat_b, lon_b, lat_r, lon_r) > 0)
    return land


@kernel(types.float64(_I4, types.int64, types.int64, types.int64, types.float64), **BARE)
def _squared(memory, k, lat, lon, c):
    return edge_squared(lat, lon, c, np.int64(memory[k]), np.int64(memory[k + 1]), np.int64(memory[k + 2]), np.int64(memory[k + 3]))


@kernel(types.float64(_I4, types.int64, types.int64, types.int64, types.float64), **BARE)
def _flat_squared(memory, k, lat, lon, c):
    """Square of the distance to an edge of a list in the plane of the place, in units of latitude: much cheaper than the true one."""
    y, x = float(np.int64(memory[k]) - lat), c * float(lon_difference(np.int64(memory[k + 1]), lon))
    d_y, d_x = float(np.int64(memory[k + 2]) - np.int64(memory[k])), c * float(np.int64(memory[k + 3]) - np.int64(memory[k + 1]))
    along = min(1.0, max(0.0, -(y * d_y + x * d_x) / max(1.0e-9, d_y * d_y + d_x * d_x)))
    y += along * d_y
    x += along * d_x
    return y * y + x * x


@kernel(types.float64(_I4, types.int64, types.int64, types.int64), **BARE)
def _list_nm(memory, at, lat, lon):
    """Distance to the nearest edge of a list, at most the cap."""
    c, first, end = cos_lat(lat), at + 3, at + 3 + 4 * (np.int64(memory[at]) >> 3)
    likely, least, second = first, 1e300, 1e300
    for k in range(first, end, 4):
        flat = _flat_squared(memory, k, lat, lon, c)
        if flat < least:
            likely, least, second = k, flat, least
        else:
            second = min(second, flat)
    squared = _squared(memory, likely, lat, lon, c)
    if FLAT_LEAST * second < squared:
        # an edge that is nearer lies in a plane of no higher latitude than this, and so is no nearer than it shows in the flat
        thinnest = cos_lat(min(POLE, abs(lat) + np.int64(0.5 * math.sqrt(squared)) + 2)) / c
        enough = squared * (1.0 + 1e-9) / (thinnest * thinnest)
        for k in range(first, end, 4):
            if k != likely and _flat_squared(memory, k, lat, lon, c) < enough:
                squared = min(squared, _squared(memory, k, lat, lon, c))
    return min(COAST_CAP_NM, math.sqrt(squared) * NM_PER_UNIT)


@kernel(types.UniTuple(types.int64, 4)(types.int64, types.int64, types.int64, types.int64, types.int64, types.int64))
def _box(row, col, cols, level, part_row, part_col):
    """(south, west, north, east) of a cell of the grid (level 0) or a part of it, rounded outwards."""
    parts = 1 << (2 * level)
    high, wide = ROW_UNITS // parts, cols * parts
    south, at = row * ROW_UNITS - POLE + part_row * high, col * parts + part_col
    return south, at * FULL_TURN // wide - HALF_TURN, south + high, -(-(at + 1) * FULL_TURN // wide) - HALF_TURN


@kernel(types.Tuple((_I4, types.int64))(*GRID, types.int64, types.int64))
def _gathered(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, row, col):
    """(numbers of the edges that may be nearest somewhere in a cell of the grid, ascending; how many, or a code)."""
    found = np.empty(GATHER_MAX, np.int32)
    cell, south = row_start[row] + col, row * ROW_UNITS - POLE
    centre_nm, half_nm = cell_near[cell] * CENTRE_STEP_NM, half_cell_nm[row]
    if cell_start[cell] == cell_start[cell + 1] and cell_land[cell] != 0:
        return found, LAND
    if centre_nm - half_nm >= COAST_CAP_NM:
        return found, FAR
    if max(abs(south), abs(south + ROW_UNITS)) > FLAT_MAX:
        return found, PLAIN
    lat, lon = south + ROW_UNITS // 2, (2 * col + 1) * FULL_TURN // (2 * cols[row]) - HALF_TURN
    reach_nm = min(centre_nm + CENTRE_STEP_NM + 2.0 * half_nm, COAST_CAP_NM + half_nm) + SLACK_NM
    narrow = NM_PER_UNIT * cos_lat(min(POLE, abs(lat) + int(reach_nm * UNITS_PER_NM) + 1))
    rows, n = int(reach_nm * UNITS_PER_NM) // ROW_UNITS + 1, 0
    for r in range(max(0, row - rows), min(ROWS, row + rows + 1)):
        if cell_start[row_start[r]] == cell_start[row_start[r + 1]]:
            continue
        far_lat = max(abs(r * ROW_UNITS - POLE), abs((r + 1) * ROW_UNITS - POLE), abs(lat))
        span = int(reach_nm / (FULL_TURN / cols[r] * NM_PER_UNIT * cos_lat(far_lat))) + 2
        own = col_of(lon, cols[r])
        for j in range(min(cols[r], 2 * span + 1)):
            there = row_start[r] + (own + j + (cols[r] - 1) * span) % cols[r]
            for m in range(cell_start[there], cell_start[there + 1]):
                e = cell_edges[m]
                lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
                y = float(max(0, min(lat_a, lat_b) - lat, lat - max(lat_a, lat_b))) * NM_PER_UNIT
                x_a = lon_difference(lon_a, lon)
                x = float(max(0, min(x_a, x_a + lon_b - lon_a), -max(x_a, x_a + lon_b - lon_a))) * narrow
                if y * y + x * x < reach_nm * reach_nm:
                    if n == GATHER_MAX:
                        return found, PLAIN
                    found[n] = e
                    n += 1
    found[:n].sort()  # an edge stands in every cell that it touches
    kept = 0
    for k in range(n):
        if kept == 0 or found[k] != found[kept - 1]:
            found[kept] = found[k]
            kept += 1
    return found, kept


@kernel(types.float64(types.float64, types.float64, types.float64, types.float64, types.float64, types.float64))
def _margin(tangent, across_nm, far_nm, witness_nm, edge_nm, witness_edge_nm):
    """By how many square miles an edge must lose to a witness at the corners of a cell to lose in all of it.

    Three parts: the square of a distance, as a function of the place, bends by at most (tangent of the latitude) * (distance / radius) times the
    square of the cell's size, of which a quarter would do; a foot lies up to tangent * distance**2 / radius beside the nearest place of its edge, twice
    what it can be, and never beyond the edge's end; and the cosine between two lines of its table.
    """
    bend = (1.0 + tangent) * across_nm * across_nm * (far_nm + witness_nm) / R_NM
    beside = min(edge_nm, tangent * far_nm * far_nm / R_NM)
    witness_beside = min(witness_edge_nm, tangent * witness_nm * witness_nm / R_NM)
    return bend + beside * beside + witness_beside * witness_beside + 4e-6 * (far_nm * far_nm + witness_nm * witness_nm + 1.0)


@kernel(types.int64(GRID[0], _I4, types.int64, types.UniTuple(types.int64, 4)))
def _near_enough(edges, found, n, box):
    """Keep of n edges those within reach of a cell: no place of it is farther from its nearest edge than the centre, and a half twice."""
    south, west, north, east = box
    lat, lon = (south + north) // 2, (west + east) // 2
    widest = cos_lat(0 if south <= 0 <= north else min(abs(south), abs(north)))
    half_nm = 0.5 * math.hypot(float(north - south), float(east - west) * widest) * NM_PER_UNIT
    away_nm = np.empty(n)
    nearest_nm = 1e300
    for k in range(n):
        e = found[k]
        away_nm[k] = edge_distance_nm(lat, lon, np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3]))
        nearest_nm = min(nearest_nm, away_nm[k])
    reach_nm = min(nearest_nm + 2.0 * half_nm, COAST_CAP_NM + half_nm) + SLACK_NM
    kept = 0
    for k in range(n):
        if away_nm[k] < reach_nm:
            found[kept] = found[k]
            kept += 1
    return kept


@kernel(types.void(GRID[0], _I4, types.int64[::1], types.int64[::1], types.float64[:, ::1], types.float64[:, ::1], types.float64[::1]))
def _call_witnesses(edges, found, lats, lons, far_nm, squared, length_nm):
    """Of each of five places (four corners and the centre) the foot on its nearest edge: its squared distances to the corners, and that edge's length."""
    for w in range(5):
        nearest = 0
        for k in range(1, far_nm.shape[0]):
            if far_nm[k, w] < far_nm[nearest, w]:
                nearest = k
        e = found[nearest]
        lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
        y, x, c = foot(lats[w], lons[w], cos_lat(lats[w]), lat_a, lon_a, lat_b, lon_b)
        length_nm[w] = math.hypot(float(lat_b - lat_a), c * float(lon_b - lon_a)) * NM_PER_UNIT
        for j in range(4):
            north, east = float(lats[w] - lats[j]) + y, float(lons[w] - lons[j]) + x
            c = cos_lat(lats[j] + int(north * 0.5))
            squared[w, j] = (north * north + c * c * east * east) * NM_PER_UNIT * NM_PER_UNIT


@kernel(types.int64(GRID[0], _I4, types.int64, types.UniTuple(types.int64, 4)))
def _short(edges, found, n, box):
    """Keep of n edges those that are nearest somewhere in a cell, and few others; returns how many."""
    n = _near_enough(edges, found, n, box)
    if n < 2:
        return n
    south, west, north, east = box
    lats = np.array([south, south, north, north, (south + north) // 2])
    lons = np.array([west, east, west, east, (west + east) // 2])
    far_nm, squared, length_nm = np.empty((n, 5)), np.empty((5, 4)), np.empty(5)
    for k in range(n):
        e = found[k]
        for w in range(5):
            far_nm[k, w] = edge_distance_nm(lats[w], lons[w], np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3]))
    _call_witnesses(edges, found, lats, lons, far_nm, squared, length_nm)
    cosine = cos_lat(max(abs(south), abs(north)) + int(COAST_CAP_NM * UNITS_PER_NM))
    tangent = math.sqrt(1.0 - cosine * cosine) / cosine
    across_nm = math.hypot(float(north - south), float(east - west)) * NM_PER_UNIT
    witness_nm = np.array([math.sqrt(squared[w].max()) for w in range(5)])
    kept = 0
    for k in range(n):
        e, keep, w = found[k], True, 0
        edge_nm = math.hypot(float(edges[e, 2] - edges[e, 0]), float(edges[e, 3] - edges[e, 1])) * NM_PER_UNIT
        farthest_nm = max(far_nm[k, 0], far_nm[k, 1], far_nm[k, 2], far_nm[k, 3])
        while keep and w < 5:
            loses, margin = True, _margin(tangent, across_nm, farthest_nm, witness_nm[w], edge_nm, length_nm[w])
            for j in range(4):
                loses = loses and far_nm[k, j] * far_nm[k, j] > squared[w, j] + margin
            keep = not loses
            w += 1
        if keep:
            found[kept] = e
            kept += 1
    return kept


@kernel(types.int64(GRID[0], _I4, types.int64, types.UniTuple(types.int64, 4), types.int64, types.boolean, _I4))
def _make(edges, found, n, box, level, land, memory):
    """Write the node of a cell: its list, or parts if the list is long; returns its place or a code. `land`: is some place of the cell on land?"""
    south, west, north, east = box
    n = _short(edges, found, n, box)
    shore = False
    for k in range(n):
        e = found[k]
        meets = min(edges[e, 0], edges[e, 2]) <= north and max(edges[e, 0], edges[e, 2]) >= south
        shore = shore or (meets and min(edges[e, 1], edges[e, 3]) <= east and max(edges[e, 1], edges[e, 3]) >= west)
    if not shore and land:
        return LAND
    if n == 0:
        return FAR
    if n > LIST_MAX:
        return PLAIN
    at = np.int64(memory[0])
    if n > LIST_ENOUGH and level < LEVELS:
        memory[at] = -1 - n
        memory[at + 1 + PARTS : at + 1 + PARTS + n] = found[:n]
        memory[0] = at + 1 + PARTS + n
        return at
    memory[at] = 8 * n + (HAS_SHORE if shore else 0)
    for k in range(n):
        for j in range(4):
            memory[at + 3 + 4 * k + j] = edges[found[k], j]
    memory[0] = at + 3 + 4 * n
    return at


@kernel(types.int64(*GRID[:3], *GRID[4:7], _I4, types.int64, types.UniTuple(types.int64, 4)))
def _set_reference(edges, cols, row_start, cell_start, cell_edges, cell_land, memory, at, box):
    """Find a place of a cell with a shore that lies on no edge, and whether it is on land; returns the list's place, or PLAIN where there is none."""
    head = np.int64(memory[at])
    lat, lon = (box[0] + box[2]) // 2, (box[1] + box[3]) // 2
    for _ in range(TRIES if head & HAS_SHORE else 0):
        free = True
        for k in range(at + 3, at + 3 + 4 * (head >> 3), 4):
            lat_a, lon_a, lat_b, lon_b = np.int64(memory[k]), np.int64(memory[k + 1]), np.int64(memory[k + 2]), np.int64(memory[k + 3])
            on = min(lat_a, lat_b) <= lat <= max(lat_a, lat_b) and min(lon_a, lon_b) <= lon <= max(lon_a, lon_b)
            free = free and not (on and side(lat_a, lon_a, lat_b, lon_b, lat, lon) == 0)
        if free:
            memory[at + 1], memory[at + 2] = lat, lon
            if plainly_on_land(edges, cols, row_start, cell_start, cell_edges, cell_land, lat, lon):
                memory[at] = head | IS_LAND
            return at
        lat += 1
    return PLAIN if head & HAS_SHORE else at


@kernel(types.int64(*COAST, types.int64, types.int64))
def _remember(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, memory, lat, lon):
    """Make the list of the cell that holds a place, and those of its parents; returns it, or a code."""
    row = row_of(lat)
    scaled = (lon + HALF_TURN) * cols[row]
    col = scaled // FULL_TURN
    place = 1 + row_start[row] + col
    part_row, part_col = (lat + POLE - row * ROW_UNITS) // PART_LAT, (scaled - col * FULL_TURN) // PART_LON
    land = plainly_on_land(edges, cols, row_start, cell_start, cell_edges, cell_land, lat, lon)
    found, n = np.empty(0, np.int32), np.int64(0)
    for level in range(LEVELS + 1):
        at = np.int64(memory[place])
        if at == 0:
            if memory.shape[0] - memory[0] < ROOM_MIN:
                return NO_ROOM
            if level == 0:
                found, n = _gathered(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, row, col)
            shift = 2 * (LEVELS - level)
            box = _box(row, col, cols[row], level, part_row >> shift, part_col >> shift)
            at = n if n < 0 else _make(edges, found, n, box, level, land, memory)
            if at > 0 and memory[at] >= 0:
                at = _set_reference(edges, cols, row_start, cell_start, cell_edges, cell_land, memory, at, box)
            memory[place] = at
        if at <= 0 or memory[at] >= 0:
            return at
        n = -1 - np.int64(memory[at])
        found = memory[at + 1 + PARTS : at + 1 + PARTS + n].copy()
        shift = 2 * (LEVELS - level - 1)
        place = at + 1 + ((part_row >> shift) & 3) * SIDE + ((part_col >> shift) & 3)
    return PLAIN


@kernel(types.float64(*COAST, types.int64, types.int64), **BARE)
def coast_nm(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, memory, lat, lon):
    """Nautical miles to the coast, 0 on land, COAST_CAP_NM beyond; the arrays are those of a Coast, in its order."""
    if lon >= HALF_TURN:
        lon = -HALF_TURN
    at = _remembered(cols, row_start, memory, lat, lon)
    if at == 0:
        at = _remember(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, memory, lat, lon)
    if at > 0:
        return 0.0 if _list_on_land(memory, at, lat, lon) else _list_nm(memory, at, lat, lon)
    if at == LAND:
        return 0.0
    if at == FAR:
        return COAST_CAP_NM
    return plain_nm(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, lat, lon)


@kernel(types.void(*COAST, types.int64[::1], types.int64[::1], types.float64[::1]), **BARE)
def many_nm(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, memory, lats, lons, out):
    """`coast_nm` of many places; where the cell is known without a call that hands all arrays on."""
    for i in range(lats.shape[0]):
        lat, lon = lats[i], lons[i] if lons[i] < HALF_TURN else -HALF_TURN
        at = _remembered(cols, row_start, memory, lat, lon)
        if at > 0:
            out[i] = 0.0 if _list_on_land(memory, at, lat, lon) else _list_nm(memory, at, lat, lon)
        else:
            out[i] = coast_nm(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, memory, lat, lon)


@kernel(types.void(*COAST, types.int64[::1], types.int64[::1], types.boolean[::1]), **BARE)
def many_on_land(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, memory, lats, lons, out):
    """On land or on the shore line, of many places."""
    for i in range(lats.shape[0]):
        lat, lon = lats[i], lons[i] if lons[i] < HALF_TURN else -HALF_TURN
        at = _remembered(cols, row_start, memory, lat, lon)
        if at == 0:
            at = _remember(edges, cols, row_start, half_cell_nm, cell_start, cell_edges, cell_land, cell_near, memory, lat, lon)
        if at > 0:
            out[i] = _list_on_land(memory, at, lat, lon)
        elif at in (LAND, FAR):
            out[i] = at == LAND
        else:
            out[i] = plainly_on_land(edges, cols, row_start, cell_start, cell_edges, cell_land, lat, lon)
