"""Port calls that nobody scripted: ships of the scenes and of the background that come in, lie still and go. May hold: finding them in plans.

A scene is about something else (a bunker barge leaves its berth, a tug brings a ship in), and the visit is true all the same. Such a fact
is not scored: whoever reports it is neither right nor wrong. May not: make plans, thresholds of detectors.
"""

from __future__ import annotations

import math

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.geo import KN_MS, NM_M
from sim.harbour import ports
from sim.motion import knot_rows, state_at
from sim.scene import Fact
from sim.ship import BASE, Ship

IN_NM, OUT_NM = 2.0, 2.0 + 1000 / NM_M  # from the place of the port in the table
STEP_S = 60.0
STILL_KN = 0.2
WATCHED_MAX = 2_000  # ships of a larger sea are not looked at: their visits would be most of its truth


def port_calls(ships: list[Ship], until_s: float) -> list[tuple[int, Fact]]:
    """(number of the ship, a visit) for every stay in port that has a beginning or an end within the run. Nothing for a sea of more than WATCHED_MAX ships."""
    found: list[tuple[int, Fact]] = []
    if len(ships) > WATCHED_MAX:
        return found
    moments = np.arange(0.0, until_s, STEP_S)
    for number, ship in enumerate(ships):
        places = {(round(k[1], 4), round(k[2], 4)) for k in ship.plan.knots}
        if ship.kind >= BASE or len(places) < 2 or not (_off_port_nm(np.array([p[0] for p in places]), np.array([p[1] for p in places])) < OUT_NM).any():
            continue
        rows = knot_rows(ship.plan, 0)
        states = np.array([state_at(rows, 0, len(rows), round(t * 1000)) for t in moments])
        there = states[:, 6] >= 0
        at, t = states[there], moments[there]
        found += [(number, _fact(ship, *span, at, t)) for span in _stays(_off_port_nm(at[:, 0], at[:, 1]), np.hypot(at[:, 2], at[:, 3]) / KN_MS)]
    return found


def _stays(off_nm: np.ndarray, speed_kn: np.ndarray) -> list[tuple[int, int]]:
    """(first, last) sample of every visit: from IN_NM until beyond OUT_NM, still at some time between, and not there all the time."""
    found, first = [], -1
    for k, off in enumerate(off_nm.tolist()):
        if first < 0 and off <= IN_NM:
            first = k
        elif first >= 0 and off > OUT_NM:
            found.append((first, k))
            first = -1
    if first > 0:
        found.append((first, len(off_nm) - 1))
    return [(a, b) for a, b in found if (speed_kn[a : b + 1] <= STILL_KN).any()]


def _off_port_nm(lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
    lat = np.rint(lat_deg * UNITS_PER_DEG).astype(np.int64)
    lon = np.rint(((lon_deg + 180) % 360 - 180) * UNITS_PER_DEG).astype(np.int64)
    return ports().nearest(lat, lon, OUT_NM + 1)[0]


def _fact(ship: Ship, first: int, last: int, at: np.ndarray, t: np.ndarray) -> Fact:
    middle = (first + last) // 2
    lat, lon = float(at[middle, 0]), float((at[middle, 1] + 180) % 360 - 180)
    assert math.isfinite(lat)
    return Fact("port_visit", "", [ship], float(t[first]), float(t[last]), "calls at a port on its way", lat, lon, scored=False)
