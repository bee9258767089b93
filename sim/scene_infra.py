"""Scenes of cables and pipelines: anchors dragged across, ships that stop above, and honest work there. May hold: what happens in a corridor.

The cable is a zone of the scenario: the one named (`zone`), or its first corridor; drawn as a line with `buffer_nm` on either side.
"""

from __future__ import annotations

import math

import msgspec
import numpy as np

from dogwatch.geo import KN_MS
from sim.area import Area, Border, crossings, depth_of, legs
from sim.helm import arrive
from sim.motion import Plan, offset
from sim.scene import Behaviour, Fact, Range, Scene, Stage, adrift, any_flag, leave, pick
from sim.scene_border import Bordered, turned_away
from sim.sea import Point
from sim.ship import NAV_ANCHORED, NAV_ENGINE

NAV_RESTRICTED = 3
CABLE_SHIP_TYPE = 33


class Cable(Behaviour, kw_only=True):
    """What behaviours above a cable share: which one, and how a ship lies to it."""

    zone: str = ""
    angle_deg: Range = (50.0, 130.0)
    coast_nm: tuple[float, float] = (1.5, 60.0)


class AnchorDrag(Cable, kw_only=True):
    """A ship under way drags its anchor across a cable: slower by a quarter and more, its course steady, then on as before."""

    at_s: Range = (4500.0, 6000.0)
    drag_s: Range = (1500.0, 3600.0)
    speed_kn: Range = (9.0, 14.0)
    slow_share: Range = (0.4, 0.7)  # of its speed before

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Over the cable in the middle of it."""
        area, at_s, drag_s, speed_kn = stage.zone(self.zone, ("corridor",)), pick(rng, self.at_s), pick(rng, self.drag_s), pick(rng, self.speed_kn)
        slow_kn = max(2.2, speed_kn * pick(rng, self.slow_share))

        def drag(on: Point) -> list[Plan]:
            course = _bearing(area, on) + pick(rng, self.angle_deg) + float(rng.choice([0, 180]))
            start = offset(*on, course + 180, slow_kn * KN_MS * drag_s / 2)
            plan = arrive(start, at_s, course + 180, speed_kn, gate_nm=2.0).run(course, slow_kn, drag_s)
            return [leave(plan, course, speed_kn, stage.until_s)]

        on, (plan,) = stage.at_sea(self, rng, drag, lambda: _on_cable(self, stage, rng, area))
        ship = stage.trader(rng, plan)
        cause = f"drags its anchor over {area.id} for {drag_s / 60:.0f} min, {slow_kn:.1f} kn instead of {speed_kn:.1f}"
        measures, zone = {"speed_kn": round(slow_kn, 2), "speed_kn_before": round(speed_kn, 2)}, (area.id, area.zone_kind, "crossed")
        return Scene([ship], [Fact("infra", "anchor_drag", [ship], at_s, at_s + drag_s, cause, *on, scored=self.scored, measures=measures, zone=zone)])


class OverCableStop(Cable, kw_only=True):
    """A ship stops above a cable, adrift or at anchor, then goes on."""

    at_s: Range = (1800.0, 3600.0)
    stop_s: Range = (1200.0, 5400.0)
    drift_kn: Range = (0.1, 0.7)
    speed_kn: Range = (8.0, 13.0)
    anchored_share: float = 0.4

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Within the corridor all the time that it is stopped."""
        area, at_s, stop_s = stage.zone(self.zone, ("corridor",)), pick(rng, self.at_s), pick(rng, self.stop_s)
        drift_kn, speed_kn, anchored = pick(rng, self.drift_kn), pick(rng, self.speed_kn), rng.uniform() < self.anchored_share
        depth = depth_of(area)

        def stop(on: Point) -> list[Plan] | None:
            along, angle = _bearing(area, on) + float(rng.choice([0, 180])), pick(rng, self.angle_deg)
            plan = arrive(on, at_s, along + angle, speed_kn)
            if anchored:
                plan.stay(stop_s, nav=NAV_ANCHORED, heading_deg=along % 360)
            else:
                plan.run(along, drift_kn, stop_s, nav=NAV_ENGINE, heading_deg=(along + 80) % 360)
            if depth(*plan.at) < 0:
                return None
            return [leave(plan, along + angle + 180, speed_kn, stage.until_s)]

        on, (plan,) = stage.at_sea(self, rng, stop, lambda: _on_cable(self, stage, rng, area))
        ship, zone, end_s = stage.trader(rng, plan), (area.id, area.zone_kind, "inside"), at_s + stop_s
        cause = f"{'anchors' if anchored else f'drifts at {drift_kn:.1f} kn'} above {area.id} for {stop_s / 60:.0f} min"
        facts = [Fact("infra", "over_cable", [ship], at_s, end_s, cause, *on, scored=self.scored, zone=zone)]
        # true as well, but nobody is asked to say it twice
        facts.append(Fact("loitering", "", [ship], at_s, end_s, cause, *on, scored=False))
        facts += [] if anchored else [adrift(ship, at_s, end_s, on)]
        return Scene([ship], facts)


