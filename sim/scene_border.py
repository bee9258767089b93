"""Scenes of borders: who crosses one, openly or silent, who only comes near, who calls at a port. May hold: zones entered, and what looks like it.

A border is a zone of the scenario (`zone`, an id of `[[zones]]`), or the belt of `belt_nm` along the coast. Crossings are found on the finished
plan, all of them, so a ship that comes back gives another fact.
"""

from __future__ import annotations

import numpy as np

from dogwatch.errors import InputError
from dogwatch.geo import KN_MS, NM_M, great_circle_m
from sim.area import Border, Depth, belt, crossings, depth_of, inward_deg, legs, place_at
from sim.harbour import Harbour, berths, harbours
from sim.helm import arrive
from sim.motion import Plan, offset
from sim.passage import waters
from sim.scene import Behaviour, Fact, Range, Scene, Stage, Underway, leave, pick
from sim.sea import Point
from sim.ship import NAV_MOORED, Ship

ETA_S = 1800.0  # an approach begins when the border is half an hour ahead
NEAR_NM = 5.0  # of a border, where a place is looked for
LOOK_NM = 0.1
SKIRT_NM = 1.2  # a mile, and a little at corners
ALONG_NM = 0.5  # a leg along a border
IN_PORT_NM, OUT_OF_PORT_NM = 3000 / NM_M, 4000 / NM_M
BERTHS = 60  # the nearest ones of a port
HARBOUR_KN = 5.0
AWAY_S = 7200.0  # within it a ship is out of port, also when the world ends before
DEAD_ENDS = 8  # so many ways are drawn again before one is taken: some ports have no other way out


class Bordered(Underway, kw_only=True):
    """What behaviours at a border share: which one, and the angle at which a ship heads for it."""

    zone: str = ""
    belt_nm: float = 12.0
    slant_deg: Range = (-40.0, 40.0)


class BorderCrossing(Bordered, kw_only=True):
    """A ship crosses a border, into a zone or over a line. `at_s`: when."""

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Straight across it, and on."""
        border, at_s = border_of(self, stage), pick(rng, self.at_s)
        ship = stage.trader(rng, _across(self, stage, rng, border, at_s))
        return Scene([ship], _crossed(ship, border, stage.until_s, scored=self.scored))


class DarkCrossing(Bordered, kw_only=True):
    """A ship falls silent before a border and transmits again beyond it. `at_s`: when it crosses."""

    before_s: Range = (900.0, 2400.0)
    after_s: Range = (900.0, 2400.0)
    at_s: Range = (3600.0, 6600.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Straight across, its set off."""
        border, at_s = border_of(self, stage), pick(rng, self.at_s)
        ship = stage.trader(rng, _across(self, stage, rng, border, at_s))
        from_s, to_s = max(60.0, at_s - pick(rng, self.before_s)), at_s + pick(rng, self.after_s)
        seen = [f for f in _crossed(ship, border, stage.until_s, scored=self.scored) if not from_s <= f.start_s < to_s]
        ship.plan.silence(from_s, to_s)
        place, measures, zone = place_at(ship.plan, at_s), {"crossing_s": round(at_s - from_s, 1)}, (border.name, border.kind, "crossed")
        cause = f"crosses {border.name} while silent"
        cross = Fact("zone", "inferred_cross", [ship], from_s, to_s, cause, *place, scored=self.scored, measures=measures, zone=zone)
        dark = Fact("dark", "", [ship], from_s, to_s, f"switched off for {(to_s - from_s) / 60:.0f} min", *place_at(ship.plan, from_s), scored=self.scored)
        return Scene([ship], [cross, dark, *seen])


