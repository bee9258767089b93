"""Scenes of passing: vessels that come close under way and part at once. May hold: near collisions, and who is used to being near."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np

from dogwatch.geo import NM_M
from sim.area import place_at
from sim.helm import through
from sim.motion import Plan, offset
from sim.scene import LOCAL_FLAGS, MERCHANT, OPEN_FLAGS, Behaviour, Fact, Flags, Range, Scene, Stage, Types, choose, middle, pick
from sim.sea import Point
from sim.ship import Ship
from sim.track import apart_m, closest

WATCH_S, WATCH_NM = 1200.0, 6.0  # a risk of collision is watched from twenty minutes before, within six miles


class NearCollision(Behaviour, kw_only=True):
    """Two ships on crossing courses, neither of which gives way. `at_s`: when they are closest."""

    at_s: Range = (1500.0, 6000.0)
    cpa_m: Range = (20.0, 150.0)
    course_deg: Range = (0.0, 360.0)
    crossing_deg: Range = (30.0, 330.0)
    speed_kn: Range = (8.0, 16.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (80.0, 230.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Straight for twenty minutes before and ten after."""
        at, at_s, cpa_m = stage.place(self, rng), pick(rng, self.at_s), pick(rng, self.cpa_m)
        course_deg, crossing_deg = pick(rng, self.course_deg), pick(rng, self.crossing_deg)
        speeds = (pick(rng, self.speed_kn), pick(rng, self.speed_kn))
        plans = crossing(at, at_s, (course_deg, course_deg + crossing_deg), speeds, cpa_m * choose(rng, (-1, 1)), stage.until_s)
        ships = [stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan) for plan in plans]
        fact = _risk(ships, at_s, "neither gives way")
        return Scene(ships, [replace(fact, scored=self.scored)])


class FerriesCrossing(Behaviour, kw_only=True):
    """Innocent: two ferries pass each other close by, as they do every day."""

    at_s: Range = (900.0, 6000.0)
    cpa_m: Range = (150.0, 400.0)
    course_deg: Range = (0.0, 360.0)
    crossing_deg: Range = (150.0, 210.0)
    speed_kn: Range = (14.0, 20.0)
    loa_m: Range = (80.0, 180.0)
    coast_nm: tuple[float, float] = (1.5, 20.0)
    flag: Flags = LOCAL_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Nearly opposite courses of two ferries of one line."""
        at, at_s, cpa_m = stage.place(self, rng), pick(rng, self.at_s), pick(rng, self.cpa_m)
        course_deg, crossing_deg, flag = pick(rng, self.course_deg), pick(rng, self.crossing_deg), choose(rng, self.flag)
        speeds = (pick(rng, self.speed_kn), pick(rng, self.speed_kn))
        plans = crossing(at, at_s, (course_deg, course_deg + crossing_deg), speeds, cpa_m * choose(rng, (-1, 1)), stage.until_s)
        ships = [stage.ship(rng, flag, (60, 69), self.loa_m, plan) for plan in plans]
        return Scene(ships, [replace(_risk(ships, at_s, "ferries of one line pass"), innocent=True)])


class PassingShips(Behaviour, kw_only=True):
    """Innocent: two ships pass close by on opposite courses. `at_s`: when they are closest."""

    at_s: Range = (900.0, 6000.0)
    distance_m: Range = (500.0, 1200.0)
    course_deg: Range = (0.0, 360.0)
    speed_kn: Range = (9.0, 15.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (90.0, 230.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Opposite courses through the place, `distance_m` apart."""
        at, at_s, distance_m, course_deg = stage.place(self, rng), pick(rng, self.at_s), pick(rng, self.distance_m), pick(rng, self.course_deg)
        ships = []
        for course in (course_deg, course_deg + 180):
            plan = through(offset(*at, course + 90, distance_m / 2), at_s, course, pick(rng, self.speed_kn), stage.until_s)
            ships.append(stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan))
        measures = {"cpa_m": round(closest(ships[0].plan, ships[1].plan, at_s - 30, at_s + 30)[1], 1)}
        return Scene(ships, [Fact("rendezvous", "ais_pair", ships, at_s - 60, at_s + 60, "ships passing", *at, innocent=True, measures=measures)])


def crossing(at: Point, at_s: float, courses: tuple[float, float], speeds: tuple[float, float], cpa_m: float, until_s: float) -> list[Plan]:
    """Two plans that are nearest to each other `at` a place at a time, `cpa_m` apart (its sign: on which side)."""
    north, east = (
        speeds[1] * turn(math.radians(courses[1])) - speeds[0] * turn(math.radians(courses[0])) for turn in (math.cos, math.sin)
    )  # of the second as the first sees it: at the closest point it bears square to that
    places = at, offset(*at, math.degrees(math.atan2(east, north)) + 90, cpa_m)
    return [through(places[k], at_s, courses[k], speeds[k], until_s, straight_s=WATCH_S) for k in range(2)]


def _risk(ships: list[Ship], at_s: float, cause: str) -> Fact:
    """From when the risk can be seen until they are closest."""
    a, b = (ship.plan for ship in ships)
    cpa_s, cpa_m = closest(a, b, at_s - 60, at_s + 60)
    moments, metres = apart_m(a, b, max(0.0, cpa_s - WATCH_S), cpa_s)
    first = int(np.argmax(metres <= WATCH_NM * NM_M))
    start_s, range_m = float(moments[first]), float(metres[first])
    measures = {"cpa_m": round(cpa_m, 1), "tcpa_s": round(cpa_s - start_s, 1), "range_nm": round(range_m / NM_M, 2)}
    place = middle(place_at(a, cpa_s), place_at(b, cpa_s))
    return Fact("safety", "collision_risk", ships, start_s, cpa_s, f"{cause}: {cpa_m:.0f} m", *place, measures=measures)
