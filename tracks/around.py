"""Around a place: who else is there. May hold: sightings, the questions about neighbours. May not: judge what the answer means.

Theory. Vessels are kept apart by key, so that they can be spread over processes; a question about neighbours (a queue, a
crowd, peers that are still heard) cannot be answered from one vessel's record. Once a tick, and only if somebody asks,
every track that matters is written down as a SIGHTING; the sightings of all shards together are the Around of the tick,
and the answers do not depend on who kept which vessel.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import numpy as np
from numba import boolean, float64, from_dtype, int64, njit

from dogwatch.batch import T_MISSING, take_rows
from dogwatch.geo import HALF_TURN, M_PER_UNIT, NM_M, distance_m
from tracks.records import BELIEVED, HOT_TYPE, MORE_TYPE, PLAIN
from tracks.vessels import ORDINAL_BITS, VesselTable

ROW_BITS = 24  # rows of one tick: 16 million
SIGHTED_MS = 2 * 86_400_000  # not heard for longer: nobody's neighbour
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
        ("masked", "u1"),
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
    """Sightings of one tick. Never changed. seen: SIGHTING rows in any order; put into order when somebody first asks about a place."""

    seen: np.ndarray
    _order: np.ndarray | None = field(default=None, repr=False)  # of `seen`, by latitude (then key)
    _lats: np.ndarray | None = field(default=None, repr=False)  # latitudes in that order

    @property
    def troubled(self) -> np.ndarray:
        """Sightings in trouble (`trouble` not 0), sorted by key."""
        rows = take_rows(self.seen, np.flatnonzero(self.seen["trouble"]))
        return take_rows(rows, np.argsort(rows["key"], kind="stable"))

    def band(self, lat: int, reach_units: int) -> np.ndarray:
        """Sightings within `reach_units` of a latitude (1/600000 degree), sorted by latitude (then key)."""
        return self._between(lat - reach_units, lat + reach_units + 1)

    def within(self, lat: int, lon: int, reach_nm: float) -> np.ndarray:
        """SIGHTING rows within `reach_nm` of a place in units."""
        return within(self.band(lat, int(reach_nm * NM_M / M_PER_UNIT) + 1), lat, lon, reach_nm)

    def of(self, key: int) -> np.void | None:
        """The SIGHTING of a track, or None if it is not sighted."""
        at = np.flatnonzero(self.seen["key"] == key)
        return self.seen[at[0]] if len(at) else None

    def apart_m(self, key_a: int, key_b: int) -> float | None:
        """Metres between the last positions of two tracks; None unless both are sighted."""
        a, b = self.of(key_a), self.of(key_b)
        if a is None or b is None:
            return None
        return float(distance_m(int(a["lat"]), int(a["lon"]), int(b["lat"]), int(b["lon"])))

    def cells(self, lat: int, lon: int, cell_units: int) -> np.ndarray:
        """SIGHTING rows in the cell of a place (squares of `cell_units` in latitude and longitude) and the eight round it."""
        south = lat // cell_units * cell_units
        rows = self._between(south - cell_units, south + 2 * cell_units)
        near = np.empty(len(rows), np.bool_)
        _near_column(rows, lon, cell_units, near)
        return take_rows(rows, near)

    def _between(self, south: int, north: int) -> np.ndarray:
        if self._order is None or self._lats is None:
            self._order, self._lats = _by_latitude(self.seen)
        first, last = np.searchsorted(self._lats, (south, north))
        return take_rows(self.seen, self._order[first:last])


def within(rows: np.ndarray, lat: int, lon: int, reach_nm: float) -> np.ndarray:
    """Those SIGHTING rows that lie within `reach_nm` of a place in units."""
    near = np.empty(len(rows), np.bool_)
    _within(rows, lat, lon, reach_nm * NM_M, near)
    return take_rows(rows, near)


@njit((SIGHTING_TYPE[::1], int64, int64, boolean[::1]), **PLAIN)
def _near_column(rows, lon, cell_units, near):
    columns, column = 2 * HALF_TURN // cell_units, (lon + HALF_TURN) // cell_units
    for i in range(rows.shape[0]):
        apart = abs((np.int64(rows[i]["lon"]) + HALF_TURN) // cell_units - column)
        near[i] = min(apart, columns - apart) <= 1


@njit((SIGHTING_TYPE[::1], int64, int64, float64, boolean[::1]), **PLAIN)
def _within(rows, lat, lon, reach_m, near):
    for i in range(rows.shape[0]):
        near[i] = distance_m(lat, lon, rows[i]["lat"], rows[i]["lon"]) <= reach_m


def sightings(table: VesselTable, tick_ms: int) -> np.ndarray:
    """SIGHTING rows of the believed tracks of a table that were heard within SIGHTED_MS before a tick."""
    n = len(table)
    out = np.empty(n, SIGHTING)
    return out[: _sightings(table.used, table.known, table.heard_ms[:n], tick_ms - SIGHTED_MS, out)]


def around_of(parts: list[np.ndarray]) -> Around:
    """The Around of a tick, from the sightings of all shards."""
    return Around(parts[0] if len(parts) == 1 else np.concatenate([np.empty(0, SIGHTING), *parts]))


def _by_latitude(rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """(order, latitudes in it) of sightings by latitude, then key."""
    # one integer says latitude and row, so that sorting is quick; who shares a latitude is put into the order of keys afterwards
    packed = (rows["lat"].astype(np.int64) << ROW_BITS) | np.arange(len(rows))
    packed.sort()
    order, lats = packed & ((1 << ROW_BITS) - 1), packed >> ROW_BITS
    _settle_ties(rows, lats, order)
    return order, lats


@njit((SIGHTING_TYPE[::1], int64[::1], int64[::1]), **PLAIN)
def _settle_ties(rows, lats, order):
    """Put rows of equal latitude into the order of their keys."""
    for i in range(1, lats.shape[0]):
        at, key, j = order[i], rows[order[i]]["key"], i - 1
        while j >= 0 and lats[j] == lats[i] and rows[order[j]]["key"] > key:
            order[j + 1] = order[j]
            j -= 1
        order[j + 1] = at


# Flat: a row after the other, once a tick.
@njit(int64(HOT_TYPE[::1], MORE_TYPE[::1], int64[::1], int64, SIGHTING_TYPE[::1]), **PLAIN)
def _sightings(rows, more, heard, since_ms, out):
    """Write the sightings of tracks heard since a time; returns how many."""
    n = 0
    for i in range(rows.shape[0]):
        if heard[i] < since_ms:
            continue
        v, m, seen = rows[i], more[i], out[n]
        if v["t_ms"] == T_MISSING or m["belief"] != BELIEVED:
            continue
        seen["key"] = (np.int64(v["mmsi"]) << ORDINAL_BITS) | np.int64(m["ordinal"])
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
        seen["masked"] = m["masked"]
        seen["beam_m"] = m["beam_m"]
        seen["trouble"] = m["trouble"]
        seen["trouble_min"] = m["trouble_min"]
        seen["was_lat"] = m["was_lat"]
        seen["was_lon"] = m["was_lon"]
        n += 1
    return n
