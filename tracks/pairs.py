"""Pairs: what is remembered of two vessels that are in contact. May hold: the record, entering a tick's contacts, what became due. May not: events.

Theory. Contact runs from the later of the first two reports to the earlier of the last two, so that two are never longer together than both
were heard. Pairs and contacts are both sorted by key, so entering is one walk along both. What is counted is counted per report, not per
tick: a pair of which nobody has reported anew is not touched. A pair says itself when somebody must look at it (`due_ms`), so that a
thousand neighbours who lie side by side for days cost a comparison a minute. Who else is there must be asked before it is told as well: company
that explains two who lie together may leave before them (`LOOK`). A break in which nobody saw them apart may be bridged
(tracks/unheard.py); how long they were so unheard is kept beside the contact. A pair of which something is told begins anew elsewhere: what the one
place says is no word about the other, and between the two nobody met. Elsewhere is out of reach of drift, or, where a harbour explains them, another place.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numba import boolean, float64, from_dtype, int64, types, uint8

from dogwatch.batch import T_MISSING, put_rows, take_rows
from dogwatch.geo import lon_difference
from dogwatch.kernel import kernel
from tracks.contacts import CONTACT, NEAR, apart_m
from tracks.records import PLAIN, TRAIL_TYPE
from tracks.unheard import reach_m, stayed

DISTANCE_BINS = 16  # histogram behind the median distance, from 0 to the ceiling
NEW, OPEN, WAITING, SUPPRESSED, EXPLAINED = 0, 1, 2, 3, 4  # stages; EXPLAINED: by their place, for good, so that nothing is asked but when it is over
NOTHING, MET, PARTED, GONE, UNHEARD, LOOK = 0, 1, 2, 3, 4, 5  # what `due` says
ASK_MS, TICK_MS = 300_000, 60_000  # how often somebody asks who else is there, and where those are who are not in contact
PAIR = np.dtype(
    [
        ("key", "<u8"),  # of the two tracks (tracks/key.py); `a` is the one with the smaller key
        ("last_ms", "<i8"),  # end of contact so far
        ("due_ms", "<i8"),  # nobody needs to look before this tick
        ("segment_ms", "<i8"),  # start of the unbroken contact
        ("t_a", "<i8"),  # reports last used
        ("t_b", "<i8"),
        ("reports_a", "<u4"),  # in the unbroken contact
        ("reports_b", "<u4"),
        ("stage", "u1"),
        ("looked", "u1"),  # whether it was asked who else is there, before it was told
        ("alike", "u1"),  # of these, how many showed their bows where both show theirs
        ("harboured", "u1"),  # whether they lie in what explains them: who lies in a harbour or at anchor does not drift
        ("padding", "u1", (4,)),
        ("start_ms", "<i8"),  # of the episode
        ("done_ms", "<i8"),  # contact in the segments before
        ("bridged_ms", "<i8"),  # of all contact, in breaks in which nobody saw them apart
        ("sum_y", "<i8"),  # offsets of the middle between the two from lat, lon
        ("sum_x", "<i8"),
        ("speed_a", "<f8"),  # sums of speeds in the unbroken contact
        ("speed_b", "<f8"),
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("mid_lat", "<i4"),  # between the two when they were last in contact
        ("mid_lon", "<i4"),
        ("slow_a", "<u4"),  # of the reports, at or below the limit of the median
        ("slow_b", "<u4"),
        ("contacts", "<u4"),
        ("nearest_m", "<f4"),
        ("widest_m", "<f4"),
        ("approach_m", "<f4"),  # how far apart they were seen in the 40 minutes before; -1 not seen
        ("distances", "<u2", (DISTANCE_BINS,)),
    ]
)
_PAIR, _CONTACT, _NEAR = from_dtype(PAIR), from_dtype(CONTACT), from_dtype(NEAR)


@dataclass(frozen=True, slots=True)
class Entered:
    """What became of the contacts of a tick."""

    pairs: np.ndarray
    began: np.ndarray  # CONTACT rows with which a pair begins
    at: np.ndarray  # which pairs these are
    left: np.ndarray  # PAIR rows as they were of those that begin anew elsewhere
    refused: int  # how many found no room


def enter(
    pairs: np.ndarray,
    contacts: np.ndarray,
    kind: int,
    near: np.ndarray,
    trail: np.ndarray,
    limits: tuple[float, float, float, float, float, float],
    pairs_max: int,
) -> Entered:
    """Enter the contacts of a tick of one kind.

    trail: by the `slot` of `near`. limits: speed_kn of the median, longest break and longest silence in ms, fastest report in kn, width of a distance bin in m,
    how far in m from where they lay is elsewhere.
    """
    which, places = np.empty(len(contacts), np.int64), np.empty(len(contacts), np.int64)
    n = _touch(pairs, contacts, kind, near, trail, limits, which, places)
    if not n:
        return Entered(pairs, contacts[:0], places[:0], pairs[:0], 0)
    began, at = take_rows(contacts, which[:n]), places[:n]
    new = at == len(pairs)
    new[~new] = pairs["key"][at[~new]] != began["key"][~new]
    kept = ~new | (np.cumsum(new) <= pairs_max - len(pairs))
    began, at, new = take_rows(began, kept), at[kept], new[kept]
    left = take_rows(pairs, at[~new])
    at += np.cumsum(new) - new
    pairs = _with_room(pairs, at[new])
    put_rows(pairs, at, _blank(began["key"]))
    _touch_at(pairs, at, began, near, trail, limits)
    return Entered(pairs, began, at, left, n - len(at))


def _blank(keys: np.ndarray) -> np.ndarray:
    """Pairs of which nothing is known yet."""
    out = np.zeros(len(keys), PAIR)
    out["key"], out["last_ms"], out["approach_m"] = keys, T_MISSING, -1.0
    return out


def _with_room(pairs: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Pairs with room at places that are new."""
    if not len(at):
        return pairs
    out, stays = np.empty(len(pairs) + len(at), PAIR), np.ones(len(pairs) + len(at), np.bool_)
    stays[at] = False
    put_rows(out, stays, pairs)
    return out


