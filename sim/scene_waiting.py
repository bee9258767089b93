"""Scenes of waiting and slow work: who is slow for good reasons. May hold: the innocent look-alikes of a loiterer."""

from __future__ import annotations

import itertools
import math

import numpy as np

from dogwatch.geo import KN_MS, NM_M
from sim.helm import arrive
from sim.motion import Plan, offset
from sim.scene import LOCAL_FLAGS, MERCHANT, OPEN_FLAGS, Behaviour, Fact, Flags, Range, Scene, Stage, Types, choose, leave, pick
from sim.sea import Point
from sim.ship import CLASS_B, NAV_ANCHORED, NAV_ENGINE, Ship
from sim.track import apart_m

NAV_RESTRICTED = 3
PAIR_M = 500.0  # who is nearer than that for hours may be taken for a pair


class WeatherStop(Behaviour, kw_only=True):
    """Innocent: several ships of one sea heave to near each other, bow to the wind, until a gale has passed.

    The wind stands in no message. What shows it is the company: at least three others within a few miles, all with slow way on, all on nearly one heading.
    """

    start_s: Range = (300.0, 1500.0)
    within_s: Range = (300.0, 1800.0)  # from the first ship to the last
    duration_s: Range = (5400.0, 8400.0)
    ships: Range = (5.0, 7.99)
    spread_nm: Range = (1.0, 1.6)
    wind_from_deg: Range = (0.0, 360.0)
    head_kn: Range = (0.4, 1.8)
    approach_kn: Range = (8.0, 13.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (60.0, 200.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Each makes a knot or so against the wind, then goes on to where it was bound."""
        at, start_s, within_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.within_s), pick(rng, self.duration_s)
        wind_deg, spread_m, ships, facts = pick(rng, self.wind_from_deg), pick(rng, self.spread_nm) * NM_M, [], []
        for place in _spread(rng, at, spread_m, int(pick(rng, self.ships)), NM_M / 2):
            begin_s, stop_s, bow_deg = start_s + pick(rng, (0.0, within_s)), duration_s * pick(rng, (0.9, 1.1)), wind_deg + pick(rng, (-8.0, 8.0))
            from_deg, approach_kn = pick(rng, (0.0, 360.0)), pick(rng, self.approach_kn)
            plan = arrive(place, begin_s, from_deg, approach_kn).run(bow_deg, pick(rng, self.head_kn), stop_s)
            leave(plan, from_deg + 180, approach_kn, stage.until_s)
            ships.append(stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan))
            facts.append(_slow(ships[-1], begin_s, begin_s + stop_s, "hove to, bow to the wind", place))
        return Scene(ships, facts)


class WaitingFleet(Behaviour, kw_only=True):
    """Innocent: ships lie at anchor off a port, swing with the wind, and wait for their berths, for the whole run: enough of them to show a roads."""

    ships: Range = (5.0, 8.99)
    off_nm: tuple[float, float] = (2.2, 7.0)  # from the port, where no place is given
    radius_nm: Range = (0.8, 1.5)
    swing_m: Range = (80.0, 260.0)
    veer_deg: Range = (30.0, 170.0)  # of the wind during the run
    forgets_share: Range = 0.2  # of the ships say that they are under way
    ship_type: Types = MERCHANT
    loa_m: Range = (90.0, 300.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """All swing alike: each lies downwind of its own anchor."""
        at = self.at or stage.roads(rng, stage.berth(rng)[0], self.off_nm)
        wind_deg, veer_deg = pick(rng, (0.0, 360.0)), pick(rng, self.veer_deg) * choose(rng, (-1, 1))
        swing_m, ships, facts = pick(rng, self.swing_m), [], []
        for anchor in _spread(rng, at, pick(rng, self.radius_nm) * NM_M, int(pick(rng, self.ships)), 350.0):
            nav = NAV_ENGINE if rng.uniform() < pick(rng, self.forgets_share) else NAV_ANCHORED
            plan = _swing(anchor, swing_m * pick(rng, (0.8, 1.2)), wind_deg + pick(rng, (-10.0, 10.0)), veer_deg, stage.until_s, nav)
            ships.append(stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan))
            facts.append(_slow(ships[-1], 0.0, stage.until_s, "at anchor, waiting for a berth", anchor))
        return Scene(ships, facts + _pairs(ships, "anchored near each other", at, stage.until_s))


class SurveyVessel(Behaviour, kw_only=True):
    """Innocent: a survey vessel mows its field in parallel lines, slowly, for the whole run."""

    speed_kn: Range = (1.6, 4.4)
    line_nm: Range = (1.2, 3.0)
    spacing_m: Range = (120.0, 400.0)
    course_deg: Range = (0.0, 360.0)
    loa_m: Range = (25.0, 90.0)
    ship_type: Types = (90, 99, 33)
    flag: Flags = LOCAL_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Line, spacing, line back, spacing; it says that it is restricted in its ability to manoeuvre."""
        at, speed_kn, course_deg = stage.place(self, rng), pick(rng, self.speed_kn), pick(rng, self.course_deg)
        line_s, side = pick(rng, self.line_nm) * NM_M / (speed_kn * KN_MS), choose(rng, (-1, 1))
        step_s = pick(rng, self.spacing_m) / (speed_kn * KN_MS)
        plan, back = Plan(-60, *at), 0
        while plan.t_s < stage.until_s:
            plan.run(course_deg + 180 * back, speed_kn, line_s, nav=NAV_RESTRICTED)
            plan.run(course_deg + 90 * side, speed_kn, step_s, nav=NAV_RESTRICTED)
            back = 1 - back
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan)
        return Scene([ship], [_slow(ship, 0.0, stage.until_s, f"surveys in lines at {speed_kn:.1f} kn", at)])


class GearBuoys(Behaviour, kw_only=True):
    """Innocent: a string of drifting gear buoys with sets of class B, named after their battery."""

    buoys: Range = (3.0, 7.99)
    spacing_m: Range = (200.0, 900.0)
    line_deg: Range = (0.0, 360.0)
    drift_kn: Range = (0.2, 1.0)
    drift_deg: Range = (0.0, 360.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """All drift alike, within a few per cent."""
        at, spacing_m, line_deg = stage.place(self, rng), pick(rng, self.spacing_m), pick(rng, self.line_deg)
        drift_kn, drift_deg, ships, facts = pick(rng, self.drift_kn), pick(rng, self.drift_deg), [], []
        for k in range(int(pick(rng, self.buoys))):
            speed_kn = drift_kn * pick(rng, (0.97, 1.03))
            plan = Plan(-60, *offset(*at, line_deg, k * spacing_m)).run(drift_deg + pick(rng, (-2.0, 2.0)), speed_kn, stage.until_s + 60)
            ships.append(Ship(stage.registry.buoy(rng), CLASS_B, plan))
            facts.append(_slow(ships[-1], 0.0, stage.until_s, "gear buoy adrift", plan.knots[0][1:3]))
        return Scene(ships, facts + _pairs(ships, "gear buoys of one string", at, stage.until_s))


def _slow(ship: Ship, start_s: float, end_s: float, cause: str, at: Point) -> Fact:
    return Fact("loitering", "", [ship], start_s, end_s, cause, *at, innocent=True)


def _pairs(ships: list[Ship], cause: str, at: Point, until_s: float) -> list[Fact]:
    """A fact for each two that lie near each other most of the time."""
    facts = []
    for a, b in itertools.combinations(ships, 2):
        apart = float(np.median(apart_m(a.plan, b.plan, 0.0, until_s - 1, step_s=until_s / 50)[1]))
        if apart <= PAIR_M:
            facts.append(Fact("rendezvous", "ais_pair", [a, b], 0.0, until_s, cause, *at, innocent=True, measures={"distance_m": round(apart, 1)}))
    return facts


def _spread(rng: np.random.Generator, at: Point, radius_m: float, count: int, apart_least_m: float) -> list[Point]:
    """Places within a circle, none nearer to another than that; fewer where there is no room."""
    places: list[Point] = []
    for _ in range(40 * count):
        new = offset(*at, pick(rng, (0.0, 360.0)), radius_m * math.sqrt(pick(rng, (0.0, 1.0))))
        if all(Plan(0, *new).to(*old, 1 / KN_MS).t_s >= apart_least_m for old in places):
            places.append(new)
        if len(places) == count:
            break
    return places


def _swing(anchor: Point, radius_m: float, wind_deg: float, veer_deg: float, until_s: float, nav: int) -> Plan:
    """Downwind of its anchor, bow to the wind, while the wind veers evenly; each twenty minutes a new chord of the circle."""
    moments = np.linspace(-60, until_s, max(2, int(until_s / 1200) + 1))
    winds = [wind_deg + veer_deg * (t + 60) / (until_s + 60) for t in moments]
    plan = Plan(-60, *offset(*anchor, winds[0] + 180, radius_m))
    for t0, t1, wind in zip(moments, moments[1:], winds[1:]):
        place = offset(*anchor, wind + 180, radius_m)
        chord_m = Plan(0, *plan.at).to(*place, 1 / KN_MS).t_s
        plan.to(*place, max(chord_m, 1.0) / float(t1 - t0) / KN_MS, nav=nav)
        k = plan.knots[-2]
        plan.knots[-2] = (*k[:3], wind % 360, *k[4:])
    return plan
