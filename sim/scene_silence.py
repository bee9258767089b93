"""Scenes of silence: who stops transmitting, why, and who only seems to. May hold: dark periods and innocent silence."""

from __future__ import annotations

import numpy as np

from dogwatch.errors import InputError
from sim.area import place_at
from sim.helm import sail, through
from sim.motion import Plan, bearing_deg
from sim.scene import LOCAL_FLAGS, MERCHANT, OPEN_FLAGS, Behaviour, Fact, Flags, Range, Scene, Stage, Types, choose, leave, pick
from sim.sea import Point
from sim.ship import CLASS_B, NAV_ENGINE, NAV_MOORED

HEARD_TRIES = 60
EDGE_NM = 150.0  # how far out the end of good reception is looked for


class DarkPeriod(Behaviour, kw_only=True):
    """A vessel under way stops transmitting on purpose, goes on, and transmits again under the same identity.

    Along its `points` and on beyond the last; without any, through a place where it falls silent, and both ends of the silence are heard well.
    """

    points: list[Point] | None = None
    course_deg: Range = (0.0, 360.0)
    speed_kn: Range = (10.0, 15.0)
    silent_from_s: Range = (1500.0, 4200.0)
    silent_s: Range = (2700.0, 5400.0)
    coast_nm: tuple[float, float] = (4.0, 20.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (80.0, 220.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The motion is that of any ship."""
        speed_kn, from_s, silent_s = pick(rng, self.speed_kn), pick(rng, self.silent_from_s), pick(rng, self.silent_s)
        if self.points:
            plan = Plan(-60, *self.points[0])
            for point in self.points[1:]:
                plan.to(*point, speed_kn)
            leave(plan, bearing_deg(*self.points[-2:]), speed_kn, stage.until_s)
        else:
            plan = self._drawn(stage, rng, from_s, silent_s, speed_kn)
        place = place_at(plan, from_s)
        plan.silence(from_s, from_s + silent_s)
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan)
        cause = f"switched off for {silent_s / 60:.0f} min at {speed_kn:.3g} kn"
        measures = {"gap_s": round(silent_s, 1), "speed_kn": round(speed_kn, 2)}
        return Scene([ship], [Fact("dark", "", [ship], from_s, from_s + silent_s, cause, *place, scored=self.scored, measures=measures)])

    def _drawn(self, stage: Stage, rng: np.random.Generator, from_s: float, silent_s: float, speed_kn: float) -> Plan:
        for _ in range(HEARD_TRIES):
            plan = through(stage.place(self, rng), from_s, pick(rng, self.course_deg), speed_kn, max(stage.until_s, from_s + silent_s + 60))
            if stage.heard(*place_at(plan, from_s + silent_s)):
                return plan
        raise InputError(f"dark_period: of {HEARD_TRIES} ways none comes back where it would be heard well", remedy="shorten silent_s, or name an area")


class CoverageHole(Behaviour, kw_only=True):
    """Innocent: a vessel leaves the receivers' reach, works or turns out there, and comes back. It never stops transmitting."""

    start_s: Range = (900.0, 2400.0)  # when it leaves where it is heard well
    away_s: Range = (5400.0, 7500.0)
    speed_kn: Range = (14.0, 19.0)
    coast_nm: tuple[float, float] = (3.0, 60.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (100.0, 230.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Out over the edge of good reception and back to the same place on it."""
        start_s, away_s, speed_kn = pick(rng, self.start_s), pick(rng, self.away_s), pick(rng, self.speed_kn)
        edge, out_deg = self._edge(stage, rng)
        plan = stage.approach(edge, start_s, speed_kn=speed_kn, course_deg=out_deg)
        first = len(plan.knots) - 1
        sail(plan, out_deg, speed_kn, away_s / 2)
        for knot in plan.knots[-2 : first - 1 if first else None : -1]:
            plan.to(*knot[1:3], speed_kn)
        end_s = plan.t_s
        leave(plan, out_deg + 180, speed_kn, stage.until_s)
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan)
        return Scene([ship], [Fact("dark", "", [ship], start_s, end_s, "leaves the receivers' reach and comes back", *edge, innocent=True)])

    def _edge(self, stage: Stage, rng: np.random.Generator) -> tuple[Point, float]:
        """A place where good reception ends on a way outward, and the course of that way there."""
        for _ in range(HEARD_TRIES):
            here = stage.place(self, rng)
            way = sail(Plan(0, *here), pick(rng, (0.0, 360.0)), 3600.0, EDGE_NM)  # a mile a second
            for second in range(1, int(EDGE_NM)):
                there = place_at(way, second)
                if not stage.heard(*there):
                    return here, bearing_deg(here, there)
                here = there
        raise InputError("coverage_hole: no way leads out of the receivers' reach", remedy="name an area near its end")


class MooredSwitchOff(Behaviour, kw_only=True):
    """Innocent: a ship in port turns her set off for a while, as many do alongside."""

    silent_from_s: Range = (1500.0, 3600.0)
    silent_s: Range = (2700.0, 6600.0)
    ship_type: Types = MERCHANT
    loa_m: Range = (50.0, 220.0)
    flag: Flags = OPEN_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """She does not move."""
        at, bow_deg = (self.at, pick(rng, (0.0, 360.0))) if self.at else stage.berth(rng)
        from_s, silent_s = pick(rng, self.silent_from_s), pick(rng, self.silent_s)
        plan = Plan(-60, *at).stay(stage.until_s + 60, nav=NAV_MOORED, heading_deg=bow_deg)
        ship = stage.ship(rng, self.flag, self.ship_type, self.loa_m, plan.silence(from_s, from_s + silent_s))
        return Scene([ship], [Fact("dark", "", [ship], from_s, from_s + silent_s, "moored, switched off in port", *at, innocent=True)])


class QuietBoat(Behaviour, kw_only=True):
    """Innocent: a class B boat lies nearly still and its owner turns the set off for a while."""

    silent_from_s: Range = (1200.0, 3000.0)
    silent_s: Range = (2400.0, 5400.0)
    coast_nm: tuple[float, float] = (0.3, 2.5)  # where a boat can anchor
    loa_m: Range = (7.0, 16.0)
    flag: Flags = LOCAL_FLAGS

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """A boat at anchor whose set is off for a while."""
        at, from_s, silent_s = stage.place(self, rng), pick(rng, self.silent_from_s), pick(rng, self.silent_s)
        plan = Plan(-60, *at).stay(stage.until_s + 60, nav=NAV_ENGINE, heading_deg=200.0)
        ship = stage.ship(rng, self.flag, choose(rng, (36, 37)), self.loa_m, plan.silence(from_s, from_s + silent_s), kind=CLASS_B)
        return Scene([ship], [Fact("dark", "", [ship], from_s, from_s + silent_s, "class B boat at anchor switched off", *at, innocent=True)])
