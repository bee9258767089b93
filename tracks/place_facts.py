"""What is kept of a track whose place is in doubt: its jump, its lost position, how its motion and its words disagree.

May hold: the record, the kernel that fills it from fixes, the limits that make a fix worth keeping. May not: judge (position.py), events.

Theory. Nearly every fix goes on from the one before as its speed and course say, and costs a comparison of two vectors.
Only where they disagree several times running, where a track has jumped, or where it transmits without a position, a
record of FACTS is opened for the track; its number lies beside the track (DOUBT), so that an ordinary track costs 16
bytes. A track with a record is marked at the tick: from then on all of its fixes are looked at. Disagreement is counted
(`odd`), and the places are summed up so that a circle can be fitted without keeping them (circle.py).
"""

from __future__ import annotations

import numpy as np
from numba import boolean, float64, from_dtype, int32, int64

from dogwatch.batch import COG_MISSING, F_FIX_STATE, SOG_MISSING, T_MISSING
from dogwatch.geo import COS_COURSE, KN_MS, M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel
from tracks.key import make_key
from tracks.records import (
    DEAD,
    FIX_TYPE,
    GOES_ON,
    HOT_TYPE,
    JUMPED,
    MINUTE_MS,
    MORE_TYPE,
    NO_POSITION,
    PLAIN,
    TAKEN_TYPE,
    TROUBLE_JUMPED,
    TROUBLE_LOST,
)

ODD_RUN = 5  # reports running that disagree with the motion: worth a record
ODD_GAP_S = 120  # such reports farther apart are not "running"
FOUND = 3  # reports without a position, or with one again, that are believed
EVEN_RUN = 8  # reports running that agree: over
DT_MS_MIN, DT_MS_MAX = 4_000, 60_000  # between two reports: closer, noise decides; farther, a ship has turned
STEP_M_MIN = 15.0  # a shorter step has no bearing (two GNSS errors of 5 m)
ODD_COS2 = 0.5  # squared cosine of 45 degrees between the course told and the bearing of motion
ODD_SPEED_KN = 10.0  # between the speed told and the one derived
ODD_SPEED_M = 50.0
SOG_LEAST = 20  # 2.0 kn: below it a course says nothing
SOG_MOST = 1000  # 100 kn; sentinels and what was seen as bad values lie above
RETURN_FACTOR, RETURN_SLACK_M = 1.5, 1.0 * NM_M  # back where the ship can have come at its own speed
RECKON_S_MAX = 300.0  # so far back a speed and a course hold
OPPOSITE_SHARE = 0.3  # a step that takes back the jump but for this share
FACTS_MAX = 65_536
TESTED, TURNED, BACKWARD, SPEED_OFF = 1, 2, 4, 8

