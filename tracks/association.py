"""Association: to which track of an MMSI does a fix belong? May hold: the kernel over fixes and its rule. May not: the table's life, events.

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
- No hull is at two places in one second. A fix of the head's own second that lies elsewhere (`_is_elsewhere`) starts a track BESIDE it, which takes its
  like aside. When the two were heard so TURNS_MIN times, over BESIDE_MS, these are two hulls. What a clock, a relay or a table of whole
  minutes has stamped wrongly lies ahead or astern on its own course: that is dropped, and a track beside that is met there ends.
Once two hulls are known to share a number, more may, and where the nearest has been silent for QUIET_MS a fix is nobody's by right. It goes to
the hull that it suits best (`_suits`: how far from where it was or, as it steered, would be; how long silent). If another suits it nearly as
well, nobody knows whose it is: a new segment begins there, and the tracks that it could have gone on with end. A place that suits none is one
more hull, not a jump.
A track silent for RETURN_MS begins anew where it is heard next; a second hull is forgotten then. All of
this depends on the rows alone, in canonical order. A late row (a satellite's, hours after the coast) tells that the vessel was heard; of
one that nobody had seen for FAR_MS it is the last known place, of one never seen the first. It is no accepted fix: no detector is given it as one.

A false position leaves a TENTATIVE track for two days, and to walk a chain costs four cache lines at each fix. So the head keeps, in `sisters`,
how far it may sail before another track could come into question (`_steps_clear`); until then a fix that agrees with the head is the head's.

Costs after GlobalFishingWatch's segmenter (behaviours: 25 kn and slack; there the nearer of two hulls takes all) and the
alternation test of our own: two hulls 0.2 nautical miles apart do not become a zig-zag.
"""

from __future__ import annotations

import math

import numpy as np
from numba import boolean, float64, int32, int64, types, uint64

from dogwatch.batch import (
    COG_MISSING,
    F_CLASS_B,
    F_COARSE,
    F_LATE,
    HDG_MISSING,
    LAT_MISSING,
    LON_MISSING,
    NAV_MISSING,
    SOG_MISSING,
    T_MISSING,
)
from dogwatch.fetch import fetch
from dogwatch.geo import KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel
from tracks.key import SHIP_MMSI_MAX, SHIP_MMSI_MIN, TRACKS_MAX
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

DUPLICATE_MS = 30_000
DERIVE_MS = 30_000  # a speed is derived from two positions only over at least this long
NOISE_M = 60.0  # two GNSS errors, an antenna's swing, rounding
WAY = 2.2  # times the way at the speed told: speeds grow between reports
TURNS_MIN = 4
SHADOW_MS = 900_000
BESIDE_MS = 300_000  # for so long two are heard in one second before they are two hulls
REST_KN = 0.5  # no faster: at rest
IN_LINE = math.cos(math.radians(30.0))  # so near its course a fix lies that was stamped wrongly, whatever she turned meanwhile
TENTATIVE_MS = 2 * 86_400_000
RETURN_MS = 60 * 3_600_000  # silent for so long, a track begins anew (GlobalFishingWatch's segmenter: 2.5 days)
SILENT_MOVING_MS, SILENT_SLOW_MS = 120_000, 480_000  # a track not heard for so long has left its place (M.1371-5, table 1: 10-30 s and 180 s)
FAR_MS = 3_600_000  # beyond every coast: seen by nobody for so long, a vessel's late position is its last known place
QUIET_MS = 1_800_000  # of a shared number: two hulls that both were silent for so long may have changed places
CROWD_KN = 25.0  # a hull of a shared number: so fast, but in h hours no farther than the root of h allows
SLACK_H = 0.25  # as if it had been silent for so long at least
AS_TOLD_H = 1.0  # and for so long at the speed that it told
CROWD_SHAPE = 5.0  # how quickly a fix suits less the farther off it is, in reaches
AMBIGUOUS = math.log(10.0)  # suits less than ten times better than another: nobody knows whose fix it is
NEVER = -1e9
SLOW_KN = 3.0  # geography is asked for vessels no faster than this, and one that lies still may be silent for longer
PATIENCE = 3  # and for longer than so many of its own usual intervals
RECKON_S = 7200.0  # of several tracks that a fix may belong to, the one wins that steers towards it, as far ahead as this
SPRINT_S, CRUISE_KN = 900.0, 12.0  # nobody sails at full speed for hours: after a quarter of an hour this much way an hour is allowed
STEP_BITS = 11  # of a position in units: a step of 380 m
STEPS_MAX = 254  # so that `sisters` holds them
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


