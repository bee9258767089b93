"""Contacts: who is close to whom at a tick. May hold: the rows of those who may meet, the search for pairs. May not: remember a pair from one tick to the next.

Theory. Once a minute every vessel that is slow, or moves at the speed of a transfer under way, outside the masks and heard lately, becomes
one NEAR row with its last *real* position: nothing is extrapolated. Of two that move, the later report is taken back along its own course
to the time of the earlier one, at most `SAME_TIME_MS`: between two reports, never beyond the last.
The rows are put in order of strips of latitude as high as the reach, from west to east in each. So those who may be in contact with one lie beside it
in its own strip, and between two places of the strips to the north and south, which only go east as one goes from row to row: nothing is looked up. What
lies across the date line is looked for anew; near the poles, where east means nothing, rows are compared with each other. Every row collects its
partners in an adjacency row of its own. Most vessels lie alone. Who searches one table asks first, of strip and east alone, near whom nobody can lie, and
makes no rows of these.

What makes a harbour cheap: who has more than `partners_max` partners at once lies in a crowd, in which being close says nothing. The
search for its partners stops there, and pairs with it are not formed. So the cost of a vessel is bounded whatever the density; what it
costs in recall is said in docs/behaviours/rendezvous.md, and how often it happened is counted.
A contact is a fact of two rows alone and of the crowds around them: who searches a part of the sea with all rows within `halo_m` of
it finds what a search of the whole sea finds there, and the order of the rows plays no part.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np
from numba import boolean, float64, from_dtype, int32, int64, types

from dogwatch.batch import COG_MISSING, take_rows
from dogwatch.geo import FULL_TURN, HALF_TURN, KN_MS, M_PER_UNIT, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel
from tracks.key import make_key, make_pair, read_mmsi
from tracks.params import Rendezvous
from tracks.records import HOT_TYPE, MARK_MASKED, MORE_TYPE, PLAIN
from tracks.vessels import VesselTable

SLOW_REPORT_S = 180.0  # nominal interval of moored, anchored and slow class B vessels (ITU-R M.1371-5, table 1)
AGE_FACTOR = 3.0
SAME_TIME_MS = 80_000
WAY_MARGIN_M = 330.0  # a vessel at 8 kn makes so much in SAME_TIME_MS
NAV_ANCHORED, NAV_MOORED = 1, 5
NEVER, EXAMINED_MAX = 1 << 62, 64  # comparisons after which a search is given up: of one that must come to its end; of each row beside a list of berths
REACH_SLACK = 1.01  # the reach is taken so much longer than what may be in contact
QUARTER = 54_000_000
POLAR = 53_340_000  # 88.9 degrees: nearer to a pole the plane of `distance_m` ends
POLAR_RIM = 53_280_000
TURN_TABLE = np.round(np.array([math.cos(math.radians(i / 10)) for i in range(1802)]), 12)  # the same bits on every platform
STILL, ABREAST = 1, 2  # gaits of a row, kinds of a contact
KIND_BITS = 2  # a partner is its row << KIND_BITS | the kinds of the contact
ROW_BITS, EAST_BITS, EAST_UNITS = 22, 25, 8  # a strip, how far east it lies in 8 units, and its number make one integer, so that sorting is quick
ROW_MASK, EAST_MASK, STRIP, EAST_TURN = (1 << ROW_BITS) - 1, (1 << EAST_BITS) - 1, 1 << EAST_BITS, FULL_TURN // EAST_UNITS
NEAR = np.dtype(
    [
        ("key", "<i8"),
        ("t_ms", "<i8"),
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("speed_kn", "<f4"),
        ("own_m", "<f4"),  # contact distance that its own length asks for
        ("slot", "<i4"),
        ("cog", "<u2"),
        ("gait", "u1"),
        ("spare", "u1"),
    ]
)
CONTACT = np.dtype([("key", "<u8"), ("distance_m", "<f8"), ("a", "<i4"), ("b", "<i4"), ("kind", "<i8")])  # a, b: rows of NEAR, a the smaller key
_NEAR, _CONTACT = from_dtype(NEAR), from_dtype(CONTACT)
_GAITS = types.UniTuple(float64, 5)
_LIMITS, _WALK, _WIDTH = types.UniTuple(float64, 3), types.UniTuple(int64, 5), types.Tuple((int64, float64))
_KNOWN = types.Tuple((boolean[::1], int64, int64))


@dataclass(frozen=True, slots=True)
class Found:
    """Contacts of a tick, sorted by key; which rows lay in a crowd (bool[n]), and how many comparisons it took."""

    contacts: np.ndarray
    crowds: np.ndarray
    examined: int

    @property
    def crowded(self) -> int:
        """How many rows lay in a crowd."""
        return int(np.count_nonzero(self.crowds))


@dataclass(slots=True)
class Room:
    """Arrays that a search works in, kept so that they need not be made each minute; nothing in them outlives a tick."""

    near: np.ndarray = field(default_factory=lambda: np.empty(0, NEAR))
    slots: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32))
    partners: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.int32))
    counts: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    contacts: np.ndarray = field(default_factory=lambda: np.empty(0, CONTACT))

    def for_slots(self, n: int) -> np.ndarray:
        """Room for so many slots."""
        if len(self.slots) < n:
            self.slots = np.empty(max(n, 2 * len(self.slots)), np.int32)
        return self.slots

    def for_near(self, n: int) -> np.ndarray:
        """Room for so many NEAR rows, and one that is begun and not wanted."""
        if len(self.near) <= n:
            self.near = np.empty(max(n + 1, 2 * len(self.near)), NEAR)
        return self.near

    def for_search(self, n: int, partners_max: int) -> None:
        """Room for a search among n rows."""
        if len(self.counts) < n or self.partners.shape[1] != partners_max:
            size = max(n, 2 * len(self.counts))
            self.partners, self.counts = np.empty((size, partners_max), np.int32), np.empty(size, np.int64)
            self.contacts = np.empty(size * partners_max // 2 + 1, CONTACT)


def halo_m(rule: Rendezvous) -> float:
    """How far around a part of the sea rows must be known, so that its contacts and crowds come out right: twice the reach, and a tick's way."""
    return 2.0 * _reach_m(rule) * REACH_SLACK + rule.way_kn_max * KN_MS * 60.0 + 50.0


