"""Sisters: the tracks of one MMSI, a chain of slots that begins with its head. May hold: how a track begins, ends, is believed, changes places with its shadow.

May not: ask where a hull may be (whereabouts.py), decide whose a fix is (association.py).

Theory. Nearly every number is one hull, so its first track, the head, lies where the hash points, and the others hang behind it. A false position leaves a
TENTATIVE track for two days, and to walk a chain costs four cache lines at each fix. So the head keeps, in `sisters`, how far it may sail before
another track could come into question (`steps_clear`); until then a fix that agrees with the head is the head's.
"""

from __future__ import annotations

import numpy as np
from numba import boolean, int64

from dogwatch.batch import COG_MISSING, HDG_MISSING, LAT_MISSING, LON_MISSING, NAV_MISSING, T_MISSING
from dogwatch.geo import M_PER_UNIT, distance_m
from dogwatch.kernel import kernel
from tracks.key import TRACKS_MAX
from tracks.records import BELIEVED, DEAD, HOT_TYPE, MORE_TYPE, PLAIN, RECENT, SHADOW, SLOTS, SLOTS_MAX, TENTATIVE, TRAIL_FIXES, TRAIL_TYPE
from tracks.whereabouts import RECKON_S

FAR_MS = 3_600_000  # beyond every coast: seen by nobody for so long, a vessel's late position is its last known place
STEP_BITS = 11  # of a position in units: a step of 380 m
STEPS_MAX = 254  # so that `sisters` holds them


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], TRAIL_TYPE[:, ::1], int64, int64, int64, int64), **PLAIN)
def blank(rows, more, heard, trail, slot, mmsi, ordinal, t_ms):
    """A slot in which nothing is known of a track but its number."""
    v, m = rows[slot], more[slot]
    v["mmsi"] = np.uint32(mmsi)
    v["t_ms"] = T_MISSING
    v["rx"] = np.uint64(0)
    v["reports"] = np.uint32(0)
    v["lat"] = LAT_MISSING
    v["lon"] = LON_MISSING
    v["speed_kn"] = np.float32(-1.0)
    v["cog"] = COG_MISSING
    v["hdg"] = HDG_MISSING
    v["nav"] = NAV_MISSING
    v["class_b"] = v["turn"] = v["marks"] = v["sisters"] = v["trail_slot"] = np.uint8(0)
    for k in range(RECENT):
        v["recent"][k] = np.uint32(0)
        v["recent_s"][k] = np.uint16(0)
    heard[slot] = T_MISSING
    m["birth_ms"] = t_ms
    m["geo_lat"] = LAT_MISSING
    m["geo_lon"] = LON_MISSING
    m["coast_nm"] = m["watch_nm"] = m["typical_kn"] = np.float32(0.0)
    m["next"] = np.int32(0)
    m["rx_before"] = np.uint64(0)
    m["loa_m"] = m["segment"] = m["draught_dm"] = np.uint16(0)
    m["beam_m"] = m["ship_type"] = m["masked"] = m["watched"] = m["belief"] = m["turns"] = m["trouble"] = np.uint8(0)
    m["trouble_min"] = np.uint16(0)
    m["was_lat"] = m["was_lon"] = np.int32(0)
    m["ordinal"] = np.uint8(ordinal)
    for k in range(TRAIL_FIXES):
        trail[slot, k]["lat"] = LAT_MISSING


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64), **PLAIN)
def end_track(rows, more, heard, slot):
    """A track is over; its slot may become another."""
    more[slot]["belief"] = np.uint8(DEAD)
    rows[slot]["t_ms"] = T_MISSING
    rows[slot]["speed_kn"] = np.float32(-1.0)
    heard[slot] = T_MISSING


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64), **PLAIN)
def believe(rows, more, heard, slot):
    """From now on a track is a vessel of its own."""
    more[slot]["belief"] = np.uint8(BELIEVED)
    rows[slot]["speed_kn"] = more[slot]["typical_kn"]
    more[slot]["typical_kn"] = np.float32(0.0)
    more[slot]["turns"] = np.uint8(0)
    heard[slot] = rows[slot]["t_ms"]


@kernel(boolean(MORE_TYPE[::1], int64), **PLAIN)
def is_shared(more, head):
    """Whether several hulls are known to send this number."""
    at = np.int64(more[head]["next"]) - 1
    while at >= 0:
        if more[at]["belief"] == BELIEVED:
            return True
        at = np.int64(more[at]["next"]) - 1
    return False