DOUBT = np.dtype([("row", "<i4"), ("odd_s", "<u4"), ("first_odd_s", "<u4"), ("odd", "u1")])
FACTS = np.dtype(
    [
        ("key", "<i8"),  # of the track, 0: free
        ("free", "<i4"),  # next free row + 1
        # jump
        ("jump_ms", "<i8"),  # last fix at the old place, 0: no jump
        ("first_ms", "<i8"),  # first fix at the new place
        ("back_ms", "<i8"),  # last fix at the new place, after which it came back; 0: still there
        ("rx_from", "<u8"),
        ("rx_to", "<u8"),
        ("from_lat", "<i4"),
        ("from_lon", "<i4"),
        ("to_lat", "<i4"),
        ("to_lon", "<i4"),
        ("from_kn", "<f4"),
        ("to_kn", "<f4"),
        ("from_cog", "<u2"),
        ("jumps", "<u2"),
        ("returns", "<u2"),
        ("clock", "u1"),  # found to be a slip of time, not of place (position.py)
        ("ashore", "u1"),  # was found well inside the land there (position.py)
        ("there", "<u4"),  # reports at the new place
        # position lost
        ("lost_ms", "<i8"),  # first report without a position fix, 0: none
        ("lost_last_ms", "<i8"),
        ("lost_n", "<u4"),
        ("lost_dead", "<u4"),  # of these with second 61-63 rather than 91/181
        ("lost_good", "<u4"),  # reports with a position fix since the last one without
        # motion and words
        ("odd_ms", "<i8"),  # first report that disagrees, 0: none
        ("odd_last_ms", "<i8"),
        ("over_ms", "<i8"),  # last report of a run of odd ones that a jump ended
        ("last_ms", "<i8"),  # newest fix
        ("tested", "<u4"),
        ("odd", "<u4"),
        ("turned", "<u4"),  # of these, course more than 45 degrees off
        ("reversed", "<u4"),  # more than 90 degrees
        ("speed", "<u4"),  # speed more than ODD_SPEED_KN off
        ("even_run", "<u4"),
        ("same_cog", "<u4"),  # courses equal to the one before
        ("cog", "<u2"),
        # beyond the reach of all that hear it (position.py looks each five minutes)
        ("far_ms", "<i8"),  # begin of the five minutes of the first look that found it so, 0: never
        ("far_last_ms", "<i8"),  # newest look that found it so
        ("far_away_m", "<f8"),  # from the receiver that comes nearest to hearing it
        ("far_limit_m", "<f8"),  # how far that one can hear
        ("far_by", "u1"),  # its number
        ("far_now", "u1"),
        ("far_others", "<u2"),  # others about the place that were beyond reach as well, at most
        # sums over the places since, in metres from the first
        ("n", "<u4"),
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("x", "<f8"),  # newest
        ("y", "<f8"),
        ("area", "<f8"),  # twice the area swept about the first place, signed
        ("path_m", "<f8"),
        ("s_x", "<f8"),
        ("s_y", "<f8"),
        ("s_xx", "<f8"),
        ("s_xy", "<f8"),
        ("s_yy", "<f8"),
        ("s_xz", "<f8"),  # z = x * x + y * y
        ("s_yz", "<f8"),
        ("s_zz", "<f8"),
    ]
)
FACTS_TYPE, DOUBT_TYPE = from_dtype(FACTS), from_dtype(DOUBT)
ROWS, FREE, REFUSED = range(3)  # cells of a fact table: rows ever used, first free row + 1, tracks refused a row


@kernel(int64(FACTS_TYPE[::1], DOUBT_TYPE[::1], int64[::1], int64, int64))
def _record(facts, doubts, cells, slot, key):
    """Number of the track's record, opened if it has none; -1: none left."""
    if doubts[slot]["row"] > 0:
        return np.int64(doubts[slot]["row"]) - 1
    at = cells[FREE] - 1
    if at >= 0:
        cells[FREE] = np.int64(facts[at]["free"])
    elif cells[ROWS] < facts.shape[0]:
        at = cells[ROWS]
        cells[ROWS] += 1
    else:
        return -1
    facts[at]["key"] = key
    facts[at]["free"] = 0
    doubts[slot]["row"] = np.int32(at + 1)
    return at


@kernel((FACTS_TYPE[::1], int64))
def begin_motion(facts, at):
    """Forget what was summed up of motion and words."""
    f = facts[at]
    f["odd_ms"] = f["odd_last_ms"] = 0
    f["tested"] = f["odd"] = f["turned"] = f["reversed"] = f["speed"] = f["even_run"] = f["same_cog"] = f["n"] = np.uint32(0)
    f["area"] = f["path_m"] = f["s_x"] = f["s_y"] = f["s_xx"] = f["s_xy"] = f["s_yy"] = f["s_xz"] = f["s_yz"] = f["s_zz"] = f["x"] = f["y"] = 0.0