@kernel(boolean(_PAIR, _NEAR, _NEAR, TRAIL_TYPE[:, ::1], types.UniTuple(float64, 4)), **PLAIN)
def _is_broken(pair, a, b, trail, limits):
    """Whether contact begins anew with these two rows; a break that is bridged is counted. limits: break and silence in ms, drift and fastest report in kn."""
    break_ms, unheard_ms, drift_kn, gate_kn = limits
    later, last_ms = max(a["t_ms"], b["t_ms"]), pair["last_ms"]
    if last_ms == T_MISSING or later - last_ms > max(break_ms, unheard_ms):
        return True
    if later - last_ms <= break_ms:
        return False
    was, limit_m = (last_ms, np.int64(pair["mid_lat"]), np.int64(pair["mid_lon"])), np.float64(max(a["own_m"], b["own_m"]))
    if not stayed(was, a, b, trail, (limit_m, drift_kn, gate_kn)):
        return True
    pair["bridged_ms"] += max(0, min(a["t_ms"], b["t_ms"]) - last_ms)
    pair["due_ms"] = 0
    return False


@kernel(boolean(_PAIR, _NEAR, float64, float64), **PLAIN)
def _is_elsewhere(pair, a, elsewhere_m, drift_kn):
    """Whether they are not where they were, nor where drift can have brought them."""
    limit_m = reach_m(elsewhere_m, 0.0 if pair["harboured"] else drift_kn, a["t_ms"] - pair["last_ms"])
    return apart_m(pair["mid_lat"], pair["mid_lon"], a["lat"], a["lon"]) > limit_m