def near_rows(table: VesselTable, tick_ms: int, rule: Rendezvous, room: Room, *, alone: bool = False) -> np.ndarray:
    """NEAR rows of the vessels that may be in contact at a tick, in any order; they lie in `room`.

    alone: those too near whom no other of this table lies. Most lie so, and whoever searches this table only need not make rows of them.
    """
    rows, limits, reach_units = table.used, _gaits(rule), _reach_units(rule)
    slots = room.for_slots(len(rows))
    keys = np.empty(_afoot(rows, tick_ms - int(max(limits[:2])), max(limits[2], limits[4]), slots), np.int64)
    few = _keys(rows, tick_ms, limits, reach_units, slots, keys)
    if few and not alone:
        keys = keys[:few]
        keys.sort()
        few = _in_company(keys, reach_units, slots)
    near, own_m = room.for_near(few), (rule.distance_m_floor, rule.distance_m_ceiling, rule.distance_loa_factor)
    return near[: _near_rows(rows, table.more, slots[:few], tick_ms, limits, own_m, near)]


def afoot(table: VesselTable, keys: np.ndarray, tick_ms: int, rule: Rendezvous) -> np.ndarray:
    """int64[n]: slots of tracks that may be in contact at a tick; -1 for others."""
    slots = table.slots_of_keys(keys)
    _strike(table.used, table.more, slots, tick_ms, _gaits(rule))
    return slots


