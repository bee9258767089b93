"""Geography: belts, masks, watch distance and relations of one made-up island and the zones drawn around it."""

from __future__ import annotations

import json
import math

import naive_zones as naive
import numpy as np
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.errors import ConfigError
from zones import check, load
from zones.coast import build_coast
from zones.geography import NEAR_NM, Geography
from zones.geojson import load_zones
from zones.ports import PORT_MASK_NM, build_ports
from zones.rings import edges_of
from zones.shore import COAST_CAP_NM

NM_DEG = 1 / 60  # close enough: a degree of latitude is 60.04 of our miles
DEG = 600_000
# an island from 0 to 1 degree, at the equator, with a port in the middle of its southern shore
ISLAND = shapely.box(0, 0, DEG, DEG)
PORT = (0, DEG // 2, "XXAAA", "Alpha")


def box(zone_id: str, kind: str, west: float, south: float, east: float, north: float, **more) -> dict:
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return {"type": "Feature", "properties": {"id": zone_id, "kind": kind, **more}, "geometry": {"type": "Polygon", "coordinates": [ring]}}


def line(zone_id: str, kind: str, *positions, **more) -> dict:
    return {"type": "Feature", "properties": {"id": zone_id, "kind": kind, **more}, "geometry": {"type": "LineString", "coordinates": list(positions)}}


def zone_set(*features, file="f.geojson"):
    return load_zones(json.dumps({"type": "FeatureCollection", "features": list(features)}), file=file)


@pytest.fixture(scope="module")
def coast():
    return build_coast(edges_of([ISLAND]))


@pytest.fixture(scope="module")
def geography(coast):
    zones = zone_set(
        box("anchorage", "anchorage", 3.0, 0.0, 3.1, 0.1),
        box("beach", "watch", 0.52, -0.02, 0.6, -0.005),
        line("limit", "border", [2.0, -1.0], [2.0, 1.0]),
        box("summer", "watch", -3.0, 0.0, -2.0, 1.0, valid_from="2026-06-01", valid_to="2026-09-01"),
        box("ferry", "corridor", 1.5, -1.0, 1.6, 0.5),
    )
    return Geography.build(coast, build_ports([PORT]), [zones])


def one(lat, lon):
    return np.array([lat], float), np.array([lon], float)


def related(geography, lat, lon, t_ms=None):
    return {r.id: (r.relation, r.distance_nm) for r in geography.relations(lat, lon, t_ms)}


@pytest.mark.parametrize(
    ("miles_south", "expected"),
    [
        (-10, {"belt-12nm": ("inside", 0.0)}),
        (6, {"belt-12nm": ("inside", 0.0), "belt-24nm": ("near", 5.99)}),
        (11.9, {"belt-12nm": ("inside", 0.0), "belt-24nm": ("near", 0.09)}),
        (12.1, {"belt-12nm": ("near", 0.11), "belt-24nm": ("inside", 0.0)}),
        (23.9, {"belt-12nm": ("near", 11.92), "belt-24nm": ("inside", 0.0)}),
        (30, {"belt-24nm": ("near", 6.02)}),
        (40, {}),
    ],
)
def test_belts_follow_the_distance_to_the_coast(geography, miles_south, expected):
    found = related(geography, -miles_south * NM_DEG, 0.1)
    found = {k: v for k, v in found.items() if k.startswith("belt")}
    assert found.keys() == expected.keys()
    for zone_id, (relation, distance_nm) in expected.items():
        assert found[zone_id][0] == relation
        assert found[zone_id][1] == pytest.approx(distance_nm, abs=0.03)


def test_belts_say_that_they_are_approximate(geography):
    belts = [r for r in geography.relations(-0.1, 0.1) if r.id.startswith("belt")]
    assert [r.kind for r in belts] == ["territorial_sea", "contiguous_zone"]
    assert all("-approx-" in r.version for r in belts)
    assert geography.version.startswith(geography.coast_version)


def test_masks_are_ports_anchorages_and_a_buffer(geography):
    cases = [
        ((-1.9 * NM_DEG, 0.5), True),  # inside the port circle
        ((-2.45 * NM_DEG, 0.5), True),  # in its buffer
        ((-2.6 * NM_DEG, 0.5), False),
        ((0.05, 3.05), True),  # inside the anchorage
        ((0.05, 3.1 + 0.4 * NM_DEG), True),
        ((0.05, 3.1 + 0.6 * NM_DEG), False),
        ((-0.01, 0.53), False),  # the watched beach wins over the port
        ((-0.6, 1.55), False),  # a corridor is no mask
    ]
    lat, lon = np.array([c[0][0] for c in cases]), np.array([c[0][1] for c in cases])
    assert geography.masked(lat, lon).tolist() == [c[1] for c in cases]
    assert related(geography, -2.2 * NM_DEG, 0.5)["port-XXAAA"] == ("near", pytest.approx(0.2, abs=0.01))
    assert related(geography, -1.0 * NM_DEG, 0.5)["port-XXAAA"] == ("inside", 0.0)
    assert PORT_MASK_NM == 2.0


def test_watch_distance_is_the_nearest_border(geography):
    t_summer, t_winter = 1_782_000_000_000, 1_767_225_600_000
    cases = [
        ((-0.1, 0.1), None, 0.0),  # inside the belt
        ((-20 * NM_DEG, 0.5), None, 8.0),
        ((-0.5, 2.0), None, 0.0),  # on the line
        ((-0.5, 2.1), None, 6.0),
        ((0.5, -2.5), None, 0.0),
        ((0.5, -2.5), t_summer, 0.0),
        ((0.5, -2.5), t_winter, 48.0),
        ((30.0, 30.0), None, 48.0),
        ((math.nan, 0.0), None, math.nan),
    ]
    for (lat, lon), t_ms, expected in cases:
        assert geography.watch_distance_nm(*one(lat, lon), t_ms)[0] == pytest.approx(expected, abs=0.05, nan_ok=True), (lat, lon, t_ms)
    assert "summer" in related(geography, 0.5, -2.5, t_summer)
    assert "summer" not in related(geography, 0.5, -2.5, t_winter)


def test_relations_come_inside_first_then_nearest(geography):
    found = geography.relations(-0.015, 0.55)
    assert [r.relation for r in found] == sorted((r.relation for r in found), key=lambda word: word != "inside")
    keys = [(r.relation != "inside", r.distance_nm, r.id) for r in found]
    assert keys == sorted(keys)
    assert {"beach", "belt-12nm"} <= {r.id for r in found}
    assert all(r.distance_nm < NEAR_NM for r in found)
    assert related(geography, 0.0, 2.0)["limit"] == ("near", 0.0), "a line has no inside"


def test_points_sides_and_tolerances_of_the_newer_kinds(coast):
    """A crossing point is a circle; a border has a side that is in; a proposal is neither port nor anchorage."""
    point = {
        "type": "Feature",
        "properties": {"id": "gate", "kind": "crossing_point", "buffer_nm": 0.5},
        "geometry": {"type": "Point", "coordinates": [180.0, 10.0]},
    }
    border = line("median", "border", [4.0, 0.0], [4.0, 1.0], inside="left", tolerance_nm=0.2)
    offered = box("maybe", "anchorage", 5.0, 0.0, 5.1, 0.1, approved=False)
    geography = Geography.build(coast, build_ports([]), [zone_set(point, border, offered)])
    for lon in (180.0, -180.0, 180.0 - 0.4 * NM_DEG, -180.0 + 0.4 * NM_DEG):
        (relation,) = geography.relations(10.0, lon)
        assert (relation.id, relation.kind, relation.relation) == ("gate", "crossing_point", "inside"), lon
    (relation,) = geography.relations(10.0, 180.0 - 2.5 * NM_DEG)
    assert relation.distance_nm == pytest.approx(2.5 * math.cos(math.radians(10)) - 0.5, abs=0.01)
    assert (geography.zones[1].inside, geography.zones[1].tolerance_nm) == ("left", 0.2)
    assert not geography.masked(np.array([0.05]), np.array([5.05]))[0]
    assert "proposal" in [r.kind for r in geography.relations(0.05, 5.05)]


def test_the_nearest_port_and_cable_are_those_of_the_tree(coast):
    """Hundreds of zones of all shapes, over the date line and at high latitudes: the bands give what asking every zone gives."""
    rng = np.random.default_rng(12)
    features = []
    for k in range(300):
        lat, lon = rng.uniform(-80, 80), rng.choice([rng.uniform(-180, 180), rng.uniform(179, 179.7), rng.uniform(-179.9, -179.5)])
        high, wide = rng.uniform(0.01, 1.5 if k % 50 == 0 else 0.1, 2)
        kind = ("port", "anchorage", "corridor", "watch")[k % 4]
        more = {"buffer_nm": float(rng.choice([0.0, 0.5, 20.0], p=[0.6, 0.3, 0.1]))}
        if k % 3 == 0:
            more |= {"valid_from": "2026-01-01", "valid_to": "2026-02-01"}
        features.append(box(f"z{k}", kind, lon, lat, min(180.0, lon + wide), min(85.0, lat + high), **more))
    features.append(line("lane", "corridor", [0.0, -30.0], [0.0, 30.0], subkind="lane", buffer_nm=1.0))
    geography = Geography.build(coast, build_ports([]), [zone_set(*features)])
    drawn = np.array([(z.edges[0, 0], z.edges[0, 1]) for z in geography.zones])[rng.integers(0, 300, 3000)]
    lat_deg = np.clip(drawn[:, 0] / DEG + rng.normal(0, 0.4, 3000), -89, 89)
    lon_deg = (drawn[:, 1] / DEG + rng.normal(0, 0.6, 3000) + 180) % 360 - 180
    lat, lon = np.rint(lat_deg * DEG).astype(np.int64), np.rint(lon_deg * DEG).astype(np.int64)
    for t_ms in (None, 1_768_000_000_000, 1_800_000_000_000):
        ports = geography.tree.nearest_nm(np.array([z.kind in ("port", "anchorage") for z in geography.zones]), lat, lon, 24.0, t_ms)
        cables = geography.tree.nearest_nm(np.array([z.kind == "corridor" and z.subkind != "lane" for z in geography.zones]), lat, lon, 24.0, t_ms)
        asked = geography.port_distance_nm(lat_deg, lon_deg, 24.0, t_ms=t_ms), geography.cable_distance_nm(lat_deg, lon_deg, 24.0, t_ms=t_ms)
        for found, expected in zip(asked, (ports, cables), strict=True):
            assert np.abs(found - expected).max() < 1e-9
            assert np.array_equal(found < 1e-9, expected < 1e-9)
        assert min((ports == 0).sum(), ((ports > 0) & (ports < 24)).sum(), (ports == 24).sum(), (cables < 24).sum()) > 10
    assert geography.has_cables
    assert not Geography.build(coast, build_ports([]), [zone_set(features[-1])]).has_cables, "a lane is no cable"


def test_unknown_positions_are_nowhere(geography):
    lat, lon = np.array([np.nan, 91.0, 0.0, 0.0, np.inf]), np.array([0.0, 181.0, 181.0, np.nan, 0.0])
    assert np.isnan(geography.coast_distance_nm(lat, lon)).all()
    assert np.isnan(geography.watch_distance_nm(lat, lon)).all()
    assert not geography.on_land(lat, lon).any()
    assert not geography.masked(lat, lon).any()
    assert geography.relations(math.nan, 0.0) == []
    assert geography.coast_distance_nm(np.array([]), np.array([])).shape == (0,)


@settings(max_examples=80, deadline=None)
@given(st.lists(st.tuples(st.floats(-1.5, 1.5), st.floats(-4, 4)), min_size=1, max_size=20), st.randoms(use_true_random=False))
def test_answers_do_not_depend_on_company(geography, places, random):
    """Many at once, one by one, or in another order: the same bits."""
    lat, lon = np.array([p[0] for p in places]), np.array([p[1] for p in places])
    order = list(range(len(places)))
    random.shuffle(order)
    for ask in (geography.coast_distance_nm, geography.watch_distance_nm, geography.masked, geography.on_land):
        together = ask(lat, lon)
        assert np.array_equal(ask(lat[order], lon[order]), together[order])
        assert np.array_equal(np.concatenate([ask(lat[k : k + 1], lon[k : k + 1]) for k in range(len(places))]), together)


def test_the_geography_is_a_value(coast, geography):
    again = Geography.build(coast, build_ports([PORT]), [zone_set(box("other", "watch", 5, 5, 6, 6))])
    plain = Geography.build(coast, build_ports([PORT]))
    assert len({again.version, plain.version, geography.version}) == 3
    assert plain.version == Geography.build(coast, build_ports([PORT])).version
    with pytest.raises(AttributeError):
        plain.version = "x"


def test_one_id_in_two_files_is_refused(coast):
    with pytest.raises(ConfigError, match=r"b\.geojson.*'z'.*a\.geojson"):
        Geography.build(coast, build_ports([]), [zone_set(box("z", "area", 0, 0, 1, 1), file=f"{name}.geojson") for name in "ab"])


def test_nearest_port_equals_the_naive_twin():
    rng = np.random.default_rng(3)
    rows = [(int(a), int(b), f"P{k}", "") for k, (a, b) in enumerate(zip(rng.integers(-30 * DEG, 30 * DEG, 500), rng.integers(-180 * DEG, 180 * DEG, 500)))]
    rows += [(10 * DEG, 180 * DEG - 100, "east", ""), (11 * DEG, -180 * DEG + 100, "west", "")]
    ports = build_ports(rows)
    shuffled = build_ports(rows[::-1])
    assert shuffled.version() == ports.version()
    lat, lon = rng.integers(-30 * DEG, 30 * DEG, 200), rng.integers(-180 * DEG, 180 * DEG, 200)
    lat, lon = np.append(lat, [10 * DEG, 11 * DEG]), np.append(lon, [-180 * DEG + 100, 180 * DEG - 100])
    distance_nm, number = ports.nearest(lat, lon, 120.0)
    for a, b, d, k in zip(lat.tolist(), lon.tolist(), distance_nm.tolist(), number.tolist()):
        expected = naive.great_circle_nm(a, b, ports.lat, ports.lon)
        assert d == pytest.approx(min(120.0, expected.min()), rel=2e-3, abs=1e-3)
        assert (k >= 0) == (d < 120.0)
        assert k < 0 or expected[k] == pytest.approx(expected.min(), rel=4e-3, abs=1e-3)
    assert {"east", "west"} == {ports.ids[k] for k in number[-2:]}


def test_show_tells_what_is_in_force(geography):
    report = check.show(geography, {"coast": {"package": "x"}})
    json.dumps(report)
    assert report["origin"]["coast"]["package"] == "x"
    assert any("not for legal use" in text for text in check.show_lines(report))
    assert any("summer" in text and "valid 2026-06-01" in text for text in check.show_lines(report))
    here = check.show_at(geography, -0.1, 0.1)
    json.dumps(here)
    assert here["coast_distance_nm"] == pytest.approx(6.0, abs=0.05)
    assert here["zones"][0]["id"] == "belt-12nm"
    with pytest.raises(ConfigError, match="out of range"):
        check.show_at(geography, 100, 0)


def test_the_default_geography_works_without_any_file_of_the_operator():
    if not (load.DATA_DIR / "coast.npz").is_file():
        pytest.skip(f"{load.DATA_DIR / 'coast.npz'} is absent: run `make install`")
    world = Geography.default()
    assert world.coast_version.startswith("ne10m-approx-")
    # open ocean, a strait, a capital inland
    distance_nm = world.coast_distance_nm(np.array([40.0, 51.0, 48.86]), np.array([-40.0, 1.5, 2.35]))
    assert distance_nm[0] == COAST_CAP_NM
    assert 3 < distance_nm[1] < 12
    assert distance_nm[2] == 0
    assert world.relations(40.0, -40.0) == []
    assert world.relations(51.0, 1.5)[0].id == "belt-12nm"


@given(st.floats(-2, 2), st.floats(-4, 4))
def test_beyond_their_boxes_nothing_of_some_kinds_is(geography, lat, lon):
    for kinds in (("watch",), ("corridor",), ("anchorage", "watch"), ("border",)):
        south, west, north, east = (geography.boxes(kinds) / DEG).T
        near = ((south <= lat) & (lat <= north) & (west <= lon) & (lon <= east)).any()
        assert near or not geography.in_zones(kinds, np.array([lat]), np.array([lon]))[0]
    assert len(geography.boxes(("eez",))) == 0
