"""Scenes of work: vessels that are close together by their trade. May hold: the innocent look-alikes of a rendezvous."""

from __future__ import annotations

import math

import numpy as np

from dogwatch.geo import KN_MS, NM_M
from sim.helm import arrive, seaward_deg, through
from sim.motion import Plan, bearing_deg, offset
from sim.scene import LOCAL_FLAGS, MERCHANT, OPEN_FLAGS, Behaviour, Fact, Flags, Range, Scene, Stage, Types, choose, leave, pick
from sim.sea import Point
from sim.ship import CLASS_B, NAV_ANCHORED, NAV_ENGINE, NAV_FISHING, NAV_MOORED, Ship
from sim.track import closest

NAV_TOWING = 11
PILOT_KN, TUG_KN = 16.0, 9.0
SLOWING_M, SLOWING_KN = 500.0, 3.0  # a barge does not stop dead beside a ship
PAIR_TURN_S = 600.0
BOAT_BERTH_M = 20.0  # from one boat's place along a mother ship to the next


class PilotTransfer(Behaviour, kw_only=True):
    """Innocent: a pilot boat comes from its port, lies alongside a ship under way for some minutes, and goes home."""

    home: Point | None = None
    at_s: Range = (1500.0, 6000.0)
    alongside_s: Range = (300.0, 900.0)
    off_nm: tuple[float, float] = (2.5, 8.0)  # from the port, where no place is given
    course_deg: Range = (0.0, 360.0)
    speed_kn: Range = (6.0, 9.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (110.0, 280.0)
    flag: Flags = LOCAL_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The ship holds its course; the boat runs out, lies alongside, runs home."""
        home, at = _port_and_roads(self, stage, rng, self.home, self.off_nm)
        at_s, alongside_s, course_deg, speed_kn = (pick(rng, v) for v in (self.at_s, self.alongside_s, self.course_deg, self.speed_kn))
        big = through(at, at_s, course_deg, speed_kn, stage.until_s, straight_s=alongside_s + 120)
        board = offset(*at, course_deg + 90, 40.0)
        boat = _out_of_port(home, board, at_s, PILOT_KN).run(course_deg, speed_kn, alongside_s)
        _home_again(boat, home, PILOT_KN, stage.until_s)
        ships = [stage.ship(rng, self.flag, self.ship_type, self.loa_m, big), stage.ship(rng, self.flag, 50, (12.0, 20.0), boat)]
        return Scene(ships, [_near(ships, at_s, at_s + alongside_s, "pilot transfer", at, 40.0)])


class TugAssist(Behaviour, kw_only=True):
    """Innocent: one or two tugs meet a ship off its port, go in alongside it, and press it to its berth."""

    home: Point | None = None  # the berth
    start_s: Range = (1800.0, 3600.0)
    off_nm: tuple[float, float] = (1.5, 4.0)
    tugs: Range = (1.0, 2.99)
    speed_kn: Range = (3.5, 6.0)
    press_s: Range = (300.0, 900.0)
    loa_m: Range = (150.0, 320.0)
    ship_type: Types = MERCHANT
    flag: Flags = OPEN_FLAGS
    tug_flag: Flags = LOCAL_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The tugs wait at the next quay, meet the ship in the roads, and go back there."""
        berth, at = _port_and_roads(self, stage, rng, self.home, self.off_nm)
        start_s, speed_kn, press_s = pick(rng, self.start_s), pick(rng, self.speed_kn), pick(rng, self.press_s)
        ship = stage.approach(at, start_s, speed_kn=2 * speed_kn, course_deg=seaward_deg(at) + 180).to(*berth, speed_kn)
        moored_s, inward = ship.t_s, bearing_deg(at, berth)
        ships = [stage.ship(rng, self.flag, self.ship_type, self.loa_m, ship.stay(max(60.0, stage.until_s - moored_s), nav=NAV_MOORED, heading_deg=inward))]
        facts = []
        for k in range(int(pick(rng, self.tugs))):
            side, quay = inward + (90 if k else -90), offset(*berth, inward + (150 if k else -150), 250.0)
            tug = _out_of_port(quay, offset(*at, side, 30.0), start_s, TUG_KN).to(*offset(*berth, side, 30.0), speed_kn)
            _home_again(tug.stay(press_s, nav=NAV_ENGINE, heading_deg=inward), quay, TUG_KN, stage.until_s)
            ships.append(stage.ship(rng, self.tug_flag, 52, (24.0, 36.0), tug))
            facts.append(_near([ships[0], ships[-1]], start_s, moored_s + press_s, "tug alongside", at, 30.0))
        return Scene(ships, facts)


class TugAndTow(Behaviour, kw_only=True):
    """Innocent: a tug, and on its wire a barge with a set of its own, for the whole run."""

    at_s: Range = (1800.0, 5400.0)
    course_deg: Range = (0.0, 360.0)
    speed_kn: Range = (3.5, 6.0)
    wire_m: Range = (150.0, 500.0)
    loa_m: Range = (26.0, 45.0)
    tow_loa_m: Range = (50.0, 110.0)
    flag: Flags = LOCAL_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The barge passes where the tug has passed, as much later as the wire is long."""
        at, at_s, course_deg = stage.place(self, rng), pick(rng, self.at_s), pick(rng, self.course_deg)
        speed_kn, wire_m, flag = pick(rng, self.speed_kn), pick(rng, self.wire_m), choose(rng, self.flag)
        behind_s = wire_m / (speed_kn * KN_MS)
        way = through(at, at_s, course_deg, speed_kn, stage.until_s)
        first = offset(*way.knots[0][1:3], bearing_deg(way.knots[1][1:3], way.knots[0][1:3]), wire_m)
        line = [first, *(k[1:3] for k in way.knots)]
        tug, tow = Plan(-60 - behind_s, *line[0]), Plan(-60, *line[0])
        for place in line[1:]:
            tug.to(*place, speed_kn, nav=NAV_TOWING)
            tow.to(*place, speed_kn)
        ships = [stage.ship(rng, flag, choose(rng, (31, 32, 52)), self.loa_m, tug), stage.ship(rng, flag, 99, self.tow_loa_m, tow)]
        return Scene(ships, [_near(ships, 0.0, stage.until_s, "tug and tow", at, wire_m, subtype="under_way")])


class Bunkering(Behaviour, kw_only=True):
    """Innocent: a bunker barge lies alongside a ship at anchor off a port, then goes home.

    Two tankers side by side far from everybody would be a transfer like any other: what shows the roads are the ships at anchor around them.
    """

    home: Point | None = None
    start_s: Range = (1500.0, 3000.0)
    duration_s: Range = (3600.0, 6600.0)
    off_nm: tuple[float, float] = (1.5, 5.0)
    distance_m: Range = (20.0, 45.0)
    others: Range = (3.0, 5.99)  # at anchor around
    others_nm: Range = (0.45, 1.3)  # away
    loa_m: Range = (130.0, 300.0)
    ship_type: Types = MERCHANT
    flag: Flags = OPEN_FLAGS
    barge_flag: Flags = LOCAL_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The ship lies to its anchor all the time."""
        home, at = _port_and_roads(self, stage, rng, self.home, self.off_nm)
        start_s, duration_s, distance_m = pick(rng, self.start_s), pick(rng, self.duration_s), pick(rng, self.distance_m)
        bow_deg = float(rng.integers(0, 360))
        ship = Plan(-60, *at).stay(stage.until_s + 60, nav=NAV_ANCHORED, heading_deg=bow_deg)
        berth = offset(*at, bow_deg + 90, distance_m)
        near, near_s = offset(*berth, bearing_deg(berth, home), SLOWING_M), start_s - SLOWING_M / (SLOWING_KN * KN_MS)
        barge = _out_of_port(home, near, near_s, TUG_KN).to(*berth, SLOWING_KN)
        barge.stay(duration_s, nav=choose(rng, (NAV_ENGINE, NAV_MOORED)), heading_deg=bow_deg)
        _home_again(barge, home, TUG_KN, stage.until_s)
        ships = [stage.ship(rng, self.flag, self.ship_type, self.loa_m, ship), stage.ship(rng, self.barge_flag, (80, 89), (45.0, 95.0), barge)]
        facts = [_near(ships[:2], start_s, start_s + duration_s, "bunkering at anchor", at, distance_m)]
        side_deg, count = pick(rng, (0.0, 360.0)), int(pick(rng, self.others))
        for k in range(count):
            anchor = offset(*at, side_deg + 360 * k / count, pick(rng, self.others_nm) * NM_M)
            plan = Plan(-60, *anchor).stay(stage.until_s + 60, nav=NAV_ANCHORED, heading_deg=bow_deg)
            ships.append(stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan))
        for one in (ships[0], *ships[2:]):
            facts.append(Fact("loitering", "", [one], 0.0, stage.until_s, "at anchor in the roads", *one.plan.knots[0][1:3], innocent=True))
        return Scene(ships, facts)


