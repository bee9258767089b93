"""What the coast remembers never shows: every answer is, to the last bit, the one of the plain search among all edges."""

from __future__ import annotations

import naive_zones as naive
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from dogwatch.geo import HALF_TURN
from dogwatch.kernel import kernel
from zones import load, rings, shore_cells
from zones.coast import Coast, build_coast
from zones.shore import COAST_CAP_NM, POLE, plain_nm, plainly_on_land

DEG = 600_000


@kernel()
def _plainly(arrays, lats, lons, nm, land):
    for i in range(lats.shape[0]):
        nm[i] = plain_nm(*arrays, lats[i], lons[i])
        land[i] = plainly_on_land(arrays[0], arrays[1], arrays[2], arrays[4], arrays[5], arrays[6], lats[i], lons[i] if lons[i] < HALF_TURN else -HALF_TURN)


def plainly(coast: Coast, lat: np.ndarray, lon: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    nm, land = np.empty(len(lat)), np.empty(len(lat), np.bool_)
    _plainly(coast.arrays()[:8], lat, lon, nm, land)
    return nm, land


def assert_same(coast: Coast, lat: np.ndarray, lon: np.ndarray) -> np.ndarray:
    nm, land = plainly(coast, lat, lon)
    for _ in range(2):  # when cells are new, and when they are known
        assert np.array_equal(coast.distance_nm(lat, lon), nm)
        assert np.array_equal(coast.on_land(lat, lon), land)
    return nm


def archipelago(rng: np.random.Generator, lat_deg: float, lon_deg: float, islands: int, spread_nm: float) -> Coast:
    """Ragged islands, some on top of others, some with edges of tens of miles, some smaller than a cell."""
    edges = []
    for _ in range(islands):
        lat = lat_deg + rng.normal(0, spread_nm / 60)
        lon = lon_deg + rng.normal(0, spread_nm / 60) / np.cos(np.radians(min(85.0, abs(lat))))
        ring = naive.star(rng, float(np.clip(lat, -89, 89)), float(lon), float(rng.choice([0.2, 2, 15, 40])), int(rng.integers(3, 60)))
        edges.append(ring)
    polygons = rings.united([[np.column_stack([(r[:, 1] + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN, r[:, 0]])[np.r_[0 : len(r), 0]]] for r in edges])
    return build_coast(rings.edges_of(polygons))


def around(rng: np.random.Generator, lat_deg: float, lon_deg: float, n: int, spread_nm: float) -> tuple[np.ndarray, np.ndarray]:
    lat = np.clip(np.rint((lat_deg + rng.normal(0, spread_nm / 60, n)) * DEG), -POLE, POLE).astype(np.int64)
    lon = np.rint((lon_deg + rng.normal(0, spread_nm / 60, n) / np.cos(np.radians(min(85.0, abs(lat_deg))))) * DEG).astype(np.int64)
    return lat, (lon + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN


@settings(max_examples=25, deadline=None)
@given(st.integers(0, 2**32 - 1), st.sampled_from([(0.0, 0.0), (54.0, 8.0), (-62.0, 179.9), (71.0, -180.0), (84.0, 20.0), (88.0, 20.0), (0.1, 179.99)]))
def test_any_coast_is_answered_as_it_is_plainly(seed, place):
    rng = np.random.default_rng(seed)
    coast = archipelago(rng, *place, islands=int(rng.integers(1, 12)), spread_nm=30)
    nm = assert_same(coast, *around(rng, *place, 1_500, float(rng.choice([3, 20, 60]))))
    corners = coast.edges[:, :2].astype(np.int64)
    near = np.clip(corners + rng.integers(-2, 3, corners.shape), -POLE, POLE)
    near[:, 1] = (near[:, 1] + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN
    assert_same(coast, near[:, 0].copy(), near[:, 1].copy())
    assert ((nm >= 0) & (nm <= COAST_CAP_NM)).all()


def test_the_coast_of_the_world_is_answered_as_it_is_plainly():
    coast = load.read_coast()
    rng = np.random.default_rng(11)
    at = coast.edges[rng.integers(0, len(coast.edges), 60_000), :2].astype(np.int64)
    spread = 10.0 ** rng.uniform(0, 6.3, (len(at), 1))  # from a unit to three degrees beside the shore
    places = at + np.rint(rng.normal(0, 1, at.shape) * spread).astype(np.int64)
    lat, lon = np.clip(places[:, 0], -POLE, POLE), (places[:, 1] + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN
    nm = assert_same(coast, lat, lon)
    assert min((nm == 0).sum(), ((nm > 0) & (nm < 1)).sum()) > 5_000
    assert (nm > 20).sum() > 2_000


def test_who_asked_what_before_does_not_show():
    coast, again = load.read_coast(), load.read_coast()
    rng = np.random.default_rng(3)
    lat, lon = around(rng, 54.5, 10.5, 5_000, 40)
    mixed = rng.permutation(len(lat))
    one_by_one = np.concatenate([again.distance_nm(lat[k : k + 1], lon[k : k + 1]) for k in mixed])
    assert np.array_equal(coast.distance_nm(lat, lon)[mixed], one_by_one)


def test_without_room_the_answers_are_the_same(monkeypatch):
    monkeypatch.setattr(shore_cells, "ROOM_START", shore_cells.ROOM_MIN + 3_000)
    monkeypatch.setattr(shore_cells, "ROOM_END", 0)
    coast = load.read_coast()
    before = coast.memory.ready()
    lat, lon = around(np.random.default_rng(4), 59.0, 22.0, 4_000, 40)
    assert_same(coast, lat, lon)
    assert coast.memory.ready() is before, "it may not grow"
    assert len(before) - before[0] < shore_cells.ROOM_MIN, "some cells found no room"


def test_memory_grows_and_keeps_what_it_knows():
    coast = load.read_coast()
    lat, lon = around(np.random.default_rng(5), 62.0, 5.0, 2_000, 30)
    known = coast.distance_nm(lat, lon)
    small = coast.memory.ready()
    rng = np.random.default_rng(6)
    while coast.memory.ready() is small:
        at = coast.edges[rng.integers(0, len(coast.edges), 20_000), :2].astype(np.int64)
        coast.distance_nm(at[:, 0].copy(), at[:, 1].copy())
    assert np.array_equal(coast.distance_nm(lat, lon), known)


@pytest.mark.parametrize("lat_deg", [-90.0, 90.0, 85.1, -84.9])
def test_the_ends_of_the_earth(lat_deg):
    coast = load.read_coast()
    lon = np.rint(np.linspace(-180, 180, 400) * DEG).astype(np.int64)
    assert_same(coast, np.full(400, round(lat_deg * DEG)), lon)
