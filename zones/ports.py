"""Ports as points with a circle of their own. May hold: the port table and its search. May not: files, berths, port calls.

The table is coarse (UN/LOCODE gives whole minutes of arc for many places): it says "near a port", not where a quay is.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from hashlib import blake2b

import numpy as np

from dogwatch.geo import M_PER_UNIT, NM_M, cos_lat, distance_m, lon_difference
from dogwatch.kernel import kernel

PORT_MASK_NM = 2.0  # radius of the waters that count as the port's own
NM_PER_UNIT = M_PER_UNIT / NM_M
POLE = 54_000_000
ROW_BITS = 15  # rows of 3.3 miles
ROWS = (2 * POLE >> ROW_BITS) + 1


@dataclass(frozen=True, slots=True)
class Ports:
    """Ports sorted by latitude. lat, lon int32[n] units; id and name lists of n. Never changed.

    row_first int32[ROWS + 1], made from `lat`: the first port of each row of 2**ROW_BITS units of latitude.
    """

    lat: np.ndarray
    lon: np.ndarray
    ids: tuple[str, ...]
    names: tuple[str, ...]
    row_first: np.ndarray = field(init=False, repr=False)

    def __post_init__(self) -> None:
        """Cut the table into rows."""
        borders = (np.arange(ROWS + 1, dtype=np.int64) << ROW_BITS) - POLE
        object.__setattr__(self, "row_first", np.searchsorted(self.lat, borders).astype(np.int32))

    def nearest(self, lat: np.ndarray, lon: np.ndarray, cap_nm: float) -> tuple[np.ndarray, np.ndarray]:
        """(float64[n] distance nm at most cap_nm, int64[n] number of the port or -1); lat, lon int64[n] units."""
        distance_nm, number = np.full(len(lat), float(cap_nm)), np.full(len(lat), -1, np.int64)
        _nearest_port(self.lat, self.lon, self.row_first, lat, lon, distance_nm, number)
        return distance_nm, number

    def version(self) -> str:
        """'ports-<hash>' of positions, ids and names."""
        text = "\n".join(f"{i}|{n}" for i, n in zip(self.ids, self.names, strict=True))
        digest = blake2b(self.lat.astype("<i4").tobytes() + self.lon.astype("<i4").tobytes() + text.encode("utf-8"), digest_size=4)
        return f"ports-{digest.hexdigest()}"


def build_ports(rows: list[tuple[int, int, str, str]]) -> Ports:
    """Ports from (lat, lon, id, name) with positions in units; the order given does not matter."""
    rows = sorted(rows)
    return Ports(np.array([r[0] for r in rows], np.int32), np.array([r[1] for r in rows], np.int32), tuple(r[2] for r in rows), tuple(r[3] for r in rows))


@kernel("void(int32[::1], int32[::1], int32[::1], int64[::1], int64[::1], float64[::1], int64[::1])")
def _nearest_port(port_lat, port_lon, row_first, lats, lons, best, number):
    for i in range(lats.shape[0]):
        reach = int(best[i] / NM_PER_UNIT) + 1
        south, north = max(0, (lats[i] - reach + POLE) >> ROW_BITS), min(ROWS - 1, (lats[i] + reach + POLE) >> ROW_BITS)
        aside = reach / cos_lat(min(POLE, abs(lats[i]) + reach))  # the farthest that a port within reach may lie east or west
        for k in range(row_first[south], row_first[north + 1]):
            if abs(lon_difference(lons[i], port_lon[k])) > aside:
                continue
            d = distance_m(lats[i], lons[i], port_lat[k], port_lon[k]) / NM_M
            if d < best[i]:
                best[i] = d
                number[i] = k
