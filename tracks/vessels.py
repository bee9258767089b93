"""The vessel table: what is known of every vessel right now. May hold: records, hash, the per-fix kernel, statics join.

May not: decide that something happened (the detectors do, on minutes), keep histories, build events.

Theory. A vessel is a slot: one hot record (RECORD) and one row in every cold array under the same slot number. An
open-addressing hash leads from MMSI to slot. The kernel runs once over released rows in canonical order, so that the
record after a row depends on rows before it and on nothing else. Slot numbers depend on who came first; nothing that
leaves the table may depend on slot numbers, and a snapshot is sorted by MMSI.

Every row ends in exactly one counter. Only SHIP_MMSI_MIN..MAX are tracked: stations (00), aids (99), rescue aircraft
(111), beacons (97x), craft of a parent ship (98) and net buoys (8xx, 9xx) are no vessels for behaviours. Aircraft,
base station and aid messages (4, 9, 11, 21, 28) never become a track either.

A jump (implied speed beyond `v_max_kn`) is held back; after `reacquire_reports` successive reports that agree with each
other the vessel is taken to be there. A report that agrees with the old place clears the suspicion, so two hulls that
share an MMSI do not drag one track to and fro (the second hull stays quarantined, and counted).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numba import float64, from_dtype, int32, int64, njit, types, uint64

from dogwatch.batch import (
    COG_MISSING,
    F_CLASS_B,
    F_COARSE,
    F_LATE,
    FIX_DTYPE,
    HAS_CALLSIGN,
    HAS_NAME,
    HAS_TYPE_AND_SIZE,
    HDG_MISSING,
    LAT_MISSING,
    LON_MISSING,
    NAV_MISSING,
    SOG_MISSING,
    T_MISSING,
    UNITS_PER_DEG,
)
from dogwatch.geo import KN_MS, distance_m

SHIP_MMSI_MIN, SHIP_MMSI_MAX = 200_000_000, 799_999_999
BUCKET_MS = 600_000  # slow is judged on 10-minute buckets
SAMPLES = 8  # positions kept of the running bucket: the first of each 75 s
SAMPLE_MS = BUCKET_MS // SAMPLES
RECENT = 4  # contents remembered for duplicates
DUPLICATE_MS = 30_000
HOUR_BUCKETS = 7  # report counts of the bucket of the last report and the six before it
DERIVE_MS = 30_000  # a speed is derived from two positions only over at least this long
CAPACITY_START = 1024
GEO_STEP_UNITS = 1350  # about 250 m north-south: closer than this to the last question, geography is not asked again
EVICT_MS = 30 * 86_400_000  # silent for 30 days: forgotten

RECORD = np.dtype(
    [
        ("t_ms", "<i8"),  # last accepted position, or T_MISSING
        ("heard_ms", "<i8"),  # last transmission of any kind
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("mmsi", "<u4"),
        ("speed_kn", "<f4"),  # SOG, or derived where SOG is missing; -1 unknown
        ("cog", "<u2"),
        ("hdg", "<u2"),
        ("nav", "u1"),
        ("class_b", "u1"),
        ("used", "u1"),  # bit k: sample k of this bucket is filled
        ("reports", "<i8"),
        ("recent_t", "<i8", (RECENT,)),
        ("recent", "<u4", (RECENT,)),
        ("turn", "u1"),  # next place in `recent`
        ("held", "u1"),  # successive quarantined reports that agree
        ("segment", "<u2"),  # times re-acquired
        ("restart", "u1"),  # re-acquired in this bucket: a slow run may not go on
        ("held_t", "<i8"),
        ("held_lat", "<i4"),
        ("held_lon", "<i4"),
        ("hour_bucket", "<i8"),
        ("hour", "<u2", (HOUR_BUCKETS,)),
        ("rx_now", "<u8"),  # receivers that heard it in the bucket of its last report, and in the one before
        ("rx_prev", "<u8"),
        ("sample_t", "<u4", (SAMPLES,)),  # ms into the bucket
        ("sample_lat", "<i4", (SAMPLES,)),
        ("sample_lon", "<i4", (SAMPLES,)),
        ("sample_sog", "<u2", (SAMPLES,)),
        ("ship_type", "u1"),
        ("loa_m", "<u2"),  # 0 unknown
        ("typical_kn", "<f4"),  # slowly fading maximum of its own bucket speeds
        ("geo_lat", "<i4"),  # where the three geography values below were asked, or LAT_MISSING
        ("geo_lon", "<i4"),
        ("masked", "u1"),
        ("coast_nm", "<f4"),
        ("watch_nm", "<f4"),
        ("watched", "u1"),  # inside a watched zone: 0 not asked, 1 yes, 2 no
        ("block", "<i8"),  # coverage: last 5-min block in which it was heard under way, and where
        ("block_lat", "<i4"),
        ("block_lon", "<i4"),
        ("silence", "u1"),  # dark.py: 0 none, 1 an episode is running, 2 one that may not teach coverage
        ("back_ms", "<i8"),  # first transmission since then, or T_MISSING
        ("back_fix_ms", "<i8"),  # first accepted position since then, or T_MISSING
        ("back_lat", "<i4"),
        ("back_lon", "<i4"),
    ]
)
STATICS = np.dtype([("t_ms", "<i8"), ("imo", "<u4"), ("name", "S34"), ("callsign", "S7")])

(ACCEPTED, DUPLICATE, LATE_USED, LATE, NOT_VESSEL, NO_POSITION, COARSE, SAME_TIME, QUARANTINED, TABLE_FULL) = range(10)
COUNTERS = ("accepted", "duplicate_30s", "late_used", "late", "not_vessel", "no_position", "coarse", "same_time", "quarantined", "table_full")
SLOTS, SLOTS_MAX, LAST_ROW = 10, 11, 12  # further cells: slots in use, their limit, event time of the newest row
CELLS = 13
_FIX, _RECORD = from_dtype(FIX_DTYPE), from_dtype(RECORD)
HASH_FACTOR = 2_654_435_761  # multiplicative hashing; a power of two as a modulus would crowd MMSIs that end in 000


@dataclass(slots=True)
class VesselTable:
    """Records of all vessels. `cold` arrays share the slot numbers of `rows`; `receivers` uint64[1] heard since last asked."""

    rows: np.ndarray
    statics: np.ndarray
    cold: dict[str, np.ndarray]
    slots: np.ndarray
    cells: np.ndarray
    receivers: np.ndarray

    @classmethod
    def new(cls, vessels_max: int, cold: dict[str, np.dtype], capacity: int = CAPACITY_START) -> VesselTable:
        """An empty table. `cold`: name -> dtype of arrays kept beside the records."""
        arrays = {name: np.zeros(capacity, dtype) for name, dtype in cold.items()}
        cells = np.zeros(CELLS, np.int64)
        cells[SLOTS_MAX], cells[LAST_ROW] = vessels_max, T_MISSING
        return cls(np.zeros(capacity, RECORD), np.zeros(capacity, STATICS), arrays, _hash_of(capacity), cells, np.zeros(1, np.uint64))

    def __len__(self) -> int:
        return int(self.cells[SLOTS])

    @property
    def used(self) -> np.ndarray:
        """View of the records in use."""
        return self.rows[: len(self)]

    def add_fixes(self, fixes: np.ndarray, v_max_kn: float, slack_s: float, reacquire: int) -> None:
        """Take released fixes (FIX_DTYPE, canonical order) into the records."""
        at = 0
        while (at := _add_fixes(fixes, at, self.rows, self.slots, self.cells, self.receivers, (v_max_kn * KN_MS, slack_s, reacquire))) < len(fixes):
            self._grow()

    def add_statics(self, statics: np.ndarray) -> int:
        """Join released static rows (canonical order), field by field: the newest row that says something wins. Returns how many were joined.

        Parts A and B of type 24 meet here, by MMSI and nothing else; "not available" erases nothing. Late rows, stations, aids and
        craft of a parent ship are passed over.
        """
        mmsi = statics["mmsi"]
        rows = statics[(mmsi >= SHIP_MMSI_MIN) & (mmsi <= SHIP_MMSI_MAX) & (statics["msg_type"] != 21) & ((statics["flags"] & F_LATE) == 0)]
        if not len(rows):
            return 0
        slot = self._slots_for(rows["mmsi"])
        rows, slot = rows[slot >= 0], slot[slot >= 0]
        # Assigning with repeated indices keeps the last one, and rows stand in order of time.
        for bit, name in ((HAS_NAME, "name"), (HAS_CALLSIGN, "callsign")):
            said = ((rows["has"] & bit) != 0) & (rows[name] != b"")
            self.statics[name][slot[said]] = rows[name][said]
        has = (rows["has"] & HAS_TYPE_AND_SIZE) != 0
        typed = has & (rows["ship_type"] > 0)
        self.rows["ship_type"][slot[typed]] = rows["ship_type"][typed]
        length_m = (rows["bow"].astype(np.int64) + rows["stern"]).astype(np.uint16)
        known = has & (length_m > 0)
        self.rows["loa_m"][slot[known]] = length_m[known]
        numbered = rows["imo"] > 0
        self.statics["imo"][slot[numbered]] = rows["imo"][numbered]
        self.statics["t_ms"][slot] = rows["t_ms"]
        np.maximum.at(self.rows["heard_ms"], slot, rows["t_ms"])
        for at in np.flatnonzero(self.rows["silence"][slot]):
            back_ms, t = int(self.rows["back_ms"][slot[at]]), int(rows["t_ms"][at])
            self.rows["back_ms"][slot[at]] = t if back_ms == T_MISSING else min(back_ms, t)
        return len(rows)

    def slot_of(self, mmsi: int) -> int:
        """Slot of a vessel, or -1."""
        return int(_find(np.array([mmsi], np.int64), self.rows, self.slots)[0])

    def evict(self, before_ms: int, keep: set[int]) -> int:
        """Forget vessels not heard since `before_ms` (but those in `keep`, by MMSI). Returns how many."""
        stale = (self.used["heard_ms"] < before_ms) & ~np.isin(self.used["mmsi"], sorted(keep))
        gone = int(stale.sum())
        if gone:
            self._take(np.flatnonzero(~stale))
        return gone

    def counts(self) -> dict[str, int]:
        """Rows by what became of them."""
        return {name: int(self.cells[i]) for i, name in enumerate(COUNTERS)}

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`, sorted by MMSI."""
        order = np.argsort(self.used["mmsi"], kind="stable")
        return {
            "rows": self.used[order],
            "statics": self.statics[: len(self)][order],
            "cold": {name: array[: len(self)][order] for name, array in sorted(self.cold.items())},
            "cells": self.cells.copy(),
            "receivers": self.receivers.copy(),
        }

    @classmethod
    def from_sections(cls, sections: dict[str, Any], vessels_max: int) -> VesselTable:
        """The table that `to_sections` described."""
        n = len(sections["rows"])
        table = cls.new(vessels_max, {name: array.dtype for name, array in sections["cold"].items()}, max(CAPACITY_START, n))
        table.rows[:n], table.statics[:n] = sections["rows"], sections["statics"]
        for name, array in sections["cold"].items():
            table.cold[name][:n] = array
        table.cells[:] = sections["cells"]
        table.cells[SLOTS_MAX] = vessels_max
        table.receivers[:] = sections["receivers"]
        _rehash(table.rows, n, table.slots)
        return table

    def _slots_for(self, mmsi: np.ndarray) -> np.ndarray:
        while int(self.cells[SLOTS]) + len(mmsi) > len(self.rows) and len(self.rows) < int(self.cells[SLOTS_MAX]):
            self._grow()
        return _find_or_add(mmsi.astype(np.int64), self.rows, self.slots, self.cells)

    def _grow(self) -> None:
        self._resize(min(2 * len(self.rows), int(self.cells[SLOTS_MAX])))

    def _resize(self, capacity: int) -> None:
        n = len(self)
        self.rows, self.statics = _resized(self.rows, n, capacity), _resized(self.statics, n, capacity)
        self.cold = {name: _resized(array, n, capacity) for name, array in self.cold.items()}
        self.slots = _hash_of(capacity)
        _rehash(self.rows, n, self.slots)

    def _take(self, kept: np.ndarray) -> None:
        n, capacity = len(kept), len(self.rows)
        self.rows, self.statics = self.rows[kept], self.statics[kept]
        self.cold = {name: array[kept] for name, array in self.cold.items()}
        self.cells[SLOTS] = n
        self._resize(capacity)