class PairTrawling(Behaviour, kw_only=True):
    """Innocent: two trawlers tow one net between them, parallel, for the whole run."""

    distance_m: Range = (180.0, 450.0)
    speed_kn: Range = (2.2, 4.5)
    course_deg: Range = (0.0, 360.0)
    tow_s: Range = (2400.0, 5400.0)
    turn_deg: Range = (40.0, 90.0)
    loa_m: Range = (18.0, 45.0)
    flag: Flags = LOCAL_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Tow after tow with a turn between them; in the turns the outer boat goes faster, so that both stay abreast."""
        at, course_deg, speed_kn, distance_m = stage.place(self, rng), pick(rng, self.course_deg), pick(rng, self.speed_kn), pick(rng, self.distance_m)
        flag, turn_deg = choose(rng, self.flag), pick(rng, self.turn_deg) * choose(rng, (-1, 1))
        legs, end_s = [], -60.0
        while end_s < stage.until_s:  # (course of the leg, seconds, course at whose right angle they stand at its end)
            tow_s = pick(rng, self.tow_s)
            legs += [(course_deg, tow_s, course_deg), (course_deg + turn_deg / 2, PAIR_TURN_S, course_deg + turn_deg)]
            course_deg, end_s = course_deg + turn_deg, end_s + tow_s + PAIR_TURN_S
        ships = []
        for side in (-1, 1):
            centre, plan = at, Plan(-60, *offset(*at, legs[0][0] + 90 * side, distance_m / 2))
            for course, seconds, abreast in legs:
                centre = offset(*centre, course, speed_kn * KN_MS * seconds)
                end = offset(*centre, abreast + 90 * side, distance_m / 2)
                plan.to(*end, _speed_for(plan.at, end, seconds), nav=NAV_FISHING)
            ships.append(stage.ship(rng, flag, 30, self.loa_m, plan))
        return Scene(ships, [_near(ships, 0.0, stage.until_s, "pair trawling", at, distance_m, subtype="under_way")])


class MotherShip(Behaviour, kw_only=True):
    """Innocent: a factory ship drifts with its daughter boats, which come alongside one after another and go fishing again."""

    start_s: Range = (600.0, 1500.0)
    daughters: Range = (3.0, 5.99)
    alongside_s: Range = (1200.0, 2700.0)
    every_s: Range = (1500.0, 2400.0)  # from one daughter's coming to the next one's
    drift_kn: Range = (0.3, 1.0)
    drift_deg: Range = (0.0, 360.0)
    boat_kn: Range = (4.5, 8.0)
    distance_m: Range = (25.0, 60.0)
    loa_m: Range = (60.0, 120.0)
    flag: Flags = LOCAL_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The boats come and go on bearings of their own."""
        at, flag, boat_kn, distance_m = stage.place(self, rng), choose(rng, self.flag), pick(rng, self.boat_kn), pick(rng, self.distance_m)
        drift_kn, drift_deg, turn_deg = pick(rng, self.drift_kn), pick(rng, self.drift_deg), pick(rng, (0.0, 360.0))
        visits, at_s = [], pick(rng, self.start_s)
        for _ in range(int(pick(rng, self.daughters))):
            visits.append((at_s, pick(rng, self.alongside_s)))
            at_s += pick(rng, self.every_s)
        bow_deg, end_s = (drift_deg + 90) % 360, max(stage.until_s, *(begin_s + stay_s for begin_s, stay_s in visits))
        mother = Plan(-60, *at).run(drift_deg, drift_kn, end_s + 120, heading_deg=bow_deg, nav=NAV_FISHING)
        ships = [stage.ship(rng, flag, 30, self.loa_m, mother)]
        facts = [Fact("loitering", "", ships[:1], 0.0, stage.until_s, "mother ship drifts among her boats", *at, innocent=True)]
        for k, (begin_s, stay_s) in enumerate(visits):
            from_deg = turn_deg + 360 * k / len(visits)
            side_deg = drift_deg if math.cos(math.radians(from_deg - drift_deg)) > 0 else drift_deg + 180
            beside = offset(*offset(*at, drift_deg, drift_kn * KN_MS * (begin_s + 60)), side_deg, distance_m)
            berth = offset(*beside, bow_deg, BOAT_BERTH_M * (k - (len(visits) - 1) / 2))
            boat = arrive(berth, begin_s, from_deg, boat_kn).run(drift_deg, drift_kn, stay_s, heading_deg=bow_deg)
            leave(boat, from_deg + pick(rng, (-20.0, 20.0)), boat_kn, stage.until_s)
            ships.append(stage.ship(rng, flag, 30, (9.0, 18.0), boat, kind=CLASS_B))
            near_m = closest(mother, boat, begin_s, begin_s + stay_s, step_s=60.0)[1]
            facts.append(_near([ships[0], ships[-1]], begin_s, begin_s + stay_s, "daughter boat alongside", berth, near_m))
        return Scene(ships, facts)