@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64), **PLAIN)
def shadow_of(rows, more, head):
    """Slot of the shadow in a chain; -1 if there is none."""
    at = np.int64(more[head]["next"]) - 1
    while at >= 0 and more[at]["belief"] != SHADOW:
        at = np.int64(more[at]["next"]) - 1
    return at


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64, int64), **PLAIN)
def leave_shadow(rows, more, shadow, slot):
    """Write where and how a believed track last was into its shadow."""
    a, b = rows[shadow], rows[slot]
    a["t_ms"] = b["t_ms"]
    a["lat"] = b["lat"]
    a["lon"] = b["lon"]
    a["cog"] = b["cog"]
    more[shadow]["typical_kn"] = b["speed_kn"]


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64, int64), **PLAIN)
def change_places(rows, more, shadow, slot):
    """A believed track goes on where its shadow was, the shadow where the track was."""
    a, b = rows[shadow], rows[slot]
    t, lat, lon, cog, speed_kn = a["t_ms"], a["lat"], a["lon"], a["cog"], more[shadow]["typical_kn"]
    leave_shadow(rows, more, shadow, slot)
    b["t_ms"] = t
    b["lat"] = lat
    b["lon"] = lon
    b["cog"] = cog
    b["speed_kn"] = speed_kn


@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], TRAIL_TYPE[:, ::1], int64[::1], int64, int64), **PLAIN)
def new_sister(rows, more, heard, trail, cells, head, t):
    """Slot of a fresh track of the head's MMSI: a dead one, a new one, the stalest of those not believed, or one silent for FAR_MS; -1: all are heard."""
    last, dead, stale, n = head, np.int64(-1), np.int64(-1), 1
    quiet = np.int64(-1)
    at = np.int64(more[head]["next"]) - 1
    while at >= 0:
        n += 1
        last = at
        if more[at]["belief"] == DEAD:
            dead = at if dead < 0 else dead
        elif more[at]["belief"] != BELIEVED and (stale < 0 or rows[at]["t_ms"] < rows[stale]["t_ms"]):
            stale = at
        elif more[at]["belief"] == BELIEVED and t - rows[at]["t_ms"] >= FAR_MS and (quiet < 0 or rows[at]["t_ms"] < rows[quiet]["t_ms"]):
            quiet = at
        at = np.int64(more[at]["next"]) - 1
    slot = np.int64(dead)
    if slot < 0 and n < TRACKS_MAX and cells[SLOTS] < min(rows.shape[0], cells[SLOTS_MAX]):
        slot = cells[SLOTS]
        cells[SLOTS] += 1
        blank(rows, more, heard, trail, slot, np.int64(rows[head]["mmsi"]), n, t)
        more[last]["next"] = np.int32(slot + 1)
        rows[head]["sisters"] = np.uint8(1)
        return slot
    slot = stale if slot < 0 else slot
    if slot < 0 and quiet >= 0:
        end_track(rows, more, heard, quiet)
        slot = quiet
    if slot >= 0:
        ordinal, following = np.int64(more[slot]["ordinal"]), more[slot]["next"]
        blank(rows, more, heard, trail, slot, np.int64(rows[head]["mmsi"]), ordinal, t)
        more[slot]["next"] = following
    return slot


@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64), **PLAIN)
def steps_clear(rows, more, head, t, lat, lon):
    """Steps that the head, which is here, may make in all while no other track of its MMSI can be nearer to a fix that agrees with it; 0: ask each time.

    Tracks that are believed, shadows, and those that may still be reckoned to come nearer are asked each time. Steps are counted as north plus
    east at the equator, of which one metre never brings two tracks nearer than two metres (`distance_m`, whatever the latitude): hence the half.
    """
    steps = np.int64(STEPS_MAX)
    at = np.int64(more[head]["next"]) - 1
    while at >= 0:
        v, m = rows[at], more[at]
        if m["belief"] != DEAD:
            sails = m["typical_kn"] >= 0.5 and v["cog"] < COG_MISSING and t - v["t_ms"] <= RECKON_S * 1000.0
            if m["belief"] != TENTATIVE or sails:
                return 0
            half_m = distance_m(v["lat"], v["lon"], lat, lon) / 2.0
            steps = min(steps, np.int64(half_m / M_PER_UNIT) >> STEP_BITS)
        at = np.int64(m["next"]) - 1
    return steps
