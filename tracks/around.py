"""Around a place: who else is there. May hold: sightings, the questions about neighbours. May not: judge what the answer means.

Theory. Vessels are kept apart by key, so that they can be spread over processes; a question about neighbours (a queue, a
crowd, peers that are still heard) cannot be answered from one vessel's record. Once a tick, and only if somebody asks,
every track that matters is written down as a SIGHTING; the sightings of all shards together are the Around of the tick,
and the answers do not depend on who kept which vessel.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from dogwatch.batch import T_MISSING
from dogwatch.geo import HALF_TURN, M_PER_UNIT, NM_M, distance_m
from tracks.records import BELIEVED
from tracks.vessels import VesselTable

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
        ("nav", "u1"),
        ("ship_type", "u1"),
        ("class_b", "u1"),
        ("masked", "u1"),
    ]
)


@dataclass(frozen=True, slots=True)
class Around:
    """Sightings of one tick, sorted by latitude (then key). Never changed."""

    rows: np.ndarray

    def band(self, lat: int, reach_units: int) -> np.ndarray:
        """View of the sightings within `reach_units` of a latitude (1/600000 degree)."""
        first, last = np.searchsorted(self.rows["lat"], (lat - reach_units, lat + reach_units + 1))
        return self.rows[first:last]

    def within(self, lat: int, lon: int, reach_nm: float) -> np.ndarray:
        """SIGHTING rows within `reach_nm` of a place in units."""
        rows = self.band(lat, int(reach_nm * NM_M / M_PER_UNIT) + 1)
        near = [distance_m(lat, lon, int(row["lat"]), int(row["lon"])) <= reach_nm * NM_M for row in rows]
        return rows[np.array(near, np.bool_)]

    def cells(self, lat: int, lon: int, cell_units: int) -> np.ndarray:
        """SIGHTING rows in the cell of a place (squares of `cell_units` in latitude and longitude) and the eight round it."""
        south = lat // cell_units * cell_units
        rows = self.rows[slice(*np.searchsorted(self.rows["lat"], (south - cell_units, south + 2 * cell_units)))]
        columns = 2 * HALF_TURN // cell_units
        apart = np.abs((rows["lon"].astype(np.int64) + HALF_TURN) // cell_units - (lon + HALF_TURN) // cell_units)
        return rows[np.minimum(apart, columns - apart) <= 1]


def sightings(table: VesselTable, tick_ms: int) -> np.ndarray:
    """SIGHTING rows of the believed tracks of a table that were heard within SIGHTED_MS before a tick."""
    n = len(table)
    rows, more, heard = table.used, table.known, table.heard_ms[:n]
    slots = np.flatnonzero((heard >= tick_ms - SIGHTED_MS) & (rows["t_ms"] != T_MISSING) & (more["belief"] == BELIEVED))
    out = np.empty(len(slots), SIGHTING)
    for name in ("t_ms", "lat", "lon", "speed_kn", "cog", "nav", "class_b"):
        out[name] = rows[name][slots]
    for name in ("loa_m", "ship_type", "masked"):
        out[name] = more[name][slots]
    out["key"], out["heard_ms"] = table.keys_of(slots), heard[slots]
    return out


def around_of(parts: list[np.ndarray]) -> Around:
    """The Around of a tick, from the sightings of all shards."""
    rows = np.concatenate([np.empty(0, SIGHTING), *parts])
    return Around(rows[np.lexsort((rows["key"], rows["lat"]))])
