"""Laws of the radio: how often a set reports, how far it reaches, what is heard of it. May hold: laws without a state.

May not: schedules (schedule), slots (slots), receivers (reception), messages (message). Intervals: ITU-R M.1371-5, Annex 1, tables 1 and 2.
"""

from __future__ import annotations

import math

from dogwatch.kernel import kernel
from sim import noise
from sim.ship import AIRCRAFT, BASE, CLASS_A, CLASS_B, CLASS_B_SO

SLOTS, FRAME_MS = 2_250, 60_000  # a frame is a UTC minute
CHANNELS = 4  # A, B, and the two that only satellites listen to
TURN_DEG_MIN = 10.0  # from here on a ship is turning
HORIZON_NM = 2.22  # nautical miles per root of metres of antenna height, standard atmosphere
RANGE_END = 1.35  # beyond this multiple of the range nothing is heard
FADE_SHARE, FADE_PERIOD_MS = 0.05, 600_000
FADE_MOST = 1.0 + 3.5 * FADE_SHARE
PAIRS = 4_096  # receivers at most: a pair of antennas is numbered who * PAIRS + receiver
NEAREST_NM = 0.05


@kernel("int64(int64, int64, float64, float64)")
def interval_ms(kind, nav, speed_kn, turn_deg_min):
    """Nominal reporting interval. A turn counts from 10 degrees a minute (5 degrees off the mean of the last 30 s)."""
    if kind == CLASS_A:
        if (nav in (1, 5)) and speed_kn <= 3.0:
            return 180_000
        turning = abs(turn_deg_min) > TURN_DEG_MIN
        if speed_kn > 23.0:
            return 2_000
        if speed_kn > 14.0:
            return 2_000 if turning else 6_000
        return 3_333 if turning else 10_000
    if kind == CLASS_B:
        return 180_000 if speed_kn <= 2.0 else 30_000
    if kind == CLASS_B_SO:
        if speed_kn <= 2.0:
            return 180_000
        return 30_000 if speed_kn <= 14.0 else 15_000 if speed_kn <= 23.0 else 5_000
    return 10_000 if kind in (BASE, AIRCRAFT) else 180_000


@kernel("int64(float64)")
def rate_of_turn_field(turn_deg_min):
    """4.733 times the root of the rate, with its sign, at most 126 (M.1371-5, table 48)."""
    size = min(126, int(4.733 * math.sqrt(abs(turn_deg_min)) + 0.5))
    return size if turn_deg_min >= 0 else -size


@kernel("float64(float64, float64, float64)")
def range_nm(height_m, other_m, share):
    """Reach between two antennas: the radio horizon, less for weaker sets."""
    return HORIZON_NM * (math.sqrt(height_m) + math.sqrt(other_m)) * share


@kernel("float64(float64, float64)")
def heard_share(distance_nm, reach_nm):
    """Share of messages heard: near 1 well inside the reach, a half at it, none beyond RANGE_END."""
    ratio = distance_nm / reach_nm
    if ratio >= RANGE_END:
        return 0.0
    return 1.0 / (1.0 + math.exp((ratio - 1.0) / 0.06))


@kernel("float64(uint64, int64, int64, int64)")
def fade(seed, who, receiver, t_ms):
    """Multiple of the reach for a pair of antennas at a time: slow, a few per cent."""
    return 1.0 + FADE_SHARE * noise.wander(seed, noise.FADE, who * PAIRS + receiver, t_ms, FADE_PERIOD_MS)


@kernel("float64(float64, float64)")
def strength(distance_nm, share):
    """Power at a shore station, in units of its own: over water it falls with the fourth power of the distance between low antennas.

    A set of less reach (`share`) has as much less power as makes it as loud at its own reach as a ship's is at hers.
    """
    near = share / max(NEAREST_NM, distance_nm)
    return near * near * near * near
