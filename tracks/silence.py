"""Silences measured, many at once: who is due, what should have been heard, who else is heard, where the vessel may be.

May hold: kernels over tracks that are due at a tick, questions to geography for all of them together. May not: thresholds' meaning, the
life of an event (dark.py).

Theory. Of the silences that are due at a tick nearly all end as nothing new. So they are measured together, a column after the other, in the
order of what the answers cost: coverage along the reckoned path, our own ears, the neighbours, and last geography, each only for
those that are still in question. One silence is a row of SILENCE; `Silence` is the same row for people who write an event.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import boolean, float64, from_dtype, int32, int64, types, uint8

from dogwatch.batch import COG_MISSING, T_MISSING, take_rows
from dogwatch.geo import HALF_TURN, KN_MS, M_PER_UNIT, cos_lat
from dogwatch.kernel import kernel
from tracks.around import SIGHTED_MS, SIGHTING_TYPE
from tracks.coverage import BLOCK_MS, CELL_UNITS, COLUMNS, ROWS, cell_at, cell_key
from tracks.detector import Sight
from tracks.ears import EAR_TYPE, HOUR_BUCKETS, UNDER_WAY_KN_A, Ears, faded, minutes_of, thinned
from tracks.key import make_key
from tracks.params import INSHORE_NM, Dark
from tracks.records import BELIEVED, HOT_TYPE, MINUTE_MS, MORE_TYPE, PLAIN
from tracks.vessels import VesselTable, degrees

HEARD_LATELY_MS = 540_000  # three intervals of the slowest reporter (ITU-R M.1371-5, table 1)
PEER_WINDOW_MS = 1_800_000  # peers are vessels heard this long before the silence began
PATH_BLOCKS_MAX = 288
AHEAD_BLOCKS = 2  # the path is looked at this much farther, to see whether it leaves coverage
STEADY_JUDGE_MIN, FIRST_HOURS_MIN, LATER_JUDGE_MIN = 5, 120, 30  # minutes of silence: judged each 5 up to 120, then each 30
INBOUND_SHARES = np.array([0.25, 0.5, 0.75, 1.0])  # of `inbound_s_max`: where its course is looked at
QUARTER_TURN = 54_000_000
SILENCE = np.dtype(
    [
        ("slot", "<i8"),
        ("heard_ms", "<i8"),  # last transmission of any kind
        ("gap_s", "<f8"),
        ("p", "<f8"),  # chance of this silence if it were transmitting
        ("coverage", "<f8"),  # mean along the path
        ("blocks", "<i8"),  # in which the group listened; 0: nobody did
        ("group", "<i8"),  # of receivers, whose silence says most; -1 none
        ("peers", "<i8"),
        ("peers_heard", "<i8"),
        ("lost_share", "<f8"),  # of the peers, lost together with it
        ("reckoned_lat", "<i8"),
        ("reckoned_lon", "<i8"),
        ("coast_nm", "<f8"),
        ("watch_nm", "<f8"),  # from the last or the reckoned position: the nearer
        ("reach_nm", "<f8"),
        ("inbound_s", "<f8"),  # NaN: its course leads into no watched waters
        ("class_b", "u1"),
        ("stopped", "u1"),
        ("known_cell", "u1"),
        ("leaving", "u1"),
        ("receivers_lost", "u1"),
        ("fading", "u1"),  # it had been heard ever less before, where coverage is less than sure
        ("reckoned_ashore", "u1"),
        ("in_mask", "u1"),
        ("in_watch_zone", "u1"),  # asked of a stopped vessel only
    ]
)
SILENCE_TYPE = from_dtype(SILENCE)
CAUSES = (
    "receiver_down",
    "common_cause",
    "fading",
    "stopped_in_port_or_anchorage",
    "stopped_inshore",
    "reckoned_into_port_or_ashore",
    "leaving_coverage",
    "coverage unknown",
    "",
)
ASKED = np.dtype([("key", "<i8"), ("heard_ms", "<i8"), ("column", "<i8"), ("at", "<i8")])  # whose neighbours are asked for: column of cells, row of SILENCE
ASKED_TYPE = from_dtype(ASKED)
MARKS = 1 << 16  # places of the marks that tell who may lie near one who is asked for: squares share them, so a mark is only a hint
SQUARE_BITS = 16  # of a position in units: squares a little larger than cells, found without a division
LEARNED = types.Tuple((int64[::1], int32[::1], float64[::1], float64[::1]))


@dataclass(slots=True)
class Silence:
    """One row of SILENCE."""

    slot: int
    heard_ms: int
    gap_s: float
    p: float
    coverage: float
    blocks: int
    group: int
    peers: int
    peers_heard: int
    lost_share: float
    reckoned_lat: int
    reckoned_lon: int
    coast_nm: float
    watch_nm: float
    reach_nm: float
    inbound_s: float
    class_b: int
    stopped: int
    known_cell: int
    leaving: int
    receivers_lost: int
    fading: int
    reckoned_ashore: int
    in_mask: int
    in_watch_zone: int


def due(table: VesselTable, ears: np.ndarray, tick_ms: int, rule: Dark) -> np.ndarray:
    """int64 slots, in order of their keys, of tracks silent for long enough and due to be judged at this tick. ears: EAR rows of the table."""
    n = len(table)
    slots = np.empty(n, np.int64)
    limits = (rule.candidate_s_a, rule.candidate_s_b, rule.gap_s_max, rule.speed_kn_min_b)
    return table.in_order(slots[: _due(table.used, ears, table.heard_ms[:n], tick_ms, limits, rule.reports_1h_min, slots)])


def expected(sight: Sight, ears: Ears, slots: np.ndarray) -> np.ndarray:
    """SILENCE[n] of tracks with what should have been heard of each; the rest is not yet asked.

    Of the groups that are alive the one whose silence says most; if none knows the place, the first that listened.
    """
    table, coverage, rule = sight.table, sight.coverage, sight.params.dark
    found = np.zeros(len(slots), SILENCE)
    groups = np.array(ears.alive(sight.tick_ms), np.int64)
    learned = (coverage.keys, coverage.hashed(), coverage.heard, coverage.missed)
    limits = (float(rule.blocks_learned_min), rule.common_cause_s * 1000.0)
    path = np.empty(PATH_BLOCKS_MAX + AHEAD_BLOCKS, np.int64)
    _expect(table.rows, table.heard_ms, slots, groups, ears.listened, ears.deaths, sight.tick_ms, learned, limits, path, found)
    return found


def ask_ears(sight: Sight, ears: Ears, cold: np.ndarray, found: np.ndarray) -> None:
    """Whether our ears explain each silence: a receiver that heard it died (at once, or it was heard less since), or it faded. cold: EAR rows."""
    table, slots, heard_ms, rule = sight.table, found["slot"].copy(), found["heard_ms"].copy(), sight.params.dark
    within_ms, fading = rule.common_cause_s * 1000.0, np.zeros(len(found), np.bool_)
    faded(cold, (slots, heard_ms, found["coverage"].copy()), rule.coverage_sure, fading)
    found["fading"] = fading
    heard_by = table.rows["rx"][slots] | table.more["rx_before"][slots]
    lost = ears.lost_to(heard_by, heard_ms, sight.tick_ms, within_ms)
    if len(ears.deaths):
        thinned(table.rows, cold, slots, heard_ms, ears.deaths, sight.coverage.keys, within_ms, lost)
    found["receivers_lost"] = lost


def ask_peers(sight: Sight, found: np.ndarray) -> None:
    """Others last heard in the same or a neighbouring cell: how many, how many are heard lately, share lost together with it; too few bound P."""
    table, rule = sight.table, sight.params.dark
    first, asked, counts = np.zeros((2, ROWS + 3), np.int64), np.empty(len(found), ASKED), np.zeros((len(found), 3), np.int64)
    near = np.zeros(MARKS, np.uint8)
    _ask(table.rows, table.more, found, first, asked, near)
    limits = (sight.tick_ms - HEARD_LATELY_MS, rule.common_cause_s * 1000.0)
    if sight.around_made is None:
        _peers_of_table(table.used, table.known, table.heard_ms[: len(table)], asked, first[0], near, sight.tick_ms - SIGHTED_MS, limits, counts)
    else:
        _peers_of_sightings(sight.around_made.seen, asked, first[0], near, limits, counts)
    _told(counts, (float(rule.peers_min), rule.peers_heard_min, rule.p_floor_few_peers), found)


def settle(found: np.ndarray, rule: Dark, *, placed: bool) -> np.ndarray:
    """int64[n]: the first of CAUSES (counted from 1) for which a silence is a candidate whatever its distance to watched waters; 0: that is still the question.

    placed: geography has been asked about the places. What `dark.py` says of one silence, `_exclusions` and `_grade`, said of many.
    """
    cause = np.zeros(len(found), np.int64)
    needs = (rule.suspicious_s_a, rule.suspicious_s_b, rule.suspicious_p_max, rule.coverage_min)
    _settle(found, (rule.common_cause_share, INSHORE_NM), needs, rule.coverage_needed, placed, cause)
    return cause


def ask_places(sight: Sight, found: np.ndarray) -> None:
    """Where each vessel was last and is by reckoning: masks, land, and of those that lay still coast and watch zones."""
    if not len(found):
        return
    geography, rows = sight.geography, take_rows(sight.table.rows, found["slot"])
    steps = np.zeros((len(found), 2))
    steps[:, 1] = (sight.tick_ms - rows["t_ms"]) / 1000.0
    lat, lon, lat_deg, lon_deg = _ways_of(rows, steps)
    masked = geography.masked(lat_deg.ravel(), lon_deg.ravel()).reshape(steps.shape)
    found["reckoned_lat"], found["reckoned_lon"] = lat[:, 1], lon[:, 1]
    found["in_mask"], found["reckoned_ashore"] = masked[:, 0], masked[:, 1] | geography.on_land(lat_deg[:, 1].copy(), lon_deg[:, 1].copy())
    stopped = np.flatnonzero(found["stopped"])
    if len(stopped):
        here = (lat_deg[stopped, 0], lon_deg[stopped, 0])
        found["coast_nm"][stopped] = geography.coast_distance_nm(*here)
        found["in_watch_zone"][stopped] = geography.in_zones(("watch",), *here)


def ask_watch(sight: Sight, found: np.ndarray) -> None:
    """How far the coast is, how far watched waters, whether its course leads into them and whether it may have come there."""
    if not len(found):
        return
    geography, rule, rows = sight.geography, sight.params.dark, take_rows(sight.table.rows, found["slot"])
    since_fix_s = (sight.tick_ms - rows["t_ms"]) / 1000.0
    steps = np.column_stack([np.zeros(len(found)), since_fix_s, since_fix_s[:, None] + INBOUND_SHARES * rule.inbound_s_max])
    _, _, lat_deg, lon_deg = _ways_of(rows, steps)
    watch_nm = geography.watch_distance_nm(lat_deg.ravel(), lon_deg.ravel()).reshape(steps.shape)
    inbound = watch_nm[:, 2:] <= 0.0
    first = np.argmax(inbound, axis=1) + 2
    found["inbound_s"] = np.where(inbound.any(axis=1), steps[np.arange(len(found)), first] - since_fix_s, np.nan)
    found["watch_nm"] = np.minimum(watch_nm[:, 0], watch_nm[:, 1])
    found["coast_nm"] = geography.coast_distance_nm(lat_deg[:, 0].copy(), lon_deg[:, 0].copy())
    usual_kn = sight.table.more["typical_kn"][found["slot"]].astype(np.float64)
    speed_kn = np.maximum(1.0, np.maximum(usual_kn, rows["speed_kn"].astype(np.float64)))
    found["reach_nm"] = rule.reach_factor * speed_kn * since_fix_s / 3600.0


def _ways_of(rows: np.ndarray, steps_s: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(lat, lon in units, the same in degrees), each of the shape of steps_s[n, k]: where tracks (HOT[n]) are reckoned so many seconds after their position."""
    lat, lon = np.empty(steps_s.shape, np.int64), np.empty(steps_s.shape, np.int64)
    _ways(rows, steps_s, lat, lon)
    return lat, lon, degrees(lat), degrees(lon)


