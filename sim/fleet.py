"""Fleets, routes and stations as a scenario names them. May hold: their tables and what a kind of fleet is made of. May not: make vessels of them (world)."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import msgspec

from sim.sea import Point, Region

Kind = Literal["lane", "ferry", "traffic", "tug", "pilot", "fishing", "leisure", "moored", "harbour", "anchored", "waiting", "buoys", "aircraft"]
AisClass = Literal["A", "B", "B-SO"]


class Route(msgspec.Struct, forbid_unknown_fields=True):
    """A line that ships follow, each direction keeping `lane_nm` to starboard of it."""

    name: str
    points: list[Point]
    lane_nm: float = 0.8
    spread_nm: float = 0.3


class Fleet(msgspec.Struct, forbid_unknown_fields=True):
    """Many vessels of one habit. What is left out is drawn: ports, grounds and anchorages of the region; sizes, speeds, flags by type.

    A lane needs a route. `port` is the UN/LOCODE of a real port, `region` a part of the scenario's sea; `beyond_share` of the ends of voyages lie
    beyond its edge. `careless_share` of class A crews have the wrong status set, twice as many none.
    """

    kind: Kind
    count: int
    ais: AisClass | None = None
    route: str = ""
    port: str = ""
    region: Region | None = None
    centre: Point | None = None
    radius_nm: float = 3.0
    speed_kn: tuple[float, float] | None = None
    ship_types: list[int] = []
    loa_m: tuple[float, float] | None = None
    flags: list[str] = []
    beyond_share: float = 0.5
    careless_share: float = 0.03


class Station(msgspec.Struct, forbid_unknown_fields=True):
    """A base station, or an aid to navigation (real or virtual)."""

    kind: Literal["base", "aid"]
    name: str
    at: Point
    flag: str = "NZ"
    aid_type: int = 0
    virtual: bool = False


@dataclass(frozen=True, slots=True)
class Habit:
    """What a kind of fleet is made of where its table does not say: types (more often the more often they stand here), class, flags, working speed."""

    ship_types: tuple[int, ...]
    ais: AisClass = "A"
    local: bool = False  # flags of the nearest port, not of the world's merchant ships
    speed_kn: tuple[float, float] | None = None  # None: what ships of the type do


_MERCHANT = (70, 70, 70, 70, 71, 72, 74, 79, 79, 80, 80, 81, 82, 84, 89, 60)
HABITS: dict[str, Habit] = {
    "lane": Habit(_MERCHANT),
    "ferry": Habit((60, 60, 69), local=True),
    "traffic": Habit(_MERCHANT),
    "tug": Habit((52, 52, 31, 32), local=True, speed_kn=(4.0, 6.0)),
    "pilot": Habit((50,), local=True, speed_kn=(14.0, 22.0)),
    "fishing": Habit((30,), local=True, speed_kn=(2.6, 4.2)),
    "leisure": Habit((36, 36, 37), "B", local=True, speed_kn=(4.0, 7.5)),
    "moored": Habit((70, 70, 79, 80, 60, 30, 52)),
    "harbour": Habit((37, 37, 36, 36, 30, 30, 70, 70, 79, 80, 60, 52, 33, 50), local=True),
    "anchored": Habit((70, 70, 79, 80, 89)),
    "waiting": Habit((70, 70, 79, 80, 89)),
    "buoys": Habit((0,), "B", local=True, speed_kn=(0.2, 0.7)),
    "aircraft": Habit((0,), local=True, speed_kn=(90.0, 150.0)),
}
BOATS = (30, 36, 37)  # in a harbour these carry class B