def find_contacts(near: np.ndarray, rule: Rendezvous, room: Room | None = None, moored: np.ndarray | None = None) -> Found:
    """All contacts of NEAR rows, in any order of these. `room` is written over, and what is found lies in it.

    moored: int64[n], of rows whose contacts among each other are known (berths.py) how many partners they have there, -1 of others; contacts of these
    others are found, and crowds of all. It is given up, and says nothing, when `examined` is more than EXAMINED_MAX a row.
    """
    n, room = len(near), room or Room()
    if n < 2:
        return Found(np.empty(0, CONTACT), np.zeros(n, np.bool_), 0)
    reach_units = _reach_units(rule)
    room.for_search(n, rule.partners_max)
    keys, crowds, examined = np.empty(n, np.int64), np.empty(n, np.bool_), np.zeros(1, np.int64)
    in_order = strips(near, reach_units, keys)
    if not in_order:
        keys.sort()
    order = keys & ROW_MASK
    keys >>= ROW_BITS
    limits = (rule.way_m_max, rule.way_apart_kn_max, rule.way_apart_deg_max * 10.0)
    rows, counts = near if in_order else take_rows(near, order), room.counts[:n]
    counts[:] = -1 if moored is None else moored[order]
    known = counts >= 0
    # In a crowd a search ends early, unless it counts for those it finds: then all of it does.
    ends = (known, rule.partners_max, NEVER) if moored is None else (known, n, EXAMINED_MAX * n)
    _count(rows, keys, reach_units, limits, np.zeros(2, np.int64), ends, room.partners, examined, counts)
    found = _pair(rows, order, limits, known, room.partners, counts, room.contacts)
    crowds[order] = counts > rule.partners_max
    contacts = room.contacts[:found]
    if found > 1:
        contacts = take_rows(contacts, np.argsort(contacts["key"]))
    return Found(contacts, crowds, int(examined[0]))


def _gaits(rule: Rendezvous) -> tuple[float, ...]:
    """Limits of `_gait_of`."""
    return rule.report_age_s_max * 1000.0, oldest_s(rule) * 1000.0, rule.speed_kn_gate, rule.way_kn_min, rule.way_kn_max


def oldest_s(rule: Rendezvous) -> float:
    """Age of the oldest report that may make a contact."""
    return max(rule.report_age_s_max, AGE_FACTOR * SLOW_REPORT_S)


def _reach_units(rule: Rendezvous) -> int:
    """Height of a strip."""
    return int(REACH_SLACK * _reach_m(rule) / M_PER_UNIT) + 1


def _reach_m(rule: Rendezvous) -> float:
    """Between the last reports of two that may be in contact."""
    return max(rule.distance_m_ceiling, rule.way_m_max + WAY_MARGIN_M)