class MooredPair(Behaviour, kw_only=True):
    """Innocent: two ships moored side by side in port, for the whole run."""

    distance_m: Range = (25.0, 60.0)
    loa_m: Range = (70.0, 180.0)
    ship_type: Types = MERCHANT
    flag: Flags = LOCAL_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Side by side at the quay, all the time."""
        at, bow_deg = (self.at, pick(rng, (0.0, 360.0))) if self.at else stage.berth(rng)
        distance_m, ships = pick(rng, self.distance_m), []
        for k in range(2):
            plan = Plan(-60, *offset(*at, bow_deg + 90, k * distance_m)).stay(stage.until_s + 60, nav=NAV_MOORED, heading_deg=bow_deg)
            ships.append(stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan))
        return Scene(ships, [_near(ships, 0.0, stage.until_s, "moored side by side in port", at, distance_m)])


def _near(ships: list[Ship], start_s: float, end_s: float, cause: str, at: Point, distance_m: float, *, subtype: str = "ais_pair") -> Fact:
    return Fact("rendezvous", subtype, ships, start_s, end_s, cause, *at, innocent=True, measures={"distance_m": round(distance_m, 1)})


def _port_and_roads(row: Behaviour, stage: Stage, rng: np.random.Generator, home: Point | None, off_nm: tuple[float, float]) -> tuple[Point, Point]:
    """A berth and a place off it: given, or drawn."""
    home = home or stage.berth(rng, near=row.at)[0]
    return home, row.at or stage.roads(rng, home, off_nm)


def _speed_for(a: Point, b: Point, seconds: float) -> float:
    """Knots that bring a vessel from one place to another in that time."""
    return Plan(0, *a).to(*b, 1.0).t_s / seconds


def _out_of_port(home: Point, to: Point, at_s: float, speed_kn: float) -> Plan:
    """Lies moored, then runs out so as to be there in time; one that would be late is on its way when the world begins."""
    wait_s = at_s + 60 - Plan(0, *home).to(*to, speed_kn).t_s
    if wait_s < 1:
        return Plan(-60, *offset(*to, bearing_deg(to, home), speed_kn * KN_MS * (at_s + 60))).to(*to, speed_kn)
    return Plan(-60, *home).stay(wait_s, nav=NAV_MOORED, heading_deg=0.0).to(*to, speed_kn)


def _home_again(plan: Plan, home: Point, speed_kn: float, until_s: float) -> Plan:
    """Runs home and lies there until the world ends."""
    plan.to(*home, speed_kn)
    return plan.stay(max(60.0, until_s - plan.t_s), nav=NAV_MOORED, heading_deg=0.0)
