"""Motion: where a vessel is at any moment, as a pure function of its plan. May hold: plans, the kernel that reads them.

May not: noise (radio adds it to what is reported), behaviours.

Theory: a plan is a row of knots (time, place) joined by legs of constant velocity; heading, status and "transmits" belong
to the leg that begins at a knot. Around a knot the velocity changes evenly for up to TURN_MS on either side, so that a
ship turns and slows instead of jumping: the place follows a parabola that touches both legs. Before its first knot and
after its last a vessel is not there. Nothing is integrated, so the place at a time does not depend on steps taken before.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from dogwatch.geo import KN_MS, NM_M
from dogwatch.kernel import kernel

KNOT_DTYPE = np.dtype(
    [
        ("t_ms", "<i8"),
        ("lat_deg", "<f8"),
        ("lon_deg", "<f8"),  # runs on beyond 180: wrapped when it is reported
        ("heading_deg", "<f4"),  # negative: the bow follows the course
        ("nav", "u1"),
        ("transmits", "u1"),
    ]
)
TURN_MS = 30_000
M_PER_DEG = NM_M * 60
_KNOTS = numba.from_dtype(KNOT_DTYPE)[::1]


class Plan:
    """Builds one vessel's knots. Times are seconds from the start of the world. Each call returns the plan, for chains."""

    def __init__(self, t_s: float, lat_deg: float, lon_deg: float) -> None:
        self.knots: list[tuple[float, float, float, float, int, int]] = [(t_s, lat_deg, lon_deg, -1.0, 0, 1)]

    @property
    def t_s(self) -> float:
        """Time of the last knot."""
        return self.knots[-1][0]

    @property
    def at(self) -> tuple[float, float]:
        """Place of the last knot, degrees."""
        return self.knots[-1][1], self.knots[-1][2]

    def to(self, lat_deg: float, lon_deg: float, speed_kn: float, *, nav: int = 0) -> Plan:
        """Go straight to a place."""
        lat, lon = self.at
        metres = math.hypot(lat_deg - lat, (lon_deg - lon) * math.cos(math.radians((lat + lat_deg) / 2))) * M_PER_DEG
        return self._leg(max(1.0, metres / (speed_kn * KN_MS)), lat_deg, lon_deg, -1.0, nav)

    def run(self, course_deg: float, speed_kn: float, seconds: float, *, nav: int = 0, heading_deg: float = -1.0) -> Plan:
        """Hold a course and speed for a time; with a heading, the bow does not follow the course (a drift)."""
        lat, lon = offset(*self.at, course_deg, speed_kn * KN_MS * seconds)
        return self._leg(seconds, lat, lon, heading_deg, nav)

    def stay(self, seconds: float, *, nav: int, heading_deg: float) -> Plan:
        """Lie still."""
        return self._leg(seconds, *self.at, heading_deg, nav)

    def copy(self) -> Plan:
        """The same way, to be changed by itself."""
        twin = Plan(*self.knots[0][:3])
        twin.knots = list(self.knots)
        return twin

    def silence(self, from_s: float, to_s: float) -> Plan:
        """Transmit nothing between two moments: the legs are cut there, the motion stays the same."""
        for moment in (from_s, to_s):
            self._cut(moment)
        self.knots = [(*k[:5], 0) if from_s <= k[0] < to_s else k for k in self.knots]
        return self

    def _leg(self, seconds: float, lat_deg: float, lon_deg: float, heading_deg: float, nav: int) -> Plan:
        t_s, lat, lon, _, _, on = self.knots[-1]
        self.knots[-1] = (t_s, lat, lon, heading_deg, nav, on)
        self.knots.append((t_s + seconds, lat_deg, lon_deg, heading_deg, nav, on))
        return self

    def _cut(self, moment: float) -> None:
        for i in range(len(self.knots) - 1):
            (t0, lat0, lon0, heading, nav, on), (t1, lat1, lon1, *_) = self.knots[i], self.knots[i + 1]
            if t0 < moment < t1:
                share = (moment - t0) / (t1 - t0)
                self.knots.insert(i + 1, (moment, lat0 + share * (lat1 - lat0), lon0 + share * (lon1 - lon0), heading, nav, on))
                return


def offset(lat_deg: float, lon_deg: float, course_deg: float, metres: float) -> tuple[float, float]:
    """The place `metres` away on a course (local plane), degrees."""
    north, east = metres * math.cos(math.radians(course_deg)), metres * math.sin(math.radians(course_deg))
    lat = lat_deg + north / M_PER_DEG
    return lat, lon_deg + east / M_PER_DEG / math.cos(math.radians((lat_deg + lat) / 2))


def bearing_deg(a: tuple[float, float], b: tuple[float, float]) -> float:
    """The course from one place to another (local plane), 0 to 360."""
    return math.degrees(math.atan2((b[1] - a[1]) * math.cos(math.radians((a[0] + b[0]) / 2)), b[0] - a[0])) % 360


