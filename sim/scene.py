"""Scenes: ships that act together, and the facts about them. May hold: what every scene needs. May not: any particular behaviour (`scene_*.py`).

A behaviour of a scenario is one table; its `count` scenes are drawn from it, each with a generator of its own. Every number may
be one number or a pair [least, most]; types and flags may be one, or a list to choose from. Where `at` is left out, a place is drawn
at sea: `coast_nm` from the coast, in `area`, where a receiver would hear a ship well. A scene in which a vessel meets land is drawn
again. Facts are what happened, not what a rule should say: a loiterer that stays ten minutes is a fact as well, marked not scored
by its scenario. Innocent look-alikes are facts too (`innocent`): whoever reports them is wrong, and the judge can name what fooled it.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeVar

import msgspec
import numpy as np

from dogwatch.errors import InputError
from dogwatch.geo import KN_MS, NM_M
from sim.area import Area
from sim.harbour import berths, harbours
from sim.helm import arrive, keeps_to_water, sail
from sim.identity import FLAGS, Registry
from sim.lie import Lie
from sim.motion import Plan, offset
from sim.sea import Point, Sea, shore_nm
from sim.ship import BASE, CLASS_A, NAV_MOORED, Ship
from sim.world import generator

Range = float | tuple[float, float]  # one number, or least and most to draw from
Types = int | tuple[int, ...]  # one ship type, or several to choose from
Flags = str | tuple[str, ...]
MERCHANT: tuple[int, ...] = (70, 70, 71, 74, 79, 80, 82, 89)
OPEN_FLAGS: tuple[str, ...] = ("PA", "LR", "MH", "SG", "HK", "MT", "KM", "GB", "CK")
LOCAL_FLAGS: tuple[str, ...] = ("NZ", "AU", "FJ", "CK")
Option = TypeVar("Option", int, str)
PARTING_S = 600.0
TRIES = 200  # at places and numbers until a scene is at sea
BERTHS = 60  # of a port, nearest to its place first, that scenes use
ROADS_NM = 0.4  # from the shore to a place in the roads
TRADERS: dict[int, tuple[float, float]] = {70: (80.0, 190.0), 71: (90.0, 220.0), 79: (120.0, 290.0), 80: (90.0, 250.0), 30: (18.0, 60.0)}  # type, length


@dataclass(slots=True)
class Fact:
    """One thing that is true about ships of a scene, from start to end (seconds of world time; None: beyond the run).

    `type` and `subtype` are those of the event that should come of it. With `area_nm` it is about every vessel of the world
    that is truly within that circle at some time of the fact. `innocent` names a look-alike's kind in `cause`.
    """

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
    area_nm: float = 0.0
    each: bool = False  # with area_nm: a fact of its own for every vessel there
    measures: dict[str, float] = field(default_factory=dict)
    zone: tuple[str, str, str] | None = None  # id, kind, relation


@dataclass(slots=True)
class Scene:
    """Ships that act together, the facts about them, the lies they tell (`Lie.ship` counts in `ships`). `kind` is the behaviour's name."""

    ships: list[Ship]
    facts: list[Fact]
    lies: list[Lie] = field(default_factory=list)
    kind: str = ""


def table_name(class_name: str) -> str:
    """`PilotTransfer` -> `pilot_transfer`: how a behaviour is called in a scenario, in truth and in the judge's table."""
    return re.sub(r"(?<!^)(?=[A-Z])", "_", class_name).lower()


class Behaviour(msgspec.Struct, tag_field="kind", tag=table_name, forbid_unknown_fields=True, kw_only=True):
    """What all behaviours share. A subclass adds its parameters and `scene`."""

    count: int = 1
    at: Point | None = None
    area: tuple[Point, float] | None = None  # centre and radius in nautical miles
    coast_nm: tuple[float, float] = (3.0, 60.0)
    scored: bool = True

    def scene(self, stage: Stage, rng: np.random.Generator) -> Scene:
        """One scene, its numbers drawn from `rng`."""
        raise NotImplementedError


