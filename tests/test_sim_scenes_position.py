"""Scenes of position: what the sets tell is off by what the truth says, when it says so, and at no other time."""

from __future__ import annotations

import math

import numpy as np
import pytest

from dogwatch.batch import LAT_MISSING, LON_MISSING
from dogwatch.geo import NM_M, great_circle_m
from dogwatch.times import from_iso
from sim.scenario import T_START_MS
from sim.sea import shore_nm
from tests.scene_harness import apart_m, assert_afloat, behaviour, everybody, fixes, scene_truth, scenes, told, true_state

SEEDS = (1, 2)
KINDS = ("position_jump", "position_offset", "position_on_land", "position_circle", "position_lost")
INNOCENT = ("circling_ship", "swinging_ship", "fast_craft")
TABLES = "".join(behaviour(kind) for kind in (*KINDS, *INNOCENT))
NOISE_M = 45.0  # GNSS error and rounding


def scene_of(kind: str, seed: int):
    (scene,) = (s for s in scenes(TABLES, seed) if s.kind == kind)
    return scene


def lying(kind: str, seed: int):
    """The scene, its fact, and its ship's reports during and outside it."""
    scene = scene_of(kind, seed)
    (fact,) = scene.facts
    reports = fixes(TABLES, seed, scene.ships[0].identity.mmsi)
    within = [(t, m) for t, m in reports if fact.start_s + 2 <= t < fact.end_s - 2]
    outside = [(t, m) for t, m in reports if not fact.start_s - 2 <= t <= fact.end_s + 2]
    assert len(within) > 40
    assert len(outside) > 40
    return scene, fact, within, outside


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", KINDS)
def test_before_and_after_the_lie_the_ship_tells_the_truth(kind, seed):
    scene, fact, _, outside = lying(kind, seed)
    assert max(apart_m(scene.ships[0].plan, t, m) for t, m in outside) < NOISE_M
    assert great_circle_m(*true_state(scene.ships[0].plan, fact.start_s)[:2], fact.lat_deg, fact.lon_deg) < 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("kind", "subtype", "least_nm", "most_nm", "least_s", "most_s"), [
    ("position_jump", "jump", 15, 250, 600, 3600),
    ("position_offset", "offset", 1.2, 4.5, 2700, 7200),
])  # fmt: skip
def test_a_told_place_keeps_its_distance_from_the_true_one(kind, subtype, least_nm, most_nm, least_s, most_s, seed):
    scene, fact, within, _ = lying(kind, seed)
    assert (fact.type, fact.subtype) == ("position_anomaly", subtype)
    assert least_nm <= fact.measures["offset_nm"] <= most_nm
    assert least_s <= fact.end_s - fact.start_s <= most_s
    lie = scene.lies[0]
    for t, m in within:
        lat, lon = true_state(scene.ships[0].plan, t)[:2]
        north_m = (told(m)[0] - lat) * 60 * NM_M
        east_m = ((told(m)[1] - lon + 180) % 360 - 180) * 60 * NM_M * math.cos(math.radians(told(m)[0]))
        assert math.hypot(north_m - lie.north_m, east_m - lie.east_m) < NOISE_M
    assert math.hypot(lie.north_m, lie.east_m) / NM_M == pytest.approx(fact.measures["offset_nm"], abs=0.001)


@pytest.mark.parametrize("seed", SEEDS)
def test_a_programme_sends_the_very_place_and_speed(seed):
    tables = behaviour("position_simulated")
    (scene,) = scenes(tables, seed)
    (fact,) = scene.facts
    ship = scene.ships[0]
    reports = fixes(tables, seed, ship.identity.mmsi)
    within = [(t, m) for t, m in reports if fact.start_s + 2 <= t < fact.end_s - 2]
    outside = [apart_m(ship.plan, t, m) for t, m in reports if not fact.start_s - 2 <= t <= fact.end_s + 2]
    assert (fact.type, fact.subtype) == ("position_anomaly", "simulated")
    assert len(within) > 100
    assert max(apart_m(ship.plan, t, m) for t, m in within) < 0.3, "the last digit, half of it north and half east"
    assert np.median(outside) > 1.0, "a receiver's metres before and after"


@pytest.mark.parametrize("seed", SEEDS)
def test_who_tells_a_place_beyond_reach_does_so_from_its_first_report_on(seed):
    tables = behaviour("position_beyond")
    (scene,) = scenes(tables, seed)
    (fact,) = scene.facts
    reports = fixes(tables, seed, scene.ships[0].identity.mmsi)
    assert (fact.type, fact.subtype) == ("position_anomaly", "geometry")
    assert 200 <= fact.measures["offset_nm"] <= 300
    assert len(reports) > 40
    assert min(t for t, _ in reports) >= fact.start_s - 1
    assert min(apart_m(scene.ships[0].plan, t, m) for t, m in reports) > 195 * NM_M


@pytest.mark.parametrize("seed", SEEDS)
def test_places_told_ashore_are_well_inside_the_land(seed):
    _, fact, within, _ = lying("position_on_land", seed)
    assert (fact.type, fact.subtype) == ("position_anomaly", "on_land")
    for _, m in within[::10]:
        lat, lon = told(m)
        ring = [(lat + 0.004 * math.cos(a), lon + 0.0053 * math.sin(a)) for a in np.linspace(0, 2 * math.pi, 12)]  # 450 m
        assert all(shore_nm(*p) <= 0 for p in [(lat, lon), *ring])
    assert max(great_circle_m(*told(within[0][1]), *told(m)) for _, m in within) < NOISE_M * 2  # one spot


