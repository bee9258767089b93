"""Trade: voyages between the ports of a region and the world beyond its edge. May hold: who sails whither, when, by which way. May not: identities.

A vessel's life is a chain of voyages. It begins at a moment drawn so that as many are at sea at the end as at the beginning: one that
comes over the edge is not there before, one that leaves over it is not there afterwards; in port ships lie at a berth for a while.
The next port is drawn by distance alone, near ones more often.
"""

from __future__ import annotations

import math
import unicodedata
from dataclasses import dataclass
from functools import lru_cache
from itertools import pairwise

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.errors import InputError
from dogwatch.geo import KN_MS
from sim.harbour import Harbour, berths, edge_cells, harbours, ports, within
from sim.motion import M_PER_DEG, Plan
from sim.passage import Way, waters
from sim.sea import Point, Region
from sim.ship import NAV_ENGINE, NAV_MOORED

PORTS_MAX = 30  # of a region take part in one fleet's trade: each costs a search of all ways from it
VESSELS_PER_PORT = 12
NEAR_NM = 40.0  # ports nearer than this to each other are as good as next door
LANE_NM = (0.3, 0.9)
HARBOUR_KN = 5.0
BEYOND_NM = 6_000.0
START_S = -60.0  # plans begin a minute before the world
IN_PORT_S = (4 * 3600.0, 36 * 3600.0)

Knot = tuple[float, float, float, float, int, int]  # as in Plan.knots


@dataclass(frozen=True, slots=True)
class End:
    """Where a voyage may begin or end: a port, or a cell on the region's edge."""

    cell: int
    at: Point
    harbour: Harbour | None


@dataclass(frozen=True, slots=True)
class Stop:
    """One end as one ship uses it: its number, and the berth there (latitude, longitude, heading); None on the edge."""

    number: int
    berth: tuple[float, float, float] | None