@kernel(int64(int64, int64, int64), **PLAIN)
def _place_key(lat, lon, reach_units):
    """Strip of latitude of a position, and how far east it lies."""
    return ((lat + QUARTER) // reach_units) << EAST_BITS | (lon + HALF_TURN) // EAST_UNITS


@kernel(int64(HOT_TYPE, int64, _GAITS), **PLAIN)
def _gait_of(v, tick_ms, limits):
    """Gaits in which a vessel may be in contact at a tick; 0 inside a mask, too fast, or not heard lately.

    limits: ages in ms (moving, waiting), gate, slowest and fastest under way in kn.
    """
    age_ms, age_waiting_ms, gate_kn, way_from_kn, way_to_kn = limits
    speed_kn = np.float64(v["speed_kn"])
    waiting = v["nav"] == NAV_ANCHORED or v["nav"] == NAV_MOORED or v["class_b"] != 0
    if speed_kn < 0.0 or v["marks"] & MARK_MASKED or v["t_ms"] < tick_ms - np.int64(age_waiting_ms if waiting else age_ms):
        return 0
    gait = STILL if speed_kn <= gate_kn else 0
    return gait | (ABREAST if speed_kn >= way_from_kn and speed_kn <= way_to_kn and v["cog"] < COG_MISSING else 0)


# Flat: a row after the other, once a minute. Numbers are written whether they are wanted or not: which are is a toss, and a guess costs more than a write.
@kernel(int64(HOT_TYPE[::1], int64, float64, int32[::1]), **PLAIN)
def _afoot(rows, oldest_ms, top_kn, slots):
    """Write the slots of those outside the masks that were heard lately and are not too fast; returns how many."""
    n = 0
    for i in range(rows.shape[0]):
        v = rows[i]
        speed_kn = v["speed_kn"]
        slots[n] = np.int32(i)
        n += int((v["t_ms"] >= oldest_ms) & (speed_kn >= 0.0) & (speed_kn <= top_kn) & ((v["marks"] & MARK_MASKED) == 0))
    return n


@kernel(int64(HOT_TYPE[::1], int64, _GAITS, int64, int32[::1], int64[::1]), **PLAIN)
def _keys(rows, tick_ms, limits, reach_units, slots, keys):
    """Leave of slots those that may be in contact at a tick, and write of each what `strips` writes of NEAR rows, its number the slot; returns how many."""
    n = 0
    for k in range(keys.shape[0]):
        i = slots[k]
        v = rows[i]
        slots[n] = i
        keys[n] = _place_key(v["lat"], v["lon"], reach_units) << ROW_BITS | i
        n += int(_gait_of(v, tick_ms, limits) != 0)
    return n


# Flat: a key after the other, and two that only go on in the strips to the south and north.
@kernel(int64(int64[::1], int64, int32[::1]), **PLAIN)
def _in_company(keys, reach_units, slots):
    """Write the slots of sorted keys near which another may lie, and of all at the date line and near the poles; returns how many."""
    rim = (QUARTER - POLAR_RIM) // reach_units
    n, south, north = 0, 0, 0
    for i in range(keys.shape[0]):
        own = keys[i] >> ROW_BITS
        strip, east = own >> EAST_BITS, own & EAST_MASK
        turn = (max(abs(strip * reach_units - QUARTER), abs((strip + 1) * reach_units - QUARTER)) + reach_units) / float(QUARTER)
        low = max(1.0 - 1.2338 * turn * turn, 1.0 - turn)  # a cosine is never less, and this is soon told
        aside = np.int64(reach_units / max(low, 0.001)) // EAST_UNITS + 2
        while keys[south] >> ROW_BITS < own - STRIP - aside:
            south += 1
        while north < keys.shape[0] and keys[north] >> ROW_BITS < own + STRIP - aside:
            north += 1
        near = (i > 0 and keys[i - 1] >> ROW_BITS >= own - aside) or (i + 1 < keys.shape[0] and keys[i + 1] >> ROW_BITS <= own + aside)
        near = near or keys[south] >> ROW_BITS <= own - STRIP + aside or (north < keys.shape[0] and keys[north] >> ROW_BITS <= own + STRIP + aside)
        slots[n] = np.int32(keys[i] & ROW_MASK)
        n += int(near or east < aside or east + aside >= EAST_TURN or strip <= rim or strip >= 2 * QUARTER // reach_units - rim - 1)
    return n


# Flat: a row after the other, once a minute.
@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int32[::1], int64, _GAITS, types.UniTuple(float64, 3), _NEAR[::1]), **PLAIN)
def _near_rows(rows, more, slots, tick_ms, limits, own_m, out):
    """Write the NEAR rows of slots; returns how many. limits: see `_gait_of`; own_m: floor, ceiling, factor of a contact distance."""
    floor_m, ceiling_m, factor = own_m
    n = 0
    for k in range(slots.shape[0]):
        v, m, one = rows[slots[k]], more[slots[k]], out[n]
        one["key"] = make_key(np.int64(v["mmsi"]), np.int64(m["ordinal"]))
        one["t_ms"] = v["t_ms"]
        one["lat"] = v["lat"]
        one["lon"] = v["lon"]
        one["speed_kn"] = v["speed_kn"]
        loa_m = np.float64(m["loa_m"])
        one["own_m"] = np.float32(ceiling_m if loa_m == 0.0 else max(floor_m, min(ceiling_m, factor * loa_m)))
        one["slot"] = slots[k]
        one["cog"] = v["cog"]
        one["gait"] = np.uint8(_gait_of(v, tick_ms, limits))
        one["spare"] = np.uint8(0)
        n += 1
    return n


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64, _GAITS), **PLAIN)
def _strike(rows, more, slots, tick_ms, limits):
    """Write -1 in place of slots that cannot be in contact at a tick."""
    for k in range(slots.shape[0]):
        if slots[k] >= 0 and _gait_of(rows[slots[k]], tick_ms, limits) == 0:
            slots[k] = -1


