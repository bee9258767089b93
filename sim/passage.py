"""Ways over water: from one place to another without touching land. May hold: the water grid, the shortest way on it. May not: vessels, ports.

Theory. The region is cut into about CELLS square cells; each centre knows how far off the coast it lies. Two neighbours are joined where the
circles of water around them cover the line between them, so a way from neighbour to neighbour cannot cross land, not even a thin
cape: that is proven by distance, not sampled. Going close to the coast costs more, so ships stand off where they can. The way is
then drawn straight wherever a line keeps as far off as the piece of the way that it replaces (or SHY_NM). Each leg remembers how much room it has:
a vessel may keep to starboard of it by less than that. Legs are straight in latitude and longitude, as plans are (`motion.py`).

Narrow waters that a grid of this size cannot see are closed; the largest body of connected water is the sea, others (a lake, a sea
behind a canal) are left out. Longitudes run on beyond 180 in a region that crosses the date line.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.geo import FULL_TURN, HALF_TURN
from dogwatch.kernel import kernel
from sim.sea import Point, Region, coast
from zones.shore import edge_distance_nm

CELLS = 400_000
CELL_NM_MIN = 0.3
SHY_NM, SHY_COST = 5.0, 3.0  # nearer than this a mile costs more, at the shore (1 + SHY_COST) times
OFF_NM_MIN = 0.1  # a cell nearer to the coast is no way for ships
EXACT = 1.02  # the plane of every pair of points differs a little: a little more than enough is asked for
NONE = -1


@dataclass(frozen=True, slots=True)
class Way:
    """A line over water: float64[n] degrees; `room_nm` float64[n - 1], how far off the coast each leg keeps at least; `length_nm`."""

    lat: np.ndarray
    lon: np.ndarray
    room_nm: np.ndarray
    length_nm: float

    def back(self) -> Way:
        """The same line the other way round."""
        return Way(self.lat[::-1].copy(), self.lon[::-1].copy(), self.room_nm[::-1].copy(), self.length_nm)

    def beside(self, aside_nm: float) -> list[Point]:
        """The line kept to starboard by `aside_nm`, less where there is less room; both ends stay."""
        if len(self.lat) < 3:
            return list(zip(self.lat.tolist(), self.lon.tolist(), strict=True))
        scale = np.cos(np.radians(self.lat))
        y, x = np.diff(self.lat), np.diff(self.lon) * (scale[1:] + scale[:-1]) / 2
        length = np.maximum(np.hypot(x, y), 1e-9)
        north, east = (-x / length), (y / length)
        north, east = north[1:] + north[:-1], east[1:] + east[:-1]
        size = np.maximum(np.hypot(north, east), 1e-6)
        shift_deg = np.minimum(aside_nm, 0.7 * np.minimum(self.room_nm[1:], self.room_nm[:-1])) / 60 / size
        lat, lon = self.lat.copy(), self.lon.copy()
        lat[1:-1] += north * shift_deg
        lon[1:-1] += east * shift_deg / scale[1:-1]
        return list(zip(lat.tolist(), lon.tolist(), strict=True))


class Waters:
    """The water grid of a region. Cells are numbered row by row from the south-west; ways are kept once found. Not thread-safe."""

    def __init__(self, region: Region) -> None:
        south, west, north, east = region
        east += 360.0 * (east < west)
        middle = math.cos(math.radians((south + north) / 2))
        self.cell_nm = max(CELL_NM_MIN, 60 * math.sqrt((north - south) * (east - west) * middle / CELLS))
        self.rows, self.cols = (max(3, math.ceil(span * 60 / self.cell_nm)) for span in (north - south, (east - west) * middle))
        self.step_lat, self.step_lon = (north - south) / self.rows, (east - west) / self.cols
        self.south, self.west = south, west
        self.cap_nm = max(SHY_NM + 1, 1.5 * self.cell_nm)
        self.off_nm = self._measure()
        self.across_nm = self.step_lon * 60 * np.cos(np.radians(self.south + (np.arange(self.rows) + 0.5) * self.step_lat))
        self.at_sea = self._largest_body()
        self._ways: dict[tuple[int, int], Way | None] = {}

    def centre(self, cell: int) -> Point:
        """Latitude, longitude of a cell's centre."""
        return self.south + (cell // self.cols + 0.5) * self.step_lat, self.west + (cell % self.cols + 0.5) * self.step_lon

    def cell_near(self, place: Point, within_nm: float) -> int:
        """The nearest cell of the sea, or NONE when there is none within that distance."""
        cells, away_nm, _ = self._cells_near(place, within_nm)
        return int(cells[np.argmin(away_nm)]) if len(cells) else NONE

    def roomy_cells(self, place: Point, within_nm: float, off_nm: float) -> np.ndarray:
        """int64[n]: cells of the sea within a distance of a place that lie `off_nm` off the coast, or as far as any there does."""
        cells, _, off = self._cells_near(place, within_nm)
        return cells[off >= min(off_nm, off.max(initial=0.0))]

    def _cells_near(self, place: Point, within_nm: float) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Cells of the sea within a distance of a place: their numbers, how far away, how far off the coast."""
        row, col = (place[0] - self.south) / self.step_lat - 0.5, ((place[1] - self.west) % 360) / self.step_lon - 0.5
        reach = int(within_nm / (self.step_lat * 60)) + 1
        low, high = sorted((min(max(0, int(row) - reach), self.rows), min(max(0, int(row) + reach + 2), self.rows)))
        wide = int(within_nm / max(0.05, float(self.across_nm[low:high].min(initial=self.cell_nm)))) + 1
        left, right = max(0, int(col) - wide), max(0, int(col) + wide + 2)
        rows, cols = np.nonzero(self.at_sea[low:high, left:right])
        rows, cols = rows + low, cols + left
        away_nm = np.hypot((rows - row) * self.step_lat * 60, (cols - col) * self.across_nm[rows])
        near = away_nm <= within_nm
        return (rows * self.cols + cols)[near], away_nm[near], self.off_nm[rows[near], cols[near]]

    def way(self, start: int, end: int, others: Sequence[int] = ()) -> Way | None:
        """The way from cell to cell; None when the sea does not join them.

        It is always looked for from the cell with the smaller number, so that it depends on its ends alone, not on what was asked before, and the way back
        is the same line. One search finds those from there to `others` too, which will be asked for.
        """
        first, last = min(start, end), max(start, end)
        if (first, last) not in self._ways:
            self.explore(first, [last, *others])
        way = self._ways[first, last]
        return way.back() if way and start != first else way

    def explore(self, start: int, ends: Sequence[int]) -> None:
        """Find the ways from one cell to those of many at once whose number is larger."""
        todo = [end for end in dict.fromkeys(ends) if end >= start and (start, end) not in self._ways]
        if not todo:
            return
        before = np.empty(self.rows * self.cols, np.int32)
        _spread(self.off_nm, self.at_sea, self.across_nm, self.step_lat * 60, start, np.array(todo, np.int64), before)
        for end in todo:
            self._ways[start, end] = None if before[end] == NONE else self._straight(before, start, end)

    def _straight(self, before: np.ndarray, start: int, end: int) -> Way:
        cells = [end]
        while cells[-1] != start:
            cells.append(int(before[cells[-1]]))
        path = np.array(cells[::-1], np.int64)
        kept, room_nm = np.empty(len(path), np.int64), np.empty(len(path), np.float64)
        n = _straighten(self.off_nm, self.across_nm, self.step_lat * 60, path, kept, room_nm)
        lat, lon = (np.array(column) for column in zip(*map(self.centre, kept[:n].tolist()), strict=True))
        x, y = np.diff(lon) * np.cos(np.radians((lat[1:] + lat[:-1]) / 2)), np.diff(lat)
        return Way(lat, lon, room_nm[: n - 1].copy(), float(np.hypot(x, y).sum() * 60))

    def _measure(self) -> np.ndarray:
        """float32[rows, cols]: distance of each centre to the coast, cap_nm where it is farther, 0 on land."""
        lat = np.rint((self.south + (np.arange(self.rows) + 0.5) * self.step_lat) * UNITS_PER_DEG).astype(np.int64)
        lon = np.rint((self.west + (np.arange(self.cols) + 0.5) * self.step_lon) * UNITS_PER_DEG).astype(np.int64)
        off_nm = np.full((self.rows, self.cols), self.cap_nm, np.float32)
        _stamp(coast().edges, lat, lon, self.cap_nm, off_nm)
        wrapped = (np.tile(lon, self.rows) + HALF_TURN) % FULL_TURN - HALF_TURN
        off_nm[coast().on_land(np.repeat(lat, self.cols), wrapped).reshape(off_nm.shape)] = 0
        return off_nm

    def _largest_body(self) -> np.ndarray:
        body = np.zeros((self.rows, self.cols), np.int32)
        sizes = _bodies(self.off_nm, self.across_nm, self.step_lat * 60, body)
        return body == (int(np.argmax(sizes)) + 1 if sizes.max() else NONE)


@lru_cache(maxsize=4)
def waters(region: Region) -> Waters:
    """The water grid of a region (south, west, north, east in degrees), made once."""
    return Waters(region)


@kernel()
def _stamp(edges, lat, lon, cap_nm, off_nm):
    """Lower every cell within cap_nm of an edge to its distance. lat, lon: centres in units, lon not wrapped."""
    step_lat, step_lon = lat[1] - lat[0], lon[1] - lon[0]
    cap = int(cap_nm * UNITS_PER_DEG / 60) + 1
    for e in range(edges.shape[0]):
        low, high = min(edges[e, 0], edges[e, 2]), max(edges[e, 0], edges[e, 2])
        if high + cap < lat[0] or low - cap > lat[-1]:
            continue
        thin = max(0.05, math.cos(max(abs(low - cap), abs(high + cap)) / UNITS_PER_DEG * math.pi / 180))
        wide = int(cap / thin) + 1
        left, right = min(edges[e, 1], edges[e, 3]), max(edges[e, 1], edges[e, 3])
        for turn in range(-1, 2):
            west, east = left + turn * FULL_TURN - wide, right + turn * FULL_TURN + wide
            if east < lon[0] or west > lon[-1]:
                continue
            for i in range(max(0, (low - cap - lat[0]) // step_lat), min(lat.shape[0], (high + cap - lat[0]) // step_lat + 2)):
                for j in range(max(0, (west - lon[0]) // step_lon), min(lon.shape[0], (east - lon[0]) // step_lon + 2)):
                    d = edge_distance_nm(
                        lat[i], lon[j] - turn * FULL_TURN, np.int64(edges[e, 0]), np.int64(edges[e, 1]), np.int64(edges[e, 2]), np.int64(edges[e, 3])
                    )
                    off_nm[i, j] = min(off_nm[i, j], d)


@kernel()
def _joined(off_nm, across_nm, up_nm, row, col, d_row, d_col):
    """Length of the step to a neighbour, or -1 where the water around both does not cover it."""
    to_row, to_col = row + d_row, col + d_col
    if to_row < 0 or to_col < 0 or to_row >= off_nm.shape[0] or to_col >= off_nm.shape[1] or off_nm[to_row, to_col] < OFF_NM_MIN:
        return -1.0
    length = math.hypot(d_row * up_nm, d_col * (across_nm[row] + across_nm[to_row]) / 2)
    return length if off_nm[row, col] + off_nm[to_row, to_col] > EXACT * length else -1.0


@kernel()
def _bodies(off_nm, across_nm, up_nm, body):
    """Number the bodies of connected water from 1; returns their sizes."""
    cols = off_nm.shape[1]
    stack, sizes = np.empty(off_nm.size, np.int64), [0]
    for start in range(off_nm.size):
        if body[start // cols, start % cols] != 0 or off_nm[start // cols, start % cols] < OFF_NM_MIN:
            continue
        number = len(sizes)
        body[start // cols, start % cols] = number
        stack[0], top, size = start, 1, 0
        while top > 0:
            top -= 1
            row, col = stack[top] // cols, stack[top] % cols
            size += 1
            for d_row in range(-1, 2):
                for d_col in range(-1, 2):
                    if _joined(off_nm, across_nm, up_nm, row, col, d_row, d_col) > 0 and body[row + d_row, col + d_col] == 0:
                        body[row + d_row, col + d_col] = number
                        stack[top] = (row + d_row) * cols + col + d_col
                        top += 1
        sizes.append(size)
    return np.array(sizes[1:] if len(sizes) > 1 else [0])


@kernel()
def _spread(off_nm, at_sea, across_nm, up_nm, start, ends, before):
    """Dijkstra from a cell until all ends are settled: before[cell] is the cell it was reached from, NONE where it was not."""
    cols = off_nm.shape[1]
    before[:] = NONE
    cost, settled = np.full(off_nm.size, np.inf), np.zeros(off_nm.size, np.uint8)
    if not at_sea[start // cols, start % cols]:
        return
    cost[start], before[start] = 0.0, start
    wanted, open_ends = np.zeros(off_nm.size, np.uint8), 0
    for end in ends:
        open_ends += 1 - wanted[end]
        wanted[end] = 1
    keys, cells, size = np.empty(8 * off_nm.size), np.empty(8 * off_nm.size, np.int64), 1  # a cell is improved by each neighbour once at most
    keys[0], cells[0] = 0.0, start
    while size > 0 and open_ends > 0:
        cell = cells[0]
        size -= 1
        _sink(keys, cells, size)
        if settled[cell]:
            continue
        settled[cell] = 1
        open_ends -= wanted[cell]
        row, col = cell // cols, cell % cols
        for d_row in range(-1, 2):
            for d_col in range(-1, 2):
                other = (row + d_row) * cols + col + d_col
                if other < 0 or other >= off_nm.size or settled[other]:
                    continue
                length = _joined(off_nm, across_nm, up_nm, row, col, d_row, d_col)
                if length <= 0:
                    continue
                near = 2 - min(1.0, off_nm[row, col] / SHY_NM) - min(1.0, off_nm[row + d_row, col + d_col] / SHY_NM)
                dear = cost[cell] + length * (1 + SHY_COST / 2 * near)
                if dear < cost[other]:
                    cost[other], before[other] = dear, cell
                    _rise(keys, cells, size, dear, other)
                    size += 1


@kernel()
def _rise(keys, cells, size, key, cell):
    """Add to a heap of `size` entries."""
    at = size
    while at > 0 and keys[(at - 1) // 2] > key:
        keys[at], cells[at] = keys[(at - 1) // 2], cells[(at - 1) // 2]
        at = (at - 1) // 2
    keys[at], cells[at] = key, cell


@kernel()
def _sink(keys, cells, size):
    """Take the first of a heap away: the last of its `size` + 1 entries finds its place from the top."""
    key, cell, at = keys[size], cells[size], 0
    while 2 * at + 1 < size:
        child = 2 * at + 1
        child += child + 1 < size and keys[child + 1] < keys[child]
        if keys[child] >= key:
            break
        keys[at], cells[at] = keys[child], cells[child]
        at = child
    keys[at], cells[at] = key, cell


@kernel()
def _room(off_nm, across_nm, up_nm, a, b):
    """How far off the coast the straight line between two cells keeps at least, from the cells that it passes; below 0: it might touch."""
    cols = off_nm.shape[1]
    row, col, d_row, d_col = a // cols, a % cols, b // cols - a // cols, b % cols - a % cols
    steps = max(1, 2 * max(abs(d_row), abs(d_col)))
    least = np.inf
    for k in range(steps + 1):
        y, x = row + d_row * k / steps, col + d_col * k / steps
        i, j = int(y + 0.5), int(x + 0.5)
        least = min(least, off_nm[i, j] - EXACT * math.hypot((y - i) * up_nm, (x - j) * across_nm[i]))
    widest = max(across_nm[row], across_nm[row + d_row])
    return least - EXACT * math.hypot(d_row * up_nm, d_col * widest) / steps / 2


@kernel()
def _straighten(off_nm, across_nm, up_nm, path, kept, room_nm):
    """Keep the cells of a path at which it must bend; returns how many. room_nm[i]: of the leg from kept[i]."""
    cols, n = off_nm.shape[1], 1
    kept[0], here = path[0], 0
    while here < path.shape[0] - 1:
        low, high, best = 1, path.shape[0] - 1 - here, 1  # the longest straight leg, by doubling and halving
        step, blocked = 2, False
        room = _joined_room(off_nm, across_nm, up_nm, path[here], path[here + 1])
        while low < high:
            step = min(high, 2 * low) if not blocked else (low + high + 1) // 2
            nearest = SHY_NM
            for k in range(here, here + step + 1):
                nearest = min(nearest, off_nm[path[k] // cols, path[k] % cols])
            found = _room(off_nm, across_nm, up_nm, path[here], path[here + step])
            if found >= max(OFF_NM_MIN, nearest - 1.5 * up_nm):
                low, best, room = step, step, found
            else:
                high, blocked = step - 1, True
        room_nm[n - 1] = room
        here += best
        kept[n] = path[here]
        n += 1
    return n


@kernel()
def _joined_room(off_nm, across_nm, up_nm, a, b):
    """How far off the coast the step between two neighbours keeps at least: the circles of water around both cover it."""
    cols = off_nm.shape[1]
    length = _joined(off_nm, across_nm, up_nm, a // cols, a % cols, b // cols - a // cols, b % cols - a % cols)
    return (off_nm[a // cols, a % cols] + off_nm[b // cols, b % cols] - length) / 2
