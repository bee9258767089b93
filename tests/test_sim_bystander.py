"""Facts about ships that nobody scripted: what their plans cross and head for, and no more."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest

from dogwatch.geo import NM_M, great_circle_m
from dogwatch.times import from_iso
from sim.area import Area, place_at
from sim.bystander import BELT_NAME, crossing_facts
from sim.identity import Identity
from sim.motion import Plan
from sim.scenario import T_START_MS
from sim.scene import Fact
from sim.sea import shore_nm
from sim.ship import CLASS_A, Ship
from tests.scene_harness import behaviour, everybody, truth

BOX = Area("box", "watch", [(-30.0, -20.0), (-30.0, -19.5), (-30.5, -19.5), (-30.5, -20.0)])  # far from any coast
LINE = Area("line", "border", [(-31.0, -21.0), (-29.0, -21.0)], line=True)
CABLE = Area("cable", "corridor", [(-31.0, -21.0), (-29.0, -21.0)], line=True, buffer_nm=0.5)
DAY_S = 86_400.0


def ship(plan: Plan) -> Ship:
    return Ship(Identity(512_000_001, "BYSTANDER"), CLASS_A, plan)


def facts(plan: Plan, *zones: Area, told: tuple[Fact, ...] = (), who: Ship | None = None) -> list[Fact]:
    return sorted(crossing_facts([who or ship(plan)], list(zones), told, DAY_S), key=lambda fact: (fact.start_s, fact.subtype))


def test_every_crossing_of_a_zone_has_its_moment():
    plan = Plan(0, -30.25, -20.5).run(90, 12, 21_600)
    into, out = (fact for fact in facts(plan, BOX) if fact.point)
    assert (into.subtype, out.subtype, into.scored, out.scored) == ("enter", "exit", True, True)
    miles = 30 * math.cos(math.radians(30.25))
    assert into.start_s == pytest.approx(miles * 300, rel=0.01)
    assert out.start_s == pytest.approx(2 * miles * 300, rel=0.01)


def test_a_corridor_is_crossed_unasked_also_in_a_scene_about_it():
    plan = Plan(0, -30.0, -21.2).run(90, 12, 7_200)
    who = ship(plan)
    scene = Fact("infra", "cable_crossing", [who], 0, 7_200, "crosses a cable at speed", -30.0, -21.2, innocent=True, zone=("cable", "corridor", "near"))
    assert [(fact.subtype, fact.scored) for fact in facts(plan, CABLE, told=(scene,), who=who)] == [("enter", False), ("exit", False)]


def test_what_a_scene_tells_is_not_told_twice():
    plan = Plan(0, -30.0, -21.2).run(90, 12, 7_200)
    who = ship(plan)
    (own,) = (fact for fact in facts(plan, LINE, who=who) if fact.point)
    assert not [fact for fact in facts(plan, LINE, told=(own,), who=who) if fact.point]


def test_a_crossing_in_silence_lasts_as_long_as_it():
    plan = Plan(0, -30.0, -21.2).run(90, 12, 7_200).silence(1_000, 5_000)
    (inferred,) = (fact for fact in facts(plan, LINE) if fact.subtype == "inferred_cross")
    assert (inferred.start_s, inferred.end_s, inferred.scored) == (1_000, 5_000, False)
    there_and_back = Plan(0, -30.0, -21.2).run(90, 12, 4_000).run(270, 12, 4_000).silence(1_000, 7_500)
    assert not [fact for fact in facts(there_and_back, LINE) if fact.subtype == "inferred_cross"], "it came out where it went in"


@pytest.mark.parametrize(("course_deg", "kn", "heads"), [(90, 12, True), (90, 2, False), (0, 12, False), (270, 12, False)])
def test_who_heads_for_a_border_is_told_while_it_is_half_an_hour_off(course_deg, kn, heads):
    plan = Plan(0, -30.2, -21.2).run(course_deg, kn, 2_400)  # ten miles west of the line, and eight miles run
    found = [fact for fact in facts(plan, LINE) if fact.subtype == "approach"]
    assert bool(found) == heads
    if heads:
        miles = 12 * math.cos(math.radians(30.2))
        assert found[0].start_s == pytest.approx(miles * 300 - 1_800, abs=60)
        assert found[0].end_s == 2_400
        assert not found[0].scored


@pytest.mark.parametrize(("slant_deg", "heads"), [(20, True), (10, False)])
def test_who_goes_along_a_border_does_not_head_for_it(slant_deg, heads):
    plan = Plan(0, -30.2, -21.02).run(slant_deg, 12, 3_600)  # a mile west of the line, northwards and a little towards it
    assert bool([fact for fact in facts(plan, LINE) if fact.subtype == "approach"]) == heads


def test_the_belt_is_crossed_where_the_coast_says():
    plan = Plan(0, -39.5, 178.8).run(270, 15, 21_600)  # towards Hawke Bay
    crossed = [fact for fact in facts(plan) if fact.point]
    looks = np.arange(0, 21_600, 30.0)
    depth = [12 - shore_nm(-39.5, 178.8 - t * 15 / 3600 / 60 / math.cos(math.radians(39.5))) for t in looks]
    expected = [b for (_, a), (b, c) in itertools.pairwise(zip(looks, depth)) if (a >= 0) != (c >= 0)]
    assert [fact.start_s for fact in crossed] == pytest.approx(expected, abs=31)
    assert expected
    assert {(fact.zone[0], fact.scored) for fact in crossed} == {(BELT_NAME, False)}


def test_who_heads_for_the_belt_is_known_to_while_it_tells_where_it_is():
    """Interference shows no place: what is true of an approach leaves that time out, and the plan alone does not."""
    lie, hidden = behaviour("gnss_interference", 'mode = "lost"\nradius_nm = 12.0\nships = [6, 6]'), {"told": 0, "planned": 0}
    for seed in range(1, 5):
        (circle,) = everybody(lie, seed).scenes
        (lied,) = circle.lies
        planned = [(fact.ships[0], fact.start_s, fact.end_s) for fact in crossing_facts(circle.ships, [], [], 10_800.0) if fact.subtype == "approach"]
        of = {ship.identity.mmsi: ship for ship in circle.ships}
        rows = [row for row in truth(lie, seed) if row["subtype"] == "approach"]
        spans = [(of[row["mmsi"][0]], *(from_iso(row[name]) - T_START_MS for name in ("t_start", "t_end"))) for row in rows]
        assert len(spans) == len(planned)
        for name, found in (("planned", planned), ("told", [(ship, begin / 1000, end / 1000) for ship, begin, end in spans])):
            for ship, begin_s, end_s in found:
                within = [t for t in np.arange(begin_s + 15, end_s - 15, 10.0) if lied.start_s <= t < lied.end_s]
                hidden[name] += sum(great_circle_m(*place_at(ship.plan, t), *lied.at) < lied.area_nm * NM_M for t in within)
    assert hidden["told"] == 0 < hidden["planned"]