@kernel(float64(float64), **PLAIN)
def _cosine(tenths):
    """Cosine of an angle in tenths of a degree, any turn."""
    a = abs(tenths) % 3600.0
    a = 3600.0 - a if a > 1800.0 else a
    i = int(a)
    return TURN_TABLE[i] + (TURN_TABLE[i + 1] - TURN_TABLE[i]) * (a - i)


@kernel(float64(int64, int64, int64, int64), **PLAIN)
def apart_m(lat_a, lon_a, lat_b, lon_b):
    """Metres between two positions in units, poles included."""
    if max(abs(lat_a), abs(lat_b)) < POLAR:
        return distance_m(lat_a, lon_a, lat_b, lon_b)
    if (lat_a < 0) != (lat_b < 0):
        return 1e7
    r, s = (QUARTER - abs(lat_a)) * M_PER_UNIT, (QUARTER - abs(lat_b)) * M_PER_UNIT
    turn_deg = abs(lon_difference(lon_a, lon_b)) / 600_000.0
    if turn_deg < 20.0:
        across_m = turn_deg * (math.pi / 180.0) * (r + s) / 2.0
        return math.sqrt((r - s) * (r - s) + across_m * across_m)
    return math.sqrt(max(0.0, r * r + s * s - 2.0 * r * s * _cosine(turn_deg * 10.0)))


@kernel(types.UniTuple(int64, 2)(_NEAR, int64), **PLAIN)
def _place_at(row, t_ms):
    """Where a row was at an earlier time, back along its own course."""
    way_units = np.float64(row["speed_kn"]) * KN_MS * (t_ms - row["t_ms"]) / 1000.0 / M_PER_UNIT
    lat = np.int64(row["lat"]) + np.int64(way_units * _cosine(np.float64(row["cog"])))
    return lat, np.int64(row["lon"]) + np.int64(way_units * _cosine(900.0 - row["cog"]) / max(1e-4, _cosine(np.int64(row["lat"]) / 60_000.0)))


@kernel(float64(_NEAR, _NEAR, _LIMITS), **PLAIN)
def _abreast_m(a, b, limits):
    """Metres between two that go abreast, at the time of the earlier report; negative if they do not.

    limits: distance in m, speed apart in kn, courses apart in 0.1 degree.
    """
    way_m, apart_kn, apart_tenths = limits
    turn = abs(np.int64(a["cog"]) - np.int64(b["cog"]))
    turn = min(turn, 3600 - turn)
    if turn > apart_tenths or abs(a["t_ms"] - b["t_ms"]) > SAME_TIME_MS:
        return -1.0
    u, v = np.float64(a["speed_kn"]), np.float64(b["speed_kn"])
    if u * u + v * v - 2.0 * u * v * _cosine(np.float64(turn)) > apart_kn * apart_kn:
        return -1.0
    t_ms = min(a["t_ms"], b["t_ms"])
    lat_a, lon_a = _place_at(a, t_ms)
    lat_b, lon_b = _place_at(b, t_ms)
    d = apart_m(lat_a, lon_a, lat_b, lon_b)
    return d if d <= way_m else -1.0


@kernel(boolean(_NEAR, _NEAR, float64, float64), **PLAIN)
def _is_within(a, b, limit_m, across):
    """Whether two rows are so close. across: square of the cosine of their latitude within 1 %, which tells all but those at the limit; 0: none."""
    north, east = np.float64(np.int64(a["lat"]) - b["lat"]), np.float64(lon_difference(a["lon"], b["lon"]))
    times = (north * north + east * east * across) / (limit_m * limit_m / (M_PER_UNIT * M_PER_UNIT))
    if across > 0.0 and (times < 0.98 or times > 1.02):
        return times < 1.0
    return apart_m(np.int64(a["lat"]), np.int64(a["lon"]), np.int64(b["lat"]), np.int64(b["lon"])) <= limit_m