class CableApproach(Bordered, kw_only=True):
    """A ship creeps toward a cable, half an hour off and nearer, and turns away before it. `at_s`: when it turns."""

    turn_nm: Range = (0.15, 0.5)
    speed_kn: Range = (2.2, 2.8)
    at_s: Range = (3000.0, 6600.0)
    slant_deg: Range = (-30.0, 30.0)
    coast_nm: tuple[float, float] = (1.5, 60.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Straight at it, then about."""
        area = stage.zone(self.zone, ("corridor",))
        row, border = msgspec.structs.replace(self, zone=area.id), Border(area.id, area.zone_kind, depth_of(area))
        return turned_away(row, stage, rng, border, pick(rng, self.turn_nm), ("infra", "cable_approach"))


class CableShip(Cable, kw_only=True):
    """Innocent: a cable ship works slowly along the line that it keeps, restricted in its ability to manoeuvre."""

    speed_kn: Range = (0.3, 0.8)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """There all the time."""
        area, speed_kn = stage.zone(self.zone, ("corridor",)), pick(rng, self.speed_kn)
        depth = depth_of(area)

        def work(on: Point) -> list[Plan] | None:
            along = _bearing(area, on) + float(rng.choice([0, 180]))
            plan = Plan(-60, *on).run(along, speed_kn, stage.until_s + 60, nav=NAV_RESTRICTED)
            return [plan] if depth(*plan.at) >= 0 else None

        on, (plan,) = stage.at_sea(self, rng, work, lambda: _on_cable(self, stage, rng, area))
        ship = stage.ship(rng, any_flag(rng), CABLE_SHIP_TYPE, float(rng.uniform(90, 140)), plan)
        cause, zone = f"a cable ship works on {area.id} at {speed_kn:.1f} kn", (area.id, area.zone_kind, "inside")
        return Scene([ship], [Fact("infra", "over_cable", [ship], 0.0, stage.until_s, cause, *on, innocent=True, zone=zone)])


class CableCrossing(Cable, kw_only=True):
    """Innocent: traffic crosses a cable at speed. `at_s`: when."""

    at_s: Range = (1800.0, 7200.0)
    speed_kn: Range = (9.0, 17.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Straight across and on."""
        area, at_s, speed_kn = stage.zone(self.zone, ("corridor",)), pick(rng, self.at_s), pick(rng, self.speed_kn)

        def across(on: Point) -> list[Plan]:
            return [stage.transit(on, at_s, speed_kn=speed_kn, course_deg=_bearing(area, on) + pick(rng, self.angle_deg) + float(rng.choice([0, 180])))]

        on, (plan,) = stage.at_sea(self, rng, across, lambda: _on_cable(self, stage, rng, area))
        times = [t for t, _ in crossings(plan, depth_of(area), max(0.0, at_s - 1800), at_s + 1800)]
        start_s = max((t for t in times if t <= at_s), default=at_s)
        end_s = min((t for t in times if t >= at_s), default=at_s)
        ship, zone = stage.trader(rng, plan), (area.id, area.zone_kind, "crossed")
        cause = f"crosses {area.id} at {speed_kn:.0f} kn"
        return Scene([ship], [Fact("infra", "cable_approach", [ship], start_s, end_s, cause, *on, innocent=True, zone=zone)])


def _on_cable(row: Behaviour, stage: Stage, rng: np.random.Generator, area: Area) -> Point:
    """`at`, or some place on the line where a ship is well heard and has room."""
    if row.at is not None:
        return row.at
    sides = legs(area)
    lengths = np.array([math.hypot(b[0] - a[0], (b[1] - a[1]) * math.cos(math.radians(a[0]))) for a, b in sides])
    a, b = sides[int(rng.choice(len(sides), p=lengths / lengths.sum()))]
    share = float(rng.uniform(0, 1))
    on = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
    return stage.sea.place(rng, (0.0, row.coast_nm[1]), area=(on, min(0.1, area.buffer_nm / 3)))


def _bearing(area: Area, on: Point) -> float:
    """The direction of the line where a place is on it."""
    depth_by_leg = [(depth_of(Area("", "", [a, b], line=True, buffer_nm=1.0))(*on), a, b) for a, b in legs(area)]
    _, a, b = max(depth_by_leg)
    return math.degrees(math.atan2((b[1] - a[1]) * math.cos(math.radians(on[0])), b[0] - a[0]))
