"""Ways over water, and harbours at their ends: never over land, anywhere; the shortest that the grid has."""

from __future__ import annotations

import heapq
import math
from functools import cache
from itertools import pairwise

import numpy as np
import pytest

from sim.harbour import berths, edge_cells, harbours, within
from sim.passage import EXACT, NONE, OFF_NM_MIN, SHY_COST, SHY_NM, Waters, waters
from sim.sea import at_sea, shore_nm

STRAIT = (-42.9, 171.9, -39.4, 177.3)
REGIONS = [STRAIT, (-20.0, 172.0, -12.0, -174.0), (35.0, 20.0, 42.0, 30.0), (0.0, 100.0, 4.0, 106.0), (66.0, 10.0, 72.0, 32.0), (17.0, -66.0, 19.5, -60.0)]
RANDOM = 6  # regions more


def sampled(points: list[tuple[float, float]], metres: float = 60.0) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes along the legs of a line, `metres` apart or closer."""
    lats, lons = [], []
    for (lat0, lon0), (lat1, lon1) in pairwise(points):
        share = np.linspace(0, 1, 2 + int(math.hypot(lat1 - lat0, lon1 - lon0) * 111_000 / metres))
        lats.append(lat0 + share * (lat1 - lat0))
        lons.append(lon0 + share * (lon1 - lon0))
    return np.concatenate(lats), np.concatenate(lons)


@cache
def random_regions(count: int) -> list[tuple[float, float, float, float]]:
    """Boxes of 2 to 12 degrees around the world that have ports."""
    rng, found = np.random.default_rng(8), []
    while len(found) < count:
        south, west, size = float(rng.uniform(-55, 62)), float(rng.uniform(-180, 180)), float(rng.uniform(2, 12))
        region = (round(south, 2), round(west, 2), round(south + size, 2), round((west + size * 1.3 + 180) % 360 - 180, 2))
        if len(harbours(region)) >= 4 and len(edge_cells(region)) >= 2:
            found.append(region)
    return found


@pytest.mark.parametrize("number", range(len(REGIONS) + RANDOM))
def test_no_way_crosses_land(number):
    region = [*REGIONS, *random_regions(RANDOM)][number]
    sea, ends = waters(region), [harbour.cell for harbour in harbours(region)][:12] + list(edge_cells(region))[:4]
    assert len(ends) > 4
    sea.explore(ends[0], ends)
    ways = [way for way in (sea.way(ends[0], end) for end in ends[1:]) if way is not None]
    assert len(ways) == len(ends) - 1
    for way in ways:
        for aside_nm in (0.0, 0.6, 2.0):
            assert at_sea(*sampled(way.beside(aside_nm))).all()
        straight_nm = 60 * math.hypot(way.lat[-1] - way.lat[0], (way.lon[-1] - way.lon[0]) * math.cos(math.radians((way.lat[0] + way.lat[-1]) / 2)))
        assert way.length_nm >= 0.99 * straight_nm


def test_a_way_keeps_off_the_coast_and_has_the_room_that_it_says():
    sea, checked = waters(STRAIT), 0
    ends = edge_cells(STRAIT)
    for end in ends[1:]:
        way = sea.way(ends[0], end)
        assert way is not None
        for i, room_nm in enumerate(way.room_nm.tolist()):
            lat, lon = sampled([(float(way.lat[i]), float(way.lon[i])), (float(way.lat[i + 1]), float(way.lon[i + 1]))], 1000.0)
            nearest_nm = min(shore_nm(a, b) for a, b in zip(lat.tolist(), lon.tolist(), strict=True))
            assert nearest_nm >= room_nm - 0.02
            checked += 1
        assert way.room_nm[1:-1].min(initial=9.0) > 1.0, "the strait is wide: nobody need go near its shores"
    assert checked > 10


def test_there_and_back_are_one_way():
    sea, (a, b) = waters(STRAIT), [harbour.cell for harbour in harbours(STRAIT)][:2]
    there, back = sea.way(a, b), sea.way(b, a)
    assert there is not None
    assert back is not None
    assert there.beside(0.0) == back.beside(0.0)[::-1]
    north_bound, south_bound = (np.array(way.beside(0.5)) for way in (there, back))
    assert not np.allclose(north_bound, south_bound[::-1]), "each keeps to its own starboard"


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_way_depends_on_its_ends_alone(seed):
    """Whatever was asked of the same waters before, by a fleet or by another simulation of the process, the line is the same."""
    rng, ends = np.random.default_rng(seed), [harbour.cell for harbour in harbours(STRAIT)][:5] + list(edge_cells(STRAIT))[:3]
    pairs = [(a, b) for a in ends for b in ends if a != b]
    one, other = Waters(STRAIT), Waters(STRAIT)
    expected = {pair: one.way(*pair) for pair in pairs}
    for i in rng.permutation(len(pairs)).tolist():
        way, before = other.way(*pairs[i], others=rng.permutation(ends).tolist()), expected[pairs[i]]
        assert way is not None
        assert before is not None
        assert way.beside(0.5) == before.beside(0.5)


def test_the_grid_finds_what_a_plain_search_finds():
    """The slow twin: the same law of joined neighbours, written again, on a small grid."""
    sea = Waters((-41.6, 174.0, -41.0, 174.9))
    start, end = (int(c) for c in np.flatnonzero(sea.at_sea.ravel())[[5, -5]])

    def joined(a: int, b: int) -> float:
        (i, j), (k, m) = divmod(a, sea.cols), divmod(b, sea.cols)
        length = math.hypot((k - i) * sea.step_lat * 60, (m - j) * (sea.across_nm[i] + sea.across_nm[k]) / 2)
        off = [float(sea.off_nm[i, j]), float(sea.off_nm[k, m])]
        if min(off) < OFF_NM_MIN or sum(off) <= EXACT * length:
            return math.inf
        return length * (1 + SHY_COST * (1 - sum(min(1.0, o / SHY_NM) for o in off) / 2))

    cost, heap = {start: 0.0}, [(0.0, start)]
    while heap:
        paid, cell = heapq.heappop(heap)
        if cell == end:
            break
        for d_row in (-1, 0, 1):
            for d_col in (-1, 0, 1):
                row, col = cell // sea.cols + d_row, cell % sea.cols + d_col
                if (d_row or d_col) and 0 <= row < sea.rows and 0 <= col < sea.cols:
                    dear = paid + joined(cell, row * sea.cols + col)
                    if dear < cost.get(row * sea.cols + col, math.inf):
                        cost[row * sea.cols + col] = dear
                        heapq.heappush(heap, (dear, row * sea.cols + col))
    steps = _grid_path(sea, start, end)
    assert len(steps) > 20
    assert sum(joined(a, b) for a, b in pairwise(steps)) == pytest.approx(cost[end], rel=1e-6)


def _grid_path(sea: Waters, start: int, end: int) -> list[int]:
    from sim.passage import _spread

    before = np.empty(sea.rows * sea.cols, np.int32)
    _spread(sea.off_nm, sea.at_sea, sea.across_nm, sea.step_lat * 60, start, np.array([end]), before)
    steps = [end]
    while steps[-1] != start:
        steps.append(int(before[steps[-1]]))
    return steps[::-1]


def test_places_without_water_have_no_cell():
    sea = waters((46.0, 6.0, 48.0, 9.0))  # lakes apart, the Alps
    assert sea.cell_near((46.8, 8.2), 0.5) == NONE
    assert harbours((46.0, 6.0, 48.0, 9.0)) == ()


@pytest.mark.parametrize("region", [STRAIT, (-20.0, 172.0, -12.0, -174.0), (50.5, 2.0, 53.5, 5.5)], ids=str)
def test_berths_lie_along_quays_in_sight_of_the_approach(region):
    found = 0
    for harbour in harbours(region):
        assert within(region, ((harbour.at[0]), (harbour.at[1] + 180) % 360 - 180))
        places = berths(region, harbour)
        if not len(places):
            continue
        found += 1
        for lat, lon, heading in places[:: max(1, len(places) // 20)].tolist():
            assert 0 <= heading < 360
            assert at_sea(*sampled([waters(region).centre(harbour.cell), (lat, lon)])).all()
            assert shore_nm(lat, lon) < 0.5
            assert 60 * math.hypot(lat - harbour.at[0], (lon - harbour.at[1]) * math.cos(math.radians(lat))) < 2.1
    assert found >= 3