def ask_geography(table: VesselTable, wanted: np.ndarray, geography: Any) -> None:
    """Mask, coast and watch distance of `wanted` vessels (bool[n]) that have moved since they were last asked about."""
    rows = table.used
    moved = (np.abs(rows["lat"].astype(np.int64) - rows["geo_lat"]) > GEO_STEP_UNITS) | (
        np.abs(rows["lon"].astype(np.int64) - rows["geo_lon"]) > GEO_STEP_UNITS
    )
    slots = np.flatnonzero(wanted & moved & (rows["lat"] != LAT_MISSING))
    if not len(slots):
        return
    lat_deg, lon_deg = degrees(rows["lat"][slots]), degrees(rows["lon"][slots])
    rows["masked"][slots] = geography.masked(lat_deg, lon_deg)
    rows["coast_nm"][slots] = geography.coast_distance_nm(lat_deg, lon_deg)
    rows["watch_nm"][slots] = geography.watch_distance_nm(lat_deg, lon_deg)
    rows["watched"][slots] = 0
    rows["geo_lat"][slots], rows["geo_lon"][slots] = rows["lat"][slots], rows["lon"][slots]


def hash_size(capacity: int) -> int:
    """Places of the hash for so many vessels: a power of two, never more than half full."""
    return 1 << max(4, (2 * capacity - 1).bit_length())


