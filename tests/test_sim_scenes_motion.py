"""Scenes of motion, waiting and silence: what the facts say is what the plans do, and what the sets leave out is what was switched off."""

from __future__ import annotations

import re

import msgspec
import numpy as np
import pytest

from dogwatch.geo import great_circle_m
from sim.cast import well_heard
from sim.scene import Fact, Scene
from sim.scene_motion import CourseAnomaly, Drifting, Grounding, Loitering, LoiteringInterrupted, LoiteringZigzag, SpeedAnomaly, SuddenStop
from sim.scene_silence import DarkPeriod
from sim.scene_waiting import SurveyVessel, WaitingFleet, WeatherStop
from sim.ship import CLASS_B, NAV_MOORED
from sim.truth import truth_ndjson
from tests.scene_harness import apart, assert_afloat, behaviour, everybody, heard, scene_truth, scenes, sea, track, turned, within
from tests.test_sim_scenes_meeting import END_S, PASSINGS, SEEDS, WORK
from tests.test_sim_scenes_meeting import TABLES as MEETING_TABLES

MOTION = ("loitering", "loitering_zigzag", "loitering_interrupted", "drifting", "sudden_stop", "grounding", "speed_anomaly", "course_anomaly")
WAITING = ("weather_stop", "waiting_fleet", "survey_vessel", "gear_buoys")
SILENCE = ("dark_period", "coverage_hole", "moored_switch_off", "quiet_boat")
INNOCENT = {*WAITING, *WORK, *PASSINGS, "coverage_hole", "moored_switch_off", "quiet_boat"} - {"near_collision"}
TABLES = "".join(behaviour(kind) for kind in (*MOTION, *WAITING, *SILENCE))
KNOWN = {
    *[("loitering", ""), ("rendezvous", "ais_pair"), ("rendezvous", "under_way"), ("rendezvous", "dark_partner"), ("dark", "")],
    *[("safety", "drift"), ("safety", "nuc"), ("safety", "sudden_stop"), ("safety", "aground"), ("safety", "collision_risk")],
    *[("anomaly", "speed"), ("anomaly", "course")],
}


def scene(kind: str, seed: int) -> Scene:
    (one,) = [found for found in scenes(TABLES, seed) if found.kind == kind]
    return one


def fact_of(kind: str, seed: int, type_: str, subtype: str = "") -> Fact:
    (one,) = [f for f in scene(kind, seed).facts if (f.type, f.subtype) == (type_, subtype)]
    return one


def rows_of(fact: Fact, margin_s: float = 30.0, step_s: float = 30.0) -> np.ndarray:
    return track(fact.ships[0].plan, np.arange(max(0.0, fact.start_s) + margin_s, min(fact.end_s, END_S) - margin_s, step_s))


@pytest.mark.parametrize("seed", SEEDS)
def test_facts_are_well_formed_and_nobody_is_on_land(seed):
    everyone = scenes(TABLES, seed) + scenes(MEETING_TABLES, seed)
    assert len(everyone) == 30
    assert_afloat(everyone)
    for one in everyone:
        assert one.facts
        for fact in one.facts:
            assert (fact.type, fact.subtype) in KNOWN
            assert fact.start_s < fact.end_s
            assert fact.cause
            assert fact.innocent == (one.kind in INNOCENT), one.kind
            t_s = min(max(fact.start_s, 0.0), END_S)
            assert great_circle_m(fact.lat_deg, fact.lon_deg, *track(fact.ships[0].plan, [t_s])[0, :2]) < 40 * 1852
            assert all(any(ship is other for other in one.ships) for ship in fact.ships)


def test_truth_can_be_written_and_groups_by_behaviour():
    rows = [msgspec.json.decode(line) for line in truth_ndjson(scene_truth(TABLES + MEETING_TABLES, 1)).splitlines()]
    assert {row["behaviour"] for row in rows} - {"port_call"} == {one.kind for one in scenes(TABLES + MEETING_TABLES, 1)}
    assert {row["behaviour"] for row in rows if row["state"] == "retracted"} == INNOCENT
    assert not any(row["scored"] for row in rows if row["state"] == "retracted")


def test_fresh_seeds_differ():
    of_seeds = [scenes(TABLES, seed) + scenes(MEETING_TABLES, seed) for seed in SEEDS]
    for same in zip(*of_seeds, strict=True):
        firsts = [one.facts[0] for one in same]
        assert len({(round(f.start_s, 1), round(f.lat_deg, 4), round(f.lon_deg, 4)) for f in firsts}) == len(firsts), same[0].kind
        lengths_m = {ship.identity.loa_m for f in firsts for ship in f.ships}
        assert same[0].kind == "gear_buoys" or len(lengths_m) >= len(firsts)


