"""The coast grid against its slow twin, against shapely, and the built world against the shared map."""

from __future__ import annotations

import json
import math
import os
from itertools import pairwise
from pathlib import Path

import naive_zones as naive
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.errors import InputError
from dogwatch.geo import FULL_TURN, HALF_TURN
from tests.test_zones_names import NEIGHBOURS
from zones import build, load, rings
from zones.coast import build_coast, grid_shape
from zones.shore import COAST_CAP_NM, ROW_UNITS

ROOT = Path(__file__).resolve().parent.parent
SHARED = Path(os.environ.get("DOGWATCH_SHARED_DATA", ROOT.parent / "shared" / "data"))
# (lat, lon, radius nm): temperate, equator, the far north, the far south, both sides of 180, on 0
PLACES = [(54.0, 10.0, 20), (0.1, -30.0, 5), (79.0, 15.0, 30), (-68.0, 60.0, 25), (62.0, 180.0, 30), (-17.0, -179.95, 8), (51.0, 0.0, 12), (54.4, 10.9, 0.3)]


def island_rings(seed: int = 5) -> list[np.ndarray]:
    rng = np.random.default_rng(seed)
    return [naive.star(rng, *place, corners=40) for place in PLACES]


@pytest.fixture(scope="module")
def islands():
    """(coast, all shapely polygons in units) of a made-up world."""
    polygons = rings.united([[naive_lonlat(ring)] for ring in island_rings()])
    assert len(polygons) >= len(PLACES), "an island at 180 degrees comes in two parts"
    return build_coast(rings.edges_of(polygons)), polygons


