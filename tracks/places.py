"""Places: which types and sizes of ships go where. May hold: the counts by square, how they are learned, who is where such ships are not seen.

May not: judge a vessel (anomaly.py does), know names.

Theory. The sea is cut into squares of one minute of latitude (a mile) and about as much of longitude. Each ten minutes every class A vessel
under way of known type and size is one look, counted in its square for its KIND: a type by its trade, a size by two steps of length. Where
`visits_min` looks are known and hers are fewer than `share_max` of them, she is odd there. All are asked before any is counted, and what is
counted are the sightings of the whole watch, so neither the order of rows nor the spread over shards changes anything. Counts are halved each
quarter of a year: a new traffic scheme becomes usual. An unknown square, or one of which little is known, says nothing of anybody.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import float64, from_dtype, int64, uint32

from dogwatch.geo import FULL_TURN, HALF_TURN, cos_lat
from dogwatch.kernel import kernel
from tracks.around import SIGHTING_TYPE
from tracks.coverage import place_of

LOOK_MS = 600_000
SQUARE_UNITS = 10_000  # one minute of arc
POLE = 54_000_000
COLUMN_BITS = 15  # 21,600 columns at the equator
TRADES = 8  # fishing; tow, tug and work; high speed; passenger; cargo; tanker; pleasure; others
SIZES_M = (120, 220)
KINDS = TRADES * 3
ROOM = 1024
HALVE_MS = 91 * 86_400_000
SQUARES_MAX = 200_000  # 20 MB; the waters within 60 miles of a few thousand miles of coast
UNDER_WAY_KN = 3.0
NONE = -1

LOOK = np.dtype([("key", "<i8"), ("square", "<i4"), ("kind", "<i4")])
ODD = np.dtype([("key", "<i8"), ("square", "<i8"), ("visits", "<i8"), ("own", "<i8")])
_LOOK, _ODD = from_dtype(LOOK), from_dtype(ODD)


@dataclass(slots=True)
class Places:
    """Squares in ascending order (int64[n]), the row of each in `looks` (int64[n]), looks by kind (uint32[capacity, KINDS])."""

    squares: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    rows: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    looks: np.ndarray = field(default_factory=lambda: np.zeros((ROOM, KINDS), np.uint32))
    refused: int = 0  # looks in new squares that found no room

    def ask(self, looks: np.ndarray, visits_min: int, share_max: float) -> np.ndarray:
        """ODD rows, in order of keys, of the LOOK rows (`looks_of`) that are where such ships are not seen."""
        found = np.empty(len(looks), ODD)
        found = found[: _odd(looks, self.squares, self.rows, self.looks, float(visits_min), share_max, found)]
        return found[np.argsort(found["key"], kind="stable")]

    def learn(self, looks: np.ndarray, but: set[int]) -> None:
        """Count the LOOK rows, but those of these keys: who is odd must not teach us that she is not."""
        if but:
            looks = looks[~np.isin(looks["key"], sorted(but))]
        missing = np.empty(len(looks), np.int64)
        missing = missing[: _count(looks, self.squares, self.rows, self.looks, missing)]
        if len(missing):
            looks = looks[missing]
            self._take_in(np.unique(looks["square"]).astype(np.int64)[: SQUARES_MAX - len(self.squares)])
            self.refused += _count(looks, self.squares, self.rows, self.looks, missing)

    def halve(self) -> None:
        """A quarter of a year has passed: half of what is known is forgotten."""
        looks = self.looks[self.rows] >> np.uint32(1)
        alive = looks.any(axis=1)
        self._be(self.squares[alive], looks[alive])

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`."""
        return {"squares": self.squares, "looks": self.looks[self.rows], "refused": self.refused}

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> Places:
        """The counts that `to_sections` described."""
        places = cls(refused=sections["refused"])
        places._be(sections["squares"].copy(), sections["looks"])
        return places

    def _be(self, squares: np.ndarray, looks: np.ndarray) -> None:
        self.squares, self.rows = squares, np.arange(len(squares))
        self.looks = np.zeros((max(ROOM, len(squares)), KINDS), np.uint32)
        self.looks[: len(squares)] = looks

    def _take_in(self, new: np.ndarray) -> None:
        """Squares nobody has been in, ascending; each gets the next row."""
        n, at = len(self.squares), np.searchsorted(self.squares, new)
        self.squares, self.rows = np.insert(self.squares, at, new), np.insert(self.rows, at, np.arange(n, n + len(new)))
        if len(self.squares) > len(self.looks):
            room = np.zeros((2 * len(self.squares), KINDS), np.uint32)
            room[:n] = self.looks[:n]
            self.looks = room