@kernel(float64(HOT_TYPE[::1], MORE_TYPE[::1], int64), **PLAIN)
def _speed_kn(rows, more, slot):
    """Speed of a track; one that is not believed keeps it in MORE, because sweeps go by the speed in HOT."""
    believed = more[slot]["belief"] == BELIEVED
    return np.float64(rows[slot]["speed_kn"]) if believed else np.float64(more[slot]["typical_kn"])


@kernel(float64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64, float64), **PLAIN)
def _miss_m(rows, more, slot, t, lat, lon, speed_kn):
    """How much farther than explained a fix lies from a track, in metres; <= 0: it agrees."""
    v = rows[slot]
    dt_s = max(0, t - v["t_ms"]) / 1000.0
    way_m = max(speed_kn, _speed_kn(rows, more, slot), 0.0) * KN_MS * dt_s
    return distance_m(v["lat"], v["lon"], lat, lon) - NOISE_M - WAY * way_m


@kernel(float64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, types.UniTuple(float64, 4)), **PLAIN)
def _reach_m(rows, more, slot, t, limits):
    """Metres that the hull of a track may have made since it was last seen: by type, and never less than what it tells of itself."""
    kind = np.int64(more[slot]["ship_type"])
    limit_kn = limits[0]
    if 40 <= kind <= 49 or kind == 51:
        limit_kn = limits[1]
    elif 70 <= kind <= 89:
        limit_kn = limits[2]
    own_kn = 1.2 * _speed_kn(rows, more, slot)
    dt_s = (t - rows[slot]["t_ms"]) / 1000.0
    sprint_s = min(dt_s, SPRINT_S)
    return (max(limit_kn, own_kn) * (sprint_s + limits[3]) + max(CRUISE_KN, own_kn) * (dt_s - sprint_s)) * KN_MS


@kernel("float64(int64)", **PLAIN)
def _cosine(turn):
    """Cosine of an angle in 1/600000 degree."""
    a = abs(turn) % 216_000_000
    a = min(a, 216_000_000 - a)
    if a <= 54_000_000:
        return 0.0 if a > 53_400_000 else cos_lat(a)
    return 0.0 if 108_000_000 - a > 53_400_000 else -cos_lat(108_000_000 - a)


@kernel(float64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64), **PLAIN)
def _away_m(rows, more, slot, t, lat, lon):
    """Distance of a fix from where a track would be now at unchanged course and speed (up to RECKON_S), or from where it was seen: the nearer."""
    v = rows[slot]
    d = distance_m(v["lat"], v["lon"], lat, lon)
    dt_s = (t - v["t_ms"]) / 1000.0
    speed_kn = _speed_kn(rows, more, slot)
    if speed_kn < 0.5 or v["cog"] >= COG_MISSING or dt_s > RECKON_S or dt_s <= 0.0:
        return d
    turn = np.int64(v["cog"]) * 60_000
    way_units = speed_kn * KN_MS * dt_s / M_PER_UNIT
    north, east = _cosine(turn), _cosine(54_000_000 - turn)
    to_lat = v["lat"] + np.int64(way_units * north)
    to_lon = v["lon"] + np.int64(way_units * east / max(0.1, cos_lat(v["lat"])))
    dy = (lat - to_lat) * M_PER_UNIT
    dx = lon_difference(lon_difference(lon, v["lon"]), to_lon - v["lon"]) * M_PER_UNIT * cos_lat(lat)
    return min(d, math.sqrt(dy * dy + dx * dx))


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64), **PLAIN)
def _end(rows, more, heard, slot):
    """A track is over; its slot may become another."""
    more[slot]["belief"] = np.uint8(DEAD)
    rows[slot]["t_ms"] = T_MISSING
    rows[slot]["speed_kn"] = np.float32(-1.0)
    heard[slot] = T_MISSING


