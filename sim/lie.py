"""Lies: what sets say of their place instead of the truth. May hold: the words of a lie, its rows, the kernel that reads them.

May not: who tells it (scenes), messages (radio).

A spoofed or faulty position never changes where a vessel is: its antenna, and so who hears it, stays with the truth; only
what its reports say differs. A lie belongs to one ship, or to every ship in a circle (interference from ashore).

- `offset`: the true place moved by a constant.
- `circle`: round a centre, once in `period_s`, whatever the ship does, each ship at an angle of its own; the speed is that of the circle,
  the course comes from nowhere: every report tells another, as ships caught in circles off ports have shown.
- `fixed`: near one place, each ship at a spot of its own within `radius_m`, with the speed and course it really has.
- `simulated`: where it is, but reckoned, not received: no metre and no tenth of a knot off, as generated tracks have shown.
- `lost`: no place, speed or course at all; second 63 (position system inoperative).
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

import numba
import numpy as np

from dogwatch.geo import NM_M
from dogwatch.kernel import kernel
from sim import noise
from sim.motion import M_PER_DEG

OFFSET, CIRCLE, FIXED, LOST, SIMULATED = range(5)
MODES = ("offset", "circle", "fixed", "lost", "simulated")
LIE_DTYPE = np.dtype(
    [
        ("from_ms", "<i8"),
        ("to_ms", "<i8"),
        ("who", "<i4"),  # index of the ship, or -1: every vessel truly within area_nm of (lat, lon)
        ("mode", "<i4"),
        ("lat_deg", "<f8"),
        ("lon_deg", "<f8"),
        ("area_nm", "<f8"),
        ("to_lat_deg", "<f8"),  # centre of the circle, or the fixed place
        ("to_lon_deg", "<f8"),
        ("north_m", "<f8"),  # of an offset
        ("east_m", "<f8"),
        ("radius_m", "<f8"),
        ("period_ms", "<f8"),  # of one turn; negative: anticlockwise
    ]
)
TRUE = -1  # the mode of a set that tells no lie
_LIES = numba.from_dtype(LIE_DTYPE)[::1]
_INT, _FLOAT = numba.types.int64, numba.types.float64


@dataclass(slots=True, kw_only=True)
class Lie:
    """One lie between two moments (seconds of world time). With `area_nm` it is told by all vessels in that circle, else by its scene's ship `ship`."""

    mode: Literal["offset", "circle", "fixed", "lost", "simulated"]
    start_s: float
    end_s: float
    ship: int = -1
    at: tuple[float, float] = (0.0, 0.0)
    area_nm: float = 0.0
    to: tuple[float, float] = (0.0, 0.0)
    north_m: float = 0.0
    east_m: float = 0.0
    radius_m: float = 0.0
    period_s: float = 600.0


def lie_rows(lies: list[tuple[Lie, int]], t_start_ms: int) -> np.ndarray:
    """LIE_DTYPE rows of (lie, index of its ship in the world or -1), in the order given: of several, a ship tells the first."""
    rows = np.zeros(len(lies), LIE_DTYPE)
    for row, (lie, who) in zip(rows, lies):
        row["from_ms"], row["to_ms"] = t_start_ms + round(lie.start_s * 1000), t_start_ms + round(lie.end_s * 1000)
        row["who"], row["mode"] = who, MODES.index(lie.mode)
        row["lat_deg"], row["lon_deg"] = lie.at
        row["to_lat_deg"], row["to_lon_deg"] = lie.to
        row["area_nm"], row["radius_m"], row["period_ms"] = lie.area_nm, lie.radius_m, lie.period_s * 1000
        row["north_m"], row["east_m"] = lie.north_m, lie.east_m
    return rows


@kernel(numba.types.int64(_LIES, _INT, _INT, _FLOAT, _FLOAT))
def lie_of(lies, who, t_ms, lat_deg, lon_deg):
    """Index of the lie that a ship truly at a place tells at a time, or -1."""
    for k in range(lies.shape[0]):
        lie = lies[k]
        if not lie["from_ms"] <= t_ms < lie["to_ms"]:
            continue
        if lie["who"] == who:
            return k
        if lie["who"] < 0:
            aside_deg = (lon_deg - lie["lon_deg"] + 540.0) % 360.0 - 180.0
            away_m = math.hypot(lat_deg - lie["lat_deg"], aside_deg * math.cos(lie["lat_deg"] * math.pi / 180)) * M_PER_DEG
            if away_m <= lie["area_nm"] * NM_M:
                return k
    return -1


@kernel(numba.types.UniTuple(_FLOAT, 4)(_LIES, _INT, numba.types.uint64, _INT, _INT, _FLOAT, _FLOAT, _FLOAT, _FLOAT))
def told(lies, k, seed, who, t_ms, lat_deg, lon_deg, north_ms, east_ms):
    """Place and velocity (lat_deg, lon_deg, north_ms, east_ms) as lie k has them instead of the true ones; a lost place is not asked for."""
    lie = lies[k]
    mode = np.int64(lie["mode"])
    lat, lon, north_m, east_m = lat_deg, lon_deg, np.float64(lie["north_m"]), np.float64(lie["east_m"])
    if mode in (CIRCLE, FIXED):
        lat, lon = np.float64(lie["to_lat_deg"]), np.float64(lie["to_lon_deg"])
        angle, away_m = 2 * math.pi * noise.unit(seed, noise.LIE, who, 2 * k), np.float64(lie["radius_m"])
        if mode == CIRCLE:
            turn_s = 2 * math.pi / lie["period_ms"] * 1000.0
            angle += turn_s * ((t_ms - lie["from_ms"]) / 1000.0)
            north_ms, east_ms = -away_m * turn_s * math.sin(angle), away_m * turn_s * math.cos(angle)
        else:
            away_m *= math.sqrt(noise.unit(seed, noise.LIE, who, 2 * k + 1))
        north_m, east_m = away_m * math.cos(angle), away_m * math.sin(angle)
    lat += north_m / M_PER_DEG
    return lat, lon + east_m / M_PER_DEG / math.cos(lat * math.pi / 180), north_ms, east_ms
