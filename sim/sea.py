"""The sea of a scenario: where water is, and places on it. May hold: questions to the coast. May not: vessels, routes of fleets.

Places are drawn from a generator that is given, so equal seeds give equal places. The coast is the one that the product ships
(`zones/`); it is read once, and only by scenarios that leave a place to chance or ask for a way between ports.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache

import numpy as np

from dogwatch.batch import UNITS_PER_DEG
from dogwatch.errors import InputError
from zones.coast import Coast
from zones.load import read_coast

Point = tuple[float, float]  # latitude, longitude in degrees
Region = tuple[float, float, float, float]  # south, west, north, east in degrees; a west beyond the east crosses the date line
TRIES = 2_000


@lru_cache(maxsize=1)
def coast() -> Coast:
    """The coast that ships with the product, read once."""
    return read_coast()


def shore_nm(lat_deg: float, lon_deg: float) -> float:
    """Nautical miles from a place at sea to the nearest coast (capped where the coast's index ends); negative on land."""
    lat, lon = np.array([round(lat_deg * UNITS_PER_DEG)]), np.array([round(((lon_deg + 180) % 360 - 180) * UNITS_PER_DEG)])
    distance = float(coast().distance_nm(lat, lon)[0])
    return -distance if coast().on_land(lat, lon)[0] else distance


def at_sea(lat_deg: np.ndarray, lon_deg: np.ndarray) -> np.ndarray:
    """bool[n]: over water; longitudes may run on beyond 180."""
    lat, lon = np.rint(lat_deg * UNITS_PER_DEG).astype(np.int64), np.rint(((lon_deg + 180) % 360 - 180) * UNITS_PER_DEG).astype(np.int64)
    return ~coast().on_land(lat, lon)


class Sea:
    """Water within a region."""

    def __init__(self, region: Region) -> None:
        self.region = region
        self.south, self.west, self.north, self.east = region
        if self.east < self.west:
            self.east += 360.0

    def place(
        self,
        rng: np.random.Generator,
        coast_nm: tuple[float, float],
        *,
        area: tuple[Point, float] | None = None,
        fits: Callable[[float, float], bool] | None = None,
    ) -> Point:
        """A random place at sea, between `coast_nm` from the coast, within an area (centre, radius in nm) and where `fits(lat, lon)`.

        Raises InputError when TRIES draws find none.
        """
        for _ in range(TRIES):
            lat, lon = self._draw(rng) if area is None else _in_circle(rng, *area)
            if fits is not None and not fits(lat, lon):
                continue
            if coast_nm[0] <= shore_nm(lat, lon) <= coast_nm[1]:
                return lat, lon
        raise InputError(f"no place at sea {coast_nm[0]:g} to {coast_nm[1]:g} nm from the coast was found", remedy="widen coast_nm, the area or the region")

    def _draw(self, rng: np.random.Generator) -> Point:
        low, high = math.sin(math.radians(self.south)), math.sin(math.radians(self.north))
        return math.degrees(math.asin(float(rng.uniform(low, high)))), float(rng.uniform(self.west, self.east))


def _in_circle(rng: np.random.Generator, centre: Point, radius_nm: float) -> Point:
    away_deg, bearing = radius_nm / 60 * math.sqrt(float(rng.uniform(0, 1))), float(rng.uniform(0, 2 * math.pi))
    lat = centre[0] + away_deg * math.cos(bearing)
    return lat, centre[1] + away_deg * math.sin(bearing) / math.cos(math.radians(lat))
