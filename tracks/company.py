"""Company: who else is near that explains why a vessel lies still or close to another. May hold: questions about neighbours.

May not: decide what follows from an answer (the detectors do), look into the table: neighbours are asked of the tick's Around alone.

Theory. What one vessel does says little about why; what those around it do says much.
- Ships that say that they are at anchor, several of them close together, make an anchorage, whether a chart shows it or not.
- Several ships that lie with their bows in one direction, with hardly any way on, lie to the same wind: they are hove to. Not every set has a
  compass: of who says no heading, the little way that it makes shows the bow (`headings`).
- Several fishing vessels in one place are a fishing ground; small ones of the flag of a large one are her boats.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from numba import float32, float64, int64, types

from dogwatch.batch import COG_MISSING, HDG_MISSING, take_rows
from dogwatch.geo import M_PER_UNIT, NM_M, distance_m
from dogwatch.kernel import kernel
from tracks.around import SIGHTING_TYPE
from tracks.detector import Sight
from tracks.key import mmsi_of
from tracks.records import PLAIN

if TYPE_CHECKING:
    from tracks.params import Rendezvous

FRESH_MS = 600_000  # how lately a neighbour must have been heard
NAV_ANCHORED, NAV_MOORED, NAV_FISHING = 1, 5, 7
TYPE_FISHING = 30
BOW_KN_MIN = 0.5  # with less way on, a course says nothing about where the bow points
SLOW, ANCHORED = range(2)  # columns of `beside`
MID_DIVISOR = 1_000_000  # the first three digits of an MMSI are the country's


def others_near(sight: Sight, key: int, lat: int, lon: int, reach_nm: float) -> np.ndarray:
    """SIGHTING rows within `reach_nm` of a place (1/600000 degree) heard in the last ten minutes, but that of `key`; those inside masks too."""
    rows = sight.around.within(lat, lon, reach_nm)
    return rows[(rows["t_ms"] >= sight.tick_ms - FRESH_MS) & (rows["key"] != key)]


def beside(sight: Sight, a: np.ndarray, b: np.ndarray, rule: Rendezvous) -> np.ndarray:
    """int64[n, 2]: of n pairs (PARTY rows) how many others than the two are `slow` within `crowd_nm` of a, and `at_anchor` within `anchorage_nm`."""
    who = np.column_stack([column.astype(np.int64) for column in (a["key"], b["key"], a["lat"], a["lon"])])
    out = np.zeros((len(a), 2), np.int64)
    reaches_m = (rule.crowd_nm * NM_M, rule.anchorage_nm * NM_M)
    for seen in sight.around.parts():
        rows = take_rows(seen, np.argsort(seen["lat"]))
        _beside(rows, rows["lat"].astype(np.int64), who, sight.tick_ms - FRESH_MS, reaches_m, np.float32(rule.speed_kn_max), out)
    return out


# Flat: a pair after the other, and of each those who lie in its latitudes.
@kernel((SIGHTING_TYPE[::1], int64[::1], int64[:, ::1], int64, types.UniTuple(float64, 2), float32, int64[:, ::1]), **PLAIN)
def _beside(rows, lats, who, fresh_ms, reaches_m, speed_max, out):
    """Add `beside` of rows from south to north. who: keys of a and b, latitude and longitude of a."""
    widest = np.int64(max(reaches_m) / M_PER_UNIT) + 1
    for i in range(who.shape[0]):
        key_a, key_b, lat, lon = who[i, 0], who[i, 1], who[i, 2], who[i, 3]
        for j in range(np.searchsorted(lats, lat - widest), np.searchsorted(lats, lat + widest + 1)):
            one = rows[j]
            if one["speed_kn"] < 0 or one["speed_kn"] > speed_max or one["t_ms"] < fresh_ms or one["key"] == key_a or one["key"] == key_b:
                continue
            apart_m = distance_m(lat, lon, one["lat"], one["lon"])
            out[i, SLOW] += int(apart_m <= reaches_m[0])
            out[i, ANCHORED] += int(apart_m <= reaches_m[1] and (one["nav"] == NAV_ANCHORED or one["nav"] == NAV_MOORED))


def slow(rows: np.ndarray, speed_kn_max: float) -> np.ndarray:
    """Those of them whose speed is known and at most `speed_kn_max`."""
    return rows[(rows["speed_kn"] >= 0) & (rows["speed_kn"] <= speed_kn_max)]


def at_anchor(rows: np.ndarray, speed_kn_max: float) -> int:
    """How many of them say that they lie at anchor or are moored, and do."""
    still = slow(rows, speed_kn_max)
    return int(((still["nav"] == NAV_ANCHORED) | (still["nav"] == NAV_MOORED)).sum())


def same_bow(rows: np.ndarray, hdg: int, speed_kn_max: float, apart_deg_max: float) -> int:
    """How many slow ones of them show their bow (`headings`) where this one does; where its own is unknown, how many agree with each other at most."""
    theirs = headings(slow(rows, speed_kn_max))
    theirs = theirs[theirs < HDG_MISSING]
    asked = [hdg] if hdg < HDG_MISSING else theirs.tolist()
    return max((int((np.abs((theirs - one + 180) % 360 - 180) <= apart_deg_max).sum()) for one in asked), default=0)


def headings(rows: np.ndarray | dict[str, np.ndarray]) -> np.ndarray:
    """int64[n], degrees: where their bows point; of who says no heading the course that it makes, if it makes way; else HDG_MISSING.

    rows: with `hdg`, `cog` (tenths of a degree) and `speed_kn`, as SIGHTING and PARTY rows have them.
    """
    said = rows["hdg"].astype(np.int64)
    course = (rows["cog"].astype(np.int64) + 5) // 10 % 360
    makes_way = (rows["speed_kn"] >= BOW_KN_MIN) & (rows["cog"] < COG_MISSING)
    return np.where(said < HDG_MISSING, said, np.where(makes_way, course, HDG_MISSING))


def fishing(rows: np.ndarray) -> np.ndarray:
    """bool[n]: fishing vessels, by type or status."""
    found: np.ndarray = (rows["ship_type"] == TYPE_FISHING) | (rows["nav"] == NAV_FISHING)
    return found


def boats_of(rows: np.ndarray, key: int, loa_m: int, share_max: float) -> int:
    """How many fishing boats of the same flag among them are so much shorter than `loa_m` that they may be her boats (unknown lengths are not)."""
    flag = mmsi_of(key) // MID_DIVISOR
    flags = mmsi_of(rows["key"]) // MID_DIVISOR
    return int((fishing(rows) & (flags == flag) & (rows["loa_m"] > 0) & (rows["loa_m"] <= share_max * loa_m)).sum())
