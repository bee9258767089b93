"""Pairs: what is remembered of two vessels that are in contact. May hold: the record, entering a tick's contacts, what became due. May not: events.

Theory. Contact runs from the later of the first two reports to the earlier of the last two, so that two are never longer together than both
were heard. Pairs and contacts are both sorted by key, so entering is one walk along both. What is counted is counted per report, not per
tick: a pair of which nobody has reported anew is not touched. A pair says itself when somebody must look at it (`due_ms`), so that a
thousand neighbours who lie side by side for days cost a comparison a minute.
"""

from __future__ import annotations

import numpy as np
from numba import float64, from_dtype, int64, njit, types, uint8

from dogwatch.batch import T_MISSING
from dogwatch.geo import lon_difference
from tracks.contacts import CONTACT, NEAR
from tracks.records import PLAIN

DISTANCE_BINS = 16  # histogram behind the median distance, from 0 to the ceiling
NEW, OPEN, WAITING, SUPPRESSED = 0, 1, 2, 3  # stages
NOTHING, MET, PARTED, GONE = 0, 1, 2, 3  # what `due` says
PAIR = np.dtype(
    [
        ("key", "<u8"),  # smaller track key << 32 | larger track key
        ("start_ms", "<i8"),  # of the episode
        ("segment_ms", "<i8"),  # start of the unbroken contact
        ("last_ms", "<i8"),  # end of contact so far
        ("done_ms", "<i8"),  # contact in the segments before
        ("due_ms", "<i8"),  # nobody needs to look before this tick
        ("t_a", "<i8"),  # reports last used
        ("t_b", "<i8"),
        ("sum_y", "<i8"),  # offsets of the middle between the two from lat, lon
        ("sum_x", "<i8"),
        ("speed_a", "<f8"),  # sums of speeds in the unbroken contact
        ("speed_b", "<f8"),
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("reports_a", "<u4"),  # in the unbroken contact
        ("reports_b", "<u4"),
        ("slow_a", "<u4"),  # of these, at or below the limit of the median
        ("slow_b", "<u4"),
        ("contacts", "<u4"),
        ("nearest_m", "<f4"),
        ("widest_m", "<f4"),
        ("approach_m", "<f4"),  # how far apart they were seen in the 40 minutes before; -1 not seen
        ("distances", "<u2", (DISTANCE_BINS,)),
        ("stage", "u1"),
        ("spare", "u1", (7,)),
    ]
)
_PAIR, _CONTACT, _NEAR = from_dtype(PAIR), from_dtype(CONTACT), from_dtype(NEAR)


def enter(pairs: np.ndarray, contacts: np.ndarray, near: np.ndarray, limits: tuple[float, float, float], pairs_max: int) -> tuple[np.ndarray, np.ndarray, int]:
    """(pairs with the contacts of a tick entered, CONTACT rows of the new ones, how many found no room).

    limits: speed_kn of the median, longest break in ms, width of a distance bin in m.
    """
    if not len(contacts):
        return pairs, contacts, 0
    at = np.searchsorted(pairs["key"], contacts["key"])
    known = np.zeros(len(contacts), np.bool_)
    inside = at < len(pairs)
    known[inside] = pairs["key"][at[inside]] == contacts["key"][inside]
    new = np.flatnonzero(~known)
    refused = max(0, len(pairs) + len(new) - pairs_max)
    new = new[: len(new) - refused]
    if len(new):
        blank = np.zeros(len(new), PAIR)
        blank["key"], blank["last_ms"], blank["approach_m"] = contacts["key"][new], T_MISSING, -1.0
        pairs = np.insert(pairs, at[new], blank)
    _touch(pairs, contacts, near, limits)
    return pairs, contacts[new], refused


