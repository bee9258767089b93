"""Scenes of distress: devices, texts and statuses are on the air when the truth says so; who helps turns, comes and stays; who searches is innocent."""

from __future__ import annotations

import math
from itertools import combinations

import pytest

from dogwatch.batch import LAT_MISSING
from dogwatch.geo import KN_MS, NM_M, great_circle_m
from ingest.safety import position_in
from sim.scenario import T_START_MS
from sim.ship import AIRCRAFT, BEACON
from tests.scene_harness import apart_m, assert_afloat, behaviour, fixes, heard, scene_truth, scenes, true_state

SEEDS = (1, 2, 3)
KINDS = ("beacon", "safety_text", "distress_status", "wrong_status", "assist", "sar_operation")
TABLES = "".join(behaviour(kind) for kind in KINDS)


def scene_of(kind: str, seed: int, tables: str = TABLES):
    return next(s for s in scenes(tables, seed) if s.kind == kind)


def speed_kn(plan, t_s: float) -> float:
    return math.hypot(*true_state(plan, t_s)[2:4]) / KN_MS


def course_deg(plan, t_s: float) -> float:
    north, east = true_state(plan, t_s)[2:4]
    return math.degrees(math.atan2(east, north))


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("known", ["true", "false"])
def test_a_beacon_speaks_with_and_without_a_place(known, seed):
    tables = behaviour("beacon", f'device = "epirb"\nplace_known = {known}\narea = [[-41.5, 174.9], 15.0]')
    scene = scene_of("beacon", seed, tables)
    (fact,) = scene.facts
    mine = heard(tables, seed, scene.ships[0].identity.mmsi)
    assert abs((mine[0][0] - T_START_MS) / 1000 - fact.start_s) < 30
    places = {m["lat"] == LAT_MISSING for _, m in mine if m["msg_type"] == 1}
    assert places == {known == "false"}
    assert {m["text"] for _, m in mine if m["msg_type"] == 14} == {"EPIRB ACTIVE EX-DOGWATCH"}


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize(("call", "words", "subtype"), [("mayday", "MAYDAY MAYDAY", "text"), ("pan_pan", "PAN PAN", "text"), ("test", "TEST", "test")])
@pytest.mark.parametrize("addressed", ["false", "true"])
def test_an_ordinary_ship_calls_for_help_in_words(addressed, call, words, subtype, seed):
    tables = behaviour("safety_text", f'call = "{call}"\naddressed = {addressed}')
    scene = scene_of("safety_text", seed, tables)
    fact, *adrift = scene.facts
    assert (fact.type, fact.subtype, fact.point) == ("safety", subtype, True)
    assert [(f.type, f.innocent) for f in adrift] == ([] if call == "test" else [("loitering", True), ("safety", False)])
    ship, caller = scene.ships
    calls = [(stamp, m) for stamp, m in heard(tables, seed, ship.identity.mmsi) if m["msg_type"] in (12, 14)]
    assert {m["msg_type"] for _, m in calls} == {12 if addressed == "true" else 14}
    assert {m.get("dest") for _, m in calls} == {caller.dest if addressed == "true" else None}
    moments = [k[0] for k in caller.plan.knots[:-1]]
    assert 3 <= len(moments) - (0 if call == "test" else 2) <= 6
    assert moments[0] == fact.start_s
    assert call == "test" or moments[2] < fact.start_s + 60, "one lost call costs no minutes"
    sent = [(stamp - T_START_MS) / 1000 for stamp, _ in calls]
    assert len(sent) == len(moments)
    assert all(0 <= s - t < 5 for s, t in zip(sent, moments))
    for _, m in calls:
        assert m["text"].startswith(f"EX-DOGWATCH {words}")
        assert m["text"].endswith("EX-DOGWATCH")
        assert ship.identity.name in m["text"]
        if call != "test":
            lat, lon = position_in(m["text"])
            assert great_circle_m(lat / 600_000, lon / 600_000, fact.lat_deg, fact.lon_deg) < 30
    before, after = speed_kn(ship.plan, fact.start_s - 600), speed_kn(ship.plan, fact.start_s + 600)
    assert before > 5
    assert after > 5 if call == "test" else after < 1


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("kind", ["distress_status", "wrong_status"])
def test_status_14_is_told_from_then_on(kind, seed):
    scene = scene_of(kind, seed)
    fact = scene.facts[0]
    assert (fact.type, fact.subtype, fact.innocent) == ("safety", "status14", False)
    reports = fixes(TABLES, seed, scene.ships[0].identity.mmsi)
    told = [t for t, m in reports if m["nav"] == 14]
    assert 0 <= told[0] - fact.start_s < 30
    after = {m["nav"] for t, m in reports if t > told[-1]}
    assert after == (set() if kind == "distress_status" else {5})
    assert {m["nav"] for t, m in reports if t < told[0]} == ({0} if kind == "distress_status" else {5})


