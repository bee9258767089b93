"""Slow, obvious twins of the kernels about motion: lists, trigonometry, one vessel at a time."""

from __future__ import annotations

import itertools
import math
import statistics

from dogwatch.geo import KN_MS, M_PER_UNIT, cos_lat, distance_m, lon_difference


def way_of(points, tick_ms, *, window_s=2400.0, kn=(0.3, 3.0), net_min_m=500.0, straight_min=0.8, off_bow_deg=40.0):
    """One vessel's way in the window before a tick, or None. points: (t_ms, lat, lon, heading or None), in order of time."""
    points = [p for p in points if tick_ms - p[0] <= window_s * 1000]
    if len(points) < 3:
        return None
    span_ms = points[-1][0] - points[0][0]
    if span_ms < window_s * 1000 - 300_000 or len(points) * 300 < window_s or any(b[0] - a[0] > 900_000 for a, b in itertools.pairwise(points)):
        return None
    net_m = _apart(points[0], points[-1])
    speed_kn = net_m / (span_ms / 1000) / KN_MS
    if net_m < net_min_m or not kn[0] <= speed_kn <= kn[1]:
        return None
    steps = [points[0]]
    for p in points[1:]:
        if p[0] - steps[-1][0] >= 290_000 or p is points[-1]:
            steps.append(p)
    path_m = sum(_apart(a, b) for a, b in itertools.pairwise(steps))
    if net_m < straight_min * path_m:
        return None
    half = [p for p in points if p[0] - points[0][0] <= span_ms // 2][-1]
    if not 0.2 * net_m <= _apart(points[0], half) <= 0.8 * net_m:
        return None
    whole = _bearing(points[0], points[-1], points)
    legs = [points[0]]
    for p in points[1:]:
        if p[0] - legs[-1][0] >= 590_000:
            legs.append(p)
    spread = max((180.0 if a[1:3] == b[1:3] else _angle(_bearing(a, b, points), whole) for a, b in itertools.pairwise(legs)), default=0.0)  # no leg, no course
    off = [_angle(p[3], whole) for p in points if p[3] is not None]
    return {
        "points": len(points),
        "headings": len(off),
        "across": sum(off_bow_deg <= angle <= 180 - off_bow_deg for angle in off),
        "net_m": net_m,
        "path_m": path_m,
        "spread_deg": spread,
        "first_ms": points[0][0],
        "last_ms": points[-1][0],
    }


def _apart(a, b):
    return distance_m(a[1], a[2], b[1], b[2])


def _bearing(a, b, points):
    scale = cos_lat((points[0][1] + points[-1][1]) // 2)
    return math.degrees(math.atan2(lon_difference(b[2], a[2]) * M_PER_UNIT * scale, (b[1] - a[1]) * M_PER_UNIT)) % 360


def _angle(a, b):
    return abs((a - b + 180) % 360 - 180)


class Passages:
    """Sudden stops of one vessel, report by report, with the whole history of speeds."""

    def __init__(self, fast_kn, stopped_kn, resume_kn, within_s):
        self.marks, self.within_s = (fast_kn, stopped_kn, resume_kn), within_s
        self.stage, self.candidates, self.stop_ms, self.fast_ms = "none", 0, 0, 0
        self.last = None  # (t_ms, knots as last known)

    def take(self, t_ms, kn, *, first):
        """One accepted report; kn None where it told no speed (the vessel stays where it is, so a derived one is 0)."""
        fast, stopped, resume = self.marks
        before = self.last
        if kn is None:
            derived = before is not None and not first and t_ms - before[0] >= 30_000
            self.last = (t_ms, 0.0 if derived else (before[1] if before else -1.0))
            return
        self.last = (t_ms, kn)
        if before is None or first:
            return
        if before[1] > fast >= kn:
            self.fast_ms = before[0]
        if before[1] >= stopped > kn and t_ms - self.fast_ms <= self.within_s * 1000 and self.stage != "lies":
            self.stage, self.stop_ms = "candidate", t_ms
            self.candidates += 1
        if kn >= resume > before[1] or (kn >= stopped > before[1] and self.stage == "candidate"):
            self.stage = "none"


class Legs:
    """Legs of one vessel as a list, newest last: (north_m, east_m) in five minutes, None unknown."""

    def __init__(self):
        self.base, self.legs, self.usual, self.turned = None, [], None, False

    def close(self, fix, tick_ms):
        """fix: (t_ms, lat, lon) of the last report before the tick, or None. Returns the flags of the leg."""
        flags, self.turned = {"turned before"} if self.turned else set(), False
        if fix is None or fix[0] < tick_ms - 300_000:
            if self.base:
                self.legs.append(None)
            return flags
        if self.base is None:
            self.base = fix
            self.legs.append(None)
            return flags
        span_ms = fix[0] - self.base[0]
        if span_ms < 60_000:
            self.legs.append(self.legs[-1] if self.legs else None)
            return flags
        north = (fix[1] - self.base[1]) * M_PER_UNIT * 300_000 / span_ms
        east = lon_difference(fix[2], self.base[2]) * M_PER_UNIT * cos_lat(fix[1]) * 300_000 / span_ms
        self.base = fix
        if span_ms > 900_000 or max(abs(north), abs(east)) >= 12_300:
            self.legs.append(None)
            return flags
        self.legs.append((int(north), int(east)))
        kn = math.hypot(north, east) / 300 / KN_MS
        if kn >= 20.0:
            flags.add("fast")
        if self.usual is None:
            self.usual = max(kn, 0.01)
        else:
            if abs(kn - self.usual) >= 3.0:
                flags.add("stepped")
            self.usual = max(0.01, self.usual + min(0.1, max(-0.1, kn - self.usual)))
        before = self.legs[-2] if len(self.legs) > 1 else None
        earlier = self.legs[-3] if len(self.legs) > 2 and before else None
        if before and kn <= 3.0 < math.hypot(*before) / 300 / KN_MS:
            flags.add("slowed")
        if earlier and kn > 3.0 and math.hypot(*earlier) / 300 / KN_MS > 3.0:
            apart = abs(math.degrees(math.atan2(east, north) - math.atan2(earlier[1], earlier[0])) + 180) % 360 - 180
            if abs(apart) >= 60.0:
                flags.add("turned")
                self.turned = True
        return flags


def arrival_of(legs, *, before_kn=5.0, turn_deg=30.0, stray_m=0.7 * 1852):
    """(legs since she left her course, legs steady before it, (north_m, east_m) from there to here), or None.

    legs: (north_m, east_m), newest last, none unknown.
    """
    at = [(0.0, 0.0)]
    for north, east in reversed(legs):
        at.append((at[-1][0] - north, at[-1][1] - east))
    for turning in (0, 1, 2):
        for k in range(2, len(legs) - 1 - turning):
            left = k + turning
            course = _course((at[left][0] - at[left + 2][0], at[left][1] - at[left + 2][1]))
            steady = 0
            for leg in list(reversed(legs))[left:]:
                if math.hypot(*leg) / 300 / KN_MS < before_kn or _angle(_course(leg), course) > 15.0:
                    break
                steady += 1
            way = -at[k][0], -at[k][1]
            if steady < 2 or math.hypot(*way) == 0 or _angle(_course(way), course) < turn_deg:
                continue
            if all(abs(at[j][0] * at[k][1] - at[j][1] * at[k][0]) / math.hypot(*at[k]) <= stray_m for j in range(1, k)):
                return left, steady, (-at[left][0], -at[left][1])
    return None


def _course(leg):
    """Degrees clockwise from north of (north_m, east_m)."""
    return math.degrees(math.atan2(leg[1], leg[0]))


def moved_on(lat, lon, north, east, seconds):
    """(lat, lon) in units of a ship after so many seconds at metres a second north and east, on a sphere cut flat at her latitude."""
    lon += east * seconds / (M_PER_UNIT * math.cos(math.radians(lat / 600_000)))
    return lat + north * seconds / M_PER_UNIT, (lon + 108_000_000) % 216_000_000 - 108_000_000


def word_of(times, reports_min, forget_ms):
    """(first, last, number of reports) of the running word after reports of a status at these times, and the times at which it had been said often enough."""
    word, often = [], []
    for t in times:
        word = [*word, t] if word and t - word[-1] <= forget_ms else [t]
        often += [t] if len(word) == reports_min else []
    return word[0], word[-1], len(word), often


def approaches(ships, *, range_m=6 * 1852.0, cpa_m=0.25 * 1852.0, factor=3.0, tcpa_max=1200.0):
    """{(i, j): (cpa_m, tcpa_s)} of ships (lat, lon units, north and east m/s, length) at risk: all with all, the way stepped through."""
    found = {}
    for i, a in enumerate(ships):
        for j in range(i + 1, len(ships)):
            b = ships[j]
            low = min(a, b, key=lambda s: s[0])
            y = (b[0] - a[0]) * M_PER_UNIT
            x = lon_difference(b[1], a[1]) * M_PER_UNIT * cos_lat(low[0])
            v = b[2] - a[2], b[3] - a[3]
            if math.hypot(x, y) > range_m or math.hypot(*v) < 0.5 * KN_MS:
                continue
            t = -(y * v[0] + x * v[1]) / (v[0] ** 2 + v[1] ** 2)
            near_m = math.hypot(y + v[0] * t, x + v[1] * t)
            course = _angle(math.degrees(math.atan2(a[3], a[2])), math.degrees(math.atan2(b[3], b[2])))
            limit_m = cpa_m if math.cos(math.radians(course)) <= -0.966 else max(cpa_m, factor * max(a[4], b[4]))
            if 0 <= t <= tcpa_max and near_m < limit_m:
                found[i, j] = near_m, t
    return found


def step_of(legs, *, step_kn=4.0, deviations=5.0, legs_min=8):
    """(usual, deviation, now) knots, or None. legs: knots, newest last, all known, at most 24."""
    before, last = [kn for kn in legs[:-3] if kn >= 3.0], legs[-3:]
    if len(legs) < legs_min + 3 or len(before) < legs_min or min(last) < 3.0 or legs[-4] < 3.0:
        return None
    usual = statistics.median(before)
    deviation = max(0.3, 1.4826 * statistics.median(abs(kn - usual) for kn in before))
    if abs(before[-1] - usual) >= step_kn or any(abs(kn - usual) < step_kn or abs(kn - usual) <= deviations * deviation for kn in last):
        return None
    return usual, deviation, min(last, key=lambda kn: abs(kn - usual))


def turn_of(legs, *, turn_deg=60.0, steady_min=6):
    """Whether the last two of (knots, degrees) legs, newest last, are a kept turn off steady ones (the third last may be anything)."""
    if len(legs) < steady_min + 3:
        return False
    old, last = legs[-3 - steady_min : -3], legs[-2:]
    if min(kn for kn, _ in old + last) < 3.0 or _angle(last[0][1], last[1][1]) > math.degrees(math.acos(0.94)):
        return False
    north, east = (sum(kn * f(math.radians(deg)) for kn, deg in old) for f in (math.cos, math.sin))
    course = math.degrees(math.atan2(east, north))
    return all(_angle(deg, course) <= math.degrees(math.acos(0.94)) for _, deg in old) and all(_angle(deg, course) >= turn_deg for _, deg in last)