class Trade:
    """The ends of one fleet's voyages and the chances of each next one. Equal generators give equal ends."""

    def __init__(self, region: Region, rng: np.random.Generator, vessels: int, beyond_share: float) -> None:
        self.region, self.sea = region, waters(region)
        found = harbours(region)
        order = rng.permutation(len(found)).tolist()
        wanted = min(PORTS_MAX, max(8, vessels // VESSELS_PER_PORT))
        self.ends: list[End] = []
        for i in order:
            if len(self.ends) == wanted:
                break
            if len(berths(region, found[i])):
                self.ends.append(End(found[i].cell, found[i].at, found[i]))
        edges = edge_cells(region) if beyond_share > 0 or len(self.ends) < 2 else ()
        self.ends += [End(cell, self.sea.centre(cell), None) for cell in edges]
        self.cells = [end.cell for end in self.ends]
        if len(self.ends) < 2:
            raise InputError("no two ports or edges of this region are joined by water", remedy="choose a larger region", value=region)
        self._chances(beyond_share)

    def _chances(self, beyond_share: float) -> None:
        """Cumulative chances: of the first end, and of the next one from each."""
        edge = np.array([end.harbour is None for end in self.ends])
        share = np.where(edge, beyond_share / max(1, edge.sum()), (1 - beyond_share) / max(1, (~edge).sum()))
        share = share if share.sum() > 0 else np.ones(len(edge))
        lat, lon = np.array([end.at for end in self.ends]).T
        away_nm = 60 * np.hypot(lat[:, None] - lat, (lon[:, None] - lon) * np.cos(np.radians((lat[:, None] + lat) / 2)))
        # from edge to edge a ship crosses the region: the farther the likelier; otherwise the nearer the likelier
        weight = share * np.where(edge[:, None] & edge, away_nm / (1 + away_nm.max()), NEAR_NM / (NEAR_NM + away_nm))
        np.fill_diagonal(weight, 0.0)
        self.first, self.next = np.cumsum(share) / share.sum(), np.cumsum(weight, axis=1) / weight.sum(axis=1, keepdims=True)

    def life(self, rng: np.random.Generator, speed_kn: float, until_s: float, nav: int = NAV_ENGINE) -> tuple[Plan, tuple[str, float]]:
        """A vessel's plan until `until_s`, and where it says that it is bound (text, seconds) in the middle of that time."""
        lane_nm = float(rng.uniform(*LANE_NM))
        here, knots, start_s, bound = self._stop(rng, self.first), [], math.nan, ("", 0.0)
        while True:
            there = self._stop(rng, self.next[here.number])
            points = self._way(here, there).beside(lane_nm)
            after_s = _sail(points, speed_kn, here.berth, there.berth)
            points = [*([here.berth[:2]] if here.berth else []), *points, *([there.berth[:2]] if there.berth else [])]
            if math.isnan(start_s):
                start_s = float(rng.uniform(-60 - after_s[-1], until_s))
                if here.berth and start_s > START_S:
                    knots.append((START_S, *here.berth, NAV_MOORED, 1))
            knots += [(start_s + after, *point, -1.0, nav, 1) for after, point in zip(after_s, points, strict=True)]
            if start_s <= until_s / 2 or not bound[1]:
                bound = self._bound(rng, here, there, start_s + after_s[-1], speed_kn)
            start_s += after_s[-1]
            if there.berth is None or start_s >= until_s:
                break
            knots[-1] = (start_s, *there.berth, NAV_MOORED, 1)
            start_s += float(rng.uniform(*IN_PORT_S))
            here = there
        plan = Plan(START_S, *points[0])
        plan.knots = _cut(knots, until_s)
        return plan, bound

    def _stop(self, rng: np.random.Generator, chances: np.ndarray) -> Stop:
        chance = rng.random(2).tolist()
        number = min(int(np.searchsorted(chances, chance[0], side="right")), len(self.ends) - 1)
        harbour = self.ends[number].harbour
        if harbour is None:
            return Stop(number, None)
        places = berths(self.region, harbour)
        lat, lon, heading = places[int(chance[1] * len(places))].tolist()
        return Stop(number, (lat, lon, heading))

    def _way(self, here: Stop, there: Stop) -> Way:
        a, b = self.ends[here.number].cell, self.ends[there.number].cell
        way = self.sea.way(a, b, self.cells)
        assert way is not None, "all ends lie in one body of water"
        return way

    def _bound(self, rng: np.random.Generator, here: Stop, there: Stop, arrival_s: float, speed_kn: float) -> tuple[str, float]:
        """What the crew types as destination, and when they will be there."""
        end, begin = self.ends[there.number], self.ends[here.number].harbour
        if end.harbour is not None:
            return _typed(rng, end.harbour.code, end.harbour.name, begin.code if begin else ""), arrival_s
        codes, names, away_nm = beyond(self.region, end.at)
        if not codes:
            return "", arrival_s
        k = int(rng.integers(0, len(codes)))
        return _typed(rng, codes[k], names[k], begin.code if begin else ""), arrival_s + away_nm[k] / speed_kn * 3600


@lru_cache(maxsize=256)
def beyond(region: Region, edge: Point) -> tuple[list[str], list[str], list[float]]:
    """Codes, names and distances (nm) of ports outside a region that lie nearer to this place on its edge than to any other."""
    table, sea = ports(), waters(region)
    lat, lon = np.radians(table.lat / UNITS_PER_DEG), np.radians(table.lon / UNITS_PER_DEG)
    marks = np.radians(np.array([sea.centre(cell) for cell in edge_cells(region)]))
    cosine = np.sin(lat) * np.sin(marks[:, :1]) + np.cos(lat) * np.cos(marks[:, :1]) * np.cos(lon - marks[:, 1:])
    away_nm = np.degrees(np.arccos(np.clip(cosine, -1, 1))) * 60
    mine = int(np.argmin(np.hypot(*(marks - np.radians(edge)).T)))
    chosen = [
        i
        for i in np.flatnonzero((away_nm.argmin(axis=0) == mine) & (away_nm[mine] < BEYOND_NM)).tolist()
        if not within(region, (table.lat[i] / UNITS_PER_DEG, table.lon[i] / UNITS_PER_DEG))
    ]
    return [table.ids[i] for i in chosen], [table.names[i] for i in chosen], away_nm[mine, chosen].tolist()


def _typed(rng: np.random.Generator, code: str, name: str, origin: str) -> str:
    """A destination as crews type it: mostly the code with a blank, the code, both ends, or the name."""
    chance = float(rng.random())
    if chance < 0.5:
        return f"{code[:2]} {code[2:]}"
    if chance < 0.7:
        return code
    if chance < 0.85 and origin:
        return f"{origin}>{code}"
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().upper()
    return "".join(c for c in plain if " " <= c <= "_")[:20]


def _sail(points: list[Point], speed_kn: float, *berthed: tuple[float, float, float] | None) -> list[float]:
    """Seconds from the first point (or the berth before it) to each point (and the berth behind): slow in harbour."""
    first, last = berthed
    whole = [*([first[:2]] if first else []), *points, *([last[:2]] if last else [])]
    after_s = [0.0]
    for i, ((lat0, lon0), (lat1, lon1)) in enumerate(pairwise(whole)):
        metres = math.hypot(lat1 - lat0, (lon1 - lon0) * math.cos(math.radians((lat0 + lat1) / 2))) * M_PER_DEG
        slow = (first is not None and i == 0) or (last is not None and i == len(whole) - 2)
        after_s.append(after_s[-1] + max(1.0, metres / (KN_MS * (min(HARBOUR_KN, speed_kn) if slow else speed_kn))))
    return after_s


def _cut(knots: list[Knot], until_s: float) -> list[Knot]:
    """What lies between START_S and the first knot after `until_s`."""
    first = max((i for i, knot in enumerate(knots) if knot[0] <= START_S), default=0)
    last = next((i for i, knot in enumerate(knots) if knot[0] >= until_s), len(knots) - 1)
    kept = knots[first : last + 1]
    if kept[0][0] < START_S:
        (t0, lat0, lon0, heading, nav, on), (t1, lat1, lon1, *_) = kept[0], kept[1]
        share = (START_S - t0) / (t1 - t0)
        kept[0] = (START_S, lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0), heading, nav, on)
    return kept