def test_one_behaviour_more_leaves_the_others_as_they_were():
    alone = scenes(behaviour("drifting"), 4) + scenes(behaviour("waiting_fleet"), 4)
    crowd = scenes(behaviour("loitering") + behaviour("drifting") + behaviour("gear_buoys") + behaviour("waiting_fleet"), 4)
    for one in alone:
        (same,) = [found for found in crowd if found.kind == one.kind]
        assert [ship.plan.knots for ship in same.ships] == [ship.plan.knots for ship in one.ships]
        assert [(f.start_s, f.end_s, f.cause) for f in same.facts] == [(f.start_s, f.end_s, f.cause) for f in one.facts]


@pytest.mark.parametrize("seed", SEEDS)
def test_loiterers_are_slow_all_the_time_and_never_far(seed):
    for kind, cls in (("loitering", Loitering), ("loitering_zigzag", LoiteringZigzag), ("loitering_interrupted", LoiteringInterrupted)):
        fact, row = fact_of(kind, seed, "loitering"), cls()
        assert within(fact.start_s, row.start_s)
        assert within(fact.end_s - fact.start_s, (row.duration_s[0] - 1, row.duration_s[1] + 1))
        rows = rows_of(fact)
        slow_kn = row.slow_kn[1] if kind == "loitering_zigzag" else row.drift_kn[1]
        fast = rows[:, 2] > slow_kn + 0.05
        away_nm = np.array([great_circle_m(fact.lat_deg, fact.lon_deg, *p[:2]) for p in rows]) / 1852
        assert away_nm.max() < 2.6
        if kind == "loitering_interrupted":
            assert within(fast.sum() * 30, (row.move_s[0] - 120, row.move_s[1] + 120))
            assert within(rows[fast, 2].max(), row.move_kn)
            assert fast.sum() == np.flatnonzero(fast)[-1] - np.flatnonzero(fast)[0] + 1
        else:
            assert not fast.any()
            assert np.median(rows[:, 2]) == pytest.approx(fact.measures["speed_kn"], abs=0.02)
        if kind == "loitering_zigzag":
            assert away_nm.max() <= fact.measures["radius_nm"] + 0.3
        if fact.end_s + 400 < END_S:
            assert track(fact.ships[0].plan, [fact.end_s + 300])[0, 2] > 7


@pytest.mark.parametrize("seed", SEEDS)
def test_an_engine_fails_and_the_ship_drifts_beam_to_the_wind(seed):
    fact, row = fact_of("drifting", seed, "safety", "drift"), Drifting()
    rows, ship = rows_of(fact), fact.ships[0]
    assert rows[:, 2] == pytest.approx(fact.measures["speed_kn"], abs=0.02)
    assert within(fact.measures["speed_kn"], row.drift_kn)
    heading = ship.plan.knots[int(rows[5, 4])][3]
    assert within(float(turned(rows[5, 3], heading)), (74.0, 106.0))
    assert great_circle_m(*rows[0, :2], *rows[80, :2]) > 500  # 40 minutes
    assert track(ship.plan, [fact.start_s - row.slow_s[1] - 60])[0, 2] > 8.9
    says = [f for f in scene("drifting", seed).facts if f.subtype == "nuc"]
    navs = {k[4] for k in ship.plan.knots}
    assert (2 in navs) == bool(says)
    for f in says:
        assert next(k[0] for k in ship.plan.knots if k[4] == 2) == pytest.approx(f.start_s)


def test_some_masters_say_so_and_some_do_not():
    said = [any(f.subtype == "nuc" for f in scenes(behaviour("drifting"), seed)[0].facts) for seed in range(16)]
    assert 0 < sum(said) < 16


@pytest.mark.parametrize("seed", SEEDS)
def test_stops_are_sudden_and_a_grounded_ship_stays(seed):
    for kind, cls, subtype in (("sudden_stop", SuddenStop, "sudden_stop"), ("grounding", Grounding, "aground")):
        fact = fact_of(kind, seed, "safety", subtype)
        plan = fact.ships[0].plan
        before, after = track(plan, [fact.start_s - 60, fact.start_s + 60])[:, 2]
        assert within(before, cls().speed_kn)
        assert before > 7
        assert after < 1
        assert rows_of(fact)[:, 2].max() < 1
    rows = rows_of(fact)
    assert great_circle_m(*rows[0, :2], *rows[-1, :2]) < 50
    (begin,) = {k[0] for k in plan.knots if k[4] == 6 and k[0] < plan.t_s}
    assert within(begin - fact.start_s, Grounding().says_after_s)


@pytest.mark.parametrize("seed", SEEDS)
def test_anomalies_are_of_speed_or_of_course_only(seed):
    fast, bent = fact_of("speed_anomaly", seed, "anomaly", "speed"), fact_of("course_anomaly", seed, "anomaly", "course")
    for fact in (fast, bent):
        before, during, after = track(fact.ships[0].plan, [fact.start_s - 60, (fact.start_s + fact.end_s) / 2, fact.end_s + 60])
        if fact is fast:
            assert within(abs(during[2] - before[2]), SpeedAnomaly().change_kn)
            assert turned(during[3], before[3]) < 2
        else:
            assert within(float(turned(during[3], before[3])), CourseAnomaly().turn_deg)
            assert abs(during[2] - before[2]) < 0.3
        assert after[2] == pytest.approx(before[2], abs=0.3)
        assert fact.start_s >= 3600