@kernel(int64(_NEAR, _NEAR, _LIMITS, float64), **PLAIN)
def _kinds_of(a, b, limits, across):
    """Kinds of contact of two rows: STILL and ABREAST bits, 0 for none. limits: see `_abreast_m`, across: `_is_within`."""
    gaits = np.int64(a["gait"]) & np.int64(b["gait"])
    limit_m = max(np.float64(a["own_m"]), np.float64(b["own_m"]))
    room_m = max(limit_m, limits[0] + WAY_MARGIN_M) if gaits & ABREAST else limit_m
    if gaits == 0 or abs(np.int64(a["lat"]) - np.int64(b["lat"])) * M_PER_UNIT > room_m:
        return 0
    if read_mmsi(a["key"]) == read_mmsi(b["key"]):
        return 0  # of one number: a second set aboard, boats with their ship's, a copy; identity tells it
    kinds = 0
    if gaits & STILL and _is_within(a, b, limit_m, across):
        kinds = STILL
    if gaits & ABREAST and _abreast_m(a, b, limits) >= 0.0:
        kinds |= ABREAST
    return kinds


@kernel(boolean(_NEAR[::1], int64, int64[::1]), **PLAIN)
def strips(near, reach_units, keys):
    """Write of each row its strip of latitude, how far east it lies, and its number, in one integer; returns whether they are in order."""
    in_order = True
    for i in range(near.shape[0]):
        keys[i] = _place_key(near[i]["lat"], near[i]["lon"], reach_units) << ROW_BITS | i
        in_order &= i == 0 or keys[i] > keys[i - 1]
    return in_order


@kernel(int64(_NEAR[::1], int64[::1], _WALK, float64, _LIMITS, _KNOWN, int32[:, ::1], int64[::1], int64[::1], int64), **PLAIN)
def _walk(near, keys, walk, across, limits, known, partners, examined, counts, count):
    """Add the partners of a row that lie on a walk, and the row to the count of those that are known; returns their number with the `count` before.

    walk: the row, where to begin, whether east (1) or west (-1), the first key and the last. across: see `_is_within`. known: see `_count`.
    """
    i, j, step, first, last = walk
    is_known, most, _ = known
    while j >= 0 and j < keys.shape[0] and keys[j] >= first and keys[j] <= last and count <= most:
        examined[0] += 1
        kinds = _kinds_of(near[i], near[j], limits, across) if j != i else 0
        if kinds:
            if count < partners.shape[1]:
                partners[i, count] = np.int32((j << KIND_BITS) | kinds)
            count += 1
            counts[j] += int(is_known[j])
        j += step
    return count


