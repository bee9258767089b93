"""The cell grid: zone ids equal to shapely's at a million points of every nasty kind, and to the slow twin's on a lattice of cell borders."""

from __future__ import annotations

import naive_zones as naive
import numpy as np
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.geo import FULL_TURN, HALF_TURN
from zones import rings
from zones.grid import ASK_TREE, CELL_BITS, CELLS_OF_TILE, NOT_WHOLE, TILE_BITS, ZoneGrid
from zones.gridding import build_grid
from zones.polygons import ALWAYS, build_tree

POLE, DEG = rings.POLE, 600_000
CELL, TILE = 1 << CELL_BITS, 1 << TILE_BITS


def zone_edges(shape) -> np.ndarray:
    return rings.edges_of(rings.flat_polygons(shape))


def grid_of(edges: list[np.ndarray], buffer_nm: float = 0.0) -> ZoneGrid:
    n = len(edges)
    return build_grid(build_tree(edges, [True] * n, [buffer_nm] * n, [ALWAYS] * n))


def table_of(grid: ZoneGrid, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    """bool[n, z] of `zones_at`."""
    start, zone = grid.zones_at(lat, lon)
    assert len(start) == len(lat) + 1
    assert start[-1] == len(zone)
    table = np.zeros((len(lat), len(grid.tree.zones)), bool)
    table[np.repeat(np.arange(len(lat)), np.diff(start)), zone] = True
    assert table.sum() == len(zone), "no zone twice"
    return table


def star_shape(rng, lat_deg, lon_deg, radius_nm, corners):
    """A ragged star in units, cut at 180 degrees."""
    ring = naive.star(rng, lat_deg, lon_deg, radius_nm, corners)
    raw = shapely.make_valid(shapely.Polygon(ring[:, ::-1]))
    frame, parts = shapely.box(-HALF_TURN, -POLE, HALF_TURN, POLE), []
    for turn in (-FULL_TURN, 0, FULL_TURN):
        moved = shapely.transform(raw, lambda xy, by=turn: xy + np.array([by, 0]))
        parts += rings.flat_polygons(shapely.intersection(moved, frame, grid_size=1.0))
    return shapely.union_all(np.array(parts, object), grid_size=1.0)


def nasty_shapes() -> list:
    """Holes and islands in them, shared edges, corners on cell and tile borders, tiny ones, poles, 180 degrees, a heap of one on another."""
    rng = np.random.default_rng(21)
    found = [star_shape(rng, rng.uniform(-75, 75), rng.uniform(-180, 180), rng.uniform(3, 500), int(rng.integers(4, 90))) for _ in range(16)]
    found += [star_shape(rng, lat, lon, 300, 50) for lat, lon in ((-50, 180.0), (0, -179.9), (72, 179.99))]
    found += [star_shape(rng, 40 + 0.01 * k, 20, 30 + k, 30) for k in range(8)]
    land = shapely.set_precision(star_shape(rng, 20, -30, 600, 40), 1.0)
    lake = shapely.box(-32 * DEG, 18 * DEG, -29 * DEG, 21 * DEG)
    island = shapely.box(-31 * DEG, 19 * DEG, -30 * DEG, 20 * DEG)
    found.append(shapely.set_precision(shapely.make_valid(land.difference(lake).union(island)), 1.0))
    corner_lat, corner_lon = 64 * TILE - POLE, 128 * TILE - HALF_TURN
    found += [shapely.box(corner_lon + a * CELL, corner_lat, corner_lon + (a + 3) * CELL, corner_lat + 5 * CELL) for a in (0, 3)]
    found.append(shapely.box(corner_lon - TILE, corner_lat - TILE, corner_lon + 2 * TILE, corner_lat + TILE).difference(found[-1]))
    found += [
        shapely.Polygon([(corner_lon + dx, corner_lat + dy), (corner_lon + dx + 3, corner_lat + dy), (corner_lon + dx, corner_lat + dy + 2)])
        for dx, dy in ((0, 0), (-1, -1), (CELL // 2, CELL // 2))
    ]
    found += [
        shapely.box(-HALF_TURN, 85 * DEG, HALF_TURN, POLE),
        shapely.box(-HALF_TURN, -POLE, HALF_TURN, -80 * DEG),
        shapely.box(170 * DEG, -10 * DEG, HALF_TURN, 10 * DEG),
        shapely.box(-HALF_TURN, -9 * DEG, -175 * DEG, 11 * DEG),
        shapely.box(-90 * DEG, -40 * DEG, 90 * DEG, 40 * DEG),
        shapely.Polygon([(0, 0), (40 * DEG, 30 * DEG), (0, 30 * DEG)], [[(5 * DEG, 10 * DEG), (5 * DEG, 20 * DEG), (10 * DEG, 20 * DEG)]]),
    ]
    assert all(s.is_valid and not s.is_empty for s in found)
    return found


def million_points(shapes) -> tuple[np.ndarray, np.ndarray]:
    """Anywhere, near every zone, on and beside every corner, on edges, beside cell borders, at 180 degrees and the poles."""
    rng = np.random.default_rng(22)
    bounds = np.array([s.bounds for s in shapes])[rng.integers(0, len(shapes), 600_000)]
    edges = np.concatenate([zone_edges(s) for s in shapes]).astype(np.int64)
    chosen = edges[rng.integers(0, len(edges), 200_000)]
    along = rng.uniform(0, 1, len(chosen))
    beside = rng.integers(-2, 3, (2, len(chosen)))
    sums = edges[:, :2] + edges[:, 2:]
    lat = [
        rng.integers(-POLE, POLE + 1, 150_000),
        rng.uniform(bounds[:, 1] - 5, bounds[:, 3] + 5),
        chosen[:, 0] + along * (chosen[:, 2] - chosen[:, 0]) + beside[0],
        np.repeat(edges[:, 0], 25) + np.tile(np.repeat(np.arange(-2, 3), 5), len(edges)),
        sums[:, 0] // 2,
        rng.integers(0, 2 * POLE // CELL, 30_000) * CELL - POLE + rng.integers(-1, 2, 30_000),
        rng.integers(-POLE, POLE, 30_000),
        np.repeat([POLE, -POLE, POLE - 1], 3_000),
    ]
    lon = [
        rng.integers(-HALF_TURN, HALF_TURN + 1, 150_000),
        rng.uniform(bounds[:, 0] - 5, bounds[:, 2] + 5),
        chosen[:, 1] + along * (chosen[:, 3] - chosen[:, 1]) + beside[1],
        np.repeat(edges[:, 1], 25) + np.tile(np.arange(-2, 3), 5 * len(edges)),
        sums[:, 1] // 2,
        rng.integers(0, FULL_TURN // CELL, 30_000) * CELL - HALF_TURN + rng.integers(-1, 2, 30_000),
        np.where(rng.random(30_000) < 0.5, HALF_TURN, -HALF_TURN),
        rng.integers(-HALF_TURN, HALF_TURN, 9_000),
    ]
    lats, lons = (np.rint(np.concatenate(column)).astype(np.int64) for column in (lat, lon))
    return np.clip(lats, -POLE, POLE), np.clip(lons, -HALF_TURN, HALF_TURN)


def test_zone_ids_equal_shapely_at_a_million_points():
    shapes = nasty_shapes()
    grid = grid_of([zone_edges(s) for s in shapes])
    lat, lon = million_points(shapes)
    assert len(lat) >= 1_000_000
    got = table_of(grid, lat, lon)
    at_180 = np.flatnonzero(np.abs(lon) == HALF_TURN)
    on_edge = 0
    for z, shape in enumerate(shapes):
        west, south, east, north = shape.bounds
        asked = np.flatnonzero((lat >= south) & (lat <= north) & (lon >= west) & (lon <= east))
        expected = np.zeros(len(lat), bool)
        shapely.prepare(shape)
        expected[asked] = shapely.intersects_xy(shape, lon[asked], lat[asked])  # on the boundary is inside
        on_edge += int((expected[asked[:50_000]] & ~shapely.contains_xy(shape, lon[asked[:50_000]], lat[asked[:50_000]])).sum())
        expected[at_180] |= shapely.intersects_xy(shape, -lon[at_180], lat[at_180])
        wrong = np.flatnonzero(got[:, z] != expected)
        assert not len(wrong), (z, lat[wrong[:5]], lon[wrong[:5]], expected[wrong[:5]])
    assert got.sum() > 1_000_000, "the set must overlap"
    assert on_edge > 3_000, "the points must lie on edges too"
    assert (got.sum(axis=1) > 8).sum() > 1_000


def test_any_at_and_codes_agree_with_the_ids():
    shapes = nasty_shapes()
    grid = grid_of([zone_edges(s) for s in shapes])
    lat, lon = (a[::7] for a in million_points(shapes))
    table = table_of(grid, lat, lon)
    chosen = np.arange(len(shapes)) % 5 == 2
    assert np.array_equal(grid.any_at(chosen, lat, lon), table[:, chosen].any(axis=1))
    assert not grid.any_at(np.zeros(len(shapes), bool), lat, lon).any()
    codes = grid.codes_at(lat, lon)
    assert 0.05 < (codes < 0).mean() < 0.95
    whole = np.flatnonzero((codes >= 0) & (np.abs(lon) != HALF_TURN))
    for code in np.unique(codes[whole]).tolist():
        rows = table[whole[codes[whole] == code]]
        assert (rows == rows[0]).all(), "one code, one set"
        assert np.flatnonzero(rows[0]).tolist() == grid.members(code).tolist()


@settings(max_examples=80, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(3, 24))
def test_ids_equal_the_naive_twin_on_cell_borders(seed, corners):
    """Rings (which may cross themselves) and points on a lattice of cell borders and centres, a unit before and a unit after."""
    rng = np.random.default_rng(seed)
    steps = np.concatenate([np.arange(-4, 5) * (CELL // 2) + d for d in (-1, 0, 1)])
    at_lat, at_lon = 100 * TILE - POLE, 200 * TILE - HALF_TURN
    edges = []
    for _ in range(3):
        ring = rng.choice(steps, (corners, 2)) + np.array([at_lat, at_lon])
        rows = naive.ring_edges(np.vstack([ring, [[at_lat + 5 * CELL, at_lon + 7]]]))
        edges.append(rows[(rows[:, :2] != rows[:, 2:]).any(axis=1)])
    lat, lon = at_lat + rng.choice(steps, 120), at_lon + rng.choice(steps, 120)
    got = table_of(grid_of(edges), lat, lon)
    for z, rows in enumerate(edges):
        assert got[:, z].tolist() == [naive.inside(rows, a, b) for a, b in zip(lat.tolist(), lon.tolist())]


def test_buffers_and_lines_answer_as_the_tree_does():
    rng = np.random.default_rng(23)
    places = [(55.0, 10.0), (0.0, 179.95), (-70.0, -179.9), (84.0, 20.0)]
    shapes = [star_shape(rng, lat, lon, 25, 20) for lat, lon in places]
    cable = np.array([[54.5, 9, 55.2, 11.5]], np.float64) * DEG
    edges = [*(zone_edges(s) for s in shapes), cable.astype(np.int32), np.array([[55 * DEG, 10 * DEG, 55 * DEG, 10 * DEG]], np.int32)]
    tree = build_tree(edges, [True] * 4 + [False] * 2, [12.0, 3.0, 40.0, 5.0, 0.5, 6.0], [ALWAYS] * 6)
    grid = build_grid(tree)
    spread = rng.integers(0, 4, 20_000)
    lat = np.rint((np.array(places)[spread, 0] + rng.normal(0, 0.6, len(spread))) * DEG).astype(np.int64)
    lon = np.rint((np.array(places)[spread, 1] + rng.normal(0, 1.0, len(spread))) * DEG).astype(np.int64)
    lon = (lon + HALF_TURN) % FULL_TURN - HALF_TURN
    got = table_of(grid, lat, lon)
    one = np.arange(6)
    expected = np.column_stack([tree.nearest_nm(one == z, lat, lon, 1.0) == 0 for z in range(6)])
    assert np.array_equal(got, expected)
    assert (got.sum(axis=0) > 30).all()
    assert (grid.mixed == ASK_TREE).any()
    assert (grid.codes_at(lat, lon) >= 0).mean() > 0.3, "most cells are all in or all out"


def test_a_track_that_stays_in_its_cell_is_not_asked_again():
    """Whatever the cut: a position left out has the zones of the one before it, and nearly all are left out."""
    rng = np.random.default_rng(25)
    edges = [zone_edges(star_shape(rng, rng.uniform(50, 53), rng.uniform(0, 5), 40, 30)) for _ in range(12)]
    grid = grid_of(edges)
    tracks, steps = 50, 200
    slot = np.tile(np.arange(tracks, dtype=np.int32), steps)
    heading, start = rng.normal(0, 600, (2, tracks)), np.array([[51.5], [2.5]]) * DEG + rng.normal(0, DEG, (2, tracks))
    lat, lon = (np.rint(start[k] + heading[k] * np.arange(steps)[:, None]).ravel().astype(np.int32) for k in (0, 1))
    last = np.full(tracks, NOT_WHOLE, np.int32)
    asked = grid.unsettled(slot, lat, lon, last)
    cut_last = np.full(tracks, NOT_WHOLE, np.int32)
    cut = [grid.unsettled(slot[k : k + 777], lat[k : k + 777], lon[k : k + 777], cut_last) for k in range(0, len(slot), 777)]
    assert np.array_equal(np.concatenate(cut), asked)
    assert np.array_equal(cut_last, last)
    table = table_of(grid, lat, lon).reshape(steps, tracks, -1)
    changed = (table[1:] != table[:-1]).any(axis=2)
    asked = asked.reshape(steps, tracks)
    assert asked[0].all()
    assert not (changed & ~asked[1:]).any()
    assert changed.sum() > 15
    assert asked.mean() < 0.6


def test_only_the_held_zones_are_in_it():
    box = zone_edges(shapely.box(0, 0, DEG, DEG))
    tree = build_tree([box, box, box], [True] * 3, [0.0] * 3, [ALWAYS] * 3)
    grid = build_grid(tree, np.array([True, False, True]))
    start, zone = grid.zones_at(np.array([DEG // 2, -1]), np.array([DEG // 2, 0]))
    assert start.tolist() == [0, 2, 2]
    assert zone.tolist() == [0, 2]


def test_no_zones_at_all():
    grid = grid_of([])
    start, zone = grid.zones_at(np.array([0, POLE, -POLE]), np.array([HALF_TURN, -HALF_TURN, 0]))
    assert start.tolist() == [0, 0, 0, 0]
    assert not len(zone)
    assert not grid.any_at(np.zeros(0, bool), np.array([1]), np.array([1])).any()


def test_memory_follows_the_boundary_not_the_sea():
    """A box of half the world costs no more than its outline; a small zone costs a few tiles."""
    wide = grid_of([zone_edges(shapely.box(-90 * DEG, -60 * DEG, 90 * DEG, 60 * DEG))])
    small = grid_of([zone_edges(shapely.box(0, 0, DEG, DEG))])
    assert wide.blocks.nbytes < 3_000_000
    assert small.blocks.shape[0] <= 16
    assert small.blocks.shape[1] == CELLS_OF_TILE
    assert wide.tiles.nbytes < 2_000_000


def test_many_zones_in_one_cell_find_room():
    """The arrays grow while the grid is built and while it answers."""
    rng = np.random.default_rng(24)
    edges = [naive.ring_edges(rng.integers(0, 3 * CELL, (5, 2)) + 50 * TILE) for _ in range(400)]
    grid = grid_of(edges)
    lat, lon = rng.integers(0, 3 * CELL, (2, 300)) + 50 * TILE
    got = table_of(grid, lat, lon)
    for z in range(0, 400, 37):
        assert got[:, z].tolist() == [naive.inside(edges[z], a, b) for a, b in zip(lat.tolist(), lon.tolist())]
    assert got.sum(axis=1).max() > 50
