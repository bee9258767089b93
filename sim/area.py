"""Areas: zones that belong to a scenario, and how deep in one a place is. May hold: their table, their geometry, crossings of a plan.

May not: the zones that the product ships (`zones/`), what a crossing means. A border is a `Depth`: nautical miles inside, negative
outside; for a line, miles to its left. So a polygon, a line and the belt along a coast are asked in one way.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from sim.motion import Plan, knot_rows, state_at
from sim.sea import Point, shore_nm

Depth = Callable[[float, float], float]
LOOK_S = 10.0  # between two looks for a crossing: shorter dips are not seen
EXACT_S = 0.05
BEYOND_NM = 0.05


class Area(msgspec.Struct, forbid_unknown_fields=True):
    """A zone that belongs to the scenario: a border, a corridor, a watched sea. `dogwatch sim --zones FILE` writes them as GeoJSON."""

    id: str
    zone_kind: str
    points: list[Point]
    name: str = ""
    line: bool = False
    buffer_nm: float = 0.0


@dataclass(slots=True, frozen=True)
class Border:
    """What a scene crosses: id and kind of a zone, and its depth."""

    name: str
    kind: str
    depth: Depth
    line: bool = False


def legs(area: Area) -> list[tuple[Point, Point]]:
    """The sides of an area (closed), or the legs of a line."""
    points = area.points if area.line or area.points[0] == area.points[-1] else [*area.points, area.points[0]]
    return list(itertools.pairwise(points))


def depth_of(area: Area) -> Depth:
    """How deep inside an area a place is; a line with a buffer is the strip along it, one without is its left side."""
    sides = legs(area)

    def depth_nm(lat_deg: float, lon_deg: float) -> float:
        away = [_leg_nm(lat_deg, lon_deg, a, b) for a, b in sides]
        nearest = min(away, key=abs)
        if area.line:
            return area.buffer_nm - abs(nearest) if area.buffer_nm else nearest
        inside = sum(_crosses_north(lat_deg, lon_deg, a, b) for a, b in sides) % 2 == 1
        return abs(nearest) if inside else -abs(nearest)

    return depth_nm


def belt(width_nm: float) -> Depth:
    """The belt along all coasts (a territorial sea as the shipped coast has it)."""
    return lambda lat_deg, lon_deg: width_nm - shore_nm(lat_deg, lon_deg)


def crossings(plan: Plan, depth: Depth, from_s: float, to_s: float) -> list[tuple[float, bool]]:
    """[(second, inwards)] of every change of side of a plan between two times, exact to EXACT_S."""
    rows = knot_rows(plan, 0)

    def inside(t_s: float) -> bool | None:
        lat, lon, *_, leg = state_at(rows, 0, len(rows), round(t_s * 1000))
        return None if leg < 0 else depth(lat, lon) >= 0

    found = []
    steps = max(1, math.ceil((to_s - from_s) / LOOK_S))
    times = [from_s + (to_s - from_s) * k / steps for k in range(steps + 1)]
    for (earlier, before), (later, after) in itertools.pairwise([(t, inside(t)) for t in times]):
        if before is None or after is None or before == after:
            continue
        low, high = earlier, later
        while high - low > EXACT_S:
            middle = (low + high) / 2
            low, high = (middle, high) if inside(middle) == before else (low, middle)
        lat, lon, *_ = state_at(rows, 0, len(rows), round(high * 1000))
        if abs(depth(lat, lon)) < BEYOND_NM:  # past the end of a line its sides meet without a border between them
            found.append(((low + high) / 2, after))
    return found


def place_at(plan: Plan, t_s: float) -> Point:
    """Where a plan is at a time (seconds of world time)."""
    rows = knot_rows(plan, 0)
    lat, lon, *_, leg = state_at(rows, 0, len(rows), round(t_s * 1000))
    assert leg >= 0, "asked outside the plan"
    return float(lat), float(lon)


def inward_deg(depth: Depth, lat_deg: float, lon_deg: float) -> float:
    """The bearing in which the depth grows fastest."""
    step = 0.5 / 60
    north = depth(lat_deg + step, lon_deg) - depth(lat_deg - step, lon_deg)
    wide = step / math.cos(math.radians(lat_deg))
    east = depth(lat_deg, lon_deg + wide) - depth(lat_deg, lon_deg - wide)
    return math.degrees(math.atan2(east, north)) % 360


def _leg_nm(lat: float, lon: float, a: Point, b: Point) -> float:
    """Miles from a leg, positive to its left, in the plane of the place (good for the tens of miles of a scene)."""
    scale = math.cos(math.radians(lat))
    x0, y0 = _east(a[1] - lon) * 60 * scale, (a[0] - lat) * 60
    dx, dy = _east(b[1] - a[1]) * 60 * scale, (b[0] - a[0]) * 60
    share = min(1.0, max(0.0, -(x0 * dx + y0 * dy) / max(1e-12, dx * dx + dy * dy)))
    distance = math.hypot(x0 + share * dx, y0 + share * dy)
    return distance if dx * -y0 - dy * -x0 >= 0 else -distance


def _crosses_north(lat: float, lon: float, a: Point, b: Point) -> bool:
    """Does the meridian north of the place meet the side a-b?"""
    x0, x1 = _east(a[1] - lon), _east(b[1] - lon)
    if abs(x0 - x1) > 180 or (x0 > 0) == (x1 > 0):
        return False
    return a[0] + (b[0] - a[0]) * -x0 / (x1 - x0) > lat


def _east(degrees: float) -> float:
    return (degrees + 180) % 360 - 180
