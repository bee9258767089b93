"""What ships do that no scene is about: odd speeds and close passes, found in plans, and nowhere else."""

from __future__ import annotations

import math

import numpy as np
import pytest

from sim.area import Area
from sim.identity import Identity
from sim.motion import Plan
from sim.scene import Fact
from sim.ship import CLASS_A, Ship
from sim.wayward import close_passes, odd_spans, odd_speeds

KN_DEG = 1 / 3600 / 60
WATCHED = [Area("sea", "watch", [(-41.0, 174.0), (-41.0, 176.0), (-39.0, 176.0), (-39.0, 174.0)])]


def ship(plan: Plan, loa_m: float = 100.0) -> Ship:
    return Ship(Identity(512_000_001, "A", "B", 0, 70, loa_m, 10), CLASS_A, plan)


def changing(odd_kn: float, odd_s: float, kn: float = 13.0) -> Ship:
    return ship(Plan(0, -40.5, 174.2).run(20.0, kn, 5400).run(20.0, odd_kn, odd_s).run(20.0, kn, 5400))


@pytest.mark.parametrize(("odd_kn", "odd_s", "found"), [(6.0, 1800, 1), (19.0, 1800, 1), (11.0, 1800, 0), (6.0, 400, 0), (1.0, 1800, 0)])
def test_an_odd_speed_is_a_fact_that_nobody_is_asked_for(odd_kn, odd_s, found):
    facts = odd_speeds([changing(odd_kn, odd_s)], [], 12_600)
    assert len(facts) == found
    for fact in facts:
        assert (fact.type, fact.subtype, fact.scored, fact.innocent) == ("anomaly", "speed", False, False)
        assert abs(fact.start_s - 5400) <= 90
        assert abs(fact.end_s - 7200) <= 90
        assert fact.measures["speed_kn"] == pytest.approx(odd_kn, abs=0.2)


def test_a_new_speed_is_the_usual_one_after_an_hour():
    (fact,) = odd_speeds([changing(6.0, 9000)], [], 14_000)
    assert 3500 <= fact.end_s - fact.start_s <= 3660


def test_a_scene_that_tells_of_it_is_not_told_twice():
    one = changing(6.0, 1800)
    told = Fact("anomaly", "speed", [one], 5400, 7200, "", -40.5, 174.2)
    assert odd_speeds([one], [told], 12_600) == []


def test_who_stood_before_is_judged_by_the_time_under_way():
    speeds = np.concatenate([np.full(60, 12.0), np.full(30, 0.1), np.full(30, 12.0)])
    assert odd_spans(speeds) == []


def meeting(off_m: float, *, turns: bool = False, at: tuple[float, float] = (-40.0, 175.0)) -> list[Ship]:
    """Two that cross at right angles after an hour, the second passing `off_m` behind."""
    lat, lon = at
    way = 10 * KN_DEG * 3600
    north = Plan(0, lat - way, lon).run(0.0, 10.0, 7200)
    scale = math.cos(math.radians(lat))
    west = lon + way / scale + off_m / 1852 / 60 / scale
    east = Plan(0, lat, west).run(270.0, 10.0, 3000 if turns else 7200)
    return [ship(north), ship(east.run(0.0, 10.0, 4200) if turns else east)]


@pytest.mark.parametrize(("off_m", "found"), [(100.0, 1), (500.0, 1), (900.0, 0)])
def test_who_passes_close_in_a_watched_sea_is_a_fact(off_m, found):
    facts = close_passes(meeting(off_m), WATCHED, [], 7000)
    assert len(facts) == found
    for fact in facts:
        assert (fact.type, fact.subtype, fact.scored) == ("safety", "collision_risk", False)
        assert fact.measures["cpa_m"] == pytest.approx(off_m / math.sqrt(2), rel=0.2, abs=30)
        assert 2300 <= fact.start_s <= 2520
        assert abs(fact.end_s - 3600) <= 120


def test_who_turns_away_in_time_or_is_told_of_or_not_watched_is_none():
    assert close_passes(meeting(100.0, turns=True), WATCHED, [], 7000) == []
    pair = meeting(100.0)
    told = Fact("safety", "collision_risk", pair, 2400, 3600, "", -40.0, 175.0)
    assert close_passes(pair, WATCHED, [told], 7000) == []
    assert close_passes(pair, [], [], 7000) == []
    assert close_passes(meeting(100.0, at=(-43.0, 175.0)), WATCHED, [], 7000) == []
