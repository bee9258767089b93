"""Local craft: plans of vessels that stay in one neighbourhood. May hold: fishing, anchorages, pilots, harbours, gear, flights. May not: identities.

Where a fleet names no centre, grounds and anchorages are drawn in its region; ports and berths are real ones (`harbour.py`). All of them lie
at sea, with the room that the habit needs: nobody comes near land but in harbours.
"""

from __future__ import annotations

import math
from itertools import islice

import numpy as np

from dogwatch.errors import InputError
from dogwatch.geo import KN_MS, NM_M
from sim.fleet import Fleet
from sim.harbour import Harbour, berths, harbours
from sim.motion import M_PER_DEG, Plan, offset
from sim.passage import waters
from sim.sea import Point, Region, Sea, shore_nm
from sim.ship import NAV_ANCHORED, NAV_ENGINE, NAV_FISHING, NAV_MOORED

START_S = -60.0
PORTS_MIN, PORTS_MAX = 8, 60  # of a region that one fleet uses
GROUND_SIZE = 12  # vessels that share a ground where none is named
NAV_SAILING = 8
CLEAR_NM, GOLDEN_DEG = 0.35, 137.50776
SWING_STEP_S, TIDE_S = 1800.0, 44_700.0  # an anchored ship follows the tide, which turns twice in 12.4 hours
RAFT_M = 18.0  # where a harbour has more ships than berths they lie outside each other
SHIFTING_SHARE, SHIFTING_KN = 0.05, 4.0
BOARDING_NM, BOARDING_OFF_NM, ALONGSIDE_S = 9.0, 2.0, 480.0
BOARDING_PLACES = 3
TRIES = 40


