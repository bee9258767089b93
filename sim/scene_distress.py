"""Scenes of distress: devices, texts, statuses, who comes to help, and who searches. May hold: what takes the safety road, and its tests."""

from __future__ import annotations

import math
from dataclasses import replace
from itertools import combinations
from typing import Literal

import numpy as np

from dogwatch.batch import EXERCISE_WORD
from dogwatch.geo import KN_MS, NM_M
from sim.area import place_at
from sim.helm import arrive
from sim.lie import Lie
from sim.motion import Plan, offset
from sim.scene import Behaviour, Fact, Range, Scene, Stage, Underway, adrift, any_flag, leave, moored_place, pick
from sim.sea import Point
from sim.ship import AIRCRAFT, BEACON, BEACON_TEST, CALLER, NAV_MOORED, NAV_SART, Ship

NAV_UNDEFINED = 15
TROUBLES = ("ENGINE ROOM FIRE", "TAKING WATER", "SINKING", "ABANDONING SHIP", "COLLISION, HOLED")
WORRIES = ("ENGINE FAILED", "MEDICAL EVACUATION NEEDED", "STEERING LOST", "CARGO SHIFTED, LIST 10")
SAR_TYPE = 51
SLOWING = ((1_400.0, 60.0), (700.0, 7.0), (250.0, 4.5), (0.0, 2.5))  # metres from where a helper stands by, and knots on the way there


