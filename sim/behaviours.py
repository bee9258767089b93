"""Behaviours: scripted vessels, and what is true about them. May hold: scenes and their plans. May not: thresholds of any detector.

A scene is a few ships and the facts about them. Facts are what happened, not what a rule should say: a loiterer
that stays ten minutes is a fact as well, marked not scored by its scenario. Innocent look-alikes are facts too (`innocent`): whoever
reports them is wrong, and the judge can name what fooled it.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

from dogwatch.geo import KN_MS
from sim.identity import Registry
from sim.motion import Plan, offset
from sim.scenario import Beacon, DarkPeriod, Loitering, MooredPair, PassingShips, PilotTransfer, QuietBoat, Rendezvous, Scenario
from sim.world import BEACON, BEACON_TEST, CLASS_A, CLASS_B, NAV_MOORED, Ship, generator

SLOW_KN, SLOW_S = 3.0, 240.0  # the last minutes of an approach
PARTING_S = 600.0
PILOT_KN = 16.0
NAV_SART, NAV_UNDEFINED = 14, 15


@dataclass(slots=True)
class Fact:
    """One thing that is true about ships of a scene, from start to end (seconds of world time; None: beyond the run)."""

    type: str
    subtype: str
    ships: list[Ship]
    start_s: float
    end_s: float
    cause: str
    lat_deg: float
    lon_deg: float
    scored: bool = True
    innocent: bool = False
    point: bool = False
    measures: dict[str, float] = field(default_factory=dict)


@dataclass(slots=True)
class Scene:
    """Ships that act together, and the facts about them."""

    ships: list[Ship]
    facts: list[Fact]


def scripted(scenario: Scenario, seed: int, registry: Registry, duration_s: float) -> list[Scene]:
    """All scenes of a scenario, in the order of its tables."""
    until_s = duration_s + 120
    stage = _Stage(seed, registry, until_s)
    scenes = [stage.loitering(row, i) for i, row in enumerate(scenario.loitering)]
    scenes += [stage.rendezvous(row, i) for i, row in enumerate(scenario.rendezvous)]
    scenes += [stage.dark_period(row, i) for i, row in enumerate(scenario.dark_period)]
    scenes += [stage.beacon(row) for row in scenario.beacon]
    scenes += [stage.pilot_transfer(row, i) for i, row in enumerate(scenario.pilot_transfer)]
    scenes += [stage.moored_pair(row, i) for i, row in enumerate(scenario.moored_pair)]
    scenes += [stage.passing_ships(row, i) for i, row in enumerate(scenario.passing_ships)]
    return scenes + [stage.quiet_boat(row, i) for i, row in enumerate(scenario.quiet_boat)]


class _Stage:
    """Makes scenes; holds what all of them need."""

    def __init__(self, seed: int, registry: Registry, until_s: float) -> None:
        self.seed, self.registry, self.until_s = seed, registry, until_s

    def _ship(self, what: str, index: int, flag: str, ship_type: int, loa_m: float, plan: Plan, *, kind: int = CLASS_A) -> Ship:
        rng = generator(self.seed, what, index)
        return Ship(self.registry.vessel(rng, flag, ship_type, loa_m, class_b=kind == CLASS_B), kind, plan)

    def loitering(self, row: Loitering, i: int) -> Scene:
        """Comes in, drifts with the bow across the drift, goes on."""
        plan = _arrive(row.at, row.start_s, row.approach_from_deg, row.approach_kn)
        plan.run(row.drift_deg, row.drift_kn, row.duration_s, heading_deg=(row.drift_deg + 80) % 360)
        end_s, (lat, lon) = plan.t_s, _middle(row.at, plan.at)
        _leave(plan, (row.approach_from_deg + 180) % 360, row.approach_kn, self.until_s)
        ship = self._ship("loitering", i, row.flag, row.ship_type, row.loa_m, plan)
        cause = f"drifts at {row.drift_kn:g} kn for {row.duration_s / 60:.0f} min"
        return Scene([ship], [Fact("loitering", "", [ship], row.start_s, end_s, cause, lat, lon, scored=row.scored, measures={"speed_kn": row.drift_kn})])

    def rendezvous(self, row: Rendezvous, i: int) -> Scene:
        """Two come from different sides, drift side by side across their line, part the way they came."""
        ships = []
        for k in range(2):
            berth = offset(*row.at, row.drift_deg + (90 if k == 0 else -90), row.distance_m / 2)
            plan = _arrive(berth, row.start_s, row.approach_from_deg[k], row.approach_kn)
            plan.run(row.drift_deg, row.drift_kn, row.duration_s, heading_deg=row.drift_deg % 360)
            centre = _middle(row.at, plan.at)
            _leave(plan, row.approach_from_deg[k], row.approach_kn, self.until_s)
            ships.append(self._ship("rendezvous", 2 * i + k, row.flags[k], row.ship_types[k], row.loa_m[k], plan))
        end_s = row.start_s + row.duration_s
        cause = f"two ships drift {row.distance_m:g} m apart for {row.duration_s / 60:.0f} min"
        fact = Fact("rendezvous", "ais_pair", ships, row.start_s, end_s, cause, *centre, scored=row.scored, measures={"distance_m": row.distance_m})
        # each of them also loiters: true, but nobody is asked to say it twice
        alone = [Fact("loitering", "", [ship], row.start_s, end_s, "drifts beside another ship", *centre, scored=False) for ship in ships]
        return Scene(ships, [fact, *alone])

    def dark_period(self, row: DarkPeriod, i: int) -> Scene:
        """Under way along its points (and on beyond the last), silent for a while."""
        plan = Plan(-60, *row.points[0])
        for lat, lon in row.points[1:]:
            plan.to(lat, lon, row.speed_kn)
        (lat0, lon0), (lat1, lon1) = row.points[-2:]
        _leave(plan, math.degrees(math.atan2((lon1 - lon0) * math.cos(math.radians(lat1)), lat1 - lat0)), row.speed_kn, self.until_s)
        end_s = row.silent_from_s + row.silent_s
        plan.silence(row.silent_from_s, end_s)
        knot = next(k for k in plan.knots if k[0] >= row.silent_from_s)
        ship = self._ship("dark_period", i, row.flag, row.ship_type, row.loa_m, plan)
        cause = f"switched off for {row.silent_s / 60:.0f} min at {row.speed_kn:g} kn"
        return Scene([ship], [Fact("dark", "", [ship], row.silent_from_s, end_s, cause, knot[1], knot[2], scored=row.scored)])

    def beacon(self, row: Beacon) -> Scene:
        """A device switched on, adrift."""
        nav = NAV_UNDEFINED if row.test else NAV_SART
        plan = Plan(row.at_s, *row.at).run(row.drift_deg, row.drift_kn, row.duration_s, nav=nav)
        ship = Ship(self.registry.beacon(row.device, test=row.test), BEACON_TEST if row.test else BEACON, plan)
        fact = Fact("safety", "test" if row.test else "beacon", [ship], row.at_s, row.at_s, f"{row.device} {'tested' if row.test else 'switched on'}", *row.at)
        fact.point = True
        return Scene([ship], [fact])

    def pilot_transfer(self, row: PilotTransfer, i: int) -> Scene:
        """The ship holds its course; the boat runs out, lies alongside, runs home."""
        start = offset(*row.at, row.course_deg, -row.speed_kn * KN_MS * (row.at_s + 60))
        big = Plan(-60, *start).run(row.course_deg, row.speed_kn, self.until_s + 60)
        board = offset(*row.at, row.course_deg + 90, 40.0)
        out_s = Plan(0, *row.home).to(*board, PILOT_KN).t_s
        boat = Plan(-60, *row.home).stay(max(1.0, row.at_s - out_s + 60), nav=NAV_MOORED, heading_deg=0.0)
        boat.to(*board, PILOT_KN).run(row.course_deg, row.speed_kn, row.alongside_s).to(*row.home, PILOT_KN)
        boat.stay(max(60.0, self.until_s - boat.t_s), nav=NAV_MOORED, heading_deg=0.0)
        ships = [
            self._ship("pilot_transfer", 2 * i, row.flag, 70, 170.0, big),
            self._ship("pilot_transfer", 2 * i + 1, row.flag, 50, 16.0, boat),
        ]
        end_s = row.at_s + row.alongside_s
        return Scene(ships, [Fact("rendezvous", "", ships, row.at_s, end_s, "pilot transfer", *row.at, innocent=True)])

    def moored_pair(self, row: MooredPair, i: int) -> Scene:
        """Side by side at the quay, all the time."""
        ships = []
        for k in range(2):
            plan = Plan(-60, *offset(*row.at, 90.0, k * row.distance_m)).stay(self.until_s + 60, nav=NAV_MOORED, heading_deg=10.0)
            ships.append(self._ship("moored_pair", 2 * i + k, row.flag, 70, 120.0 + 20 * k, plan))
        return Scene(ships, [Fact("rendezvous", "", ships, 0.0, self.until_s, "moored side by side in port", *row.at, innocent=True)])

    def passing_ships(self, row: PassingShips, i: int) -> Scene:
        """Opposite courses; closest at `at_s`."""
        ships = []
        for k in range(2):
            course = row.course_deg + 180 * k
            closest = offset(*row.at, course + 90, row.distance_m / 2)
            plan = Plan(-60, *offset(*closest, course, -row.speed_kn * KN_MS * (row.at_s + 60)))
            ships.append(self._ship("passing_ships", 2 * i + k, row.flag, 70, 180.0, plan.run(course, row.speed_kn, self.until_s + 60)))
        return Scene(ships, [Fact("rendezvous", "", ships, row.at_s - 60, row.at_s + 60, "ships passing", *row.at, innocent=True)])

    def quiet_boat(self, row: QuietBoat, i: int) -> Scene:
        """A boat at anchor whose set is off for a while."""
        plan = Plan(-60, *row.at).stay(self.until_s + 60, nav=0, heading_deg=200.0)
        end_s = row.silent_from_s + row.silent_s
        ship = self._ship("quiet_boat", i, row.flag, 37, 11.0, plan.silence(row.silent_from_s, end_s), kind=CLASS_B)
        return Scene([ship], [Fact("dark", "", [ship], row.silent_from_s, end_s, "class B boat at anchor switched off", *row.at, innocent=True)])


def _arrive(place: tuple[float, float], at_s: float, from_deg: float, speed_kn: float) -> Plan:
    """A plan that reaches a place at a time from a side, slowing down over the last minutes; it begins a minute before the world."""
    if at_s <= 0:
        return Plan(-60, *place) if at_s <= -60 else Plan(-60, *place).stay(60 + at_s, nav=0, heading_deg=(from_deg + 180) % 360)
    slow_s = min(SLOW_S, at_s)
    gate = offset(*place, from_deg, SLOW_KN * KN_MS * slow_s)
    begin = offset(*gate, from_deg, speed_kn * KN_MS * (at_s + 60 - slow_s))
    toward = (from_deg + 180) % 360
    return Plan(-60, *begin).run(toward, speed_kn, at_s + 60 - slow_s).run(toward, SLOW_KN, slow_s)


def _leave(plan: Plan, course_deg: float, speed_kn: float, until_s: float) -> Plan:
    """Go on until the world ends."""
    return plan.run(course_deg, speed_kn, max(PARTING_S, until_s - plan.t_s))


def _middle(a: tuple[float, float], b: tuple[float, float]) -> tuple[float, float]:
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2
