"""The edge tree: zone ids equal to shapely's at 100,000 points and on every corner; distances equal to the slow twin's."""

from __future__ import annotations

import json
import os
from pathlib import Path

import naive_zones as naive
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.geo import FULL_TURN, HALF_TURN
from zones import rings
from zones.geojson import load_zones
from zones.polygons import ALWAYS, FAN, EdgeTree, build_tree

SHARED = Path(os.environ.get("DOGWATCH_SHARED_DATA", Path(__file__).resolve().parent.parent.parent / "shared" / "data"))
POLE = rings.POLE


def zone_edges(shape) -> np.ndarray:
    return rings.edges_of(rings.flat_polygons(shape))


def tree_of(shapes, buffer_nm=0.0) -> EdgeTree:
    return build_tree([zone_edges(s) for s in shapes], [True] * len(shapes), [buffer_nm] * len(shapes), [ALWAYS] * len(shapes))


def whole_units(shape):
    """The shape with whole units and still valid."""
    return shapely.set_precision(shapely.make_valid(shape), 1.0)


def star_shape(rng: np.random.Generator, lat_deg: float, lon_deg: float, radius_nm: float, corners: int):
    """A star in units, cut at 180 degrees into parts."""
    ring = naive.star(rng, lat_deg, lon_deg, radius_nm, corners)
    raw = shapely.make_valid(shapely.Polygon(ring[:, ::-1]))
    parts = []
    for turn in (-FULL_TURN, 0, FULL_TURN):
        moved = shapely.transform(raw, lambda xy, by=turn: xy + np.array([by, 0]))
        parts += rings.flat_polygons(shapely.intersection(moved, shapely.box(-HALF_TURN, -POLE, HALF_TURN, POLE), grid_size=1.0))
    return shapely.union_all(np.array(parts, object), grid_size=1.0)


@pytest.fixture(scope="module")
def shapes():
    """Large and tiny, with holes and lakes with islands, over 180 degrees, around both poles, touching each other."""
    rng = np.random.default_rng(11)
    found = [star_shape(rng, rng.uniform(-70, 70), rng.uniform(-180, 180), rng.uniform(50, 900), int(rng.integers(5, 120))) for _ in range(40)]
    found += [star_shape(rng, lat, 180.0, 400, 60) for lat in (-50, 0, 66)]
    found += [star_shape(rng, 55 + k, 3 * k, 0.003, 4) for k in range(3)]
    ringed = star_shape(rng, 50, -30, 600, 80)
    lake = star_shape(rng, 50, -30, 150, 30)
    island = star_shape(rng, 50, -30, 40, 12)
    found.append(whole_units(ringed.difference(lake).union(island)))
    deg = 600_000
    found += [
        shapely.box(-HALF_TURN, 85 * deg, HALF_TURN, POLE),
        shapely.box(-HALF_TURN, -POLE, HALF_TURN, -80 * deg),
        shapely.box(0, 0, 10 * deg, 10 * deg),
        shapely.box(10 * deg, 0, 20 * deg, 10 * deg),
        shapely.box(170 * deg, -10 * deg, HALF_TURN, 10 * deg),
        shapely.Polygon([(0, 0), (40 * deg, 30 * deg), (0, 30 * deg)], [[(5 * deg, 10 * deg), (5 * deg, 20 * deg), (10 * deg, 20 * deg)]]),
        shapely.Polygon([(0, 0), (3, 0), (0, 2)]),
    ]
    assert all(s.is_valid and not s.is_empty for s in found)
    return found


def asked_points(shapes) -> tuple[np.ndarray, np.ndarray]:
    """100,000 random points, then every corner, its neighbours one unit away, and the middle of every edge with a middle."""
    rng = np.random.default_rng(12)
    lat = np.rint(rng.uniform(-POLE, POLE, 60_000))
    lon = np.rint(rng.uniform(-HALF_TURN, HALF_TURN, 60_000))
    close = rng.integers(0, len(shapes), 40_000)
    box = np.array([s.bounds for s in shapes])[close]
    lat = np.concatenate([lat, np.clip(np.rint(rng.uniform(box[:, 1] - 5, box[:, 3] + 5)), -POLE, POLE)])
    lon = np.concatenate([lon, np.clip(np.rint(rng.uniform(box[:, 0] - 5, box[:, 2] + 5)), -HALF_TURN, HALF_TURN)])
    edges = np.concatenate([zone_edges(s) for s in shapes]).astype(np.int64)
    beside = np.array([[0, 0], [1, 0], [-1, 0], [0, 1], [0, -1]])
    corners = (edges[:, None, :2] + beside[None]).reshape(-1, 2)
    corners = corners[(np.abs(corners[:, 0]) <= POLE) & (np.abs(corners[:, 1]) <= HALF_TURN)]
    sums = edges[:, :2] + edges[:, 2:]
    middles = sums[(sums % 2 == 0).all(axis=1)] // 2
    assert len(middles) > 100
    return (
        np.concatenate([lat, corners[:, 0], middles[:, 0], [POLE, -POLE, 0, 0]]).astype(np.int64),
        np.concatenate([lon, corners[:, 1], middles[:, 1], [0, 0, HALF_TURN, -HALF_TURN]]).astype(np.int64),
    )


