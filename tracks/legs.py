"""Legs: where each vessel got in every five minutes of the last two hours. May hold: the ring, how it is kept, what a leg tells at once.

May not: decide a behaviour (assist.py and anomaly.py read the ring).

Theory. A leg is the way made good in five minutes, north and east in metres, in two bytes each: 24 of them are two hours of speed and
course in 96 bytes, and positions follow from the last one backwards. Each is closed at the tick that ends it, from the last fix in it,
over the time between the two fixes; a vessel not heard has an unknown leg. So that two hours of every vessel need
not be looked at every five minutes, a leg that differs from what was usual leaves a flag: SLOWED, STEPPED, TURNED, FAST.
`usual_kn` follows the speed by at most USUAL_STEP_KN a leg: it knows the last hours, and an odd half hour does not become usual.
"""

from __future__ import annotations

import numpy as np
from numba import from_dtype, int64

from dogwatch.batch import T_MISSING
from dogwatch.events import Event
from dogwatch.geo import KN_MS, M_PER_UNIT, cos_lat, lon_difference
from dogwatch.kernel import kernel
from tracks.detector import Detector, Sight
from tracks.records import HOT_TYPE

LEG_MS = 300_000
LEGS = 24
UNKNOWN = -32_768
SPAN_MS_MIN, SPAN_MS_MAX = 60_000, 900_000  # between the two fixes of a leg
LEG_M_MAX = 12_300.0  # 80 knots: no vessel, a jump
USUAL_STEP_KN = 0.1
SLOW_KN = 3.0
STEP_KN = 3.0
M_PER_LEG_KN = KN_MS * LEG_MS / 1000.0  # metres of a leg at one knot
FAST_KN = 20.0
SLOWED, STEPPED, TURNED, FAST, TURNED_BEFORE = 1, 2, 4, 8, 16

RING = np.dtype(
    [
        ("t_ms", "<i8"),  # of the fix that ended the last known leg; 0 before the first
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("usual_kn", "<f4"),
        ("known", "u1"),  # legs known since the last unknown one, up to LEGS
        ("flags", "u1"),  # of the leg closed last
        ("north", "<i2", (LEGS,)),
        ("east", "<i2", (LEGS,)),
    ]
)
RING_TYPE = from_dtype(RING)


class LegsKeeper(Detector):
    """Keeps the rings; finds nothing by itself."""

    NAME = "legs"
    COLD = RING

    def tick(self, sight: Sight) -> list[Event]:
        """Each five minutes: close the leg that ends there."""
        if sight.tick_ms % LEG_MS == 0:
            close_legs(sight.table.used, sight.table.cold[self.NAME][: len(sight.table)], sight.tick_ms)
        return []


def flagged(sight: Sight, flag: int) -> np.ndarray:
    """int64[n] slots whose leg that ends at this tick carries a flag; none at ticks that end no leg."""
    if sight.tick_ms % LEG_MS:
        return np.empty(0, np.int64)
    return np.flatnonzero(sight.table.cold[LegsKeeper.NAME]["flags"][: len(sight.table)] & flag)


# Flat: one pass over all vessels; slow twin in tests/naive_motion.py.
@kernel((HOT_TYPE[::1], RING_TYPE[::1], int64))
def close_legs(rows, rings, tick_ms):
    """Close the leg that ends at a tick, for every vessel."""
    at = (tick_ms // LEG_MS - 1) % LEGS
    before, earlier = (at - 1) % LEGS, (at - 2) % LEGS
    for slot in range(rows.shape[0]):
        v, ring = rows[slot], rings[slot]
        ring["flags"] = TURNED_BEFORE if ring["flags"] & TURNED else 0
        t = v["t_ms"]
        if t == T_MISSING or t < tick_ms - LEG_MS:
            if ring["t_ms"] != 0:
                ring["north"][at] = UNKNOWN
                ring["known"] = 0
            continue
        span_ms = t - ring["t_ms"]
        if ring["t_ms"] != 0 and span_ms < SPAN_MS_MIN:
            # two fixes on either side of the edge: as fast as before; the next leg is measured from the former fix
            ring["north"][at] = ring["north"][before]
            ring["east"][at] = ring["east"][before]
            if ring["known"] > 0 and ring["known"] < LEGS:
                ring["known"] += 1
            continue
        north = (np.int64(v["lat"]) - np.int64(ring["lat"])) * M_PER_UNIT * LEG_MS / span_ms
        east = lon_difference(np.int64(v["lon"]), np.int64(ring["lon"])) * M_PER_UNIT * cos_lat(np.int64(v["lat"])) * LEG_MS / span_ms
        fits = ring["t_ms"] != 0 and span_ms <= SPAN_MS_MAX and abs(north) < LEG_M_MAX and abs(east) < LEG_M_MAX
        ring["t_ms"] = t
        ring["lat"] = v["lat"]
        ring["lon"] = v["lon"]
        if not fits:
            ring["north"][at] = UNKNOWN
            ring["known"] = 0
            continue
        ring["north"][at] = np.int16(north)
        ring["east"][at] = np.int16(east)
        square = north * north + east * east
        kn = np.sqrt(square) / M_PER_LEG_KN
        usual_kn = np.float64(ring["usual_kn"])
        if usual_kn == 0.0:
            ring["usual_kn"] = np.float32(max(kn, 0.01))
        else:
            if abs(kn - usual_kn) >= STEP_KN:
                ring["flags"] |= STEPPED
            ring["usual_kn"] = np.float32(max(0.01, usual_kn + min(USUAL_STEP_KN, max(-USUAL_STEP_KN, kn - usual_kn))))
        if kn >= FAST_KN:
            ring["flags"] |= FAST
        if ring["known"] >= 1:
            y, x = np.float64(ring["north"][before]), np.float64(ring["east"][before])
            slow2 = (SLOW_KN * M_PER_LEG_KN) ** 2
            if square <= slow2 and y * y + x * x > slow2:
                ring["flags"] |= SLOWED
            if ring["known"] >= 2:
                y, x = np.float64(ring["north"][earlier]), np.float64(ring["east"][earlier])
                dot = y * north + x * east
                old2 = y * y + x * x
                if square > slow2 and old2 > slow2 and (dot <= 0.0 or dot * dot <= 0.25 * square * old2):
                    ring["flags"] |= TURNED
        if ring["known"] < LEGS:
            ring["known"] += 1
