"""Contacts: who is close to whom at a tick. May hold: the rows of those who may meet, the search for pairs. May not: remember a pair from one tick to the next.

Theory. Once a minute every vessel that is slow, or moves at the speed of a transfer under way, outside the masks and heard lately, becomes
one NEAR row with its last *real* position: nothing is extrapolated. Of two that move, the later report is taken back along its own course
to the time of the earlier one, at most `SAME_TIME_MS`: between two reports, never beyond the last.
The rows go into a grid of cells at least as wide as the greatest contact distance (columns follow the latitude row by row, so that it is
exact across the date line); near the poles, where columns mean nothing, rows are compared with each other. Every row collects its
partners in an adjacency row of its own, in order of keys, so that the contacts of a tick come out sorted without a global hash.

What makes a harbour cheap: who has more than `partners_max` partners at once lies in a crowd, in which being close says nothing. The
search for its partners stops there, and pairs with it are not formed. So the cost of a vessel is bounded whatever the density; what it
costs in recall is said in docs/behaviours/rendezvous.md, and how often it happened is counted.
A contact is a fact of two rows alone and of the crowds around them: who searches a part of the sea with all rows within `halo_m` of
it finds what a search of the whole sea finds there.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np
from numba import float64, from_dtype, int32, int64, njit, types, uint8

from dogwatch.batch import COG_MISSING, take_rows
from dogwatch.geo import FULL_TURN, HALF_TURN, KN_MS, M_PER_UNIT, cos_lat, distance_m, lon_difference
from tracks.params import Rendezvous
from tracks.records import HOT_TYPE, MORE_TYPE, PLAIN
from tracks.vessels import ORDINAL_BITS, VesselTable

SLOW_REPORT_S = 180.0  # nominal interval of moored, anchored and slow class B vessels (ITU-R M.1371-5, table 1)
AGE_FACTOR = 3.0
SAME_TIME_MS = 80_000
WAY_MARGIN_M = 330.0  # a vessel at 8 kn makes so much in SAME_TIME_MS
NAV_ANCHORED, NAV_MOORED = 1, 5
CELL_SLACK = 1.01  # cells wider than the contact distance, because the row to the north is narrower than this one
QUARTER = 54_000_000
POLAR = 53_340_000  # 88.9 degrees: nearer to a pole the plane of `distance_m` ends
POLAR_RIM = 53_280_000
TURN_TABLE = np.round(np.array([math.cos(math.radians(i / 10)) for i in range(1802)]), 12)  # the same bits on every platform
STILL, ABREAST = 1, 2  # gaits of a row, kinds of a contact
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
_GRID = types.Tuple((int32[::1], int32[::1], int64[::1], int32[::1], int64[::1], int64[::1]))


@dataclass(frozen=True, slots=True)
class Found:
    """Contacts of a tick, sorted by key; which rows lay in a crowd (bool[n]), and how many comparisons it took."""

    contacts: np.ndarray
    crowds: np.ndarray
    examined: int

    @property
    def crowded(self) -> int:
        """How many rows lay in a crowd."""
        return int(self.crowds.sum())

    def of_kind(self, kind: int) -> np.ndarray:
        """The contacts of one kind."""
        return self.contacts[(self.contacts["kind"] & kind) != 0]


def halo_m(rule: Rendezvous) -> float:
    """How far around a part of the sea rows must be known, so that its contacts and crowds come out right: twice the reach, and a tick's way."""
    return 2.0 * _reach_m(rule) * CELL_SLACK + rule.way_kn_max * KN_MS * 60.0 + 50.0


def near_rows(table: VesselTable, tick_ms: int, rule: Rendezvous, room: np.ndarray) -> np.ndarray:
    """NEAR rows of the vessels that may be in contact at a tick, in order of keys. `room`: NEAR[len(table)] at least, written over."""
    age_ms = (rule.report_age_s_max * 1000.0, max(rule.report_age_s_max, AGE_FACTOR * SLOW_REPORT_S) * 1000.0)
    limits = (*age_ms, rule.speed_kn_gate, rule.way_kn_min, rule.way_kn_max, rule.distance_m_floor, rule.distance_m_ceiling, rule.distance_loa_factor)
    rows = room[: _near_rows(table.used, table.known, tick_ms, limits, room)]
    return take_rows(rows, np.argsort(rows["key"]))


