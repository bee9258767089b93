"""Companions: how many others lie about each of several places, in one pass over the sightings. May hold: the counts. May not: what follows from them.

Theory. Those who wait are few, those who are seen are many. So the few are put into order of latitude, and each sighting asks which of them are
near: a table of latitudes 3 nm apart tells where in that order to look. What is counted is what tracks/company.py counts for one place.
"""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
from numba import float64, from_dtype, int32, int64, types

from dogwatch.batch import COG_MISSING, HDG_MISSING
from dogwatch.geo import M_PER_UNIT, NM_M, distance_m
from dogwatch.kernel import kernel
from tracks.around import SIGHTING_TYPE
from tracks.company import BOW_KN_MIN, MID_DIVISOR, NAV_ANCHORED, NAV_FISHING, NAV_MOORED, TYPE_FISHING
from tracks.key import read_mmsi
from tracks.records import PLAIN

MATE_NM = 0.3
BIN_UNITS = 30_000  # 3 nm of latitude
QUARTER_TURN = 54_000_000
BINS = 2 * QUARTER_TURN // BIN_UNITS + 2

PLACE = np.dtype([("key", "<i8"), ("lat", "<i4"), ("lon", "<i4"), ("reach_nm", "<f8"), ("loa_m", "<i4"), ("hdg", "<i4")])
COMPANY = np.dtype(
    [
        ("slow", "<i4"),  # within queue_nm, at most at speed_kn_max
        ("anchored", "<i4"),  # of these, at most at the speed of a ship that swings, at anchor or moored by their own word
        ("alike", "<i4"),  # of the slow ones, bows where this one's is; where that is unknown, as many as agree with each other at most
        ("mates", "<i4"),  # of those whose bows are where this one's is, those farther than MATE_NM: ships that wait out a gale keep clear of each other
        ("fleet", "<i4"),  # fishing vessels within reach
        ("boats", "<i4"),  # of these, boats of her flag and much shorter
    ]
)
PLACE_TYPE, _COMPANY = from_dtype(PLACE), from_dtype(COMPANY)


def company_of(parts: Iterable[np.ndarray], places: np.ndarray, since_ms: tuple[int, int], limits: tuple[float, ...]) -> np.ndarray:
    """COMPANY[n] of PLACE rows among SIGHTING rows (all of them, in any parts); a place's own vessel (`key`) is none of them.

    since_ms: since when one must have been heard, and since when one who lay still (not above speed_kn_max) when last heard.

    limits: queue_nm, speed_kn_max, the speed at anchor in knots, bow_apart_deg_max, boat_loa_share_max.
    """
    order = np.argsort(places["lat"], kind="stable")
    sorted_places = places[order]
    found, bows = np.zeros(len(places), COMPANY), np.zeros((len(places), 360), np.int32)
    for seen in parts:
        _count(seen, sorted_places, np.zeros(BINS + 1, np.int32), since_ms, limits, found, bows)
    _agree(sorted_places, limits[3], bows, found)
    out = np.empty(len(places), COMPANY)
    out[order] = found
    return out


@kernel(int64(SIGHTING_TYPE), **PLAIN)
def _bow(other):
    """`company.headings` of one sighting."""
    if other["hdg"] < HDG_MISSING:
        return np.int64(other["hdg"])
    if other["speed_kn"] < BOW_KN_MIN or other["cog"] >= COG_MISSING:
        return np.int64(HDG_MISSING)
    return (np.int64(other["cog"]) + 5) // 10 % 360


# Flat: each sighting against those places whose latitude is near; slow twin: the questions of company.py, one by one (a test compares them).
@kernel((SIGHTING_TYPE[::1], PLACE_TYPE[::1], int32[::1], types.UniTuple(int64, 2), types.UniTuple(float64, 5), _COMPANY[::1], int32[:, ::1]), **PLAIN)
def _count(seen, places, starts, since_ms, limits, found, bows):
    """Add to `found` as `company_of` counts; places in order of latitude; starts: zeros; bows: how many slow ones show each heading, for places without one."""
    queue_nm, slow_kn, anchor_kn, apart_deg, share_max = limits
    moving_ms, still_ms = since_ms
    widest_nm = queue_nm
    for i in range(places.shape[0]):
        starts[(np.int64(places[i]["lat"]) + QUARTER_TURN) // BIN_UNITS + 1] += np.int32(1)
        widest_nm = max(widest_nm, places[i]["reach_nm"])
    for b in range(1, BINS + 1):
        starts[b] += starts[b - 1]
    wide = int(widest_nm * NM_M / M_PER_UNIT) // BIN_UNITS + 1
    for j in range(seen.shape[0]):
        other = seen[j]
        row = (np.int64(other["lat"]) + QUARTER_TURN) // BIN_UNITS
        first, last = starts[max(0, row - wide)], starts[min(BINS, row + wide + 1)]
        if first == last:
            continue
        speed_kn, nav = other["speed_kn"], other["nav"]
        slow = speed_kn >= 0.0 and speed_kn <= slow_kn
        if other["t_ms"] < (still_ms if slow else moving_ms):
            continue
        fishes = other["ship_type"] == TYPE_FISHING or nav == NAV_FISHING
        if not slow and not fishes:
            continue
        for i in range(first, last):
            place = places[i]
            off_m = distance_m(place["lat"], place["lon"], other["lat"], other["lon"])
            if off_m > max(queue_nm, place["reach_nm"]) * NM_M or place["key"] == other["key"]:
                continue
            if fishes:
                found[i]["fleet"] += np.int32(1)
                hers = read_mmsi(place["key"]) // MID_DIVISOR == read_mmsi(other["key"]) // MID_DIVISOR
                if hers and other["loa_m"] > 0 and other["loa_m"] <= share_max * place["loa_m"]:
                    found[i]["boats"] += np.int32(1)
            if not slow or off_m > queue_nm * NM_M:
                continue
            found[i]["slow"] += np.int32(1)
            if speed_kn <= anchor_kn and nav in (NAV_ANCHORED, NAV_MOORED):
                found[i]["anchored"] += np.int32(1)
            bow = _bow(other)
            if bow >= HDG_MISSING:
                continue
            if place["hdg"] >= HDG_MISSING:
                bows[i, bow % 360] += np.int32(1)
            elif abs((bow - place["hdg"] + 180) % 360 - 180) <= apart_deg:
                found[i]["alike"] += np.int32(1)
                found[i]["mates"] += np.int32(off_m > MATE_NM * NM_M)


@kernel((PLACE_TYPE[::1], float64, int32[:, ::1], _COMPANY[::1]), **PLAIN)
def _agree(places, apart_deg, bows, found):
    """Where a place's own heading is unknown: the most that agree with one of them."""
    reach = min(int(apart_deg), 180)
    for i in range(places.shape[0]):
        if places[i]["hdg"] < HDG_MISSING:
            continue
        for bow in range(360):
            if bows[i, bow] == 0:
                continue
            n = 0
            for off in range(-reach, min(reach, 179) + 1):
                n += bows[i, (bow + off) % 360]
            found[i]["alike"] = np.int32(max(int(found[i]["alike"]), n))