class Stage:
    """Makes ships for scenes; holds what all of them need: identities, the sea, who would hear what, and how long the world lasts."""

    def __init__(self, seed: int, registry: Registry, sea: Sea, until_s: float, heard: Callable[..., bool], zones: list[Area] | None = None) -> None:
        self.seed, self.registry, self.sea, self.until_s, self.heard, self.zones = seed, registry, sea, until_s, heard, zones or []

    def ship(self, rng: np.random.Generator, flag: Flags, ship_type: Types, loa_m: Range, plan: Plan, *, kind: int = CLASS_A) -> Ship:
        """A vessel with an identity of its own; what is left to chance is drawn."""
        flag, ship_type, loa_m = choose(rng, flag), choose(rng, ship_type), pick(rng, loa_m)
        return Ship(self.registry.vessel(rng, flag, ship_type, loa_m, class_b=kind != CLASS_A), kind, plan)

    def place(self, row: Behaviour, rng: np.random.Generator, *, device: bool = False) -> Point:
        """Where the scene is: as the table says, or drawn where a ship (or a weak `device`) is well heard. Raises InputError when there is no such place."""
        if row.at is not None:
            return row.at
        return self.sea.place(rng, row.coast_nm, area=row.area, fits=lambda lat, lon: self.heard(lat, lon, device=device))

    def at_sea(
        self, row: Behaviour, rng: np.random.Generator, draw: Callable[[Point], list[Plan] | None], place: Callable[[], Point] | None = None
    ) -> tuple[Point, list[Plan]]:
        """A place, and plans that `draw(place)` makes and that keep to the water: tried at one place after the other (and with other numbers,
        where `draw` draws them; it may give None for a place that will not do). Raises InputError when nothing fits.
        """
        for _ in range(TRIES):
            try:
                at = place() if place else self.place(row, rng)
            except InputError:
                if place is None:
                    raise
                continue
            plans = draw(at)
            if plans is not None and all(keeps_to_water(plan) for plan in plans):
                return at, plans
        kind = table_name(type(row).__name__)
        raise InputError(f"no place at sea was found for a scene of kind '{kind}'", remedy="give it another place or area, or a wider coast_nm")

    def zone(self, name: str, kinds: tuple[str, ...]) -> Area:
        """The scenario's zone of that name, or its first one of those kinds. Raises InputError when there is none."""
        for zone in self.zones:
            if zone.id == name or (not name and zone.zone_kind in kinds):
                return zone
        what = f"named '{name}'" if name else f"of kind {' or '.join(kinds)}"
        raise InputError(f"the scenario has no zone {what}", remedy="add a [[zones]] table, or name one with zone = ID")

    def berth(self, rng: np.random.Generator, near: Point | None = None) -> tuple[Point, float]:
        """A place to lie and the heading there, in some port of the region, or in the port nearest to a place.

        Raises InputError when there is none that a receiver hears well.
        """
        ports = [port for port in harbours(self.sea.region) if self.heard(*port.at) and len(berths(self.sea.region, port))]
        if not ports:
            raise InputError("no port of this region is heard well", remedy="give the scene its places (`at`, `home`)")
        if near is not None:
            ports = [min(ports, key=lambda port: math.hypot(port.at[0] - near[0], (port.at[1] - near[1]) * math.cos(math.radians(near[0]))))]
        rows = berths(self.sea.region, ports[int(rng.integers(len(ports)))])[:BERTHS]
        lat, lon, heading = rows[int(rng.integers(len(rows)))].tolist()
        return (lat, lon), heading

    def roads(self, rng: np.random.Generator, home: Point, off_nm: tuple[float, float]) -> Point:
        """A place off a port with open water between; failing that, one that the scene will be refused for, and drawn again."""
        for _ in range(TRIES):
            at = offset(*home, float(rng.uniform(0, 360)), float(rng.uniform(*off_nm)) * NM_M)
            if shore_nm(*at) >= ROADS_NM and self.heard(*at) and keeps_to_water(Plan(0, *home).stay(1, nav=NAV_MOORED, heading_deg=0).to(*at, 1.0)):
                break
        return at

    def trader(self, rng: np.random.Generator, plan: Plan, *, kind: int = CLASS_A) -> Ship:
        """An ordinary ship of any flag, with a length that suits its type."""
        ship_type = int(rng.choice(list(TRADERS)))
        return self.ship(rng, any_flag(rng), ship_type, float(rng.uniform(*TRADERS[ship_type])), plan, kind=kind)

    def approach(self, at: Point, at_s: float, *, speed_kn: float, course_deg: float) -> Plan:
        """The way to a place at speed: over its last mile on the course with which it goes on."""
        return arrive(at, at_s, course_deg + 180, speed_kn, gate_nm=1.0)

    def transit(self, at: Point, at_s: float, *, speed_kn: float, course_deg: float) -> Plan:
        """Through a place at a time, on a course that is straight for a mile on either side, for as long as the world lasts."""
        plan = self.approach(at, at_s, speed_kn=speed_kn, course_deg=course_deg)
        plan.run(course_deg, speed_kn, NM_M / (speed_kn * KN_MS))
        return leave(plan, course_deg, speed_kn, self.until_s)


