"""Contacts: who is close to whom at a tick. May hold: the rows of those who may meet, the search for pairs. May not: remember a pair from one tick to the next.

Theory. Once a minute every vessel that is slow, or moves at the speed of a transfer under way, outside the masks and heard lately, becomes
one NEAR row with its last *real* position: nothing is extrapolated. Of two that move, the later report is taken back along its own course
to the time of the earlier one, at most `SAME_TIME_MS`: between two reports, never beyond the last.
The rows go into a grid of cells twice as wide as the reach (as wide as it, where the last search was among crowds), so that a vessel looks into the
one to four cells that its reach touches: in an open sea they are empty, and that is all. Columns follow the latitude level by level, so that it is
exact across the date line; near the poles, where columns mean nothing, rows are compared with each other. Every row collects its partners in an
adjacency row of its own.

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
from numba import float64, from_dtype, int32, int64, types

from dogwatch.batch import COG_MISSING, take_rows
from dogwatch.geo import FULL_TURN, HALF_TURN, KN_MS, M_PER_UNIT, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel
from tracks.key import ORDINAL_BITS, PAIRED_MAX, make_key
from tracks.params import Rendezvous
from tracks.records import HOT_TYPE, MARK_MASKED, MORE_TYPE, PLAIN
from tracks.vessels import VesselTable

SLOW_REPORT_S = 180.0  # nominal interval of moored, anchored and slow class B vessels (ITU-R M.1371-5, table 1)
AGE_FACTOR = 3.0
SAME_TIME_MS = 80_000
WAY_MARGIN_M = 330.0  # a vessel at 8 kn makes so much in SAME_TIME_MS
NAV_ANCHORED, NAV_MOORED = 1, 5
CELL_SLACK = 1.01  # the reach is taken so much longer, because the level to the north is narrower than this one
QUARTER = 54_000_000
POLAR = 53_340_000  # 88.9 degrees: nearer to a pole the plane of `distance_m` ends
POLAR_RIM = 53_280_000
TURN_TABLE = np.round(np.array([math.cos(math.radians(i / 10)) for i in range(1802)]), 12)  # the same bits on every platform
STILL, ABREAST = 1, 2  # gaits of a row, kinds of a contact
CROWDED_FROM = 8  # comparisons of a row
KIND_BITS = 2  # a partner is its row << KIND_BITS | the kinds of the contact
HASH_FACTOR = 11_400_714_819_323_198_485
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
_LEVELS = types.Tuple((int64[::1], float64[::1], float64[::1]))
_GRID = types.Tuple((int32[::1], int32[::1], int64[::1], int32[::1], int64[::1]))
_LIMITS, _SIZES = types.UniTuple(float64, 3), types.UniTuple(int64, 2)


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
    grid: tuple[np.ndarray, ...] = ()
    partners: np.ndarray = field(default_factory=lambda: np.empty((0, 0), np.int32))
    counts: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    contacts: np.ndarray = field(default_factory=lambda: np.empty(0, CONTACT))
    cell_units: int = 0
    levels: tuple[np.ndarray, ...] = ()
    crowded: bool = False  # at the last search a row was compared with many: cells half as wide hold fewer who are out of reach

    def for_table(self, capacity: int) -> None:
        """Room for the rows of a table."""
        if len(self.near) < capacity:
            self.near, self.slots = np.empty(capacity, NEAR), np.empty(capacity, np.int32)

    def for_search(self, n: int, partners_max: int, reach_units: int) -> None:
        """Room for a search among n rows."""
        if len(self.counts) < n or self.partners.shape[1] != partners_max:
            size = max(n, 2 * len(self.counts))
            chain, cells, rim = np.empty(size, np.int32), np.empty(size, np.int64), np.empty(size, np.int32)
            self.grid = (np.empty(1 << max(4, (4 * size - 1).bit_length()), np.int32), chain, cells, rim, np.zeros(1, np.int64))
            self.partners, self.counts = np.empty((size, partners_max), np.int32), np.empty(size, np.int64)
            self.contacts = np.empty(size * partners_max // 2 + 1, CONTACT)
        cell_units = reach_units if self.crowded else 2 * reach_units
        if self.cell_units != cell_units:
            n_levels = 2 * QUARTER // cell_units + 2
            self.levels = (np.empty(n_levels, np.int64), np.empty(n_levels, np.float64), np.empty(n_levels, np.float64))
            _measure_levels(reach_units, cell_units, self.levels)
            self.cell_units = cell_units


def halo_m(rule: Rendezvous) -> float:
    """How far around a part of the sea rows must be known, so that its contacts and crowds come out right: twice the reach, and a tick's way."""
    return 2.0 * _reach_m(rule) * CELL_SLACK + rule.way_kn_max * KN_MS * 60.0 + 50.0