@kernel(_WIDTH(int64, int64), **PLAIN)
def strip_width(strip, reach_units):
    """Of a strip: how far east or west of a row its partners may lie (in EAST_UNITS), and `across` of `_is_within`."""
    south, north = strip * reach_units - QUARTER, (strip + 1) * reach_units - QUARTER
    low = cos_lat(min(QUARTER, max(abs(south), abs(north)) + reach_units))
    high = cos_lat(max(0, min(abs(south), abs(north)) - reach_units))
    return min(int(reach_units / low) // EAST_UNITS + 1, (EAST_TURN - 1) // 2), low * high if high * high < 1.01 * low * low else 0.0


@kernel(int64(_NEAR[::1], int64[::1], int64, _WIDTH, int64[::1], _LIMITS, _KNOWN, int32[:, ::1], int64[::1], int64[::1]), **PLAIN)
def _partners(near, keys, i, width, at, limits, known, partners, examined, counts):
    """Write the partners of a row; returns their number, one more than there is room for in a crowd. Slow twin: tests/naive_contacts.py.

    width: of its strip. at: where in the strips to the south and north those begin who may be partners of the row before.
    """
    aside, across = width
    own, east = keys[i] & ~EAST_MASK, keys[i] & EAST_MASK
    first, last = max(0, east - aside), min(EAST_MASK, east + aside)
    # in a crowd those who are nearest are enough
    count = _walk(near, keys, (i, i - 1, -1, own + first, own + last), across, limits, known, partners, examined, counts, 0)
    count = _walk(near, keys, (i, i + 1, 1, own + first, own + last), across, limits, known, partners, examined, counts, count)
    for side in range(2):
        strip = own + (2 * side - 1) * STRIP
        while at[side] < keys.shape[0] and keys[at[side]] < strip + first:
            at[side] += 1
        count = _walk(near, keys, (i, at[side], 1, strip + first, strip + last), across, limits, known, partners, examined, counts, count)
    if east >= aside and east + aside < EAST_TURN:
        return count
    for turn in (-EAST_TURN, EAST_TURN):  # across the date line
        first, last = max(0, east + turn - aside), min(EAST_MASK, east + turn + aside)
        for strip in range(own - STRIP, own + STRIP + 1, STRIP):
            j = np.int64(np.searchsorted(keys, strip + first))
            count = _walk(near, keys, (i, j, 1, strip + first, strip + last), across, limits, known, partners, examined, counts, count)
    return count


@kernel((_NEAR[::1], int64[::1], int64, _LIMITS, int64[::1], _KNOWN, int32[:, ::1], int64[::1], int64[::1]), **PLAIN)
def _count(near, keys, reach_units, limits, at, known, partners, examined, counts):
    """Write the partners of all rows that are not known, how many each has, and of known ones how many of these they have besides.

    at: zeros for `_partners`. known: which rows are, after how many partners the search of a row may end, after how many comparisons all of it.
    """
    width, measured, n = (0, 0.0), -1, near.shape[0]
    for i in range(n):
        if known[0][i] or examined[0] > known[2]:
            continue
        strip = keys[i] >> EAST_BITS
        if abs(np.int64(near[i]["lat"])) >= POLAR:
            rim = (POLAR_RIM * (1 if near[i]["lat"] > 0 else -1) + QUARTER) // reach_units
            walk = (i, n - 1, -1, rim << EAST_BITS, keys[n - 1]) if near[i]["lat"] > 0 else (i, 0, 1, np.int64(0), ((rim + 1) << EAST_BITS) - 1)
            counts[i] = _walk(near, keys, walk, 0.0, limits, known, partners, examined, counts, 0)
            continue
        if strip != measured:
            width, measured = strip_width(strip, reach_units), strip
        counts[i] = _partners(near, keys, i, width, at, limits, known, partners, examined, counts)


@kernel(int64(_NEAR[::1], int64[::1], _LIMITS, boolean[::1], int32[:, ::1], int64[::1], _CONTACT[::1]), **PLAIN)
def _pair(near, order, limits, known, partners, counts, out):
    """Write the contacts of rows that are not known and of which neither lies in a crowd, in any order; returns their number.

    order: the number of each row for who asks. known: which rows are.
    """
    found, most = 0, partners.shape[1]
    for i in range(near.shape[0]):
        if known[i] or counts[i] > most:
            continue
        for k in range(counts[i]):
            j, kinds = np.int64(partners[i, k]) >> KIND_BITS, np.int64(partners[i, k]) & (STILL | ABREAST)
            is_smaller = near[i]["key"] < near[j]["key"]
            if counts[j] > most or not (is_smaller or known[j]):
                continue
            first, second = (i, j) if is_smaller else (j, i)
            one, a, b = out[found], near[first], near[second]
            one["key"] = make_pair(a["key"], b["key"])
            one["distance_m"] = apart_m(a["lat"], a["lon"], b["lat"], b["lon"]) if kinds & STILL else _abreast_m(a, b, limits)
            one["a"] = np.int32(order[first])
            one["b"] = np.int32(order[second])
            one["kind"] = kinds
            found += 1
    return found
