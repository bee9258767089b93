"""Association: to which track of an MMSI does a fix belong? May hold: the kernel over fixes and its rule.

May not: where a hull may be (whereabouts.py), how a track begins and ends (sisters.py), the table's life, events.

Theory. Nearly every MMSI is one hull, and nearly every fix lies where that hull can be: within NOISE_M and WAY times the
way it can have made at the speed it tells. Such a fix goes on with the track, and nothing else is looked at.
Everything else is a question, asked in `_choose`:
- A fix farther than the track could have come at `v_max` of its type starts a TENTATIVE track of the same MMSI (at most
  TRACKS_MAX). When `reacquire` fixes have agreed there, it is either a second hull (the first was heard meanwhile: both
  live on, each with an ordinal) or the same one after a jump (the first has been silent for longer than its interval
  explains: the first moves there, its segment number grows). Until then its rows are counted as quarantined.
- A fix that the track could have reached, though not at the speed it tells (a frozen SOG, a long turn), is accepted; the
  place that it left is kept as a SHADOW. If the next ones change to and fro between the two, TURNS_MIN times, these are
  two hulls close together, and the shadow becomes a track of its own. A shadow that nobody returns to dies.
- No hull is at two places in one second. A fix of the head's own second that lies elsewhere (`is_elsewhere`) starts a track BESIDE it, which takes its
  like aside. When the two were heard so TURNS_MIN times, over BESIDE_MS, these are two hulls. What a clock, a relay or a table of whole
  minutes has stamped wrongly lies ahead or astern on its own course: that is dropped, and a track beside that is met there ends.
Once two hulls are known to share a number, more may, and where the nearest has been silent for QUIET_MS a fix is nobody's by right. It goes to
the hull that it suits best (`suits`: how far from where it was or, as it steered, would be; how long silent). If another suits it nearly as
well, nobody knows whose it is: a new segment begins there, and the tracks that it could have gone on with end. A place that suits none is one
more hull, not a jump.
A track silent for RETURN_MS begins anew where it is heard next; a second hull is forgotten then. All of
this depends on the rows alone, in canonical order. A late row (a satellite's, hours after the coast) tells that the vessel was heard; of
one that nobody had seen for FAR_MS it is the last known place, of one never seen the first. It is no accepted fix: no detector is given it as one.

Costs after GlobalFishingWatch's segmenter (behaviours: 25 kn and slack; there the nearer of two hulls takes all) and the
alternation test of our own: two hulls 0.2 nautical miles apart do not become a zig-zag.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float64, int32, int64, types, uint64

from dogwatch.batch import (
    F_CLASS_B,
    F_COARSE,
    F_LATE,
    LAT_MISSING,
    LON_MISSING,
    SOG_MISSING,
    T_MISSING,
)
from dogwatch.fetch import fetch
from dogwatch.geo import KN_MS, M_PER_UNIT, NM_M, distance_m
from dogwatch.kernel import kernel
from tracks.key import SHIP_MMSI_MAX, SHIP_MMSI_MIN
from tracks.records import (
    ACCEPTED,
    BELIEVED,
    BESIDE,
    BORN,
    COARSE,
    DEAD,
    DUPLICATE,
    FIX_TYPE,
    GOES_ON,
    HOT_TYPE,
    JUMPED,
    LAST_ROW,
    LATE,
    LATE_USED,
    MARK_CLASSES,
    MARK_SILENT,
    MORE_TYPE,
    NO_POSITION,
    NOT_VESSEL,
    PLAIN,
    QUARANTINED,
    RECENT,
    RETURNED,
    SAME_TIME,
    SHADOW,
    SLOTS,
    SLOTS_MAX,
    TABLE_FULL,
    TAKEN_TYPE,
    TENTATIVE,
    TRAIL_FIXES,
    TRAIL_MS,
    TRAIL_TYPE,
)
from tracks.sisters import FAR_MS, STEP_BITS, believe, blank, change_places, end_track, is_shared, leave_shadow, new_sister, shadow_of, steps_clear
from tracks.whereabouts import NEVER, NOISE_M, RETURN_MS, SLOW_KN, WAY, is_elsewhere, miss_m, reachable_m, reckoned_off_m, suits

DUPLICATE_MS = 30_000
DERIVE_MS = 30_000  # a speed is derived from two positions only over at least this long
TURNS_MIN = 4
SHADOW_MS = 900_000
BESIDE_MS = 300_000  # for so long two are heard in one second before they are two hulls
TENTATIVE_MS = 2 * 86_400_000
SILENT_MOVING_MS, SILENT_SLOW_MS = 120_000, 480_000  # a track not heard for so long has left its place (M.1371-5, table 1: 10-30 s and 180 s)
QUIET_MS = 1_800_000  # of a shared number: two hulls that both were silent for so long may have changed places
AMBIGUOUS = math.log(10.0)  # suits less than ten times better than another: nobody knows whose fix it is
PATIENCE = 3  # and for longer than so many of its own usual intervals
AT_PLACE_M = 2 * NM_M  # coarse positions: so near belongs to the track
HASH_FACTOR = 11_400_714_819_323_198_485  # multiplicative hashing; a power of two as a modulus would crowd MMSIs that end in 000
CONTENT_FACTOR = 14_029_467_366_897_019_727  # for the hash of a content: another odd number
NO_VESSEL_TYPES = 1 << 4 | 1 << 9 | 1 << 11 | 1 << 21 | 1 << 28  # base stations, aircraft, aids: never a track
CLASS_B_TYPES = 1 << 18 | 1 << 19
AHEAD = 32  # rows: their records (three cache lines each) stay in the nearest cache until they are taken
REBORN, NOTED, SLOW, HINTS = AHEAD, AHEAD + 1, AHEAD + 2, AHEAD + 3  # in the working room of `associate`, behind the hints: see there
ARRAYS = (HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], TRAIL_TYPE[:, ::1], int64[::1], int64[::1], uint64[::1])


@kernel("int64(int64, int64)", **PLAIN)
def place(mmsi, shift):
    """Where the search for an MMSI begins in a hash of 2**(64 - shift) places."""
    return np.int64((np.uint64(mmsi) * np.uint64(HASH_FACTOR)) >> np.uint64(shift))


@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64, int64, int64, int64, float64, types.UniTuple(float64, 4)), **PLAIN)
def _nearest(rows, more, heard, head, t, lat, lon, speed_kn, limits):
    """The living track that a fix agrees with best; else the believed one that could have reached it; else -1. Kills what is over."""
    best, best_m, possible, possible_m, beside, beside_m = -1, 0.0, -1, 0.0, -1, 0.0
    at = head
    while at >= 0:
        v, m = rows[at], more[at]
        age_ms = t - v["t_ms"]
        over = ((m["belief"] == SHADOW or m["belief"] == BESIDE) and age_ms > SHADOW_MS) or (m["belief"] == TENTATIVE and age_ms > TENTATIVE_MS)
        if over or (at != head and m["belief"] == BELIEVED and age_ms > RETURN_MS):
            end_track(rows, more, heard, at)
        if (m["belief"] == BELIEVED or m["belief"] == TENTATIVE) and v["t_ms"] != T_MISSING and age_ms <= RETURN_MS:
            away_m = reckoned_off_m(rows, more, at, t, lat, lon)
            near = distance_m(v["lat"], v["lon"], lat, lon) <= reachable_m(rows, more, at, t, limits)
            if miss_m(rows, more, at, t, lat, lon, speed_kn) <= 0.0 or (m["belief"] == TENTATIVE and near):
                if best < 0 or away_m < best_m:
                    best, best_m = at, away_m
            elif near and (possible < 0 or away_m < possible_m):
                possible, possible_m = at, away_m
        elif m["belief"] == BESIDE and v["t_ms"] != T_MISSING and miss_m(rows, more, at, t, lat, lon, speed_kn) <= 0.0:
            away_m = reckoned_off_m(rows, more, at, t, lat, lon)
            if beside < 0 or away_m < beside_m:
                beside, beside_m = at, away_m
        at = np.int64(m["next"]) - 1
    if beside >= 0 and (best < 0 or (best_m > NOISE_M and beside_m < best_m)):  # at rest it may be where the head is: then a fix is the head's
        return beside
    return best if best >= 0 else possible


@kernel(types.UniTuple(int64, 2)(HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64, int64, int64, int64), **PLAIN)
def _after_silence(rows, more, heard, head, t, lat, lon):
    """(slot, how) of a fix of a shared number where the nearest track had been silent; slot -1: none of the hulls can be there."""
    best, most, at = np.int64(-1), NEVER, head
    while at >= 0:
        here = suits(rows, more, at, t, lat, lon)
        if here > most:
            best, most = at, here
        at = np.int64(more[at]["next"]) - 1
    if best < 0 or t - rows[best]["t_ms"] < QUIET_MS:
        return best, GOES_ON
    keep, rivals, at = best, 0, head
    while at >= 0:
        if suits(rows, more, at, t, lat, lon) + AMBIGUOUS >= most:
            rivals += 1
            if at == head or (keep != head and more[keep]["belief"] != BELIEVED and more[at]["belief"] == BELIEVED):
                keep = at  # the head of a chain cannot end
        at = np.int64(more[at]["next"]) - 1
    if rivals < 2:
        return best, GOES_ON
    at = head
    while at >= 0:
        if at != keep and suits(rows, more, at, t, lat, lon) + AMBIGUOUS >= most:
            end_track(rows, more, heard, at)
        at = np.int64(more[at]["next"]) - 1
    return keep, RETURNED if more[keep]["belief"] == BELIEVED else GOES_ON


@kernel(types.UniTuple(int64, 2)(HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], *[int64] * 6, float64), **PLAIN)
def _beside(rows, more, heard, head, slot, t, lat, lon, cog, speed_kn):
    """(slot, how) of a fix that agrees with a track beside the head."""
    if t == rows[head]["t_ms"] and t != rows[slot]["t_ms"]:
        if not is_elsewhere(rows, more, head, lat, lon, cog, speed_kn):
            end_track(rows, more, heard, slot)
            return head, GOES_ON
        if more[slot]["turns"] < TURNS_MIN:
            more[slot]["turns"] += np.uint8(1)
        if more[slot]["turns"] >= TURNS_MIN and t - more[slot]["birth_ms"] >= BESIDE_MS:
            believe(rows, more, heard, slot)
            return slot, BORN
    return slot, -1


@kernel(
    types.UniTuple(int64, 2)(*ARRAYS[:4], int64[::1], *[int64] * 5, float64, types.UniTuple(float64, 4), int64),
    **PLAIN,
)
def _choose(rows, more, heard, trail, cells, head, t, lat, lon, cog, speed_kn, limits, reacquire):
    """(slot, how): the track of a fix that is not simply where its vessel should be. slot -1: no room; how -1: not believed yet."""
    slot = _nearest(rows, more, heard, head, t, lat, lon, speed_kn, limits)
    if slot >= 0 and t - rows[slot]["t_ms"] >= QUIET_MS and is_shared(more, head):
        slot, how = _after_silence(rows, more, heard, head, t, lat, lon)
        if how == RETURNED:
            return slot, how
    if slot < 0 and t - rows[head]["t_ms"] > RETURN_MS:
        return head, RETURNED
    if slot < 0:
        slot = new_sister(rows, more, heard, trail, cells, head, t)
        if slot >= 0:
            more[slot]["belief"] = np.uint8(TENTATIVE)
        return slot, -1
    if more[slot]["belief"] == TENTATIVE:
        if np.int64(rows[slot]["reports"]) + 1 < reacquire:
            return slot, -1
        usual_ms = (rows[head]["t_ms"] - more[head]["birth_ms"]) // max(1, np.int64(rows[head]["reports"]))
        patience_ms = max(SILENT_SLOW_MS if rows[head]["speed_kn"] < SLOW_KN else SILENT_MOVING_MS, PATIENCE * usual_ms)
        if rows[head]["t_ms"] >= more[slot]["birth_ms"] or t - rows[head]["t_ms"] > RETURN_MS or is_shared(more, head):
            believe(rows, more, heard, slot)  # both are heard: a second hull; of a number known to be shared, one more
            return slot, BORN
        if t - rows[head]["t_ms"] < patience_ms:
            return slot, -1
        more[slot]["belief"] = np.uint8(DEAD)  # nobody is heard at the old place any more: the vessel is here now
        rows[slot]["t_ms"] = T_MISSING
        return head, JUMPED
    if more[slot]["belief"] == BESIDE:
        return _beside(rows, more, heard, head, slot, t, lat, lon, cog, speed_kn)
    if miss_m(rows, more, slot, t, lat, lon, speed_kn) <= 0.0:
        return slot, GOES_ON
    shadow = shadow_of(rows, more, head)
    if shadow >= 0 and miss_m(rows, more, shadow, t, lat, lon, speed_kn) <= 0.0:
        if t == rows[slot]["t_ms"] and not is_elsewhere(rows, more, slot, lat, lon, cog, speed_kn):
            more[shadow]["turns"] = np.uint8(0)  # the one that came first was stamped wrongly
            change_places(rows, more, shadow, slot)
            return slot, GOES_ON
        if np.int64(more[shadow]["turns"]) + 1 >= TURNS_MIN:
            # two hulls, close together: the shadow lives on where the last fix was, this track is where the shadow was
            change_places(rows, more, shadow, slot)
            believe(rows, more, heard, shadow)
            return slot, GOES_ON
        more[shadow]["turns"] += np.uint8(1)
        change_places(rows, more, shadow, slot)
        return slot, GOES_ON
    if slot == head and t == rows[head]["t_ms"] and is_elsewhere(rows, more, head, lat, lon, cog, speed_kn):
        slot = new_sister(rows, more, heard, trail, cells, head, t)
        if slot >= 0:
            more[slot]["belief"] = np.uint8(BESIDE)
        return slot, -1
    if shadow < 0:
        shadow = new_sister(rows, more, heard, trail, cells, head, t)
        if shadow >= 0:
            more[shadow]["belief"] = np.uint8(SHADOW)
    elif more[shadow]["turns"] > 0:
        more[shadow]["turns"] -= np.uint8(1)
    if shadow >= 0:
        leave_shadow(rows, more, shadow, slot)
    return slot, GOES_ON


@kernel(boolean(HOT_TYPE[::1], int64, int64, int64), **PLAIN)
def _is_copy(rows, slot, content, t):
    """Whether a track sent this content less than DUPLICATE_MS ago (whole seconds)."""
    v = rows[slot]
    now_s = t // 1000
    found = False
    for k in range(RECENT):
        found |= np.int64(v["recent"][k]) == content and ((now_s - np.int64(v["recent_s"][k])) & 0xFFFF) * 1000 <= DUPLICATE_MS
    return found


@kernel((HOT_TYPE[::1], int64, int64, int64), **PLAIN)
def _remember(rows, slot, content, t):
    v = rows[slot]
    turn = np.int64(v["turn"])
    v["recent"][turn] = np.uint32(content)
    v["recent_s"][turn] = np.uint16((t // 1000) & 0xFFFF)
    v["turn"] = np.uint8(0 if turn == RECENT - 1 else turn + 1)


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64, int64, float64, int64), **PLAIN)
def _take_aside(rows, more, slot, t, lat, lon, cog, speed_kn, content):
    """A fix of a track that is not believed yet."""
    v = rows[slot]
    if v["reports"] > 0 and _is_copy(rows, slot, content, t):
        return
    _remember(rows, slot, content, t)
    v["reports"] += np.uint32(1)
    v["t_ms"] = t
    v["lat"] = lat
    v["lon"] = lon
    v["cog"] = cog
    more[slot]["typical_kn"] = np.float32(speed_kn)


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64, FIX_TYPE, int64, types.UniTuple(float64, 4)), **PLAIN)
def _last_place(rows, more, slot, fix, t, limits):
    """A late position of a vessel that nobody had seen for FAR_MS before it: it is where the vessel was last known to be, and no more."""
    v = rows[slot]
    lat, lon = np.int64(fix["lat"]), np.int64(fix["lon"])
    if v["sisters"] != 0:
        return
    if v["t_ms"] != T_MISSING and (t - v["t_ms"] < FAR_MS or distance_m(v["lat"], v["lon"], lat, lon) > reachable_m(rows, more, slot, t, limits)):
        return
    v["t_ms"] = t
    v["lat"] = fix["lat"]
    v["lon"] = fix["lon"]
    v["cog"] = fix["cog"]
    v["hdg"] = fix["hdg"]
    v["nav"] = fix["nav"]
    v["class_b"] = np.uint8((np.int64(fix["flags"]) & F_CLASS_B) != 0 or (CLASS_B_TYPES >> (np.int64(fix["msg_type"]) & 63)) & 1 != 0)
    if fix["sog"] != SOG_MISSING:
        v["speed_kn"] = np.float32(fix["sog"] / 10.0)


@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64), **PLAIN)
def _coarse_track(rows, more, head, t, lat, lon):
    """The believed track near which a coarse position (type 27) lies, else the head."""
    at = head
    while at >= 0:
        if more[at]["belief"] == BELIEVED and rows[at]["t_ms"] != T_MISSING and distance_m(rows[at]["lat"], rows[at]["lon"], lat, lon) <= AT_PLACE_M:
            return at
        at = np.int64(more[at]["next"]) - 1
    return head


# Flat: one pass over every fix that comes in; sub-functions are for rare paths. Slow twin: tests/naive_association.py.
# Before AHEAD rows are taken, their records are looked up and fetched, and of the AHEAD rows behind them the places of the hash, so that nobody
# waits for either. What is found so is a hint only. The place in the trail is fetched though it is only written: few writes can wait at a time.
@kernel(int64(FIX_TYPE[::1], int64, *ARRAYS, TAKEN_TYPE[::1], int32[::1], int64[::1], int64[::1], types.UniTuple(float64, 4), int64), **PLAIN)
def associate(fixes, at_row, rows, more, heard, trail, places, cells, receivers, taken, noted, slow, hints, limits, reacquire):
    """Take fixes from `at_row` into the tracks and tell in `taken` (a row per fix) what became of each.

    Returns len(fixes), or the row at which the table must grow first. limits: v_max in knots of an ordinary hull, of a
    fast one and of a merchant ship, and slack in s. places: mmsi << 32 | slot + 1, 0 empty. cells, receivers: VesselTable.
    noted: numbers of rows of tracks marked silent, and of late rows that have a track. slow: slots (maybe repeated) of tracks that a row placed, unless
    it tells more than SLOW_KN. hints: int64[HINTS] to work in; NOTED and SLOW count these, REBORN the second and later tracks of an MMSI that were
    born, in slots that others may have had.
    """
    shift = 0
    while places.shape[0] >> shift > 1:
        shift += 1
    mask, shift = places.shape[0] - 1, 64 - shift
    begun = ahead = at_row
    for i in range(at_row, fixes.shape[0]):
        if i == ahead:
            begun, ahead = i, min(i + AHEAD, fixes.shape[0])
            for j in range(begun, ahead):
                mmsi = np.int64(fixes[j]["mmsi"])
                at = np.int64((np.uint64(mmsi) * np.uint64(HASH_FACTOR)) >> np.uint64(shift))
                while places[at] != 0 and places[at] >> 32 != mmsi:
                    at = (at + 1) & mask
                hints[j - begun] = at
                slot = (places[at] & 0xFFFFFFFF) - 1
                if slot >= 0:
                    fetch(rows, slot)
                    fetch(heard, slot)
                    fetch(trail, slot * TRAIL_FIXES + ((fixes[j]["t_ms"] // TRAIL_MS) & (TRAIL_FIXES - 1)))
                following = np.uint64(fixes[min(j + AHEAD, fixes.shape[0] - 1)]["mmsi"])
                fetch(places, np.int64((following * np.uint64(HASH_FACTOR)) >> np.uint64(shift)))
        fix, told = fixes[i], taken[i]
        flags = np.int64(fix["flags"])
        late = (flags & F_LATE) != 0
        mmsi = np.int64(fix["mmsi"])
        kind = np.int64(fix["msg_type"])
        t = fix["t_ms"]
        told["slot"] = np.int32(-1)
        told["prev_t_ms"] = T_MISSING
        told["how"] = told["marks"] = np.uint8(0)
        told["late"] = np.uint8(late)
        if mmsi < SHIP_MMSI_MIN or mmsi > SHIP_MMSI_MAX or (NO_VESSEL_TYPES >> (kind & 63)) & 1 != 0:
            cells[NOT_VESSEL] += 1
            told["what"] = np.uint8(NOT_VESSEL)
            if not late:
                receivers[0] |= fix["receivers"]
                cells[LAST_ROW] = t
            continue
        if cells[SLOTS] >= rows.shape[0] and rows.shape[0] < cells[SLOTS_MAX]:
            return i
        at = hints[i - begun]
        while places[at] != 0 and places[at] >> 32 != mmsi:
            at = (at + 1) & mask
        if places[at] == 0 and not late:
            if cells[SLOTS] >= cells[SLOTS_MAX]:
                cells[TABLE_FULL] += 1
                told["what"] = np.uint8(TABLE_FULL)
                continue
            blank(rows, more, heard, trail, cells[SLOTS], mmsi, 0, t)
            more[cells[SLOTS]]["belief"] = np.uint8(BELIEVED)
            cells[SLOTS] += 1
            places[at] = (mmsi << 32) | cells[SLOTS]
        head = (places[at] & 0xFFFFFFFF) - 1
        if late:
            placed = kind != 27 and fix["lat"] != LAT_MISSING and fix["lon"] != LON_MISSING and (flags & F_COARSE) == 0
            if head < 0 and placed and cells[SLOTS] < cells[SLOTS_MAX]:
                head = cells[SLOTS]
                blank(rows, more, heard, trail, head, mmsi, 0, t)
                more[head]["belief"] = np.uint8(BELIEVED)
                cells[SLOTS] += 1
                places[at] = (mmsi << 32) | cells[SLOTS]
            used = head >= 0 and t > heard[head]
            if used:
                heard[head] = t
                if placed:
                    _last_place(rows, more, head, fix, t, limits)
            cells[LATE_USED if used else LATE] += 1
            told["what"] = np.uint8(LATE_USED if used else LATE)
            told["slot"] = np.int32(head)
            slow[hints[SLOW]] = head
            hints[SLOW] += used
            if head >= 0:
                noted[hints[NOTED]] = np.int32(i)
                hints[NOTED] += 1
            continue
        receivers[0] |= fix["receivers"]
        cells[LAST_ROW] = t
        slot, how, what = head, GOES_ON, ACCEPTED
        v = rows[slot]
        lat, lon = np.int64(fix["lat"]), np.int64(fix["lon"])
        speed_kn = fix["sog"] / 10.0 if fix["sog"] != SOG_MISSING else -1.0
        content = np.int64(0)
        if lat == LAT_MISSING or lon == LON_MISSING:
            what = NO_POSITION
        elif (flags & F_COARSE) != 0 or kind == 27:
            what = COARSE
            if v["sisters"] != 0:
                slot = _coarse_track(rows, more, head, t, lat, lon)
        else:
            said = (np.int64(fix["sog"]) << 45) ^ (np.int64(fix["cog"]) << 33) ^ (np.int64(fix["hdg"]) << 24)
            said ^= (np.int64(fix["nav"]) << 19) ^ (np.int64(fix["sec"]) << 13) ^ ((np.int64(fix["rot"]) + 128) << 5) ^ kind
            mixed = np.uint64((lat << 32) ^ (lon & 0xFFFFFFFF)) * np.uint64(HASH_FACTOR)
            mixed ^= (np.uint64(said) ^ (np.uint64(fix["radio"]) << np.uint64(40))) * np.uint64(CONTENT_FACTOR)
            content = np.int64(mixed >> np.uint64(33))
            if v["t_ms"] == T_MISSING:
                how = BORN
            elif t - v["t_ms"] > RETURN_MS and v["sisters"] == 0:
                how = RETURNED
            else:
                dt_s = (t - v["t_ms"]) / 1000.0
                way_m = NOISE_M + WAY * KN_MS * max(speed_kn, np.float64(v["speed_kn"]), 0.0) * dt_s
                # the sum of both ways is no shorter than the distance, and quickly known
                moved = abs(lat - v["lat"]) + abs(lon - v["lon"])
                far = moved * M_PER_UNIT > way_m
                sisters, steps = np.int64(v["sisters"]), (moved + (1 << STEP_BITS) - 1) >> STEP_BITS
                if sisters > 2 * steps + 1 and not far and t - v["t_ms"] <= RETURN_MS:
                    v["sisters"] = np.uint8(sisters - steps)
                elif sisters != 0 or (far and distance_m(v["lat"], v["lon"], lat, lon) > way_m):
                    slot, how = _choose(rows, more, heard, trail, cells, head, t, lat, lon, np.int64(fix["cog"]), speed_kn, limits, reacquire)
                    if slot < 0 or how < 0:
                        v["sisters"] = np.uint8(1 if v["sisters"] != 0 else 0)
                        cells[QUARANTINED] += 1
                        told["what"] = np.uint8(QUARANTINED)
                        told["slot"] = np.int32(slot)
                        slow[hints[SLOW]] = slot
                        hints[SLOW] += slot >= 0
                        if slot >= 0:
                            _take_aside(rows, more, slot, t, lat, lon, np.int64(fix["cog"]), speed_kn, content)
                        heard[head] = max(t, heard[head])  # its transmitter was heard, wherever it is
                        continue
                    if v["sisters"] != 0:
                        clear = steps_clear(rows, more, head, t, lat, lon) if slot == head and how == GOES_ON else 0
                        v["sisters"] = np.uint8(1 + clear)
                    v = rows[slot]
            if how == GOES_ON and t - v["t_ms"] <= DUPLICATE_MS + 1000:
                if _is_copy(rows, slot, content, t):
                    what = DUPLICATE
                elif t == v["t_ms"]:
                    what = SAME_TIME
        heard[slot] = max(t, heard[slot])
        v["rx"] |= fix["receivers"]
        told["slot"] = np.int32(slot)
        told["what"] = np.uint8(what)
        told["marks"] = v["marks"]
        if v["marks"] & MARK_SILENT != 0:
            noted[hints[NOTED]] = np.int32(i)
            hints[NOTED] += 1
        cells[what] += 1
        slow[hints[SLOW]] = slot
        hints[SLOW] += what in (DUPLICATE, SAME_TIME) or (what == ACCEPTED and speed_kn <= SLOW_KN)
        if what != ACCEPTED:
            continue
        if how == GOES_ON and v["reports"] == 0:
            how = BORN
        told["how"] = np.uint8(how)
        if how != BORN:
            told["prev_t_ms"] = v["t_ms"]
        elif more[slot]["ordinal"] > 0:
            hints[REBORN] += 1
        told["prev_lat"] = v["lat"]
        told["prev_lon"] = v["lon"]
        told["prev_speed_kn"] = v["speed_kn"]
        told["prev_cog"] = v["cog"]
        told["prev_hdg"] = v["hdg"]
        turn = np.int64(v["turn"])
        v["recent"][turn] = np.uint32(content)
        v["recent_s"][turn] = np.uint16((t // 1000) & 0xFFFF)
        v["turn"] = np.uint8(0 if turn == RECENT - 1 else turn + 1)
        trail_slot = t // TRAIL_MS
        if how >= JUMPED:  # or RETURNED
            more[slot]["segment"] += np.uint16(1)
            for k in range(TRAIL_FIXES):
                trail[slot, k]["lat"] = LAT_MISSING
        if np.uint8(trail_slot & 0xFF) != v["trail_slot"] or how != GOES_ON or t - v["t_ms"] > TRAIL_MS:
            v["trail_slot"] = np.uint8(trail_slot & 0xFF)
            point = trail[slot, trail_slot & (TRAIL_FIXES - 1)]
            point["t"] = np.uint32(t & 0xFFFFFFFF)
            point["lat"] = fix["lat"]
            point["lon"] = fix["lon"]
            point["sog"] = fix["sog"]
            point["hdg"] = fix["hdg"]
        if speed_kn >= 0.0:
            v["speed_kn"] = np.float32(speed_kn)
        elif how in (GOES_ON, RETURNED) and t - v["t_ms"] >= DERIVE_MS:
            v["speed_kn"] = np.float32(distance_m(v["lat"], v["lon"], lat, lon) * 1000.0 / (t - v["t_ms"]) / KN_MS)
        v["t_ms"] = t
        v["lat"] = fix["lat"]
        v["lon"] = fix["lon"]
        v["cog"] = fix["cog"]
        v["hdg"] = fix["hdg"]
        v["nav"] = fix["nav"]
        class_b = np.uint8((flags & F_CLASS_B) != 0 or (CLASS_B_TYPES >> (kind & 63)) & 1 != 0)
        if class_b != v["class_b"] and v["reports"] > 0:
            v["marks"] |= np.uint8(MARK_CLASSES)
        v["class_b"] = class_b
        v["reports"] += np.uint32(1)
        if fix["ship_type"] != 0:
            more[slot]["ship_type"] = fix["ship_type"]
    return fixes.shape[0]
