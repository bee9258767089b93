"""Around a place: who else is there. May hold: sightings, the questions about neighbours. May not: judge what the answer means.

Theory. Vessels are kept apart by key, so that they can be spread over processes; a question about neighbours (a queue, a
crowd, peers that are still heard) cannot be answered from one vessel's record. Of several shards, every track that matters is
written down as a SIGHTING; the sightings of all together are the Around of the tick, and the answers do not depend on who kept which vessel.
Of one table nothing is written down until somebody asks, and then only those who lie there: the first few questions of a tick look
through all positions, more than that make an order of latitudes, in which each answer lies together. Who must see everybody is shown a large table
part by part (`parts`): a million sightings beside a million vessels would be the largest memory of a tick.
What a detector changes of a track while the tick is decided (`trouble`) is answered as it stood when `troubled` was first asked.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numba import boolean, float64, from_dtype, int64, types, uint8

from dogwatch.batch import T_MISSING, take_rows
from dogwatch.geo import FULL_TURN, HALF_TURN, M_PER_UNIT, NM_M, cos_lat, distance_m
from dogwatch.kernel import kernel
from tracks.key import make_key
from tracks.records import BELIEVED, HOT_TYPE, MORE_TYPE, PLAIN
from tracks.vessels import VesselTable

ROW_BITS = 24  # rows of one tick: 16 million
SIGHTED_MS = 2 * 86_400_000  # not heard for longer: nobody's neighbour
PART = 65_536  # vessels of a table that are written down at once
SCANS_MAX = 4  # questions of a tick that look through all positions, before an order of latitudes is made: it costs as much as so many
QUARTER = 54_000_000
SIGHTING = np.dtype(
    [
        ("key", "<i8"),
        ("t_ms", "<i8"),  # of the position
        ("heard_ms", "<i8"),  # of the last transmission of any kind
        ("lat", "<i4"),
        ("lon", "<i4"),
        ("speed_kn", "<f4"),
        ("loa_m", "<u2"),
        ("cog", "<u2"),
        ("hdg", "<u2"),
        ("nav", "u1"),
        ("ship_type", "u1"),
        ("class_b", "u1"),
        ("beam_m", "u1"),
        ("trouble", "u1"),  # TROUBLE_* bits, since when, and where it was before (tracks/records.py)
        ("trouble_min", "<u2"),
        ("was_lat", "<i4"),
        ("was_lon", "<i4"),
    ]
)
SIGHTING_TYPE = from_dtype(SIGHTING)


@dataclass(slots=True)
class Around:
    """Sightings of one tick: those of `rows` (in any order), or of a table, made when somebody asks. Answers never change within the tick."""

    rows: np.ndarray | None
    table: VesselTable | None = None
    tick_ms: int = 0
    _scans: int = 0
    _order: np.ndarray | None = field(default=None, repr=False)  # rows or slots by latitude
    _lats: np.ndarray | None = field(default=None, repr=False)  # latitudes in that order
    _trouble: np.ndarray | None = field(default=None, repr=False)  # of the slots of the table, once asked

    @property
    def seen(self) -> np.ndarray:
        """All SIGHTING rows at once, in any order. For who sends them to others; a place or a key is asked for below, and everybody of `parts`."""
        if self.rows is None:
            assert self.table is not None, "sightings come from rows or from a table"
            self.rows = self._gathered(np.arange(len(self.table)))
            self._order = self._lats = None
        return self.rows

    def parts(self) -> Iterator[np.ndarray]:
        """All SIGHTING rows, in any order, so many at a time: for who must see everybody. What is found may not depend on the parts."""
        if self.rows is not None or self.table is None or len(self.table) <= PART:
            yield self.seen
            return
        for first in range(0, len(self.table), PART):
            yield self._gathered(np.arange(first, min(first + PART, len(self.table))))

    @property
    def troubled(self) -> np.ndarray:
        """Sightings in trouble (`trouble` not 0), sorted by key."""
        if self.rows is None and self.table is not None:
            if self._trouble is None:
                self._trouble = self.table.known["trouble"].copy()
            rows = self._gathered(np.flatnonzero(self._trouble))
        else:
            rows = take_rows(self.seen, np.flatnonzero(self.seen["trouble"]))
        return take_rows(rows, np.argsort(rows["key"], kind="stable"))

    def of(self, key: int) -> np.void | None:
        """The SIGHTING of a track, or None."""
        if self.rows is None and self.table is not None:
            slot = self.table.slot_of_key(key)
            found = self._gathered(np.array([slot] if slot >= 0 else [], np.int64))
        else:
            found = take_rows(self.seen, np.flatnonzero(self.seen["key"] == key)[:1])
        return found[0] if len(found) else None

    def of_all(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(SIGHTING rows of tracks, whether each is sighted: the row of one that is not says nothing)."""
        if self.rows is None and self.table is not None:
            slots = self.table.slots_of_keys(keys)
            rows = self._gathered(np.unique(slots[slots >= 0]))
        else:
            rows = take_rows(self.seen, np.isin(self.seen["key"], keys))
        if not len(rows):
            return np.zeros(len(keys), SIGHTING), np.zeros(len(keys), np.bool_)
        order = np.argsort(rows["key"])
        at = order[np.minimum(np.searchsorted(rows["key"], keys, sorter=order), len(rows) - 1)]
        return take_rows(rows, at), rows["key"][at] == keys

    def apart_m(self, key_a: int, key_b: int) -> float | None:
        """Metres between the last positions of two tracks; None unless both are sighted."""
        a, b = self.of(key_a), self.of(key_b)
        return None if a is None or b is None else float(distance_m(int(a["lat"]), int(a["lon"]), int(b["lat"]), int(b["lon"])))

    def within(self, lat: int, lon: int, reach_nm: float) -> np.ndarray:
        """SIGHTING rows within `reach_nm` of a place in units (1/600000 degree), sorted by latitude (then key)."""
        reach = int(reach_nm * NM_M / M_PER_UNIT) + 1
        edge = min(QUARTER, max(abs(lat - reach), abs(lat + reach)))
        return _by_latitude(within(self._between(lat - reach, lat + reach + 1, lon, int(reach / cos_lat(edge)) + 1), lat, lon, reach_nm))

    def cells(self, lat: int, lon: int, cell_units: int) -> np.ndarray:
        """SIGHTING rows in the cell of a place (squares of `cell_units` in latitude and longitude) and the eight round it, sorted by latitude (then key)."""
        south = lat // cell_units * cell_units
        rows = self._between(south - cell_units, south + 2 * cell_units, lon, 2 * cell_units)
        near = np.empty(len(rows), np.bool_)
        _near_column(rows, lon, cell_units, near)
        return _by_latitude(take_rows(rows, near))

    def _between(self, south: int, north: int, lon: int, aside: int) -> np.ndarray:
        """SIGHTING rows from a latitude up to another, in any order; who lies farther than `aside` from a longitude may be missing."""
        if self._order is None and self.rows is None and self.table is not None and self._scans < SCANS_MAX:
            self._scans += 1
            slots = np.empty(len(self.table), np.int64)
            return self._gathered(slots[: _in_box(self.table.used, (south, north, lon, aside), slots)])
        everybody: np.ndarray = self.rows if self.rows is not None else self.table.used  # type: ignore[union-attr]
        if self._order is None or self._lats is None:
            lats = everybody["lat"]
            # one integer says latitude and row, so that sorting is quick
            packed = (lats.astype(np.int64) << ROW_BITS) | np.arange(len(lats))
            packed.sort()
            self._order, self._lats = packed & ((1 << ROW_BITS) - 1), packed >> ROW_BITS
        first, last = np.searchsorted(self._lats, (south, north))
        some = self._order[first:last]
        off = np.abs(everybody["lon"][some].astype(np.int64) - lon)
        some = some[np.minimum(off, FULL_TURN - off) <= aside]  # a sea is wide: of its latitudes few lie near
        return take_rows(self.rows, some) if self.rows is not None else self._gathered(some)

    def _gathered(self, slots: np.ndarray) -> np.ndarray:
        """SIGHTING rows of slots of the table, but of tracks that are not believed or not heard lately."""
        table, out = self.table, np.empty(len(slots), SIGHTING)
        assert table is not None, "only sightings of a table are gathered"
        trouble = np.empty(0, np.uint8) if self._trouble is None else self._trouble
        return out[: _sightings(table.used, table.known, table.heard_ms[: len(table)], self.tick_ms - SIGHTED_MS, slots, trouble, out)]


