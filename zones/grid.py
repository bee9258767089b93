"""The cell grid over the zones people draw: which zones hold a position, at once. May hold: the grid and the kernels that ask it.

May not: build it (`gridding.py`), files, GeoJSON, what a zone means.

Theory. The world is cut into cells of 2**CELL_BITS units (about three miles of latitude), and 16 x 16 cells make a tile.
A tile through which no boundary runs is one number: the code of the set of zones that cover it. Other tiles have a
block of 256 such numbers. So memory follows the boundaries that are drawn, not the size of the sea between them.
A cell through which a boundary runs knows the zones that cover it whole, and for every other zone an entry: whether the
centre of the cell is inside, and the zone's own edges in this cell. A position walks to the centre along its parallel,
then along the centre's meridian, and every edge crossed changes the side. All in integers, so exact. Ties on the
walk are decided as in `coast.py` (points stand a hair to the east and a hair of a hair to the north). On the boundary
is inside. Zones with a buffer, and lines, have no sides: their entries ask the edge tree for the distance.
Zones are numbers in the order of the tree; a set of zones is sorted by number. Code 0 is the empty set. Codes are the
grid's own and mean nothing to another grid: never keep one in a state or an event.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import types

from dogwatch.geo import FULL_TURN, HALF_TURN
from dogwatch.kernel import kernel
from zones.polygons import EDGES, NODES, STACK_MAX, ZONES, EdgeTree, to_zone
from zones.shore import BARE

POLE = 54_000_000
CELL_BITS = 14
TILE_BITS = CELL_BITS + 4
TILE_ROWS = (2 * POLE >> TILE_BITS) + 1
TILE_COLS = (FULL_TURN >> TILE_BITS) + 1
CELLS_OF_TILE = 256
CELL_MASK, CELL_HALF = (1 << CELL_BITS) - 1, 1 << (CELL_BITS - 1)
ASK_TREE = -1  # in place of a side and a count: no edges here, ask the tree for the distance
NOT_WHOLE = -1  # the code of no set: of a track that was never asked about, or stands in a cell with a boundary
ON_IT_NM = 1e-9  # asked as the limit of a distance that must be 0
AHEAD = 128  # positions whose cells are looked up together
WIDE = 8  # sets are copied by so many zones at a time: a loop of varying length costs more than what it copies
_I4 = types.int32[::1]
_GRID = (_I4, types.int32[:, ::1], _I4, _I4, _I4, EDGES, NODES, ZONES)
_CODE = (_I4, types.int32[:, ::1])


@dataclass(frozen=True, slots=True)
class ZoneGrid:
    """Made by `gridding.build_grid`, never changed; may be shared by threads.

    tiles int32[TILE_ROWS * TILE_COLS]: a code, or ~block. blocks int32[b, 256]: a code, or ~place in `mixed`.
    mixed int32[]: cells with a boundary, each written in one piece, so that one look into memory brings it all:
    [code of the zones that cover it whole, number of entries, then per entry: zone, 2 * edges + (is the centre inside),
    and the edges as lat_a, lon_a, lat_b, lon_b relative to the centre]; ASK_TREE stands for the second number of an entry without edges.
    set_start int32[s + 1], set_zones int32[]: the zones of each code, and WIDE zeros behind them.
    """

    tiles: np.ndarray
    blocks: np.ndarray
    mixed: np.ndarray
    set_start: np.ndarray
    set_zones: np.ndarray
    tree: EdgeTree

    def arrays(self) -> tuple[np.ndarray, ...]:
        """What the kernels take, in their order."""
        tree = self.tree
        return (self.tiles, self.blocks, self.mixed, self.set_start, self.set_zones, tree.edges, tree.nodes, tree.zones)

    def zones_at(self, lat: np.ndarray, lon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(start int64[n + 1], zone int32[m]): zones that hold position i are zone[start[i]:start[i + 1]].

        First those that cover its cell, then those whose boundary runs through it, each ascending (on the 180th meridian all together).
        lat, lon int32[n] units within range. Validity is not asked here.
        """
        lat, lon = np.ascontiguousarray(lat, np.int32), np.ascontiguousarray(lon, np.int32)
        start = np.zeros(len(lat) + 1, np.int64)
        zone = np.empty(8 * len(lat) + 2 * len(self.tree.zones) + WIDE, np.int32)
        done = 0
        while True:
            done = _zones_at(*self.arrays(), lat, lon, done, start, zone)
            if done == len(lat):
                return start, zone[: start[-1]]
            zone = np.concatenate([zone, np.empty(len(zone), np.int32)])

    def codes_at(self, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """int32[n]: code of the zones that hold the whole cell, or ~m where a boundary runs through it (then ask `zones_at`)."""
        out = np.empty(len(lat), np.int32)
        _codes_at(self.tiles, self.blocks, np.ascontiguousarray(lat, np.int32), np.ascontiguousarray(lon, np.int32), out)
        return out

    def unsettled(self, slot: np.ndarray, lat: np.ndarray, lon: np.ndarray, last: np.ndarray) -> np.ndarray:
        """bool[n]: positions of tracks, in order, whose zones may differ from those of the track's position before.

        slot int32[n] into last int32[tracks], the code of the cell in which each track was last (NOT_WHOLE: none, or a cell
        with a boundary), which is brought up to date. Asking in two halves gives what asking at once gives.
        """
        out = np.empty(len(lat), np.bool_)
        lat, lon, slot = (np.ascontiguousarray(a, np.int32) for a in (lat, lon, slot))
        _unsettled(self.tiles, self.blocks, slot, lat, lon, last, out)
        return out

    def members(self, code: int) -> np.ndarray:
        """int32[k]: the zones of a code, ascending."""
        return self.set_zones[self.set_start[code] : self.set_start[code + 1]]

    def any_at(self, chosen: np.ndarray, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
        """bool[n]: does a zone with chosen[z] (bool) hold the position? lat, lon int32[n] units within range."""
        out = np.zeros(len(lat), np.bool_)
        if chosen.any():
            lat, lon = np.ascontiguousarray(lat, np.int32), np.ascontiguousarray(lon, np.int32)
            _any_at(*self.arrays(), chosen, self._codes_with(chosen), lat, lon, out)
        return out

    def _codes_with(self, chosen: np.ndarray) -> np.ndarray:
        """bool[s]: codes with a chosen zone among theirs."""
        seen = np.concatenate([[0], np.cumsum(chosen[self.set_zones[: self.set_start[-1]]])])
        return seen[self.set_start[1:]] > seen[self.set_start[:-1]]


@kernel(types.int32(*_CODE, types.int64, types.int64), **BARE)
def code_at(tiles, blocks, lat, lon):
    """The code of a cell, or ~m of a cell with a boundary."""
    row, col = (lat + POLE) >> CELL_BITS, (lon + HALF_TURN) >> CELL_BITS
    code = tiles[(row >> 4) * TILE_COLS + (col >> 4)]
    if code < 0:
        code = blocks[~code, ((row & 15) << 4) | (col & 15)]
    return code


@kernel("int64(int64, int64, int64, int64, int64, int64)")
def crossing(y_a, x_a, d_y, d_x, y, x):
    """1 where the walk from (y, x) to the centre (0, 0) crosses an edge (start and step), else 0; 2 for a point on the edge.

    Without branches but for the rare point on the edge, since no processor guesses the side of an edge.
    """
    s = d_x * (y - y_a) - d_y * (x - x_a)
    if s == 0 and min(y_a, y_a + d_y) <= y <= max(y_a, y_a + d_y) and min(x_a, x_a + d_x) <= x <= max(x_a, x_a + d_x):
        return 2
    s_q = s + d_y * x  # for the corner of the walk, on the centre's meridian
    s_c = s_q - d_x * y  # for the centre
    along = np.int64(y_a > y) ^ np.int64(y_a + d_y > y)
    upright = np.int64(x_a > 0) ^ np.int64(x_a + d_x > 0)
    # west of an edge that runs up is s > 0, of one that runs down s < 0; a corner on it stands a hair to the east: not west
    up = np.int64(d_y > 0)
    west_p = np.int64(s > 0) * up + np.int64(s < 0) * (1 - up)
    west_q = np.int64(s_q > 0) * up + np.int64(s_q < 0) * (1 - up)
    # below an edge that runs east is s < 0; on it the slope and the hair to the east decide, on a level edge the hair to the north
    east = np.int64(d_x > 0)
    rising = np.int64((d_y > 0) == (d_x > 0)) & np.int64(d_y != 0)
    below_q = np.int64(s_q < 0) * east + np.int64(s_q > 0) * (1 - east) + np.int64(s_q == 0) * rising
    below_c = np.int64(s_c < 0) * east + np.int64(s_c > 0) * (1 - east) + np.int64(s_c == 0) * rising
    return (along & (west_p ^ west_q)) ^ (upright & (below_q ^ below_c))


# Written into its callers: a call that hands arrays on costs more than the edges of a cell.
@kernel(inline="always")
def _add_bounded(mixed, tree_edges, tree_nodes, tree_zones, at, lat, lon, n, stack, out):
    """Append to out[n:] the zones of a cell with a boundary (its place in `mixed`) that hold a position and do not cover the cell; returns the new length."""
    y = ((lat + POLE) & CELL_MASK) - CELL_HALF
    x = ((lon + HALF_TURN) & CELL_MASK) - CELL_HALF
    left = mixed[at + 1]
    at += 2
    while left > 0:
        left -= 1
        zone, told = mixed[at], mixed[at + 1]
        at += 2
        if told == ASK_TREE:
            inside = np.int64(to_zone(tree_edges, tree_nodes, tree_zones, zone, lat, lon, ON_IT_NM, stack) <= 0.0)
        else:
            inside = np.int64(told & 1)
            for _ in range(told >> 1):
                y_a, x_a = np.int64(mixed[at]), np.int64(mixed[at + 1])
                change = crossing(y_a, x_a, np.int64(mixed[at + 2]) - y_a, np.int64(mixed[at + 3]) - x_a, y, x)
                inside = inside | 2 if change == 2 else inside ^ change
                at += 4
        out[n] = zone
        n += np.int64(inside != 0)
    return n


@kernel(types.int64(*_GRID, types.int64, types.int64, types.int64, types.int64[::1], _I4), **BARE)
def members_at(tiles, blocks, mixed, set_start, set_zones, tree_edges, tree_nodes, tree_zones, lat, lon, n, stack, out):
    """Append the zones that hold a position to out[n:], as `zones_at` orders them; returns the new length.

    `out` needs room for all zones and WIDE more. The 180th meridian is one side only: ask again with -lon.
    """
    code = code_at(tiles, blocks, lat, lon)
    at = ~code
    if code < 0:
        code = mixed[at]
    for j in range(set_start[code], set_start[code + 1]):
        out[n] = set_zones[j]
        n += 1
    if at >= 0:
        n = _add_bounded(mixed, tree_edges, tree_nodes, tree_zones, at, lat, lon, n, stack, out)
    return n


@kernel(types.int64(_I4, types.int64, types.int64), **BARE)
def sorted_once(out, first, end):
    """Sort out[first:end] (a few numbers) and drop what is double; returns the new end."""
    kept = first
    for k in range(first, end):
        value, j = out[k], kept
        while j > first and out[j - 1] > value:
            j -= 1
        if j > first and out[j - 1] == value:
            continue
        for m in range(kept, j, -1):
            out[m] = out[m - 1]
        out[j] = value
        kept += 1
    return kept


# Flat: as `members_at`, written out for the same reason.
@kernel(types.int64(*_GRID, _I4, _I4, types.int64, types.int64[::1], _I4))
def _zones_at(tiles, blocks, mixed, set_start, set_zones, tree_edges, tree_nodes, tree_zones, lats, lons, done, start, out):
    """Fill start and out from row `done`; returns the first row that found no room, or n."""
    stack = np.empty(STACK_MAX, np.int64)
    codes, places = np.empty(AHEAD, np.int32), np.empty(AHEAD, np.int32)
    room = out.shape[0] - 2 * tree_zones.shape[0] - WIDE
    n = start[done]
    for i in range(done, lats.shape[0]):
        if (i - done) % AHEAD == 0:
            for k in range(min(AHEAD, lats.shape[0] - i)):  # a loop of its own: these looks into memory do not wait for each other
                row, col = (np.int64(lats[i + k]) + POLE) >> CELL_BITS, (np.int64(lons[i + k]) + HALF_TURN) >> CELL_BITS
                code = tiles[(row >> 4) * TILE_COLS + (col >> 4)]
                if code < 0:
                    code = blocks[~code, ((row & 15) << 4) | (col & 15)]
                places[k] = ~code
                if code < 0:
                    code = mixed[~code]
                codes[k] = code
        if n > room:
            return i
        lat, lon = np.int64(lats[i]), np.int64(lons[i])
        code, at = codes[(i - done) % AHEAD], np.int64(places[(i - done) % AHEAD])
        if abs(lon) == HALF_TURN:
            n = members_at(tiles, blocks, mixed, set_start, set_zones, tree_edges, tree_nodes, tree_zones, lat, lon, n, stack, out)
            n = members_at(tiles, blocks, mixed, set_start, set_zones, tree_edges, tree_nodes, tree_zones, lat, -lon, n, stack, out)
            n = sorted_once(out, start[i], n)
            start[i + 1] = n
            continue
        first, length = set_start[code], set_start[code + 1] - set_start[code]
        for j in range(WIDE):
            out[n + j] = set_zones[first + j]
        for j in range(WIDE, length):
            out[n + j] = set_zones[first + j]
        n += length
        if at >= 0:
            n = _add_bounded(mixed, tree_edges, tree_nodes, tree_zones, at, lat, lon, n, stack, out)
        start[i + 1] = n
    return lats.shape[0]


@kernel(types.void(*_CODE, _I4, _I4, _I4))
def _codes_at(tiles, blocks, lats, lons, out):
    for i in range(lats.shape[0]):
        out[i] = code_at(tiles, blocks, np.int64(lats[i]), np.int64(lons[i]))


@kernel(types.void(*_CODE, _I4, _I4, _I4, _I4, types.boolean[::1]))
def _unsettled(tiles, blocks, slots, lats, lons, last, out):
    for i in range(lats.shape[0]):
        row, col = (np.int64(lats[i]) + POLE) >> CELL_BITS, (np.int64(lons[i]) + HALF_TURN) >> CELL_BITS
        code = tiles[(row >> 4) * TILE_COLS + (col >> 4)]
        if code < 0:
            code = blocks[~code, ((row & 15) << 4) | (col & 15)]
        if code < 0 or abs(lons[i]) == HALF_TURN:
            code = NOT_WHOLE
        out[i] = code == NOT_WHOLE or code != last[slots[i]]
        last[slots[i]] = code


@kernel(types.void(*_GRID, types.boolean[::1], types.boolean[::1], _I4, _I4, types.boolean[::1]))
def _any_at(tiles, blocks, mixed, set_start, set_zones, tree_edges, tree_nodes, tree_zones, chosen, codes, lats, lons, out):
    stack = np.empty(STACK_MAX, np.int64)
    members = np.empty(tree_zones.shape[0] + WIDE, np.int32)
    for i in range(lats.shape[0]):
        lat, lon = np.int64(lats[i]), np.int64(lons[i])
        row, col = (lat + POLE) >> CELL_BITS, (lon + HALF_TURN) >> CELL_BITS
        code = tiles[(row >> 4) * TILE_COLS + (col >> 4)]
        if code < 0:
            code = blocks[~code, ((row & 15) << 4) | (col & 15)]
        if code >= 0 and abs(lon) != HALF_TURN:
            out[i] = codes[code]
            continue
        for turn in range(2 if abs(lon) == HALF_TURN else 1):
            far = lon if turn == 0 else -lon
            n = members_at(tiles, blocks, mixed, set_start, set_zones, tree_edges, tree_nodes, tree_zones, lat, far, 0, stack, members)
            for k in range(n):
                out[i] = out[i] or chosen[members[k]]