def test_zone_ids_equal_shapely(shapes):
    tree = tree_of(shapes)
    lat, lon = asked_points(shapes)
    assert len(lat) > 100_000
    found = 0
    for z, shape in enumerate(shapes):
        shapely.prepare(shape)
        expected = shapely.intersects_xy(shape, lon, lat)  # on the boundary is inside
        at_180 = np.abs(lon) == HALF_TURN
        expected[at_180] |= shapely.intersects_xy(shape, -lon[at_180], lat[at_180])
        got = tree.inside(z, lat, lon)
        wrong = np.flatnonzero(got != expected)
        assert not len(wrong), (z, lat[wrong[:5]], lon[wrong[:5]], got[wrong[:5]])
        found += int(got.sum())
    assert found > 20_000


def test_a_real_territorial_sea_equals_shapely():
    """88,000 corners, both sides of 180 degrees, from the shared data."""
    path = SHARED / "geo-baltic" / "territorial_waters_baltic.geojson"
    if not path.is_file():
        pytest.skip(f"shared data absent: tried {path}")
    document = json.loads(path.read_text(encoding="utf-8"))
    for number, feature in enumerate(document["features"]):
        feature["properties"] = {"id": f"sea-{number}", "kind": "territorial_sea"}
    zones = load_zones(json.dumps(document)).zones
    assert sum(len(zone.edges) for zone in zones) > 80_000
    tree = build_tree([z.edges for z in zones], [True] * len(zones), [0.0] * len(zones), [ALWAYS] * len(zones))
    rng = np.random.default_rng(15)
    lat, lon = rng.integers(53 * 600_000, 67 * 600_000, 50_000), rng.integers(9 * 600_000, 31 * 600_000, 50_000)
    for number, feature in enumerate(document["features"]):
        shape = shapely.geometry.shape(feature["geometry"])
        shapely.prepare(shape)
        got = tree.inside(number, lat, lon)
        assert got.any()
        assert np.array_equal(got, shapely.intersects_xy(shape, lon / 600_000, lat / 600_000))


def test_distance_is_zero_exactly_inside(shapes):
    some = shapes[:12]
    tree = tree_of(some)
    lat, lon = asked_points(some)
    lat, lon = lat[-3_000:].copy(), lon[-3_000:].copy()
    inside = np.any([tree.inside(z, lat, lon) for z in range(len(some))], axis=0)
    assert np.array_equal(tree.nearest_nm(np.ones(len(some), bool), lat, lon, 20.0) == 0, inside)


def test_distances_equal_the_naive_twin():
    rng = np.random.default_rng(13)
    places = [(55, 10), (-3, 100), (70, 179.9), (-65, -179.8)]
    shapes = [star_shape(rng, lat, lon, radius, 40) for lat, lon in places for radius in (2, 25)]
    tree = tree_of(shapes)
    chosen = np.ones(len(shapes), bool)
    near = 0
    for k in range(160):
        at_lat, at_lon = places[k % 4]
        lat = round((at_lat + rng.normal(0, 0.6)) * 600_000)
        lon = round((at_lon + rng.normal(0, 0.6) / np.cos(np.radians(at_lat))) * 600_000)
        lon = (lon + HALF_TURN) % FULL_TURN - HALF_TURN
        each = tree.distances_nm(lat, lon, 50.0)
        for z, shape in enumerate(shapes):
            edges = zone_edges(shape)
            if tree.inside(z, np.array([lat]), np.array([lon]))[0]:
                assert each[z] == 0
                continue
            expected = min(50.0, naive.distance_nm(edges, lat, lon, 0.1)) if k % 8 == z else None
            if expected is not None:
                near += expected < 50
                assert abs(each[z] - expected) <= 0.051 + 0.001 * expected, (lat, lon, z)
        assert tree.nearest_nm(chosen, np.array([lat]), np.array([lon]), 50.0)[0] == each.min()
    assert near > 20