@kernel((FACTS_TYPE[::1], int64, int64, int64))
def _sum_up(facts, at, lat, lon):
    f = facts[at]
    if f["n"] == 0:
        f["lat"] = np.int32(lat)
        f["lon"] = np.int32(lon)
    y = (lat - np.int64(f["lat"])) * M_PER_UNIT
    x = lon_difference(lon, np.int64(f["lon"])) * M_PER_UNIT * cos_lat(np.int64(f["lat"]))
    f["area"] += f["x"] * y - x * f["y"]
    f["path_m"] += np.sqrt((x - f["x"]) * (x - f["x"]) + (y - f["y"]) * (y - f["y"]))
    f["x"] = x
    f["y"] = y
    z = x * x + y * y
    f["s_x"] += x
    f["s_y"] += y
    f["s_xx"] += x * x
    f["s_xy"] += x * y
    f["s_yy"] += y * y
    f["s_xz"] += x * z
    f["s_yz"] += y * z
    f["s_zz"] += z * z
    f["n"] += np.uint32(1)


@kernel((MORE_TYPE[::1], int64, int64, int64, int64, int64))
def _be_troubled(more, slot, trouble, t, lat, lon):
    """Say in the track's record, for all who ask who is around, what is wrong with its place, since when, and where it was before."""
    m = more[slot]
    m["trouble"] |= np.uint8(trouble)
    m["trouble_min"] = np.uint16((t // MINUTE_MS) & 0xFFFF)
    m["was_lat"] = np.int32(lat)
    m["was_lon"] = np.int32(lon)


@kernel((FACTS_TYPE[::1], int64, int64, int64, float64, int64, float64))
def _set_target(facts, at, lat, lon, speed_kn, cog, since_s):
    """Where a jump led: the place reckoned back to the first report there; if that is long ago, the place now where it is nearer to where the jump began.

    A ship that is shown a mile astern of herself has made up half of it in the minutes until it is believed.
    """
    f = facts[at]
    f["to_lat"] = np.int32(lat)
    f["to_lon"] = np.int32(lon)
    if speed_kn < 0.5 or cog >= COG_MISSING:
        return
    back = speed_kn * KN_MS * since_s / M_PER_UNIT
    lat_0 = lat - np.int64(back * COS_COURSE[cog])
    lon_0 = lon_difference(lon - np.int64(back * COS_COURSE[(cog + 2700) % 3600] / cos_lat(lat)), 0)
    from_lat, from_lon = np.int64(f["from_lat"]), np.int64(f["from_lon"])
    if since_s <= RECKON_S_MAX or distance_m(from_lat, from_lon, lat_0, lon_0) < distance_m(from_lat, from_lon, lat, lon):
        f["to_lat"] = np.int32(lat_0)
        f["to_lon"] = np.int32(lon_0)


@kernel(boolean(FACTS_TYPE[::1], int64, int64, int64, int64, int64, float64))
def _is_return(facts, at, t, from_ms, lat, lon, speed_kn):
    """Whether a place is where the ship can have come from the place before its jump, at its own speed."""
    f = facts[at]
    dt_s = (t - from_ms) / 1000.0
    way_m = RETURN_SLACK_M + RETURN_FACTOR * max(np.float64(f["from_kn"]), speed_kn, 5.0) * KN_MS * dt_s
    return distance_m(np.int64(f["from_lat"]), np.int64(f["from_lon"]), lat, lon) <= way_m


@kernel(boolean(FACTS_TYPE[::1], int64, int64, int64, int64, int64, float64))
def _takes_back(facts, at, lat_1, lon_1, lat_2, lon_2, way_m):
    """Whether a step, longer than explained, is the opposite of the jump."""
    f = facts[at]
    step_m = distance_m(lat_1, lon_1, lat_2, lon_2)
    if step_m < way_m + 0.5 * NM_M:
        return False
    k = M_PER_UNIT * cos_lat(lat_1)
    y = (lat_2 - lat_1 + np.int64(f["to_lat"]) - np.int64(f["from_lat"])) * M_PER_UNIT
    x = (lon_difference(lon_2, lon_1) + lon_difference(np.int64(f["to_lon"]), np.int64(f["from_lon"]))) * k
    jump_m = distance_m(np.int64(f["from_lat"]), np.int64(f["from_lon"]), np.int64(f["to_lat"]), np.int64(f["to_lon"]))
    return np.sqrt(x * x + y * y) <= OPPOSITE_SHARE * jump_m


@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, int64))
def _first_there(rows, more, slot, after_ms, t):
    """When the first report came from a new place that has just been believed: the birth of the hypothesis that was given up for it."""
    first = t
    at = np.int64(more[slot]["next"]) - 1
    while at >= 0:
        if more[at]["belief"] == DEAD and after_ms < more[at]["birth_ms"] < first:
            first = np.int64(more[at]["birth_ms"])
        at = np.int64(more[at]["next"]) - 1
    return first


