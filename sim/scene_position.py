"""Scenes of position: sets that tell another place than the true one, and ships that truly move as a lie would. May hold: lies and their look-alikes.

Nobody here goes where the set says: the truth of such a scene is the plan, the lie is in the reports (`sim/lie.py`).
"""

from __future__ import annotations

import math
from typing import Literal

import numpy as np

from dogwatch.geo import KN_MS, NM_M
from sim.area import place_at
from sim.lie import Lie
from sim.motion import Plan, offset
from sim.scene import Behaviour, Fact, Range, Scene, Stage, Underway, any_flag, leave, pick
from sim.sea import Point, shore_nm
from sim.ship import NAV_ANCHORED

INLAND_M = 1200.0  # a told place is at least so far inside the land
SIDES = 24  # legs of one turn


class PositionJump(Underway, kw_only=True):
    """A ship under way tells a place many miles off for a while, then its own again."""

    lasts_s: Range = (600.0, 3600.0)
    offset_nm: Range = (15.0, 250.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The told place keeps its distance and bearing from the true one."""
        return _shifted(self, stage, rng, "jump")


class PositionOffset(Underway, kw_only=True):
    """A ship under way tells a place a few miles beside the true one for a long time."""

    lasts_s: Range = (2700.0, 7200.0)
    offset_nm: Range = (1.2, 4.5)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The told place keeps its distance and bearing from the true one."""
        return _shifted(self, stage, rng, "offset")


class PositionSimulated(Underway, kw_only=True):
    """A ship that is not there: a programme sends where it would be, on one course at one speed, to the last digit."""

    at_s: Range = (1200.0, 3600.0)
    lasts_s: Range = (5400.0, 7800.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """One straight way; before and after it the track is like any other."""
        at_s, lasts_s, speed_kn, course = (pick(rng, v) for v in (self.at_s, self.lasts_s, self.speed_kn, self.course_deg))

        def straight(at: Point) -> list[Plan]:
            plan = stage.approach(at, at_s, speed_kn=speed_kn, course_deg=course).run(course, speed_kn, lasts_s)
            return [leave(plan, course, speed_kn, stage.until_s)]

        _, (plan,) = stage.at_sea(self, rng, straight)
        lie = Lie(mode="simulated", start_s=at_s, end_s=at_s + lasts_s, ship=0)
        return _lied(self, stage, rng, plan, lie, "simulated", f"a programme sends its places for {lasts_s / 60:.0f} min", {"speed_kn": round(speed_kn, 2)})


class PositionBeyond(Underway, kw_only=True):
    """A ship switches its set on, and tells from the first report on a place that no station which hears it can hear."""

    at_s: Range = (5400.0, 7200.0)
    offset_nm: Range = (200.0, 300.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """The told place keeps its distance and bearing from the true one, to the end."""
        at_s, offset_nm, bearing = pick(rng, self.at_s), pick(rng, self.offset_nm), float(rng.uniform(0, 2 * math.pi))
        _, (plan,) = stage.at_sea(self, rng, lambda at: [self.way(stage, rng, at, at_s)])
        plan.silence(plan.knots[0][0], at_s)
        north_m, east_m = offset_nm * NM_M * math.cos(bearing), offset_nm * NM_M * math.sin(bearing)
        lie = Lie(mode="offset", start_s=at_s - 60, end_s=stage.until_s, ship=0, north_m=north_m, east_m=east_m)
        ship, cause, measures = stage.trader(rng, plan), f"tells a place {offset_nm:.3g} nm off from its first report on", {"offset_nm": round(offset_nm, 3)}
        where = place_at(plan, at_s)
        fact = Fact("position_anomaly", "geometry", [ship], at_s, stage.until_s, cause, *where, scored=self.scored, measures=measures)
        return Scene([ship], [fact], [lie])


class PositionOnLand(Underway, kw_only=True):
    """A ship near a coast tells a place ashore: the spot of a forged signal, an airport as a rule."""

    lasts_s: Range = (900.0, 5400.0)
    reach_nm: float = 30.0
    coast_nm: tuple[float, float] = (2.0, 15.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """All told places lie within some hundred metres of one spot well inside the land."""
        ashore: dict[Point, Point] = {}

        def near_land(at: Point) -> list[Plan] | None:
            spot = _spot_ashore(rng, at, self.reach_nm)
            if spot is None:
                return None
            ashore[at] = spot
            return [self.way(stage, rng, at, at_s)]

        at_s, lasts_s = pick(rng, self.at_s), pick(rng, self.lasts_s)
        at, (plan,) = stage.at_sea(self, rng, near_land)
        lie = Lie(mode="fixed", start_s=at_s, end_s=at_s + lasts_s, ship=0, to=ashore[at], radius_m=float(rng.uniform(50, 300)))
        return _lied(self, stage, rng, plan, lie, "on_land", f"tells a place ashore for {lasts_s / 60:.0f} min", {})


class PositionCircle(Underway, kw_only=True):
    """A ship under way is told to circle: the forged signal leads its set round and round."""

    turns: Range = (2.0, 5.0)
    radius_m: Range = (150.0, 800.0)
    told_kn: Range = (4.0, 14.0)
    away_nm: Range = (0.0, 10.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """A circle about a place near the ship, at a speed that a ship could have."""
        at_s, radius_m, told_kn = pick(rng, self.at_s), pick(rng, self.radius_m), pick(rng, self.told_kn)
        period_s = 2 * math.pi * radius_m / (told_kn * KN_MS)
        lasts_s = period_s * pick(rng, self.turns)
        _, (plan,) = stage.at_sea(self, rng, lambda at: [self.way(stage, rng, at, at_s)])
        centre = offset(*place_at(plan, at_s), float(rng.uniform(0, 360)), pick(rng, self.away_nm) * NM_M)
        period_s *= float(rng.choice([-1, 1]))
        lie = Lie(mode="circle", start_s=at_s, end_s=at_s + lasts_s, ship=0, to=centre, radius_m=radius_m, period_s=period_s)
        cause = f"told to circle {radius_m:.0f} m about a place for {lasts_s / 60:.0f} min"
        return _lied(self, stage, rng, plan, lie, "circle", cause, {"radius_m": round(radius_m, 1), "turns": round(lasts_s / abs(period_s), 2)})


class PositionLost(Underway, kw_only=True):
    """A ship under way goes on transmitting without a place: its position system has failed or is jammed."""

    lasts_s: Range = (600.0, 5400.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """No place, speed or course in the reports."""
        at_s, lasts_s = pick(rng, self.at_s), pick(rng, self.lasts_s)
        _, (plan,) = stage.at_sea(self, rng, lambda at: [self.way(stage, rng, at, at_s)])
        lie = Lie(mode="lost", start_s=at_s, end_s=at_s + lasts_s, ship=0)
        return _lied(self, stage, rng, plan, lie, "", f"transmits without a place for {lasts_s / 60:.0f} min", {}, kind="position_lost")


class GnssInterference(Behaviour, kw_only=True):
    """Interference with satellite navigation: every vessel that is truly within a circle of sea shows circles, one far place, or none."""

    mode: Literal["circle", "fixed", "lost", "any"] = "any"
    at_s: Range = (1200.0, 3600.0)
    lasts_s: Range = (2400.0, 5400.0)
    radius_nm: Range = (4.0, 12.0)
    away_nm: Range = (15.0, 120.0)
    ships: tuple[int, int] = (3, 6)  # of its own, beside the traffic
    speed_kn: Range = (7.0, 14.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Ships of its own pass through the circle while it lasts; whoever else is there is hit as well."""
        modes: tuple[Literal["circle", "fixed", "lost"], ...] = ("circle", "fixed", "lost") if self.mode == "any" else (self.mode,)
        mode = modes[int(rng.integers(len(modes)))]
        at_s, lasts_s, radius_nm = pick(rng, self.at_s), pick(rng, self.lasts_s), pick(rng, self.radius_nm)
        count = int(rng.integers(self.ships[0], self.ships[1] + 1))

        def through(at: Point) -> list[Plan]:
            gates = [offset(*at, float(rng.uniform(0, 360)), radius_nm * NM_M * float(rng.uniform(0, 0.5))) for _ in range(count)]
            hours = [at_s + lasts_s * float(rng.uniform(0.2, 0.8)) for _ in range(count)]
            return [stage.transit(g, t, speed_kn=pick(rng, self.speed_kn), course_deg=float(rng.uniform(0, 360))) for g, t in zip(gates, hours)]

        at, plans = stage.at_sea(self, rng, through)
        kind, subtype = {"circle": ("position_anomaly", "circle"), "fixed": ("position_anomaly", "jump"), "lost": ("position_lost", "")}[mode]
        to = offset(*at, float(rng.uniform(0, 360)), pick(rng, self.away_nm) * NM_M)
        radius_m, told_kn = (float(rng.uniform(150, 600)), float(rng.uniform(4, 12))) if mode == "circle" else (float(rng.uniform(100, 1500)), 1.0)
        period_s = 2 * math.pi * radius_m / (told_kn * KN_MS)
        lie = Lie(mode=mode, start_s=at_s, end_s=at_s + lasts_s, at=at, area_nm=radius_nm, to=to, radius_m=radius_m, period_s=period_s)
        words = {"circle": "shows circles", "fixed": "shows one far place", "lost": "shows no place"}[mode]
        cause = f"interference within {radius_nm:.1f} nm for {lasts_s / 60:.0f} min: everybody there {words}"
        area = Fact("gnss_area", "", [], at_s, at_s + lasts_s, cause, *at, scored=self.scored, area_nm=radius_nm)
        each = Fact(kind, subtype, [], at_s, at_s + lasts_s, cause, *at, scored=False, area_nm=radius_nm, each=True)
        return Scene([stage.trader(rng, plan) for plan in plans], [area, each], [lie])


class CirclingShip(Behaviour, kw_only=True):
    """Innocent: a ship really goes in circles, to adjust its compass or to wait."""

    at_s: Range = (1200.0, 3600.0)
    radius_m: Range = (300.0, 900.0)
    speed_kn: Range = (4.0, 9.0)
    turns: Range = (2.0, 4.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """In, round and round with the bow along the way, and on."""
        at_s, radius_m, speed_kn, turns = (pick(rng, v) for v in (self.at_s, self.radius_m, self.speed_kn, self.turns))
        side, turn_s = float(rng.choice([-1, 1])), 2 * math.pi * radius_m / (speed_kn * KN_MS)

        def circling(at: Point) -> list[Plan]:
            course = float(rng.uniform(0, 360))
            plan = stage.approach(at, at_s, speed_kn=speed_kn, course_deg=course)
            for k in range(round(SIDES * turns)):
                plan.run(course + side * (k + 0.5) * 360 / SIDES, speed_kn, turn_s / SIDES)
            return [leave(plan, course + side * turns * 360, speed_kn, stage.until_s)]

        _, (plan,) = stage.at_sea(self, rng, circling)
        ship, end_s = stage.trader(rng, plan), at_s + turn_s / SIDES * round(SIDES * turns)
        measures = {"radius_m": round(radius_m, 1), "turns": round(turns, 2)}
        fact = Fact("position_anomaly", "circle", [ship], at_s, end_s, "a ship truly circles", *place_at(plan, at_s), innocent=True, measures=measures)
        return Scene([ship], [fact])


class SwingingShip(Behaviour, kw_only=True):
    """Innocent: a ship at anchor in the roads of a port (or `at`) swings round it with the tide."""

    radius_m: Range = (90.0, 320.0)
    sweep_deg: Range = (150.0, 340.0)
    swing_s: Range = (5400.0, 14_400.0)
    off_nm: tuple[float, float] = (0.8, 2.5)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """There and back along an arc about the anchor, the bow toward it."""
        at = self.at if self.at is not None else stage.roads(rng, stage.berth(rng)[0], self.off_nm)
        radius_m, sweep_deg, swing_s = (pick(rng, v) for v in (self.radius_m, self.sweep_deg, self.swing_s))
        bearing, side = float(rng.uniform(0, 360)), float(rng.choice([-1, 1]))
        plan, step = Plan(-60, *offset(*at, bearing, radius_m)), sweep_deg / SIDES
        chord_kn = 2 * radius_m * math.sin(math.radians(step / 2)) / (swing_s / SIDES) / KN_MS
        while plan.t_s < stage.until_s:
            for _ in range(SIDES):
                course = bearing + side * (90 + step / 2)
                plan.run(course, chord_kn, swing_s / SIDES, nav=NAV_ANCHORED, heading_deg=(bearing + 180) % 360)
                bearing += side * step
            side = -side
        ship = stage.trader(rng, plan)
        measures = {"radius_m": round(radius_m, 1)}
        return Scene([ship], [Fact("position_anomaly", "circle", [ship], 0.0, stage.until_s, "swings at anchor", *at, innocent=True, measures=measures)])


class FastCraft(Underway, kw_only=True):
    """Innocent: a high speed craft is as fast as it says."""

    speed_kn: Range = (32.0, 45.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Through its place at speed, all the time."""
        at_s = pick(rng, self.at_s)
        speed_kn = pick(rng, self.speed_kn)
        _, (plan,) = stage.at_sea(self, rng, lambda at: [stage.transit(at, at_s, speed_kn=speed_kn, course_deg=pick(rng, self.course_deg))])
        ship, measures = stage.ship(rng, any_flag(rng), 40, float(rng.uniform(25, 90)), plan), {"speed_kn": round(speed_kn, 2)}
        cause = f"a high speed craft at {speed_kn:.0f} kn"
        return Scene([ship], [Fact("position_anomaly", "jump", [ship], at_s - 900, at_s + 900, cause, *place_at(plan, at_s), innocent=True, measures=measures)])


def _shifted(row: PositionJump | PositionOffset, stage: Stage, rng: np.random.Generator, subtype: str) -> Scene:
    at_s, lasts_s, offset_nm, bearing = pick(rng, row.at_s), pick(rng, row.lasts_s), pick(rng, row.offset_nm), float(rng.uniform(0, 2 * math.pi))
    _, (plan,) = stage.at_sea(row, rng, lambda at: [row.way(stage, rng, at, at_s)])
    north_m, east_m = offset_nm * NM_M * math.cos(bearing), offset_nm * NM_M * math.sin(bearing)
    lie = Lie(mode="offset", start_s=at_s, end_s=at_s + lasts_s, ship=0, north_m=north_m, east_m=east_m)
    cause = f"tells a place {offset_nm:.3g} nm off for {lasts_s / 60:.0f} min"
    return _lied(row, stage, rng, plan, lie, subtype, cause, {"offset_nm": round(offset_nm, 3)})


def _lied(
    row: Behaviour,
    stage: Stage,
    rng: np.random.Generator,
    plan: Plan,
    lie: Lie,
    subtype: str,
    cause: str,
    measures: dict[str, float],
    kind: str = "position_anomaly",
) -> Scene:
    """One ship, one lie, the fact of it, at the ship's true place when it begins."""
    ship = stage.trader(rng, plan)
    fact = Fact(kind, subtype, [ship], lie.start_s, lie.end_s, cause, *place_at(plan, lie.start_s), scored=row.scored, measures=measures)
    return Scene([ship], [fact], [lie])


def _spot_ashore(rng: np.random.Generator, at: Point, reach_nm: float) -> Point | None:
    """A place inside the land, INLAND_M from any water, within reach; None where the draws find none."""
    for _ in range(40):
        spot = offset(*at, float(rng.uniform(0, 360)), reach_nm * NM_M * math.sqrt(float(rng.uniform(0, 1))))
        round_it = [offset(*spot, bearing, INLAND_M * share) for bearing in range(0, 360, 30) for share in (0.5, 1.0)]
        if all(shore_nm(*p) <= 0 for p in [spot, *round_it]):
            return spot
    return None