def test_a_long_edge_has_an_exact_distance():
    """A limit of 400 miles drawn with two positions, at 60 north: no densifying is needed."""
    edges = np.array([[60, 0, 63, 12]], np.int32) * 600_000
    tree = build_tree([edges], [False], [0.0], [ALWAYS])
    rng = np.random.default_rng(14)
    lat = np.rint(rng.uniform(59.5, 63.5, 60) * 600_000).astype(np.int64)
    lon = np.rint(rng.uniform(-1, 13, 60) * 600_000).astype(np.int64)
    got = tree.nearest_nm(np.array([True]), lat, lon, 60.0)
    expected = np.minimum(60.0, [naive.distance_nm(edges, a, b, 0.02) for a, b in zip(lat.tolist(), lon.tolist())])
    assert (expected < 60).sum() > 20
    assert np.abs(got - expected).max() <= 0.011 + 0.06


def test_buffer_validity_and_choice():
    deg = 600_000
    box = zone_edges(shapely.box(0, 0, deg, deg))
    tree = build_tree([box, box, box], [True, False, True], [0.0, 2.0, 0.0], [ALWAYS, ALWAYS, (1000, 2000)])
    lat, lon = np.array([-deg // 20]), np.array([deg // 2])  # 3 nm south of the box
    assert tree.distances_nm(int(lat[0]), int(lon[0]), 12.0) == pytest.approx([3.0, 1.0, 3.0], abs=0.01)
    assert tree.distances_nm(int(lat[0]), int(lon[0]), 12.0, 2000)[2] == 12.0
    assert tree.distances_nm(int(lat[0]), int(lon[0]), 12.0, 1000)[2] == pytest.approx(3.0, rel=0.002)
    middle = np.array([deg // 2])
    assert tree.distances_nm(deg // 2, deg // 2, 40.0).tolist()[0] == 0
    assert tree.distances_nm(deg // 2, deg // 2, 40.0)[1] == pytest.approx(28, rel=0.01), "a line has no inside"
    assert tree.nearest_nm(np.array([False, True, False]), middle, middle, 40.0)[0] == pytest.approx(28, rel=0.01)
    assert tree.nearest_nm(np.array([False, False, True]), middle, middle, 40.0, 2500)[0] == 40.0


def test_no_zones_at_all():
    tree = build_tree([], [], [], [])
    assert tree.nearest_nm(np.zeros(0, bool), np.array([0, 1]), np.array([0, 1]), 7.0).tolist() == [7.0, 7.0]
    assert tree.distances_nm(0, 0, 7.0).tolist() == []


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(1, 3 * FAN * FAN))
def test_inside_equals_the_naive_twin_on_a_small_grid(seed, corners):
    """Rings of any number of corners on a grid of 7 x 7, so that points, corners and edges coincide all the time."""
    rng = np.random.default_rng(seed)
    edges = naive.ring_edges(np.vstack([rng.integers(0, 7, (corners + 1, 2)), [[7, 7]]]))
    edges = edges[(edges[:, :2] != edges[:, 2:]).any(axis=1)]
    tree = build_tree([edges], [True], [0.0], [ALWAYS])
    lat, lon = (a.ravel().astype(np.int64) for a in np.meshgrid(np.arange(-1, 9), np.arange(-1, 9)))
    assert tree.inside(0, lat, lon).tolist() == [naive.inside(edges, a, b) for a, b in zip(lat.tolist(), lon.tolist())]


def test_boxes_hold_their_children(shapes):
    tree = tree_of(shapes)
    owned = np.zeros(len(tree.edges), int)
    for node in tree.nodes:
        first, count = int(node["first"]), int(node["count"])
        if count < 0:
            rows = tree.edges[first : first - count]
            owned[first : first - count] += 1
            assert node["south"] == rows[:, 0::2].min()
            assert node["east"] == rows[:, 1::2].max()
        else:
            children = tree.nodes[first : first + count]
            assert node["north"] == children["north"].max()
            assert node["west"] == children["west"].min()
    assert (owned == 1).all()