@kernel("int64(int64, int64, int64, int64, int64, int64, int64)", **PLAIN)
def disagreement(sog, cog, dt_ms, lat, lon, prev_lat, prev_lon):
    """How a report that goes on after another disagrees with the motion between them: bits TESTED, TURNED, BACKWARD, SPEED_OFF; 0: it cannot be tested."""
    if not (SOG_LEAST <= sog <= SOG_MOST and cog < COG_MISSING and DT_MS_MIN <= dt_ms <= DT_MS_MAX):
        return 0
    dt_s = dt_ms / 1000.0
    y = (lat - prev_lat) * M_PER_UNIT
    x = lon_difference(lon, prev_lon) * M_PER_UNIT * cos_lat(lat)
    told_m = sog * (0.1 * KN_MS) * dt_s
    d2 = x * x + y * y
    how = TESTED
    if d2 >= STEP_M_MIN * STEP_M_MIN and told_m >= STEP_M_MIN:
        dot = y * COS_COURSE[cog] + x * COS_COURSE[(cog + 2700) % 3600]
        if dot < 0.0:
            how |= TURNED | BACKWARD
        elif dot * dot < ODD_COS2 * d2:
            how |= TURNED
    off_m = max(ODD_SPEED_M, ODD_SPEED_KN * KN_MS * dt_s)
    if d2 > (told_m + off_m) * (told_m + off_m) or (told_m > off_m and d2 < (told_m - off_m) * (told_m - off_m)):
        how |= SPEED_OFF
    return how


@kernel(boolean(DOUBT_TYPE[::1], int64, int64), **PLAIN)
def _is_the_rule(doubts, slot, t):
    """Count a report that disagrees with a track of which there is no record; whether enough of them have come running for one."""
    doubt, t_s = doubts[slot], t // 1000
    if doubt["odd"] == 0 or t_s - np.int64(doubt["odd_s"]) > ODD_GAP_S:
        doubt["odd"] = np.uint8(0)
        doubt["first_odd_s"] = np.uint32(t_s)
    doubt["odd"] += np.uint8(1)
    doubt["odd_s"] = np.uint32(t_s)
    return doubt["odd"] >= ODD_RUN


@kernel((FACTS_TYPE[::1], int64, HOT_TYPE[::1], MORE_TYPE[::1], int64, int64, boolean, boolean))
def _note_fix_state(facts, at, rows, more, slot, t, placeless, dead):
    """A report without a position (placeless), or whose position system is said to be dead, or one with a fix again."""
    f = facts[at]
    if placeless or dead:
        if f["lost_ms"] == 0 or f["lost_good"] >= FOUND:
            f["lost_ms"] = t
            f["lost_n"] = f["lost_dead"] = np.uint32(0)
        f["lost_last_ms"] = t
        f["lost_n"] += np.uint32(1)
        f["lost_dead"] += np.uint32(0 if placeless else 1)
        f["lost_good"] = np.uint32(0)
        if f["lost_n"] == FOUND:
            _be_troubled(more, slot, TROUBLE_LOST, f["lost_ms"], np.int64(rows[slot]["lat"]), np.int64(rows[slot]["lon"]))
    elif f["lost_ms"] != 0:
        f["lost_good"] += np.uint32(1)
        if f["lost_good"] == FOUND:
            more[slot]["trouble"] &= np.uint8(0xFF ^ TROUBLE_LOST)


@kernel((FACTS_TYPE[::1], int64, MORE_TYPE[::1], int64, int64))
def _is_back(facts, at, more, slot, last_ms):
    """The jump is over; last_ms: the last fix at the new place."""
    f = facts[at]
    f["back_ms"] = last_ms
    f["returns"] += np.uint16(1)
    more[slot]["trouble"] &= np.uint8(0xFF ^ TROUBLE_JUMPED)


