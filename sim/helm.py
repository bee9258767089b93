"""The helm: how a scripted ship keeps off the land. May hold: legs that turn aside before a coast. May not: what a scene is about, ways between ports.

A scene decides what its ships do at one place; what they do before and after must only be plausible and at sea. So they hold
their course, and where land is ahead they turn off by as little as needed, leg by leg. The way to a place is the same thing
sailed backwards. Nothing is drawn: equal arguments give equal ways.
"""

from __future__ import annotations

import itertools
import math

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.geo import KN_MS, NM_M
from sim.motion import M_PER_DEG, Plan, offset
from sim.sea import Point, coast
from sim.ship import NAV_MOORED

LEG_NM = 2.5  # a look ahead, and a leg
MARGIN_NM = 1.0  # kept from the coast, where a ship does not begin nearer to it
STEP_NM = 0.2  # between two looks at the chart
NEAREST_NM = 0.03  # to the coast of the chart that counts as afloat
TURNS_DEG = (0.0, 15.0, -15.0, 30.0, -30.0, 45.0, -45.0, 60.0, -60.0, 80.0, -80.0, 100.0, -100.0, 120.0, -120.0, 150.0, -150.0, 180.0)
BERTH_NM = 0.2
LEG_S_MIN = 60.0
SLOW_KN, SLOW_S = 3.0, 240.0  # the last minutes of an approach
STEERAGE_KN, SLOWING_S = 1.5, 150.0  # of who stops because there is no water ahead


def afloat(points: list[Point], margin_nm: float = NEAREST_NM) -> bool:
    """Does the line through the points keep to the water, at least `margin_nm` from the coast?"""
    return bool((_room_nm(*_line(points)) >= margin_nm).all())


def keeps_to_water(plan: Plan) -> bool:
    """Is every leg of a plan at sea? Within BERTH_NM of where it lies moored the shore may be nearer than elsewhere."""
    lat, lon = _line([(k[1], k[2]) for k in plan.knots])
    room_nm = _room_nm(lat, lon)
    near = room_nm < NEAREST_NM
    for lat_moored, lon_moored in {(k[1], k[2]) for k in plan.knots if k[4] == NAV_MOORED}:
        near &= np.hypot(lat - lat_moored, (lon - lon_moored) * math.cos(math.radians(lat_moored))) * 60 > BERTH_NM
    return bool((room_nm > 0).all() and not near.any())


def seaward_deg(at: Point) -> float:
    """The course on which the shore falls away fastest: where a ship comes from that makes for a port, or runs aground."""
    courses = np.arange(0.0, 360.0, 15.0)
    ends = np.array([[offset(*at, course, miles * NM_M) for miles in (1.0, 3.0, 6.0)] for course in courses.tolist()])
    room = _room_nm(ends[..., 0].ravel(), ends[..., 1].ravel()).reshape(-1, 3)
    return float(courses[int(np.argmax(room.min(axis=1) * 100 + room.sum(axis=1)))])


def sail(plan: Plan, course_deg: float, speed_kn: float, seconds: float, *, nav: int = 0) -> Plan:
    """Go on for a time on a course, turning aside where land is ahead; without any way out, lie still."""
    end_s = plan.t_s + seconds
    while plan.t_s < end_s:
        leg_s = min(LEG_NM * NM_M / (speed_kn * KN_MS), end_s - plan.t_s)
        course = _free_course(plan.at, course_deg)
        if course is None:
            if len(plan.knots) > 1:  # under way: no ship stops dead
                plan.run(course_deg, max(STEERAGE_KN, speed_kn / 4), min(SLOWING_S, end_s - plan.t_s), nav=nav)
            return plan.stay(end_s - plan.t_s, nav=nav, heading_deg=course_deg % 360) if plan.t_s < end_s else plan
        course_deg = course
        plan.run(course_deg, speed_kn, leg_s, nav=nav)
    return plan


def arrive(at: Point, at_s: float, from_deg: float, speed_kn: float, *, gate_nm: float = 0.0) -> Plan:
    """A plan that reaches a place at a time from a side, slowing down over the last minutes (not with `gate_nm`: then at speed).

    It begins a minute before the world. With a `gate_nm` the last miles are straight. `at_s` <= 0: it lies there.
    """
    if at_s <= 0:
        return Plan(-60, *at) if at_s <= -60 else Plan(-60, *at).stay(60 + at_s, nav=0, heading_deg=(from_deg + 180) % 360)
    whole_s = at_s + 60
    last_kn, last_s = (speed_kn, min(gate_nm * NM_M / (speed_kn * KN_MS), whole_s)) if gate_nm else (SLOW_KN, min(SLOW_S, whole_s))
    back = Plan(0, *at).run(from_deg, last_kn, last_s)
    if whole_s > last_s:
        sail(back, from_deg, speed_kn, whole_s - last_s)
    plan = Plan(-60, *back.at)
    plan.knots = [(at_s - t_s, lat, lon, -1.0, 0, 1) for t_s, lat, lon, *_ in reversed(back.knots)]
    return plan


def through(at: Point, at_s: float, course_deg: float, speed_kn: float, until_s: float, *, straight_s: float = 600.0) -> Plan:
    """A plan that passes a place at a time, straight for `straight_s` on either side of it, and lasts as long as the world."""
    plan = arrive(at, at_s, course_deg + 180, speed_kn, gate_nm=speed_kn * straight_s / 3600).run(course_deg, speed_kn, straight_s)
    return sail(plan, course_deg, speed_kn, max(LEG_S_MIN, until_s - plan.t_s))


def _free_course(at: Point, course_deg: float) -> float | None:
    """The course nearest to the wanted one that has water ahead for a leg and a half."""
    margin_nm = max(NEAREST_NM, min(MARGIN_NM, 0.9 * float(_room_nm(np.array([at[0]]), np.array([at[1]]))[0])))
    for turn_deg in TURNS_DEG:
        if afloat([at, offset(*at, course_deg + turn_deg, 1.5 * LEG_NM * NM_M)], margin_nm):
            return (course_deg + turn_deg) % 360
    return None


def _line(points: list[Point]) -> tuple[np.ndarray, np.ndarray]:
    """Latitudes and longitudes along the line through the points, STEP_NM apart."""
    lats, lons = [np.array([points[0][0]])], [np.array([points[0][1]])]
    for (lat0, lon0), (lat1, lon1) in itertools.pairwise(points):
        metres = math.hypot(lat1 - lat0, (lon1 - lon0) * math.cos(math.radians((lat0 + lat1) / 2))) * M_PER_DEG
        share = np.linspace(0, 1, 2 + int(metres / NM_M / STEP_NM))
        lats.append(lat0 + share * (lat1 - lat0))
        lons.append(lon0 + share * (lon1 - lon0))
    return np.concatenate(lats), np.concatenate(lons)


def _room_nm(lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
    """float64[n] miles to the coast, 0 on land."""
    lat, lon = np.rint(lat_deg * UNITS_PER_DEG).astype(np.int64), np.rint(((lon_deg + 180) % 360 - 180) * UNITS_PER_DEG).astype(np.int64)
    return coast().distance_nm(lat, lon)
