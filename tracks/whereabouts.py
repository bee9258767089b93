"""Whereabouts: where may the hull of a track be by now, and how well does a fix suit that? May hold: ways, reckoning, what is on nobody's way.

May not: change a track (sisters.py), decide whose a fix is (association.py).

Theory. A hull goes on at about the speed it tells, turns as it likes, and makes no more than its type allows for long. Near the way that it can
have made since it was last heard (`miss_m`) a fix needs no other explanation; out of all reach (`reachable_m`) it is another hull's or a false one.
Between several tracks that all could, reckoning at unchanged course and speed decides (`reckoned_off_m`), and after a long silence how well the fix
suits each (`suits`).
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float64, int64, types

from dogwatch.batch import COG_MISSING, T_MISSING
from dogwatch.geo import KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel
from tracks.records import BELIEVED, HOT_TYPE, MORE_TYPE, PLAIN, TENTATIVE

NOISE_M = 60.0  # two GNSS errors, an antenna's swing, rounding
WAY = 2.2  # times the way at the speed told: speeds grow between reports
REST_KN = 0.5  # no faster: at rest
SLOW_KN = 3.0  # geography is asked for vessels no faster than this, and one that lies still may be silent for longer
IN_LINE = math.cos(math.radians(30.0))  # so near its course a fix lies that was stamped wrongly, whatever she turned meanwhile
SPRINT_S, CRUISE_KN = 900.0, 12.0  # nobody sails at full speed for hours: after a quarter of an hour this much way an hour is allowed
RECKON_S = 7200.0  # of several tracks that a fix may belong to, the one wins that steers towards it, as far ahead as this
RETURN_MS = 60 * 3_600_000  # silent for so long, a track begins anew (GlobalFishingWatch's segmenter: 2.5 days)
CROWD_KN = 25.0  # a hull of a shared number: so fast, but in h hours no farther than the root of h allows
SLACK_H = 0.25  # as if it had been silent for so long at least
AS_TOLD_H = 1.0  # and for so long at the speed that it told
CROWD_SHAPE = 5.0  # how quickly a fix suits less the farther off it is, in reaches
NEVER = -1e9


@kernel(float64(HOT_TYPE[::1], MORE_TYPE[::1], int64), **PLAIN)
def told_kn(rows, more, slot):
    """Speed of a track; one that is not believed keeps it in MORE, because sweeps go by the speed in HOT."""
    believed = more[slot]["belief"] == BELIEVED
    return np.float64(rows[slot]["speed_kn"]) if believed else np.float64(more[slot]["typical_kn"])


@kernel(float64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64, float64), **PLAIN)
def miss_m(rows, more, slot, t, lat, lon, speed_kn):
    """How much farther than explained a fix lies from a track, in metres; <= 0: it agrees."""
    v = rows[slot]
    dt_s = max(0, t - v["t_ms"]) / 1000.0
    way_m = max(speed_kn, told_kn(rows, more, slot), 0.0) * KN_MS * dt_s
    return distance_m(v["lat"], v["lon"], lat, lon) - NOISE_M - WAY * way_m


@kernel(float64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, types.UniTuple(float64, 4)), **PLAIN)
def reachable_m(rows, more, slot, t, limits):
    """Metres that the hull of a track may have made since it was last seen: by type, and never less than what it tells of itself."""
    kind = np.int64(more[slot]["ship_type"])
    limit_kn = limits[0]
    if 40 <= kind <= 49 or kind == 51:
        limit_kn = limits[1]
    elif 70 <= kind <= 89:
        limit_kn = limits[2]
    own_kn = 1.2 * told_kn(rows, more, slot)
    dt_s = (t - rows[slot]["t_ms"]) / 1000.0
    sprint_s = min(dt_s, SPRINT_S)
    return (max(limit_kn, own_kn) * (sprint_s + limits[3]) + max(CRUISE_KN, own_kn) * (dt_s - sprint_s)) * KN_MS


@kernel("float64(int64)", **PLAIN)
def cosine(turn):
    """Cosine of an angle in 1/600000 degree."""
    a = abs(turn) % 216_000_000
    a = min(a, 216_000_000 - a)
    if a <= 54_000_000:
        return 0.0 if a > 53_400_000 else cos_lat(a)
    return 0.0 if 108_000_000 - a > 53_400_000 else -cos_lat(108_000_000 - a)


@kernel(float64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64), **PLAIN)
def reckoned_off_m(rows, more, slot, t, lat, lon):
    """Distance of a fix from where a track would be now at unchanged course and speed (up to RECKON_S), or from where it was seen: the nearer."""
    v = rows[slot]
    d = distance_m(v["lat"], v["lon"], lat, lon)
    dt_s = (t - v["t_ms"]) / 1000.0
    speed_kn = told_kn(rows, more, slot)
    if speed_kn < 0.5 or v["cog"] >= COG_MISSING or dt_s > RECKON_S or dt_s <= 0.0:
        return d
    turn = np.int64(v["cog"]) * 60_000
    way_units = speed_kn * KN_MS * dt_s / M_PER_UNIT
    north, east = cosine(turn), cosine(54_000_000 - turn)
    to_lat = v["lat"] + np.int64(way_units * north)
    to_lon = v["lon"] + np.int64(way_units * east / max(0.1, cos_lat(v["lat"])))
    dy = (lat - to_lat) * M_PER_UNIT
    dx = lon_difference(lon_difference(lon, v["lon"]), to_lon - v["lon"]) * M_PER_UNIT * cos_lat(lat)
    return min(d, math.sqrt(dy * dy + dx * dx))


@kernel(float64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64), **PLAIN)
def suits(rows, more, slot, t, lat, lon):
    """How well a fix suits a hull of a shared number, as a logarithm; NEVER: it cannot have come there, or there is no such hull."""
    v, belief = rows[slot], more[slot]["belief"]
    if belief not in (BELIEVED, TENTATIVE) or v["t_ms"] == T_MISSING or t - v["t_ms"] > RETURN_MS:
        return NEVER
    hours = (t - v["t_ms"]) / 3_600_000.0
    spent = math.sqrt(hours * hours + SLACK_H * SLACK_H) / (1.0 + math.sqrt(hours))
    reach_m = max(CROWD_KN * spent, 1.2 * told_kn(rows, more, slot) * min(hours, AS_TOLD_H)) * NM_M
    if distance_m(v["lat"], v["lon"], lat, lon) > reach_m:
        return NEVER
    off = reckoned_off_m(rows, more, slot, t, lat, lon) / reach_m
    return -((CROWD_SHAPE * off) ** 2) - math.log(spent)


@kernel(boolean(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64, float64), **PLAIN)
def is_elsewhere(rows, more, slot, lat, lon, cog, speed_kn):
    """Whether a fix of the same second as a track's last one is another hull's: farther off than antennas explain, and not on the way of either."""
    v = rows[slot]
    if distance_m(v["lat"], v["lon"], lat, lon) <= NOISE_M + more[slot]["loa_m"]:
        return False
    own_kn = told_kn(rows, more, slot)
    if max(speed_kn, own_kn) < REST_KN:
        return min(speed_kn, own_kn) >= 0.0
    north, east = np.float64(lat - v["lat"]), lon_difference(lon, v["lon"]) * cos_lat(lat)
    along, known, mid_north, mid_east = IN_LINE * math.sqrt(north * north + east * east), False, 0.0, 0.0
    for course, kn in ((np.int64(v["cog"]), own_kn), (cog, speed_kn)):
        if kn >= SLOW_KN and course < COG_MISSING:  # slower, a course is mostly noise
            to_north, to_east, known = cosine(course * 60_000), cosine(54_000_000 - course * 60_000), True
            if abs(north * to_north + east * to_east) > along:
                return False
            mid_north += to_north
            mid_east += to_east
    # in an even turn the way between two places points half-way between the courses there
    return known and abs(north * mid_north + east * mid_east) <= along * math.sqrt(mid_north * mid_north + mid_east * mid_east)