def knot_rows(plan: Plan, t_start_ms: int) -> np.ndarray:
    """KNOT_DTYPE rows of a plan, times in UTC milliseconds, strictly rising."""
    rows = np.array([(t_start_ms + round(k[0] * 1000), *k[1:]) for k in plan.knots], KNOT_DTYPE)
    return rows[np.concatenate(([True], np.diff(rows["t_ms"]) > 0))]


@kernel("int64(int64, int64, int64)")
def _half_turn_ms(before_ms, at_ms, after_ms):
    """Half the time a change of leg takes: TURN_MS, less where a leg is short."""
    return min(TURN_MS, (at_ms - before_ms) // 2, (after_ms - at_ms) // 2)


@kernel(numba.types.int64(_KNOTS, numba.types.int64, numba.types.int64, numba.types.int64, numba.types.int64))
def straight_until(knots, first, last, leg, t_ms):
    """Moment before which course, speed and status stay as they are at a time on a leg; that time itself where one leg changes into the next."""
    begin, end = knots[leg]["t_ms"], knots[leg + 1]["t_ms"]
    if leg > first and t_ms < begin + _half_turn_ms(knots[leg - 1]["t_ms"], begin, end):
        return t_ms
    if leg + 2 >= last:
        return end
    half = _half_turn_ms(begin, end, knots[leg + 2]["t_ms"])
    return max(t_ms, end - half + 1) if half > 0 else end


@kernel(numba.types.UniTuple(numba.types.float64, 7)(_KNOTS, numba.types.int64, numba.types.int64, numba.types.int64))
def state_at(knots, first, last, t_ms):
    """State of the plan knots[first:last] at a time.

    Returns (lat_deg, lon_deg, north_ms, east_ms, turn_deg_min, heading_deg, leg): metres per second over ground, rate
    of turn of the course, heading -1 where it follows the course, index of the leg's knot; leg -1: the vessel is not there.
    """
    if last - first < 2 or t_ms < knots[first]["t_ms"] or t_ms >= knots[last - 1]["t_ms"]:
        return 0.0, 0.0, 0.0, 0.0, 0.0, -1.0, -1.0
    low, high = first, last - 1
    while high - low > 1:
        middle = (low + high) // 2
        if knots[middle]["t_ms"] <= t_ms:
            low = middle
        else:
            high = middle
    t0, t1 = knots[low]["t_ms"], knots[low + 1]["t_ms"]
    lat0, lon0 = knots[low]["lat_deg"], knots[low]["lon_deg"]
    v_lat, v_lon = (knots[low + 1]["lat_deg"] - lat0) / (t1 - t0), (knots[low + 1]["lon_deg"] - lon0) / (t1 - t0)
    lat, lon = lat0 + v_lat * (t_ms - t0), lon0 + v_lon * (t_ms - t0)
    a_lat, a_lon = 0.0, 0.0
    scale = math.cos(lat * math.pi / 180)
    for side in range(2):
        knot = low + side  # the knot behind, then the knot ahead
        if knot == first or knot == last - 1:
            continue
        before, at, after = knots[knot - 1]["t_ms"], knots[knot]["t_ms"], knots[knot + 1]["t_ms"]
        half = _half_turn_ms(before, at, after)
        u = t_ms - at
        if half <= 0 or u >= half or u <= -half:
            continue
        k_lat, k_lon = knots[knot]["lat_deg"], knots[knot]["lon_deg"]
        b_lat, b_lon = (k_lat - knots[knot - 1]["lat_deg"]) / (at - before), (k_lon - knots[knot - 1]["lon_deg"]) / (at - before)
        d_lat = (knots[knot + 1]["lat_deg"] - k_lat) / (after - at) - b_lat
        d_lon = (knots[knot + 1]["lon_deg"] - k_lon) / (after - at) - b_lon
        bend, share = (u + half) * (u + half) / (4.0 * half), (u + half) / (2.0 * half)
        lat, lon = k_lat + b_lat * u + d_lat * bend, k_lon + b_lon * u + d_lon * bend
        v_lat, v_lon = b_lat + d_lat * share, b_lon + d_lon * share
        a_lat, a_lon = d_lat / (2.0 * half), d_lon / (2.0 * half)
    north, east = v_lat * 1000.0 * M_PER_DEG, v_lon * 1000.0 * M_PER_DEG * scale
    speed_2 = north * north + east * east
    turn = 0.0
    if speed_2 > 0.0625:  # half a knot: below it a course has no meaning
        cross = north * (a_lon * 1e6 * M_PER_DEG * scale) - east * (a_lat * 1e6 * M_PER_DEG)
        turn = cross / speed_2 * 60.0 * 180.0 / math.pi
    return lat, lon, north, east, turn, np.float64(knots[low]["heading_deg"]), np.float64(low)