@pytest.mark.parametrize("seed", SEEDS)
def test_those_who_wait_are_slow_for_a_good_reason(seed):
    stop = scene("weather_stop", seed)
    assert 5 <= len(stop.ships) <= 7
    company = [sum(0 < great_circle_m(f.lat_deg, f.lon_deg, g.lat_deg, g.lon_deg) <= 3 * 1852 for g in stop.facts) for f in stop.facts]
    assert min(company) >= 3, "who heaves to alone cannot be known from a loiterer"
    winds = []
    for fact in stop.facts:
        rows = rows_of(fact)
        assert within(rows[:, 2].min(), WeatherStop().head_kn)
        assert within(rows[:, 2].max(), WeatherStop().head_kn)
        winds.append(rows[3, 3])
    assert max(turned(np.array(winds), winds[0])) <= 17  # one wind

    fleet = scene("waiting_fleet", seed)
    alone = [f for f in fleet.facts if f.type == "loitering"]
    assert 5 <= len(alone) <= 8
    for fact in alone:
        rows = rows_of(fact)
        away_m = np.array([great_circle_m(fact.lat_deg, fact.lon_deg, *p[:2]) for p in rows])
        assert away_m.max() <= 1.2 * WaitingFleet().swing_m[1] + 1
        assert away_m.min() > 40
        assert rows[:, 2].max() < 0.6
    assert {k[4] for ship in fleet.ships for k in ship.plan.knots} <= {0, 1}

    survey = fact_of("survey_vessel", seed, "loitering")
    rows = rows_of(survey)
    assert within(np.median(rows[:, 2]), SurveyVessel().speed_kn)
    off_deg = turned(rows[:, 3], rows[2, 3])
    assert (np.minimum(off_deg, 180 - off_deg) < 3).mean() > 0.6  # on a line, there or back
    assert (off_deg > 177).any()

    buoys = scene("gear_buoys", seed)
    assert 3 <= len(buoys.ships) <= 7
    assert all(ship.kind == CLASS_B and re.fullmatch(r"\d\dV-\d\d%", ship.identity.name) for ship in buoys.ships)
    for one in (fleet, buoys):
        for fact in (f for f in one.facts if f.type == "rendezvous"):
            assert np.median(apart(fact, 0.0, END_S, 300.0)) == pytest.approx(fact.measures["distance_m"], rel=0.15)
            assert fact.measures["distance_m"] <= 500


@pytest.mark.parametrize("seed", SEEDS)
def test_a_coverage_hole_is_a_voyage_out_of_reach_that_never_stops_transmitting(seed):
    fact = fact_of("coverage_hole", seed, "dark")
    receivers = sea("").receivers
    plan = fact.ships[0].plan
    assert all(k[5] == 1 for k in plan.knots)
    assert well_heard(receivers, *track(plan, [fact.start_s - 60])[0, :2])
    for share in (0.2, 0.5, 0.8):
        assert not well_heard(receivers, *track(plan, [fact.start_s + share * (fact.end_s - fact.start_s)])[0, :2])
    if fact.end_s < END_S:
        assert well_heard(receivers, *track(plan, [fact.end_s + 60])[0, :2])


@pytest.mark.parametrize("kind", ["dark_period", "moored_switch_off", "quiet_boat"])
def test_silence_is_silent_on_the_air_and_only_then(kind):
    table, seed = behaviour(kind), 2
    (one,) = scenes(table, seed)
    (fact,) = one.facts
    assert len(everybody(table, seed).background) == 0
    stamps = np.array([(stamp - 1_767_225_600_000) / 1000 for stamp, _ in heard(table, seed, fact.ships[0].identity.mmsi)])
    assert (stamps < fact.start_s).sum() > 5
    assert (stamps > fact.end_s).sum() > 5
    assert not ((stamps > fact.start_s + 2) & (stamps < fact.end_s)).any()
    plan = fact.ships[0].plan
    assert great_circle_m(fact.lat_deg, fact.lon_deg, *track(plan, [fact.start_s])[0, :2]) < 1
    if kind == "dark_period":
        assert within(track(plan, [fact.start_s + 60])[0, 2], DarkPeriod().speed_kn)
        assert within(fact.measures["gap_s"], DarkPeriod().silent_s)
        assert all(well_heard(sea("").receivers, *track(plan, [t])[0, :2]) for t in (fact.start_s, fact.end_s))
    elif kind == "moored_switch_off":
        assert {k[4] for k in plan.knots} == {NAV_MOORED}
