"""Builds the cell grid of `grid.py` from an edge tree. May hold: the cutting of edges into tiles and cells. May not: files, answers.

Theory. Three steps, each one kernel over everything, which stops where it finds no room and goes on after its arrays grew:
1. every zone against the tiles: a tile that its edges touch is listed with those edges; a tile between them is inside
   or not, as its centre is (asked of the tree once for a run of untouched tiles in a row). Zones that have a buffer or
   are lines are compared by distance: a tile farther from every edge than its own half diagonal is all in or all out.
2. the tiles, sorted: those with no boundary get the code of their set, the others a block.
3. every cell of a block the same way, from the centre of the tile and the edges that touch the tile.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import from_dtype, types

from dogwatch.geo import FULL_TURN, HALF_TURN, cos_lat
from dogwatch.kernel import kernel
from zones.grid import ASK_TREE, CELL_BITS, CELLS_OF_TILE, TILE_BITS, TILE_COLS, TILE_ROWS, WIDE, ZoneGrid
from zones.polygons import EDGES, NM_PER_UNIT, NODES, STACK, STACK_MAX, ZONES, EdgeTree, distance, inside_tree
from zones.shore import POLE, side

FULL, TOUCHED, BY_DISTANCE = 0, 1, 2
PAIR_DTYPE = np.dtype([("tile", "<i4"), ("zone", "<i4"), ("kind", "<i4"), ("first", "<i4"), ("count", "<i4")])
# cells with a boundary while they are built. code: set of the zones that cover the cell whole; entries [first, first + count)
MIXED_DTYPE = np.dtype([("code", "<i4"), ("first", "<i4"), ("count", "<i4")])
ENTRY_DTYPE = np.dtype([("zone", "<i4"), ("centre", "<i4"), ("first", "<i4"), ("count", "<i4")])
STEEP_LAT = 48_000_000  # 80 degrees: nearer a pole the plane of a distance bends too much to compare whole cells by it
SLACK_NM = 0.05
HASH_FACTOR = 1_000_003
_PAIRS, _MIXED, _ENTRY, _I4, _BYTES = (
    from_dtype(PAIR_DTYPE)[::1],
    from_dtype(MIXED_DTYPE)[::1],
    from_dtype(ENTRY_DTYPE)[::1],
    types.int32[::1],
    types.uint8[::1],
)


def build_grid(tree: EdgeTree, held: np.ndarray | None = None) -> ZoneGrid:
    """The grid over the zones of a tree with held[z] (bool; all where None); the others hold no position."""
    marks = np.ones(len(tree.zones), np.bool_) if held is None else np.ascontiguousarray(held, np.bool_)
    pairs, tile_edges = _pairs(tree, marks)
    order = np.argsort(pairs["tile"], kind="stable")
    pairs = np.ascontiguousarray(pairs[order])
    parts = _Parts(pairs, len(tree.zones))
    starts = np.concatenate([np.flatnonzero(np.diff(pairs["tile"], prepend=-1)), [len(pairs)]]).astype(np.int32)
    done = 0
    while True:
        done = _refine(tree.edges, tree.nodes, tree.zones, pairs, starts, tile_edges, done, *parts.arrays())
        if done == len(starts) - 1:
            return parts.grid(tree)
        parts.grow()


def _pairs(tree: EdgeTree, marks: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(PAIR_DTYPE[p] in the order of the zones, int32[] the edges that they point to)."""
    room, edges_room = 1 << 14, 1 << 14
    while True:
        pairs, tile_edges, counts = np.zeros(room, PAIR_DTYPE), np.zeros(edges_room, np.int32), np.zeros(2, np.int64)
        if _find_pairs(tree.edges, tree.nodes, tree.zones, _edge_ranges(tree), marks, pairs, tile_edges, counts):
            return pairs[: counts[0]], tile_edges[: counts[1]]
        room, edges_room = 4 * room, 4 * edges_room


