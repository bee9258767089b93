"""The world: who is there and where they go. May hold: what fleets, routes and stations become.

May not: what is scripted to be found (scenes), who hears whom (radio). Every vessel draws from a generator of its
own, seeded by (seed, its fleet, its place in it): another fleet more or less leaves it as it was.
"""

from __future__ import annotations

import itertools
import math
from zlib import crc32

import numpy as np

from dogwatch.geo import KN_MS
from sim.fleet import Fleet, Route, Station
from sim.identity import Registry
from sim.motion import M_PER_DEG, Plan, offset
from sim.ship import AID, BASE, CLASS_A, CLASS_B, CLASS_B_SO, NAV_ANCHORED, NAV_ENGINE, NAV_FISHING, NAV_MOORED, Ship

STOP_S = 1500.0  # a ferry at its berth


def generator(seed: int, *what: str | int) -> np.random.Generator:
    """A generator of its own for one thing in one world."""
    return np.random.default_rng([seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF, crc32("/".join(str(w) for w in what).encode())])


def background(routes: list[Route], fleets: list[Fleet], stations: list[Station], seed: int, registry: Registry, duration_s: float) -> list[Ship]:
    """The fleets and stations of a scenario, with plans that last `duration_s` and a little longer."""
    route_of = {route.name: route for route in routes}
    ships: list[Ship] = []
    for i, fleet in enumerate(fleets):
        for k in range(fleet.count):
            rng = generator(seed, "fleet", i, k)
            ships.append(_member(fleet, route_of.get(fleet.route), rng, registry, duration_s + 120))
    return ships + [_station(station, registry, duration_s + 120) for station in stations]


def _member(fleet: Fleet, route: Route | None, rng: np.random.Generator, registry: Registry, until_s: float) -> Ship:
    kind = {"A": CLASS_A, "B": CLASS_B, "B-SO": CLASS_B_SO}[fleet.ais]
    flag, ship_type = str(rng.choice(fleet.flags)), int(rng.choice(fleet.ship_types))
    identity = registry.vessel(rng, flag, ship_type, float(rng.uniform(*fleet.loa_m)), class_b=kind != CLASS_A)
    speed_kn = float(rng.uniform(*fleet.speed_kn))
    if fleet.kind in ("lane", "ferry"):
        assert route is not None, "load_scenario has checked the routes"
        return Ship(identity, kind, _follow(route, speed_kn, rng, until_s, ferry=fleet.kind == "ferry"))
    lat, lon = offset(*fleet.centre, float(rng.uniform(0, 360)), fleet.radius_nm * 1852 * math.sqrt(float(rng.uniform(0, 1))))
    if fleet.kind in ("moored", "anchored"):
        nav = NAV_MOORED if fleet.kind == "moored" else NAV_ANCHORED
        return Ship(identity, kind, Plan(-60, lat, lon).stay(until_s + 60, nav=nav, heading_deg=float(rng.integers(0, 360))))
    return Ship(identity, kind, _work(fleet, Plan(-60, lat, lon), speed_kn, rng, until_s))


def _follow(route: Route, speed_kn: float, rng: np.random.Generator, until_s: float, *, ferry: bool) -> Plan:
    """Along a route and back again, keeping to starboard, from a random place on it."""
    aside_nm = route.lane_nm + float(rng.normal(0, route.spread_nm))
    legs = [starboard_of(route.points, aside_nm), starboard_of(route.points[::-1], aside_nm)]
    way = int(rng.integers(0, 2))
    index, share = _along(legs[way], float(rng.uniform(0, 1)))
    (lat0, lon0), (lat1, lon1) = legs[way][index], legs[way][index + 1]
    plan = Plan(-60, lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0))
    rest = legs[way][index + 1 :]
    while plan.t_s < until_s:
        for lat, lon in rest:
            plan.to(lat, lon, speed_kn)
        if ferry and way == 1:  # the first point of a ferry's route is its berth; the far end it only touches
            plan.stay(STOP_S, nav=NAV_MOORED, heading_deg=float(rng.integers(0, 360)))
        way = 1 - way
        rest = legs[way]
    return plan


def _work(fleet: Fleet, plan: Plan, speed_kn: float, rng: np.random.Generator, until_s: float) -> Plan:
    """Straight runs inside a circle: a trawler's tows, a yacht's boards; always on to the far side, never milling about."""
    radius_m = fleet.radius_nm * 1852
    while plan.t_s < until_s:
        lat, lon = plan.at
        north, east = (fleet.centre[0] - lat) * M_PER_DEG, (fleet.centre[1] - lon) * M_PER_DEG * math.cos(math.radians(lat))
        inward = math.degrees(math.atan2(east, north)) + float(rng.normal(0, 25))
        reach_m = math.hypot(north, east) + radius_m * float(rng.uniform(0.6, 0.95))
        nav = NAV_FISHING if fleet.kind == "fishing" else (8 if rng.uniform() < 0.5 else NAV_ENGINE)
        plan.run(inward, speed_kn, reach_m / (speed_kn * KN_MS), nav=nav)
    return plan


def _station(station: Station, registry: Registry, until_s: float) -> Ship:
    identity = registry.station(station.kind, station.flag, station.name, aid_type=station.aid_type, virtual=station.virtual)
    plan = Plan(-60, *station.at).stay(until_s + 60, nav=NAV_MOORED, heading_deg=0.0)
    return Ship(identity, BASE if station.kind == "base" else AID, plan)


def starboard_of(points: list[tuple[float, float]], aside_nm: float) -> list[tuple[float, float]]:
    """The line `aside_nm` to the right of a line of (lat, lon) points (mitred at its bends)."""
    scale = math.cos(math.radians(sum(lat for lat, _ in points) / len(points)))
    plane = np.array([(lon * 60 * scale, lat * 60) for lat, lon in points])
    legs = np.diff(plane, axis=0)
    normals = np.column_stack((legs[:, 1], -legs[:, 0])) / np.hypot(legs[:, 0], legs[:, 1])[:, None]
    before, after = np.vstack((normals[:1], normals)), np.vstack((normals, normals[-1:]))
    mitre = (before + after) / np.maximum(0.5, 1 + (before * after).sum(axis=1))[:, None]
    shifted = plane + mitre * aside_nm
    return [(float(y) / 60, float(x) / 60 / scale) for x, y in shifted]


def _along(points: list[tuple[float, float]], share: float) -> tuple[int, float]:
    """Which leg, and how far along it, lies at a share of a line's length."""
    lengths = [math.hypot(b[0] - a[0], (b[1] - a[1]) * math.cos(math.radians((a[0] + b[0]) / 2))) for a, b in itertools.pairwise(points)]
    left = share * sum(lengths)
    for i, length in enumerate(lengths):
        if left < length:
            return i, left / length
        left -= length
    return len(lengths) - 1, 0.999