def text_of(raw: bytes) -> str | None:
    """Text of a static field, or None when empty."""
    return raw.decode("ascii", "replace").strip(" @\0") or None


def degrees(units: np.ndarray) -> np.ndarray:
    """float64 degrees of positions in units."""
    return np.asarray(units, np.float64) / UNITS_PER_DEG


def _hash_of(capacity: int) -> np.ndarray:
    return np.zeros(hash_size(capacity), np.int32)


def _resized(array: np.ndarray, n: int, capacity: int) -> np.ndarray:
    new = np.zeros(capacity, array.dtype)
    new[:n] = array[:n]
    return new


@njit("int64(int64, int64)", cache=True)
def _place(mmsi, size):
    return ((mmsi * HASH_FACTOR) & 0xFFFFFFFF) * size >> 32


@njit((_RECORD[::1], int64, int32[::1]), cache=True)
def _rehash(rows, n, slots):
    for slot in range(n):
        at = _place(np.int64(rows[slot]["mmsi"]), slots.shape[0])
        while slots[at] != 0:
            at = (at + 1) & (slots.shape[0] - 1)
        slots[at] = slot + 1


@njit((_RECORD[::1], int64, int64), cache=True)
def _blank(rows, slot, mmsi):
    rows[slot]["mmsi"] = np.uint32(mmsi)
    rows[slot]["t_ms"] = T_MISSING
    rows[slot]["heard_ms"] = T_MISSING
    rows[slot]["lat"] = LAT_MISSING
    rows[slot]["lon"] = LON_MISSING
    rows[slot]["speed_kn"] = np.float32(-1.0)
    rows[slot]["cog"] = COG_MISSING
    rows[slot]["hdg"] = HDG_MISSING
    rows[slot]["nav"] = NAV_MISSING
    rows[slot]["geo_lat"] = LAT_MISSING
    rows[slot]["block"] = T_MISSING
    rows[slot]["hour_bucket"] = T_MISSING
    rows[slot]["back_ms"] = T_MISSING
    rows[slot]["back_fix_ms"] = T_MISSING
    for k in range(RECENT):
        rows[slot]["recent_t"][k] = T_MISSING


