"""The world: who is there and where they go. May hold: what fleets, routes and stations become.

May not: what is scripted to be found (scenes), who hears whom (radio). Every vessel draws from a generator of its
own, seeded by (seed, its fleet, its place in it): another fleet more or less leaves it as it was.
"""

from __future__ import annotations

import itertools
import math
from functools import lru_cache
from zlib import crc32

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.errors import InputError
from sim import local
from sim.crew import NAV_PUSHING, NAV_TOWING, statuses
from sim.flags import FLAGS
from sim.fleet import BOATS, HABITS, Fleet, Route, Station
from sim.harbour import Harbour, berths, harbours, ports
from sim.hull import hull_of
from sim.identity import Registry
from sim.local import Neighbourhood
from sim.motion import Plan
from sim.passage import waters
from sim.sea import Point, Region
from sim.ship import AID, AIRCRAFT, BASE, CLASS_A, CLASS_B, CLASS_B_SO, NAV_ANCHORED, NAV_ENGINE, NAV_MOORED, Ship
from sim.trade import Trade

STOP_S = (900.0, 2400.0)  # a ferry at its berth
FERRY_NM, FERRY_LINES = (2.0, 60.0), 8
TOW_SHARE, TOW_M = 0.5, (250.0, 700.0)  # of tugs, those whose tow has a set of its own; length of the tow line
LOCAL_NM = 300.0
_MERCHANT_FLAGS = list(FLAGS)
_MERCHANT_SHARES = np.cumsum([flag.share for flag in FLAGS.values()]) / sum(flag.share for flag in FLAGS.values())


def generator(seed: int, *what: str | int) -> np.random.Generator:
    """A generator of its own for one thing in one world."""
    return np.random.default_rng([seed & 0xFFFFFFFF, seed >> 32 & 0xFFFFFFFF, crc32("/".join(str(w) for w in what).encode())])


def background(
    routes: list[Route], fleets: list[Fleet], stations: list[Station], region: Region, seed: int, registry: Registry, duration_s: float
) -> list[Ship]:
    """The fleets and stations of a scenario, with plans that last `duration_s` and a little longer."""
    route_of, ships = {route.name: route for route in routes}, []
    for i, fleet in enumerate(fleets):
        if fleet.count:
            ships += FleetMaker(fleet, route_of.get(fleet.route), fleet.region or region, (seed, i), registry, duration_s + 120).ships()
    return ships + [_station(station, registry, duration_s + 120) for station in stations]