class Underway(Behaviour, kw_only=True):
    """What behaviours of one ordinary ship under way share: it goes through a place at a time, on a course, at a speed."""

    at_s: Range = (1800.0, 5400.0)
    speed_kn: Range = (8.0, 16.0)
    course_deg: Range = (0.0, 360.0)

    def way(self, stage: Stage, rng: np.random.Generator, at: Point, at_s: float) -> Plan:
        """Its plan, for as long as the world lasts."""
        return stage.transit(at, at_s, speed_kn=pick(rng, self.speed_kn), course_deg=pick(rng, self.course_deg))


def scenes_of(behaviours: list[Behaviour], stage: Stage) -> list[Scene]:
    """All scenes, in the order of the tables. A table's draws depend on its kind and its number among its kind, not on other tables.

    Raises InputError when a table leaves no room at sea.
    """
    met: dict[str, int] = {}
    scenes = []
    for row in behaviours:
        kind = table_name(type(row).__name__)
        for _ in range(row.count):
            number = met[kind] = met.get(kind, -1) + 1
            scenes.append(_afloat(row, kind, stage, generator(stage.seed, kind, number)))
    return scenes


def _afloat(row: Behaviour, kind: str, stage: Stage, rng: np.random.Generator) -> Scene:
    """The first draw in which no vessel meets land. One that never moves lies where its table puts it: who gave the place knows it better than the chart."""
    for _ in range(TRIES):
        scene = row.scene(stage, rng)
        sailing = [ship.plan for ship in scene.ships if ship.kind < BASE and (row.at is None or len({k[1:3] for k in ship.plan.knots}) > 1)]
        if all(keeps_to_water(plan) for plan in sailing):
            scene.kind = kind
            return scene
    raise InputError(f"{kind}: of {TRIES} draws all meet land", remedy="give it another place, or more room: coast_nm, area")


def adrift(ship: Ship, start_s: float, end_s: float, at: Point) -> Fact:
    """Who drifts across its bow also drifts by any definition of it: true, but nobody is asked to say so."""
    return Fact("safety", "drift", [ship], start_s, end_s, "drifts across its bow", *at, scored=False)


def moored_place(row: Behaviour, stage: Stage, rng: np.random.Generator) -> tuple[Point, float]:
    """Where a scene's moored ship lies and its heading: `at`, or a berth of some port."""
    return (row.at, float(rng.integers(360))) if row.at is not None else stage.berth(rng)


def any_flag(rng: np.random.Generator) -> str:
    """One of the flags that a registry knows."""
    return str(rng.choice(sorted(FLAGS)))


def pick(rng: np.random.Generator, value: Range) -> float:
    """The number, or one between least and most."""
    return float(rng.uniform(*value)) if isinstance(value, tuple) else float(value)


def choose(rng: np.random.Generator, value: Option | tuple[Option, ...]) -> Option:
    """The one, or one of several."""
    return value[int(rng.integers(len(value)))] if isinstance(value, tuple) else value


def leave(plan: Plan, course_deg: float, speed_kn: float, until_s: float) -> Plan:
    """Go on until the world ends, clear of the land."""
    return sail(plan, course_deg, speed_kn, max(PARTING_S, until_s - plan.t_s))


def middle(a: Point, b: Point) -> Point:
    """Half way between two near places."""
    return (a[0] + b[0]) / 2, (a[1] + b[1]) / 2


AisClass = Literal["A", "B"]