@kernel((_PAIR, _NEAR, _NEAR, types.float32), **PLAIN)
def _begin(pair, a, b, distance_m):
    """A contact begins: of a pair of which nothing is told yet, everything does."""
    if pair["stage"] == NEW:
        pair["start_ms"] = max(a["t_ms"], b["t_ms"])
        pair["done_ms"] = pair["bridged_ms"] = pair["sum_y"] = pair["sum_x"] = 0
        pair["contacts"] = np.uint32(0)
        pair["looked"] = pair["alike"] = np.uint8(0)
        pair["nearest_m"] = pair["widest_m"] = distance_m
        pair["lat"] = a["lat"]
        pair["lon"] = a["lon"]
        for k in range(DISTANCE_BINS):
            pair["distances"][k] = np.uint16(0)
    else:
        pair["done_ms"] += pair["last_ms"] - pair["segment_ms"]
    pair["segment_ms"] = pair["last_ms"] = max(a["t_ms"], b["t_ms"])
    pair["due_ms"] = 0
    pair["t_a"] = pair["t_b"] = T_MISSING
    pair["reports_a"] = pair["reports_b"] = pair["slow_a"] = pair["slow_b"] = np.uint32(0)
    pair["speed_a"] = pair["speed_b"] = 0.0


@kernel((_PAIR, _NEAR, _NEAR, float64), **PLAIN)
def _count(pair, a, b, speed_max):
    """Reports that were not used before."""
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


@kernel((_PAIR, _NEAR, _NEAR, float64, float64), **PLAIN)
def _measure(pair, a, b, distance_m, bin_m):
    """How far apart they are, and where."""
    pair["nearest_m"] = min(pair["nearest_m"], np.float32(distance_m))
    pair["widest_m"] = max(pair["widest_m"], np.float32(distance_m))
    pair["contacts"] += np.uint32(1)
    mid_lat, half = (np.int64(a["lat"]) + np.int64(b["lat"])) // 2, lon_difference(b["lon"], a["lon"]) // 2
    pair["mid_lat"] = mid_lat
    pair["mid_lon"] = a["lon"] + half
    pair["sum_y"] += mid_lat - pair["lat"]
    pair["sum_x"] += lon_difference(a["lon"], pair["lon"]) + half
    k = min(DISTANCE_BINS - 1, int(distance_m / bin_m))
    if pair["distances"][k] < 65_535:
        pair["distances"][k] += np.uint16(1)


@kernel(boolean(_PAIR, _CONTACT, _NEAR[::1], TRAIL_TYPE[:, ::1], types.UniTuple(float64, 6)), **PLAIN)
def _touch_one(pair, c, near, trail, limits):
    """Enter a contact into its pair, unless something is told of it and this is elsewhere; returns whether it was entered."""
    speed_max, break_ms, unheard_ms, gate_kn, bin_m, elsewhere_m = limits
    a, b = near[c["a"]], near[c["b"]]
    if a["t_ms"] == pair["t_a"] and b["t_ms"] == pair["t_b"]:
        return True
    if _is_broken(pair, a, b, trail, (break_ms, unheard_ms, speed_max, gate_kn)):
        if pair["stage"] != NEW and _is_elsewhere(pair, a, elsewhere_m, speed_max):
            return False
        _begin(pair, a, b, np.float32(c["distance_m"]))
    pair["last_ms"] = max(pair["last_ms"], min(a["t_ms"], b["t_ms"]))
    _count(pair, a, b, speed_max)
    _measure(pair, a, b, c["distance_m"], bin_m)
    return True