class FleetMaker:
    """Makes the ships of one fleet. What its vessels share (places, trade, current) is drawn once, from a generator of the fleet."""

    def __init__(self, fleet: Fleet, route: Route | None, region: Region, number: tuple[int, int], registry: Registry, until_s: float) -> None:
        self.fleet, self.route, self.region, self.registry, self.until_s = fleet, route, region, registry, until_s
        self.habit, self.number = HABITS[fleet.kind], number
        rng = generator(number[0], "fleet", number[1])
        self.places = Neighbourhood(fleet, region, rng)
        self.trade = Trade(region, rng, fleet.count, fleet.beyond_share) if fleet.kind in ("traffic", "tug") else None
        self.wind_deg = float(rng.uniform(0, 360))
        self.currents: dict[Point, tuple[float, float]] = {}
        self.lines = self._ferry_lines() if fleet.kind == "ferry" and route is None else []

    def ships(self) -> list[Ship]:
        """All vessels, in order; a tow comes behind its tug."""
        return [ship for k in range(self.fleet.count) for ship in self._vessel(k, generator(self.number[0], "fleet", self.number[1], k))]

    def _vessel(self, k: int, rng: np.random.Generator) -> list[Ship]:
        chance = rng.random(5).tolist()
        types = self.fleet.ship_types or self.habit.ship_types
        ship_type = types[int(chance[0] * len(types))]
        hull = hull_of(ship_type)
        loa_m = self.fleet.loa_m or hull.loa_m
        size_m = loa_m[0] + (loa_m[1] - loa_m[0]) * chance[1] ** (1.0 if self.fleet.loa_m else 1.6)  # small ships are many
        speeds_kn = self.fleet.speed_kn or self.habit.speed_kn or hull.speed_kn
        speed_kn = speeds_kn[0] + (speeds_kn[1] - speeds_kn[0]) * chance[2]
        plan, bound_for = self._plan(k, rng, speed_kn, size_m)
        flag = self._flag(rng, plan.knots[0][1:3])
        if self.fleet.kind == "aircraft":
            return [Ship(self.registry.aircraft(flag), AIRCRAFT, plan, altitude_m=float(rng.uniform(100, 500)))]
        if self.fleet.kind == "buoys":
            return [Ship(self.registry.buoy(rng), CLASS_B, plan)]
        ais = self.fleet.ais or ("B" if self.fleet.kind == "harbour" and ship_type in BOATS else self.habit.ais)
        kind = {"A": CLASS_A, "B": CLASS_B, "B-SO": CLASS_B_SO}[ais]
        if kind == CLASS_A:
            told = statuses(ship_type, size_m, self.fleet.careless_share, chance[3])
            plan.knots = [(*knot[:4], told.get(knot[4], knot[4]), knot[5]) for knot in plan.knots]
        ship = Ship(self.registry.vessel(rng, flag, ship_type, size_m, class_b=kind != CLASS_A, bound_for=bound_for), kind, plan)
        return [ship, self._tow(rng, flag, plan)] if self.fleet.kind == "tug" and chance[4] < TOW_SHARE else [ship]

    def _plan(self, k: int, rng: np.random.Generator, speed_kn: float, loa_m: float) -> tuple[Plan, tuple[str, float] | None]:
        """The plan of vessel k, and its destination where it has one of its own."""
        fleet, places, until_s = self.fleet, self.places, self.until_s
        if self.trade is not None:
            nav = NAV_ENGINE if fleet.kind == "traffic" else NAV_TOWING if rng.uniform() < 0.7 else NAV_PUSHING
            return self.trade.life(rng, speed_kn, until_s, nav)
        if self.route is not None:
            return _follow(self.route, speed_kn, rng, until_s, ferry=fleet.kind == "ferry"), None
        if fleet.kind == "ferry":
            return self._shuttle(rng, speed_kn), None
        if fleet.kind == "pilot":
            return local.pilot(places, k, speed_kn, rng, until_s), None
        if fleet.kind == "aircraft":
            return local.flight(places, k, speed_kn, rng, until_s), None
        if fleet.kind == "harbour" or (fleet.kind == "moored" and fleet.centre is None):
            return local.quay(places, k, rng, until_s, may_shift=fleet.kind == "harbour"), None
        if fleet.kind == "waiting":
            centre = places.ground(k, (fleet.radius_nm + 0.8, 20.0), 12.0 + fleet.radius_nm)
            return local.swing(places.anchorage(k, centre, rng), loa_m, rng, self.wind_deg, until_s), None
        if fleet.kind in ("moored", "anchored"):
            centre = places.ground(k, (fleet.radius_nm + 0.2, 20.0), 12.0 + fleet.radius_nm)
            if fleet.kind == "moored":
                return local.lie(local.scatter(centre, fleet.radius_nm, rng), float(rng.integers(0, 360)), NAV_MOORED, until_s), None
            return local.lie(places.anchorage(k, centre, rng), float(rng.integers(0, 360)), NAV_ANCHORED, until_s), None
        if fleet.kind == "buoys":
            centre = places.ground(k, (12.0, 60.0))
            if centre not in self.currents:
                self.currents[centre] = local.current(places, centre, speed_kn, until_s)
            return local.drift(centre, self.currents[centre], rng, until_s), None
        near_nm = 15.0 + fleet.radius_nm if fleet.kind == "leisure" else 0.0
        return local.work(fleet, places.ground(k, (fleet.radius_nm + 0.3, 60.0), near_nm), speed_kn, rng, until_s), None

    def _ferry_lines(self) -> list[tuple[Harbour, Harbour]]:
        """Lines between neighbouring ports of the region, short ones first."""
        found = harbours(self.region)
        lat, lon = np.array([port.at for port in found]).reshape(-1, 2).T
        away_nm = 60 * np.hypot(lat[:, None] - lat, (lon[:, None] - lon) * np.cos(np.radians(lat)))
        a, b = np.nonzero(np.triu((away_nm >= FERRY_NM[0]) & (away_nm <= FERRY_NM[1]), 1))
        order = np.argsort(away_nm[a, b], kind="stable").tolist()
        pairs = ((found[a[i]], found[b[i]]) for i in order if found[a[i]].cell != found[b[i]].cell)
        served = (pair for pair in pairs if all(len(berths(self.region, port)) for port in pair))
        lines = list(itertools.islice(served, max(FERRY_LINES, self.fleet.count // 3)))
        if not lines:
            raise InputError("no two ports of this region are near enough for a ferry", remedy="give the fleet a route", value=self.region)
        return lines

    def _shuttle(self, rng: np.random.Generator, speed_kn: float) -> Plan:
        """A ferry between two neighbouring ports of the region, from a random place on its line."""
        line = self.lines[int(rng.integers(0, len(self.lines)))]
        way = waters(self.region).way(line[0].cell, line[1].cell)
        assert way is not None, "both lie in one body of water"
        places = [berths(self.region, port) for port in line]
        ends = [place[int(rng.integers(0, min(20, len(place))))].tolist() for place in places]
        points = [way.beside(0.3), way.back().beside(0.3)]
        side = int(rng.integers(0, 2))
        index, share = _along(points[side], float(rng.uniform(0, 1)))
        (lat0, lon0), (lat1, lon1) = points[side][index : index + 2]
        plan, rest = Plan(-60, lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0)), points[side][index + 1 :]
        while plan.t_s < self.until_s:
            for lat, lon in rest:
                plan.to(lat, lon, speed_kn)
            side = 1 - side
            lat, lon, heading = ends[side]
            plan.to(lat, lon, 6.0).stay(float(rng.uniform(*STOP_S)), nav=NAV_MOORED, heading_deg=heading)
            rest = points[side]
        return plan

    def _flag(self, rng: np.random.Generator, near: Point) -> str:
        """One of the fleet's; without any, that of the nearest port for local craft, else as the world's merchant ships fly them."""
        chance = float(rng.random())
        if self.fleet.flags:
            return self.fleet.flags[int(chance * len(self.fleet.flags))]
        flag = _MERCHANT_FLAGS[int(np.searchsorted(_MERCHANT_SHARES, chance, side="right"))]
        return local_flag(round(near[0]), round(near[1])) or flag if self.habit.local else flag

    def _tow(self, rng: np.random.Generator, flag: str, plan: Plan) -> Ship:
        """A barge with a set of its own follows in the tug's wake."""
        late_s = float(rng.uniform(*TOW_M)) / 2.6
        behind = Plan(plan.knots[0][0] + late_s, *plan.knots[0][1:3])
        behind.knots = [(knot[0] + late_s, *knot[1:4], NAV_ENGINE if knot[4] != NAV_MOORED else NAV_MOORED, knot[5]) for knot in plan.knots]
        return Ship(self.registry.vessel(rng, flag, 99, float(rng.uniform(40, 110)), class_b=False), CLASS_A, behind)


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
            plan.stay(float(rng.uniform(*STOP_S)), nav=NAV_MOORED, heading_deg=float(rng.integers(0, 360)))
        way = 1 - way
        rest = legs[way]
    return plan


@lru_cache(maxsize=4096)
def local_flag(lat_deg: int, lon_deg: int) -> str:
    """The flag of the port nearest to a place in whole degrees, if we know it; else nothing."""
    lat, lon = np.array([lat_deg * UNITS_PER_DEG], np.int64), np.array([((lon_deg + 180) % 360 - 180) * UNITS_PER_DEG], np.int64)
    number = int(ports().nearest(lat, lon, LOCAL_NM)[1][0])
    code = ports().ids[number][:2] if number >= 0 else ""
    return code if code in FLAGS else ""


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
