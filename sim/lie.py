"""Lies: what sets say of their place instead of the truth. May hold: the words of a lie and its rows. May not: who tells it (scenes), the radio.

A spoofed or faulty position never changes where a vessel is: its antenna, and so who hears it, stays with the truth; only
what its reports say differs. A lie belongs to one ship, or to every ship in a circle (interference from ashore).

- `offset`: the true place moved by a constant.
- `circle`: round a centre, once in `period_s`, whatever the ship does; speed and course as a receiver on that circle would give them.
- `fixed`: near one place, each ship at a spot of its own within `radius_m`, with the speed and course it really has.
- `lost`: no place, speed or course at all; second 63 (position system inoperative).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

OFFSET, CIRCLE, FIXED, LOST = range(4)
MODES = ("offset", "circle", "fixed", "lost")
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


@dataclass(slots=True, kw_only=True)
class Lie:
    """One lie between two moments (seconds of world time). With `area_nm` it is told by all vessels in that circle, else by its scene's ship `ship`."""

    mode: Literal["offset", "circle", "fixed", "lost"]
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