@kernel(int64(_PAIR[::1], _CONTACT[::1], int64, _NEAR[::1], TRAIL_TYPE[:, ::1], types.UniTuple(float64, 6), int64[::1], int64[::1]), **PLAIN)
def _touch(pairs, contacts, kind, near, trail, limits, which, places):
    """Enter the contacts of one tick and kind into their pairs (both sorted by key).

    Write with which of them a pair begins, and the place of that pair or the one before which it belongs; returns how many.
    """
    at, n = 0, 0
    for i in range(contacts.shape[0]):
        c = contacts[i]
        if c["kind"] & kind == 0:
            continue
        while at < pairs.shape[0] and pairs[at]["key"] < c["key"]:
            at += 1
        if at == pairs.shape[0] or pairs[at]["key"] != c["key"] or not _touch_one(pairs[at], c, near, trail, limits):
            which[n] = i
            places[n] = at
            n += 1
    return n


@kernel((_PAIR[::1], int64[::1], _CONTACT[::1], _NEAR[::1], TRAIL_TYPE[:, ::1], types.UniTuple(float64, 6)), **PLAIN)
def _touch_at(pairs, at, contacts, near, trail, limits):
    """Enter contacts into pairs whose places are known."""
    for k in range(at.shape[0]):
        _touch_one(pairs[at[k]], contacts[k], near, trail, limits)


def due(
    pairs: np.ndarray, tick_ms: int, needs_ms: tuple[float, float], reports_min: int, patience: tuple[float, float, float, float]
) -> tuple[np.ndarray, np.ndarray]:
    """(rows of pairs about which something must be done, in order; what: uint8[k]): MET (the conditions hold and somebody must look), LOOK (they may
    soon, and somebody must ask who else is there), UNHEARD (an episode without contact: somebody must ask where they are), PARTED (an episode must
    close) or GONE (may be forgotten).

    needs_ms: how long contact lasts before LOOK and before MET. patience in ms: a break that does not end the contact, one that does not either if
    nobody saw them apart, how long a new pair and an episode are kept.
    """
    which, what = np.empty(len(pairs), np.int64), np.empty(len(pairs), np.uint8)
    n = _due(pairs, tick_ms, needs_ms, reports_min, patience, which, what)
    return which[:n], what[:n]


@kernel(int64(_PAIR, int64, types.UniTuple(float64, 2), int64, types.UniTuple(float64, 4)), **PLAIN)
def _said(pair, tick_ms, needs_ms, reports_min, patience):
    """What must be done about a pair."""
    break_ms, unheard_ms, new_ms, merge_ms = patience
    broken = tick_ms - pair["last_ms"]
    if pair["stage"] == EXPLAINED:
        return GONE if broken > merge_ms else NOTHING
    if broken > break_ms:
        if pair["stage"] == NEW:
            return GONE if broken > new_ms else NOTHING
        if pair["stage"] == WAITING:
            return GONE if broken > merge_ms else NOTHING
        if broken > unheard_ms:
            return PARTED
        return UNHEARD if broken <= break_ms + TICK_MS or tick_ms % ASK_MS == 0 else NOTHING
    together_ms = pair["last_ms"] - pair["segment_ms"]
    if tick_ms < pair["due_ms"] or together_ms < needs_ms[0]:
        return NOTHING
    if together_ms < needs_ms[1]:
        return LOOK if pair["stage"] == NEW and pair["looked"] == 0 and tick_ms % ASK_MS == 0 else NOTHING
    if pair["reports_a"] < reports_min or pair["reports_b"] < reports_min:
        return NOTHING
    slow = 2 * pair["slow_a"] >= pair["reports_a"] and 2 * pair["slow_b"] >= pair["reports_b"]  # the median is at or below the limit
    return MET if slow else NOTHING


@kernel(int64(_PAIR[::1], int64, types.UniTuple(float64, 2), int64, types.UniTuple(float64, 4), int64[::1], uint8[::1]), **PLAIN)
def _due(pairs, tick_ms, needs_ms, reports_min, patience, which, what):
    """Write what `due` says; returns how many."""
    n = 0
    for i in range(pairs.shape[0]):
        said = _said(pairs[i], tick_ms, needs_ms, reports_min, patience)
        if said != NOTHING:
            which[n] = i
            what[n] = np.uint8(said)
            n += 1
    return n