def find_contacts(near: np.ndarray, rule: Rendezvous) -> Found:
    """All contacts of NEAR rows (in order of keys)."""
    n, most = len(near), rule.partners_max
    if n < 2:
        return Found(np.empty(0, CONTACT), np.zeros(n, np.bool_), 0)
    cell_units = int(CELL_SLACK * _reach_m(rule) / M_PER_UNIT) + 1
    limits = (rule.way_m_max, rule.way_apart_kn_max, rule.way_apart_deg_max * 10.0)
    partners, kinds, counts = np.empty((n, most), np.int32), np.empty((n, most), np.uint8), np.zeros(n, np.int64)
    heads, places = np.full(1 << (2 * n - 1).bit_length(), -1, np.int32), np.empty(n, np.int32)
    grid = (heads, places, np.empty(n, np.int64), np.full(n, -1, np.int32), np.zeros(2 * QUARTER // cell_units + 4, np.int64), np.empty(32, np.int64))
    examined = _partners(near, cell_units, limits, partners, kinds, counts, grid)
    out = np.empty(int(np.minimum(counts, most).sum()) // 2 + 1, CONTACT)
    found = _contacts(near, limits, partners, kinds, counts, out)
    return Found(out[:found], counts > most, examined)


def _reach_m(rule: Rendezvous) -> float:
    """Between the last reports of two that may be in contact."""
    return max(rule.distance_m_ceiling, rule.way_m_max + WAY_MARGIN_M)


# Flat: a row after the other, once a minute.
@njit(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64, types.UniTuple(float64, 8), _NEAR[::1]), **PLAIN)
def _near_rows(rows, more, tick_ms, limits, out):
    """Write the NEAR rows of a table; returns how many.

    limits: ages in ms (moving, waiting), gate, slowest and fastest under way in kn, floor, ceiling, factor of a contact distance.
    """
    age_ms, age_waiting_ms, gate_kn, way_from_kn, way_to_kn, floor_m, ceiling_m, factor = limits
    n, top_kn, oldest_ms = 0, max(gate_kn, way_to_kn), tick_ms - max(age_ms, age_waiting_ms)
    for i in range(rows.shape[0]):
        v = rows[i]
        speed_kn = np.float64(v["speed_kn"])
        if v["t_ms"] < oldest_ms or speed_kn < 0.0 or speed_kn > top_kn:
            continue
        m = more[i]
        waiting = v["nav"] == NAV_ANCHORED or v["nav"] == NAV_MOORED or v["class_b"] != 0
        if m["masked"] != 0 or (not waiting and tick_ms - v["t_ms"] > age_ms):
            continue
        gait = STILL if speed_kn <= gate_kn else 0
        if speed_kn >= way_from_kn and speed_kn <= way_to_kn and v["cog"] < COG_MISSING:
            gait |= ABREAST
        if gait == 0:
            continue
        one = out[n]
        one["key"] = (np.int64(v["mmsi"]) << ORDINAL_BITS) | np.int64(m["ordinal"])
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


@njit(int64(int64, int64), **PLAIN)
def _columns(row, cell_units):
    """Cells around the globe in a latitude row, each at least `cell_units` of latitude wide."""
    south = row * cell_units - QUARTER
    edge = min(QUARTER, max(abs(south), abs(south + cell_units)))
    return max(1, int(FULL_TURN * cos_lat(edge)) // cell_units)


@njit(float64(float64), **PLAIN)
def _cosine(tenths):
    """Cosine of an angle in tenths of a degree, any turn."""
    a = abs(tenths) % 3600.0
    a = 3600.0 - a if a > 1800.0 else a
    i = int(a)
    return TURN_TABLE[i] + (TURN_TABLE[i + 1] - TURN_TABLE[i]) * (a - i)


@njit(float64(int64, int64, int64, int64), **PLAIN)
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


@njit(types.UniTuple(int64, 2)(_NEAR, int64), **PLAIN)
def _place_at(row, t_ms):
    """Where a row was at an earlier time, back along its own course."""
    way_units = np.float64(row["speed_kn"]) * KN_MS * (t_ms - row["t_ms"]) / 1000.0 / M_PER_UNIT
    lat = np.int64(row["lat"]) + np.int64(way_units * _cosine(np.float64(row["cog"])))
    return lat, np.int64(row["lon"]) + np.int64(way_units * _cosine(900.0 - row["cog"]) / max(1e-4, _cosine(np.int64(row["lat"]) / 60_000.0)))


@njit(float64(_NEAR, _NEAR, types.UniTuple(float64, 3)), **PLAIN)
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


# Flat: the inner loop of the search. Slow twin: tests/naive_contacts.py.
@njit(int64(_NEAR[::1], int64, types.UniTuple(float64, 3), int32[:, ::1], uint8[:, ::1], int64[::1], _GRID), **PLAIN)
def _partners(near, cell_units, limits, partners, kinds, counts, grid):
    """Write the partners of every row, up to the width of `partners`; counts one more means a crowd. Returns the comparisons made.

    grid: heads of chains (-1, a power of two of them), chain and cell of each row, chain of those near a pole (-1), columns of each level (0), 32 places.
    """
    heads, chain, cells, rim_chain, columns, looked = grid
    n, most = near.shape[0], partners.shape[1]
    mask, shift, factor = np.int64(heads.shape[0] - 1), np.uint64(32), np.uint64(11_400_714_819_323_198_485)
    rim = np.int32(-1)  # head of a chain through those near a pole
    for k in range(n):
        i = n - 1 - k
        lat = np.int64(near[i]["lat"])
        level = (lat + QUARTER) // cell_units
        if columns[level + 1] == 0:
            columns[level + 1] = _columns(level, cell_units)
        cells[i] = (level << 32) | ((np.int64(near[i]["lon"]) + HALF_TURN) % FULL_TURN * columns[level + 1] // FULL_TURN)
        at = np.int64((np.uint64(cells[i]) * factor) >> shift) & mask
        chain[i] = heads[at]
        heads[at] = np.int32(i)
        if abs(lat) >= POLAR_RIM:
            rim_chain[i] = rim
            rim = np.int32(i)
    examined = 0
    for i in range(n):
        me, own = near[i], cells[i]
        lat, lon, own_m, gait = np.int64(me["lat"]), np.int64(me["lon"]), np.float64(me["own_m"]), np.int64(me["gait"])
        polar = abs(lat) >= POLAR
        looked[0], todo = own, 1  # the cell itself first: in a crowd it is enough
        if not polar:
            row, column = own >> 32, own & 0xFFFFFFFF
            here = columns[row + 1]
            for level in range(row - 1, row + 2):
                if columns[level + 1] == 0:
                    columns[level + 1] = _columns(level, cell_units)
                there = columns[level + 1]
                west = column - 1 if level == row else column * there // here - 1
                east = column + 1 if level == row else ((column + 1) * there + here - 1) // here
                if east - west + 1 >= there:
                    west, east = 0, there - 1
                for c in range(west, east + 1):
                    cell = (level << 32) | ((c + there) % there)
                    if cell != own:
                        looked[todo] = cell
                        todo += 1
        count = 0
        for k in range(todo):
            cell = looked[k]
            at = np.int64((np.uint64(cell) * factor) >> shift) & mask
            j = np.int64(rim) if polar else np.int64(heads[at])
            while j >= 0 and count <= most:
                this = j
                j = np.int64(rim_chain[j]) if polar else np.int64(chain[j])
                if this == i or (not polar and cells[this] != cell):
                    continue
                other = near[this]
                examined += 1
                gaits = gait & np.int64(other["gait"])
                limit_m = max(own_m, np.float64(other["own_m"]))
                room_m = max(limit_m, limits[0] + WAY_MARGIN_M) if gaits & ABREAST else limit_m
                if gaits == 0 or abs(np.int64(other["lat"]) - lat) * M_PER_UNIT > room_m:
                    continue
                kind = 0
                if gaits & STILL and apart_m(lat, lon, np.int64(other["lat"]), np.int64(other["lon"])) <= limit_m:
                    kind = STILL
                if gaits & ABREAST and _abreast_m(me, other, limits) >= 0.0:
                    kind |= ABREAST
                if kind == 0:
                    continue
                if count < most:
                    partners[i, count] = np.int32(this)
                    kinds[i, count] = np.uint8(kind)
                count += 1
        counts[i] = count
    return examined


@njit(int64(_NEAR[::1], types.UniTuple(float64, 3), int32[:, ::1], uint8[:, ::1], int64[::1], _CONTACT[::1]), **PLAIN)
def _contacts(near, limits, partners, kinds, counts, out):
    """Contacts of rows and partners of which neither lies in a crowd, in order of keys; returns their number."""
    n, most, found = near.shape[0], partners.shape[1], 0
    for i in range(n):
        if counts[i] > most:
            continue
        m = 0
        for k in range(counts[i]):  # those with larger keys, sorted
            j, kind = partners[i, k], kinds[i, k]
            if j <= i or counts[j] > most:
                continue
            at = m
            while at > 0 and partners[i, at - 1] > j:
                partners[i, at] = partners[i, at - 1]
                kinds[i, at] = kinds[i, at - 1]
                at -= 1
            partners[i, at] = j
            kinds[i, at] = kind
            m += 1
        for k in range(m):
            j, kind = np.int64(partners[i, k]), np.int64(kinds[i, k])
            one, a, b = out[found], near[i], near[j]
            one["key"] = (np.uint64(a["key"]) << np.uint64(32)) | np.uint64(b["key"])
            one["distance_m"] = apart_m(a["lat"], a["lon"], b["lat"], b["lon"]) if kind & STILL else _abreast_m(a, b, limits)
            one["a"] = np.int32(i)
            one["b"] = np.int32(j)
            one["kind"] = kind
            found += 1
    return found