@pytest.mark.parametrize("seed", SEEDS)
def test_told_circles_are_round_and_turn_as_often_as_said(seed):
    scene, fact, within, _ = lying("position_circle", seed)
    centre, radius_m = scene.lies[0].to, fact.measures["radius_m"]
    assert 150 <= radius_m <= 800
    assert 2 <= fact.measures["turns"] <= 5
    assert max(abs(great_circle_m(*centre, *told(m)) - radius_m) for _, m in within) < NOISE_M
    angles = np.unwrap([math.atan2((told(m)[1] - centre[1]) * math.cos(math.radians(centre[0])), told(m)[0] - centre[0]) for _, m in within])
    assert abs(angles[-1] - angles[0]) / 2 / math.pi == pytest.approx(
        fact.measures["turns"] * (within[-1][0] - within[0][0]) / (fact.end_s - fact.start_s), rel=0.05
    )


@pytest.mark.parametrize("seed", SEEDS)
def test_a_lost_position_is_no_position(seed):
    _, fact, within, _ = lying("position_lost", seed)
    assert fact.type == "position_lost"
    assert all((m["lat"], m["lon"], m["sec"]) == (LAT_MISSING, LON_MISSING, 63) for _, m in within)


@pytest.mark.parametrize("seed", SEEDS)
def test_look_alikes_truly_move_so(seed):
    circling, swinging, fast = (scene_of(kind, seed) for kind in INNOCENT)
    assert all(fact.innocent and not scene.lies for scene in (circling, swinging, fast) for fact in scene.facts)
    (fact,) = circling.facts
    plan = circling.ships[0].plan
    places = np.array([true_state(plan, t)[:2] for t in np.arange(fact.start_s + 60, fact.end_s - 60, 20)])
    centre = (places.min(axis=0) + places.max(axis=0)) / 2
    away = [great_circle_m(*centre, *p) for p in places]
    assert min(away) > 0.85 * fact.measures["radius_m"]
    assert max(away) < 1.15 * fact.measures["radius_m"]
    (fact,) = swinging.facts
    for t in range(0, 10_800, 300):
        lat, lon, north, east, *_ = true_state(swinging.ships[0].plan, t)
        assert great_circle_m(lat, lon, fact.lat_deg, fact.lon_deg) == pytest.approx(fact.measures["radius_m"], rel=0.03)
        assert math.hypot(north, east) < 0.6  # m/s
    (fact,) = fast.facts
    assert 32 <= fact.measures["speed_kn"] <= 45
    _, _, north, east, *_ = true_state(fast.ships[0].plan, fact.start_s + 900)
    assert math.hypot(north, east) / 0.514444 == pytest.approx(fact.measures["speed_kn"], rel=0.02)


@pytest.mark.parametrize("seed", range(6))
def test_nobody_of_a_scene_is_on_land(seed):
    assert_afloat(scenes(TABLES + behaviour("gnss_interference"), seed))


AREA = behaviour("gnss_interference", "count = 1\nat = [-41.75, 174.85]\nradius_nm = 6.0\nlasts_s = [2400.0, 3000.0]\nmode = MODE")
TRAFFIC = """
[[fleets]]
kind = "leisure"
count = 12
centre = [-41.75, 174.85]
radius_nm = 14.0
loa_m = [30.0, 60.0]
speed_kn = [3.0, 8.0]
"""


@pytest.mark.parametrize("mode", ["circle", "fixed", "lost"])
def test_an_area_hits_everybody_there_and_nobody_else(mode):
    tables = TRAFFIC + AREA.replace("MODE", f'"{mode}"')
    rows = scene_truth(tables, 4)
    (area,) = (r for r in rows if r["type"] == "gnss_area")
    begin, end = (from_iso(area[k]) / 1000 - T_START_MS / 1000 for k in ("t_start", "t_end"))
    (scene,) = scenes(tables, 4)
    odd = set()
    everybody_plans = {ship.identity.mmsi: ship.plan for ship in _everybody(tables)}
    for mmsi, plan in everybody_plans.items():
        for t, m in fixes(tables, 4, mmsi):
            lost = m["lat"] == LAT_MISSING
            if lost or apart_m(plan, t, m) > NOISE_M:
                odd.add(mmsi)
                assert begin - 2 <= t <= end + 2
                assert great_circle_m(*true_state(plan, t)[:2], area["lat"], area["lon"]) < 6.05 * NM_M
                assert lost == (mode == "lost")
                assert lost or great_circle_m(*told(m), *scene.lies[0].to) < scene.lies[0].radius_m + NOISE_M
    assert odd == set(area["mmsi"])
    assert {s.identity.mmsi for s in scene.ships} < odd
    assert len(odd) < len(everybody_plans)
    assert area["visible"]
    assert area["scored"]
    alone = [r for r in rows if r["type"] == {"lost": "position_lost"}.get(mode, "position_anomaly")]
    assert sorted(m for r in alone for m in r["mmsi"]) == sorted(odd)
    assert not any(r["scored"] for r in alone)
    assert {r["behaviour"] for r in rows} == {"gnss_interference"}


def _everybody(tables: str):
    cast = everybody(tables, 4)
    return cast.background + [ship for scene in cast.scenes for ship in scene.ships]


def test_another_behaviour_leaves_the_others_as_they_were():
    alone, together = scenes(behaviour("position_jump"), 5), scenes(TABLES + behaviour("gnss_interference"), 5)
    assert alone[0].ships[0].plan.knots == together[0].ships[0].plan.knots
    assert alone[0].lies == together[0].lies
    twice = scenes(behaviour("position_jump", "count = 2"), 5)
    assert twice[0].ships[0].plan.knots == alone[0].ships[0].plan.knots
    assert twice[1].ships[0].plan.knots != alone[0].ships[0].plan.knots