def _edge_ranges(tree: EdgeTree) -> np.ndarray:
    """int32[z + 1]: the edges of zone z are [z], [z + 1)."""
    firsts = np.zeros(len(tree.zones) + 1, np.int32)
    firsts[-1] = len(tree.edges)
    for z in range(len(tree.zones)):
        node = tree.nodes[tree.zones[z]["root"]]
        while node["count"] > 0:
            node = tree.nodes[node["first"]]
        firsts[z] = node["first"]
    return firsts


class _Parts:
    """The growing arrays of a grid. counts: blocks, mixed cells, entries, edges, sets, zones in sets."""

    def __init__(self, pairs: np.ndarray, zones: int) -> None:
        self.tiles = np.zeros(TILE_ROWS * TILE_COLS, np.int32)
        self.counts = np.zeros(6, np.int64)
        self.counts[4] = 1  # code 0, the empty set
        self.growing: list[np.ndarray] = [
            np.zeros((64, CELLS_OF_TILE), np.int32),
            np.zeros(4096, MIXED_DTYPE),
            np.zeros(4096, ENTRY_DTYPE),
            np.zeros((4096, 4), np.int32),
            np.zeros(4096, np.int32),
            np.zeros(4096, np.int32),
        ]
        self.hash = np.zeros(1 << 13, np.int32)

    def arrays(self) -> tuple[Any, ...]:
        return (self.tiles, *self.growing, self.hash, self.counts)

    def grow(self) -> None:
        self.growing = [np.concatenate([a, np.zeros_like(a)]) for a in self.growing]
        self.hash = np.zeros(2 * len(self.hash), np.int32)
        _rehash(self.growing[4], self.growing[5], int(self.counts[4]), self.hash)

    def grid(self, tree: EdgeTree) -> ZoneGrid:
        blocks, mixed, entries, edges, set_start, set_zones = self.growing
        n_blocks, n_mixed, n_entries, n_edges, n_sets, n_members = self.counts.tolist()
        packed = np.empty(2 * n_mixed + 2 * n_entries + 4 * n_edges, np.int32)
        blocks = np.ascontiguousarray(blocks[:n_blocks])
        _pack(mixed[:n_mixed], entries, edges, packed, blocks)
        members = np.concatenate([set_zones[:n_members], np.zeros(WIDE, np.int32)])
        return ZoneGrid(self.tiles, blocks, packed, np.ascontiguousarray(set_start[: n_sets + 1]), members, tree)


@kernel("UniTuple(int64, 2)(int64, int64, int64, int64, int64, int64)")
def _reach(lat_a, lon_a, lat_b, lon_b, south, north):
    """(west, east) of an edge between two latitudes, both ends widened by a unit so that rounding loses nothing."""
    if lat_a > lat_b:
        lat_a, lon_a, lat_b, lon_b = lat_b, lon_b, lat_a, lon_a
    if lat_a == lat_b:
        return max(-HALF_TURN, min(lon_a, lon_b)), min(HALF_TURN, max(lon_a, lon_b))
    low = lon_a + (lon_b - lon_a) * (max(south, lat_a) - lat_a) // (lat_b - lat_a)
    high = lon_a + (lon_b - lon_a) * (min(north, lat_b) - lat_a) // (lat_b - lat_a)
    return max(-HALF_TURN, min(low, high) - 1), min(HALF_TURN, max(low, high) + 1)


@kernel("float64(int64, int64)")
def _half_diagonal_nm(south, size):
    """Half the diagonal of a square of `size` units, a little too long."""
    widest = cos_lat(0) if south <= 0 <= south + size else max(cos_lat(south), cos_lat(south + size))
    return 1.02 * NM_PER_UNIT * 0.5 * size * np.sqrt(1.0 + widest * widest) + SLACK_NM