@kernel(int64(*ARRAYS[:4], int64[::1], int64, int64), **PLAIN)
def _new_sister(rows, more, heard, trail, cells, head, t):
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
        _end(rows, more, heard, quiet)
        slot = quiet
    if slot >= 0:
        ordinal, following = np.int64(more[slot]["ordinal"]), more[slot]["next"]
        blank(rows, more, heard, trail, slot, np.int64(rows[head]["mmsi"]), ordinal, t)
        more[slot]["next"] = following
    return slot


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64, int64), **PLAIN)
def _leave_shadow(rows, more, shadow, slot):
    """Write where and how a believed track last was into its shadow."""
    a, b = rows[shadow], rows[slot]
    a["t_ms"] = b["t_ms"]
    a["lat"] = b["lat"]
    a["lon"] = b["lon"]
    a["cog"] = b["cog"]
    more[shadow]["typical_kn"] = b["speed_kn"]


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64, int64), **PLAIN)
def _change_places(rows, more, shadow, slot):
    """A believed track goes on where its shadow was, the shadow where the track was."""
    a, b = rows[shadow], rows[slot]
    t, lat, lon, cog, speed_kn = a["t_ms"], a["lat"], a["lon"], a["cog"], more[shadow]["typical_kn"]
    _leave_shadow(rows, more, shadow, slot)
    b["t_ms"] = t
    b["lat"] = lat
    b["lon"] = lon
    b["cog"] = cog
    b["speed_kn"] = speed_kn


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64), **PLAIN)
def _believe(rows, more, heard, slot):
    """From now on a track is a vessel of its own."""
    more[slot]["belief"] = np.uint8(BELIEVED)
    rows[slot]["speed_kn"] = more[slot]["typical_kn"]
    more[slot]["typical_kn"] = np.float32(0.0)
    more[slot]["turns"] = np.uint8(0)
    heard[slot] = rows[slot]["t_ms"]


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
            _end(rows, more, heard, at)
        if (m["belief"] == BELIEVED or m["belief"] == TENTATIVE) and v["t_ms"] != T_MISSING and age_ms <= RETURN_MS:
            away_m = _away_m(rows, more, at, t, lat, lon)
            near = distance_m(v["lat"], v["lon"], lat, lon) <= _reach_m(rows, more, at, t, limits)
            if _miss_m(rows, more, at, t, lat, lon, speed_kn) <= 0.0 or (m["belief"] == TENTATIVE and near):
                if best < 0 or away_m < best_m:
                    best, best_m = at, away_m
            elif near and (possible < 0 or away_m < possible_m):
                possible, possible_m = at, away_m
        elif m["belief"] == BESIDE and v["t_ms"] != T_MISSING and _miss_m(rows, more, at, t, lat, lon, speed_kn) <= 0.0:
            away_m = _away_m(rows, more, at, t, lat, lon)
            if beside < 0 or away_m < beside_m:
                beside, beside_m = at, away_m
        at = np.int64(m["next"]) - 1
    if beside >= 0 and (best < 0 or (best_m > NOISE_M and beside_m < best_m)):  # at rest it may be where the head is: then a fix is the head's
        return beside
    return best if best >= 0 else possible


@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64), **PLAIN)
def _steps_clear(rows, more, head, t, lat, lon):
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


@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64), **PLAIN)
def _shadow_of(rows, more, head):
    at = np.int64(more[head]["next"]) - 1
    while at >= 0 and more[at]["belief"] != SHADOW:
        at = np.int64(more[at]["next"]) - 1
    return at


@kernel(float64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64), **PLAIN)
def _suits(rows, more, slot, t, lat, lon):
    """How well a fix suits a hull of a shared number, as a logarithm; NEVER: it cannot have come there, or there is no such hull."""
    v, belief = rows[slot], more[slot]["belief"]
    if belief not in (BELIEVED, TENTATIVE) or v["t_ms"] == T_MISSING or t - v["t_ms"] > RETURN_MS:
        return NEVER
    hours = (t - v["t_ms"]) / 3_600_000.0
    spent = math.sqrt(hours * hours + SLACK_H * SLACK_H) / (1.0 + math.sqrt(hours))
    reach_m = max(CROWD_KN * spent, 1.2 * _speed_kn(rows, more, slot) * min(hours, AS_TOLD_H)) * NM_M
    if distance_m(v["lat"], v["lon"], lat, lon) > reach_m:
        return NEVER
    off = _away_m(rows, more, slot, t, lat, lon) / reach_m
    return -((CROWD_SHAPE * off) ** 2) - math.log(spent)