def near_rows(table: VesselTable, tick_ms: int, rule: Rendezvous, room: Room) -> np.ndarray:
    """NEAR rows of the vessels that may be in contact at a tick, in order of slots; they lie in `room`."""
    room.for_table(len(table.rows))
    age_ms = (rule.report_age_s_max * 1000.0, max(rule.report_age_s_max, AGE_FACTOR * SLOW_REPORT_S) * 1000.0)
    limits = (*age_ms, rule.speed_kn_gate, rule.way_kn_min, rule.way_kn_max, rule.distance_m_floor, rule.distance_m_ceiling, rule.distance_loa_factor)
    return room.near[: _near_rows(table.used, table.more, tick_ms, limits, room.slots, room.near)]


def find_contacts(near: np.ndarray, rule: Rendezvous, room: Room | None = None) -> Found:
    """All contacts of NEAR rows, in any order of these. `room` is written over, and what is found lies in it."""
    n, room = len(near), room or Room()
    if n < 2:
        return Found(np.empty(0, CONTACT), np.zeros(n, np.bool_), 0)
    reach_units = int(CELL_SLACK * _reach_m(rule) / M_PER_UNIT) + 1
    room.for_search(n, rule.partners_max, reach_units)
    limits = (rule.way_m_max, rule.way_apart_kn_max, rule.way_apart_deg_max * 10.0)
    found = _search(near, (reach_units, room.cell_units), limits, room.levels, room.grid, room.partners, room.counts, room.contacts)
    room.crowded = int(room.grid[-1][0]) > CROWDED_FROM * n  # how wide cells are changes what is compared, never what is found
    contacts = room.contacts[:found]
    if found > 1:
        contacts = take_rows(contacts, np.argsort(contacts["key"]))
    return Found(contacts, room.counts[:n] > rule.partners_max, int(room.grid[-1][0]))


def _reach_m(rule: Rendezvous) -> float:
    """Between the last reports of two that may be in contact."""
    return max(rule.distance_m_ceiling, rule.way_m_max + WAY_MARGIN_M)


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


# Flat: a row after the other, once a minute.
@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64, types.UniTuple(float64, 8), int32[::1], _NEAR[::1]), **PLAIN)
def _near_rows(rows, more, tick_ms, limits, slots, out):
    """Write the NEAR rows of a table; returns how many.

    limits: ages in ms (moving, waiting), gate, slowest and fastest under way in kn, floor, ceiling, factor of a contact distance.
    """
    age_ms, age_waiting_ms, gate_kn, way_from_kn, way_to_kn, floor_m, ceiling_m, factor = limits
    afoot = _afoot(rows, tick_ms - np.int64(max(age_ms, age_waiting_ms)), max(gate_kn, way_to_kn), slots)
    n = 0
    for k in range(afoot):
        i = np.int64(slots[k])
        v = rows[i]
        speed_kn = np.float64(v["speed_kn"])
        waiting = v["nav"] == NAV_ANCHORED or v["nav"] == NAV_MOORED or v["class_b"] != 0
        if not waiting and tick_ms - v["t_ms"] > age_ms:
            continue
        gait = STILL if speed_kn <= gate_kn else 0
        if speed_kn >= way_from_kn and speed_kn <= way_to_kn and v["cog"] < COG_MISSING:
            gait |= ABREAST
        m, one = more[i], out[n]
        if gait == 0 or m["ordinal"] >= PAIRED_MAX:
            continue
        one["key"] = make_key(np.int64(v["mmsi"]), np.int64(m["ordinal"]))
        one["t_ms"] = v["t_ms"]
        one["lat"] = v["lat"]
        one["lon"] = v["lon"]
        one["speed_kn"] = v["speed_kn"]
        loa_m = np.float64(m["loa_m"])
        one["own_m"] = np.float32(ceiling_m if loa_m == 0.0 else max(floor_m, min(ceiling_m, factor * loa_m)))
        one["slot"] = np.int32(i)
        one["cog"] = v["cog"]
        one["gait"] = np.uint8(gait)
        one["spare"] = np.uint8(0)
        n += 1
    return n


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


