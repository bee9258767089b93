"""Scenes of meetings: vessels so close, so slow, so long that goods or people could pass. May hold: rendezvous of every manner.

May not: those who are close by their trade (`scene_working`), or in passing (`scene_passing`).
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from dogwatch.geo import KN_MS
from sim.area import place_at
from sim.helm import arrive, through
from sim.motion import Plan, offset
from sim.scene import OPEN_FLAGS, Behaviour, Fact, Flags, Range, Scene, Stage, Types, adrift, choose, leave, middle, pick
from sim.sea import Point
from sim.ship import Ship

TANKERS: tuple[int, ...] = (80, 80, 81, 82, 84, 89)
CARRIERS: tuple[int, ...] = (70, 70, 71, 79)


class Rendezvous(Behaviour, kw_only=True):
    """Two vessels come together, drift side by side, and part. `start_s`: when both have slowed down."""

    start_s: Range = (420.0, 1800.0)
    duration_s: Range = (2400.0, 6000.0)
    distance_m: Range = (50.0, 250.0)
    drift_kn: Range = (0.2, 1.2)
    drift_deg: Range = (0.0, 360.0)
    approach_kn: Range = (8.0, 13.0)
    approach_from_deg: tuple[float, float] | None = None  # of each; drawn on either side when left out
    ship_types: tuple[Types, Types] = (TANKERS, CARRIERS)
    loa_m: tuple[Range, Range] = ((120.0, 240.0), (90.0, 180.0))
    flags: tuple[Flags, Flags] = (OPEN_FLAGS, OPEN_FLAGS)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Two come from different sides, drift side by side across their line, part the way they came."""
        at, start_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.duration_s)
        distance_m, drift_kn, drift_deg = pick(rng, self.distance_m), pick(rng, self.drift_kn), pick(rng, self.drift_deg)
        approach_kn, ships = pick(rng, self.approach_kn), []
        for k in range(2):
            side_deg = drift_deg + (90 if k == 0 else -90)
            from_deg = self.approach_from_deg[k] if self.approach_from_deg else side_deg + pick(rng, (-60.0, 60.0))
            plan = _drifter(offset(*at, side_deg, distance_m / 2), start_s, from_deg, approach_kn, (drift_deg, drift_kn, duration_s))
            leave(plan, from_deg, approach_kn, stage.until_s)
            ships.append(stage.ship(rng, self.flags[k], self.ship_types[k], self.loa_m[k], plan))
        end_s = start_s + duration_s
        cause = f"two ships drift {distance_m:.0f} m apart for {duration_s / 60:.0f} min"
        fact = _together(ships, start_s, end_s, cause, distance_m, scored=self.scored)
        return Scene(ships, [fact, *(one for ship in ships for one in _alone(ship, start_s, end_s))])


class RendezvousThree(Behaviour, kw_only=True):
    """Three vessels drift in a triangle, the third joining later: three pairs, each with a time of its own."""

    start_s: Range = (420.0, 1500.0)
    later_s: Range = (0.0, 900.0)
    duration_s: Range = (3000.0, 6000.0)
    distance_m: Range = (60.0, 220.0)
    drift_kn: Range = (0.2, 1.1)
    drift_deg: Range = (0.0, 360.0)
    approach_kn: Range = (8.0, 12.0)
    ship_type: Types = (80, 70, 30, 79)
    loa_m: Range = (90.0, 200.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Each comes from its own third of the horizon and goes back there; all part at the same time."""
        at, start_s, later_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.later_s), pick(rng, self.duration_s)
        distance_m, drift_kn, drift_deg = pick(rng, self.distance_m), pick(rng, self.drift_kn), pick(rng, self.drift_deg)
        approach_kn, end_s, ships, starts = pick(rng, self.approach_kn), start_s + duration_s, [], []
        for k in range(3):
            begin_s = start_s + (later_s if k == 2 else 0.0)
            drifted = offset(*at, drift_deg, drift_kn * KN_MS * (begin_s - start_s))
            bearing = drift_deg + 120 * k
            plan = _drifter(offset(*drifted, bearing, distance_m / math.sqrt(3)), begin_s, bearing, approach_kn, (drift_deg, drift_kn, end_s - begin_s))
            leave(plan, bearing + pick(rng, (-40.0, 40.0)), approach_kn, stage.until_s)
            ships.append(stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan))
            starts.append(begin_s)
        cause = f"three ships drift {distance_m:.0f} m apart"
        pairs = [
            _together([ships[i], ships[j]], max(starts[i], starts[j]), end_s, cause, distance_m, scored=self.scored)
            for i, j in itertools.combinations(range(3), 2)
        ]
        return Scene(ships, [*pairs, *(one for ship, begin_s in zip(ships, starts, strict=True) for one in _alone(ship, begin_s, end_s))])


class RendezvousUnderWay(Behaviour, kw_only=True):
    """One vessel holds its slow course, another comes up, keeps abreast of it, and turns away."""

    start_s: Range = (900.0, 3000.0)
    duration_s: Range = (1500.0, 4200.0)
    distance_m: Range = (50.0, 140.0)
    course_deg: Range = (0.0, 360.0)
    speed_kn: Range = (2.5, 7.0)
    approach_kn: Range = (9.0, 14.0)
    ship_types: tuple[Types, Types] = (TANKERS, CARRIERS)
    loa_m: tuple[Range, Range] = ((120.0, 240.0), (60.0, 150.0))
    flags: tuple[Flags, Flags] = (OPEN_FLAGS, OPEN_FLAGS)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The place is where the other has come abreast."""
        at, start_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.duration_s)
        distance_m, course_deg, speed_kn = pick(rng, self.distance_m), pick(rng, self.course_deg), pick(rng, self.speed_kn)
        approach_kn, side = pick(rng, self.approach_kn), choose(rng, (-1, 1))
        steady = through(at, start_s, course_deg, speed_kn, stage.until_s, straight_s=duration_s + 60)
        other = arrive(offset(*at, course_deg + 90 * side, distance_m), start_s, course_deg + side * pick(rng, (80.0, 150.0)), approach_kn)
        leave(other.run(course_deg, speed_kn, duration_s), course_deg + side * pick(rng, (40.0, 90.0)), approach_kn, stage.until_s)
        ships = [stage.ship(rng, self.flags[k], self.ship_types[k], self.loa_m[k], plan) for k, plan in enumerate((steady, other))]
        cause = f"two ships keep {distance_m:.0f} m abreast at {speed_kn:.1f} kn for {duration_s / 60:.0f} min"
        fact = _together(ships, start_s, start_s + duration_s, cause, distance_m, subtype="under_way", scored=self.scored)
        fact.measures["speed_kn"] = round(speed_kn, 2)
        return Scene(ships, [fact])


