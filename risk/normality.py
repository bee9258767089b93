"""Learned normality: how usual a course and a speed are for a vessel's kind and size at a place. May live here: the model and what it says of an event.

May not: fitting, files (runners/learning.py, runners/normality.py), points (risk/score.py). The model counts vessels, never names them: per cell of
0.1 degree, class of ship type, class of size, octant of the course and class of speed, how many vessels under way were heard. Of an event it
asks what the event itself states (place, speed, course, type, length), so that nothing depends on when or where it is asked.

    oddness = share of the traffic, smoothed, that is as rare there as this or rarer, as -log2
    quantile = share of the vessels kept out of the fit that were less odd than this
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from hashlib import blake2b
from typing import Any

import msgspec
import numpy as np

from dogwatch.errors import InputError
from dogwatch.events import Event

CELLS_PER_DEG = 10
LON_CELLS = 360 * CELLS_PER_DEG + 1
SPEED_EDGES_KN = np.array([2.0, 5.0, 8.0, 11.0, 14.0, 18.0, 24.0])
UNDER_WAY_KN = 0.5
OCTANTS, SPEEDS = 8, len(SPEED_EDGES_KN) + 1
BINS = OCTANTS * SPEEDS
SIZE_EDGES_M = np.array([1, 25, 100, 200])  # below the first: unknown
SIZES, TYPES = len(SIZE_EDGES_M) + 1, 8
GROUPS = TYPES * SIZES
TYPE_NAMES = ("other or unknown", "fishing", "service", "pleasure", "fast craft", "passenger", "cargo", "tanker")
SMOOTHING = 10.0  # vessels that the wider table (cell, then the whole area) weighs
CELL_VESSELS_MIN = 20  # fewer: the cell says nothing
KINDS = ("speed", "course", "course and speed")  # what an event may state; each has a calibration of its own
_SPEEDS = ("speed_kn", "speed_kn_mean", "transit_kn")


@dataclass(frozen=True, slots=True)
class Oddity:
    """What the model says of one vessel of an event: which statement, and the share (0-1) of vessels that were less odd."""

    event_id: str
    mmsi: int
    kind: str
    quantile: float


@dataclass(frozen=True)
class Normality:
    """A fitted model. `keys` int64[n] ascending (see `key_of`) with `counts` int64[n] of vessels; `cells` int64[m] ascending with `vessels` int64[m]

    heard there; `quantiles` float64[3, q]: oddness of vessels kept out of the fit at equal steps of rank, per kind; `card`: the training card.
    """

    keys: np.ndarray
    counts: np.ndarray
    cells: np.ndarray
    vessels: np.ndarray
    quantiles: np.ndarray
    card: dict[str, Any]

    def to_sections(self) -> dict[str, Any]:
        """Arrays and JSON for dogwatch.blob; equal models give equal bytes."""
        arrays = {name: getattr(self, name) for name in ("keys", "counts", "cells", "vessels", "quantiles")}
        return {**arrays, "card": msgspec.json.encode(self.card, order="sorted"), "hash": self.content_hash}

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> Normality:
        """The model that `to_sections` described. Raises InputError where its content is not what its hash says."""
        try:
            keys, counts, cells, vessels, quantiles = (np.asarray(sections[name]) for name in ("keys", "counts", "cells", "vessels", "quantiles"))
            model = cls(keys, counts, cells, vessels, quantiles, msgspec.json.decode(sections["card"]))
            sound = model._is_sound() and model.content_hash == sections["hash"]
        except (KeyError, TypeError, ValueError, msgspec.DecodeError):
            sound = False
        if not sound:
            raise InputError("its content is not what its hash says")
        return model

    @cached_property
    def content_hash(self) -> str:
        """64-bit hex of arrays and training card."""
        digest = blake2b(msgspec.json.encode(self.card, order="sorted"), digest_size=8)
        for array in (self.keys, self.counts, self.cells, self.vessels, self.quantiles):
            digest.update(f"{array.dtype.str}{array.shape}".encode())
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()

    @cached_property
    def _groups(self) -> np.ndarray:
        """float64[GROUPS, BINS]: vessels of each group in the whole area."""
        table = np.zeros(GROUPS * BINS)
        np.add.at(table, self.keys % (GROUPS * BINS), self.counts)
        return table.reshape(GROUPS, BINS)

    def _is_sound(self) -> bool:
        whole = all(array.dtype == np.int64 and array.ndim == 1 for array in (self.keys, self.counts, self.cells, self.vessels))
        paired = len(self.keys) == len(self.counts) and len(self.cells) == len(self.vessels)
        curves = self.quantiles.dtype == np.float64 and self.quantiles.ndim == 2 and len(self.quantiles) == len(KINDS) and self.quantiles.shape[1] > 1
        return bool(whole and paired and curves and isinstance(self.card, dict))

    def oddness(self, cell: int, group: int) -> tuple[np.ndarray, np.ndarray, np.ndarray] | None:
        """-log2 of the share as rare or rarer: float64[SPEEDS], [OCTANTS], [BINS], in the order of KINDS; None where too few vessels were heard."""
        at = int(np.searchsorted(self.cells, cell))
        if at == len(self.cells) or self.cells[at] != cell or self.vessels[at] < CELL_VESSELS_MIN:
            return None
        first, last = np.searchsorted(self.keys, [cell * GROUPS * BINS, (cell + 1) * GROUPS * BINS])
        heard = np.zeros(GROUPS * BINS)
        heard[self.keys[first:last] - cell * GROUPS * BINS] = self.counts[first:last]
        here = heard.reshape(GROUPS, BINS)
        share = (self._groups[group] + 1.0) / (self._groups[group].sum() + BINS)
        for counted in (here.sum(axis=0), here[group]):
            share = (counted + SMOOTHING * share) / (counted.sum() + SMOOTHING)
        both = share.reshape(OCTANTS, SPEEDS)
        return _rarity(both.sum(axis=0)), _rarity(both.sum(axis=1)), _rarity(share)

    def oddest(self, event: Event) -> Oddity | None:
        """The oddest of an event's vessels; None where the event states no motion, or the model knows too little of the place."""
        if event.lat is None or event.lon is None:
            return None
        cell, found = int(cell_of(np.float64(event.lat), np.float64(event.lon))), []
        for index, subject in enumerate(event.subjects):
            speed = _speed(event, index, len(event.subjects))
            course = _number(event, "course_deg") if len(event.subjects) == 1 else None
            if (speed is None and course is None) or (speed is not None and speed < UNDER_WAY_KN):
                continue
            known = self.oddness(cell, int(group_of(np.int64(subject.ship_type or 0), np.int64(subject.loa_m or 0))))
            if known is None:
                return None
            kind = 2 if speed is not None and course is not None else 0 if course is None else 1
            place = bin_of(np.float64(course or 0.0), np.float64(speed or 0.0))
            value = known[kind][(place % SPEEDS, place // SPEEDS, place)[kind]]
            curve = self.quantiles[kind]
            found.append(Oddity(event.event_id, subject.mmsi, KINDS[kind], float(np.searchsorted(curve, value, side="left")) / len(curve)))
        return max(found, key=lambda one: (one.quantile, -one.mmsi), default=None)


def cell_of(lat: np.ndarray | np.float64, lon: np.ndarray | np.float64) -> np.ndarray:
    """int64: number of the 0.1 degree cell of positions in degrees."""
    row, column = (np.floor(np.round((degrees + origin) * CELLS_PER_DEG, 6)).astype(np.int64) for degrees, origin in ((lat, 90), (lon, 180)))
    return np.asarray(row * LON_CELLS + column)


def bin_of(course_deg: np.ndarray | np.float64, speed_kn: np.ndarray | np.float64) -> np.ndarray:
    """int64: octant of the course (0 = about north) times SPEEDS, plus class of speed."""
    octant = np.floor((course_deg + 22.5) / 45.0).astype(np.int64) % OCTANTS
    return np.asarray(octant * SPEEDS + np.searchsorted(SPEED_EDGES_KN, speed_kn, side="right"))


def group_of(ship_type: np.ndarray | np.int64, loa_m: np.ndarray | np.int64) -> np.ndarray:
    """int64: class of ship type (ITU-R M.1371-5, table 53) times SIZES, plus class of length (0 = not told)."""
    tens, service = ship_type // 10, (ship_type // 10 == 5) | ((ship_type >= 31) & (ship_type <= 35))
    where = [ship_type == 30, service, (ship_type == 36) | (ship_type == 37), tens == 4, tens == 6, tens == 7, tens == 8]
    return np.asarray(np.select(where, range(1, TYPES), 0) * SIZES + np.searchsorted(SIZE_EDGES_M, loa_m, side="right"))


def key_of(cell: np.ndarray, group: np.ndarray, place: np.ndarray) -> np.ndarray:
    """int64: one number of cell, group and bin; those of one cell follow each other."""
    return (cell * GROUPS + group) * BINS + place


def _rarity(share: np.ndarray) -> np.ndarray:
    """-log2 of the mass of all that is as rare or rarer, rounded so that C libraries that differ in the last bit agree."""
    share = np.round(share, 9)
    return np.round(-np.log2(np.maximum(1e-9, (share[None, :] * (share[None, :] <= share[:, None])).sum(axis=1))), 6)


def _speed(event: Event, index: int, vessels: int) -> float | None:
    """Speed in knots that an event states of its vessel `index`."""
    if vessels > 1:
        return _number(event, "speed_kn_mean_" + "ab"[index]) if vessels == 2 else None
    return next((value for name in _SPEEDS if (value := _number(event, name)) is not None), None)


def _number(event: Event, name: str) -> float | None:
    value = event.measures.get(name)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else None