@kernel(int64(_NEAR, _NEAR, _LIMITS), **PLAIN)
def _kinds_of(a, b, limits):
    """Kinds of contact of two rows: STILL and ABREAST bits, 0 for none. limits: see `_abreast_m`."""
    gaits = np.int64(a["gait"]) & np.int64(b["gait"])
    limit_m = max(np.float64(a["own_m"]), np.float64(b["own_m"]))
    room_m = max(limit_m, limits[0] + WAY_MARGIN_M) if gaits & ABREAST else limit_m
    if gaits == 0 or abs(np.int64(a["lat"]) - np.int64(b["lat"])) * M_PER_UNIT > room_m:
        return 0
    if a["key"] >> ORDINAL_BITS == b["key"] >> ORDINAL_BITS:
        return 0  # of one number: a second set aboard, boats with their ship's, a copy; identity tells it
    kinds = 0
    if gaits & STILL and apart_m(np.int64(a["lat"]), np.int64(a["lon"]), np.int64(b["lat"]), np.int64(b["lon"])) <= limit_m:
        kinds = STILL
    if gaits & ABREAST and _abreast_m(a, b, limits) >= 0.0:
        kinds |= ABREAST
    return kinds


@kernel((int64, int64, _LEVELS), **PLAIN)
def _measure_levels(reach_units, cell_units, levels):
    """Of each level of cells: how many columns go round the globe, columns in a unit of longitude, and the reach in units of longitude."""
    columns, scale, aside = levels
    for level in range(columns.shape[0]):
        south = level * cell_units - QUARTER
        edge = min(QUARTER, max(abs(south), abs(south + cell_units)))
        columns[level] = max(1, int(FULL_TURN * cos_lat(edge)) // cell_units)
        scale[level] = columns[level] / FULL_TURN
        aside[level] = reach_units / cos_lat(min(QUARTER, edge + reach_units)) + 1.0


@kernel(int64(int64, int64), **PLAIN)
def _bucket(cell, mask):
    """Where the chain of a cell begins."""
    return np.int64((np.uint64(cell) * np.uint64(HASH_FACTOR)) >> np.uint64(32)) & mask


@kernel(int64(_NEAR[::1], int64, int64, _LEVELS, _GRID), **PLAIN)
def _enter(near, cell_units, mask, levels, grid):
    """Put all rows into the chains of their cells; returns the head of the chain of those near a pole.

    grid: heads of chains, chain and cell of each row, chain of those near a pole; a chain ends with -1.
    """
    heads, chain, cells, rim_chain, _ = grid
    columns, scale, _ = levels
    levels_a_unit, rim = 1.0 / cell_units, -1
    for k in range(mask + 1):
        heads[k] = np.int32(-1)
    for i in range(near.shape[0]):
        lat = np.int64(near[i]["lat"])
        level = np.int64((lat + QUARTER) * levels_a_unit)
        column = min(columns[level] - 1, np.int64((np.int64(near[i]["lon"]) + HALF_TURN) * scale[level]))
        cells[i] = (level << 32) | column
        at = _bucket(cells[i], mask)
        chain[i] = heads[at]
        heads[at] = np.int32(i)
        if abs(lat) >= POLAR_RIM:
            rim_chain[i] = np.int32(rim)
            rim = i
    return rim


@kernel(int64(_NEAR[::1], int64, int64, int64, int32[::1], _LIMITS, _GRID, int32[:, ::1], int64), **PLAIN)
def _along(near, i, first, cell, chain, limits, grid, partners, count):
    """Go along a chain from its row `first`, adding those of a cell (-1: of any) that are partners of row i; returns their number with the `count` before."""
    cells, tally, most, j = grid[2], grid[4], partners.shape[1], first
    while j >= 0 and count <= most:
        this = j
        j = np.int64(chain[j])
        if this == i or (cell >= 0 and cells[this] != cell):
            continue
        tally[0] += 1
        kinds = _kinds_of(near[i], near[this], limits)
        if kinds == 0:
            continue
        if count < most:
            partners[i, count] = np.int32((this << KIND_BITS) | kinds)
        count += 1
    return count


@kernel(int64(_NEAR[::1], int64, _SIZES, int64, _LIMITS, _LEVELS, _GRID, int32[:, ::1]), **PLAIN)
def _partners(near, i, sizes, mask, limits, levels, grid, partners):
    """Write the partners of a row; returns their number, one more than there is room for in a crowd. Slow twin: tests/naive_contacts.py."""
    heads, chain, cells, _, _ = grid
    columns, scale, aside = levels
    own = cells[i]
    head, count = np.int64(heads[_bucket(own, mask)]), 0
    if head != i or chain[i] >= 0:  # in a crowd its own cell is enough
        count = _along(near, i, head, own, chain, limits, grid, partners, 0)
    north, east = np.int64(near[i]["lat"]) + QUARTER, np.int64(near[i]["lon"]) + HALF_TURN
    reach_units, levels_a_unit, aside_units = sizes[0], 1.0 / sizes[1], aside[own >> 32]
    for level in range(np.int64((north - reach_units) * levels_a_unit), np.int64((north + reach_units) * levels_a_unit) + 1):
        round_ = columns[level]
        first, last = np.int64(math.floor((east - aside_units) * scale[level])), np.int64(math.floor((east + aside_units) * scale[level]))
        if last - first + 1 >= round_:
            first, last = np.int64(0), round_ - 1
        for column in range(first, last + 1):
            cell = (level << 32) | (column + round_ if column < 0 else (column - round_ if column >= round_ else column))
            head = np.int64(heads[_bucket(cell, mask)])
            if head >= 0 and cell != own and (head != i or chain[i] >= 0):
                count = _along(near, i, head, cell, chain, limits, grid, partners, count)
    return count


@kernel(int64(_NEAR[::1], _SIZES, _LIMITS, _LEVELS, _GRID, int32[:, ::1], int64[::1], _CONTACT[::1]), **PLAIN)
def _search(near, sizes, limits, levels, grid, partners, counts, out):
    """Write the contacts of rows of which neither lies in a crowd, in any order; returns their number. sizes: of the reach and of a cell, in units."""
    n, size = near.shape[0], 16
    while size < 4 * n:
        size *= 2
    grid[4][0] = 0
    rim = _enter(near, sizes[1], size - 1, levels, grid)
    for i in range(n):
        if abs(np.int64(near[i]["lat"])) >= POLAR:
            counts[i] = _along(near, i, rim, -1, grid[3], limits, grid, partners, 0)
        else:
            counts[i] = _partners(near, i, sizes, size - 1, limits, levels, grid, partners)
    found = 0
    for i in range(n):
        if counts[i] > partners.shape[1]:
            continue
        for k in range(counts[i]):
            j, kinds = np.int64(partners[i, k]) >> KIND_BITS, np.int64(partners[i, k]) & (STILL | ABREAST)
            if near[j]["key"] < near[i]["key"] or counts[j] > partners.shape[1]:
                continue
            one, a, b = out[found], near[i], near[j]
            one["key"] = (np.uint64(a["key"]) << np.uint64(32)) | np.uint64(b["key"])
            one["distance_m"] = apart_m(a["lat"], a["lon"], b["lat"], b["lon"]) if kinds & STILL else _abreast_m(a, b, limits)
            one["a"] = np.int32(i)
            one["b"] = np.int32(j)
            one["kind"] = kinds
            found += 1
    return found