@kernel((FACTS_TYPE[::1], int64, HOT_TYPE[::1], MORE_TYPE[::1], DOUBT_TYPE[::1], FIX_TYPE, TAKEN_TYPE, float64))
def _note_jump(facts, at, rows, more, doubts, fix, told, speed_kn):
    """A report with which its track has jumped: away, farther, or back."""
    f, slot, t = facts[at], np.int64(told["slot"]), fix["t_ms"]
    lat, lon = np.int64(fix["lat"]), np.int64(fix["lon"])
    if f["odd_ms"] != 0 and f["even_run"] < EVEN_RUN:
        f["over_ms"] = told["prev_t_ms"]
    begin_motion(facts, at)
    doubts[slot]["odd"] = np.uint8(0)
    if f["jump_ms"] != 0 and f["back_ms"] == 0 and _is_return(facts, at, t, f["jump_ms"], lat, lon, speed_kn):
        _is_back(facts, at, more, slot, told["prev_t_ms"])
        return
    if f["jump_ms"] == 0 or f["back_ms"] != 0:
        f["jump_ms"] = told["prev_t_ms"]
        f["first_ms"] = _first_there(rows, more, slot, told["prev_t_ms"], t)
        f["from_lat"] = told["prev_lat"]
        f["from_lon"] = told["prev_lon"]
        f["from_kn"] = told["prev_speed_kn"]
        f["from_cog"] = told["prev_cog"]
        f["rx_from"] = more[slot]["rx_before"]
        f["back_ms"] = 0
        f["clock"] = f["ashore"] = np.uint8(0)
        f["there"] = np.uint32(2)  # and this one
        _be_troubled(more, slot, TROUBLE_JUMPED, f["jump_ms"], np.int64(f["from_lat"]), np.int64(f["from_lon"]))
    f["jumps"] += np.uint16(1)
    f["rx_to"] = fix["receivers"]
    _set_target(facts, at, lat, lon, speed_kn, np.int64(fix["cog"]), (t - f["first_ms"]) / 1000.0)
    f["to_kn"] = np.float32(speed_kn)


@kernel((FACTS_TYPE[::1], int64, DOUBT_TYPE[::1], int64, FIX_TYPE, int64))
def _note_words(facts, at, doubts, slot, fix, how):
    """Motion against words (how: bits of `disagreement`), and the places while they disagree."""
    f = facts[at]
    odd = how & (TURNED | SPEED_OFF) != 0
    if how & TESTED:
        f["tested"] += np.uint32(1)
        f["same_cog"] += np.uint32(1 if fix["cog"] == f["cog"] else 0)
        f["cog"] = fix["cog"]
        f["even_run"] = np.uint32(0 if odd else f["even_run"] + 1)
    if odd:
        if f["odd_ms"] == 0:
            f["odd_ms"] = fix["t_ms"] if doubts[slot]["odd"] == 0 else np.int64(doubts[slot]["first_odd_s"]) * 1000
        f["odd_last_ms"] = fix["t_ms"]
        f["odd"] += np.uint32(1)
        f["turned"] += np.uint32(how & TURNED != 0)
        f["reversed"] += np.uint32(how & BACKWARD != 0)
        f["speed"] += np.uint32(how & SPEED_OFF != 0)
    if f["even_run"] >= EVEN_RUN and f["odd_ms"] == 0:
        begin_motion(facts, at)
    if f["even_run"] < EVEN_RUN:
        _sum_up(facts, at, np.int64(fix["lat"]), np.int64(fix["lon"]))


