"""Fleets, routes and stations as a scenario names them. May hold: their tables. May not: make vessels of them (world)."""

from __future__ import annotations

from typing import Literal

import msgspec

from sim.sea import Point


class Route(msgspec.Struct, forbid_unknown_fields=True):
    """A line that ships follow, each direction keeping `lane_nm` to starboard of it."""

    name: str
    points: list[Point]
    lane_nm: float = 0.8
    spread_nm: float = 0.3


class Fleet(msgspec.Struct, forbid_unknown_fields=True):
    """Many vessels of one habit. `lane` and `ferry` need a route; the others a centre and a radius."""

    kind: Literal["lane", "ferry", "fishing", "leisure", "moored", "anchored"]
    count: int
    ais: Literal["A", "B", "B-SO"] = "A"
    route: str = ""
    centre: Point = (0.0, 0.0)
    radius_nm: float = 3.0
    speed_kn: tuple[float, float] = (10.0, 16.0)
    ship_types: list[int] = msgspec.field(default_factory=lambda: [70])
    loa_m: tuple[float, float] = (90.0, 230.0)
    flags: list[str] = msgspec.field(default_factory=lambda: ["NZ", "AU", "PA", "LR", "MH", "SG", "HK", "MT"])


class Station(msgspec.Struct, forbid_unknown_fields=True):
    """A base station, or an aid to navigation (real or virtual)."""

    kind: Literal["base", "aid"]
    name: str
    at: Point
    flag: str = "NZ"
    aid_type: int = 0
    virtual: bool = False