@kernel(types.int64(EDGES, NODES, ZONES, types.int64, types.int64, types.int64, types.int64, STACK))
def _by_distance(edges, nodes, zones, z, south, west, size, stack):
    """Is a square with this corner all within a zone with buffer (1), all outside (0), or must be asked (2)?"""
    if max(abs(south), abs(south + size)) > STEEP_LAT:
        return 2
    half_nm = _half_diagonal_nm(south, size)
    buffer_nm = zones[z]["buffer_nm"]
    lat, lon = south + size // 2, west + size // 2
    edge_nm = distance(edges, nodes, zones[z]["root"], lat, lon, buffer_nm + half_nm + SLACK_NM, stack)
    if edge_nm + half_nm <= buffer_nm:
        return 1
    if edge_nm <= buffer_nm + half_nm:
        return 2
    return 1 if zones[z]["is_area"] and inside_tree(edges, nodes, zones[z]["root"], lat, lon, stack) else 0


# Flat: one pass over all zones that shares its stamps.
@kernel(types.boolean(EDGES, NODES, ZONES, _I4, types.boolean[::1], _PAIRS, _I4, types.int64[::1]))
def _find_pairs(edges, nodes, zones, ranges, marks, pairs, tile_edges, counts):
    """Step 1. counts: pairs, tile edges. False when there was no room."""
    size = 1 << TILE_BITS
    stack = np.empty(STACK_MAX, np.int64)
    stamp = np.full(TILE_ROWS * TILE_COLS, -1, np.int32)
    n, n_edges = 0, 0
    for z in range(zones.shape[0]):
        if not marks[z]:
            continue
        root = zones[z]["root"]
        south, north, west, east = nodes[root]["south"], nodes[root]["north"], nodes[root]["west"], nodes[root]["east"]
        plain = zones[z]["is_area"] != 0 and zones[z]["buffer_nm"] == 0.0
        if not plain:
            widen = int(zones[z]["buffer_nm"] / NM_PER_UNIT) + 2
            south, north = max(-POLE, south - widen), min(POLE, north + widen)
            aside = int(widen / cos_lat(max(abs(south), abs(north)))) + 2
            west, east = west - aside, east + aside
            if max(abs(south), abs(north)) > STEEP_LAT or east - west >= FULL_TURN:
                west, east = -HALF_TURN, HALF_TURN
        row_first, row_last = (south + POLE) >> TILE_BITS, (north + POLE) >> TILE_BITS
        mine = n
        for turn in range(2 if plain else 0):  # first count the edges of each tile, then list them
            if turn == 1:
                for k in range(mine, n):
                    pairs[k]["first"] = n_edges
                    n_edges += pairs[k]["count"]
                    pairs[k]["count"] = 0
                if n_edges > tile_edges.shape[0]:
                    return False
            for e in range(ranges[z], ranges[z + 1]):
                lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
                for row in range((min(lat_a, lat_b) + POLE) >> TILE_BITS, ((max(lat_a, lat_b) + POLE) >> TILE_BITS) + 1):
                    low, high = _reach(lat_a, lon_a, lat_b, lon_b, row * size - POLE, (row + 1) * size - POLE)
                    for col in range((low + HALF_TURN) >> TILE_BITS, ((high + HALF_TURN) >> TILE_BITS) + 1):
                        tile = row * TILE_COLS + col
                        if stamp[tile] < mine:
                            if n == pairs.shape[0]:
                                return False
                            stamp[tile] = n
                            pairs[n]["tile"], pairs[n]["zone"], pairs[n]["kind"], pairs[n]["count"] = tile, z, TOUCHED, 0
                            n += 1
                        p = stamp[tile]
                        if turn == 1:
                            tile_edges[pairs[p]["first"] + pairs[p]["count"]] = e
                        pairs[p]["count"] += 1
        for row in range(row_first, row_last + 1):
            state = -1  # of the tile before; -1 when it must be asked
            col_first = (west + HALF_TURN) >> TILE_BITS
            for step in range(((east + HALF_TURN) >> TILE_BITS) - col_first + 1):
                col = (col_first + step) % TILE_COLS
                tile = row * TILE_COLS + col
                if stamp[tile] >= mine:  # touched, or the other end of a turn around the world
                    state = -1
                    continue
                lat, lon = row * size - POLE, col * size - HALF_TURN
                if not plain:
                    state = _by_distance(edges, nodes, zones, z, lat, lon, size, stack)
                elif state < 0:
                    state = 1 if inside_tree(edges, nodes, root, lat + size // 2, lon + size // 2, stack) else 0
                if state == 0:
                    continue
                if n == pairs.shape[0]:
                    return False
                stamp[tile] = n
                pairs[n]["tile"], pairs[n]["zone"], pairs[n]["kind"] = tile, z, FULL if state == 1 else BY_DISTANCE
                n += 1
    counts[0], counts[1] = n, n_edges
    return True


@kernel(types.int64(_I4, types.int64, types.int64, types.int64))
def _place(set_zones, first, end, mask):
    h = types.int64(1469)
    for j in range(first, end):
        h = (h * HASH_FACTOR + set_zones[j] + 1) & 0x7FFFFFFFFFFF
    return (h ^ (h >> 17)) & mask


@kernel(types.void(_I4, _I4, types.int64, _I4))
def _rehash(set_start, set_zones, sets, table):
    for code in range(1, sets):
        at = _place(set_zones, set_start[code], set_start[code + 1], table.shape[0] - 1)
        while table[at] != 0:
            at = (at + 1) & (table.shape[0] - 1)
        table[at] = code


@kernel(types.int32(_I4, _I4, _I4, types.int64[::1], types.int64))
def _code_of(set_start, set_zones, table, counts, end):
    """The code of the set that was written behind the known ones, up to `end`; keeps it when it is new."""
    first = counts[5]
    if end == first:
        return 0
    at = _place(set_zones, first, end, table.shape[0] - 1)
    while table[at] != 0:
        code = table[at]
        start = set_start[code]
        if set_start[code + 1] - start == end - first:
            same = True
            for j in range(end - first):
                same = same and set_zones[start + j] == set_zones[first + j]
            if same:
                return code
        at = (at + 1) & (table.shape[0] - 1)
    code = counts[4]
    table[at] = code
    set_start[code], set_start[code + 1] = first, end
    counts[4], counts[5] = code + 1, end
    return code


@kernel("UniTuple(boolean, 2)(int64, int64, int64, int64, int64, int64, int64, int64)")
def _crossed(lat_a, lon_a, lat_b, lon_b, lat, lon, lat_c, lon_c):
    """Does an edge cross the walk from a point along its parallel, and then along the meridian to the centre? (`grid.py`)"""
    d_y, d_x = lat_b - lat_a, lon_b - lon_a
    s_q = d_x * (lat - lat_a) - d_y * (lon_c - lon_a)
    first = second = False
    if (lat_a > lat) != (lat_b > lat):
        s = d_x * (lat - lat_a) - d_y * (lon - lon_a)
        first = (s > 0 if d_y > 0 else s < 0) != (s_q > 0 if d_y > 0 else s_q < 0)
    if (lon_a > lon_c) != (lon_b > lon_c):
        s_c = d_x * (lat_c - lat_a) - d_y * (lon_c - lon_a)
        if d_x < 0:
            d_y, s_q, s_c = -d_y, -s_q, -s_c
        second = (s_q < 0 or (s_q == 0 and d_y > 0)) != (s_c < 0 or (s_c == 0 and d_y > 0))
    return first, second


@kernel(types.void(EDGES, _I4, types.int64, types.int64, types.int64, types.int64, types.int32[:, ::1], types.int64))
def _count_edges(edges, tile_edges, first, count, south, west, counts, k):
    """counts[k, cell] of the cells of a tile: edges that touch them."""
    size = 1 << CELL_BITS
    for m in range(first, first + count):
        e = tile_edges[m]
        lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
        for row in range(max(0, (min(lat_a, lat_b) - south) >> CELL_BITS), min(15, (max(lat_a, lat_b) - south) >> CELL_BITS) + 1):
            low, high = _reach(lat_a, lon_a, lat_b, lon_b, south + row * size, south + (row + 1) * size)
            for col in range(max(0, (low - west) >> CELL_BITS), min(15, (high - west) >> CELL_BITS) + 1):
                counts[k, (row << 4) | col] += 1


@kernel(types.void(EDGES, _I4, types.int64, types.int64, types.int64, types.int64, types.int32[:, ::1], types.int64, EDGES))
def _list_edges(edges, tile_edges, first, count, south, west, places, k, out):
    """Write the edges of every cell to out[places[k, cell]...], relative to the centre of the cell; -1 where they are not kept."""
    size = 1 << CELL_BITS
    for m in range(first, first + count):
        e = tile_edges[m]
        lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
        for row in range(max(0, (min(lat_a, lat_b) - south) >> CELL_BITS), min(15, (max(lat_a, lat_b) - south) >> CELL_BITS) + 1):
            low, high = _reach(lat_a, lon_a, lat_b, lon_b, south + row * size, south + (row + 1) * size)
            lat_c = south + row * size + size // 2
            for col in range(max(0, (low - west) >> CELL_BITS), min(15, (high - west) >> CELL_BITS) + 1):
                at, lon_c = places[k, (row << 4) | col], west + col * size + size // 2
                out[at, 0], out[at, 1], out[at, 2], out[at, 3] = lat_a - lat_c, lon_a - lon_c, lat_b - lat_c, lon_b - lon_c
                places[k, (row << 4) | col] = at + 1


@kernel(
    types.void(EDGES, NODES, ZONES, _I4, types.int64, types.int64, types.int64, types.int64, types.int64, _BYTES, types.int64, STACK),
)
def _sides(edges, nodes, zones, tile_edges, z, first, count, south, west, sides, k, stack):
    """sides[k * 256 + cell]: is the centre of each cell inside? By a walk from a point of the tile that lies on no edge."""
    size, half = 1 << CELL_BITS, 1 << (TILE_BITS - 1)
    lat_c, lon_c = south + half, west + half
    step, m = 0, 0
    while m < count:
        e = tile_edges[first + m]
        lat_a, lon_a, lat_b, lon_b = np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
        m += 1
        if side(lat_a, lon_a, lat_b, lon_b, lat_c, lon_c) == 0 and min(lat_a, lat_b) <= lat_c <= max(lat_a, lat_b):
            step, m = step + 1, 0  # along a parabola, of which a line holds two points at most
            lat_c, lon_c = south + half + step, west + half + step * step
    base = inside_tree(edges, nodes, zones[z]["root"], lat_c, lon_c, stack)
    for cell in range(CELLS_OF_TILE):
        lat, lon = south + (cell >> 4) * size + size // 2, west + (cell & 15) * size + size // 2
        inside = base
        for m in range(first, first + count):
            e = tile_edges[m]
            one, two = _crossed(np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3]), lat, lon, lat_c, lon_c)
            inside ^= one != two
        sides[k * CELLS_OF_TILE + cell] = inside