@kernel(boolean(MORE_TYPE[::1], int64), **PLAIN)
def _is_shared(more, head):
    """Whether several hulls are known to send this number."""
    at = np.int64(more[head]["next"]) - 1
    while at >= 0:
        if more[at]["belief"] == BELIEVED:
            return True
        at = np.int64(more[at]["next"]) - 1
    return False


@kernel(types.UniTuple(int64, 2)(HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64, int64, int64, int64), **PLAIN)
def _after_silence(rows, more, heard, head, t, lat, lon):
    """(slot, how) of a fix of a shared number where the nearest track had been silent; slot -1: none of the hulls can be there."""
    best, most, at = np.int64(-1), NEVER, head
    while at >= 0:
        here = _suits(rows, more, at, t, lat, lon)
        if here > most:
            best, most = at, here
        at = np.int64(more[at]["next"]) - 1
    if best < 0 or t - rows[best]["t_ms"] < QUIET_MS:
        return best, GOES_ON
    keep, rivals, at = best, 0, head
    while at >= 0:
        if _suits(rows, more, at, t, lat, lon) + AMBIGUOUS >= most:
            rivals += 1
            if at == head or (keep != head and more[keep]["belief"] != BELIEVED and more[at]["belief"] == BELIEVED):
                keep = at  # the head of a chain cannot end
        at = np.int64(more[at]["next"]) - 1
    if rivals < 2:
        return best, GOES_ON
    at = head
    while at >= 0:
        if at != keep and _suits(rows, more, at, t, lat, lon) + AMBIGUOUS >= most:
            _end(rows, more, heard, at)
        at = np.int64(more[at]["next"]) - 1
    return keep, RETURNED if more[keep]["belief"] == BELIEVED else GOES_ON


@kernel(boolean(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64, int64, float64), **PLAIN)
def _is_elsewhere(rows, more, slot, lat, lon, cog, speed_kn):
    """Whether a fix of the same second as a track's last one is another hull's: farther off than antennas explain, and not on the way of either."""
    v = rows[slot]
    if distance_m(v["lat"], v["lon"], lat, lon) <= NOISE_M + more[slot]["loa_m"]:
        return False
    own_kn = _speed_kn(rows, more, slot)
    if max(speed_kn, own_kn) < REST_KN:
        return min(speed_kn, own_kn) >= 0.0
    north, east = np.float64(lat - v["lat"]), lon_difference(lon, v["lon"]) * cos_lat(lat)
    along, known, mid_north, mid_east = IN_LINE * math.sqrt(north * north + east * east), False, 0.0, 0.0
    for course, kn in ((np.int64(v["cog"]), own_kn), (cog, speed_kn)):
        if kn >= SLOW_KN and course < COG_MISSING:  # slower, a course is mostly noise
            to_north, to_east, known = _cosine(course * 60_000), _cosine(54_000_000 - course * 60_000), True
            if abs(north * to_north + east * to_east) > along:
                return False
            mid_north += to_north
            mid_east += to_east
    # in an even turn the way between two places points half-way between the courses there
    return known and abs(north * mid_north + east * mid_east) <= along * math.sqrt(mid_north * mid_north + mid_east * mid_east)


@kernel(types.UniTuple(int64, 2)(HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], *[int64] * 6, float64), **PLAIN)
def _beside(rows, more, heard, head, slot, t, lat, lon, cog, speed_kn):
    """(slot, how) of a fix that agrees with a track beside the head."""
    if t == rows[head]["t_ms"] and t != rows[slot]["t_ms"]:
        if not _is_elsewhere(rows, more, head, lat, lon, cog, speed_kn):
            _end(rows, more, heard, slot)
            return head, GOES_ON
        if more[slot]["turns"] < TURNS_MIN:
            more[slot]["turns"] += np.uint8(1)
        if more[slot]["turns"] >= TURNS_MIN and t - more[slot]["birth_ms"] >= BESIDE_MS:
            _believe(rows, more, heard, slot)
            return slot, BORN
    return slot, -1


