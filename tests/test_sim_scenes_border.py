"""Scenes of borders, ports and cables: crossings are where and when the plan has them, look-alikes never cross, and the reports agree."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from dogwatch.errors import InputError
from dogwatch.geo import KN_MS, NM_M, great_circle_m
from sim.area import Area, belt, depth_of
from tests.scene_harness import apart_m, assert_afloat, behaviour, fixes, scenes, told, true_state, truth

SEEDS = (1, 2, 3)
CABLE = [(-41.45, 174.75), (-41.75, 174.75), (-42.05, 174.95)]
LINE = [(-42.2, 174.9), (-41.4, 175.9)]
WATCH = [(-41.8, 174.6), (-41.8, 174.9), (-41.6, 174.9), (-41.6, 174.6)]
BORDERS = {
    "": belt(12.0),
    "line-1": depth_of(Area("line-1", "border", LINE, line=True)),
    "watch-1": depth_of(Area("watch-1", "watch", WATCH)),
}
CORRIDOR = depth_of(Area("cable-1", "corridor", CABLE, line=True, buffer_nm=0.5))
ZONES = f"""
[[zones]]
id = "cable-1"
zone_kind = "corridor"
line = true
buffer_nm = 0.5
points = {[list(p) for p in CABLE]}

[[zones]]
id = "line-1"
zone_kind = "border"
line = true
points = {[list(p) for p in LINE]}

