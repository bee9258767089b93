"""Bystanders: facts about vessels that nobody scripted. May hold: zones and belts crossed and headed for by the traffic of fleets. May not: scenes.

Borders do not ask who crosses them: a detector that tells of a ship of a fleet is right, and so zones can be judged in any scenario. A crossing is
as exact as one of a scene, and asked for, unless it is of a corridor (a cable that ships cross all day), of the belt along every coast, or of a
ship whose scene tells that crossing itself. What a ship crosses while its set is off is told as long as the silence, and never asked for: from
what was received nobody can know more than that it came out on the other side.

Who heads for a border is told as well, and never asked for: a ship of HEADS_KN and more whose leg, gone on with, meets the limit within HEADS_S,
and to which the limit comes nearer by SLANT of the way at least: who goes along it does not head for it. That is so of who crosses it then, of
who turns away before it, and of who turns to go along it.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from sim.area import Area, belt, crossings, depth_of, place_at
from sim.motion import Plan
from sim.scene import Fact
from sim.sea import coast
from sim.ship import BASE, Ship

MARGIN_DEG = 0.05
SCENES_OWN_S = 60.0
BELT_NM, BELT_NAME, BELT_KIND = 12.0, "belt-12nm", "territorial_sea"  # the belt that the product draws by itself
BELT_LOOK_S = 60.0
NEAR_BELT_NM = 1.0  # what the fastest ship does between two looks, and turns
SHIPS_MAX = 2_000  # of a larger sea nobody looks at every row
AHEAD_KINDS = ("border", "watch", "territorial_sea")
HEADS_S, HEADS_KN, SLANT = 1800.0, 3.0, 0.25
HEADS_STEP_S, TURN_S = 30.0, 60.0
BESIDE_NM = 1.0  # past the end of a line its sides meet without a border between them


@dataclass(slots=True, frozen=True)
class Limit:
    """What may be crossed: a zone of the scenario, or the belt. `crossed` gives [(second, inwards)] of a plan until a second."""

    name: str
    kind: str
    line: bool
    asked: bool
    crossed: Callable[[Plan, float], list[tuple[float, bool]]]
    away_nm: Callable[[np.ndarray, np.ndarray], np.ndarray]  # of places outside: how far the limit is; 0 or less in it


def crossing_facts(ships: Iterable[Ship], zones: list[Area], told: Iterable[Fact], until_s: float) -> list[Fact]:
    """Every crossing of a zone or of the belt by these ships, but those that `told` has a fact of already."""
    ships = [ship for ship in ships if ship.kind < BASE]
    limits = [_zone_limit(zone) for zone in zones]
    if len(ships) <= SHIPS_MAX:
        limits.append(Limit(BELT_NAME, BELT_KIND, False, False, _belt_crossed, _belt_away_nm))
    scripted = [(fact, fact.zone[0]) for fact in told if fact.type == "zone" and fact.zone is not None and not fact.innocent]
    known = [(id(ship), name, fact.subtype == "approach", *_around(fact)) for fact, name in scripted for ship in fact.ships]
    facts: list[Fact] = []
    for ship, limit in itertools.product(ships, limits):
        mine = [(heads, from_s, to_s) for who, name, heads, from_s, to_s in known if who == id(ship) and name == limit.name]
        crossed = limit.crossed(ship.plan, until_s)
        facts += _told(ship, limit, [one for one in crossed if not any(a <= one[0] <= b for heads, a, b in mine if not heads)], until_s)
        if limit.kind in AHEAD_KINDS:
            facts += [fact for fact in _headed(ship, limit, until_s) if not any(a <= fact.end_s and fact.start_s <= b for heads, a, b in mine if heads)]
    return facts


def _zone_limit(zone: Area) -> Limit:
    line = zone.line and not zone.buffer_nm
    return Limit(zone.id, zone.zone_kind, line, zone.zone_kind != "corridor", partial(_zone_crossed, zone), partial(_zone_away_nm, zone))


def _around(fact: Fact) -> tuple[float, float]:
    return fact.start_s - SCENES_OWN_S, fact.end_s + SCENES_OWN_S


def _told(ship: Ship, limit: Limit, found: list[tuple[float, bool]], until_s: float) -> list[Fact]:
    """A fact for each crossing that was sent, and for each silence in which the ship came to the other side."""
    facts, zone = [], (limit.name, limit.kind, "crossed")
    for silence, some in itertools.groupby(found, key=lambda crossing: _silence(ship.plan, crossing[0], until_s)):
        these = list(some)
        if silence is None:
            for t_s, inward in these:
                subtype, cause = "cross_line" if limit.line else "enter" if inward else "exit", f"crosses {limit.name} {'inwards' if inward else 'outwards'}"
                facts.append(Fact("zone", subtype, [ship], t_s, t_s, cause, *place_at(ship.plan, t_s), scored=limit.asked, point=True, zone=zone))
        elif len(these) % 2:
            place = place_at(ship.plan, these[0][0])
            facts.append(Fact("zone", "inferred_cross", [ship], *silence, f"crosses {limit.name} while silent", *place, scored=False, zone=zone))
    return facts


def _headed(ship: Ship, limit: Limit, until_s: float) -> list[Fact]:
    """A fact for each time that a ship heads for a limit."""
    spans: list[list[float]] = []
    for (begin_s, lat, lon, *_, on), (end_s, to_lat, to_lon, *_) in itertools.pairwise(ship.plan.knots):
        kn = math.hypot(to_lat - lat, (to_lon - lon) * math.cos(math.radians(lat))) * 60 / max(1.0, end_s - begin_s) * 3600
        if not on or kn < HEADS_KN or begin_s >= until_s or end_s <= 0:
            continue
        after_s = np.arange(0.0, end_s - begin_s + HEADS_S, HEADS_STEP_S)
        share = after_s / (end_s - begin_s)
        away_nm = limit.away_nm(lat + share * (to_lat - lat), lon + share * (to_lon - lon))
        met = np.flatnonzero((away_nm[:-1] > 0) & (away_nm[1:] <= 0) & (away_nm[:-1] - away_nm[1:] < BESIDE_NM))
        for at in met.tolist():
            was_in = np.flatnonzero(away_nm[:at] <= 0)  # it is ahead only since the ship left it
            meets_s, left_s = begin_s + float(after_s[at + 1]), begin_s + (float(after_s[was_in[-1] + 1]) if len(was_in) else 0.0)
            steep = [k for k in range(at + 1) if away_nm[k] >= SLANT * kn * float(after_s[at + 1] - after_s[k]) / 3600]
            if not steep:
                continue
            first, last = _longest(steep)
            span = [max(left_s, meets_s - HEADS_S, begin_s + float(after_s[first]), 0.0), min(end_s, begin_s + float(after_s[last + 1]), until_s)]
            if spans and len(was_in) == 0 and span[0] - spans[-1][1] <= TURN_S:
                spans[-1][1] = span[1]
            elif span[1] > span[0]:
                spans.append(span)
    zone = (limit.name, limit.kind, "near")
    return [Fact("zone", "approach", [ship], a, b, f"heads for {limit.name}", *place_at(ship.plan, a), scored=False, zone=zone) for a, b in spans]


def _longest(steps: list[int]) -> tuple[int, int]:
    """(first, last) of the longest run of numbers that follow one another."""
    runs = [list(run) for _, run in itertools.groupby(enumerate(steps), key=lambda pair: pair[1] - pair[0])]
    longest = max(runs, key=len)
    return longest[0][1], longest[-1][1]


def _zone_away_nm(zone: Area, lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
    margin = MARGIN_DEG + zone.buffer_nm / 30
    lats, lons = (np.array([point[k] for point in zone.points]) for k in (0, 1))
    meets = (lat_deg.min() <= lats.max() + margin) & (lat_deg.max() >= lats.min() - margin) & (lon_deg.min() <= lons.max() + margin)
    if not meets or lon_deg.max() < lons.min() - margin:
        return np.ones(len(lat_deg))
    depth = depth_of(zone)
    away = -np.array([depth(lat, lon) for lat, lon in zip(lat_deg.tolist(), lon_deg.tolist(), strict=True)])
    if zone.line and not zone.buffer_nm:
        return away if away[0] > 0 else -away  # from either side
    return away


def _belt_away_nm(lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
    lat, lon = np.rint(lat_deg * UNITS_PER_DEG).astype(np.int64), np.rint(((lon_deg + 180) % 360 - 180) * UNITS_PER_DEG).astype(np.int64)
    return coast().distance_nm(lat, lon) - BELT_NM


def _zone_crossed(zone: Area, plan: Plan, until_s: float) -> list[tuple[float, bool]]:
    """Crossings, looked for only on legs whose box meets that of the zone."""
    lats, lons = (np.array([point[k] for point in zone.points]) for k in (0, 1))
    margin, depth, found = MARGIN_DEG + zone.buffer_nm / 30, depth_of(zone), []
    for a, b in itertools.pairwise(plan.knots):
        begin_s, end_s = max(0.0, float(a[0])), float(min(b[0], until_s))
        lat_meets = min(a[1], b[1]) <= lats.max() + margin and max(a[1], b[1]) >= lats.min() - margin
        if end_s > begin_s and lat_meets and min(a[2], b[2]) <= lons.max() + margin and max(a[2], b[2]) >= lons.min() - margin:
            found += crossings(plan, depth, begin_s, end_s)
    return found


def _belt_crossed(plan: Plan, until_s: float) -> list[tuple[float, bool]]:
    """Crossings of the belt, looked for only where the ship is near its limit."""
    begin_s, end_s = max(0.0, float(plan.knots[0][0])), min(until_s, plan.t_s)
    if end_s <= begin_s:
        return []
    looks_s = np.append(np.arange(begin_s, end_s, BELT_LOOK_S), end_s)
    t_s, lat_deg, lon_deg = (np.array([knot[k] for knot in plan.knots]) for k in range(3))
    near = np.abs(_belt_away_nm(np.interp(looks_s, t_s, lat_deg), np.interp(looks_s, t_s, lon_deg))) < NEAR_BELT_NM
    found = []
    for begin, end in _runs(near[:-1] | near[1:]):
        found += crossings(plan, belt(BELT_NM), float(looks_s[begin]), float(looks_s[end]))
    return found


def _runs(wanted: np.ndarray) -> list[tuple[int, int]]:
    """[(first, after the last)] of every run of True."""
    edges = np.flatnonzero(np.diff(np.concatenate(([False], wanted, [False])).astype(np.int8)))
    return [(int(a), int(b)) for a, b in zip(edges[::2], edges[1::2], strict=True)]


def _silence(plan: Plan, t_s: float, until_s: float) -> tuple[float, float] | None:
    """From when to when the set is off around a moment; None if it is on."""
    last = max((k for k, knot in enumerate(plan.knots) if knot[0] <= t_s), default=0)
    if plan.knots[last][5]:
        return None
    first, after = last, last
    while first > 0 and not plan.knots[first - 1][5]:
        first -= 1
    while after < len(plan.knots) and not plan.knots[after][5]:
        after += 1
    return float(plan.knots[first][0]), float(plan.knots[after][0]) if after < len(plan.knots) else until_s