def within(rows: np.ndarray, lat: int, lon: int, reach_nm: float) -> np.ndarray:
    """Those SIGHTING rows that lie within `reach_nm` of a place in units."""
    near = np.empty(len(rows), np.bool_)
    _within(rows, lat, lon, reach_nm * NM_M, near)
    return take_rows(rows, near)


def sightings(table: VesselTable, tick_ms: int) -> np.ndarray:
    """SIGHTING rows of the believed tracks of a table that were heard within SIGHTED_MS before a tick."""
    return Around(None, table, tick_ms).seen


def around_of(parts: list[np.ndarray]) -> Around:
    """The Around of a tick, from the sightings of all shards."""
    return Around(parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, SIGHTING), *parts]))


def _by_latitude(rows: np.ndarray) -> np.ndarray:
    """Sightings sorted by latitude, then key."""
    return rows if len(rows) < 2 else take_rows(rows, np.lexsort((rows["key"], rows["lat"])))


@kernel((SIGHTING_TYPE[::1], int64, int64, boolean[::1]), **PLAIN)
def _near_column(rows, lon, cell_units, near):
    columns, column = 2 * HALF_TURN // cell_units, (lon + HALF_TURN) // cell_units
    for i in range(rows.shape[0]):
        apart = abs((np.int64(rows[i]["lon"]) + HALF_TURN) // cell_units - column)
        near[i] = min(apart, columns - apart) <= 1


@kernel((SIGHTING_TYPE[::1], int64, int64, float64, boolean[::1]), **PLAIN)
def _within(rows, lat, lon, reach_m, near):
    for i in range(rows.shape[0]):
        near[i] = distance_m(lat, lon, rows[i]["lat"], rows[i]["lon"]) <= reach_m


# Flat: a row after the other. Numbers are written whether they are wanted or not: a wrong guess costs more than a write.
@kernel(int64(HOT_TYPE[::1], types.UniTuple(int64, 4), int64[::1]), **PLAIN)
def _in_box(rows, box, slots):
    """Write the slots whose position lies in a box: from a latitude up to another, so far on either side of a longitude. Returns how many."""
    south, north, lon, aside = box
    n = 0
    for i in range(rows.shape[0]):
        lat, off = np.int64(rows[i]["lat"]), abs(np.int64(rows[i]["lon"]) - lon)
        slots[n] = i
        n += int((lat >= south) & (lat < north) & (min(off, FULL_TURN - off) <= aside))
    return n


# Flat: a row after the other.
@kernel(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64, int64[::1], uint8[::1], SIGHTING_TYPE[::1]), **PLAIN)
def _sightings(rows, more, heard, since_ms, slots, trouble, out):
    """Write the sightings of those slots that were heard since a time; returns how many. trouble: as it stood, or empty: as it stands."""
    n = 0
    for k in range(slots.shape[0]):
        i = slots[k]
        if heard[i] < since_ms:
            continue
        v, m, seen = rows[i], more[i], out[n]
        if v["t_ms"] == T_MISSING or m["belief"] != BELIEVED:
            continue
        seen["key"] = make_key(np.int64(v["mmsi"]), np.int64(m["ordinal"]))
        seen["t_ms"] = v["t_ms"]
        seen["heard_ms"] = heard[i]
        seen["lat"] = v["lat"]
        seen["lon"] = v["lon"]
        seen["speed_kn"] = v["speed_kn"]
        seen["loa_m"] = m["loa_m"]
        seen["cog"] = v["cog"]
        seen["hdg"] = v["hdg"]
        seen["nav"] = v["nav"]
        seen["ship_type"] = m["ship_type"]
        seen["class_b"] = v["class_b"]
        seen["beam_m"] = m["beam_m"]
        seen["trouble"] = trouble[i] if trouble.shape[0] else m["trouble"]
        seen["trouble_min"] = m["trouble_min"]
        seen["was_lat"] = m["was_lat"]
        seen["was_lon"] = m["was_lon"]
        n += 1
    return n
