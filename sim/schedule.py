"""Schedule: which set means to send what, and when. May hold: the sets' clocks, the kernel that moves them through a minute.

May not: choose slots (slots), write messages (message). The clocks are the only state of a sea. A set under way on a steady course
keeps its interval: it looks at its motion again only where its plan changes, which is also the moment from which a shorter
interval counts.
"""

from __future__ import annotations

import math

import numba
import numpy as np

from dogwatch.geo import KN_MS
from dogwatch.kernel import kernel
from sim import noise
from sim.motion import KNOT_DTYPE, state_at, straight_until
from sim.place import PLACE_DTYPE, apart_nm
from sim.radio import TURN_DEG_MIN, interval_ms
from sim.ship import AID, AIRCRAFT, BASE, BEACON, CALLER, CLASS_A, CLASS_B, CLASS_B_SO, SHIP_DTYPE

# One transmission. `channel`: 0 is A, 1 is B, 2 and 3 carry type 27 (M.1371-5, Annex 4), SILENT was not sent after all.
SENT_DTYPE = np.dtype(
    [
        ("t_ms", "<i8"),  # meant; after slots.claim the beginning of its slot
        ("who", "<i4"),
        ("leg", "<i4"),  # the knot of its plan at which its leg begins
        ("count", "<i4"),  # of its reports
        ("slot", "<i2"),
        ("spread", "<i2"),  # slots by which it may be sent earlier or later
        ("slots", "u1"),
        ("channel", "u1"),
        ("msg_type", "u1"),
        ("part", "u1"),
    ]
)
SILENT = 255

# State of one set; what `steady_ms` and after it say holds until then.
CLOCK_DTYPE = np.dtype(
    [
        ("report_ms", "<i8"),
        ("static_ms", "<i8"),
        ("long_ms", "<i8"),
        ("steady_ms", "<i8"),
        ("wait_ms", "<i8"),
        ("leg", "<i4"),
        ("count", "<i4"),
        ("turning", "u1"),
    ]
)
STATIC_MS, LONG_MS, NEVER = 360_000, 180_000, np.int64(1) << 60
STATIC_SPREAD_MS, PART_B_MS = 2_000, 2_000
BURST, BURST_GAP_MS, BURST_EVERY_MS = 8, 2_000, 60_000  # a distress device: eight reports a minute (M.1371-5, Annex 9)
TEXT_EVERY, TEXT_MS = 32, 500  # and its text with each fourth burst
EXTENDED_SHARE = 0.125  # of class B sets are of a make that says who it is in type 19, the others in type 24
CALL_SLOTS, CALL_SPREAD_MS = 4, 2_000  # of what a person types
DUE = 4  # rows that one set can need at once

_SHIPS, _KNOTS, _PLACES = numba.from_dtype(SHIP_DTYPE)[::1], numba.from_dtype(KNOT_DTYPE)[::1], numba.from_dtype(PLACE_DTYPE)[::1]
_CLOCKS, _SENT = numba.from_dtype(CLOCK_DTYPE)[::1], numba.from_dtype(SENT_DTYPE)[::1]
_INT, _SEED, _INDEX = numba.types.int64, numba.types.uint64, numba.types.int32[::1]


@kernel(numba.types.void(_SHIPS, _KNOTS, _CLOCKS, _INT, _INT))
def _look(ships, knots, clocks, who, t_ms):
    """Bring leg, interval and turn of a set up to date for a time."""
    clock, first, last = clocks[who], np.int64(ships[who]["first"]), np.int64(ships[who]["last"])
    _, _, north, east, turn, _, leg = state_at(knots, first, last, t_ms)
    clock["leg"], clock["turning"] = np.int64(leg), abs(turn) > TURN_DEG_MIN
    if leg < 0:
        early = last > first and t_ms < knots[first]["t_ms"]
        clock["steady_ms"], clock["wait_ms"] = knots[first]["t_ms"] if early else NEVER, 10_000
    else:
        clock["wait_ms"] = interval_ms(np.int64(ships[who]["kind"]), np.int64(knots[np.int64(leg)]["nav"]), math.hypot(north, east) / KN_MS, turn)
        clock["steady_ms"] = straight_until(knots, first, last, np.int64(leg), t_ms)


