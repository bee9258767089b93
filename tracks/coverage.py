"""The coverage model: where a transmitter would have been heard. May hold: learned cells, the probability of silence.

May not: accuse anybody (dark.py does), know a vessel's name.

Theory. The sea is cut into cells of 0.1 degree, for each group of receivers and class of transponder. Each 5-minute block in
which a vessel under way was heard in a cell by a group counts there as heard; blocks that it spent in a cell of that group
unheard, though the group was listening, count as missed. Both fade with a half-life of seven days. If a cell has heard h and
missed m blocks, then with a uniform prior the chance that the next n blocks of a *transmitting* vessel all stay silent is
that of a Beta-Bernoulli run:

    P(n silent) = product over i < n of (b + i) / (a + b + i),   a = h + 1, b = m + 1

Silence is therefore never stronger evidence than what was heard in that very cell; a cell without history says nothing.
Every receiver is a group of its own, known by its name, so that what one antenna hears is never expected of another; those
beyond GROUPS_MAX - 1 share the last. A receiver that is down is expected to hear nothing: only groups that are alive are
asked, and the one that would most surely have heard decides (they are not multiplied: what hides a vessel from one may hide
it from all). Fading is done once an hour of event time by one rounded factor, so that equal recordings give equal bits.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numba import float64, int32, int64, types

from dogwatch.fetch import fetch
from dogwatch.kernel import kernel
from tracks.records import PLAIN

CELL_UNITS = 60_000  # 0.1 degree
COLUMNS, ROWS = 3600, 1801
GROUP_KEYS = 2 * ROWS * COLUMNS  # the same cell has this much higher a key in the next group
GROUPS_MAX = 16
OTHERS = "others"
BLOCK_MS = 300_000
HOUR_MS = 3_600_000
HALF_LIFE_H = 168
FADE_PER_HOUR = 0.995882624  # 0.5 ** (1 / HALF_LIFE_H), rounded once for every platform
CELLS_MAX = 500_000  # more than every sea within 60 nm of a coast, both classes
HASH_FACTOR = 11_400_714_819_323_198_485  # multiplicative hashing: an odd number near 2 ** 64 over the golden ratio
FETCHED = 16  # so many keys ahead their cells are fetched
FAINT = 0.05  # a cell with fewer faded blocks than this is forgotten


@dataclass(slots=True)
class Coverage:
    """Learned cells, sorted by key. `heard` and `missed` are faded counts of 5-minute blocks; `groups` names receivers by number."""

    groups: list[str] = field(default_factory=list)
    keys: np.ndarray = field(default_factory=lambda: np.empty(0, np.int64))
    heard: np.ndarray = field(default_factory=lambda: np.empty(0, np.float64))
    missed: np.ndarray = field(default_factory=lambda: np.empty(0, np.float64))
    pending: list[tuple[np.ndarray, np.ndarray]] = field(default_factory=list)  # noted in this tick; empty between ticks
    refused: int = 0  # blocks of new cells not learned because CELLS_MAX was reached
    places: np.ndarray = field(default_factory=lambda: np.zeros(2, np.int32), repr=False)  # index + 1 of the keys `placed`, 0 empty: no part of the state
    placed: np.ndarray | None = field(default=None, repr=False)

    def group(self, name: str) -> int:
        """Number of a receiver's group; a name not known yet gets the next one."""
        if name in self.groups:
            return self.groups.index(name)
        if len(self.groups) >= GROUPS_MAX - 1:
            name = OTHERS
            if name in self.groups:
                return self.groups.index(name)
        self.groups.append(name)
        return len(self.groups) - 1

    def learn(self, heard_keys: np.ndarray, missed_keys: np.ndarray) -> None:
        """Add one block per key (int64, repeats allowed) to heard and missed.

        A cell begins where something is heard: no receiver misses the other side of the world.
        """
        self._learn([(heard_keys, missed_keys)])

    def _learn(self, noted: list[tuple[np.ndarray, np.ndarray]]) -> None:
        heard_keys, missed_keys = zip(*noted, strict=True)
        counts, unknown = self._tallied(heard_keys)
        self.heard = self.heard + counts
        new, new_counts = np.unique(unknown, return_counts=True)
        room = CELLS_MAX - len(self.keys)
        if len(new) > room:
            self.refused += len(new) - room
            new, new_counts = new[:room], new_counts[:room]
        if len(new):
            at = np.searchsorted(self.keys, new)
            self.keys, self.heard, self.missed = np.insert(self.keys, at, new), np.insert(self.heard, at, new_counts), np.insert(self.missed, at, 0.0)
        self.missed = self.missed + self._tallied(missed_keys)[0]

    def note(self, heard_keys: np.ndarray, missed_keys: np.ndarray) -> None:
        """What `settle` will learn at the end of the tick: within a tick nobody decides with what another learned in it, so the order of shards is one."""
        if len(heard_keys) or len(missed_keys):
            self.pending.append((heard_keys, missed_keys))

    def settle(self) -> None:
        """Learn what was noted during the tick."""
        if self.pending:
            self._learn(self.pending)
            self.pending = []

    def fade(self) -> None:
        """One hour passes; cells that say nothing any more are forgotten."""
        if not len(self.keys):
            return
        self.heard, self.missed = self.heard * FADE_PER_HOUR, self.missed * FADE_PER_HOUR
        alive = self.heard + self.missed >= FAINT
        if not alive.all():
            self.keys, self.heard, self.missed = self.keys[alive], self.heard[alive], self.missed[alive]

    def hashed(self) -> np.ndarray:
        """int32[2 ** k], at most half full: where `cell_at` finds the keys. Made anew when cells came or went; several threads may ask."""
        if self.placed is not self.keys:
            keys, places = self.keys, np.zeros(1 << max(1, (2 * len(self.keys)).bit_length()), np.int32)
            _enter(keys, places)
            self.places, self.placed = places, keys
        return self.places

    def _tallied(self, parts: tuple[np.ndarray, ...]) -> tuple[np.ndarray, np.ndarray]:
        """(float64: how often each key stands in these parts, those of them that are no keys yet)."""
        counts, others = np.zeros(len(self.keys)), []
        for found in parts:
            unknown = np.empty(len(found), np.int64)
            others.append(unknown[: _tally(found, self.keys, self.hashed(), counts, unknown)].copy())
        return counts, np.concatenate(others)

    def blocks(self, keys: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """(heard, missed) float64 of cells; 0 where nothing is known."""
        heard, missed = np.zeros(len(keys)), np.zeros(len(keys))
        if len(self.keys):
            at = np.minimum(np.searchsorted(self.keys, keys), len(self.keys) - 1)
            known = self.keys[at] == keys
            heard[known], missed[known] = self.heard[at[known]], self.missed[at[known]]
        return heard, missed

    def to_sections(self) -> dict[str, Any]:
        """State for `dogwatch.blob`; may be saved alone and loaded at the next start."""
        return {"groups": list(self.groups), "keys": self.keys, "heard": self.heard, "missed": self.missed, "refused": self.refused}

    @classmethod
    def from_sections(cls, sections: dict[str, Any]) -> Coverage:
        """The model that `to_sections` described."""
        return cls(list(sections["groups"]), sections["keys"].copy(), sections["heard"].copy(), sections["missed"].copy(), refused=sections["refused"])


@kernel(int64(int64, int64, int64, int64))
def cell_key(lat, lon, class_b, group):
    """Cell of a position in units, for a class (0 A, 1 B) and a group of receivers. Longitudes wrap."""
    row = (int(lat) + 54_000_000) // CELL_UNITS
    column = ((int(lon) + 108_000_000) // CELL_UNITS) % COLUMNS
    return ((int(group) * 2 + int(class_b)) * ROWS + row) * COLUMNS + column


@kernel(int64(int64, int64), **PLAIN)
def _place(key, size):
    """Where a key is looked for first in a hash of so many places, a power of two."""
    return np.int64((np.uint64(key) * np.uint64(HASH_FACTOR)) >> np.uint64(32)) & (size - 1)


def cells_of(keys: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray]:
    """(group, class_b, lat, lon) int64[n] of cell keys; the south-west corner in units."""
    column, rest = keys % COLUMNS, keys // COLUMNS
    return rest // (2 * ROWS), rest // ROWS % 2, rest % ROWS * CELL_UNITS - 54_000_000, column * CELL_UNITS - 108_000_000


@kernel((int64[::1], int32[::1]), **PLAIN)
def _enter(keys, places):
    """Enter keys into an empty hash."""
    for i in range(keys.shape[0]):
        at = _place(keys[i], places.shape[0])
        while places[at] != 0:
            at = (at + 1) & (places.shape[0] - 1)
        places[at] = np.int32(i + 1)


@kernel(int64(int64[::1], int32[::1], int64), **PLAIN)
def cell_at(keys, places, key):
    """Index of a cell among the keys of a coverage whose hash is `places` (`Coverage.hashed`), or -1."""
    at = _place(key, places.shape[0])
    while places[at] != 0:
        if keys[places[at] - 1] == key:
            return np.int64(places[at]) - 1
        at = (at + 1) & (places.shape[0] - 1)
    return np.int64(-1)


@kernel(int64(int64[::1], int64[::1], int32[::1], float64[::1], int64[::1]), **PLAIN)
def _tally(found, keys, places, counts, unknown):
    """Write what `Coverage._tallied` gives; returns how many are unknown."""
    n, newest = 0, found.shape[0] - 1
    for i in range(found.shape[0]):
        fetch(places, _place(found[min(i + 2 * FETCHED, newest)], places.shape[0]))
        hint = max(0, places[_place(found[min(i + FETCHED, newest)], places.shape[0])] - 1)
        fetch(keys, hint)
        fetch(counts, hint)
        at = cell_at(keys, places, found[i])
        if at >= 0:
            counts[at] += 1.0
        else:
            unknown[n] = found[i]
            n += 1
    return n


@kernel(int64(int64[::1], int64), **PLAIN)
def place_of(keys, key):
    """Index of a key (a cell, a square) in ascending int64[n] keys, or -1."""
    low, high = 0, keys.shape[0]
    while low < high:
        middle = (low + high) // 2
        if keys[middle] < key:
            low = middle + 1
        else:
            high = middle
    return low if low < keys.shape[0] and keys[low] == key else -1


@kernel(float64(float64, float64, int64))
def p_silence(a, b, n):
    """Chance that n blocks in a row stay silent in a cell with Beta(a, b), if the vessel transmits."""
    p = 1.0
    for i in range(n):
        p *= (b + i) / (a + b + i)
    return p


@kernel(types.Tuple((float64, float64, int64))(int64[::1], float64[::1], float64[::1], float64))
def p_path(path, heard, missed, learned_min):
    """Silence along a path of cells, one per block: (P, mean coverage of the learned blocks, blocks in learned cells).

    Blocks in one cell count on within that cell; an unlearned cell is no evidence.
    """
    p, coverage, learned = 1.0, 0.0, 0
    for i in range(path.shape[0]):
        if heard[i] + missed[i] < learned_min:
            continue
        before = 0
        for j in range(i):
            before += path[j] == path[i]
        a, b = heard[i] + 1.0, missed[i] + 1.0
        p *= (b + before) / (a + b + before)
        coverage += a / (a + b)
        learned += 1
    return p, (coverage / learned if learned > 0 else 0.0), learned