@kernel(int64(int64, int64), **PLAIN)
def _mark(lat, lon):
    """The place among the marks of the square in which a position lies. Right on the date line is east of it."""
    lon = lon if lon < HALF_TURN else lon - 2 * HALF_TURN
    return (((lat + QUARTER_TURN) >> SQUARE_BITS) * COLUMNS + ((lon + HALF_TURN) >> SQUARE_BITS)) & (MARKS - 1)


@kernel((uint8[::1], int64, int64), **PLAIN)
def _mark_around(near, row, column):
    """Mark every square that touches a cell or one of the eight around it: a cell is no larger than a square, so those at its corners do."""
    for k in range(9):
        south = (row - 1 + k // 3) * CELL_UNITS - QUARTER_TURN
        west = (column - 1 + k % 3) % COLUMNS * CELL_UNITS - HALF_TURN
        for corner in range(4):
            near[_mark(south + corner // 2 * (CELL_UNITS - 1), west + corner % 2 * (CELL_UNITS - 1))] = 1


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], SILENCE_TYPE[::1], int64[:, ::1], ASKED_TYPE[::1], uint8[::1]), **PLAIN)
def _ask(rows, more, found, first, asked, near):
    """Sort the silences by their row of cells into `asked`. first[0, r + 1]: the first of them in row r or later; first[1]: to work in.

    near: marked where they are and in the cells around.
    """
    for i in range(found.shape[0]):
        first[0, (np.int64(rows[found[i]["slot"]]["lat"]) + QUARTER_TURN) // CELL_UNITS + 2] += 1
    for r in range(1, first.shape[1]):
        first[0, r] += first[0, r - 1]
        first[1, r] = first[0, r]
    for i in range(found.shape[0]):
        slot = found[i]["slot"]
        v = rows[slot]
        row = (np.int64(v["lat"]) + QUARTER_TURN) // CELL_UNITS
        me = asked[first[1, row + 1]]
        first[1, row + 1] += 1
        me["key"] = make_key(np.int64(v["mmsi"]), np.int64(more[slot]["ordinal"]))
        me["heard_ms"], me["column"], me["at"] = found[i]["heard_ms"], (np.int64(v["lon"]) + HALF_TURN) // CELL_UNITS, i
        _mark_around(near, row, me["column"])


@kernel((int64[:, ::1], types.UniTuple(float64, 3), SILENCE_TYPE[::1]), **PLAIN)
def _told(counts, limits, found):
    """Write the counted peers into the silences. limits: least peers, least share of them heard, and P where there are fewer."""
    peers_min, heard_min, p_floor = limits
    for i in range(found.shape[0]):
        peers, heard = counts[i, 0], counts[i, 1]
        found[i]["peers"], found[i]["peers_heard"] = peers, heard
        found[i]["lost_share"] = counts[i, 2] / max(peers, 1)
        if (peers < peers_min or heard < heard_min * peers) and found[i]["p"] < p_floor:
            found[i]["p"] = p_floor


@kernel((SILENCE_TYPE[::1], types.UniTuple(float64, 2), types.UniTuple(float64, 4), boolean, boolean, int64[::1]), **PLAIN)
def _settle(found, limits, needs, coverage_needed, placed, cause):
    """See `settle`. limits: share lost together that is one cause, nm of inshore. needs: seconds (A, B), P and coverage of a suspicious silence."""
    share_min, inshore_nm = limits
    s_a, s_b, p_max, coverage_min = needs
    for i in range(found.shape[0]):
        f = found[i]
        stopped, in_mask = f["stopped"] != 0, f["in_mask"] != 0
        if f["receivers_lost"] != 0:
            cause[i] = 1
        elif f["peers"] > 0 and f["lost_share"] >= share_min:
            cause[i] = 2
        elif coverage_needed and f["fading"] != 0:
            cause[i] = 3
        elif not placed:
            cause[i] = 0
        elif stopped and in_mask:
            cause[i] = 4
        elif stopped and f["coast_nm"] < inshore_nm and f["in_watch_zone"] == 0:
            cause[i] = 5
        elif f["reckoned_ashore"] != 0:
            cause[i] = 6
        elif coverage_needed and f["leaving"] != 0:
            cause[i] = 7
        elif coverage_needed and f["known_cell"] == 0:
            cause[i] = 8
        elif f["gap_s"] < (s_b if f["class_b"] != 0 else s_a) or (coverage_needed and not (f["p"] < p_max and f["coverage"] >= coverage_min)):
            cause[i] = 9


@kernel(int64(HOT_TYPE[::1], EAR_TYPE[::1], int64[::1], int64, types.UniTuple(float64, 4), int64, int64[::1]), **PLAIN)
def _due(rows, ears, heard, tick_ms, limits, reports_min, out):
    """Write the slots of `due`; returns how many. limits: candidate s (A, B), longest s, least speed of a class B vessel."""
    s_a, s_b, s_max, speed_b = limits
    newest_ms, oldest_ms = np.int64(math.floor(tick_ms - min(s_a, s_b) * 1000.0)), np.int64(math.ceil(tick_ms - s_max * 1000.0))
    n = 0
    for i in range(rows.shape[0]):
        if heard[i] > newest_ms or heard[i] < oldest_ms:
            continue
        minutes = (tick_ms - heard[i]) // MINUTE_MS
        v = rows[i]
        least_ms = (s_b if v["class_b"] != 0 else s_a) * 1000.0
        first = minutes == np.int64(least_ms) // MINUTE_MS
        if not first and minutes % (STEADY_JUDGE_MIN if minutes <= FIRST_HOURS_MIN else LATER_JUDGE_MIN) != 0:
            continue
        if v["t_ms"] == T_MISSING or tick_ms - heard[i] < least_ms or (v["class_b"] != 0 and v["speed_kn"] < speed_b):
            continue
        before = np.int64(ears[i]["totals"][(ears[i]["bucket"] + 1) % HOUR_BUCKETS])
        if np.int64(v["reports"]) - before >= reports_min:
            out[n] = i
            n += 1
    return n


@kernel(float64(int64), **PLAIN)
def _cosine(tenth_deg):
    """Cosine of an angle in tenths of a degree, from the table of latitudes (clamped near a pole; a course is not)."""
    a = abs(tenth_deg) % 3600
    a = min(a, 3600 - a)
    quarter = a if a <= 900 else 1800 - a
    cosine = 0.0 if quarter == 900 else cos_lat(quarter * 60_000)
    return cosine if a <= 900 else -cosine


@kernel(types.UniTuple(int64, 2)(int64, int64, float64, int64, float64), **PLAIN)
def reckon(lat, lon, speed_kn, cog, seconds):
    """Position in units reached at unchanged course (tenths of a degree) and speed; still if either is unknown.

    East and north come from the cosine table (sin x = cos(90 - x)), so every platform reckons the same bits.
    """
    if cog >= COG_MISSING or speed_kn <= 0.0:
        return lat, lon
    way_units = speed_kn * KN_MS * seconds / M_PER_UNIT
    north, east = _cosine(cog), _cosine(900 - cog)
    to_lat = max(-53_990_000, min(53_990_000, lat + int(way_units * north)))
    to_lon = lon + int(way_units * east / max(0.1, cos_lat((lat + to_lat) // 2)))
    return to_lat, (to_lon + HALF_TURN) % (2 * HALF_TURN) - HALF_TURN


@kernel((HOT_TYPE[::1], float64[:, ::1], int64[:, ::1], int64[:, ::1]), **PLAIN)
def _ways(rows, steps_s, lat, lon):
    """Where each track is reckoned to be so many seconds after its last position."""
    for i in range(rows.shape[0]):
        v = rows[i]
        for k in range(steps_s.shape[1]):
            lat[i, k], lon[i, k] = reckon(np.int64(v["lat"]), np.int64(v["lon"]), np.float64(v["speed_kn"]), np.int64(v["cog"]), steps_s[i, k])


@kernel(types.Tuple((float64, float64, int64))(HOT_TYPE, int64, int64, LEARNED, float64, int64[::1]), **PLAIN)
def _along(v, group, n, learned, learned_min, path):
    """(P of n silent blocks, mean coverage, whether n + AHEAD_BLOCKS are learned) along the path reckoned from the last report. path: to work in.

    `tracks.coverage.p_path` on the cells in which the middle of each block is reckoned to lie.
    """
    keys, places, heard, missed = learned
    p, coverage, known_blocks, whole = 1.0, 0.0, 0, 1
    cell, before, h, m = np.int64(-1), 0, 0.0, 0.0
    for i in range(n + AHEAD_BLOCKS):
        lat, lon = reckon(np.int64(v["lat"]), np.int64(v["lon"]), np.float64(v["speed_kn"]), np.int64(v["cog"]), (i + 0.5) * BLOCK_MS / 1000.0)
        here = cell_key(lat, lon, np.int64(v["class_b"]), group)
        path[i] = here
        if here == cell:
            before += 1
        else:
            cell, before = here, 0
            for j in range(i):
                before += path[j] == here
            at = cell_at(keys, places, here)
            h, m = (heard[at], missed[at]) if at >= 0 else (0.0, 0.0)
        if h + m < learned_min:
            whole = 0
        elif i < n:
            a, b = h + 1.0, m + 1.0
            p *= (b + before) / (a + b + before)
            coverage += a / (a + b)
            known_blocks += 1
    return p, (coverage / known_blocks if known_blocks > 0 else 0.0), whole


@kernel(
    (
        HOT_TYPE[::1],
        int64[::1],
        int64[::1],
        int64[::1],
        int32[:, ::1],
        int64[:, ::1],
        int64,
        LEARNED,
        types.UniTuple(float64, 2),
        int64[::1],
        SILENCE_TYPE[::1],
    ),
    **PLAIN,
)
def _expect(rows, heard, slots, groups, listened, deaths, tick_ms, learned, limits, path, out):
    """See `expected`. learned: keys, hash, heard and missed of Coverage. limits: blocks that make a cell learned, ms that make two losses one."""
    learned_min, within_ms = limits
    keys, places, cell_heard, cell_missed = learned
    for i in range(slots.shape[0]):
        v, found, since_ms = rows[slots[i]], out[i], heard[slots[i]]
        found["slot"], found["heard_ms"], found["group"] = slots[i], since_ms, -1
        found["gap_s"] = (tick_ms - since_ms) / 1000.0
        found["p"] = 1.0
        found["class_b"] = v["class_b"]
        found["stopped"] = v["speed_kn"] >= 0.0 and v["speed_kn"] < UNDER_WAY_KN_A
        for g in range(groups.shape[0]):
            blocks = minutes_of(listened, deaths, groups[g], since_ms, tick_ms, within_ms) * MINUTE_MS // BLOCK_MS
            if blocks < 1:
                continue
            p, coverage, whole = _along(v, groups[g], min(blocks, PATH_BLOCKS_MAX), learned, learned_min, path)
            at = cell_at(keys, places, cell_key(np.int64(v["lat"]), np.int64(v["lon"]), np.int64(v["class_b"]), groups[g]))
            known = 1 if at >= 0 and cell_heard[at] + cell_missed[at] >= learned_min else 0
            if found["group"] < 0 or known > found["known_cell"] or (known == found["known_cell"] and p < found["p"]):
                found["group"], found["blocks"] = groups[g], blocks
                found["p"], found["coverage"] = p, coverage
                found["known_cell"], found["leaving"] = known, known - known * whole


@kernel((ASKED_TYPE[::1], int64[::1], types.UniTuple(float64, 2), int64, int64, int64, int64, int64[:, ::1]), **PLAIN)
def _count_peer(asked, first, limits, key, lat, lon, t_ms, counts):
    """Count a track, last heard at t_ms, for everybody in whose cell or the next it was: (peers, of these heard since, of the rest lost together)."""
    lately_ms, together_ms = limits
    row, column = (lat + QUARTER_TURN) // CELL_UNITS, (lon + HALF_TURN) // CELL_UNITS
    for k in range(first[row], first[row + 3]):
        me = asked[k]
        apart = abs(column - me["column"])
        if min(apart, COLUMNS - apart) > 1 or me["key"] == key or t_ms < me["heard_ms"] - PEER_WINDOW_MS:
            continue
        counts[me["at"], 0] += 1
        if t_ms >= lately_ms:
            counts[me["at"], 1] += 1
        elif abs(t_ms - me["heard_ms"]) <= together_ms:
            counts[me["at"], 2] += 1


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], ASKED_TYPE[::1], int64[::1], uint8[::1], int64, types.UniTuple(float64, 2), int64[:, ::1]), **PLAIN)
def _peers_of_table(rows, more, heard, asked, first, near, since_ms, limits, counts):
    """Count the tracks of a table that would be sighted (tracks/around.py), of which nearly all lie near nobody.

    first[r + 1]: the first of `asked` (sorted by row of cells) in row r or later; near: marks of `_ask`.
    """
    for i in range(rows.shape[0]):
        v = rows[i]
        lat, lon = np.int64(v["lat"]), np.int64(v["lon"])
        if near[_mark(lat, lon)] == 0:
            continue
        if heard[i] >= since_ms and v["t_ms"] != T_MISSING and more[i]["belief"] == BELIEVED:
            _count_peer(asked, first, limits, make_key(np.int64(v["mmsi"]), np.int64(more[i]["ordinal"])), lat, lon, heard[i], counts)


@kernel((SIGHTING_TYPE[::1], ASKED_TYPE[::1], int64[::1], uint8[::1], types.UniTuple(float64, 2), int64[:, ::1]), **PLAIN)
def _peers_of_sightings(seen, asked, first, near, limits, counts):
    """The same of sightings."""
    for i in range(seen.shape[0]):
        s = seen[i]
        lat, lon = np.int64(s["lat"]), np.int64(s["lon"])
        if near[_mark(lat, lon)] != 0:
            _count_peer(asked, first, limits, s["key"], lat, lon, s["heard_ms"], counts)