def looks_of(parts: Iterable[np.ndarray], since_ms: int, loa_m_min: float) -> np.ndarray:
    """LOOK rows, in any order, of the SIGHTING rows (in any parts) since a time that are looked at."""
    found = []
    for seen in parts:
        looks = np.empty(len(seen), LOOK)
        found.append(looks[: _looks(seen, since_ms, loa_m_min, looks)].copy())
    return np.concatenate(found)


@kernel(int64(int64, int64))
def square_of(lat, lon):
    """Number of the square of a position in units; longitudes wrap."""
    row = (lat + POLE) // SQUARE_UNITS
    middle = row * SQUARE_UNITS - POLE + SQUARE_UNITS // 2
    columns = max(1, int(FULL_TURN // SQUARE_UNITS * cos_lat(middle)))
    column = (lon + HALF_TURN) % FULL_TURN * columns // FULL_TURN
    return row << COLUMN_BITS | column


@kernel(int64(int64, int64))
def kind_of(ship_type, loa_m):
    """Trade and size of a ship as one number below KINDS."""
    tens = ship_type // 10
    if ship_type == 30:
        trade = 0
    elif (31 <= ship_type <= 34) or tens == 5:
        trade = 1
    elif tens == 4:
        trade = 2
    elif tens == 6:
        trade = 3
    elif tens == 7:
        trade = 4
    elif tens == 8:
        trade = 5
    elif ship_type in (36, 37):
        trade = 6
    else:
        trade = 7
    return trade * 3 + (loa_m >= SIZES_M[0]) + (loa_m >= SIZES_M[1])


@kernel(int64(SIGHTING_TYPE[::1], int64, float64, _LOOK[::1]))
def _looks(seen, since_ms, loa_m_min, out):
    """Write the looks of those that are looked at; returns how many."""
    n = 0
    for i in range(seen.shape[0]):
        one = seen[i]
        fits = one["t_ms"] >= since_ms and one["speed_kn"] >= UNDER_WAY_KN and one["class_b"] == 0 and one["trouble"] == 0
        if fits and one["ship_type"] > 0 and one["loa_m"] > 0 and one["loa_m"] >= loa_m_min:
            out[n]["key"] = one["key"]
            out[n]["square"] = square_of(np.int64(one["lat"]), np.int64(one["lon"]))
            out[n]["kind"] = kind_of(np.int64(one["ship_type"]), np.int64(one["loa_m"]))
            n += 1
    return n


@kernel(int64(_LOOK[::1], int64[::1], int64[::1], uint32[:, ::1], float64, float64, _ODD[::1]))
def _odd(asked, squares, rows, looks, visits_min, share_max, out):
    """Write who is in a square of which enough is known, and where too few of her kind are; returns how many."""
    n = 0
    for i in range(asked.shape[0]):
        at = place_of(squares, np.int64(asked[i]["square"]))
        if at == NONE:
            continue
        visits = 0
        for k in range(KINDS):
            visits += looks[rows[at], k]
        own = np.int64(looks[rows[at], asked[i]["kind"]])
        if visits >= visits_min and own < share_max * visits:
            out[n]["key"] = asked[i]["key"]
            out[n]["square"] = asked[i]["square"]
            out[n]["visits"] = visits
            out[n]["own"] = own
            n += 1
    return n


@kernel(int64(_LOOK[::1], int64[::1], int64[::1], uint32[:, ::1], int64[::1]))
def _count(told, squares, rows, looks, missing):
    """Count each look in its square; writes down and returns how many found none."""
    n = 0
    for i in range(told.shape[0]):
        at = place_of(squares, np.int64(told[i]["square"]))
        if at == NONE:
            missing[n] = i
            n += 1
        else:
            looks[rows[at], told[i]["kind"]] += np.uint32(1)
    return n