class Neighbourhood:
    """The places of one fleet, drawn once: ports, grounds, anchorages. Equal generators give equal places."""

    def __init__(self, fleet: Fleet, region: Region, rng: np.random.Generator) -> None:
        self.fleet, self.region, self.rng, self.sea = fleet, region, rng, Sea(region)
        self.ports: list[Harbour] = []
        self._grounds: dict[int, Point] = {}
        self._order: dict[str, np.ndarray] = {}
        self._boarding: dict[str, np.ndarray] = {}

    def open_ports(self) -> list[Harbour]:
        """Harbours with berths, drawn for this fleet; the named one alone."""
        if not self.ports:
            found = [harbour for harbour in harbours(self.region) if self.fleet.port in ("", harbour.code)]
            wanted = min(PORTS_MAX, max(PORTS_MIN, self.fleet.count // GROUND_SIZE))
            order = iter(self.rng.permutation(len(found)).tolist())
            self.ports = list(islice((found[i] for i in order if len(berths(self.region, found[i]))), wanted))
        if not self.ports:
            what = f"port {self.fleet.port}" if self.fleet.port else "a port"
            raise InputError(f"{what} with a quay in sight of open water was not found in this region", remedy="name another port or a larger region")
        return self.ports

    def ground(self, k: int, coast_nm: tuple[float, float], from_port_nm: float = 0.0) -> Point:
        """The centre of the ground of vessel k: as the fleet says, or drawn for every GROUND_SIZE vessels, near a port if asked."""
        if self.fleet.centre is not None:
            return self.fleet.centre
        number = k // GROUND_SIZE
        while len(self._grounds) <= number:
            self._grounds[len(self._grounds)] = self._draw(coast_nm, from_port_nm)
        return self._grounds[number]

    def _draw(self, coast_nm: tuple[float, float], from_port_nm: float) -> Point:
        if not from_port_nm:
            return self.sea.place(self.rng, coast_nm)
        ports = self.open_ports()
        for _ in range(TRIES):
            port = ports[int(self.rng.integers(0, len(ports)))]
            try:
                return self.sea.place(self.rng, coast_nm, area=(port.at, from_port_nm))
            except InputError:
                continue
        raise InputError("no water with enough room was found near the ports of this region", remedy="give the fleet a centre", value=self.fleet.kind)

    def anchorage(self, k: int, centre: Point, rng: np.random.Generator) -> Point:
        """Where vessel k drops its anchor: clear of the others while there is room, evenly closer when there is not."""
        drawn = self.fleet.centre is None
        number, ships = (k % GROUND_SIZE, GROUND_SIZE) if drawn else (k, self.fleet.count)
        apart_nm = min(CLEAR_NM, self.fleet.radius_nm / math.sqrt(ships))
        spot = offset(*centre, number * GOLDEN_DEG, apart_nm * math.sqrt(number + 0.5) * NM_M)  # as seeds stand in a sunflower
        return scatter(spot, apart_nm / 8, rng)

    def berth(self, k: int) -> tuple[Harbour, np.ndarray]:
        """A harbour and the berth of vessel k there: latitude, longitude, heading. Nobody has another's berth."""
        ports = self.open_ports()
        port, turn = ports[k % len(ports)], k // len(ports)
        places = berths(self.region, port)
        if port.code not in self._order:
            self._order[port.code] = self.rng.permutation(len(places))
        berth, raft = places[self._order[port.code][turn % len(places)]].copy(), turn // len(places)
        berth[0] += raft * RAFT_M / M_PER_DEG
        return port, berth

    def boarding(self, port: Harbour) -> np.ndarray:
        """Cells off a port where pilots board."""
        if port.code not in self._boarding:
            sea = waters(self.region)
            cells = sea.roomy_cells(port.at, BOARDING_NM, BOARDING_OFF_NM)
            self._boarding[port.code] = cells[self.rng.permutation(len(cells))[:BOARDING_PLACES]]
            sea.explore(port.cell, self._boarding[port.code].tolist())
        return self._boarding[port.code]


def work(fleet: Fleet, centre: Point, speed_kn: float, rng: np.random.Generator, until_s: float) -> Plan:
    """Straight runs inside a circle: a trawler's tows, a yacht's boards; always on to the far side, never milling about."""
    radius_m = fleet.radius_nm * NM_M
    plan = Plan(START_S, *scatter(centre, fleet.radius_nm, rng))
    while plan.t_s < until_s:
        lat, lon = plan.at
        north, east = (centre[0] - lat) * M_PER_DEG, (centre[1] - lon) * M_PER_DEG * math.cos(math.radians(lat))
        away_m, turn_deg = math.hypot(north, east), max(-60.0, min(60.0, float(rng.normal(0, 25))))
        inward = math.degrees(math.atan2(east, north)) + turn_deg
        # to the far side of the circle, short of it
        across_m = away_m * math.cos(math.radians(turn_deg)) + math.sqrt(max(0.0, radius_m**2 - (away_m * math.sin(math.radians(turn_deg))) ** 2))
        nav = NAV_FISHING if fleet.kind == "fishing" else (NAV_SAILING if rng.uniform() < 0.5 else NAV_ENGINE)
        plan.run(inward, speed_kn, max(60.0, across_m * float(rng.uniform(0.7, 0.97)) / (speed_kn * KN_MS)), nav=nav)
    return plan


def lie(at: Point, heading_deg: float, nav: int, until_s: float) -> Plan:
    """At one place all the time."""
    return Plan(START_S, *at).stay(until_s - START_S, nav=nav, heading_deg=heading_deg)


def swing(anchor: Point, loa_m: float, rng: np.random.Generator, wind_deg: float, until_s: float) -> Plan:
    """The bow toward the anchor, following wind and tide round it."""
    chain_m, own_deg = loa_m + float(rng.uniform(80, 220)), float(rng.normal(0, 6))

    def bow_deg(t_s: float) -> float:
        return wind_deg + own_deg + 75 * math.sin(2 * math.pi * t_s / TIDE_S)

    plan = Plan(START_S, *offset(*anchor, bow_deg(START_S) + 180, chain_m))
    while plan.t_s < until_s:
        lat, lon = offset(*anchor, bow_deg(plan.t_s + SWING_STEP_S) + 180, chain_m)
        north, east = (lat - plan.at[0]) * M_PER_DEG, (lon - plan.at[1]) * M_PER_DEG * math.cos(math.radians(lat))
        speed_kn = math.hypot(north, east) / SWING_STEP_S / KN_MS
        plan.run(math.degrees(math.atan2(east, north)), speed_kn, SWING_STEP_S, nav=NAV_ANCHORED, heading_deg=bow_deg(plan.t_s) % 360)
    return plan


def quay(places: Neighbourhood, k: int, rng: np.random.Generator, until_s: float, *, may_shift: bool) -> Plan:
    """At a berth, the bow along the quay; a few shift to another berth of the harbour."""
    port, (lat, lon, heading) = places.berth(k)
    heading = (heading + 180 * int(rng.integers(0, 2))) % 360
    if not may_shift or rng.uniform() >= SHIFTING_SHARE:
        return lie((lat, lon), heading, NAV_MOORED, until_s)
    other = berths(places.region, port)
    to_lat, to_lon, to_heading = other[int(rng.integers(0, len(other)))].tolist()
    plan = Plan(START_S, lat, lon).stay(float(rng.uniform(60, max(120.0, until_s - 1800))), nav=NAV_MOORED, heading_deg=heading)
    plan.to(*waters(places.region).centre(port.cell), SHIFTING_KN).to(to_lat, to_lon, SHIFTING_KN)
    return plan.stay(max(60.0, until_s - plan.t_s), nav=NAV_MOORED, heading_deg=to_heading)


def pilot(places: Neighbourhood, k: int, speed_kn: float, rng: np.random.Generator, until_s: float) -> Plan:
    """Out to the boarding place and home, several times a day."""
    port, (lat, lon, heading) = places.berth(k)
    sea = waters(places.region)
    boarding = places.boarding(port)
    way = sea.way(port.cell, int(boarding[int(rng.integers(0, len(boarding)))]))
    assert way is not None, "both lie in one body of water"
    out = way.beside(0.1)
    plan = Plan(START_S, lat, lon)
    while plan.t_s < until_s:
        plan.stay(float(rng.uniform(900, 9000)), nav=NAV_MOORED, heading_deg=heading)
        for point in out:
            plan.to(*point, speed_kn)
        plan.run(float(rng.uniform(0, 360)), 2.0, ALONGSIDE_S)
        for point in reversed(out):
            plan.to(*point, speed_kn)
        plan.to(lat, lon, 6.0)
    return plan


def drift(centre: Point, current: tuple[float, float], rng: np.random.Generator, until_s: float) -> Plan:
    """Gear adrift near its centre with the current (knots, degrees) of its fleet."""
    plan = Plan(START_S, *scatter(centre, 1.5, rng))
    while plan.t_s < until_s:
        plan.run(current[1] + float(rng.normal(0, 12)), current[0] * float(rng.uniform(0.8, 1.2)), 3600.0, heading_deg=0.0)
    return plan


def current(places: Neighbourhood, centre: Point, speed_kn: float, until_s: float) -> tuple[float, float]:
    """A current (knots, degrees) that carries nothing from a place to land."""
    for _ in range(TRIES):
        toward = float(places.rng.uniform(0, 360))
        ahead = (offset(*centre, toward, share * speed_kn * 1.2 * KN_MS * (until_s - START_S)) for share in (0.25, 0.5, 0.75, 1.0))
        if all(shore_nm(*place) > 3.0 for place in ahead):
            return speed_kn, toward
    raise InputError("gear adrift would reach land from everywhere tried", remedy="give the buoys a centre farther out", value=centre)


def flight(places: Neighbourhood, k: int, speed_kn: float, rng: np.random.Generator, until_s: float) -> Plan:
    """A rescue aircraft's sortie: out, a ladder search at sea, home. Before and after it nothing is heard of it."""
    home = places.fleet.centre or places.open_ports()[k % len(places.open_ports())].at
    begin_s = float(rng.uniform(START_S, max(0.0, until_s - 5400)))
    lat, lon = places.sea.place(rng, (3.0, 60.0), area=(home, 45.0))
    plan, course = Plan(begin_s, *home).to(lat, lon, speed_kn), float(rng.uniform(0, 360))
    for leg in range(int(rng.integers(8, 14))):
        plan.run(course + 180 * (leg % 2), speed_kn, 8 / speed_kn * 3600).run(course + 90, speed_kn, 1 / speed_kn * 3600)
    return plan.to(*home, speed_kn)


def scatter(centre: Point, radius_nm: float, rng: np.random.Generator) -> Point:
    """A random place in a circle."""
    return offset(*centre, float(rng.uniform(0, 360)), radius_nm * NM_M * math.sqrt(float(rng.uniform(0, 1))))
