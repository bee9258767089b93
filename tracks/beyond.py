"""Beyond reach: places that nobody who heard them can have heard. May hold: how far each receiver hears, who tells a place beyond it.

May not: learn coverage (ears.py), write the record of a track (place_facts.py), judge (position.py).

Theory. VHF ends not far behind the horizon, and that end stays where it is: a report of a place far beyond everything that its receiver
has ever heard was sent from another place. Nobody tells us where receivers stand, but the coverage model knows in which cells each of them heard
vessels under way. Each hour the middle of those cells is taken as the receiver's place, and the distance within which `reach_share` of
all that it heard lay as its range (where too little was heard to tell such a share, the farthest). The middle may be off by a good part of
the range: a mast on a coast or beside a lane hears one side only. So a place must be `reach_factor` times as far away, and never less than
`reach_nm_min`; that no mast hears farther than `reach_nm_max` bounds the range, not the distance from a middle at which no mast stands. A
receiver that has heard too little, or farther than a mast can (an aggregator without the names of its stations, a satellite), says nothing,
and nor does a report that such a one has heard too.
Every five minutes each track heard since is compared with the reach of those that heard it.
"""

from __future__ import annotations

import numpy as np
from numba import float64, from_dtype, int64

from dogwatch.geo import FULL_TURN, HALF_TURN, M_PER_UNIT, NM_M, distance_m
from dogwatch.kernel import kernel
from tracks.coverage import CELL_UNITS, GROUPS_MAX, OTHERS, Coverage, cells_of
from tracks.ears import station_of
from tracks.params import Position
from tracks.records import HOT_TYPE, PLAIN

REACH = np.dtype([("lat", "<i4"), ("lon", "<i4"), ("limit_m", "<f8")])  # of a group of receivers, or of one; limit 0: unknown
FAR = np.dtype([("slot", "<i8"), ("away_m", "<f8"), ("limit_m", "<f8"), ("receiver", "<i8")])  # of the receiver that comes nearest to hearing it
REACH_TYPE, FAR_TYPE = from_dtype(REACH), from_dtype(FAR)
WEIGHTS = 64  # parts of a block: faded counts as integers, whose sums are the same in any order
HALF_CELL_M = 0.75 * CELL_UNITS * M_PER_UNIT  # from the middle of a cell to its corner
BITS = 64  # receivers by number
TAIL_BLOCKS = 10  # so many must lie beyond the range that a share tells; of less heard the farthest is the range
MAST_SHARE = 0.98  # of all that a mast hears lies within `reach_nm_max`; the rest are places that were false when it heard them


def reaches_of(coverage: Coverage, rule: Position) -> np.ndarray:
    """REACH[GROUPS_MAX] of the groups of receivers as their cells have it."""
    reaches = np.zeros(GROUPS_MAX, REACH)
    group, _, lat, lon = cells_of(coverage.keys)
    weight = np.round(coverage.heard * WEIGHTS).astype(np.int64)
    for k, name in enumerate(coverage.groups):
        own = np.flatnonzero((group == k) & (weight > 0))
        if name != OTHERS and weight[own].sum() >= rule.reach_blocks_min * WEIGHTS:
            reaches[k] = _reach(lat[own] + CELL_UNITS // 2, lon[own] + CELL_UNITS // 2, weight[own], rule)
    return reaches


def _reach(lat: np.ndarray, lon: np.ndarray, weight: np.ndarray, rule: Position) -> tuple[int, int, float]:
    """(middle, limit in m) of cells in units, heard so often; limit 0 where no mast reaches so far."""
    total = int(weight.sum())
    east = (lon - lon[0] + HALF_TURN) % FULL_TURN - HALF_TURN
    middle_lat = int((lat * weight).sum()) // total
    middle_lon = (int(lon[0]) + int((east * weight).sum()) // total + HALF_TURN) % FULL_TURN - HALF_TURN
    away_m = np.empty(len(lat))
    _distances(lat, lon, middle_lat, middle_lon, away_m)
    order = np.argsort(away_m, kind="stable")
    order = order[away_m[order] <= rule.reach_nm_max * NM_M]
    within = np.cumsum(weight[order])
    if not len(order) or int(within[-1]) < MAST_SHARE * total:
        return middle_lat, middle_lon, 0.0
    tail = (1.0 - rule.reach_share) * int(within[-1])
    at = int(np.searchsorted(within, rule.reach_share * int(within[-1]))) if tail >= TAIL_BLOCKS * WEIGHTS else len(order) - 1
    range_m = float(away_m[order[at]]) + HALF_CELL_M
    return middle_lat, middle_lon, max(rule.reach_nm_min * NM_M, rule.reach_factor * range_m)


def far_tracks(rows: np.ndarray, since_ms: int, reaches: np.ndarray, groups: list[str], receivers: tuple[str, ...]) -> np.ndarray:
    """FAR rows of the tracks (HOT) with a position since a time that lie beyond every receiver that heard them.

    reaches: REACH by group of receivers; groups, receivers: names of groups and of receivers by number.
    """
    numbers = {name: k for k, name in enumerate(groups)}
    of_receivers = np.zeros(BITS, REACH)
    for bit in range(BITS):
        group = numbers.get(station_of(receivers, bit))
        if group is not None:
            of_receivers[bit] = reaches[group]
    found = np.empty(len(rows), FAR)
    return found[: _far(rows, since_ms, of_receivers, found)] if of_receivers["limit_m"].any() else found[:0]


@kernel((int64[::1], int64[::1], int64, int64, float64[::1]), **PLAIN)
def _distances(lat, lon, to_lat, to_lon, out):
    for i in range(lat.shape[0]):
        out[i] = distance_m(lat[i], lon[i], to_lat, to_lon)


@kernel(int64(HOT_TYPE[::1], int64, REACH_TYPE[::1], FAR_TYPE[::1]), **PLAIN)
def _far(rows, since_ms, reaches, out):
    """Write the tracks beyond reach; returns how many. One receiver that may have heard the place is enough to let it be."""
    n = 0
    for i in range(rows.shape[0]):
        v = rows[i]
        if v["t_ms"] < since_ms or v["rx"] == 0:
            continue
        least_m, nearest = -1.0, 0
        for bit in range(BITS):
            left = v["rx"] >> np.uint64(bit)
            if left == np.uint64(0):
                break
            if left & np.uint64(1) == np.uint64(0):
                continue
            reach = reaches[bit]
            over_m = -1.0
            if reach["limit_m"] > 0.0:
                over_m = distance_m(v["lat"], v["lon"], reach["lat"], reach["lon"]) - reach["limit_m"]
            if over_m <= 0.0:
                least_m = -1.0
                break
            if least_m < 0.0 or over_m < least_m:
                least_m, nearest = over_m, bit
        if least_m > 0.0:
            out[n]["slot"] = i
            out[n]["limit_m"] = reaches[nearest]["limit_m"]
            out[n]["away_m"] = least_m + reaches[nearest]["limit_m"]
            out[n]["receiver"] = nearest
            n += 1
    return n