@pytest.mark.parametrize("seed", SEEDS)
def test_helpers_turn_come_and_stay(seed):
    scene = scene_of("assist", seed)
    fact = scene.facts[0]
    assert (fact.type, fact.subtype) == ("safety", "assist")
    assert 2 <= len(fact.ships) == fact.measures["helpers"] <= 4
    alone = [f for f in scene.facts if f.type == "loitering"]
    assert [f.ships[0] for f in alone] == fact.ships
    turns = []
    for ship, stay in zip(fact.ships, alone, strict=True):
        assert stay.innocent
        for t in (stay.start_s + 60, stay.end_s - 60):
            assert speed_kn(ship.plan, t) < 1.0
            assert great_circle_m(*true_state(ship.plan, t)[:2], fact.lat_deg, fact.lon_deg) < 2 * NM_M
        moments = range(round(fact.start_s) - 60, round(fact.start_s) + 600, 10)
        turn = next(t for t in moments if abs(_aside(course_deg(ship.plan, t + 40), course_deg(ship.plan, t - 120))) > 30)
        turns.append(turn)
        assert stay.start_s - turn < 1.2 * 3600
    assert fact.start_s - 60 <= min(turns) <= fact.start_s + 60
    assert max(turns) - min(turns) < 1800
    pairs = [f for f in scene.facts if f.type == "rendezvous"]
    assert len(pairs) == len(list(combinations(fact.ships, 2)))
    assert all(f.innocent and f.start_s < f.end_s for f in pairs)
    assert [s.kind for s in scene.ships].count(BEACON) == 1
    assert scenes(behaviour("assist", "device = false"), seed)[0].ships[-1].kind != BEACON


def _aside(a: float, b: float) -> float:
    return (a - b + 180) % 360 - 180


@pytest.mark.parametrize("seed", SEEDS)
def test_a_search_is_a_box_swept_by_ships_and_an_aircraft(seed):
    scene = scene_of("sar_operation", seed)
    assert all(f.innocent for f in scene.facts)
    assert {(f.type, f.subtype) for f in scene.facts} == {("loitering", ""), ("anomaly", "course"), ("rendezvous", "")}
    lead, *sweepers, sky = scene.ships
    fact = scene.facts[0]
    assert sky.kind == AIRCRAFT
    reports = [m for _, m in heard(TABLES, seed, sky.identity.mmsi)]
    assert {m["msg_type"] for m in reports} == {9}
    assert max(m["sog"] for m in reports) > 80
    assert str(sky.identity.mmsi).startswith("111")
    middle = (fact.start_s + fact.end_s) / 2
    assert speed_kn(lead.plan, middle) < 1
    for ship in sweepers:
        for t in range(round(fact.start_s) + 60, round(fact.end_s) - 60, 120):
            assert great_circle_m(*true_state(ship.plan, t)[:2], fact.lat_deg, fact.lon_deg) < 9 * NM_M
        courses = [course_deg(ship.plan, t) for t in range(round(fact.start_s) + 60, round(fact.end_s), 60)]
        assert sum(abs(_aside(a, b)) > 150 for a, b in combinations(courses[:: len(courses) // 12], 2)) > 5  # there and back


@pytest.mark.parametrize("seed", SEEDS)
def test_the_reports_are_of_the_plan_and_the_truth_is_whole(seed):
    ship = scene_of("distress_status", seed).ships[0]
    reports = fixes(TABLES, seed, ship.identity.mmsi)
    assert max(apart_m(ship.plan, t, m) for t, m in reports[::5]) < 45
    rows = scene_truth(TABLES, seed)
    assert {r["behaviour"] for r in rows} == set(KINDS)
    assert {r["subtype"] for r in rows if r["type"] == "safety"} == {"beacon", "text", "status14", "assist", "drift"}
    assert not any(r["scored"] for r in rows if r["state"] == "retracted")


@pytest.mark.parametrize("seed", range(6))
def test_nobody_of_a_scene_is_on_land(seed):
    assert_afloat(scenes(TABLES, seed))


def test_another_behaviour_leaves_the_others_as_they_were():
    for kind in KINDS:
        alone, together = scenes(behaviour(kind), 15)[0], scene_of(kind, 15)
        assert [ship.plan.knots for ship in alone.ships] == [ship.plan.knots for ship in together.ships]
