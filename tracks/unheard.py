"""Unheard: may two that were in contact have stayed together while nobody heard them? May hold: that question. May not: remember a pair, judge a meeting.

Theory. Satellites come by for ten minutes each hour, receivers ashore have their shadows. Two ships that are found together, are lost, and are found
together again where drift can have brought them have not parted unless somebody saw it: nobody sails off and comes back to the same partner
within the hour, unheard. So a longer break than an interpolation is asked two questions. When contact comes again: does everything that was
heard of either meanwhile lie where drift reaches, slow, and never far from the other? While it lasts: was either heard where, or as fast as, one who
stays is not? What is bridged so is counted apart, and is never longer than `unheard_s_max`. The trail keeps the last 40 minutes and what
older passes left in it; what it has lost cannot speak.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, from_dtype, int64, types

from dogwatch.batch import LAT_MISSING, SOG_MISSING, T_MISSING
from dogwatch.geo import KN_MS
from dogwatch.kernel import kernel
from tracks.around import SIGHTING_TYPE
from tracks.contacts import NEAR, apart_m
from tracks.detector import Sight
from tracks.key import tracks_of
from tracks.params import Rendezvous
from tracks.records import PLAIN, TRAIL_FIXES, TRAIL_MS, TRAIL_TYPE

_NEAR = from_dtype(NEAR)


@kernel(float64(float64, float64, int64), **PLAIN)
def reach_m(limit_m, drift_kn, silent_ms):
    """How far from where two were together one of them may be after so long, if they stayed: their distance, and what drift makes."""
    return limit_m + drift_kn * KN_MS * silent_ms / 1000.0


@kernel(int64(TRAIL_TYPE[:, ::1], int64, int64, int64), **PLAIN)
def _when_ms(trail, slot, k, t_ms):
    """Time of a place of a trail whose newest report is that of `t_ms`; T_MISSING if it is empty."""
    point = trail[slot, k]
    return T_MISSING if point["lat"] == LAT_MISSING else t_ms - ((t_ms - np.int64(point["t"])) & 0xFFFFFFFF)


@kernel(boolean(types.UniTuple(int64, 3), _NEAR, TRAIL_TYPE[:, ::1], types.UniTuple(float64, 3)), **PLAIN)
def _stayed_one(was, one, trail, limits):
    """Whether all that was heard of one party since `was` (ms, lat, lon) lies in reach of that place and is slow. limits: see `stayed`."""
    since_ms, lat, lon = was
    limit_m, drift_kn, gate_kn = limits
    if apart_m(lat, lon, one["lat"], one["lon"]) > reach_m(limit_m, drift_kn, one["t_ms"] - since_ms):
        return False
    slot = np.int64(one["slot"])
    for k in range(TRAIL_FIXES):
        t_ms = _when_ms(trail, slot, k, one["t_ms"])
        if t_ms <= since_ms:
            continue
        point = trail[slot, k]
        if point["sog"] != SOG_MISSING and point["sog"] > 10.0 * gate_kn:
            return False
        if apart_m(lat, lon, point["lat"], point["lon"]) > reach_m(limit_m, drift_kn, t_ms - since_ms):
            return False
    return True


@kernel(boolean(types.UniTuple(int64, 3), _NEAR, _NEAR, TRAIL_TYPE[:, ::1], types.UniTuple(float64, 3)), **PLAIN)
def stayed(was, a, b, trail, limits):
    """Whether two in contact again may have been together ever since `was`: ms, and the place in units between them then.

    a, b: NEAR rows, their `slot` that of their row of `trail`. limits: contact distance of the two in m, drift and fastest report in kn.
    """
    if not _stayed_one(was, a, trail, limits) or not _stayed_one(was, b, trail, limits):
        return False
    slot_a, slot_b, apart_most_m = np.int64(a["slot"]), np.int64(b["slot"]), reach_m(limits[0], limits[1], TRAIL_MS)
    for k in range(TRAIL_FIXES):  # places of one number are of one time, or 40 minutes apart
        t_a, t_b = _when_ms(trail, slot_a, k, a["t_ms"]), _when_ms(trail, slot_b, k, b["t_ms"])
        if min(t_a, t_b) <= was[0] or abs(t_a - t_b) > TRAIL_MS:
            continue
        p, q = trail[slot_a, k], trail[slot_b, k]
        if apart_m(p["lat"], p["lon"], q["lat"], q["lon"]) > apart_most_m:
            return False
    return True


def seen_apart(sight: Sight, pairs: np.ndarray, rule: Rendezvous) -> np.ndarray:
    """bool[n]: whether two tracks without contact have been heard apart since (PAIR rows): not near each other, or one of them gone."""
    out = np.zeros(len(pairs), np.bool_)
    rows, known = sight.around.of_all(np.concatenate(tracks_of(pairs["key"])))
    was = np.column_stack([pairs[name].astype(np.int64) for name in ("last_ms", "mid_lat", "mid_lon")])
    limits = rule.distance_m_ceiling, rule.speed_kn_max, rule.speed_kn_gate, rule.report_age_s_max
    _seen_apart(rows.reshape(2, -1), known.reshape(2, -1), was, limits, out)
    return out


@kernel((SIGHTING_TYPE[:, ::1], boolean[:, ::1], int64[:, ::1], types.UniTuple(float64, 4), boolean[::1]), **PLAIN)
def _seen_apart(rows, known, was, limits, out):
    """Write `seen_apart`. rows: of the first and the second of each pair; was: ms and place of the last contact; limits: m, kn of drift, kn of the gate, s."""
    limit_m, drift_kn, gate_kn, age_s = limits
    for i in range(out.shape[0]):
        since_ms, lat, lon = was[i, 0], was[i, 1], was[i, 2]
        heard = 0
        for side in range(2):
            row = rows[side, i]
            if not known[side, i] or row["t_ms"] <= since_ms:
                continue
            heard += 1
            away = apart_m(lat, lon, np.int64(row["lat"]), np.int64(row["lon"])) > reach_m(limit_m, drift_kn, row["t_ms"] - since_ms)
            out[i] = out[i] or away or row["speed_kn"] > gate_kn
        a, b = rows[0, i], rows[1, i]
        if heard == 2 and not out[i] and abs(a["t_ms"] - b["t_ms"]) <= age_s * 1000.0:
            out[i] = apart_m(np.int64(a["lat"]), np.int64(a["lon"]), np.int64(b["lat"]), np.int64(b["lon"])) > limit_m