class Beacon(Behaviour, kw_only=True):
    """A distress device: search and rescue transmitter, man overboard device or emergency beacon; without `place_known` it never finds its place."""

    at_s: Range = (900.0, 5400.0)
    duration_s: Range = 7200.0
    device: Literal["sart", "mob", "epirb"] = "sart"
    test: bool = False
    place_known: bool = True
    drift_kn: Range = (0.2, 1.2)
    drift_deg: Range = (0.0, 360.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """A device switched on, adrift."""
        at, at_s, duration_s = stage.place(self, rng, device=True), pick(rng, self.at_s), pick(rng, self.duration_s)
        nav = NAV_UNDEFINED if self.test else NAV_SART
        plan = Plan(at_s, *at).run(pick(rng, self.drift_deg), pick(rng, self.drift_kn), duration_s, nav=nav)
        ship = Ship(stage.registry.beacon(self.device, test=self.test), BEACON_TEST if self.test else BEACON, plan)
        cause = f"{self.device} {'tested' if self.test else 'switched on'}{'' if self.place_known else ', without a place'}"
        fact = Fact("safety", "test" if self.test else "beacon", [ship], at_s, at_s, cause, *at, scored=self.scored, point=True)
        lost = [] if self.place_known else [Lie(mode="lost", start_s=at_s, end_s=at_s + duration_s, ship=0)]
        return Scene([ship], [fact], lost)


class SafetyText(Underway, kw_only=True):
    """An ordinary ship stops and calls for help in words (type 14, with `addressed` type 12): MAYDAY or PAN PAN with its place, or a test."""

    call: Literal["mayday", "pan_pan", "test", "any"] = "any"
    addressed: bool = False
    every_s: Range = (120.0, 300.0)
    times: tuple[int, int] = (3, 6)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Under way, adrift from the first call on; who only tests goes on."""
        call = ("mayday", "pan_pan")[int(rng.integers(2))] if self.call == "any" else self.call
        at_s, speed_kn, course, drift = pick(rng, self.at_s), pick(rng, self.speed_kn), pick(rng, self.course_deg), (float(rng.uniform(0, 360)), 0.6)
        calls, every_s = int(rng.integers(self.times[0], self.times[1] + 1)), pick(rng, self.every_s)

        def way(at: Point) -> list[Plan]:
            if call == "test":
                return [stage.transit(at, at_s, speed_kn=speed_kn, course_deg=course)]
            plan = arrive(at, at_s, course + 180, speed_kn)
            return [plan.run(*drift, max(600.0, stage.until_s - at_s), heading_deg=(drift[0] + 80) % 360)]

        at, (plan,) = stage.at_sea(self, rng, way)
        ship = stage.trader(rng, plan)
        words = _words(rng, call, ship.identity.name, at)
        # who calls for help does not wait to repeat it; the last moment ends the last call's leg
        again = [] if call == "test" else [at_s + 15, at_s + 40]
        moments = [at_s, *again, *(at_s + k * every_s for k in range(1, calls + 1))]
        hand = Plan(moments[0], *place_at(plan, moments[0]))
        hand.knots = [(t, *place_at(plan, min(t, plan.t_s - 1)), -1.0, 0, 1) for t in moments]
        caller = Ship(replace(ship.identity, text=words), CALLER, hand, dest=_coast_station(ship) if self.addressed else 0)
        fact = Fact("safety", "test" if call == "test" else "text", [ship], at_s, at_s, f'says "{words}"', *at, scored=self.scored, point=True)
        return Scene([ship, caller], [fact] if call == "test" else [fact, *_adrift(ship, at_s, at, stage)])


class DistressStatus(Underway, kw_only=True):
    """A ship in distress sets its status to 14 (that of a search and rescue transmitter) and lies adrift."""

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Under way, then adrift under status 14."""
        at_s, speed_kn, course, drift_deg = pick(rng, self.at_s), pick(rng, self.speed_kn), pick(rng, self.course_deg), float(rng.uniform(0, 360))

        def way(at: Point) -> list[Plan]:
            rest_s = max(600.0, stage.until_s - at_s)
            return [arrive(at, at_s, course + 180, speed_kn).run(drift_deg, 0.7, rest_s, nav=NAV_SART, heading_deg=(drift_deg + 80) % 360)]

        at, (plan,) = stage.at_sea(self, rng, way)
        ship = stage.trader(rng, plan)
        fact = Fact("safety", "status14", [ship], at_s, at_s, "in distress, status 14", *at, scored=self.scored, point=True)
        return Scene([ship], [fact, *_adrift(ship, at_s, at, stage)])


class WrongStatus(Behaviour, kw_only=True):
    """A ship moored in port shows status 14 by mistake for a while: nobody is in distress, yet the watch must see that the ship says so."""

    at_s: Range = (900.0, 5400.0)
    lasts_s: Range = (600.0, 3600.0)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Moored all the time."""
        (at, heading), at_s, lasts_s = moored_place(self, stage, rng), pick(rng, self.at_s), pick(rng, self.lasts_s)
        plan = Plan(-60, *at)
        for seconds, nav in ((at_s + 60, NAV_MOORED), (lasts_s, NAV_SART), (max(600.0, stage.until_s - at_s - lasts_s), NAV_MOORED)):
            plan.stay(seconds, nav=nav, heading_deg=heading)
        ship = stage.trader(rng, plan)
        cause = f"status 14 by mistake for {lasts_s / 60:.0f} min: moored, in no distress"
        return Scene([ship], [Fact("safety", "status14", [ship], at_s, at_s, cause, *at, scored=self.scored, point=True)])


class Assist(Behaviour, kw_only=True):
    """Ships turn off their courses to one place and stand by there: somebody needs help, a man overboard device or (`device = false`) only seen."""

    at_s: Range = (2400.0, 4200.0)
    helpers: tuple[int, int] = (2, 4)
    off_nm: Range = (3.0, 8.0)
    stay_s: Range = (2400.0, 5400.0)
    speed_kn: Range = (10.0, 16.0)
    device: bool = True

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """Each comes from another side, turns by more than 30 degrees, lies near the place, goes on."""
        at_s, stay_s, count = pick(rng, self.at_s), pick(rng, self.stay_s), int(rng.integers(self.helpers[0], self.helpers[1] + 1))
        turns: dict[Point, list[tuple[float, float, float]]] = {}

        def rescue(at: Point) -> list[Plan]:
            made = [self._helper(stage, rng, at, at_s + float(rng.uniform(0, 480)), stay_s, k * 360 / count) for k in range(count)]
            turns[at] = [spans for _, spans in made]
            return [plan for plan, _ in made]

        at, plans = stage.at_sea(self, rng, rescue, lambda: stage.place(self, rng, device=self.device))
        ships, spans = [stage.trader(rng, plan) for plan in plans], turns[at]
        begin, end = min(s[0] for s in spans), max(s[2] for s in spans)
        facts = [Fact("safety", "assist", ships, begin, end, f"{count} ships come to help", *at, scored=self.scored, measures={"helpers": float(count)})]
        facts += [Fact("loitering", "", [ship], s[1], s[2], "stands by at a rescue", *at, innocent=True) for ship, s in zip(ships, spans)]
        facts += [adrift(ship, s[1], s[2], at) for ship, s in zip(ships, spans)]
        for (a, s), (b, t) in combinations(zip(ships, spans), 2):
            facts.append(Fact("rendezvous", "", [a, b], max(s[1], t[1]), min(s[2], t[2]), "both stand by at a rescue", *at, innocent=True))
        if self.device:
            device = Ship(stage.registry.beacon("mob", test=False), BEACON, Plan(at_s - 120, *at).run(90.0, 0.4, stage.until_s - at_s + 120, nav=NAV_SART))
            facts.append(Fact("safety", "beacon", [device], at_s - 120, at_s - 120, "mob switched on", *at, scored=self.scored, point=True))
            return Scene([*ships, device], facts)
        return Scene(ships, facts)

    def _helper(
        self, stage: Stage, rng: np.random.Generator, at: Point, turn_s: float, stay_s: float, side_deg: float
    ) -> tuple[Plan, tuple[float, float, float]]:
        """One ship's plan, and when it turns, stops and leaves."""
        bearing, speed_kn = side_deg + float(rng.uniform(-30, 30)), pick(rng, self.speed_kn)
        start, berth = offset(*at, bearing, pick(rng, self.off_nm) * NM_M), offset(*at, bearing, float(rng.uniform(0.15, 0.4)) * NM_M)
        course = bearing + 180 + float(rng.choice([-1, 1])) * float(rng.uniform(45, 120))
        plan = stage.approach(start, turn_s, speed_kn=speed_kn, course_deg=course)
        for off_m, kn in SLOWING:  # no ship stops within a minute
            plan.to(*offset(*berth, bearing, off_m), min(kn, speed_kn))
        stops_s, drift_deg = plan.t_s, float(rng.uniform(0, 360))
        plan.run(drift_deg, float(rng.uniform(0.2, 0.6)), stay_s, heading_deg=(drift_deg + 80) % 360)
        return leave(plan, course, speed_kn, stage.until_s), (turn_s, stops_s, stops_s + stay_s)


class SarOperation(Behaviour, kw_only=True):
    """Innocent: a search. One vessel drifts at its centre and leads, others sweep a box in parallel tracks, an aircraft above."""

    at_s: Range = (600.0, 2400.0)
    search_s: Range = (5400.0, 9000.0)
    searchers: tuple[int, int] = (2, 3)
    sweep_kn: Range = (4.0, 8.0)
    box_nm: Range = (3.0, 6.0)
    spacing_nm: Range = (0.4, 0.8)

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """In from outside, the search, home again."""
        at_s, search_s, box_nm, axis = pick(rng, self.at_s), pick(rng, self.search_s), pick(rng, self.box_nm), float(rng.uniform(0, 360))
        count, flag = int(rng.integers(self.searchers[0], self.searchers[1] + 1)), any_flag(rng)

        def search(at: Point) -> list[Plan]:
            lead = arrive(at, at_s, axis + 180, 12.0).run(axis, 0.5, search_s, heading_deg=(axis + 80) % 360)
            plans = [leave(lead, axis + 180, 12.0, stage.until_s)]
            for k in range(count):
                corner = offset(*offset(*at, axis + 90, (k - (count - 1) / 2) * box_nm * NM_M / count), axis, -box_nm / 2 * NM_M)
                plan = stage.approach(corner, at_s, speed_kn=10.0, course_deg=axis)
                _sweep(plan, axis, pick(rng, self.sweep_kn), box_nm, pick(rng, self.spacing_nm), at_s + search_s)
                plans.append(leave(plan, axis + 180, 10.0, stage.until_s))
            return plans

        at, plans = stage.at_sea(self, rng, search)
        ships = [stage.ship(rng, flag, SAR_TYPE, float(rng.uniform(15, 40)), plan) for plan in plans]
        sky = Plan(at_s, *offset(*at, axis, 25 * NM_M)).to(*offset(*at, axis, box_nm * NM_M), 120.0)
        _sweep(sky, axis + 180, 100.0, 2 * box_nm, 1.0, at_s + search_s)
        ships.append(Ship(stage.registry.aircraft(flag), AIRCRAFT, sky, altitude_m=float(rng.uniform(150, 500))))
        end_s = at_s + search_s
        facts = [Fact("loitering", "", ships[:1], at_s, end_s, "leads a search", *at, innocent=True)]
        facts += [Fact("anomaly", "course", [ship], at_s, end_s, "searches in parallel tracks", *at, innocent=True) for ship in ships[1:-1]]
        facts += [Fact("rendezvous", "", [ships[0], ship], at_s, end_s, "both take part in a search", *at, innocent=True) for ship in ships[1:-1]]
        return Scene(ships, facts)


def _adrift(ship: Ship, at_s: float, at: Point, stage: Stage) -> list[Fact]:
    """Who drifts in distress does not loiter."""
    end_s = max(at_s, stage.until_s)
    return [Fact("loitering", "", [ship], at_s, end_s, "adrift in distress", *at, innocent=True), adrift(ship, at_s, end_s, at)]


def _sweep(plan: Plan, axis_deg: float, speed_kn: float, length_nm: float, spacing_nm: float, until_s: float) -> None:
    """Parallel tracks, there and back, side by side, until a time."""
    side, length_s, across_s = 0, length_nm * NM_M / (speed_kn * KN_MS), spacing_nm * NM_M / (speed_kn * KN_MS)
    while plan.t_s < until_s:
        plan.run(axis_deg + 180 * (side % 2), speed_kn, min(length_s, until_s - plan.t_s))
        if plan.t_s < until_s:
            plan.run(axis_deg + (90 if side // 6 % 2 == 0 else -90), speed_kn, min(across_s, until_s - plan.t_s))  # six tracks over, then back
        side += 1


def _words(rng: np.random.Generator, call: str, name: str, at: Point) -> str:
    """What a radio operator types: with a place in one of the ways people write it. Both ends say that it is an exercise, in case the other is lost."""
    return f"{EXERCISE_WORD} {_typed(rng, call, name, at)} {EXERCISE_WORD}"


def _typed(rng: np.random.Generator, call: str, name: str, at: Point) -> str:
    if call == "test":
        return f"TEST TEST MAYDAY ALARM TEST ONLY {name}"
    if call == "mayday":
        return f"MAYDAY MAYDAY {name} {_written(rng, at)} {TROUBLES[int(rng.integers(len(TROUBLES)))]}"
    return f"PAN PAN {name} {_written(rng, at)} {WORRIES[int(rng.integers(len(WORRIES)))]}"


def _written(rng: np.random.Generator, at: Point) -> str:
    lat, lon = at[0], (at[1] + 180) % 360 - 180
    north, east = "N" if lat >= 0 else "S", "E" if lon >= 0 else "W"
    way = int(rng.integers(3))
    if way == 0:
        parts = [(math.floor(abs(x)), abs(x) % 1 * 60) for x in (lat, lon)]
        return f"POS:{parts[0][0]}.{parts[0][1]:07.4f}'{north},{parts[1][0]}.{parts[1][1]:07.4f}'{east}"
    return f"{abs(lat):.4f}{north} {abs(lon):.4f}{east}" if way == 1 else f"POS {lat:.4f} {lon:.4f}"


def _coast_station(ship: Ship) -> int:
    """The number of an invented coast station of the ship's own country (00MIDxxxx)."""
    return ship.identity.mmsi // 1_000_000 * 10_000 + 9_999