# Flat: one straight walk along contacts and pairs.
@njit((_PAIR[::1], _CONTACT[::1], _NEAR[::1], types.UniTuple(float64, 3)), **PLAIN)
def _touch(pairs, contacts, near, limits):
    """Enter the contacts of one tick into their pairs (both sorted by key)."""
    speed_max, break_ms, bin_m = limits
    at = 0
    for i in range(contacts.shape[0]):
        c = contacts[i]
        while at < pairs.shape[0] and pairs[at]["key"] < c["key"]:
            at += 1
        if at == pairs.shape[0] or pairs[at]["key"] != c["key"]:
            continue
        pair, a, b = pairs[at], near[c["a"]], near[c["b"]]
        if a["t_ms"] == pair["t_a"] and b["t_ms"] == pair["t_b"]:
            continue
        later, earlier = max(a["t_ms"], b["t_ms"]), min(a["t_ms"], b["t_ms"])
        if pair["last_ms"] == T_MISSING or later - pair["last_ms"] > break_ms:
            if pair["stage"] == NEW:
                pair["start_ms"] = later
                pair["done_ms"] = pair["sum_y"] = pair["sum_x"] = 0
                pair["contacts"] = np.uint32(0)
                pair["nearest_m"] = pair["widest_m"] = np.float32(c["distance_m"])
                pair["lat"] = a["lat"]
                pair["lon"] = a["lon"]
                for k in range(DISTANCE_BINS):
                    pair["distances"][k] = np.uint16(0)
            else:
                pair["done_ms"] += pair["last_ms"] - pair["segment_ms"]
            pair["segment_ms"] = pair["last_ms"] = later
            pair["due_ms"] = 0
            pair["t_a"] = pair["t_b"] = T_MISSING
            pair["reports_a"] = pair["reports_b"] = pair["slow_a"] = pair["slow_b"] = np.uint32(0)
            pair["speed_a"] = pair["speed_b"] = 0.0
        pair["last_ms"] = max(pair["last_ms"], earlier)
        if a["t_ms"] != pair["t_a"]:
            pair["reports_a"] += np.uint32(1)
            pair["slow_a"] += np.uint32(a["speed_kn"] <= speed_max)
            pair["speed_a"] += np.float64(a["speed_kn"])
            pair["t_a"] = a["t_ms"]
        if b["t_ms"] != pair["t_b"]:
            pair["reports_b"] += np.uint32(1)
            pair["slow_b"] += np.uint32(b["speed_kn"] <= speed_max)
            pair["speed_b"] += np.float64(b["speed_kn"])
            pair["t_b"] = b["t_ms"]
        distance_m = np.float32(c["distance_m"])
        pair["nearest_m"] = min(pair["nearest_m"], distance_m)
        pair["widest_m"] = max(pair["widest_m"], distance_m)
        pair["contacts"] += np.uint32(1)
        pair["sum_y"] += (np.int64(a["lat"]) + np.int64(b["lat"])) // 2 - pair["lat"]
        pair["sum_x"] += lon_difference(a["lon"], pair["lon"]) + lon_difference(b["lon"], a["lon"]) // 2
        k = min(DISTANCE_BINS - 1, int(c["distance_m"] / bin_m))
        if pair["distances"][k] < 65_535:
            pair["distances"][k] += np.uint16(1)


# Flat: a pair after the other, once a minute.
@njit(uint8[::1](_PAIR[::1], int64, float64, int64, types.UniTuple(float64, 3)), cache=True)
def due(pairs, tick_ms, need_ms, reports_min, patience):
    """uint8[n]: NOTHING, MET (the conditions hold and somebody must look), PARTED (an episode must close) or GONE (may be forgotten).

    patience in ms: a break that does not end the contact, after that how long a new pair and an episode are kept.
    """
    break_ms, new_ms, merge_ms = patience
    out = np.zeros(pairs.shape[0], np.uint8)
    for i in range(pairs.shape[0]):
        pair = pairs[i]
        broken = tick_ms - pair["last_ms"]
        if broken > break_ms:
            if pair["stage"] == OPEN or pair["stage"] == SUPPRESSED:
                out[i] = PARTED
            elif broken > (new_ms if pair["stage"] == NEW else merge_ms):
                out[i] = GONE
            continue
        if tick_ms < pair["due_ms"] or pair["last_ms"] - pair["segment_ms"] < need_ms:
            continue
        if pair["reports_a"] < reports_min or pair["reports_b"] < reports_min:
            continue
        if 2 * pair["slow_a"] >= pair["reports_a"] and 2 * pair["slow_b"] >= pair["reports_b"]:  # the median is at or below the limit
            out[i] = MET
    return out