class DarkPartner(Behaviour, kw_only=True):
    """One vessel interrupts its voyage for a meeting; the other is silent from before it comes until after it has gone."""

    start_s: Range = (3000.0, 4500.0)
    duration_s: Range = (1800.0, 4200.0)
    distance_m: Range = (40.0, 200.0)
    transit_kn: Range = (8.0, 13.0)
    course_deg: Range = (0.0, 360.0)
    drift_kn: Range = (0.3, 1.4)
    silent_before_s: Range = (900.0, 1800.0)
    silent_after_s: Range = (600.0, 1500.0)
    ship_types: tuple[Types, Types] = (CARRIERS, (30, 70, 80))
    loa_m: tuple[Range, Range] = ((90.0, 180.0), (30.0, 120.0))
    flags: tuple[Flags, Flags] = (OPEN_FLAGS, OPEN_FLAGS)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """What is seen: a voyage with a stop, and somewhere near a gap that is long enough."""
        at, start_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.duration_s)
        distance_m, transit_kn, course_deg, drift_kn = (pick(rng, v) for v in (self.distance_m, self.transit_kn, self.course_deg, self.drift_kn))
        drift_deg, aside = pick(rng, (0.0, 360.0)), course_deg + choose(rng, (-90, 90))
        drift, end_s = (drift_deg, drift_kn, duration_s), start_s + duration_s
        seen = _drifter(at, start_s, course_deg + 180, transit_kn, drift)
        leave(seen, course_deg + pick(rng, (-40.0, 40.0)), transit_kn, stage.until_s)
        away = aside + pick(rng, (-45.0, 45.0))
        dark = _drifter(offset(*at, aside, distance_m), start_s, away, transit_kn, drift)
        leave(dark, away + pick(rng, (-30.0, 30.0)), transit_kn, stage.until_s)
        off_s, on_s = start_s - pick(rng, self.silent_before_s), end_s + pick(rng, self.silent_after_s)
        place = place_at(dark, max(-60.0, off_s))
        dark.silence(off_s, on_s)
        ships = [stage.ship(rng, self.flags[k], self.ship_types[k], self.loa_m[k], plan) for k, plan in enumerate((seen, dark))]
        cause = f"meets a silent vessel {distance_m:.0f} m off for {duration_s / 60:.0f} min"
        met = _together(ships, start_s, end_s, cause, distance_m, subtype="dark_partner", scored=self.scored)
        met.ships = ships[:1]
        gap = Fact("dark", "", ships[1:], off_s, on_s, "switched off for a meeting", *place, scored=self.scored, measures={"gap_s": on_s - off_s})
        return Scene(ships, [met, gap, *_alone(ships[0], start_s, end_s)])


def _drifter(berth: Point, start_s: float, from_deg: float, approach_kn: float, drift: tuple[float, float, float]) -> Plan:
    """Comes to its berth from a side, then drifts (course, knots, seconds) with the bow along the drift."""
    return arrive(berth, start_s, from_deg, approach_kn).run(*drift, heading_deg=drift[0] % 360)


def _together(ships: list[Ship], start_s: float, end_s: float, cause: str, distance_m: float, *, subtype: str = "ais_pair", scored: bool) -> Fact:
    """The meeting, in the middle of which its place is."""
    half_s = (start_s + end_s) / 2
    centre = middle(*(place_at(ship.plan, half_s) for ship in ships))
    return Fact("rendezvous", subtype, ships, start_s, end_s, cause, *centre, scored=scored, measures={"distance_m": round(distance_m, 1)})


def _alone(ship: Ship, start_s: float, end_s: float) -> list[Fact]:
    """Each of them also loiters, and drifts (without a compass nobody can know that it does so along its bow): true, but nobody is asked to say it twice."""
    at = place_at(ship.plan, (start_s + end_s) / 2)
    return [Fact("loitering", "", [ship], start_s, end_s, "drifts beside another ship", *at, scored=False), adrift(ship, start_s, end_s, at)]
