"""Scenes of silence: who stops transmitting, why, and who only seems to. May hold: dark periods and innocent silence."""

from __future__ import annotations

import math

import numpy as np

from sim.motion import Plan
from sim.scene import Behaviour, Fact, Range, Scene, Stage, leave, pick
from sim.sea import Point
from sim.ship import CLASS_B


class DarkPeriod(Behaviour, kw_only=True):
    """A vessel under way stops transmitting on purpose, goes on, and transmits again."""

    points: list[Point]
    speed_kn: Range = 12.0
    silent_from_s: Range = 1200.0
    silent_s: Range = 4200.0
    ship_type: int = 70
    loa_m: Range = 140.0
    flag: str = "PA"

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Under way along its points (and on beyond the last), silent for a while."""
        speed_kn, from_s, silent_s = pick(rng, self.speed_kn), pick(rng, self.silent_from_s), pick(rng, self.silent_s)
        plan = Plan(-60, *self.points[0])
        for lat, lon in self.points[1:]:
            plan.to(lat, lon, speed_kn)
        (lat0, lon0), (lat1, lon1) = self.points[-2:]
        leave(plan, math.degrees(math.atan2((lon1 - lon0) * math.cos(math.radians(lat1)), lat1 - lat0)), speed_kn, stage.until_s)
        plan.silence(from_s, from_s + silent_s)
        knot = next(k for k in plan.knots if k[0] >= from_s)
        ship = stage.ship(rng, self.flag, self.ship_type, pick(rng, self.loa_m), plan)
        cause = f"switched off for {silent_s / 60:.0f} min at {speed_kn:.3g} kn"
        return Scene([ship], [Fact("dark", "", [ship], from_s, from_s + silent_s, cause, knot[1], knot[2], scored=self.scored)])


class QuietBoat(Behaviour, kw_only=True):
    """Innocent: a class B boat lies nearly still and its owner turns the set off for a while."""

    silent_from_s: Range = 1800.0
    silent_s: Range = 3600.0
    flag: str = "NZ"

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """A boat at anchor whose set is off for a while."""
        at, from_s, silent_s = stage.place(self, rng), pick(rng, self.silent_from_s), pick(rng, self.silent_s)
        plan = Plan(-60, *at).stay(stage.until_s + 60, nav=0, heading_deg=200.0)
        ship = stage.ship(rng, self.flag, 37, 11.0, plan.silence(from_s, from_s + silent_s), kind=CLASS_B)
        return Scene([ship], [Fact("dark", "", [ship], from_s, from_s + silent_s, "class B boat at anchor switched off", *at, innocent=True)])