[[zones]]
id = "watch-1"
zone_kind = "watch"
points = {[list(p) for p in WATCH]}
"""
AT_BORDERS = ("border_crossing", "dark_crossing", "border_approach", "border_skirting")
CABLES = ("anchor_drag", "over_cable_stop", "cable_approach", "cable_ship", "cable_crossing")
TABLES = ZONES + "".join(behaviour(kind, f'zone = "{zone}"') for kind in AT_BORDERS for zone in BORDERS)
TABLES += "".join(behaviour(kind) for kind in ("port_visit", *CABLES))
EVERYWHERE = pytest.mark.parametrize(("seed", "zone"), [(seed, zone) for seed in SEEDS for zone in BORDERS])


def scene_of(kind: str, seed: int, zone: str = ""):
    found = [s for s in scenes(TABLES, seed) if s.kind == kind]
    return found[list(BORDERS).index(zone)] if len(found) > 1 else found[0]


def depths(plan, depth, begin_s: float, end_s: float, step_s: float = 30.0) -> np.ndarray:
    return np.array([depth(*true_state(plan, t)[:2]) for t in np.arange(begin_s, end_s, step_s)])


@EVERYWHERE
def test_every_crossing_is_a_fact_at_its_second(zone, seed):
    scene = scene_of("border_crossing", seed, zone)
    plan, depth = scene.ships[0].plan, BORDERS[zone]
    assert scene.facts
    for fact in scene.facts:
        assert fact.type == "zone"
        assert fact.subtype in (("cross_line",) if zone == "line-1" else ("enter", "exit"))
        before, after = depth(*true_state(plan, fact.start_s - 3)[:2]), depth(*true_state(plan, fact.start_s + 3)[:2])
        assert before * after < 0
        assert abs(before) + abs(after) < 0.1
        assert great_circle_m(fact.lat_deg, fact.lon_deg, *true_state(plan, fact.start_s)[:2]) < 2
        assert fact.subtype == "cross_line" or (after > 0) == (fact.subtype == "enter")
    changes = sum(a * b < 0 and abs(a) + abs(b) < 0.5 for a, b in itertools.pairwise(depths(plan, depth, 0, 10_800)))
    assert changes == len([f for f in scene.facts if f.start_s < 10_770])
    assert scene.facts[0].zone[0] == (zone or "belt-12nm")


@EVERYWHERE
def test_a_dark_crossing_is_silent_across_the_border(zone, seed):
    scene = scene_of("dark_crossing", seed, zone)
    cross, dark = scene.facts[:2]
    assert (cross.type, cross.subtype, dark.type) == ("zone", "inferred_cross", "dark")
    assert (cross.start_s, cross.end_s) == (dark.start_s, dark.end_s)
    plan, depth, at_s = scene.ships[0].plan, BORDERS[zone], cross.start_s + cross.measures["crossing_s"]
    assert depth(*true_state(plan, at_s - 5)[:2]) < 0 < depth(*true_state(plan, at_s + 5)[:2])
    assert not any(cross.start_s <= f.start_s < cross.end_s for f in scene.facts[2:])
    times = [t for t, _ in fixes(TABLES, seed, scene.ships[0].identity.mmsi)]
    assert not [t for t in times if cross.start_s < t < cross.end_s - 1]
    assert [t for t in times if cross.start_s - 60 < t <= cross.start_s]


@EVERYWHERE
def test_who_turns_away_or_goes_along_never_crosses(zone, seed):
    depth = BORDERS[zone]
    scene = scene_of("border_approach", seed, zone)
    (fact,) = scene.facts
    assert (fact.type, fact.subtype, fact.innocent) == ("zone", "approach", False)
    away = depths(scene.ships[0].plan, depth, 0, 10_900)
    assert away.max() < 0 or zone == "line-1"
    _, _, north, east, *_ = true_state(scene.ships[0].plan, fact.start_s + 60)
    speed_nm_s = math.hypot(north, east) / NM_M
    ahead = [true_state(scene.ships[0].plan, fact.end_s - 60)[k] for k in (0, 1)]
    for s in (fact.start_s + 1, fact.end_s - 60):  # straight ahead the border is within half an hour
        lat, lon, north, east, *_ = true_state(scene.ships[0].plan, s)
        reach = [(lat + north * k / NM_M / 60, lon + east * k / NM_M / 60 / math.cos(math.radians(lat))) for k in range(0, 1860, 10)]
        assert max(depth(*p) for p in reach) > 0
    assert speed_nm_s * 3600 >= 3
    assert depth(*ahead) > -2.5
    scene = scene_of("border_skirting", seed, zone)
    (fact,) = scene.facts
    assert fact.innocent
    near = depths(scene.ships[0].plan, depth, fact.start_s, fact.end_s)
    assert near.max() < -0.02
    assert near.min() > -1.6
    assert depths(scene.ships[0].plan, depth, 0, 10_900).max() < 0 or zone == "line-1"


@pytest.mark.parametrize("seed", SEEDS)
def test_a_port_call_comes_in_lies_and_leaves(seed):
    scene = scene_of("port_visit", seed)
    (fact,) = scene.facts
    plan, berth = scene.ships[0].plan, (fact.lat_deg, fact.lon_deg)
    away = {t: great_circle_m(*true_state(plan, t)[:2], *berth) for t in range(0, 10_800, 20)}
    assert abs(great_circle_m(*true_state(plan, fact.start_s)[:2], *berth) - 3000) < 20
    assert abs(great_circle_m(*true_state(plan, fact.end_s)[:2], *berth) - 4000) < 20
    assert 1500 <= fact.measures["moored_s"] <= 3000
    assert sum(m < 5 for m in away.values()) * 20 == pytest.approx(fact.measures["moored_s"], abs=120)
    assert min(away[0], away[10_780]) > 4000
    lying = [t for t, m in away.items() if m < 5]
    navs = {m["nav"] for t, m in fixes(TABLES, seed, scene.ships[0].identity.mmsi) if lying[0] + 60 < t < lying[-1] - 60}
    assert navs == {5}


@pytest.mark.parametrize("seed", SEEDS)
def test_a_dragged_anchor_slows_the_ship_over_the_cable(seed):
    scene = scene_of("anchor_drag", seed)
    (fact,) = scene.facts
    assert fact.measures["speed_kn"] <= 0.75 * fact.measures["speed_kn_before"]
    assert 1500 <= fact.end_s - fact.start_s <= 3600
    mine = fixes(TABLES, seed, scene.ships[0].identity.mmsi)
    for begin, end, speed_kn in ((fact.start_s + 60, fact.end_s - 60, fact.measures["speed_kn"]), (0, fact.start_s - 60, fact.measures["speed_kn_before"])):
        sogs = [m["sog"] / 10 for t, m in mine if begin < t < end]
        assert len(sogs) > 50
        assert np.median(sogs) == pytest.approx(speed_kn, abs=0.2)
    courses = [m["cog"] / 10 for t, m in mine if fact.start_s + 60 < t < fact.end_s - 60]
    assert np.ptp(np.unwrap(np.radians(courses))) < math.radians(12)
    over = depths(scene.ships[0].plan, CORRIDOR, fact.start_s, fact.end_s)
    assert over.max() > 0.3


@pytest.mark.parametrize("seed", SEEDS)
def test_what_stops_or_works_above_the_cable_stays_in_its_corridor(seed):
    stop = scene_of("over_cable_stop", seed)
    fact = stop.facts[0]
    assert (fact.type, fact.subtype) == ("infra", "over_cable")
    assert depths(stop.ships[0].plan, CORRIDOR, fact.start_s, fact.end_s).min() > -0.02
    slow = [math.hypot(*true_state(stop.ships[0].plan, t)[2:4]) / KN_MS for t in range(round(fact.start_s) + 60, round(fact.end_s) - 60, 60)]
    assert max(slow) < 1.0
    assert len(stop.facts) == 1 or not stop.facts[1].scored
    work = scene_of("cable_ship", seed)
    assert work.facts[0].innocent
    assert work.ships[0].identity.ship_type == 33
    assert depths(work.ships[0].plan, CORRIDOR, 0, 10_800).min() > -0.02
    assert {m["nav"] for _, m in fixes(TABLES, seed, work.ships[0].identity.mmsi)} == {3}


@pytest.mark.parametrize("seed", SEEDS)
def test_creeping_up_and_crossing_at_speed_differ(seed):
    creep = scene_of("cable_approach", seed)
    (fact,) = creep.facts
    assert (fact.type, fact.subtype, fact.innocent) == ("infra", "cable_approach", False)
    assert math.hypot(*true_state(creep.ships[0].plan, fact.end_s - 120)[2:4]) / KN_MS < 3.0
    assert depths(creep.ships[0].plan, CORRIDOR, 0, 10_800).max() < 0
    traffic = scene_of("cable_crossing", seed)
    (fact,) = traffic.facts
    assert fact.innocent
    assert depths(traffic.ships[0].plan, CORRIDOR, fact.start_s + 2, fact.end_s - 2, 5).min() > 0
    assert math.hypot(*true_state(traffic.ships[0].plan, (fact.start_s + fact.end_s) / 2)[2:4]) / KN_MS > 8.5


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reports_are_of_the_plan_and_truth_names_the_zone(seed):
    rows = truth(TABLES, seed)
    named = {z["id"] for r in rows for z in r["zones"]}
    assert named == {"belt-12nm", "line-1", "watch-1", "cable-1"}
    checked = 0
    for kind in ("border_crossing", "port_visit", "anchor_drag"):
        ship = scene_of(kind, seed).ships[0]
        for t, m in fixes(TABLES, seed, ship.identity.mmsi)[::7]:
            assert apart_m(ship.plan, t, m) < 45, (kind, told(m))
            checked += 1
    assert checked > 100


@pytest.mark.parametrize("seed", range(6))
def test_nobody_of_a_scene_is_on_land(seed):
    assert_afloat(scenes(TABLES, seed))


def test_another_behaviour_leaves_the_others_as_they_were():
    for kind in ("port_visit", *CABLES):
        alone, together = scenes(ZONES + behaviour(kind), 5)[0], scene_of(kind, 5)
        assert [ship.plan.knots for ship in alone.ships] == [ship.plan.knots for ship in together.ships]


def test_a_cable_scene_without_a_cable_says_what_to_add():
    with pytest.raises(InputError, match="no zone of kind corridor") as fault:
        scenes(behaviour("anchor_drag"), 1)
    assert "[[zones]]" in fault.value.remedy


LANE = """
[[zones]]
id = "line"
zone_kind = "border"
line = true
points = [[-41.6, 174.2], [-41.6, 175.0]]