@njit((int64[::1], _RECORD[::1], int32[::1]), cache=True)
def _find(mmsi, rows, slots):
    found = np.full(mmsi.shape[0], -1, np.int64)
    for i in range(mmsi.shape[0]):
        at = _place(mmsi[i], slots.shape[0])
        while slots[at] != 0:
            if np.int64(rows[slots[at] - 1]["mmsi"]) == mmsi[i]:
                found[i] = slots[at] - 1
                break
            at = (at + 1) & (slots.shape[0] - 1)
    return found


@njit((int64[::1], _RECORD[::1], int32[::1], int64[::1]), cache=True)
def _find_or_add(mmsi, rows, slots, cells):
    """Slots of vessels, adding unknown ones; -1 where the table is full. The caller made room."""
    found = np.full(mmsi.shape[0], -1, np.int64)
    for i in range(mmsi.shape[0]):
        at = _place(mmsi[i], slots.shape[0])
        while slots[at] != 0 and np.int64(rows[slots[at] - 1]["mmsi"]) != mmsi[i]:
            at = (at + 1) & (slots.shape[0] - 1)
        if slots[at] == 0:
            if cells[SLOTS] >= min(rows.shape[0], cells[SLOTS_MAX]):
                continue
            _blank(rows, cells[SLOTS], mmsi[i])
            cells[SLOTS] += 1
            slots[at] = np.int32(cells[SLOTS])
        found[i] = slots[at] - 1
    return found