@kernel(
    types.UniTuple(int64, 2)(*ARRAYS[:4], int64[::1], *[int64] * 5, float64, types.UniTuple(float64, 4), int64),
    **PLAIN,
)
def _choose(rows, more, heard, trail, cells, head, t, lat, lon, cog, speed_kn, limits, reacquire):
    """(slot, how): the track of a fix that is not simply where its vessel should be. slot -1: no room; how -1: not believed yet."""
    slot = _nearest(rows, more, heard, head, t, lat, lon, speed_kn, limits)
    if slot >= 0 and t - rows[slot]["t_ms"] >= QUIET_MS and _is_shared(more, head):
        slot, how = _after_silence(rows, more, heard, head, t, lat, lon)
        if how == RETURNED:
            return slot, how
    if slot < 0 and t - rows[head]["t_ms"] > RETURN_MS:
        return head, RETURNED
    if slot < 0:
        slot = _new_sister(rows, more, heard, trail, cells, head, t)
        if slot >= 0:
            more[slot]["belief"] = np.uint8(TENTATIVE)
        return slot, -1
    if more[slot]["belief"] == TENTATIVE:
        if np.int64(rows[slot]["reports"]) + 1 < reacquire:
            return slot, -1
        usual_ms = (rows[head]["t_ms"] - more[head]["birth_ms"]) // max(1, np.int64(rows[head]["reports"]))
        patience_ms = max(SILENT_SLOW_MS if rows[head]["speed_kn"] < SLOW_KN else SILENT_MOVING_MS, PATIENCE * usual_ms)
        if rows[head]["t_ms"] >= more[slot]["birth_ms"] or t - rows[head]["t_ms"] > RETURN_MS or _is_shared(more, head):
            _believe(rows, more, heard, slot)  # both are heard: a second hull; of a number known to be shared, one more
            return slot, BORN
        if t - rows[head]["t_ms"] < patience_ms:
            return slot, -1
        more[slot]["belief"] = np.uint8(DEAD)  # nobody is heard at the old place any more: the vessel is here now
        rows[slot]["t_ms"] = T_MISSING
        return head, JUMPED
    if more[slot]["belief"] == BESIDE:
        return _beside(rows, more, heard, head, slot, t, lat, lon, cog, speed_kn)
    if _miss_m(rows, more, slot, t, lat, lon, speed_kn) <= 0.0:
        return slot, GOES_ON
    shadow = _shadow_of(rows, more, head)
    if shadow >= 0 and _miss_m(rows, more, shadow, t, lat, lon, speed_kn) <= 0.0:
        if t == rows[slot]["t_ms"] and not _is_elsewhere(rows, more, slot, lat, lon, cog, speed_kn):
            more[shadow]["turns"] = np.uint8(0)  # the one that came first was stamped wrongly
            _change_places(rows, more, shadow, slot)
            return slot, GOES_ON
        if np.int64(more[shadow]["turns"]) + 1 >= TURNS_MIN:
            # two hulls, close together: the shadow lives on where the last fix was, this track is where the shadow was
            _change_places(rows, more, shadow, slot)
            _believe(rows, more, heard, shadow)
            return slot, GOES_ON
        more[shadow]["turns"] += np.uint8(1)
        _change_places(rows, more, shadow, slot)
        return slot, GOES_ON
    if slot == head and t == rows[head]["t_ms"] and _is_elsewhere(rows, more, head, lat, lon, cog, speed_kn):
        slot = _new_sister(rows, more, heard, trail, cells, head, t)
        if slot >= 0:
            more[slot]["belief"] = np.uint8(BESIDE)
        return slot, -1
    if shadow < 0:
        shadow = _new_sister(rows, more, heard, trail, cells, head, t)
        if shadow >= 0:
            more[shadow]["belief"] = np.uint8(SHADOW)
    elif more[shadow]["turns"] > 0:
        more[shadow]["turns"] -= np.uint8(1)
    if shadow >= 0:
        _leave_shadow(rows, more, shadow, slot)
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
    if v["t_ms"] != T_MISSING and (t - v["t_ms"] < FAR_MS or distance_m(v["lat"], v["lon"], lat, lon) > _reach_m(rows, more, slot, t, limits)):
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
                        clear = _steps_clear(rows, more, head, t, lat, lon) if slot == head and how == GOES_ON else 0
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