@kernel(
    types.int64(
        *(EDGES, NODES, ZONES, _PAIRS, _I4, _I4, types.int64, _I4, types.int32[:, ::1], _MIXED, _ENTRY, types.int32[:, ::1], _I4, _I4, _I4, types.int64[::1])
    ),
)
def _refine(edges, nodes, zones, pairs, starts, tile_edges, done, tiles, blocks, mixed, entries, local_edges, set_start, set_zones, table, counts):
    """Steps 2 and 3 from tile number `done` of the list; returns the first tile that found no room."""
    stack = np.empty(STACK_MAX, np.int64)
    for t in range(done, starts.shape[0] - 1):
        first, end = starts[t], starts[t + 1]
        width = end - first
        tile = pairs[first]["tile"]
        south, west = ((tile // TILE_COLS) << TILE_BITS) - POLE, ((tile % TILE_COLS) << TILE_BITS) - HALF_TURN
        rooms = (counts[4] + 258) * 2 < min(2 * set_start.shape[0], table.shape[0]) and counts[5] + 257 * width < set_zones.shape[0]
        rooms = rooms and counts[0] < blocks.shape[0] and counts[1] + 256 < mixed.shape[0] and counts[2] + 256 * width < entries.shape[0]
        if not rooms:
            return t
        n_edges = np.zeros((width, CELLS_OF_TILE), np.int32)
        sides = np.zeros(width * CELLS_OF_TILE, np.uint8)
        whole = True
        for k in range(width):
            pair = pairs[first + k]
            if pair["kind"] == TOUCHED:
                _count_edges(edges, tile_edges, pair["first"], pair["count"], south, west, n_edges, k)
            whole = whole and pair["kind"] == FULL
        if counts[3] + n_edges.sum() > local_edges.shape[0]:
            return t
        for k in range(width):
            pair = pairs[first + k]
            if pair["kind"] == FULL:
                sides[k * CELLS_OF_TILE : (k + 1) * CELLS_OF_TILE] = 1
            elif pair["kind"] == TOUCHED:
                _sides(edges, nodes, zones, tile_edges, pair["zone"], pair["first"], pair["count"], south, west, sides, k, stack)
            else:
                for cell in range(CELLS_OF_TILE):
                    lat, lon = south + ((cell >> 4) << CELL_BITS), west + ((cell & 15) << CELL_BITS)
                    state = _by_distance(edges, nodes, zones, pair["zone"], lat, lon, 1 << CELL_BITS, stack)
                    sides[k * CELLS_OF_TILE + cell] = state == 1
                    n_edges[k, cell] = ASK_TREE if state == 2 else 0
        block = counts[0]
        for cell in range(1 if whole else CELLS_OF_TILE):
            room, found, n = counts[5], counts[2], counts[2]
            for k in range(width):
                if n_edges[k, cell] != 0:
                    entries[n]["zone"], entries[n]["centre"] = pairs[first + k]["zone"], sides[k * CELLS_OF_TILE + cell]
                    entries[n]["first"], entries[n]["count"] = counts[3], n_edges[k, cell]
                    if n_edges[k, cell] > 0:
                        n_edges[k, cell], counts[3] = counts[3], counts[3] + n_edges[k, cell]
                    n += 1
                elif sides[k * CELLS_OF_TILE + cell] != 0:
                    set_zones[room] = pairs[first + k]["zone"]
                    room += 1
            code = _code_of(set_start, set_zones, table, counts, room)
            if n > found:
                m = counts[1]
                mixed[m]["code"], mixed[m]["first"], mixed[m]["count"] = code, found, n - found
                counts[1], counts[2] = m + 1, n
                code = ~np.int32(m)
            if whole:
                tiles[tile] = code
            else:
                blocks[block, cell] = code
        if whole:
            continue
        tiles[tile] = ~np.int32(block)
        counts[0] = block + 1
        for k in range(width):
            pair = pairs[first + k]
            if pair["kind"] == TOUCHED:
                _list_edges(edges, tile_edges, pair["first"], pair["count"], south, west, n_edges, k, local_edges)
    return starts.shape[0] - 1


@kernel(types.void(_MIXED, _ENTRY, EDGES, _I4, types.int32[:, ::1]))
def _pack(mixed, entries, edges, out, blocks):
    """Write every cell with a boundary in one piece, as `ZoneGrid` says, and let the blocks point there."""
    places = np.empty(mixed.shape[0], np.int64)
    n = 0
    for m in range(mixed.shape[0]):
        places[m] = n
        out[n], out[n + 1] = mixed[m]["code"], mixed[m]["count"]
        n += 2
        for k in range(mixed[m]["first"], mixed[m]["first"] + mixed[m]["count"]):
            first, count = entries[k]["first"], entries[k]["count"]
            out[n], out[n + 1] = entries[k]["zone"], ASK_TREE if count == ASK_TREE else 2 * count + entries[k]["centre"]
            n += 2
            for e in range(first, first + count):
                for side_of in range(4):
                    out[n + side_of] = edges[e, side_of]
                n += 4
    for b in range(blocks.shape[0]):
        for cell in range(CELLS_OF_TILE):
            if blocks[b, cell] < 0:
                blocks[b, cell] = ~np.int32(places[~blocks[b, cell]])