# Slow twin: tests/naive_position.py.
@kernel(
    int64(FIX_TYPE[::1], TAKEN_TYPE[::1], int32[::1], int64, HOT_TYPE[::1], MORE_TYPE[::1], DOUBT_TYPE[::1], FACTS_TYPE[::1], int64[::1]),
)
def note(fixes, taken, picked, at_pick, rows, more, doubts, facts, cells):
    """Take picked rows (numbers of those that may be doubtful: look.py) from `at_pick` into the records.

    Returns len(picked), or the pick at which the table of records must grow first.
    """
    for k in range(at_pick, picked.shape[0]):
        fix, told = fixes[picked[k]], taken[picked[k]]
        slot, t = np.int64(told["slot"]), fix["t_ms"]
        placeless, dead = told["what"] == NO_POSITION, (np.int64(fix["flags"]) & F_FIX_STATE) != 0
        plain = not placeless and not dead and told["how"] == GOES_ON
        how, lat, lon, lat_0, lon_0 = 0, np.int64(fix["lat"]), np.int64(fix["lon"]), np.int64(told["prev_lat"]), np.int64(told["prev_lon"])
        if plain:
            how = disagreement(np.int64(fix["sog"]), np.int64(fix["cog"]), t - told["prev_t_ms"], lat, lon, lat_0, lon_0)
        if plain and doubts[slot]["row"] == 0 and not _is_the_rule(doubts, slot, t):
            continue
        begun = told["how"] != JUMPED and not plain and not dead and not placeless  # born or returned
        if (begun and doubts[slot]["row"] == 0) or rows[slot]["reports"] == 0:
            continue
        at = _record(facts, doubts, cells, slot, make_key(np.int64(rows[slot]["mmsi"]), np.int64(more[slot]["ordinal"])))
        if at < 0:
            if facts.shape[0] < FACTS_MAX:
                return k
            cells[REFUSED] += 1
            doubts[slot]["odd"] = np.uint8(0)
            continue
        _note_fix_state(facts, at, rows, more, slot, t, placeless, dead)
        if placeless:
            continue
        f = facts[at]
        speed_kn = fix["sog"] / 10.0 if fix["sog"] != SOG_MISSING else -1.0
        if told["how"] == JUMPED:
            _note_jump(facts, at, rows, more, doubts, fix, told, speed_kn)
        elif f["jump_ms"] != 0 and f["back_ms"] == 0 and told["prev_t_ms"] != T_MISSING:
            way_m = max(speed_kn, np.float64(told["prev_speed_kn"]), 0.0) * KN_MS * (t - told["prev_t_ms"]) / 1000.0 * 1.5
            if _takes_back(facts, at, lat_0, lon_0, lat, lon, way_m):
                begin_motion(facts, at)
                _is_back(facts, at, more, slot, told["prev_t_ms"])
        f["there"] += np.uint32(1)
        f["rx_to"] |= fix["receivers"]
        f["last_ms"] = t
        _note_words(facts, at, doubts, slot, fix, how)
    return picked.shape[0]


class FactTable:
    """The records, their growth and their numbers. One owner; not thread-safe."""

    def __init__(self) -> None:
        self.rows = np.zeros(256, FACTS)
        self.cells = np.zeros(3, np.int64)

    def grow(self) -> None:
        """Twice as many, up to FACTS_MAX."""
        rows = np.zeros(min(FACTS_MAX, 2 * len(self.rows)), FACTS)
        rows[: len(self.rows)] = self.rows
        self.rows = rows

    def number_of(self, doubts: np.ndarray, slot: int, key: int) -> int:
        """Number of a track's record, opened if it has none; 0: there are too many."""
        at = int(_record(self.rows, doubts, self.cells, slot, key))
        while at < 0 and len(self.rows) < FACTS_MAX:
            self.grow()
            at = int(_record(self.rows, doubts, self.cells, slot, key))
        self.cells[REFUSED] += at < 0
        return at + 1

    def drop(self, doubts: np.ndarray, slot: int) -> None:
        """The track in a slot is in doubt no more."""
        self.free(int(doubts["row"][slot]))
        doubts[slot] = np.zeros(1, DOUBT)[0]

    def free(self, number: int) -> None:
        """A record may be used again."""
        self.rows[number - 1] = np.zeros(1, FACTS)[0]
        self.rows["free"][number - 1] = self.cells[FREE]
        self.cells[FREE] = number

    def __getitem__(self, number: int) -> np.void:
        row: np.void = self.rows[number - 1]
        return row