def naive_lonlat(ring: np.ndarray) -> np.ndarray:
    """Ring of (lon, lat) as TopoJSON would give it: closed, wrapped into [-180, 180]."""
    wrapped = np.column_stack([(ring[:, 1] + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN, ring[:, 0]])
    return np.vstack([wrapped, wrapped[:1]])


def points_around(rng: np.random.Generator, n: int, spread_nm: float) -> tuple[np.ndarray, np.ndarray]:
    """Points about the places, as units wrapped into [-180, 180)."""
    place = rng.integers(0, len(PLACES), n)
    lat_deg = np.array([p[0] for p in PLACES])[place] + rng.normal(0, spread_nm / 60, n)
    lon_deg = np.array([p[1] for p in PLACES])[place] + rng.normal(0, spread_nm / 60, n) / np.cos(np.radians(lat_deg))
    lon = np.rint(lon_deg * 600_000).astype(np.int64)
    return np.rint(lat_deg * 600_000).astype(np.int64), (lon + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN


def test_land_equals_the_naive_twin_and_shapely(islands):
    coast, polygons = islands
    lat, lon = points_around(np.random.default_rng(1), 20_000, 25)
    land = coast.on_land(lat, lon)
    tree = shapely.STRtree(polygons)
    expected = np.zeros(len(lat), bool)
    expected[tree.query(shapely.points(lon, lat), predicate="intersects")[0]] = True
    assert 1_000 < land.sum() < 19_000
    assert np.array_equal(land, expected)
    edges = rings.edges_of(polygons)
    assert [naive.inside(edges, int(a), int(b)) for a, b in zip(lat[:300], lon[:300])] == land[:300].tolist()


def test_every_corner_and_edge_of_the_shore_is_land(islands):
    coast, _ = islands
    corners = coast.edges[:, :2].astype(np.int64)
    assert len(corners) > 200
    assert coast.on_land(corners[:, 0].copy(), corners[:, 1].copy()).all()
    assert (coast.distance_nm(corners[:, 0].copy(), corners[:, 1].copy()) == 0).all()


def test_distance_equals_the_naive_twin(islands):
    coast, _ = islands
    rng = np.random.default_rng(2)
    lat, lon = points_around(rng, 120, 45)
    got = coast.distance_nm(lat, lon)
    near = 0
    for a, b, d in zip(lat.tolist(), lon.tolist(), got.tolist()):
        if coast.on_land(np.array([a]), np.array([b]))[0]:
            assert d == 0
            continue
        expected = naive.distance_nm(coast.edges, a, b, step_nm=0.05)
        near += expected < COAST_CAP_NM
        bound = 0.026 + expected * (0.001 if abs(a) < 80 * 600_000 else 0.01)
        assert abs(d - min(expected, COAST_CAP_NM)) <= bound, (a, b, d, expected)
    assert near > 60


def test_far_from_everything_is_the_cap(islands):
    coast, _ = islands
    lat, lon = np.array([30, -40, 89, -90, 90]) * 600_000, np.array([-150, 100, 0, 0, 180]) * 600_000
    assert coast.distance_nm(lat, lon).tolist() == [COAST_CAP_NM] * 5


def test_the_cap_is_reached_without_a_step(islands):
    """Walking away from an island, distance grows as fast as the walk and stops at the cap."""
    coast, _ = islands
    lat = np.rint((0.1 + np.arange(0, 75, 0.1) / 60) * 600_000).astype(np.int64)
    d = coast.distance_nm(lat, np.full(len(lat), -30 * 600_000))
    assert d[0] == 0
    assert d[-1] == COAST_CAP_NM
    assert (np.abs(np.diff(d)) <= 0.1 * 1.002).all()
    assert (np.diff(d)[d[1:] > 0] >= -1e-9).all()


def test_the_same_island_anywhere_on_its_parallel_gives_the_same_answers():
    """Cells and the cut at 180 degrees must not show in the answer."""
    rng = np.random.default_rng(7)
    ring = naive.star(rng, 66.0, 0.0, 25, 50)
    d_lat, d_lon = (np.rint(rng.normal(0, s, 400)).astype(np.int64) for s in (300_000, 700_000))
    answers = []
    for home_deg in (0.0, 33.3, 179.9, -180.0):
        home = round(home_deg * 600_000)
        coast = build_coast(rings.edges_of(rings.united([[naive_lonlat(ring + np.array([0, home]))]])))
        lon = (d_lon + home + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN
        answers.append((coast.distance_nm(66 * 600_000 + d_lat, lon), coast.on_land(66 * 600_000 + d_lat, lon)))
    assert 0 < answers[0][1].sum() < 400
    for distance_nm, land in answers[1:]:
        assert np.array_equal(land, answers[0][1])
        # where the cut adds a vertex on 180 degrees it is rounded to a whole unit (0.2 m)
        assert np.allclose(distance_nm, answers[0][0], atol=2e-4)


def test_both_names_of_the_180th_meridian_are_one_place(islands):
    coast, _ = islands
    lat = np.rint(np.linspace(61, 63, 200) * 600_000).astype(np.int64)
    east, west = np.full(200, HALF_TURN), np.full(200, -HALF_TURN)
    assert np.array_equal(coast.distance_nm(lat, east), coast.distance_nm(lat, west))
    assert coast.on_land(lat, east).any()


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 2**32 - 1))
def test_shores_through_the_centres_of_cells_are_exact(seed):
    """Corners, edges and points on the reference points of the grid itself: every tie there is."""
    rng = np.random.default_rng(seed)
    cols, _, _ = grid_shape()
    row = 360 + int(rng.integers(-4, 4))
    step_lon = FULL_TURN // cols[row] // 2
    south, west = row * ROW_UNITS + ROW_UNITS // 2 - rings.POLE, FULL_TURN // (2 * cols[row]) - HALF_TURN + 700 * FULL_TURN // cols[row]
    corners = rng.integers(0, 9, (int(rng.integers(3, 12)), 2))  # a ring may cross itself: even-odd holds all the same
    edges = naive.ring_edges(corners * np.array([ROW_UNITS // 2, step_lon]) + np.array([south, west]))
    coast = build_coast(edges)
    x, y = np.meshgrid(np.arange(-2, 12), np.arange(-2, 12))
    lat, lon = (south + y * ROW_UNITS // 2).ravel(), (west + x * step_lon).ravel()
    expected = [naive.inside(edges, a, b) for a, b in zip(lat.tolist(), lon.tolist())]
    assert coast.on_land(lat, lon).tolist() == expected


def test_an_empty_coast_is_open_sea():
    coast = build_coast(np.empty((0, 4), np.int32))
    assert coast.distance_nm(np.array([0]), np.array([0])).tolist() == [COAST_CAP_NM]
    assert not coast.on_land(np.array([0]), np.array([0]))[0]


def test_cells_are_about_square():
    cols, row_start, half_cell_nm = grid_shape()
    assert cols[360] == 1440
    assert row_start[-1] == cols.sum()
    assert half_cell_nm[20:700].max() < 11.5


# --- rings ---


def topojson(polygons: list[list[list[list[float]]]]) -> str:
    """A TopoJSON text with one arc per ring, quantised to 0.01 degree."""
    arcs, shapes = [], []
    for polygon in polygons:
        shape = []
        for ring in polygon:
            units = [[round((lon + 180) * 100), round((lat + 90) * 100)] for lon, lat in ring]
            arcs.append([units[0], *([b[0] - a[0], b[1] - a[1]] for a, b in pairwise(units))])
            shape.append([len(arcs) - 1])
        shapes.append(shape)
    land = {"type": "GeometryCollection", "geometries": [{"type": "MultiPolygon", "arcs": shapes}]}
    return json.dumps({"type": "Topology", "transform": {"scale": [0.01, 0.01], "translate": [-180, -90]}, "objects": {"land": land}, "arcs": arcs})


def area_deg2(polygons) -> float:
    return sum(p.area for p in polygons) / 600_000**2


@pytest.mark.parametrize(
    ("name", "ring", "area"),
    [
        ("plain", [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]], 100),
        ("over 180", [[175, 0], [-175, 0], [-175, 10], [175, 10], [175, 0]], 100),
        ("flips between 180 and -180 on the meridian", [[170, 0], [180, 0], [-180, 5], [180, 10], [170, 10], [170, 0]], 100),
        ("around the south pole", [[-180, -80], [-90, -80], [0, -80], [90, -80], [180, -80]], 3600),
        ("around the south pole, westward", [[180, -80], [90, -80], [0, -80], [-90, -80], [-180, -80]], 3600),
        ("touches itself", [[0, 0], [10, 0], [5, 5], [10, 10], [0, 10], [5, 5], [0, 0]], 50),
    ],
)
def test_rings_become_planar(name, ring, area):
    polygons = rings.united(rings.polygons_of(topojson([[ring]]), "land"))
    assert area_deg2(polygons) == pytest.approx(area), name
    edges = rings.edges_of(polygons)
    assert (np.abs(edges[:, 1::2]) <= HALF_TURN).all()
    wide = np.abs(edges[:, 3].astype(int) - edges[:, 1]) > HALF_TURN
    assert (np.abs(edges[wide][:, 0]) == rings.POLE).all(), "only the pole may be closed by a long edge"
    coast = build_coast(edges)
    assert coast.on_land(np.array([600_000 * 90 if ring[0][1] > 0 else -600_000 * 90]), np.array([0]))[0] == ("pole" in name)


def test_a_hole_follows_its_ring_over_180():
    outer = [[170, 0], [-170, 0], [-170, 10], [170, 10], [170, 0]]
    hole = [[-178, 4], [-178, 6], [-176, 6], [-176, 4], [-178, 4]]
    polygons = rings.united(rings.polygons_of(topojson([[outer, hole]]), "land"))
    assert area_deg2(polygons) == pytest.approx(196)
    coast = build_coast(rings.edges_of(polygons))
    lat, lon = np.array([5, 5]) * 600_000, np.array([-177, 177]) * 600_000
    assert coast.on_land(lat, lon).tolist() == [False, True]
    assert coast.distance_nm(lat, lon)[0] == pytest.approx(60 * math.cos(math.radians(5)), rel=0.002)


@pytest.mark.parametrize(
    "ring",
    [
        [[73, 5], [73, 6], [73, 5]],
        [[73, 5], [73, 6], [73, 5.5], [73, 5]],
        [[73, 5], [73, 5]],
        [[70, 5], [71, 5], [71, 6], [71, 5.5], [73, 5.5], [71, 5.5], [71, 5], [70, 5]],
    ],
    ids=["there and back", "in a line", "a point", "with a spit"],
)
def test_what_rounding_made_thin_stays_land(ring):
    """The map's rounding leaves lines and points of atolls; without them the sea has no coast there and no belt."""
    coast = build_coast(rings.edges_of(rings.united(rings.polygons_of(topojson([[ring]]), "land"))))
    lat, lon = (np.array([v]) for v in (round(600_000 * max(p[1] for p in ring if p[0] == 73)), 600_000 * 73))
    assert coast.on_land(lat, lon)[0]
    assert coast.distance_nm(lat, lon + 100_000)[0] == pytest.approx(10 * math.cos(math.radians(lat[0] / 600_000)), abs=0.02)


def test_overlapping_land_is_land():
    a, b = [[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]], [[5, 5], [15, 5], [15, 15], [5, 15], [5, 5]]
    coast = build_coast(rings.edges_of(rings.united(rings.polygons_of(topojson([[a], [b]]), "land"))))
    assert coast.on_land(np.array([7 * 600_000]), np.array([7 * 600_000]))[0]


# --- the built world ---


@pytest.fixture(scope="module")
def world():
    if not (load.DATA_DIR / "coast.npz").is_file():
        pytest.skip(f"{load.DATA_DIR / 'coast.npz'} is absent: run `make install`")
    return load.read_coast()


@pytest.fixture(scope="module")
def land_map():
    if not (load.DATA_DIR / "land.geojson").is_file():
        pytest.skip(f"{load.DATA_DIR / 'land.geojson'} is absent: run `make install`")
    return shapely.from_geojson(load.land_path().read_text(encoding="utf-8"))


ASHORE = {
    "Chukotka west of 180": (67.5, 179.5),
    "Chukotka east of 180": (66.5, -175.0),
    "Wrangel west of 180": (71.2, 179.5),
    "Wrangel east of 180": (71.1, -179.2),
    "Fiji west of 180": (-17.8, 178.0),
    "Fiji east of 180": (-16.8, -179.95),
    "the Americas": (40.0, -100.0),
    "South Pole": (-90.0, 0.0),
    "Antarctica": (-80.0, 100.0),
}
AFLOAT = {
    "North Pole": (90.0, 0.0),
    "Bering Strait": (65.9, -169.2),
    "Arctic": (75.0, 179.9),
    "Atlantic": (40.0, -40.0),
    "Caspian": (42.0, 50.5),
    "Koro Sea": (-18.0, 179.9),
}


def test_known_places_of_the_world(world):
    for places, expected in ((ASHORE, True), (AFLOAT, False)):
        for name, (lat, lon) in places.items():
            at = np.array([round(lat * 600_000)]), np.array([round(lon * 600_000)])
            assert world.on_land(*at)[0] == expected, name
            assert (world.distance_nm(*at)[0] == 0) == expected, name


@pytest.mark.parametrize(("lat", "lon"), [(16.7453, -169.5131), (3.501, 73.5073)])
def test_atolls_of_the_map_have_a_coast(world, lat, lon):
    """Lines of two positions in the map: an open sea of 60 miles around until each was given 18 metres."""
    lats, lons = (np.rint(np.array(v) * 600_000).astype(np.int64) for v in ([lat, lat], [lon, lon + 0.1]))
    assert world.distance_nm(lats, lons).tolist() == pytest.approx([0.0, 6 * math.cos(math.radians(lat))], abs=0.6)


def test_the_poles_and_the_meridian_have_one_answer_each(world):
    """A pole is one place on every longitude; 180 east is 180 west; a walk over either makes no step."""
    lon = np.arange(-HALF_TURN, HALF_TURN + 1, 600_000, dtype=np.int64)
    for pole, land in ((54_000_000, False), (-54_000_000, True)):
        lat = np.full(len(lon), pole, np.int64)
        assert (world.on_land(lat, lon) == land).all()
        assert np.unique(world.distance_nm(lat, lon)).tolist() == [0.0 if land else COAST_CAP_NM]
    lat = np.arange(-53_999_999, 54_000_000, 60_000, dtype=np.int64)
    east, west = np.full(len(lat), HALF_TURN, np.int64), np.full(len(lat), -HALF_TURN, np.int64)
    assert np.array_equal(world.on_land(lat, east), world.on_land(lat, west))
    far_nm = world.distance_nm(lat, east)
    assert np.array_equal(far_nm, world.distance_nm(lat, west))
    assert 0 < (far_nm == 0).sum() < (far_nm == COAST_CAP_NM).sum()
    for aside in (-600, 600):  # 0.06 nautical miles and less to either side
        beside = (east + aside + HALF_TURN) % FULL_TURN - HALF_TURN
        assert np.abs(world.distance_nm(lat, beside) - far_nm).max() <= 0.1


def test_the_world_has_its_share_of_land(world):
    rng = np.random.default_rng(3)
    n = 200_000
    lat = np.rint(np.degrees(np.arcsin(rng.uniform(-1, 1, n))) * 600_000).astype(np.int64)
    lon = np.rint(rng.uniform(-180, 180, n) * 600_000).astype(np.int64)
    assert world.on_land(lat, lon).mean() == pytest.approx(0.287, abs=0.004)


def test_world_distance_equals_shapely_in_a_local_projection(world):
    """At random places by the shore: shapely measures in a plane stretched for the middle of point and foot."""
    rng = np.random.default_rng(4)
    some = rng.choice(len(world.edges), 120, replace=False)
    lat = world.edges[some, 0].astype(np.int64) + rng.integers(-300_000, 300_000, 120)
    lat = np.clip(lat, -50_000_000, 50_000_000)
    lon = np.clip(world.edges[some, 1].astype(np.int64) + rng.integers(-300_000, 300_000, 120), -HALF_TURN + 6_000_000, HALF_TURN - 6_000_000)
    got = world.distance_nm(lat, lon)
    afloat = 0
    for a, b, d in zip(lat.tolist(), lon.tolist(), got.tolist()):
        if d in (0, COAST_CAP_NM):
            continue
        afloat += 1
        close = np.abs(world.edges[:, 0].astype(np.int64) - a) < (d + 30) * 10_000
        rows = world.edges[close].astype(np.float64)
        lines = shapely.linestrings(np.stack([rows[:, [1, 0]], rows[:, [3, 2]]], axis=1))
        stretched = a
        for _ in range(3):  # the plane of the mean latitude of point and foot
            cos = math.cos(math.radians(stretched / 600_000))
            here = shapely.Point(b * cos, a)
            flat = shapely.transform(lines, lambda xy, cos=cos: xy * [cos, 1])
            nearest = flat[int(np.argmin(shapely.distance(flat, here)))]
            foot = nearest.interpolate(nearest.project(here))
            stretched = (a + foot.y) / 2
        expected = here.distance(foot) / 10_000 * (6_371_008.8 * math.pi / 180 / 60 / 1852)
        assert d == pytest.approx(expected, rel=0.002, abs=0.002), (a, b)
    assert afloat > 30


def test_land_map_is_fit_for_a_plane(land_map):
    assert land_map.is_valid
    assert (load.DATA_DIR / "land.geojson").stat().st_size <= 1_500_000
    west, south, east, north = land_map.bounds
    assert west >= -180
    assert east <= 180
    assert south >= -85.052
    assert north <= 85.052
    for polygon in land_map.geoms:
        for ring in (polygon.exterior, *polygon.interiors):
            assert np.abs(np.diff(shapely.get_coordinates(ring)[:, 0])).max() <= 180
    for name, (lat, lon) in ASHORE.items():
        assert lat < -85 or shapely.intersects_xy(land_map, lon, lat), name
    for name, (lat, lon) in AFLOAT.items():
        assert not shapely.intersects_xy(land_map, lon, lat), name


def test_area_per_band_of_latitude_is_that_of_the_shared_map(land_map):
    path = SHARED / "geo-naturalearth" / "ne_50m_land.json"
    if not path.is_file():
        pytest.skip(f"shared data absent: tried {path}")
    features = json.loads(path.read_text(encoding="utf-8"))["features"]
    shared = shapely.union_all(shapely.make_valid(np.array([shapely.geometry.shape(f["geometry"]) for f in features], object)))
    for south in range(-75, 75, 15):
        band = shapely.box(-180, south, 180, south + 15)
        expected = shared.intersection(band).area
        assert land_map.intersection(band).area == pytest.approx(expected, rel=0.003 if expected > 100 else 0.02), south


def test_ports_stand_at_the_coast_and_agree_with_the_shared_table(world):
    path = SHARED / "tab-ports" / "wpi_UpdatedPub150.csv"
    if not path.is_file():
        pytest.skip(f"shared data absent: tried {path}")
    import csv

    ports = load.read_ports()
    if not ports.ids:
        pytest.skip("no ports were built: the package searoute was absent")
    known = {i: (int(a), int(b)) for i, a, b in zip(ports.ids, ports.lat, ports.lon)}
    with path.open(encoding="utf-8-sig") as file:
        rows = {r["UN/LOCODE"].replace(" ", ""): r for r in csv.DictReader(file)}
    gaps = [
        float(naive.great_circle_nm(*known[code], np.array([float(r["Latitude"]) * 6e5]), np.array([float(r["Longitude"]) * 6e5]))[0])
        for code, r in rows.items()
        if code in known
    ]
    assert len(gaps) > 1_500
    assert np.median(gaps) < 1.5
    assert (world.distance_nm(ports.lat.astype(np.int64), ports.lon.astype(np.int64)) <= build.PORT_TO_COAST_NM).all()


def test_building_from_a_small_world_gives_equal_bytes(tmp_path):
    source = tmp_path / "world-atlas"
    source.mkdir()
    square = [[[[0, 0], [10, 0], [10, 10], [0, 10], [0, 0]]], [[[175, 50], [-175, 50], [-175, 55], [175, 55], [175, 50]]]]
    (source / "land-10m.json").write_text(topojson(square), encoding="utf-8")
    (source / "countries-10m.json").write_text(json.dumps(NEIGHBOURS), encoding="utf-8")
    (source / "LICENSE").write_text("terms", encoding="utf-8")
    (source / "package.json").write_text('{"version": "2.0.2", "license": "ISC"}', encoding="utf-8")
    ports = tmp_path / "ports.json"
    places = [("AAAAA", 10.01, 5.0), ("BBBBB", 10.5, 5.0), ("AAAAA", 1.0, 1.0), ("CCCCC", 200.0, 5.0)]
    features = [{"geometry": {"coordinates": [lon, lat]}, "properties": {"port": code, "name": code.title()}} for code, lon, lat in places]
    ports.write_text(json.dumps({"features": features}), encoding="utf-8")
    for folder in ("one", "two"):
        assert build.main(["--world-atlas", str(source), "--ports", str(ports), "--out", str(tmp_path / folder)]) == 0
    names = sorted(p.name for p in (tmp_path / "one").iterdir())
    assert names == ["LICENSE-world-atlas.txt", "ORIGIN.json", "borders.geojson", "coast.npz", "land.geojson", "names.geojson", "ports.npz"]
    for name in names:
        assert (tmp_path / "one" / name).read_bytes() == (tmp_path / "two" / name).read_bytes(), name
    assert load.read_ports(tmp_path / "one").ids == ("AAAAA",)
    origin = load.read_origin(tmp_path / "one")
    assert origin["ports"]["dropped"] == {"duplicate": 1, "bad_position": 1, "at_sea": 1}
    assert origin["coast"]["version_text"] == load.read_coast(tmp_path / "one").version()


def test_absent_and_damaged_data_name_the_remedy(tmp_path, capsys):
    for read in (load.read_coast, load.read_ports, load.read_origin, load.land_path):
        with pytest.raises(InputError, match="make install"):
            read(tmp_path)
    (tmp_path / "coast.npz").write_bytes(b"PK\x03\x04 not a zip")
    (tmp_path / "ports.npz").write_bytes(b"")
    np.savez(tmp_path / "other.npz", a=np.zeros(1))
    for read in (load.read_coast, load.read_ports):
        with pytest.raises(InputError, match="damaged"):
            read(tmp_path)
    (tmp_path / "other.npz").rename(tmp_path / "coast.npz")
    with pytest.raises(InputError, match="lacks"):
        load.read_coast(tmp_path)
    assert build.main(["--world-atlas", str(tmp_path / "nowhere"), "--out", str(tmp_path / "out")]) == 2
    assert "npm ci" in capsys.readouterr().err