# Flat: one pass over every fix that comes in. Sub-functions that take arrays cost atomic reference counts in branchy
# code, an order of magnitude on this path. Slow twin: tests/naive_tracks.py.
@njit((_FIX[::1], int64, _RECORD[::1], int32[::1], int64[::1], uint64[::1], types.Tuple((float64, float64, int64))), cache=True)
def _add_fixes(fixes, at_row, rows, slots, cells, receivers, limits):
    """Process fixes from `at_row`; returns len(fixes), or the row at which the table must grow first."""
    v_max_ms, slack_s, reacquire = limits
    mask = slots.shape[0] - 1
    for i in range(at_row, fixes.shape[0]):
        fix = fixes[i]
        flags = np.int64(fix["flags"])
        late = (flags & F_LATE) != 0
        mmsi = np.int64(fix["mmsi"])
        kind = np.int64(fix["msg_type"])
        t = fix["t_ms"]
        if mmsi < SHIP_MMSI_MIN or mmsi > SHIP_MMSI_MAX or kind in (4, 9, 11, 21, 28):
            cells[NOT_VESSEL] += 1
            if not late:
                receivers[0] |= fix["receivers"]
                cells[LAST_ROW] = t
            continue
        at = ((mmsi * HASH_FACTOR) & 0xFFFFFFFF) * slots.shape[0] >> 32
        while slots[at] != 0 and np.int64(rows[slots[at] - 1]["mmsi"]) != mmsi:
            at = (at + 1) & mask
        if slots[at] == 0 and not late:
            if cells[SLOTS] >= cells[SLOTS_MAX]:
                cells[TABLE_FULL] += 1
                continue
            if cells[SLOTS] >= rows.shape[0]:
                return i
            _blank(rows, cells[SLOTS], mmsi)
            cells[SLOTS] += 1
            slots[at] = np.int32(cells[SLOTS])
        if late:
            if slots[at] != 0 and t > rows[slots[at] - 1]["heard_ms"]:
                rows[slots[at] - 1]["heard_ms"] = t
                cells[LATE_USED] += 1
            else:
                cells[LATE] += 1
            continue
        receivers[0] |= fix["receivers"]
        cells[LAST_ROW] = t
        v = rows[slots[at] - 1]
        v["heard_ms"] = max(t, v["heard_ms"])
        if v["silence"] != 0 and v["back_ms"] == T_MISSING:
            v["back_ms"] = t
        if fix["lat"] == LAT_MISSING or fix["lon"] == LON_MISSING:
            cells[NO_POSITION] += 1
            continue
        if (flags & F_COARSE) != 0 or kind == 27:
            cells[COARSE] += 1
            continue
        content = np.int64(fix["lat"]) + LAT_MISSING
        content = (content * 1_000_003 + np.int64(fix["lon"]) + LON_MISSING) & 0x7FFFFFFF
        content = (content * 1_000_003 + np.int64(fix["sog"]) * 4096 + np.int64(fix["cog"])) & 0x7FFFFFFF
        content = (content * 1_000_003 + np.int64(fix["hdg"]) * 4096 + np.int64(fix["nav"]) * 256 + np.int64(fix["sec"])) & 0x7FFFFFFF
        content = (content * 1_000_003 + (np.int64(fix["rot"]) + 128) * 32 + kind) & 0x7FFFFFFF
        content = (content * 1_000_003 + np.int64(fix["radio"])) & 0x7FFFFFFF
        copy = False
        for k in range(RECENT):
            if np.int64(v["recent"][k]) == content and t - v["recent_t"][k] <= DUPLICATE_MS:
                copy = True
        if copy:
            cells[DUPLICATE] += 1
            v["rx_now"] |= fix["receivers"]
            continue
        if t == v["t_ms"]:
            cells[SAME_TIME] += 1
            continue
        v["recent"][v["turn"]] = np.uint32(content)
        v["recent_t"][v["turn"]] = t
        v["turn"] = np.uint8((v["turn"] + 1) % RECENT)
        known = v["t_ms"] != T_MISSING
        moved_m = 0.0
        if known:
            moved_m = distance_m(v["lat"], v["lon"], fix["lat"], fix["lon"])
            if moved_m > v_max_ms * ((t - v["t_ms"]) / 1000.0 + slack_s):
                agrees = v["held"] > 0 and distance_m(v["held_lat"], v["held_lon"], fix["lat"], fix["lon"]) <= v_max_ms * ((t - v["held_t"]) / 1000.0 + slack_s)
                v["held"] = np.uint8(min(255, v["held"] + 1)) if agrees else np.uint8(1)
                v["held_t"] = t
                v["held_lat"] = fix["lat"]
                v["held_lon"] = fix["lon"]
                if v["held"] < reacquire:
                    cells[QUARANTINED] += 1
                    continue
                known = False
                v["segment"] = np.uint16(v["segment"] + 1)
                v["restart"] = np.uint8(1)
                v["used"] = np.uint8(0)
                v["block"] = T_MISSING
            v["held"] = np.uint8(0)
        cells[ACCEPTED] += 1
        if v["silence"] != 0 and v["back_fix_ms"] == T_MISSING:
            v["back_fix_ms"] = t
            v["back_lat"] = fix["lat"]
            v["back_lon"] = fix["lon"]
        bucket = t // BUCKET_MS
        if bucket != v["hour_bucket"]:
            for b in range(max(v["hour_bucket"] + 1, bucket - HOUR_BUCKETS + 1), bucket + 1):
                v["hour"][b % HOUR_BUCKETS] = np.uint16(0)
            v["rx_prev"] = v["rx_now"] if v["hour_bucket"] == bucket - 1 else np.uint64(0)
            v["rx_now"] = np.uint64(0)
            v["hour_bucket"] = bucket
        v["hour"][bucket % HOUR_BUCKETS] = np.uint16(min(65_535, v["hour"][bucket % HOUR_BUCKETS] + 1))
        v["rx_now"] |= fix["receivers"]
        if fix["sog"] != SOG_MISSING:
            v["speed_kn"] = np.float32(fix["sog"] / 10.0)
        elif known and t - v["t_ms"] >= DERIVE_MS:
            v["speed_kn"] = np.float32(moved_m * 1000.0 / (t - v["t_ms"]) / KN_MS)
        sample = (t - bucket * BUCKET_MS) // SAMPLE_MS
        if (np.int64(v["used"]) >> sample) & 1 == 0:
            v["used"] = np.uint8(np.int64(v["used"]) | (1 << sample))
            v["sample_t"][sample] = np.uint32(t - bucket * BUCKET_MS)
            v["sample_lat"][sample] = fix["lat"]
            v["sample_lon"][sample] = fix["lon"]
            v["sample_sog"][sample] = fix["sog"]
        v["t_ms"] = t
        v["lat"] = fix["lat"]
        v["lon"] = fix["lon"]
        v["cog"] = fix["cog"]
        v["hdg"] = fix["hdg"]
        v["nav"] = fix["nav"]
        v["class_b"] = np.uint8((flags & F_CLASS_B) != 0 or kind in (18, 19))
        v["reports"] += 1
        if fix["ship_type"] != 0:
            v["ship_type"] = fix["ship_type"]
    return fixes.shape[0]
