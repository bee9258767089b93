"""Scenes of meetings: two or more vessels close together, for trade or by their trade. May hold: rendezvous and what looks like one."""

from __future__ import annotations

import numpy as np

from dogwatch.geo import KN_MS
from sim.helm import arrive
from sim.motion import Plan, offset
from sim.scene import Behaviour, Fact, Range, Scene, Stage, leave, middle, pick
from sim.sea import Point
from sim.ship import NAV_MOORED

PILOT_KN = 16.0


class Rendezvous(Behaviour, kw_only=True):
    """Two vessels come together, drift side by side, and part. `start_s`: when both have slowed down."""

    start_s: Range = 420.0
    duration_s: Range = 3600.0
    distance_m: Range = 150.0
    drift_kn: Range = 0.6
    drift_deg: Range = 40.0
    approach_kn: Range = 10.0
    approach_from_deg: tuple[float, float] = (20.0, 200.0)
    ship_types: tuple[int, int] = (80, 70)
    loa_m: tuple[float, float] = (180.0, 120.0)
    flags: tuple[str, str] = ("LR", "PA")

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Two come from different sides, drift side by side across their line, part the way they came."""
        at, start_s, duration_s = stage.place(self, rng), pick(rng, self.start_s), pick(rng, self.duration_s)
        distance_m, drift_kn, drift_deg = pick(rng, self.distance_m), pick(rng, self.drift_kn), pick(rng, self.drift_deg)
        approach_kn, ships, centre = pick(rng, self.approach_kn), [], at
        for k in range(2):
            berth = offset(*at, drift_deg + (90 if k == 0 else -90), distance_m / 2)
            plan = arrive(berth, start_s, self.approach_from_deg[k], approach_kn)
            plan.run(drift_deg, drift_kn, duration_s, heading_deg=drift_deg % 360)
            centre = middle(at, plan.at)
            leave(plan, self.approach_from_deg[k], approach_kn, stage.until_s)
            ships.append(stage.ship(rng, self.flags[k], self.ship_types[k], self.loa_m[k], plan))
        end_s = start_s + duration_s
        cause = f"two ships drift {distance_m:.0f} m apart for {duration_s / 60:.0f} min"
        fact = Fact("rendezvous", "ais_pair", ships, start_s, end_s, cause, *centre, scored=self.scored, measures={"distance_m": distance_m})
        # each of them also loiters: true, but nobody is asked to say it twice
        alone = [Fact("loitering", "", [ship], start_s, end_s, "drifts beside another ship", *centre, scored=False) for ship in ships]
        return Scene(ships, [fact, *alone])


class PilotTransfer(Behaviour, kw_only=True):
    """Innocent: a pilot boat comes from its port, lies alongside a ship under way for some minutes, and goes home."""

    home: Point
    at_s: Range = 1800.0
    alongside_s: Range = 600.0
    course_deg: Range = 180.0
    speed_kn: Range = 7.0
    flag: str = "NZ"

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The ship holds its course; the boat runs out, lies alongside, runs home."""
        at, at_s, alongside_s = stage.place(self, rng), pick(rng, self.at_s), pick(rng, self.alongside_s)
        course_deg, speed_kn = pick(rng, self.course_deg), pick(rng, self.speed_kn)
        start = offset(*at, course_deg, -speed_kn * KN_MS * (at_s + 60))
        big = Plan(-60, *start).run(course_deg, speed_kn, stage.until_s + 60)
        board = offset(*at, course_deg + 90, 40.0)
        out_s = Plan(0, *self.home).to(*board, PILOT_KN).t_s
        boat = Plan(-60, *self.home).stay(max(1.0, at_s - out_s + 60), nav=NAV_MOORED, heading_deg=0.0)
        boat.to(*board, PILOT_KN).run(course_deg, speed_kn, alongside_s).to(*self.home, PILOT_KN)
        boat.stay(max(60.0, stage.until_s - boat.t_s), nav=NAV_MOORED, heading_deg=0.0)
        ships = [stage.ship(rng, self.flag, 70, 170.0, big), stage.ship(rng, self.flag, 50, 16.0, boat)]
        return Scene(ships, [Fact("rendezvous", "", ships, at_s, at_s + alongside_s, "pilot transfer", *at, innocent=True)])


class MooredPair(Behaviour, kw_only=True):
    """Innocent: two ships moored side by side in port, for the whole run."""

    distance_m: Range = 45.0
    flag: str = "NZ"

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Side by side at the quay, all the time."""
        at, distance_m, ships = stage.place(self, rng), pick(rng, self.distance_m), []
        for k in range(2):
            plan = Plan(-60, *offset(*at, 90.0, k * distance_m)).stay(stage.until_s + 60, nav=NAV_MOORED, heading_deg=10.0)
            ships.append(stage.ship(rng, self.flag, 70, 120.0 + 20 * k, plan))
        return Scene(ships, [Fact("rendezvous", "", ships, 0.0, stage.until_s, "moored side by side in port", *at, innocent=True)])


class PassingShips(Behaviour, kw_only=True):
    """Innocent: two ships pass close by on opposite courses. `at_s`: when they are closest."""

    at_s: Range = 2400.0
    distance_m: Range = 300.0
    course_deg: Range = 120.0
    speed_kn: Range = 11.0
    flag: str = "SG"

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Opposite courses through the place, `distance_m` apart."""
        at, at_s, distance_m = stage.place(self, rng), pick(rng, self.at_s), pick(rng, self.distance_m)
        course_deg, speed_kn, ships = pick(rng, self.course_deg), pick(rng, self.speed_kn), []
        for k in range(2):
            course = course_deg + 180 * k
            closest = offset(*at, course + 90, distance_m / 2)
            plan = Plan(-60, *offset(*closest, course, -speed_kn * KN_MS * (at_s + 60)))
            ships.append(stage.ship(rng, self.flag, 70, 180.0, plan.run(course, speed_kn, stage.until_s + 60)))
        return Scene(ships, [Fact("rendezvous", "", ships, at_s - 60, at_s + 60, "ships passing", *at, innocent=True)])