class BorderApproach(Bordered, kw_only=True):
    """A ship heads for a border, half an hour off and nearer, and turns away before it. `at_s`: when it turns."""

    turn_nm: Range = (0.4, 1.5)
    speed_kn: Range = (6.0, 14.0)
    at_s: Range = (3000.0, 6600.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Straight at it, then about."""
        return turned_away(self, stage, rng, border_of(self, stage), pick(rng, self.turn_nm), ("zone", "approach"))


class BorderSkirting(Bordered, kw_only=True):
    """Innocent: a ship goes along a border, within a mile, and never crosses it."""

    off_nm: Range = (0.35, 0.9)
    along_nm: Range = (6.0, 14.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """In from the open side, along the border, out again."""
        border = border_of(self, stage)
        at_s, off_nm, along_nm, speed_kn = (pick(rng, v) for v in (self.at_s, self.off_nm, self.along_nm, self.speed_kn))

        def skirting(near: Point) -> list[Plan] | None:
            at = _met(near, inward_deg(border.depth, *near), border.depth, -off_nm)
            if at is None:
                return None
            plan = arrive(at, at_s, inward_deg(border.depth, *at) + 180, speed_kn, gate_nm=1.0)
            _along(plan, border.depth, off_nm, along_nm, speed_kn, float(rng.choice([-90, 90])))
            if not all(-SKIRT_NM < border.depth(k[1], k[2]) < 0 for k in plan.knots if k[0] >= at_s):
                return None  # round the end of a line, or cut off by a corner
            leave(plan, inward_deg(border.depth, *plan.at) + 180, speed_kn, stage.until_s)
            return None if crossings(plan, border.depth, 0, stage.until_s - 1) else [plan]

        _, (plan,) = stage.at_sea(self, rng, skirting, lambda: _near(self, stage, rng, border))
        end_s, ship = at_s + along_nm * NM_M / (speed_kn * KN_MS), stage.trader(rng, plan)
        cause, measures = f"goes along {border.name}, {off_nm:.1f} nm outside", {"off_nm": round(off_nm, 3)}
        fact = Fact("zone", "cross_line" if border.line else "enter", [ship], at_s, end_s, cause, *place_at(plan, at_s), innocent=True, measures=measures)
        fact.zone = (border.name, border.kind, "near")
        return Scene([ship], [fact])


class PortVisit(Behaviour, kw_only=True):
    """A ship comes in from the sea, moors, and leaves again: at a berth of a real port of the region, or `at` a place. `at_s`: when it moors."""

    at_s: Range = (3000.0, 4800.0)
    moored_s: Range = (1500.0, 3000.0)
    speed_kn: Range = (8.0, 13.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """In, alongside, out."""
        at_s, moored_s, speed_kn = pick(rng, self.at_s), pick(rng, self.moored_s), pick(rng, self.speed_kn)
        region = (stage.sea.south, stage.sea.west, stage.sea.north, stage.sea.east)
        entrance: dict[Point, Point] = {}
        refused: list[bool] = []  # ways that begin or end lying still at a dead end, where others of the kind would lie beside her

        def berth() -> Point:
            if self.at is not None:
                return self.at
            # a port without a berth in sight of its water is none to moor in: its water may lie miles from its place in the table
            ports: list[Harbour] = [port for port in harbours(region) if len(berths(region, port))]
            if not ports:
                raise InputError("no port of this region has a berth", remedy="give the scene its place (`at`)")
            port = ports[int(rng.integers(len(ports)))]
            places = berths(region, port)[:BERTHS]
            at = float(places[k := int(rng.integers(len(places))), 0]), float(places[k, 1])
            entrance[at] = waters(region).centre(port.cell)
            return at

        def call(at: Point) -> list[Plan] | None:
            gate, out_deg = entrance.get(at, at), float(rng.uniform(0, 360))
            in_s = Plan(0, *gate).to(*at, HARBOUR_KN).t_s if gate != at else 0.0
            plan = arrive(gate, at_s - in_s, out_deg, speed_kn)
            if gate != at:
                plan.to(*at, HARBOUR_KN)
            plan.stay(moored_s, nav=NAV_MOORED, heading_deg=out_deg)
            if gate != at:
                plan.to(*gate, HARBOUR_KN)
            leave(plan, out_deg, speed_kn, max(stage.until_s, plan.t_s + AWAY_S))
            far = [great_circle_m(*place_at(plan, t), *at) / NM_M > OUT_OF_PORT_NM for t in (0.0, plan.t_s - 1)]
            if not (all(far) and at_s - in_s > 0 and stage.heard(*gate)):
                return None
            refused.append(not all(great_circle_m(*place_at(plan, t), *place_at(plan, t + 60)) > 0 for t in (0.0, plan.t_s - 61)))
            return None if refused[-1] and sum(refused) <= DEAD_ENDS else [plan]

        at, (plan,) = stage.at_sea(self, rng, call, berth)
        entered = [t for t, inward in crossings(plan, _circle(at, IN_PORT_NM), 0, at_s) if inward][-1]
        left = next(t for t, inward in crossings(plan, _circle(at, OUT_OF_PORT_NM), at_s + moored_s, plan.t_s - 1) if not inward)
        ship, cause = stage.trader(rng, plan), f"comes in, lies alongside for {moored_s / 60:.0f} min, leaves"
        return Scene([ship], [Fact("port_visit", "", [ship], entered, left, cause, *at, scored=self.scored, measures={"moored_s": round(moored_s, 1)})])


def border_of(row: Bordered, stage: Stage) -> Border:
    """The border that a table means: a zone of the scenario, or the belt along the coast."""
    if not row.zone:
        return Border(f"belt-{row.belt_nm:g}nm", "territorial_sea" if row.belt_nm <= 12 else "contiguous_zone", belt(row.belt_nm))
    area = stage.zone(row.zone, ())
    return Border(area.id, area.zone_kind, depth_of(area), area.line and not area.buffer_nm)


def turned_away(row: Bordered, stage: Stage, rng: np.random.Generator, border: Border, turn_nm: float, kind: tuple[str, str]) -> Scene:
    """One ship straight at a border, at most ETA_S away, that turns away `turn_nm` before it; the fact lasts while the border is that near ahead."""
    at_s, speed_kn = pick(rng, row.at_s), pick(rng, row.speed_kn)
    eta_s = turn_nm * NM_M / (speed_kn * KN_MS)

    def about(near: Point) -> list[Plan] | None:
        course = inward_deg(border.depth, *near) + pick(rng, row.slant_deg)
        meets = _met(near, course, border.depth, 0.0)
        if meets is None:
            return None
        turn = offset(*meets, course + 180, turn_nm * NM_M)
        plan = arrive(turn, at_s, course + 180, speed_kn, gate_nm=speed_kn * 0.55)
        leave(plan, course + 180 + float(rng.uniform(-40, 40)), speed_kn, stage.until_s)
        return None if crossings(plan, border.depth, 0, stage.until_s - 1) else [plan]

    _, (plan,) = stage.at_sea(row, rng, about, lambda: _near(row, stage, rng, border))
    ship = stage.trader(rng, plan)
    cause = f"heads for {border.name}, turns away {eta_s / 60:.0f} min before it"
    measures, zone = {"eta_s": round(eta_s, 1)}, (border.name, border.kind, "near")
    fact = Fact(*kind, [ship], at_s - max(0.0, ETA_S - eta_s), at_s, cause, *place_at(plan, at_s), scored=row.scored, measures=measures, zone=zone)
    return Scene([ship], [fact])


def _across(row: Bordered, stage: Stage, rng: np.random.Generator, border: Border, at_s: float) -> Plan:
    """A plan that crosses a border inwards at a time."""

    def across(near: Point) -> list[Plan] | None:
        course = inward_deg(border.depth, *near) + pick(rng, row.slant_deg)
        meets = _met(near, course, border.depth, 0.0)
        return [stage.transit(meets, at_s, speed_kn=pick(rng, row.speed_kn), course_deg=course)] if meets and stage.heard(*meets) else None

    return stage.at_sea(row, rng, across, lambda: _near(row, stage, rng, border))[1][0]


def _crossed(ship: Ship, border: Border, until_s: float, *, scored: bool) -> list[Fact]:
    """A fact for every crossing of a ship's plan."""
    facts = []
    for t_s, inward in crossings(ship.plan, border.depth, 0, until_s - 1):
        subtype = "cross_line" if border.line else "enter" if inward else "exit"
        cause = f"crosses {border.name} {'inwards' if inward else 'outwards'}"
        place, zone = place_at(ship.plan, t_s), (border.name, border.kind, "crossed")
        facts.append(Fact("zone", subtype, [ship], t_s, t_s, cause, *place, scored=scored, point=True, zone=zone))
    return facts


def _near(row: Bordered, stage: Stage, rng: np.random.Generator, border: Border) -> Point:
    """A place at sea a few miles outside a border: near `at`, or near some place of the border."""
    if row.at is not None:
        return row.at
    if not row.zone:
        return stage.sea.place(rng, (row.belt_nm + LOOK_NM, row.belt_nm + NEAR_NM), area=row.area, fits=stage.heard)
    sides = legs(stage.zone(row.zone, ()))
    a, b = sides[int(rng.integers(len(sides)))]
    share = float(rng.uniform(0, 1))
    on = a[0] + share * (b[0] - a[0]), a[1] + share * (b[1] - a[1])
    return stage.sea.place(rng, row.coast_nm, area=(on, NEAR_NM), fits=lambda lat, lon: border.depth(lat, lon) < -LOOK_NM and stage.heard(lat, lon))


def _met(start: Point, course_deg: float, depth: Depth, wanted_nm: float) -> Point | None:
    """Where a straight line from a place outside first has the wanted depth; None within three times NEAR_NM."""
    low, high = 0.0, 0.0
    while depth(*offset(*start, course_deg, high * NM_M)) < wanted_nm:
        low, high = high, high + LOOK_NM
        if high > 3 * NEAR_NM:
            return None
    for _ in range(30):
        middle = (low + high) / 2
        low, high = (middle, high) if depth(*offset(*start, course_deg, middle * NM_M)) < wanted_nm else (low, middle)
    return offset(*start, course_deg, high * NM_M)


def _along(plan: Plan, depth: Depth, off_nm: float, along_nm: float, speed_kn: float, side_deg: float) -> None:
    """Go on along the outside of a border, steering back to `off_nm` leg by leg."""
    left_nm = along_nm
    while left_nm > 1e-6:
        leg_nm = min(ALONG_NM, left_nm)
        astray_nm = depth(*plan.at) + off_nm  # more than 0: too near
        back_deg = max(-60.0, min(60.0, 60.0 * astray_nm / 0.3))
        plan.run(inward_deg(depth, *plan.at) + side_deg * (1 + back_deg / 90), speed_kn, leg_nm * NM_M / (speed_kn * KN_MS))
        left_nm -= leg_nm


def _circle(centre: Point, radius_nm: float) -> Depth:
    return lambda lat_deg, lon_deg: radius_nm - great_circle_m(lat_deg, lon_deg, *centre) / NM_M
