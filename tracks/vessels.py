"""The vessel table: what is known of every track right now. May hold: its arrays, their growth, the statics join, snapshots.

May not: decide to which track a fix belongs (association.py), decide that something happened (the detectors do, on
minutes), build events.

Theory. A track is a slot: one row in HOT, MORE, STATICS, the trail and every detector's own array under the same number
(tracks/records.py). An open-addressing hash leads from MMSI to the slot of its first track, from there a chain to its
others (few MMSIs have any). Slot numbers depend on who came first, and move when the table forgets: nothing that leaves
the table may depend on them. Outside, a track is its key: MMSI and ordinal (key.py). A snapshot is sorted by key.

Every row ends in exactly one counter. Only SHIP_MMSI_MIN..MAX are tracked: stations (00), aids (99), rescue aircraft
(111), beacons (97x), craft of a parent ship (98) and net buoys (8xx, 9xx) are no vessels for behaviours. Aircraft,
base station and aid messages (4, 9, 11, 21, 28) never become a track either.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import boolean, int64

from dogwatch.batch import (
    F_LATE,
    HAS_CALLSIGN,
    HAS_NAME,
    HAS_TYPE_AND_SIZE,
    HAS_VOYAGE,
    LAT_MISSING,
    T_MISSING,
    UNITS_PER_DEG,
)
from dogwatch.fetch import fetch
from dogwatch.kernel import kernel
from tracks.association import HINTS, NOTED, REBORN, SLOW, associate, place
from tracks.key import SHIP_MMSI_MAX, SHIP_MMSI_MIN, key_of, make_key, mmsi_of, ordinal_of
from tracks.pool import Pool
from tracks.records import (
    ACCEPTED,
    BELIEVED,
    BORN,
    CELLS,
    COUNTERS,
    HOT,
    HOT_TYPE,
    LAST_ROW,
    MARK_MASKED,
    MORE,
    MORE_TYPE,
    PLAIN,
    SLOTS,
    SLOTS_MAX,
    STATICS,
    TAKEN,
    TAKEN_TYPE,
    TRAIL,
    TRAIL_FIXES,
    TRAIL_TYPE,
)
from tracks.sisters import blank
from tracks.whereabouts import SLOW_KN

CAPACITY_START = 1024
GEO_STEP_UNITS = 1350  # about 250 m north-south: closer than this to the last question, geography is not asked again
FETCHED = 16  # rows: so far ahead a pass over rows fetches records
EVICT_MS = 30 * 86_400_000  # silent for 30 days: forgotten


@dataclass(slots=True)
class VesselTable:
    """Arrays of all tracks. `cold` arrays share the slot numbers of `rows`; `receivers` uint64[1]: heard since last asked.

    `pools`: by the name of the cold array whose field `at` holds the number of a track's record in it.
    """

    rows: np.ndarray
    more: np.ndarray
    heard_ms: np.ndarray
    trail: np.ndarray
    statics: np.ndarray
    cold: dict[str, np.ndarray]
    places: np.ndarray
    cells: np.ndarray
    receivers: np.ndarray
    pools: dict[str, Pool]
    hints: np.ndarray = field(default_factory=lambda: np.zeros(HINTS, np.int64), repr=False)  # for `associate` to work in
    noted: np.ndarray = field(default_factory=lambda: np.empty(0, np.int32), repr=False)  # of the rows taken last: those that the watch over silence must see
    slow: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64), repr=False)  # slots (maybe repeated) that they placed, unless at speed

    @classmethod
    def new(cls, vessels_max: int, cold: dict[str, np.dtype], capacity: int = CAPACITY_START, pools: dict[str, np.dtype] | None = None) -> VesselTable:
        """An empty table. `cold`, `pools`: name -> dtype of arrays kept beside the records, and of what few tracks need at a time."""
        arrays = {name: np.zeros(capacity, dtype) for name, dtype in cold.items()}
        cells = np.zeros(CELLS, np.int64)
        cells[SLOTS_MAX], cells[LAST_ROW] = vessels_max, T_MISSING
        return cls(
            aligned(capacity, HOT),
            aligned(capacity, MORE),
            np.zeros(capacity, np.int64),
            np.zeros((capacity, TRAIL_FIXES), TRAIL),
            np.zeros(capacity, STATICS),
            arrays,
            _hash_of(capacity),
            cells,
            np.zeros(1, np.uint64),
            {name: Pool(dtype, capacity) for name, dtype in (pools or {}).items()},
        )

    def __len__(self) -> int:
        return int(self.cells[SLOTS])

    @property
    def used(self) -> np.ndarray:
        """View of the HOT records in use."""
        return self.rows[: len(self)]

    @property
    def known(self) -> np.ndarray:
        """View of the MORE records in use."""
        return self.more[: len(self)]

    def add_fixes(self, fixes: np.ndarray, limits: tuple[float, float, float, float], reacquire: int) -> np.ndarray:
        """Take released fixes (FIX_DTYPE, canonical order) into the tracks; TAKEN[n] tells what became of each.

        limits: v_max in knots of an ordinary hull, of a fast one, of a merchant ship, and slack in s; reacquire: reports that make a new place believed.
        """
        taken, self.noted, self.slow = np.empty(len(fixes), TAKEN), np.empty(len(fixes), np.int32), np.empty(len(fixes), np.int64)
        at = self.hints[REBORN] = self.hints[NOTED] = self.hints[SLOW] = 0
        while True:
            at = associate(fixes, at, *self._arrays(), taken, self.noted, self.slow, self.hints, limits, reacquire)
            if at >= len(fixes):
                break
            self._grow()
        self.noted, self.slow = self.noted[: int(self.hints[NOTED])], self.slow[: int(self.hints[SLOW])]
        if self.hints[REBORN]:
            self._wipe_reborn(taken)
        return taken

    def add_statics(self, statics: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Join released static rows (canonical order), field by field: the newest row that says something wins.

        Returns (rows joined, slot of each: the first track of its MMSI). Parts A and B of type 24 meet here, by MMSI and nothing else;
        "not available" erases nothing; every track of an MMSI is told the same. Late rows, stations, aids and craft of a parent ship are passed over.
        """
        mmsi = statics["mmsi"]
        rows = statics[(mmsi >= SHIP_MMSI_MIN) & (mmsi <= SHIP_MMSI_MAX) & (statics["msg_type"] != 21) & ((statics["flags"] & F_LATE) == 0)]
        if not len(rows):
            return rows, np.empty(0, np.int64)
        slot = self._slots_for(rows["mmsi"])
        rows, slot = rows[slot >= 0], slot[slot >= 0]
        told, at = rows, slot
        while len(at):
            self._join(told, at)
            following = self.more["next"][at].astype(np.int64) - 1
            told, at = told[following >= 0], following[following >= 0]
        np.maximum.at(self.heard_ms, slot, rows["t_ms"])
        return rows, slot

    def slot_of(self, mmsi: int) -> int:
        """Slot of the first track of an MMSI, or -1."""
        return int(_find(np.array([mmsi], np.int64), self.places)[0])

    def slots_of(self, mmsi: np.ndarray) -> np.ndarray:
        """int64 slots of the first tracks of MMSIs (int64), or -1."""
        found: np.ndarray = _find(mmsi, self.places)
        return found

    def slots_of_keys(self, keys: np.ndarray) -> np.ndarray:
        """int64[n]: slots of tracks by key (int64[n]), or -1."""
        found = self.slots_of(mmsi_of(keys))
        others = (found >= 0) & (self.more["ordinal"][found] != ordinal_of(keys))
        for k in np.flatnonzero(others).tolist():
            found[k] = self.slot_of_key(int(keys[k]))
        return found

    def slot_of_key(self, key: int) -> int:
        """Slot of a track, or -1."""
        slot = self.slot_of(mmsi_of(key))
        while slot >= 0 and int(self.more["ordinal"][slot]) != ordinal_of(key):
            slot = int(self.more["next"][slot]) - 1
        return slot

    def key_of(self, slot: int) -> int:
        """A track's key: its name outside the table."""
        return key_of(int(self.rows["mmsi"][slot]), int(self.more["ordinal"][slot]))

    def keys_of(self, slots: np.ndarray) -> np.ndarray:
        """int64[n]: keys of the tracks in slots."""
        keys = np.empty(len(slots), np.int64)
        _keys_of(self.rows, self.more, slots.astype(np.int64, copy=False), keys)
        return keys

    def in_order(self, slots: np.ndarray) -> np.ndarray:
        """The same slots in order of their keys: what leaves the table goes in this order."""
        return slots if len(slots) < 2 else slots[np.argsort(self.keys_of(slots), kind="stable")]

    def close_block(self) -> None:
        """A 5-minute tick: who heard a track since the last one moves to `rx_before`; a silent track keeps the names it had."""
        _close_block(self.used, self.known)

    def evict(self, before_ms: int, keep: set[int]) -> int:
        """Forget MMSIs of which no track was heard since `before_ms` (but those that have a track in `keep`, by key). Returns how many tracks."""
        mmsi = self.used["mmsi"]
        fresh = np.unique(mmsi[self.heard_ms[: len(self)] >= before_ms])
        kept_mmsi = np.union1d(fresh, np.array(sorted({mmsi_of(key) for key in keep}), mmsi.dtype))
        stays = np.isin(mmsi, kept_mmsi)
        gone = int((~stays).sum())
        if gone:
            self._take(np.flatnonzero(stays))
        return gone

    def bytes_per_track(self) -> dict[str, float]:
        """What a track costs, by array: its row (of detectors by their name), its share of the hash, and of the records that are held in pools."""
        n = len(self)
        arrays = {name: getattr(self, name) for name in ("rows", "more", "heard_ms", "trail", "statics")} | self.cold
        found = {name: float(array[:1].nbytes) for name, array in arrays.items()} | {"places": self.places.nbytes / n}
        for name, pool in self.pools.items():
            found[name] += pool.held * (pool.records.itemsize + pool.numbers.itemsize) / n
        return found

    def counts(self) -> dict[str, int]:
        """Rows by what became of them."""
        return {name: int(self.cells[i]) for i, name in enumerate(COUNTERS)}

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`, sorted by key; chains are made again on reading."""
        order = np.argsort(self.keys_of(np.arange(len(self))), kind="stable")
        more = self.known[order]
        more["next"] = 0
        cold, pools = self._packed(order)
        return {
            "rows": self.used[order],
            "more": more,
            "heard_ms": self.heard_ms[order],
            "trail": self.trail[order],
            "statics": self.statics[order],
            "cold": dict(sorted(cold.items())),
            "pools": dict(sorted(pools.items())),
            "cells": self.cells.copy(),
            "receivers": self.receivers.copy(),
        }

    @classmethod
    def from_sections(cls, sections: dict[str, Any], vessels_max: int) -> VesselTable:
        """The table that `to_sections` described."""
        n = len(sections["rows"])
        table = cls.new(vessels_max, {name: array.dtype for name, array in sections["cold"].items()}, max(CAPACITY_START, n))
        for name in ("rows", "more", "heard_ms", "trail", "statics"):
            getattr(table, name)[:n] = sections[name]
        for name, array in sections["cold"].items():
            table.cold[name][:n] = array
        table.pools = {name: Pool.from_packed(records, len(table.rows)) for name, records in sections["pools"].items()}
        table.cells[:] = sections["cells"]
        table.cells[SLOTS_MAX] = vessels_max
        table.receivers[:] = sections["receivers"]
        _enter(table.rows, table.more, n, table.places)
        return table

    def _arrays(self) -> tuple[np.ndarray, ...]:
        # Never kept under a name where the table may grow: old arrays would live on beside the new ones.
        return self.rows, self.more, self.heard_ms, self.trail, self.places, self.cells, self.receivers

    def _join(self, rows: np.ndarray, slot: np.ndarray) -> None:
        # Assigning with repeated indices keeps the last one, and rows stand in order of time.
        for bit, name in ((HAS_NAME, "name"), (HAS_CALLSIGN, "callsign"), (HAS_VOYAGE, "destination")):
            said = ((rows["has"] & bit) != 0) & (rows[name] != b"")
            self.statics[name][slot[said]] = rows[name][said]
        has = (rows["has"] & HAS_TYPE_AND_SIZE) != 0
        typed = has & (rows["ship_type"] > 0)
        self.more["ship_type"][slot[typed]] = rows["ship_type"][typed]
        for name, one, other, most in (("loa_m", "bow", "stern", 1022), ("beam_m", "port", "starboard", 126)):
            size_m = np.minimum(rows[one].astype(np.int64) + rows[other], most)
            sized = has & (size_m > 0)
            self.more[name][slot[sized]] = size_m[sized]
        deep = rows["draught_dm"] > 0
        self.more["draught_dm"][slot[deep]] = rows["draught_dm"][deep]
        numbered = rows["imo"] > 0
        self.statics["imo"][slot[numbered]] = rows["imo"][numbered]
        self.statics["t_ms"][slot] = rows["t_ms"]

    def _wipe_reborn(self, taken: np.ndarray) -> None:
        """A track born in a slot that another one had: the detectors must find nothing there."""
        again = np.empty(len(taken), np.int64)
        again = np.unique(again[: _born_again(taken, self.more, again)])
        for name, pool in self.pools.items():
            pool.give_back(self.cold[name], again)
        for array in self.cold.values():
            array[again] = np.zeros(1, array.dtype)[0]
        for name in self.statics.dtype.names or ():
            self.statics[name][again] = self.statics[name][self.slots_of(self.rows["mmsi"][again].astype(np.int64))]

    def _slots_for(self, mmsi: np.ndarray) -> np.ndarray:
        room = len(self.rows) - len(self)
        if room < len(mmsi):  # else there is room for all of them, known or not
            room -= len(np.unique(mmsi[self.slots_of(mmsi.astype(np.int64)) < 0]))
        while room < 0 and len(self.rows) < int(self.cells[SLOTS_MAX]):
            room -= len(self.rows)
            self._grow()
            room += len(self.rows)
        return _find_or_add(mmsi.astype(np.int64), self.rows, self.more, self.heard_ms, self.trail, self.places, self.cells)

    def _grow(self) -> None:
        self._resize(min(2 * len(self.rows), int(self.cells[SLOTS_MAX])))

    def _resize(self, capacity: int) -> None:
        n = len(self)
        for name in ("rows", "more", "heard_ms", "trail", "statics"):
            setattr(self, name, _resized(getattr(self, name), n, capacity))
        for name in self.cold:  # one after the other, so that one old array at a time stands beside its copy
            self.cold[name] = _resized(self.cold[name], n, capacity)
        for name in self.pools:
            self.pools[name] = self.pools[name].resized(capacity)
        self.places = _hash_of(capacity)
        _enter(self.rows, self.more, n, self.places)

    def _take(self, kept: np.ndarray) -> None:
        capacity = len(self.rows)
        kept = self.in_order(kept)  # so that a chain's tracks follow each other, as in a snapshot
        self.more["next"] = 0
        for name in ("rows", "more", "heard_ms", "trail", "statics"):
            setattr(self, name, getattr(self, name)[kept])
        self.cold, records = self._packed(kept)
        self.pools = {name: Pool.from_packed(packed, len(packed)) for name, packed in records.items()}
        self.cells[SLOTS] = len(kept)
        self._resize(capacity)

    def _packed(self, slots: np.ndarray) -> tuple[dict[str, np.ndarray], dict[str, np.ndarray]]:
        """Cold arrays of these tracks, and the records that they have in pools, numbered in this order; by name."""
        cold, pools = {name: array[slots] for name, array in self.cold.items()}, {}
        for name, pool in self.pools.items():
            pools[name], cold[name]["at"] = pool.packed(cold[name]["at"])
        return cold, pools


def ask_geography(table: VesselTable, wanted: np.ndarray, geography: Any) -> None:
    """Mask, coast and watch distance of `wanted` tracks (bool[n], or int64 slots) that have moved since they were last asked about."""
    wanted = np.flatnonzero(wanted) if wanted.dtype == np.bool_ else wanted
    slots = np.empty(len(wanted), np.int64)
    slots = slots[: _moved(table.used, table.known, wanted, slots)]
    if not len(slots):
        return
    rows, more = table.used, table.known
    lat_deg, lon_deg = degrees(rows["lat"][slots]), degrees(rows["lon"][slots])
    masked = geography.masked(lat_deg, lon_deg)
    more["masked"][slots] = masked
    rows["marks"][slots] = (rows["marks"][slots] & (0xFF ^ MARK_MASKED)) | np.where(masked, MARK_MASKED, 0).astype(np.uint8)
    more["coast_nm"][slots] = geography.coast_distance_nm(lat_deg, lon_deg)
    more["watch_nm"][slots] = geography.watch_distance_nm(lat_deg, lon_deg)
    more["watched"][slots] = 0
    more["geo_lat"][slots], more["geo_lon"][slots] = rows["lat"][slots], rows["lon"][slots]


def slow_tracks(table: VesselTable, among: np.ndarray) -> np.ndarray:
    """int64 slots, each once, of those tracks among these that any row ever placed, that are slow and have moved since geography was asked about them.

    Slow is no faster than SLOW_KN; unknown speed counts as slow. Who became so by rows, is among `table.slow`.
    """
    slots = np.empty(len(among), np.int64)
    return np.unique(slots[: _slow_tracks(table.rows, table.more, among, slots)])


def trail_ms(t: np.ndarray, near_ms: int) -> np.ndarray:
    """int64[n] UTC ms of trail times (kept modulo 2**32 ms, 49 days) that are not later than `near_ms`."""
    return near_ms - ((near_ms - t.astype(np.int64)) & 0xFFFFFFFF)


def trail_of(table: VesselTable, slot: int, tick_ms: int, seconds: float) -> np.ndarray:
    """TRAIL rows of a track of the last `seconds` before a tick, in order of time."""
    points = table.trail[slot]
    t_ms = trail_ms(points["t"], tick_ms)
    wanted = np.flatnonzero((points["lat"] != LAT_MISSING) & (tick_ms - t_ms <= seconds * 1000.0))
    return points[wanted[np.argsort(t_ms[wanted], kind="stable")]]


def hash_size(capacity: int) -> int:
    """Places of the hash for so many tracks: a power of two, never more than half full."""
    return 1 << max(4, (2 * capacity - 1).bit_length())


def text_of(raw: bytes) -> str | None:
    """Text of a static field, or None when empty."""
    return raw.decode("ascii", "replace").strip(" @\0") or None


def degrees(units: np.ndarray) -> np.ndarray:
    """float64 degrees of positions in units."""
    return np.asarray(units, np.float64) / UNITS_PER_DEG


def aligned(n: int, dtype: np.dtype) -> np.ndarray:
    """Zeroed array whose records begin on cache lines."""
    room = np.zeros(n * dtype.itemsize + 64, np.uint8)
    start = -room.ctypes.data % 64
    return room[start : start + n * dtype.itemsize].view(dtype)


def _hash_of(capacity: int) -> np.ndarray:
    return np.zeros(hash_size(capacity), np.int64)


def _resized(array: np.ndarray, n: int, capacity: int) -> np.ndarray:
    shape = (capacity, *array.shape[1:])
    new = aligned(capacity, array.dtype) if array.dtype in (HOT, MORE) else np.zeros(shape, array.dtype)
    old = array[:n].view(np.uint8)  # as bytes: NumPy copies records field by field, many times slower
    if old.any():  # of a detector that never wrote, nothing is copied: pages that nobody wrote to take no memory
        new[:n].view(np.uint8)[...] = old
    return new


@kernel(boolean(MORE_TYPE, int64, int64), **PLAIN)
def _is_away(m, lat, lon):
    """Whether a place lies away from where geography was asked about a track."""
    return abs(lat - m["geo_lat"]) > GEO_STEP_UNITS or abs(lon - m["geo_lon"]) > GEO_STEP_UNITS


@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64[::1]), **PLAIN)
def _moved(rows, more, slots, out):
    """Write those of the slots whose track has moved since geography was asked about it; returns how many."""
    n = 0
    for i in range(slots.shape[0]):
        v = rows[slots[i]]
        if v["lat"] != LAT_MISSING and _is_away(more[slots[i]], np.int64(v["lat"]), np.int64(v["lon"])):
            out[n] = slots[i]
            n += 1
    return n


@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64[::1]), **PLAIN)
def _slow_tracks(rows, more, among, out):
    """Write the slots of `slow_tracks` (maybe repeated); returns how many. A place that was only left behind (a shadow) has no row of its own."""
    n = 0
    for i in range(among.shape[0]):
        ahead = among[min(i + FETCHED, among.shape[0] - 1)]
        fetch(rows, ahead)
        fetch(more, ahead)
        v, m = rows[among[i]], more[among[i]]
        placed = v["t_ms"] != T_MISSING and (v["reports"] > 0 or m["ordinal"] == 0)
        if placed and v["speed_kn"] <= SLOW_KN and _is_away(m, np.int64(v["lat"]), np.int64(v["lon"])):
            out[n] = among[i]
            n += 1
    return n


@kernel(int64(TAKEN_TYPE[::1], MORE_TYPE[::1], int64[::1]), **PLAIN)
def _born_again(taken, more, out):
    """Write the slots in which a second or later track of an MMSI was born; returns how many."""
    n = 0
    for i in range(taken.shape[0]):
        if taken[i]["how"] == BORN and taken[i]["what"] == ACCEPTED and more[taken[i]["slot"]]["ordinal"] > 0:
            out[n] = taken[i]["slot"]
            n += 1
    return n


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64[:], int64[::1]), **PLAIN)
def _keys_of(rows, more, slots, keys):
    """Write the key of the track in each slot."""
    for i in range(slots.shape[0]):
        keys[i] = make_key(np.int64(rows[slots[i]]["mmsi"]), np.int64(more[slots[i]]["ordinal"]))


@kernel((HOT_TYPE[::1], MORE_TYPE[::1]))
def _close_block(rows, more):
    for slot in range(rows.shape[0]):
        if rows[slot]["rx"] != 0:
            more[slot]["rx_before"] = rows[slot]["rx"]
            rows[slot]["rx"] = np.uint64(0)


@kernel(int64(int64[::1]))
def _shift(places):
    """64 - the number of bits of a place."""
    bits = 0
    while places.shape[0] >> bits > 1:
        bits += 1
    return 64 - bits


@kernel((HOT_TYPE[::1], MORE_TYPE[::1], int64, int64[::1]))
def _enter(rows, more, n, places):
    """Enter n tracks into an empty hash. The others of an MMSI are chained behind the first; they stand in order of their ordinals."""
    shift = _shift(places)
    for slot in range(n):
        mmsi = np.int64(rows[slot]["mmsi"])
        at = place(mmsi, shift)
        while places[at] != 0 and places[at] >> 32 != mmsi:
            at = (at + 1) & (places.shape[0] - 1)
        more[slot]["next"] = 0
        if places[at] == 0:
            places[at] = (mmsi << 32) | (slot + 1)
            continue
        last = (places[at] & 0xFFFFFFFF) - 1
        while more[last]["next"] != 0:
            last = np.int64(more[last]["next"]) - 1
        more[last]["next"] = np.int32(slot + 1)


@kernel((int64[::1], int64[::1]))
def _find(mmsi, places):
    """Slots of the first tracks of MMSIs, or -1."""
    shift = _shift(places)
    found = np.full(mmsi.shape[0], -1, np.int64)
    for i in range(mmsi.shape[0]):
        at = place(mmsi[i], shift)
        while places[at] != 0:
            if places[at] >> 32 == mmsi[i]:
                found[i] = (places[at] & 0xFFFFFFFF) - 1
                break
            at = (at + 1) & (places.shape[0] - 1)
    return found


@kernel((int64[::1], HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], TRAIL_TYPE[:, ::1], int64[::1], int64[::1]))
def _find_or_add(mmsi, rows, more, heard, trail, places, cells):
    """Slots of the first tracks of MMSIs, adding unknown ones; -1 where the table is full. The caller made room."""
    shift = _shift(places)
    found = np.full(mmsi.shape[0], -1, np.int64)
    for i in range(mmsi.shape[0]):
        at = place(mmsi[i], shift)
        while places[at] != 0 and places[at] >> 32 != mmsi[i]:
            at = (at + 1) & (places.shape[0] - 1)
        if places[at] == 0:
            if cells[SLOTS] >= min(rows.shape[0], cells[SLOTS_MAX]):
                continue
            blank(rows, more, heard, trail, cells[SLOTS], mmsi[i], 0, T_MISSING)
            more[cells[SLOTS]]["belief"] = np.uint8(BELIEVED)
            cells[SLOTS] += 1
            places[at] = (mmsi[i] << 32) | cells[SLOTS]
        found[i] = (places[at] & 0xFFFFFFFF) - 1
    return found