@kernel(numba.types.void(_SHIPS, _KNOTS, _CLOCKS, _SEED, _INT))
def start_clocks(ships, knots, clocks, seed, t_start_ms):
    """Spread the first reports over one interval, the static messages over six minutes; a beacon or a caller begins with its plan."""
    for i in range(ships.shape[0]):
        kind, clock = np.int64(ships[i]["kind"]), clocks[i]
        _look(ships, knots, clocks, i, t_start_ms)
        clock["report_ms"] = t_start_ms + np.int64(clock["wait_ms"] * noise.unit(seed, noise.SLOT, i, 0))
        clock["static_ms"] = clock["long_ms"] = NEVER
        if kind >= CALLER:
            clock["report_ms"] = max(t_start_ms, knots[ships[i]["first"]]["t_ms"])
        elif kind in (CLASS_A, CLASS_B, CLASS_B_SO):
            clock["static_ms"] = t_start_ms + np.int64(STATIC_MS * noise.unit(seed, noise.SLOT, i, 1))
        if kind == CLASS_A and ships[i]["long_range"] > 0:
            clock["long_ms"] = t_start_ms + np.int64(LONG_MS * noise.unit(seed, noise.SLOT, i, 2))
        clock["count"] = 0


def particulars_ms(seed: int, who: int, t_start_ms: int, from_ms: int) -> int:
    """When a ship's set means to tell its particulars for the first time from a moment on, give or take STATIC_SPREAD_MS."""
    first_ms = t_start_ms + int(STATIC_MS * noise.unit(np.uint64(seed & 0xFFFFFFFFFFFFFFFF), noise.SLOT, who, 1))
    return first_ms + max(0, -(-(from_ms - first_ms) // STATIC_MS)) * STATIC_MS


@kernel(numba.types.void(_SENT, _INT, _INT, _INT, _INT, _INT, _INT, _INT, _INT))
def _mean(out, n, t_ms, who, leg, count, msg_type, slots, spread_ms):
    """Write one transmission as it is meant."""
    s = out[n]
    s["t_ms"], s["who"], s["leg"], s["count"], s["msg_type"], s["part"] = t_ms, who, leg, count, msg_type, 0
    s["slots"], s["spread"], s["channel"], s["slot"] = slots, spread_ms * 3 // 80, (count + who) % 2, 0


@kernel(numba.types.void(_SHIPS, _KNOTS, _CLOCKS, _INT))
def _next_report(ships, knots, clocks, who):
    """Move a set's clock to its next report."""
    clock = clocks[who]
    t_ms, count = clock["report_ms"], clock["count"]
    clock["count"] = count + 1
    if ships[who]["kind"] == CALLER:
        clock["report_ms"] = knots[clock["leg"] + 1]["t_ms"] if clock["leg"] >= 0 else NEVER
        return
    if ships[who]["kind"] >= BEACON:
        clock["report_ms"] = t_ms + (BURST_GAP_MS if (count + 1) % BURST else BURST_EVERY_MS - (BURST - 1) * BURST_GAP_MS)
        return
    next_ms, steady_ms = t_ms + clock["wait_ms"], clock["steady_ms"]
    if t_ms < steady_ms < next_ms:  # its motion changes before: from then on a shorter interval may count
        _look(ships, knots, clocks, who, steady_ms)
        next_ms = min(next_ms, steady_ms + clock["wait_ms"])
    elif clock["leg"] < 0 and steady_ms > t_ms:  # not there yet, or no longer
        next_ms = steady_ms + who % 10 * 1000 if steady_ms < NEVER else NEVER
    if clock["leg"] >= 0 and t_ms < knots[clock["leg"] + 1]["t_ms"] < next_ms:  # so may its status, at the knot itself
        edge_ms = knots[clock["leg"] + 1]["t_ms"]
        _look(ships, knots, clocks, who, edge_ms)
        next_ms = min(next_ms, edge_ms + clock["wait_ms"])
    clock["report_ms"] = next_ms


@kernel(numba.types.int64(_SHIPS, _KNOTS, _CLOCKS, _INT, _SENT, _INT))
def _one_report(ships, knots, clocks, who, out, n):
    """Write the report that is due (if the set is on), move its clock; returns the new number of rows."""
    clock, kind = clocks[who], np.int64(ships[who]["kind"])
    t_ms, count = clock["report_ms"], np.int64(clock["count"])
    if t_ms >= clock["steady_ms"] or kind == CALLER:
        _look(ships, knots, clocks, who, t_ms)
    leg = np.int64(clock["leg"])
    if kind == CALLER and leg >= 0:  # some free slots within four seconds
        _mean(out, n, t_ms + CALL_SPREAD_MS, who, leg, count, 12 if ships[who]["dest"] > 0 else 14, CALL_SLOTS, CALL_SPREAD_MS)
        n += 1
    elif leg >= 0 and knots[leg]["transmits"] > 0:
        if kind in (CLASS_A, BEACON, BEACON + 1):
            msg_type = 3 if clock["turning"] else 1
        else:
            msg_type = 4 if kind == BASE else 21 if kind == AID else 9 if kind == AIRCRAFT else 18
        spread_ms = clock["wait_ms"] // 10  # M.1371-5, Annex 2: a fifth of the interval around the nominal slot; Annex 7: a third, at most 10 s
        if kind == CLASS_B:
            spread_ms = min(5_000, clock["wait_ms"] // 6)
        _mean(out, n, t_ms, who, leg, count, msg_type, 2 if kind == AID else 1, 0 if kind >= BEACON else spread_ms)
        n += 1
        if kind >= BEACON and count % TEXT_EVERY == 4:
            _mean(out, n, t_ms + TEXT_MS, who, leg, count, 14, 1, 0)
            n += 1
    _next_report(ships, knots, clocks, who)
    return n


@kernel(numba.types.int64(_SHIPS, _KNOTS, _CLOCKS, _SEED, _INT, _SENT, _INT))
def _one_static(ships, knots, clocks, seed, who, out, n):
    """Write the static message that is due (type 5; 24 A and B; 19), set its clock; returns the new number of rows."""
    t_ms = clocks[who]["static_ms"]
    clocks[who]["static_ms"] = t_ms + STATIC_MS
    leg = np.int64(state_at(knots, ships[who]["first"], ships[who]["last"], t_ms)[6])
    if leg < 0 or knots[leg]["transmits"] == 0:
        return n
    number = t_ms // STATIC_MS
    if ships[who]["kind"] == CLASS_A or noise.unit(seed, noise.MAKE, who, 0) < EXTENDED_SHARE:
        _mean(out, n, t_ms, who, leg, number, 5 if ships[who]["kind"] == CLASS_A else 19, 2, STATIC_SPREAD_MS)
        return n + 1
    _mean(out, n, t_ms, who, leg, number, 24, 1, STATIC_SPREAD_MS)
    _mean(out, n + 1, t_ms + PART_B_MS, who, leg, number, 24, 1, STATIC_SPREAD_MS // 2)
    out[n + 1]["part"] = 1
    return n + 2


@kernel(numba.types.int64(_SHIPS, _KNOTS, _CLOCKS, _PLACES, _INDEX, _INT, _SENT, _INT))
def _one_long(ships, knots, clocks, places, bases, who, out, n):
    """Write the long-range report (type 27) that is due, unless a base station is near enough to be heard; returns the new number of rows."""
    t_ms = clocks[who]["long_ms"]
    clocks[who]["long_ms"] = t_ms + LONG_MS
    leg = np.int64(state_at(knots, ships[who]["first"], ships[who]["last"], t_ms)[6])
    if leg < 0 or knots[leg]["transmits"] == 0:
        return n
    for k in range(bases.shape[0]):
        base = np.int64(bases[k])
        if apart_nm(places, who, base) < places[who]["root_nm"] + places[base]["root_nm"]:
            return n
    _mean(out, n, t_ms, who, leg, t_ms // LONG_MS, 27, 1, LONG_MS // 10)
    out[n]["channel"] += 2
    return n + 1


@kernel(numba.types.UniTuple(_INT, 2)(_SHIPS, _KNOTS, _CLOCKS, _PLACES, _INDEX, _SEED, _INT, _INT, _SENT), nogil=True)
def schedule(ships, knots, clocks, places, bases, seed, begin, until_ms, out):
    """What the sets mean to send before `until_ms` (SENT_DTYPE), ship by ship from ship `begin`; `bases`: indices of the base stations.

    Returns (rows written, next ship): less than all ships when `out` is full; its clock then waits for the next call.
    """
    n = 0
    for who in range(begin, ships.shape[0]):
        clock = clocks[who]
        while clock["report_ms"] < until_ms:
            if n + DUE > out.shape[0]:
                return n, who
            n = _one_report(ships, knots, clocks, who, out, n)
        while clock["static_ms"] < until_ms:
            if n + DUE > out.shape[0]:
                return n, who
            n = _one_static(ships, knots, clocks, seed, who, out, n)
        while clock["long_ms"] < until_ms:
            if n + DUE > out.shape[0]:
                return n, who
            n = _one_long(ships, knots, clocks, places, bases, who, out, n)
    return n, ships.shape[0]