[[zones]]
id = "box"
zone_kind = "area"
points = [[-41.75, 174.3], [-41.75, 174.9], [-41.9, 174.9], [-41.9, 174.3]]

[[zones]]
id = "cable"
zone_kind = "corridor"
line = true
buffer_nm = 0.5
points = [[-41.68, 174.2], [-41.68, 175.0]]

[[routes]]
name = "south"
points = [[-41.45, 174.55], [-42.1, 174.55]]

[[fleets]]
kind = "lane"
route = "south"
count = 4
"""


def test_whoever_crosses_a_zone_has_a_row_and_nobody_is_asked_about_cables():
    rows = [r for r in truth(LANE, 3) if r["type"] == "zone"]
    assert {r["behaviour"] for r in rows} == {"traffic"}
    met = {(r["zones"][0]["id"], r["subtype"], r["scored"]) for r in rows}
    assert met == {
        *[("line", "cross_line", True), ("line", "approach", False), ("box", "enter", True), ("box", "exit", True)],
        *[("cable", "enter", False), ("cable", "exit", False)],
        *[("belt-12nm", "enter", False), ("belt-12nm", "exit", False), ("belt-12nm", "approach", False)],
    }
    assert len({r["mmsi"][0] for r in rows}) == 4
    for row in (r for r in rows if r["subtype"] != "approach" and r["zones"][0]["id"] != "belt-12nm"):
        edges = {"line": [-41.6], "box": [-41.75, -41.9], "cable": [-41.68 + 0.5 / 60, -41.68 - 0.5 / 60]}[row["zones"][0]["id"]]
        assert min(abs(row["lat"] - edge) for edge in edges) < 1e-3


def test_a_crossing_that_a_scene_tells_of_is_told_once():
    rows = truth(LANE.replace("count = 4", "count = 0") + behaviour("border_crossing", 'zone = "line"'), 5)
    told = [r for r in rows if r["type"] == "zone" and r["subtype"] != "approach" and r["zones"][0]["id"] == "line"]
    assert {r["behaviour"] for r in told} == {"border_crossing"}
    assert len({(r["mmsi"][0], r["t_start"]) for r in told}) == len(told)
